"""Drive one target with atheris: ``python -m tests.fuzz.run TARGET [OPTION OF LIBFUZZER]...``."""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["ckf_airgap", "yaml", "tarfile", "zipfile"]):
        from tests.fuzz.targets import TARGETS

    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
