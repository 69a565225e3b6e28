"""The formats in which nodes are told of mirrors. Pure, and loaded for every ``--help``."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

MirrorFormat: TypeAlias = Literal["containerd", "k3s", "microk8s", "crio"]
"""A kind of node: ``k3s`` is RKE2, too, and ``crio`` is podman, too."""

MIRROR_FORMATS: Final[tuple[MirrorFormat, ...]] = get_args(MirrorFormat)
"""All of them, in the order in which they are written."""
