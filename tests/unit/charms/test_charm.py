"""What a charm's documents declare becomes one frozen value, whatever their layout."""

from __future__ import annotations

import pytest

from ckf_airgap.charms.charm import (
    Base,
    Charm,
    DefaultImages,
    Endpoint,
    Option,
    Resource,
    bases_from_charmcraft,
    charm_from_documents,
    charm_name_of_path,
)
from ckf_airgap.documents import Document, JSONValue, load_mapping
from ckf_airgap.errors import CharmError

METADATA = """
name: a-charm
summary: Does things
subordinate: true
series: [focal, jammy]
containers: {workload: {resource: oci-image}}
resources:
  oci-image:
    type: oci-image
    upstream-source: docker.io/a/b:1
    description: An image
  a-file: {type: file, filename: a.txt}
  bare:
provides:
  website: {interface: http}
requires:
  database: {interface: mysql_client, limit: 1}
  logging: {interface: loki_push_api, optional: true, scope: container}
peers:
  replicas: {interface: replicas}
"""
CONFIG = """
options:
  image: {type: string, default: a/b:1, description: Which image}
  empty:
  port: {type: int, default: 8080}
  ratio: {type: float, default: 0.5}
  debug: {type: boolean, default: false}
  token: {type: secret}
"""
OPTIONS = {
    "image": Option(name="image", type="string", default="a/b:1", description="Which image"),
    "empty": Option(name="empty", type="string"),
    "port": Option(name="port", type="int", default=8080),
    "ratio": Option(name="ratio", type="float", default=0.5),
    "debug": Option(name="debug", type="boolean", default=False),
    "token": Option(name="token", type="secret"),
}


def doc(text: str) -> Document:
    return load_mapping(text, where="test")


def charm(metadata: str = METADATA, **documents: Document) -> Charm:
    return charm_from_documents(metadata=doc(metadata), where="x.charm", **documents)  # type: ignore[arg-type]


def test_the_old_key_upstream_counts_where_there_is_no_newer_one() -> None:
    found = charm(
        "name: x\nresources:\n"
        "  old: {type: oci-image, upstream: acme/redis:7}\n"
        "  new: {type: oci-image, upstream: acme/redis:7, upstream-source: acme/redis:8}\n"
    ).resources
    assert (found["old"].upstream_source, found["old"].old_upstream) == (None, "acme/redis:7")
    assert (found["new"].upstream_source, found["new"].old_upstream) == ("acme/redis:8", None)


def test_metadata_and_config_declare_everything() -> None:
    found = charm(config=doc(CONFIG))
    assert (found.name, found.summary, found.subordinate) == ("a-charm", "Does things", True)
    assert found.series == ("focal", "jammy")
    assert found.options == OPTIONS
    assert found.resources == {
        "oci-image": Resource(
            name="oci-image", upstream_source="docker.io/a/b:1", description="An image"
        ),
        "a-file": Resource(name="a-file", type="file", filename="a.txt"),
        "bare": Resource(name="bare", type="file"),
    }
    assert [image.name for image in found.images] == ["oci-image"]
    assert found.endpoints == {
        "website": Endpoint(name="website", role="provider", interface="http"),
        "database": Endpoint(name="database", role="requirer", interface="mysql_client", limit=1),
        "logging": Endpoint(
            name="logging",
            role="requirer",
            interface="loki_push_api",
            optional=True,
            scope="container",
        ),
        "replicas": Endpoint(name="replicas", role="peer", interface="replicas"),
    }
    assert found.metadata["containers"] == {"workload": {"resource": "oci-image"}}


def test_charmcraft_yaml_may_hold_all_of_it() -> None:
    whole = doc(METADATA) | {"config": doc(CONFIG)}
    found = charm_from_documents(metadata=whole, charmcraft=whole, where="x.charm")
    assert found.options == OPTIONS
    assert set(found.resources) == {"oci-image", "a-file", "bare"}


def test_a_config_file_outdoes_the_config_in_charmcraft_yaml() -> None:
    found = charm(config=doc("options: {a: {type: int}}"), charmcraft={"config": doc(CONFIG)})
    assert set(found.options) == {"a"}


def test_a_charm_may_declare_nothing_but_its_name() -> None:
    assert charm("name: a") == Charm(name="a", metadata={"name": "a"})


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "-a", "a-", "1a", "a-1", "a b", "a\n", "ä", "a/b", None, 5, ["a"]]
)
def test_a_charm_has_a_name_that_juju_takes(name: JSONValue) -> None:
    with pytest.raises(CharmError, match=r"^x\.charm: the metadata has no valid charm name"):
        charm_from_documents(metadata={"name": name}, where="x.charm")


@pytest.mark.parametrize("name", ["a", "mysql-k8s", "a1-b2c", "katib-db-manager"])
def test_names_of_charms_are_taken(name: str) -> None:
    assert charm_from_documents(metadata={"name": name}, where="x").name == name


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("resources: [a]", "x.charm: resources must be a mapping, not a list"),
        ("resources: {a: b}", "x.charm: resources.a must be a mapping, not text"),
        ("requires: {a: {}}", "x.charm: requires.a has no interface"),
        ("requires: {a: {interface: 5}}", "x.charm: requires.a has no interface"),
        ("peers: {a: [http]}", "x.charm: peers.a must be a mapping, not a list"),
        ("series: focal", "x.charm: series must be a list, not text"),
        ("config: {options: {a: {type: list}}}", "option a has the unknown type 'list'"),
        ("config: {options: {a: {type: [a]}}}", "option a has the unknown type ['a']"),
        ("config: {options: {a: {default: [b]}}}", "option a has a list as its default"),
        ("config: {options: [a]}", "options must be a mapping, not a list"),
        ("config: a", "x.charm: config must be a mapping, not text"),
    ],
)
def test_what_is_wrong_is_named(metadata: str, message: str) -> None:
    with pytest.raises(CharmError) as raised:
        charm(f"name: a\n{metadata}")
    assert message in str(raised.value)


