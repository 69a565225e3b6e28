"""The command line: each command parses, calls one function of the library, and prints.

Results go to standard output, everything else to standard error. Nothing imports this package.
"""

from ckf_airgap.cli.app import main

__all__ = ["main"]
