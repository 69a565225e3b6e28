"""How images are moved, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ckf_airgap.errors import UsageError
from ckf_airgap.files.paths import settle
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.logins.credentials import CredentialStore, check_config
from ckf_airgap.net.limits import DEFAULT_LIMIT, Limits, Policy
from ckf_airgap.net.trust import check_authorities
from ckf_airgap.transfer.events import ImageResult, ImageStatus, Listener, ignore
from ckf_airgap.transfer.oci import Platform
from ckf_airgap.transfer.registry.endpoint import ClientOptions
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.archivetail import DEFAULT_PLATFORM
from ckf_airgap.transfer.stores.archivewriter import ArchiveSummary

if TYPE_CHECKING:
    from ckf_airgap.transfer.docker.docker import DockerEngine

Only: TypeAlias = "frozenset[ImageReference]"
"""The images to do, in their canonical form; all when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSettings:
    """How images are moved.

    Attributes:
        jobs: How many blobs, or with a Docker Engine images, are moved at the same time.
        platforms: The platforms to take of an image that has several; all when there are none.
        ca_file: Certificate authorities to trust besides the system's.
        plain_http: Hosts that are contacted without TLS.
        docker_config: The ``config.json`` with logins; the usual ones when left out.
        recheck: Whether to look again at what seems to be there.
        create_projects: Whether to create projects that the registry lacks (Harbor).
        library: Whether official images of Docker Hub also get the name under ``library/`` that
            nodes ask for. If left out, they do when a directory called ``mirrors`` lies beside
            the archive that is pushed.
        only: The images to do; all when there are none.
        mirrors: For a registry's host the registries to read from before it.
        listener: Is notified of progress.
    """

    jobs: int = DEFAULT_LIMIT
    platforms: tuple[Platform, ...] = ()
    ca_file: Path | None = None
    plain_http: frozenset[str] = frozenset()
    docker_config: Path | None = None
    recheck: bool = False
    create_projects: bool = False
    library: bool | None = None
    only: Only = frozenset()
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    listener: Listener = field(default=ignore, compare=False)

    def __post_init__(self) -> None:
        settle(self)

    def check(self) -> None:
        """Check that the files that are named can be used; blocks on the disk.

        Raises:
            MissingError: when one is not there.
            InputError: when one is not what it must be.
        """
        if self.ca_file is not None:
            check_authorities(self.ca_file)
        if self.docker_config is not None:
            check_config(self.docker_config)

    def client(self) -> RegistryClient:
        """Return a registry client, to be used as an asynchronous context."""
        policy = Policy(limits=Limits(jobs=self.jobs, requests=2 * self.jobs))
        options = ClientOptions(
            plain_http=self.plain_http,
            ca_file=self.ca_file,
            policy=policy,
            mirrors=self.mirrors,
        )
        paths = None if self.docker_config is None else (self.docker_config,)
        return RegistryClient(options, credentials=CredentialStore(paths), listener=self.listener)

    def engine(self) -> DockerEngine:
        """Return the Docker Engine."""
        from ckf_airgap.transfer.docker.docker import (  # noqa: PLC0415 - its SDK is slow to import
            DockerEngine,
        )

        return DockerEngine(config=self.docker_config)

    def with_projects(self, *, create: bool) -> TransferSettings:
        """Return the same with the decision whether to create projects."""
        return replace(self, create_projects=create)

    def with_library(self, *, library: bool | None) -> TransferSettings:
        """Return the same with the decision about second names of official images."""
        return replace(self, library=library)

    @property
    def prefer(self) -> Platform:
        """The image of an index that a Docker Engine gets."""
        return self.platforms[0] if self.platforms else DEFAULT_PLATFORM

    def require_one_platform(self, what: str) -> None:
        """Check that at most one platform is named: `what` holds only one of an image.

        Raises:
            UsageError: when there are several.
        """
        if len(self.platforms) > 1:
            raise UsageError(f"{what} has one platform of an image", fix="Name one --platform.")

    def chosen(self, references: Iterable[ImageReference]) -> tuple[ImageReference, ...]:
        """Return the images to do.

        Raises:
            UsageError: when an image is asked for that is not among them.
        """
        listed = tuple(dict.fromkeys(references))
        if not self.only:
            return listed
        chosen = tuple(one for one in listed if one.canonical() in self.only)
        strange = self.only - {one.canonical() for one in chosen}
        if strange:
            names = ", ".join(str(one) for one in sorted(strange, key=str))
            raise UsageError(f"--only names what is not among the images: {names}")
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReport:
    """What became of a transfer.

    Attributes:
        results: One for each image.
        seconds: How long it took.
        archive: The archive that was written.
    """

    results: tuple[ImageResult, ...] = field(repr=False)
    seconds: float
    archive: ArchiveSummary | None = None

    @property
    def failed(self) -> tuple[ImageResult, ...]:
        """The images that failed."""
        return tuple(one for one in self.results if one.status is ImageStatus.FAILED)

    def count(self, status: ImageStatus) -> int:
        """Return how many images ended so."""
        return sum(one.status is status for one in self.results)

    @property
    def bytes_moved(self) -> int:
        """Bytes of blobs that were moved."""
        return sum(one.bytes_sent for one in self.results)
