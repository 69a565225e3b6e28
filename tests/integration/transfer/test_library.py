"""Official images of Docker Hub get a second name, by which nodes with mirrors ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ckf_airgap.cli import main
from tests.images import image, layer
from tests.integration.transfer.samples import publish
from tests.integration.transfer.servers import RegistryServer
from tests.integration.transfer.stored import write_archive
from tests.integration.transfer.tools import Engine, images

ALPINE = image([layer("base", 50_000), layer("alpine")])
REDIS = image([layer("base", 50_000), layer("redis")])
OTHER = image([layer("base", 50_000), layer("other")])
NAMES = {
    "alpine:3.10": ALPINE,
    f"docker.io/redis@{REDIS.digest}": REDIS,
    "ghcr.io/pets/cat:1": OTHER,
}
FIRST = {"alpine:3.10", f"redis:{REDIS.digest.hexadecimal}", "pets/cat:1"}
SECOND = {"library/alpine:3.10", f"library/redis:{REDIS.digest.hexadecimal}"}


class Site:
    """An archive, and a registry with a path."""

    def __init__(self, directory: Path, registry: RegistryServer) -> None:
        self.directory = directory
        self.registry = registry
        self.place = f"{registry.host}/ckf"

    @property
    def mirrors(self) -> Path:
        return self.directory / "mirrors"

    @property
    def options(self) -> list[str]:
        return ["--registry", self.place, "--plain-http", self.registry.host, "--json"]

    def path(self, word: str) -> str:
        """Return a word of a command, and the path of a file of ours."""
        return str(self.directory / word) if word.endswith((".tar", ".txt")) else word

    def run(self, *words: str) -> Result:
        """Run ``ckf-airgap images``."""
        return CliRunner().invoke(main, ["images", *map(self.path, words), *self.options])

    def call(self, *words: str) -> dict[str, Any]:
        """Run it, and return the document."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def places(self, document: Mapping[str, Any]) -> set[str]:
        return {one["target"].removeprefix(f"{self.place}/") for one in document["images"]}

    def tags(self, repository: str) -> list[str]:
        """Return the tags that the registry's storage has."""
        root = self.registry.root / "docker/registry/v2/repositories/ckf" / repository
        return sorted(path.name for path in root.glob("_manifests/tags/*"))


@pytest.fixture
def site(private: RegistryServer, tmp_path: Path) -> Site:
    asyncio.run(write_archive(tmp_path / "images.tar", NAMES))
    return Site(tmp_path, private)


def test_push_gives_the_second_name_when_mirrors_lie_beside_the_archive(site: Site) -> None:
    plain = site.call("push", "images.tar")
    assert site.places(plain) == FIRST
    assert site.tags("library/alpine") == []
    site.mirrors.mkdir()
    pushed = site.call("push", "images.tar")
    assert site.places(pushed) == FIRST | SECOND
    assert (pushed["copied"], pushed["present"], pushed["bytes"]) == (2, 3, 0)
    assert site.tags("library/alpine") == ["3.10"]
    assert site.tags("library/redis") == [REDIS.digest.hexadecimal]
    digests = {one["target"].rpartition("/")[2]: one["digest"] for one in pushed["images"]}
    assert digests["alpine:3.10"] == str(ALPINE.digest)


def test_the_layers_are_sent_once_for_both_names(site: Site) -> None:
    pushed = site.call("push", "images.tar", "--library")
    blobs = {
        digest: len(blob) for sample in NAMES.values() for digest, blob in sample.blobs.items()
    }
    assert pushed["bytes"] == sum(blobs.values())
    assert site.places(pushed) == FIRST | SECOND


def test_the_options_decide_over_the_directory(site: Site) -> None:
    site.mirrors.mkdir()
    assert site.places(site.call("push", "images.tar", "--no-library")) == FIRST
    site.mirrors.rmdir()
    pushed = site.call("push", "images.tar", "--library")
    assert site.places(pushed) == FIRST | SECOND


