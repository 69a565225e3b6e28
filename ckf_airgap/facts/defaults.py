"""What is taken where nothing is said, and what there is to choose from.

The operations and the options of the commands share these. They are apart from both because a
command line shows them in ``--help`` and offers them in completion, for which neither an HTTP
client nor an event loop should be imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEFAULT_CHARMS: Final = Path("~/charms")
"""Where the guide of Charmed Kubeflow puts the charm files."""

DEFAULT_IMAGES: Final = Path("~/retagged-images.txt")
"""Where the guide puts the list of images in the private registry."""

DEFAULT_MODEL: Final = "kubeflow"
"""The model that Charmed Kubeflow has to be deployed into."""

DEFAULT_STORE: Final = "https://api.charmhub.io"
"""The public store of charms."""

DEFAULT_ARCHITECTURE: Final = "amd64"
"""The architecture that charms are fetched for."""

DEFAULT_IDLE_PERIOD_S: Final = 10.0
"""How long all must stay active and idle before a wait ends, in seconds: a charm may be active
between two hooks."""

DEFAULT_ERROR_GRACE_S: Final = 120.0
"""How long an error must last to end a wait, in seconds.

Juju runs a failed hook again after 5, 10, 20, 40 ... seconds, and the kubelet pulls an image
again; Kubeflow's charms rely on that to get past what other charms have not done yet. Two minutes
allow four more attempts."""

DEFAULT_PULL_GRACE_S: Final = 60.0
"""How long an image may fail to be pulled before a wait ends, in seconds: the kubelet tries again
after 10, 20, 40 ... seconds, which gets past a registry that is being restarted."""

DEFAULT_BLOCKED_GRACE_S: Final = 300.0
"""How long a unit may be blocked before a wait ends, in seconds, while nothing runs that could
unblock it."""

DEFAULT_STALL_S: Final = 900.0
"""How long nothing at all may change in a model before a wait ends, in seconds."""

GOALS: Final = ("active", "blocked", "error", "maintenance", "unknown", "waiting")
"""The statuses that a wait may be for."""

DEFAULT_SPEED: Final = 60.0
"""Seconds of a deployment that pass in one second: a release that takes minutes takes seconds."""

PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13")
"""The versions of Python that ckf-airgap runs on."""
