"""The version of ckf-airgap, read by the build and by ``ckf_airgap.__version__``."""

__version__ = "0.1.0"