# Bases


def test_the_manifest_is_the_authority_on_the_bases() -> None:
    manifest = doc(
        "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64, arm64]},"
        " {name: ubuntu, channel: 24.04/stable}]"
    )
    found = charm(manifest=manifest, charmcraft=doc("platforms: {'ubuntu@20.04:amd64': }"))
    assert found.bases == (
        Base(name="ubuntu", channel="22.04", architectures=("amd64", "arm64")),
        Base(name="ubuntu", channel="24.04/stable"),
    )
    assert [str(base) for base in found.bases] == ["ubuntu@22.04", "ubuntu@24.04"]


@pytest.mark.parametrize(
    ("charmcraft", "bases"),
    [
        ("{}", []),
        ("bases: [{name: ubuntu, channel: '20.04'}]", ["ubuntu@20.04"]),
        (
            (
                "bases: [{build-on: [{name: ubuntu, channel: '22.04'}],"
                " run-on: [{name: ubuntu, channel: '20.04'}, {name: ubuntu, channel: '22.04'}]}]"
            ),
            ["ubuntu@20.04", "ubuntu@22.04"],
        ),
        (
            "platforms: {'ubuntu@22.04:amd64': , 'ubuntu@24.04:arm64': }",
            ["ubuntu@22.04", "ubuntu@24.04"],
        ),
        ("{base: ubuntu@24.04, platforms: {amd64: , arm64: }}", ["ubuntu@24.04"]),
        (
            (
                "platforms: {jammy: {build-on: ['ubuntu@22.04:amd64'],"
                " build-for: ['ubuntu@22.04:amd64', 'ubuntu@22.04:arm64']}}"
            ),
            ["ubuntu@22.04"],
        ),
        (
            "{base: ubuntu@24.04, platforms: {any: {build-on: amd64, build-for: [all]}}}",
            ["ubuntu@24.04"],
        ),
    ],
)
def test_charmcraft_yaml_tells_the_bases_without_a_manifest(
    charmcraft: str, bases: list[str]
) -> None:
    assert [str(base) for base in charm(charmcraft=doc(charmcraft)).bases] == bases


def test_architectures_of_one_base_are_gathered() -> None:
    found = bases_from_charmcraft(
        doc("platforms: {'ubuntu@24.04:amd64': , 'ubuntu@24.04:arm64': }"), "x"
    )
    assert found == (Base(name="ubuntu", channel="24.04", architectures=("amd64", "arm64")),)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("bases: [{name: ubuntu}]", "a base needs name and channel"),
        ("bases: ubuntu", "bases must be a list, not text"),
        ("platforms: [amd64]", "platforms must be a mapping, not a list"),
    ],
)
def test_malformed_bases_are_named(document: str, message: str) -> None:
    with pytest.raises(CharmError, match=message):
        charm(charmcraft=doc(document))


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("ubuntu@22.04", "ubuntu@22.04"),
        ("ubuntu@22.04/stable", "ubuntu@22.04"),
    ],
)
def test_a_base_is_named_by_system_and_version(text: str, base: str) -> None:
    assert str(Base.parse(text)) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ubuntu",
        "ubuntu@",
        "@22.04",
        "kubernetes",
        "22.04",
        "jammy",
        "foo@1",
        "ubuntu@22.04/daily",
        "ubuntu@22.04/",
        "ubuntu@22.04/stable/x",
        "ubuntu@22.04@stable",
        "ubuntu@/stable",
    ],
)
def test_what_is_no_base_is_refused(text: str) -> None:
    with pytest.raises(CharmError, match="is not a base such as"):
        Base.parse(text)


def test_risk_and_architecture_do_not_tell_bases_apart() -> None:
    one = Base(name="ubuntu", channel="22.04/stable", architectures=("amd64",))
    assert one.same_os(Base.parse("ubuntu@22.04"))
    assert not one.same_os(Base.parse("ubuntu@24.04"))
    assert not one.same_os(Base(name="centos", channel="22.04"))


# Default images and names of files


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("src/default-custom-images.json", "custom_images"),
        ("src/default-custom-images.json", "custom-images"),
        ("src/default-jupyter-images.yaml", "jupyter-images"),
    ],
)
def test_the_file_of_default_images_is_found_by_the_name_of_the_option(
    path: str, option: str
) -> None:
    file = DefaultImages(path=path, text="", value=None)
    found = Charm(name="a", default_images=(file,))
    assert found.defaults_for(option) is file
    assert found.defaults_for(f"{option}s") is None
    assert found.defaults_for("images") is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("./minio_r42.charm", "minio"),
        ("minio_abc123.charm", "minio"),
        ("/a/b/mysql-k8s_ubuntu-22.04-amd64.charm", "mysql-k8s"),
        ("./minio.charm", "minio"),
        ("./minio", "minio"),
    ],
)
def test_the_name_in_a_path_is_cut_before_revision_and_hash(path: str, name: str) -> None:
    assert charm_name_of_path(path) == name
