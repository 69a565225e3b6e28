"""What is mirrored where, and which images a mirror cannot give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.images.reference import DOCKER_HUB, ImageReference, Registry
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.mirrors.official import of_public_registries, unreachable_images

PUBLIC_REGISTRIES: Final = (
    DOCKER_HUB,
    "gcr.io",
    "ghcr.io",
    "k8s.gcr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry.k8s.io",
)
"""The registries that are mirrored in any case.

Those of all shipped releases are among them, and those that users' own notebooks and pipelines name
most often.
"""

EXAMPLE: Final = f"{DOCKER_HUB}/library/busybox:1.28"
"""The image to test with where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorPlan:
    """What nodes are told.

    Attributes:
        registry: The private registry; its path is put in front of each image's.
        hosts: The registries whose images are looked for there, sorted.
        authority: The certificates of its CA in PEM; empty where nodes trust it already.
        plain_http: Whether it is spoken to without TLS.
        example: An image to test with, as pods name it.
        unreachable: Images that are in the registry, but not where a mirror looks for them.
    """

    registry: Registry
    hosts: tuple[str, ...] = PUBLIC_REGISTRIES
    authority: str = field(default="", repr=False)
    plain_http: bool = False
    example: str = EXAMPLE
    unreachable: tuple[ImageReference, ...] = ()

    @property
    def url(self) -> str:
        """The address of the registry, without its path."""
        return f"{'http' if self.plain_http else 'https'}://{self.registry.host}"

    @property
    def api(self) -> str:
        """The address that a mirrored repository is looked for below."""
        path = f"/{self.registry.path}" if self.registry.path else ""
        return f"{self.url}/v2{path}"


def plan_of(
    registry: Registry,
    images: Iterable[ImageReference] = (),
    *,
    mapping: RetagMapping | None = None,
    authority: str = "",
    plain_http: bool = False,
) -> MirrorPlan:
    """Return the plan of mirrors for a registry.

    Args:
        registry: The private registry.
        images: Images whose registries are mirrored besides the usual ones.
        mapping: Where images go, if not all are where `ckf_airgap.images.reference.retag` says.
        authority: The certificates of its CA in PEM.
        plain_http: Whether it is spoken to without TLS.
    """
    mapped = () if mapping is None else tuple(image.source for image in mapping.images)
    public = of_public_registries((*images, *mapped), registry)
    hosts = {*PUBLIC_REGISTRIES, *(str(image.canonical().registry) for image in public)}
    unreachable = () if mapping is None else unreachable_images(mapping)
    beyond = {image.canonical() for image in unreachable}
    reachable = [image.canonical() for image in public if image.canonical() not in beyond]
    return MirrorPlan(
        registry=registry,
        hosts=tuple(sorted(hosts - {registry.host})),
        authority=authority,
        plain_http=plain_http,
        example=str(reachable[0]) if reachable else EXAMPLE,
        unreachable=unreachable,
    )
