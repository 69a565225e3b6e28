from __future__ import annotations

from tests.integration.juju.world import bundle, charms, controller, kubeflow, target

__all__ = ["bundle", "charms", "controller", "kubeflow", "target"]
