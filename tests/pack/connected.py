"""A connected side for the tests: a store with stand-in charms, registries with small images."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.reference import ImageReference
from ckf_airgap.registry.oci import DOCKER_MANIFEST, OCI_MANIFEST
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.releases import load_release
from tests.charmhub.store import CharmStoreServer, served
from tests.registry.samples import Layer, Sample, image, index, layer, publish
from tests.registry.servers import RegistryServer

PRIVATE = "registry.airgap:5000"

HOSTS = ("docker.io", "gcr.io", "ghcr.io", "quay.io", "registry.k8s.io", "public.ecr.aws")


@dataclass
class ConnectedSide:
    """Where charms and images come from.

    Attributes:
        store: The store of charms.
        images: The registry that stands for all public ones.
        directory: Files of the test.
        published: The images that the registry has, by reference.
    """

    store: CharmStoreServer
    images: RegistryServer
    directory: Path
    published: dict[str, Sample] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        """The options that lead a command here."""
        mirrors = [f"--mirror={host}={self.images.host}" for host in HOSTS]
        ca = self.directory / "store-ca.crt"
        return [
            f"--store={self.store.url}",
            f"--store-ca={ca}",
            f"--plain-http={self.images.host}",
            *mirrors,
        ]

    def offer_release(self, name: str, *, padding: int = 0) -> None:
        """Put the charms of a release into the store, and its images into the registry."""
        release = load_release(name)
        shelf = self.directory / f"shelf-{name}"
        channels = {
            one.charm_name: one.channel or "" for one in release.bundle.applications.values()
        }
        files = write_standins(release, shelf, padding_bytes=padding)
        self.store.offer_files(files, channels)

    def publish(self, references: list[ImageReference], *, layer_bytes: int = 4000) -> None:
        """Put an image into the registry for each reference: a layer of its own, two shared."""
        shared = [layer("rootfs", 30_000), layer("python", 20_000)]
        wanted = {
            str(one): _sample(str(one), shared, layer_bytes)
            for one in references
            if str(one) not in self.published
        }
        asyncio.run(self._publish(wanted))
        self.published |= wanted

    async def _publish(self, samples: dict[str, Sample]) -> None:
        slots = asyncio.Semaphore(4)

        async def put(text: str, sample: Sample) -> None:
            canonical = ImageReference.parse(text).canonical()
            async with slots:
                await publish(
                    f"http://{self.images.host}", canonical.repository, canonical.tag, sample
                )

        await asyncio.gather(*(put(text, sample) for text, sample in samples.items()))


def _sample(name: str, shared: list[Layer], size: int) -> Sample:
    """Return an image; every fifth is an index, every seventh has Docker's media types."""
    number = random.Random(name).randrange(100)  # noqa: S311 - the same for a name
    kind = DOCKER_MANIFEST if number % 7 == 0 else OCI_MANIFEST
    one = image([*shared, layer(name, size)], media_type=kind, label=name)
    if number % 5:
        return one
    other = image([layer(f"{name}-arm", size)], architecture="arm64", label=name)
    return index([(image([*shared, layer(name, size)], label=name), "amd64"), (other, "arm64")])


@contextmanager
def connected_side(images: RegistryServer, directory: Path) -> Iterator[ConnectedSide]:
    """Run the store; the registry runs already."""
    with served(CharmStoreServer()) as store:
        store.authority.cert_pem.write_to_path(directory / "store-ca.crt")
        yield ConnectedSide(store, images, directory)


def run_command(*args: object) -> subprocess.Popen[str]:
    """Start ``ckf-airgap`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ckf_airgap", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
