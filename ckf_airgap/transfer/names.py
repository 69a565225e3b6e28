"""What the names in a layout mean: which entry of ``index.json`` is the image of a name.

Tools write several entries under one name. hauler and ``cosign save`` put an image's signatures,
attestations and SBOMs next to it; these never take its place. Two images of one name are an error,
since either may be the one that is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from ckf_airgap.errors import IntegrityError, Problem, ReferenceSyntaxError, raise_all
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.oci import (
    CONTAINERD_NAME,
    REF_NAME,
    STAND_IN,
    Descriptor,
    Digest,
    Manifest,
)

KIND: Final = "kind"
"""The annotation by which hauler and ``cosign save`` say what an entry is.

Its values are ``dev.cosignproject.cosign/sigs``, ``dev.hauler/image``, ``dev.hauler/sigs/HEX`` and
the like.
"""

_COMPANION_KINDS: Final = frozenset({"sigs", "atts", "sboms", "referrers"})

_IMAGE_CONFIGS: Final = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
_IMAGE_LAYERS: Final = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")

_COMPANION_TAG: Final = re.compile(r".+(?::sha256-[0-9a-f]{64}(?:\.\w+)?|@sha256:[0-9a-f]{64})\Z")
"""A name of its own that a signature or the like has: cosign's tag, or a digest."""


def entry_name(entry: Descriptor) -> str:
    """Return the name that an entry of ``index.json`` has, or an empty text.

    The full name of containerd goes before a shorter one: Docker puts only the tag into the other
    annotation, hauler leaves out the registry. When both mean the same, the spelling is that of
    the other annotation, which is the one that the image was asked for by. Newer haulers name the
    image that a signature is about by its full name; there the signature's own name counts.
    """
    name = entry.annotations.get(REF_NAME, "")
    full = entry.annotations.get(CONTAINERD_NAME, "")
    if not full or not name:
        return name or full
    own, whole = _parsed(name), _parsed(full)
    if whole is None or (own is not None and own.canonical() == whole.canonical()):
        return name
    if own is None or not _COMPANION_TAG.match(name) or full.endswith(name):
        return full
    return name if own.registry else f"{whole.canonical().registry}/{name}"


def meaning(name: str) -> Hashable:
    """Return what is equal for two names when they mean the same image."""
    reference = _parsed(name)
    return name if reference is None else reference.canonical()


def is_image(manifest: Manifest) -> bool:
    """Whether a manifest is of an image, rather than of a signature, an attestation or an SBOM.

    An image has no subject, a config of an image, and layers of a file system. cosign's signatures
    have the config of an image, too, but layers that are not.
    """
    document = json.loads(manifest.content)
    if document.get("subject") or document.get("artifactType"):
        return False
    config = manifest.config
    return config is None or (
        config.media_type in _IMAGE_CONFIGS
        and all(layer.media_type.startswith(_IMAGE_LAYERS) for layer in manifest.layers)
    )


async def named_images(
    entries: Iterable[Descriptor],
    read: Callable[[Digest], Awaitable[Manifest]],
    *,
    where: str,
) -> dict[str, Descriptor]:
    """Return the images of an ``index.json`` by the names that they have there.

    Args:
        entries: The entries.
        read: Gives a manifest; asked for only when entries share a name.
        where: The layout, for messages.

    Raises:
        IntegrityError: when different images have one name, or a name has no image at all.
    """
    groups: dict[Hashable, dict[str, list[Descriptor]]] = {}
    for entry in entries:
        name = "" if STAND_IN in entry.annotations else entry_name(entry)
        if name:
            groups.setdefault(meaning(name), {}).setdefault(name, []).append(entry)
    found: dict[str, Descriptor] = {}
    problems: list[Problem] = []
    for spellings in groups.values():
        together = {one.digest: one for group in spellings.values() for one in group}
        images, others = await _sorted_out(together.values(), read)
        if len(images) != 1:
            problems.append(_problem(" or ".join(spellings), images, others))
            continue
        (image,) = images
        beside = tuple(one.digest for one in others)
        for name, group in spellings.items():
            same = [one for one in group if one.digest == image.digest]
            if same:
                found[name] = replace(same[-1], beside=beside)
    raise_all(
        IntegrityError,
        f"{where} does not say which image a name means",
        problems,
        fix="Write it again with each image under its own name, or remove the entries that are not"
        " wanted from its index.json.",
    )
    return found


def kept_entries(entries: Iterable[Descriptor], reference: str, digest: Digest) -> list[Descriptor]:
    """Return the entries of an ``index.json`` that stay when a name is given to an image.

    Those of the name go, however it is spelled; one of another spelling stays when it is of the
    very same image. What is stored next to an image under that name stays, too.
    """
    wanted = meaning(reference)

    def stays(entry: Descriptor) -> bool:
        name = entry_name(entry)
        if meaning(name) != wanted or _is_marked_companion(entry):
            return True
        is_of = entry.annotations.get(STAND_IN, str(entry.digest))
        return name != reference and is_of == str(digest)

    return [entry for entry in entries if stays(entry)]


def one_each(named: Sequence[tuple[str, Digest]], *, where: str) -> None:
    """Refuse names that are given to several images, by whatever is the digest of these.

    Raises:
        IntegrityError: naming each with the digests.
    """
    known: dict[Hashable, dict[Digest, str]] = {}
    for name, digest in named:
        known.setdefault(meaning(name), {}).setdefault(digest, name)
    problems = [
        Problem(f"{next(iter(same.values()))} is {' and '.join(map(str, same))}")
        for same in known.values()
        if len(same) > 1
    ]
    raise_all(
        IntegrityError,
        f"{where} has different images of the same name",
        problems,
        fix="Save the images again, each under its own name.",
    )


def notes_of(descriptor: Descriptor) -> tuple[str, ...]:
    """Return what to report about an image when other entries have its name."""
    if not descriptor.beside:
        return ()
    others = ", ".join(map(str, descriptor.beside))
    note = f"chosen over {others} of the same name: not an image, but a signature or the like"
    return (note,)


async def _sorted_out(
    entries: Iterable[Descriptor], read: Callable[[Digest], Awaitable[Manifest]]
) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the entries of one name that are images, and the others."""
    images: list[Descriptor] = []
    others: list[Descriptor] = []
    for entry in entries:
        (others if _is_marked_companion(entry) else images).append(entry)
    if len(images) < 2:
        return images, others
    candidates, images = images, []
    for entry in candidates:
        image = entry.is_manifest and is_image(await read(entry.digest))
        (images if image else others).append(entry)
    return images, others


def _is_marked_companion(entry: Descriptor) -> bool:
    """Whether an entry says that it is something about the image whose name it has."""
    kind = entry.annotations.get(KIND, "")
    own = _COMPANION_TAG.match(entry_name(entry)) is not None
    return not own and not _COMPANION_KINDS.isdisjoint(kind.split("/")[1:])


def _problem(name: str, images: Sequence[Descriptor], others: Sequence[Descriptor]) -> Problem:
    if images:
        listed = " and ".join(
            str(one.digest) + (f" ({one.platform})" if one.platform else "") for one in images
        )
        return Problem(f"{name} is {listed}")
    listed = " and ".join(str(one.digest) for one in others)
    return Problem(f"{name} is only {listed}, not an image")


def _parsed(name: str) -> ImageReference | None:
    try:
        return ImageReference.parse(name)
    except ReferenceSyntaxError:
        return None
