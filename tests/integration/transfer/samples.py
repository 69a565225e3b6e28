"""Images for the tests, written straight into a registry: no engine, no network."""

from __future__ import annotations

import hashlib
import io
import json
import random
from dataclasses import dataclass

import aiohttp

from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.oci import DOCKER_LIST, DOCKER_MANIFEST, OCI_MANIFEST
from tests.images import Layer, Sample, digest_of, empty_layer, image, index, layer
from tests.integration.transfer.servers import RegistryServer

__all__ = ["Layer", "Sample", "digest_of", "empty_layer", "image", "index", "layer"]


async def publish(
    base: str,
    repository: str,
    tag: str | None,
    sample: Sample,
    *,
    headers: dict[str, str] | None = None,
) -> None:
    """Put an image into a registry at ``http://HOST``, with a client that is not ours."""
    async with aiohttp.ClientSession(headers=headers) as http:
        for digest, blob in sample.blobs.items():
            async with http.head(f"{base}/v2/{repository}/blobs/{digest}") as answer:
                if answer.status == 200:
                    continue
            async with http.post(f"{base}/v2/{repository}/blobs/uploads/") as answer:
                assert answer.status == 202, await answer.text()
                place = answer.headers["Location"]
            async with http.put(place, params={"digest": digest}, data=io.BytesIO(blob)) as answer:
                assert answer.status == 201, await answer.text()
        for media_type, content in sample.children:
            url = f"{base}/v2/{repository}/manifests/{digest_of(content)}"
            async with http.put(url, data=content, headers={"Content-Type": media_type}) as answer:
                assert answer.status == 201, await answer.text()
        url = f"{base}/v2/{repository}/manifests/{tag or sample.digest}"
        kind = {"Content-Type": sample.media_type}
        async with http.put(url, data=sample.content, headers=kind) as answer:
            assert answer.status == 201, await answer.text()


@dataclass(frozen=True)
class Published:
    """An image in the public registry."""

    reference: ImageReference
    sample: Sample

    def __str__(self) -> str:
        return str(self.reference)


async def publish_set(host: str) -> list[Published]:
    """Put images of all kinds into the registry at ``http://HOST``."""
    base_layer, python = layer("rootfs", 300_000), layer("python", 120_000)
    small = layer("certs", 2_000)
    notebook = image([base_layer, python, layer("jupyter", 400_000)])
    multi = index(
        [
            (image([small, layer("go-amd64")], media_type=DOCKER_MANIFEST), "amd64"),
            (
                image([small, layer("go-arm64")], media_type=DOCKER_MANIFEST, architecture="arm64"),
                "arm64",
            ),
        ],
        media_type=DOCKER_LIST,
    )
    oci_multi = index(
        [
            (image([base_layer, layer("a")]), "amd64"),
            (image([base_layer, layer("b")], architecture="arm64"), "arm64"),
        ]
    )
    nested = index([(oci_multi, None), (image([small, layer("c")]), "amd64")])
    samples: list[tuple[str, str | None, Sample]] = [
        ("charmedkubeflow/notebook", "v1", notebook),
        ("charmedkubeflow/notebook", "v2", image([base_layer, python, layer("lab")])),
        ("charmedkubeflow/api-server", "2.3.0", image([base_layer, python])),
        ("minio/minio", "old", image([base_layer, layer("minio")], media_type=DOCKER_MANIFEST)),
        ("knative/queue", None, image([small, layer("queue")], media_type=DOCKER_MANIFEST)),
        ("knative/multi", None, multi),
        ("tools/multi", "1.0", oci_multi),
        ("tools/nested", "1.0", nested),
        ("tools/hollow", "1", image([empty_layer(), small])),
        ("tools/bare", "1", image([])),
        ("one/two/three/four/five/six", "deep", image([small])),
    ]
    published = []
    for repository, tag, sample in samples:
        await publish(f"http://{host}", repository, tag, sample)
        digest = None if tag else str(sample.digest)
        published.append(Published(ImageReference(host, repository, tag, digest), sample))
    return published


async def publish_big(server: RegistryServer, repository: str, tag: str, size: int) -> str:
    """Put an image with one layer of `size` bytes into a registry's storage, quickly.

    Returns:
        Its digest.
    """
    block = random.Random("big").randbytes(1 << 20)  # noqa: S311 - the same each time
    running = hashlib.sha256()
    part = server.root / "big"
    with part.open("wb") as stream:
        for _ in range(size // len(block)):
            stream.write(block)
            running.update(block)
    hexadecimal = running.hexdigest()
    directory = server.blobs / hexadecimal[:2] / hexadecimal
    directory.mkdir(parents=True)
    part.rename(directory / "data")
    repositories = server.root / "docker" / "registry" / "v2" / "repositories"
    link = repositories / repository / "_layers" / "sha256" / hexadecimal / "link"
    link.parent.mkdir(parents=True)
    link.write_text(f"sha256:{hexadecimal}")
    small = image([])
    document = json.loads(small.content)
    kind = "application/vnd.oci.image.layer.v1.tar"
    big = {"mediaType": kind, "digest": f"sha256:{hexadecimal}", "size": size}
    content = json.dumps({**document, "layers": [big]}).encode()
    one = Sample(OCI_MANIFEST, content, small.blobs)
    await publish(f"http://{server.host}", repository, tag, one)
    return str(one.digest)
