"""``python -m ckf_airgap`` is the same as ``ckf-airgap``."""

from ckf_airgap.cli import main

if __name__ == "__main__":
    main(prog_name="ckf-airgap")
