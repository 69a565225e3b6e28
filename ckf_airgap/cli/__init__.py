"""The command line: each command parses, calls one function of the library, and prints.

Results go to standard output, everything else to standard error. Nothing imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckf_airgap.cli.app import main as main

__all__ = ["main"]


def __getattr__(name: str) -> object:
    """Import the commands when they are asked for: signals must be handled before."""
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ckf_airgap.cli.app import main

    return main
