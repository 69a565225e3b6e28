"""Registries as a source of images: which registry and repository a blob may be read from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from ckf_airgap.errors import AbsentError, TransferError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest
from ckf_airgap.transfer.registry.download import read_blob
from ckf_airgap.transfer.registry.endpoint import Location
from ckf_airgap.transfer.registry.remote import RegistryClient, RemoteRegistry, merge_errors


class RemoteSource:
    """Images in registries; a `BlobSource` of what was resolved through it.

    Args:
        client: The client.
        mirrors: Whether mirrors are tried, too.
    """

    def __init__(self, client: RegistryClient, *, mirrors: bool = True) -> None:
        self._client = client
        self._mirrors = mirrors
        self._manifests: dict[Digest, Manifest] = {}
        self._places: dict[Digest, dict[Location, None]] = {}
        self._references: dict[str, Descriptor] = {}

    async def resolve(self, reference: ImageReference) -> Manifest:
        """Return the manifest that a reference means now, from the first place that has it.

        Raises:
            TransferError: when neither a mirror nor the registry itself has it.
        """
        canonical = reference.canonical()
        wanted = Digest.parse(canonical.digest) if canonical.digest else canonical.tag or "latest"
        errors: list[TransferError] = []
        locations = self._client.options.locations(str(canonical.registry), canonical.repository)
        locations = locations if self._mirrors else locations[-1:]
        for location in locations:
            try:
                registry = await self._client.at(location.endpoint)
                manifest = await registry.manifest(location.repository, wanted)
            except TransferError as exc:
                errors.append(exc)
                continue
            # A blob that this place turns out not to have may be in one of the others.
            later = [one for one in locations if one != location]
            self._learn(manifest, [location, *later])
            self._references[str(reference)] = manifest.descriptor
            return manifest
        raise merge_errors(errors)

    async def places(self, digest: Digest) -> list[tuple[RemoteRegistry, str]]:
        """Return where a blob or manifest may be, in the order to try."""
        return [
            (await self._client.at(place.endpoint), place.repository)
            for place in self._places.get(digest, {})
        ]

    async def has(self, descriptor: Descriptor) -> bool:
        """Whether one of the places has the blob."""
        if descriptor.digest in self._manifests:
            return True
        for registry, repository in await self.places(descriptor.digest):
            if await registry.has_blob(repository, descriptor):
                return True
        return False

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of a blob from `offset` on, from the first place that has them."""
        errors: list[TransferError] = []
        for registry, repository in await self.places(descriptor.digest):
            chunks = read_blob(registry, repository, descriptor, offset)
            try:
                async for chunk in chunks:
                    offset += len(chunk)
                    yield chunk
            except TransferError as exc:
                errors.append(exc)
                continue
            else:
                return
            finally:
                await chunks.aclose()
        raise merge_errors(
            errors or [AbsentError(f"no registry is known to have {descriptor.digest}")]
        )

    async def verify(self, descriptor: Descriptor) -> bool:  # noqa: ARG002 - a BlobSource
        """Return False: a blob in a registry is hashed while it is read."""
        return False

    async def manifest(self, digest: Digest) -> Manifest:
        """Return a manifest of an image that was resolved, or of one of its indexes.

        Raises:
            TransferError: when no place has it.
        """
        known = self._manifests.get(digest)
        if known is not None:
            return known
        errors: list[TransferError] = []
        for location in tuple(self._places.get(digest, {})):
            try:
                registry = await self._client.at(location.endpoint)
                manifest = await registry.manifest(location.repository, digest)
            except TransferError as exc:
                errors.append(exc)
                continue
            self._learn(manifest, self._places[digest])
            return manifest
        raise merge_errors(errors or [_nowhere(digest)])

    async def references(self) -> Mapping[str, Descriptor]:
        """Return the images that were resolved."""
        return dict(self._references)

    def _learn(self, manifest: Manifest, locations: Iterable[Location]) -> None:
        """Remember a manifest, and where what it names may be."""
        places = tuple(locations)
        self._manifests[manifest.digest] = manifest
        for digest in (
            manifest.digest,
            *(part.digest for part in (*manifest.children, *manifest.blobs)),
        ):
            self._places.setdefault(digest, {}).update(dict.fromkeys(places))


def _nowhere(digest: Digest) -> AbsentError:
    return AbsentError(f"no registry is known to have {digest}")
