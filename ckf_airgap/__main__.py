"""The program: ``ckf-airgap``, and ``python -m ckf_airgap``."""

from __future__ import annotations

import contextlib
import os
import sys

from ckf_airgap.cli import signals


def main() -> None:
    """Run the command line; signals are no traceback, not even while modules are imported."""
    signals.watch()
    occupy_closed_streams()
    try:
        from ckf_airgap.cli import main as command  # noqa: PLC0415

        command(prog_name="ckf-airgap")
    except KeyboardInterrupt:
        sys.stderr.write("error: stopped by Ctrl-C\n")
        sys.exit(signals.INTERRUPTED)
    finally:
        signals.ended()


def occupy_closed_streams() -> None:
    """Put the null device where the caller has closed a standard stream (``>&-``).

    A file that is opened later would get its number, and whatever is printed, by a child as well,
    would land in that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_RDWR)
            if null == number:
                os.set_inheritable(null, True)
            else:
                try:
                    os.fstat(number)
                except OSError:
                    os.dup2(null, number)
                os.close(null)
        stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
        setattr(sys, name, stream)


if __name__ == "__main__":
    main()
