"""Digests, platforms and manifests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.errors import InputError, IntegrityError
from ckf_airgap.transfer.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_MANIFEST_BYTES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Digest,
    Platform,
    descriptor_document,
    descriptor_from_document,
    parse_manifest,
    select_children,
)


def digest(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def part(name: str, size: int = 3, **more: Any) -> dict[str, Any]:
    return {"mediaType": "some/thing", "digest": digest(name), "size": size, **more}


def image(**changes: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": part("config"),
        "layers": [part("a"), part("b")],
    }
    return json.dumps(document | changes).encode()


def index(*children: dict[str, Any], **changes: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}
    return json.dumps(document | changes).encode()


def child(name: str, architecture: str = "", variant: str = "", **more: Any) -> dict[str, Any]:
    platform = {"os": "linux", "architecture": architecture, "variant": variant}
    extra: dict[str, Any] = {"platform": platform} if architecture else {}
    return part(name, **extra, **more) | {"mediaType": OCI_MANIFEST}


@given(st.binary(), st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_digest_is_that_of_its_bytes_and_survives_its_text(content: bytes, name: str) -> None:
    found = Digest.of(content, name)
    assert found.hexadecimal == hashlib.new(name, content).hexdigest()
    assert Digest.parse(str(found)) == found
    hasher = found.hasher()
    hasher.update(content)
    assert hasher.hexdigest() == found.hexadecimal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "0" * 63,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "0" * 64 + "\n",
        "md5:" + "0" * 32,
        "sha256:../../../../etc/passwd",
        "sha256:" + "/" * 64,
        "0" * 64,
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="is not a digest"):
        Digest.parse(text)


def test_an_image_has_a_config_and_layers_each_once() -> None:
    found = parse_manifest(image(layers=[part("a"), part("b"), part("a")]))
    assert not found.is_index
    assert [str(blob.digest) for blob in found.blobs] == [
        digest("config"),
        digest("a"),
        digest("b"),
    ]
    assert len(found.layers) == 3
    assert found.digest == Digest.of(found.content)
    assert found.descriptor.size == len(found.content)


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_has_children(media_type: str) -> None:
    found = parse_manifest(index(child("a", "amd64"), child("b"), mediaType=media_type))
    assert found.is_index
    assert found.descriptor.is_index
    assert [str(one.platform) for one in found.children] == ["linux/amd64", "None"]


@pytest.mark.parametrize(
    ("content", "served", "expected"),
    [
        (image(mediaType=None), None, OCI_MANIFEST),
        (image(mediaType=None), f"{DOCKER_MANIFEST}; charset=utf-8", DOCKER_MANIFEST),
        (image(mediaType=DOCKER_MANIFEST), "application/json", DOCKER_MANIFEST),
        (index(mediaType=None), None, OCI_INDEX),
        (index(mediaType=None), DOCKER_LIST, DOCKER_LIST),
    ],
)
def test_the_media_type_comes_from_the_document_the_answer_or_the_shape(
    content: bytes, served: str | None, expected: str
) -> None:
    assert parse_manifest(content, served).media_type == expected


@pytest.mark.parametrize(
    ("content", "served", "text"),
    [
        (b"not json", None, "is not JSON"),
        (b"[]", None, "is not a JSON object"),
        (b"[" * 100_000, None, "is not JSON"),
        (b"{}", None, "unknown kind"),
        (b" " * (MAX_MANIFEST_BYTES + 1), None, "larger than"),
        (b'{"schemaVersion": 1, "fsLayers": []}', None, "schema 1"),
        (image(), OCI_INDEX, "was served as"),
        (image(manifests=[]), None, "has 'manifests'"),
        (index(layers=[]), None, "has 'layers'"),
        (index(config={}), None, "has 'config'"),
        (image(layers=None), None, "no list 'layers'"),
        (image(layers=[part("a", -1)]), None, "the size -1"),
        (image(layers=[part("a", True)]), None, "the size True"),
        (image(layers=[part("a", 1), part("a", 2)]), None, "two sizes"),
        (image(layers=[{**part("a"), "digest": "md5:1"}]), None, "is not a digest"),
        (image(layers=["a"]), None, "not an object"),
        (image(config=None), None, "not an object"),
        (index({"digest": digest("a"), "size": 1}), None, "without mediaType"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(
    content: bytes, served: str | None, text: str
) -> None:
    with pytest.raises(IntegrityError, match=text):
        parse_manifest(content, served)


def test_bytes_of_another_digest_are_refused_before_they_are_read() -> None:
    with pytest.raises(IntegrityError, match="where sha256:0000"):
        parse_manifest(b"not json", expected=Digest("sha256", "0" * 64))


@given(
    st.builds(
        Descriptor,
        st.text(min_size=1),
        st.binary().map(Digest.of),
        st.integers(0, 2**60),
        platform=st.none() | st.builds(Platform, st.text(), st.text(), st.text()),
        annotations=st.dictionaries(st.text(), st.text()),
    )
)
def test_a_descriptor_survives_its_document(descriptor: Descriptor) -> None:
    document = json.loads(json.dumps(descriptor_document(descriptor)))
    found = descriptor_from_document(document, where="here")
    assert found == descriptor
    assert (found.platform, found.annotations) == (descriptor.platform, descriptor.annotations)


def test_a_platform_without_variant_includes_each_variant() -> None:
    arm = Platform.parse("linux/arm")
    assert arm.includes(Platform.parse("linux/arm/v7"))
    assert not Platform.parse("linux/arm/v6").includes(Platform.parse("linux/arm/v7"))
    assert not arm.includes(Platform.parse("linux/arm64"))
    assert str(Platform.parse("linux/arm/v7")) == "linux/arm/v7"


@pytest.mark.parametrize("text", ["", "amd64", "linux/", "/amd64", "a/b/c/d"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a platform"):
        Platform.parse(text)


def test_attestations_go_with_the_image_that_they_are_about() -> None:
    def about(name: str) -> dict[str, str]:
        return {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": digest(name),
        }

    found = parse_manifest(
        index(
            child("a", "amd64"),
            child("b", "arm64"),
            child("c", "unknown", annotations=about("a")),
            child("d", "unknown", annotations=about("b")),
        )
    )
    taken, left = select_children(found, [Platform.parse("linux/amd64")])
    assert [str(one.digest) for one in taken] == [digest("a"), digest("c")]
    assert [str(one.digest) for one in left] == [digest("b"), digest("d")]
    assert select_children(found, []) == (found.children, ())
