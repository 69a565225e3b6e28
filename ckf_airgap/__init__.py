"""Deploy Charmed Kubeflow behind an air gap: render, deploy, watch, rehearse."""

from ckf_airgap._version import __version__

__all__ = ["__version__"]
