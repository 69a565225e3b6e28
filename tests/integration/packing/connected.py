"""A connected side for the tests: a store with stand-in charms, registries with small images."""

from __future__ import annotations

import asyncio
import functools
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.facts.releases import load_release
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.operations.inventory import ListingInputs, read_listing
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.transfer.oci import DOCKER_MANIFEST, OCI_MANIFEST
from tests.integration.charmhub.store import CharmStoreServer, served
from tests.integration.transfer.samples import Sample, image, index, layer, publish
from tests.integration.transfer.servers import RegistryServer

PRIVATE = "registry.airgap:5000"

HOSTS = ("docker.io", "gcr.io", "ghcr.io", "quay.io", "registry.k8s.io", "nvcr.io")

_PINNED = re.compile(r"(?P<name>[a-z0-9][a-zA-Z0-9./:_-]*)@sha256:[0-9a-f]{64}")
"""An image that a charm names by its digest."""

_CHANNEL = re.compile(r"^ +channel: *(?=\S)", re.MULTILINE)
"""What is in front of the channel of an application."""


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

    def offer_release(self, name: str, *, padding: int = 0, layer_bytes: int = 1500) -> list[str]:
        """Put the charms of a release into the store, its images into the registry.

        Returns:
            The arguments that name it. Bundle and rules are files, and the channels are of no
            release, so that no shipped rules count: these name some images by digests that
            nothing here can have.
        """
        release = load_release(name)
        shelf = self.directory / f"shelf-{name}"
        channels = {
            one.charm_name: f"tests-{one.channel}" for one in release.bundle.applications.values()
        }
        files = write_standins(release, shelf, padding_bytes=padding)
        for file in files:
            _exchange_digests(file, layer_bytes)
        files = [self._next_revision(file) for file in files]
        self.store.offer_files(files, channels)
        bundle = self.directory / f"bundle-{name}.yaml"
        bundle.write_text(_CHANNEL.sub(r"\g<0>tests-", release.bundle_path.read_text()))
        rules = self.directory / f"rules-{name}.yaml"
        text = (release.directory / "images.yaml").read_text()
        rules.write_text(_exchange(text, layer_bytes))
        listing = read_listing(ListingInputs(bundle=bundle, charms=shelf, rules=rules))
        self.publish([one.reference for one in listing.inventory], layer_bytes=layer_bytes)
        return [str(bundle), "--rules", str(rules)]

    def _next_revision(self, file: Path) -> Path:
        """Give a charm the next revision when the store has this one with other content."""
        name, _, revision = file.stem.rpartition("_r")
        content = file.read_bytes()
        same = [one for one in self.store.offers if one.name == name]
        if any(one.revision == int(revision) and one.content != content for one in same):
            return file.rename(file.with_name(f"{name}_r{int(revision) + 1}.charm"))
        return file

    def publish(self, references: list[ImageReference], *, layer_bytes: int = 4000) -> None:
        """Put an image into the registry for each reference: a layer of its own, two shared."""
        wanted = {
            str(one): _sample(one.name if one.digest else str(one), layer_bytes)
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


def _exchange_digests(charm: Path, layer_bytes: int) -> None:
    """Let a charm that names images by digests name those that the registry will have."""
    with zipfile.ZipFile(charm) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(charm, "w") as archive:
        for info, content in members:
            if info.filename.endswith((".yaml", ".json")):
                archive.writestr(info, _exchange(content.decode(), layer_bytes))
            else:
                archive.writestr(info, content)


def _exchange(text: str, layer_bytes: int) -> str:
    def exchanged(match: re.Match[str]) -> str:
        return f"{match['name']}@{_sample(match['name'], layer_bytes).digest}"

    return _PINNED.sub(exchanged, text)


@functools.cache
def _sample(name: str, size: int) -> Sample:
    """Return an image; every fifth is an index, every seventh has Docker's media types."""
    shared = [layer("rootfs", 30_000), layer("python", 20_000)]
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
