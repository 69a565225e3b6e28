"""What is rehearsed: the versions that the controller claims."""

from __future__ import annotations

from typing import Final

AGENT_VERSION: Final = "3.6.28"
"""The version of Juju: the one whose facades, types and codes the tests compare answers with."""

CLUSTER_VERSION: Final = "1.31.0"
"""The version of Kubernetes below it."""
