"""The versions that the rehearsal controller reports."""

from __future__ import annotations

from typing import Final

AGENT_VERSION: Final = "3.6.28"
"""The version of Juju, with whose facades, types and codes the tests compare answers."""

CLUSTER_VERSION: Final = "1.31.0"
"""The version of Kubernetes underneath."""