def test_only_one_image_has_both_its_names(site: Site) -> None:
    words = ["push", "images.tar", "--library", "--only", "alpine:3.10"]
    pushed = site.call(*words)
    assert site.places(pushed) == {"alpine:3.10", "library/alpine:3.10"}
    words = ["verify", "--from", "images.tar", "--library", "--only", "alpine:3.10"]
    verified = site.call(*words)
    assert site.places(verified) == {"alpine:3.10", "library/alpine:3.10"}


def test_verify_misses_a_second_name(site: Site) -> None:
    site.call("push", "images.tar")
    assert site.call("verify", "--from", "images.tar")["present"] == 3
    site.mirrors.mkdir()
    done = site.run("verify", "--from", "images.tar")
    assert done.exit_code == 9
    failed = [
        one for one in json.loads(done.stdout)["report"]["images"] if one["status"] == "failed"
    ]
    assert site.places({"images": failed}) == SECOND
    assert site.run("verify", "--from", "images.tar", "--no-library").exit_code == 0
    site.call("push", "images.tar")
    verified = site.call("verify", "--from", "images.tar")
    assert site.places(verified) == FIRST | SECOND


def test_verify_of_a_list_knows_the_second_names(site: Site) -> None:
    (site.directory / "images.txt").write_text("alpine:3.10\nghcr.io/pets/cat:1\n")
    site.call("push", "images.tar")
    assert site.call("verify", "images.txt")["present"] == 2
    done = site.run("verify", "images.txt", "--library")
    assert done.exit_code == 9
    assert [one["target"] for one in json.loads(done.stdout)["report"]["images"]][-1] == (
        f"{site.place}/library/alpine:3.10"
    )
    site.call("push", "images.tar", "--library")
    for source in ([], ["--from", "images.tar"]):
        verified = site.call("verify", "images.txt", *source, "--library")
        assert site.places(verified) == {"alpine:3.10", "pets/cat:1", "library/alpine:3.10"}


def test_verify_finds_another_image_under_the_second_name(site: Site) -> None:
    site.call("push", "images.tar", "--library")
    asyncio.run(publish(f"http://{site.registry.host}", "ckf/library/alpine", "3.10", OTHER))
    done = site.run("verify", "--from", "images.tar", "--library")
    assert done.exit_code == 9
    assert f"library/alpine:3.10 has the digest {OTHER.digest}" in done.stderr


def test_a_second_name_that_another_image_has_is_refused_before_anything_is_sent(
    site: Site,
) -> None:
    asyncio.run(
        write_archive(site.directory / "both.tar", {**NAMES, "quay.io/library/alpine:3.10": REDIS})
    )
    done = site.run("push", "both.tar", "--library")
    assert done.exit_code == 3
    assert "--no-library" in done.stderr
    assert site.registry.stored_blobs() == set()
    assert site.call("push", "both.tar")["copied"] == 4


def test_copy_gives_the_second_name_when_it_is_told_to(public: RegistryServer, site: Site) -> None:
    asyncio.run(publish(f"http://{public.host}", "library/alpine", "3.10", ALPINE))
    (site.directory / "images.txt").write_text("alpine:3.10\n")
    site.mirrors.mkdir()
    near = ["copy", "images.txt", "--plain-http", public.host, f"--mirror=docker.io={public.host}"]
    assert site.places(site.call(*near)) == {"alpine:3.10"}
    copied = site.call(*near, "--library")
    assert site.places(copied) == {"alpine:3.10", "library/alpine:3.10"}
    assert copied["bytes"] == 0


async def test_an_engine_pushes_both_names(
    engine: Engine, private: RegistryServer, tmp_path: Path
) -> None:
    await write_archive(tmp_path / "images.tar", {"alpine:3.10": ALPINE})
    await engine.docker("load", "-i", tmp_path / "images.tar")
    (tmp_path / "images.txt").write_text("alpine:3.10\n")
    site = Site(tmp_path, private)
    words = ["push", "images.txt", "--engine", "docker", *site.options]
    assert site.places((await images(*words, cwd=tmp_path)).document) == {"alpine:3.10"}
    pushed = (await images(*words, "--library", cwd=tmp_path)).document
    assert site.places(pushed) == {"alpine:3.10", "library/alpine:3.10"}
    assert site.tags("library/alpine") == ["3.10"]
