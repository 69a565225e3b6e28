"""The program: ``ckf-airgap``, and ``python -m ckf_airgap``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C is no traceback, not even while modules are being imported."""
    try:
        from ckf_airgap.cli import main as command  # noqa: PLC0415

        command(prog_name="ckf-airgap")
    except KeyboardInterrupt:
        sys.stderr.write("error: stopped by Ctrl-C\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
