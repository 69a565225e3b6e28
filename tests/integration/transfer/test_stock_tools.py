"""Archives of ours in the hands of other tools, and theirs in ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ckf_airgap.transfer.oci import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Digest
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from tests.integration.transfer.samples import Published, Sample, image, index, layer, publish_set
from tests.integration.transfer.servers import RegistryServer
from tests.integration.transfer.stored import config_of, read_image, write_archive
from tests.integration.transfer.tools import Engine, images, names_in, run, skopeo

ARCHIVES = ["images.tar", "images.tar.gz"]


def few_images() -> dict[str, Sample]:
    base = layer("base", 100_000)
    children = [
        (image([base, layer(name)], media_type=DOCKER_MANIFEST, architecture=name), name)
        for name in ("amd64", "arm64")
    ]
    multi = index(children, media_type=DOCKER_LIST)
    schema_2 = image([base, layer("two")], media_type=DOCKER_MANIFEST)
    return {
        "docker.io/kubeflow/oci:v1": image([base, layer("one")]),
        "quay.io/some/schema-2:v1": schema_2,
        f"gcr.io/by/digest@{schema_2.digest}": schema_2,
        "registry.example.com:5000/a/b/c/d/multi:1": multi,
    }


async def save(public: RegistryServer, directory: Path, name: str) -> list[Published]:
    """Save all kinds of images from a registry with our command."""
    published = await publish_set(public.host)
    listed = directory / "images.txt"
    listed.write_text("".join(f"{one}\n" for one in published))
    await images("save", listed, "-o", name, "--plain-http", public.host, cwd=directory)
    return published


@pytest.mark.parametrize("name", ARCHIVES)
async def test_skopeo_takes_each_image_with_its_digest(tmp_path: Path, name: str) -> None:
    samples = few_images()
    await write_archive(tmp_path / name, samples)
    for number, (reference, sample) in enumerate(samples.items()):
        out = tmp_path / str(number)
        every = ["--all"] if sample.children else []
        await skopeo("copy", *every, f"oci-archive:{tmp_path / name}:{reference}", f"dir:{out}")
        found = {str(Digest.of(path.read_bytes())) for path in out.iterdir()}
        if sample.media_type == DOCKER_LIST:  # skopeo below 1.14 gets at it through a stand-in
            children = {str(Digest.of(content)) for _, content in sample.children}
            assert children | set(sample.blobs) <= found
        else:
            assert sample.digests <= found


@pytest.mark.parametrize("name", ARCHIVES)
async def test_docker_load_takes_the_archive_as_it_is(
    engine: Engine, tmp_path: Path, name: str
) -> None:
    samples = few_images()
    await write_archive(tmp_path / name, samples)
    await engine.docker("load", "-i", tmp_path / name)
    assert await engine.image_id("kubeflow/oci:v1") == config_of(
        samples["docker.io/kubeflow/oci:v1"]
    )
    schema_2 = samples["quay.io/some/schema-2:v1"]
    assert await engine.image_id("quay.io/some/schema-2:v1") == config_of(schema_2)
    by_digest = f"gcr.io/by/digest:{schema_2.digest.hexadecimal}"
    assert await engine.image_id(by_digest) == config_of(schema_2)
    multi = samples["registry.example.com:5000/a/b/c/d/multi:1"]
    amd64 = json.loads(multi.children[0][1])["config"]["digest"]
    assert await engine.image_id("registry.example.com:5000/a/b/c/d/multi:1") == amd64


@pytest.mark.parametrize("name", ARCHIVES)
async def test_what_tar_unpacks_is_a_layout(tmp_path: Path, name: str) -> None:
    samples = few_images()
    await write_archive(tmp_path / name, samples)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    await run("tar", "-xf", tmp_path / name, "-C", unpacked)
    with LayoutDirectory.open(unpacked) as layout:
        for reference, sample in samples.items():
            assert await read_image(layout, reference) == sample.digests


async def test_a_layout_that_skopeo_made_is_pushed_and_loaded(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    published = await publish_set(public.host)
    wanted = [
        one
        for one in published
        # What skopeo converts, and an index in an index, which it does not take.
        if one.sample.media_type in (OCI_MANIFEST, OCI_INDEX) and "nested" not in str(one)
    ]
    for one in wanted:
        await skopeo(
            "copy",
            "--all",
            "--src-tls-verify=false",
            f"docker://{one}",
            f"oci:{tmp_path}/theirs:{one}",
        )
    plain = ["--plain-http", private.host]
    done = await images(
        "push", "theirs", "--registry", private.host, *plain, "--json", cwd=tmp_path
    )
    assert {entry["source"]: entry["digest"] for entry in done.document["images"]} == {
        str(one): str(one.sample.digest) for one in wanted
    }
    await images("load", "theirs", "-o", "ours", cwd=tmp_path)
    with LayoutDirectory.open(tmp_path / "ours") as layout:
        for one in wanted:
            assert await read_image(layout, str(one)) == one.sample.digests


@pytest.mark.parametrize("way", ["one archive", "gzipped", "the guide's", "the guide's, unpacked"])
async def test_an_archive_of_docker_save_is_loaded_and_pushed(
    engine: Engine, private: RegistryServer, tmp_path: Path, way: str
) -> None:
    samples = few_images()
    await write_archive(tmp_path / "ours.tar", samples)
    await engine.docker("load", "-i", tmp_path / "ours.tar")
    names = ["kubeflow/oci:v1", "quay.io/some/schema-2:v1"]
    saved = tmp_path / "saved"
    saved.mkdir()
    if way.startswith("the guide's"):
        for number, name in enumerate(names):
            await engine.docker("save", name, "-o", saved / f"{number}.tar")
        await run("tar", "-czf", "images.tar.gz", "0.tar", "1.tar", cwd=saved)
        source = saved / "images.tar.gz"
        if way.endswith("unpacked"):
            source.unlink()
            source = saved
    else:
        source = saved / "images.tar"
        await engine.docker("save", *names, "-o", source)
        if way == "gzipped":
            await run("gzip", source)
            source = saved / "images.tar.gz"
    await images("load", source, "-o", "layout", cwd=tmp_path)
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        assert set(await layout.references()) == set(names)
        ids = [config_of(samples[f"docker.io/{names[0]}"]), config_of(samples[names[1]])]
        for name, image_id in zip(names, ids, strict=True):
            assert image_id in await read_image(layout, name)
    await engine.forget_all()
    plain = ["--plain-http", private.host, "--registry", f"{private.host}/ckf"]
    pushed = await images("push", source, *plain, "--json", cwd=tmp_path)
    assert pushed.document["copied"] == 2
    for place, image_id in zip(("kubeflow/oci", "some/schema-2"), ids, strict=True):
        await engine.docker("pull", f"{private.host}/ckf/{place}:v1")
        assert await engine.image_id(f"{private.host}/ckf/{place}:v1") == image_id
    again = await images("push", source, *plain, "--json", cwd=tmp_path)
    assert (again.document["present"], again.document["bytes"]) == (2, 0)


async def test_one_tar_for_each_image_is_what_the_guide_loads_by_hand(
    engine: Engine, tmp_path: Path
) -> None:
    samples = few_images()
    await write_archive(tmp_path / "ours.tar", samples)
    words = ["--from", "ours.tar", "--per-image", "--registry", "172.17.0.2:5000"]
    await images("save", *words, "-o", "images.tar.gz", cwd=tmp_path)
    await run("tar", "-xzf", "images.tar.gz", cwd=tmp_path)
    path = tmp_path / "172.17.0.2-5000-kubeflow-oci-v1.tar"
    await engine.docker("load", "-i", path)
    oci = samples["docker.io/kubeflow/oci:v1"]
    assert await engine.image_id("172.17.0.2:5000/kubeflow/oci:v1") == config_of(oci)
    assert len(names_in(tmp_path, "172.*.tar")) == len(samples)


async def test_a_real_engine_pulls_all_that_was_pushed_by_tag_and_by_digest(
    engine: Engine, public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    published = await save(public, tmp_path, "images.tar.gz")
    plain = ["--plain-http", private.host, "--registry", private.host]
    pushed = await images("push", "images.tar.gz", *plain, "--json", cwd=tmp_path)
    assert pushed.document["failed"] == 0
    by_source = {str(one): one.sample for one in published}
    for entry in pushed.document["images"]:
        sample = by_source[entry["source"]]
        assert entry["digest"] == str(sample.digest)
        repository = entry["target"].rpartition(":")[0]
        if repository.endswith("tools/nested"):
            continue  # Docker takes no index in an index
        await engine.docker("pull", entry["target"])
        await engine.docker("pull", f"{repository}@{sample.digest}")
        tag = await engine.image_id(entry["target"])
        assert tag
        assert await engine.image_id(f"{repository}@{sample.digest}") == tag
    with Archive.open(tmp_path / "images.tar.gz") as archive:
        for one in published:
            assert await read_image(archive, str(one)) == one.sample.digests
