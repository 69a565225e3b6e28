"""References that are compiled into executables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.images.compiled import MAX_FOUND, references_in

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\0\0quay.io/acme/inside:1\0\0", ["quay.io/acme/inside:1"]),
        (b"errorquay.io/acme/inside:1.2.3gcr.io/a/b:v2", ["quay.io/acme/inside:1.2.3"]),
        (b"xx ghcr.io/a/b:latestinvalid", ["ghcr.io/a/b:latest"]),
        (f"gcr.io/a/b@{DIGEST}and more".encode(), [f"gcr.io/a/b@{DIGEST}"]),
        (f"gcr.io/a/b:x@{DIGEST}".encode(), [f"gcr.io/a/b:x@{DIGEST}"]),
        (b"\0docker.io/istio/proxyv2:1.20.0-distroless\0", None),
        (b"\0us-docker.pkg.dev/p/r/x:v1.0\0", ["us-docker.pkg.dev/p/r/x:v1.0"]),
        (b"registry.k8s.io:443/pause:3.9", ["registry.k8s.io:443/pause:3.9"]),
        (b"github.com/a/b:v1.2", []),
        (b"quay.io/acme/inside", []),
        (b"quay.io/acme/inside:%s", []),
        (b"quay.io/Acme:1", []),
        (b"https://example.com/a:1", []),
        (b"", []),
    ],
)
def test_a_reference_with_a_known_registry_and_a_tag_is_found(
    data: bytes, found: list[str] | None
) -> None:
    names = references_in([data])
    if found is None:
        found = [data.strip(b"\0").decode()]
    assert names[: len(found)] == found
    assert bool(names) == bool(found)


def test_a_reference_across_two_chunks_is_found_once() -> None:
    data = b"\0" * 3000 + b"quay.io/acme/inside:1.2.3\0" + b"\0" * 3000
    for cut in range(2990, 3030):
        assert references_in([data[:cut], data[cut:]]) == ["quay.io/acme/inside:1.2.3"]


def test_a_host_is_not_cut_where_a_chunk_begins() -> None:
    data = b"\0" * 5000 + b"us-docker.pkg.dev/p/r/x:v1.0\0" + b"\0" * 5000
    for size in (100, 511, 512, 513, 1000, 1024, 1025, 3000):
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        assert references_in(chunks) == ["us-docker.pkg.dev/p/r/x:v1.0"]


def test_a_version_that_another_begins_with_is_found() -> None:
    data = b"quay.io/a/b:1.2\0quay.io/a/b:1\0"
    assert references_in([data, b"\0" * 5000]) == ["quay.io/a/b:1.2", "quay.io/a/b:1"]


def test_the_number_of_references_is_limited() -> None:
    data = b"".join(b"quay.io/a/b:%d.0\0" % number for number in range(2 * MAX_FOUND))
    assert len(references_in([data])) == MAX_FOUND


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_content_is_too_strange(before: bytes, after: bytes) -> None:
    found = references_in([before + b"\0quay.io/acme/x:1.0\0" + after])
    assert "quay.io/acme/x:1.0" in found
