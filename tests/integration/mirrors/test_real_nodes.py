"""Real containerd and podman, in a network of nothing but a registry, find public images in it."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.images import Sample, image, index, layer
from tests.integration.mirrors.node import Node, instructions
from tests.integration.transfer.servers import PASSWORD, USER, htpasswd
from tests.integration.transfer.stored import config_of, write_archive

BY_DIGEST = image([layer("base"), layer("by-digest")])

IMAGES: dict[str, Sample] = {
    "docker.io/tensorflow/tensorflow:2.5.1": image([layer("base"), layer("tensorflow")]),
    "docker.io/library/alpine:3.10": image([layer("base"), layer("alpine")]),
    "ghcr.io/kubeflow/katib/pytorch-mnist-cpu:v0.19.0": index(
        [(image([layer("base"), layer("katib")]), "amd64")]
    ),
    f"gcr.io/ml-pipeline/frontend@{BY_DIGEST.digest}": BY_DIGEST,
}
"""Images as nodes ask for them."""

LISTED = {name.replace("docker.io/library/", ""): sample for name, sample in IMAGES.items()}
"""The same as charms and lists name them."""

ELSEWHERE = "quay.io/nobody/nothing:1"


@dataclass
class Site:
    """A node, and what is in its registry.

    Attributes:
        node: The node.
        registry: The registry, with a path.
        mirrors: What was written for nodes.
    """

    node: Node
    registry: str
    mirrors: Path

    @property
    def page(self) -> str:
        return (self.mirrors / "README.txt").read_text()

    def follow(self, title: str, group: int, said: str = "") -> None:
        """Do what the page says, in the directory of the mirrors."""
        commands = instructions(self.page, title)[group]
        self.node.run("bash", "-ec", commands, said=said, cwd=self.mirrors)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node with containerd; its path is short, since that of a socket must be."""
    made = Node(Path(tempfile.mkdtemp(prefix="node-", dir="/tmp")), trustme.CA())
    try:
        made.start()
        made.start_containerd()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def site(node: Node) -> Site:
    """A registry that everybody may read."""
    return _site(node, "open")


@pytest.fixture(scope="module")
def closed(node: Node) -> Site:
    """A registry that wants a login."""
    site = _site(node, "closed", htpasswd(node.directory / "htpasswd"))
    for title in ("containerd", "CRI-O and podman"):
        site.follow(title, 0)
    return site


def _site(node: Node, name: str, config: dict[str, object] | None = None) -> Site:
    """Push the images of an archive into a registry, with mirrors beside the archive."""
    registry = f"{node.serve(name, config).host}/team/ckf"
    carried = node.directory / f"carried-{name}"
    carried.mkdir()
    asyncio.run(write_archive(carried / "images.tar", LISTED))
    (carried / "images.txt").write_text("".join(f"{one}\n" for one in LISTED))
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (carried / "login.json").write_text(
        f'{{"auths": {{"{registry.partition("/")[0]}": {{"auth": "{login}"}}}}}}'
    )
    there = ["--registry", registry, "--ca", f"{node.directory}/ca.crt"]
    node.airgap("mirrors", *there, "--images", "images.txt", "-o", "mirrors", cwd=carried)
    transfer = [*there, "--docker-config", "login.json"]
    node.airgap("images", "push", "images.tar", *transfer, cwd=carried)
    node.airgap("images", "verify", "--from", "images.tar", *transfer, cwd=carried)
    return Site(node, registry, carried / "mirrors")


@pytest.mark.parametrize("name", IMAGES)
def test_containerd_finds_images_of_public_registries(site: Site, name: str) -> None:
    site.follow("containerd", 0)
    assert site.node.containerd_pulls(name) == str(IMAGES[name].digest)


@pytest.mark.parametrize("name", IMAGES)
def test_podman_finds_images_of_public_registries(site: Site, name: str) -> None:
    site.follow("CRI-O and podman", 0)
    sample = IMAGES[name]
    own = sample if not sample.children else Sample(*sample.children[0], {})
    assert site.node.podman_pulls(name) == config_of(own)


def test_microk8s_gets_what_containerd_reads(site: Site, tmp_path: Path) -> None:
    hosts = str(site.mirrors / "microk8s" / "certs.d")
    for name, sample in IMAGES.items():
        assert site.node.containerd_pulls(name, hosts) == str(sample.digest)


def test_names_in_the_private_registry_work_with_the_same_files(site: Site) -> None:
    site.follow("containerd", 0)
    site.follow("CRI-O and podman", 0)
    name = f"{site.registry}/tensorflow/tensorflow:2.5.1"
    sample = IMAGES["docker.io/tensorflow/tensorflow:2.5.1"]
    assert site.node.containerd_pulls(name) == str(sample.digest)
    assert site.node.podman_pulls(name) == config_of(sample)


def test_an_image_that_is_not_there_is_not_looked_for_behind_the_gap(site: Site) -> None:
    site.follow("containerd", 0)
    site.follow("CRI-O and podman", 0)
    said = site.node.containerd_pulls(ELSEWHERE, check=False)
    assert "not found" in said
    assert "dial tcp" not in said
    said = site.node.podman_pulls(ELSEWHERE, check=False)
    assert "manifest unknown" in said
    assert "dial tcp" not in said


def test_without_the_files_nothing_is_found(site: Site, tmp_path: Path) -> None:
    """The node is cut off: what the other tests pull comes through the mirrors."""
    said = site.node.containerd_pulls(next(iter(IMAGES)), str(tmp_path), check=False)
    assert "dial tcp" in said


def test_containerd_logs_in_once_the_login_is_filled_in(closed: Site) -> None:
    assert "401" in closed.node.containerd_pulls(next(iter(IMAGES)), check=False)
    _, *groups = instructions(closed.page, "containerd")
    (login,) = [number for number, text in enumerate(groups, 1) if "read -rp" in text]
    closed.follow("containerd", login, said=f"{USER}\n{PASSWORD}\n")
    for name, sample in IMAGES.items():
        assert closed.node.containerd_pulls(name) == str(sample.digest)
    own = f"{closed.registry}/tensorflow/tensorflow:2.5.1"
    assert closed.node.containerd_pulls(own) == str(next(iter(IMAGES.values())).digest)


def test_podman_logs_in_once_the_login_is_filled_in(closed: Site, tmp_path: Path) -> None:
    name, sample = next(iter(IMAGES.items()))
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    text = (closed.mirrors / "crio" / "auth.json").read_text()
    (tmp_path / "auth.json").write_text(text.replace("LOGIN-IN-BASE64", login))
    assert "unauthorized" in closed.node.podman_pulls(name, check=False).lower()
    option = f"--authfile={tmp_path / 'auth.json'}"
    assert closed.node.podman_pulls(name, option) == config_of(sample)
