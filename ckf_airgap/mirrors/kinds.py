"""The kinds of nodes that mirrors are written for."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

MirrorFormat: TypeAlias = Literal["containerd", "k3s", "microk8s", "crio"]
"""A kind of node: ``k3s`` is RKE2, too, and ``crio`` is podman, too."""

MIRROR_FORMATS: Final[tuple[MirrorFormat, ...]] = get_args(MirrorFormat)
