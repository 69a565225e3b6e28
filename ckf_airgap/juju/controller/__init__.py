"""Talking to a controller: connections, calls, uploads, and what a model has now."""

import ckf_airgap.juju.controller.lightly  # noqa: F401 - whatever here imports libjuju first
