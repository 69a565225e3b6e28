"""The shipped releases are complete, agree with themselves, and load as what they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle, EndpointRef
from ckf_airgap.charms.charm import Base, Charm, Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import ExitCode, InputError, ReleaseNotFoundError
from ckf_airgap.facts import releases
from ckf_airgap.facts.releases import (
    Release,
    common_needed_endpoints,
    load_release,
    needed_endpoints,
    rules_for_bundle,
)

NAMES = ["1.8", "1.9", "1.10", "1.11"]
APPLICATIONS = {"1.8": 38, "1.9": 37, "1.10": 37, "1.11": 37}
RELATIONS = {"1.8": 32, "1.9": 35, "1.10": 35, "1.11": 35}


@pytest.fixture(params=NAMES)
def release(request: pytest.FixtureRequest) -> Release:
    return load_release(request.param)


def charm_of(release: Release, application: str) -> Charm:
    return release.charms[release.bundle.applications[application].charm_name]


def candidates(release: Release, end: EndpointRef) -> list[Endpoint]:
    endpoints = charm_of(release, end.application).endpoints.values()
    return [
        endpoint
        for endpoint in endpoints
        if endpoint.role != "peer" and end.endpoint in (None, endpoint.name)
    ]


def test_releases_are_listed_oldest_first() -> None:
    assert releases.release_names() == NAMES


def test_a_release_has_the_applications_and_relations_that_were_published(
    release: Release,
) -> None:
    assert release.bundle.kind == "kubernetes"
    assert release.bundle.name == "kubeflow"
    assert len(release.bundle.applications) == APPLICATIONS[release.name]
    assert len(release.bundle.relations) == RELATIONS[release.name]
    assert all(application.channel for application in release.bundle.applications.values())


def test_every_charm_of_the_bundle_has_facts_and_a_source(release: Release) -> None:
    wanted = {application.charm_name for application in release.bundle.applications.values()}
    assert set(release.charms) == set(release.sources) == set(release.files) == wanted
    for source in (release.source, *release.sources.values()):
        assert len(source.commit) == 40
        assert source.repo.startswith("canonical/")


def test_every_file_opens_with_where_it_comes_from(release: Release) -> None:
    for name in ("bundle.yaml", "charms.yaml", "images.yaml"):
        comment = (release.directory / name).read_text().partition("\nrelease:")[0]
        assert comment.startswith("# ")
        assert f"https://github.com/{release.source.repo}" in comment
        assert release.source.commit in comment


def test_every_relation_of_the_bundle_joins_one_requirer_to_one_provider(
    release: Release,
) -> None:
    for relation in release.bundle.relations:
        pairs = [
            {left.role, right.role}
            for left in candidates(release, relation.left)
            for right in candidates(release, relation.right)
            if left.interface == right.interface and left.role != right.role
        ]
        assert pairs == [{"provider", "requirer"}], str(relation)


def test_needed_endpoints_are_exactly_the_requiring_sides_of_the_bundle(
    release: Release,
) -> None:
    wanted: dict[str, set[str]] = {name: set() for name in release.charms}
    for relation in release.bundle.relations:
        for left in candidates(release, relation.left):
            for right in candidates(release, relation.right):
                if left.interface != right.interface or left.role == right.role:
                    continue
                end, endpoint = (
                    (relation.left, left) if left.role == "requirer" else (relation.right, right)
                )
                wanted[charm_of(release, end.application).name].add(endpoint.name)
    assert needed_endpoints(release) == wanted


@pytest.mark.parametrize(
    ("name", "charm", "endpoints"),
    [
        ("1.8", "oidc-gatekeeper", {"ingress", "ingress-auth"}),
        ("1.9", "oidc-gatekeeper", {"dex-oidc-config", "ingress", "ingress-auth"}),
        ("1.9", "kfp-api", {"kfp-viz", "object-storage", "relational-db"}),
        ("1.9", "argo-controller", {"object-storage"}),
        ("1.9", "kubeflow-dashboard", {"ingress", "kubeflow-profiles"}),
        ("1.11", "dex-auth", {"oidc-client", "ingress"}),
        ("1.11", "istio-gateway", {"istio-pilot"}),
        ("1.11", "istio-pilot", set()),
        ("1.11", "mysql-k8s", set()),
    ],
)
def test_needed_marks(name: str, charm: str, endpoints: set[str]) -> None:
    assert needed_endpoints(load_release(name))[charm] == endpoints


def test_a_mark_is_ours_and_not_in_the_metadata_of_the_charm() -> None:
    charm = load_release("1.11").charms["kfp-api"]
    assert charm.endpoints["relational-db"].needed
    assert charm.metadata["requires"] == {
        name: {"interface": end.interface, **({"limit": end.limit} if end.limit else {})}
        | ({"optional": True} if end.optional else {})
        for name, end in charm.endpoints.items()
        if end.role == "requirer"
    }


@pytest.mark.parametrize(
    ("name", "charm", "option", "digest"),
    [
        ("1.8", "kfp-profile-controller", "custom_images", "5940acc10b239044"),
        ("1.9", "istio-pilot", "image-configuration", "b9a0cafc8a0e3173"),
        ("1.9", "jupyter-ui", "jupyter-images", "93961950590775f6"),
        ("1.10", "kfp-profile-controller", "custom_images", "fc91d76f6b4394f3"),
        ("1.11", "kserve-controller", "custom_images", "5d807113a0739144"),
        ("1.11", "kubeflow-dashboard", "menu-link-order", "4373a47d9dd1cb16"),
        ("1.11", "jupyter-ui", "gpu-vendors", "ba01046bcf3c7a4e"),
        ("1.11", "knative-serving", "custom_images", "b85bdbe047d79541"),
    ],
)
def test_defaults_are_the_charms_own_to_the_byte(
    name: str, charm: str, option: str, digest: str
) -> None:
    default = load_release(name).charms[charm].options[option].default
    assert isinstance(default, str)
    assert hashlib.sha256(default.encode()).hexdigest()[:16] == digest


def test_a_default_that_the_charm_does_not_have_differs_from_an_empty_one() -> None:
    release = load_release("1.11")
    assert release.charms["istio-pilot"].options["tls-secret-id"].default is None
    assert release.charms["istio-pilot"].options["tls-secret-id"].type == "secret"
    assert release.charms["jupyter-ui"].options["jupyter-images"].default == ""


def test_default_image_files_are_mappings_or_lists_by_option() -> None:
    charms = load_release("1.11").charms
    images = charms["jupyter-ui"].defaults_for("jupyter-images")
    assert images is not None
    assert images.path == "src/default-jupyter-images.yaml"
    assert isinstance(images.value, list)
    assert images.value[0] == "charmedkubeflow/jupyter-scipy:1.10.0-0be57a5"
    custom = charms["kserve-controller"].defaults_for("custom_images")
    assert custom is not None
    assert isinstance(custom.value, dict)
    assert len(custom.value) == 17


def test_bases_follow_what_the_charms_are_built_for() -> None:
    old = load_release("1.9").charms
    assert old["dex-auth"].bases == (
        Base(name="ubuntu", channel="20.04", architectures=("amd64",)),
    )
    assert [str(base) for base in old["argo-controller"].bases] == ["ubuntu@24.04"]
    assert old["mysql-k8s"].bases[0].architectures == ("amd64", "arm64", "s390x")


def test_an_unknown_release_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(ReleaseNotFoundError) as caught:
        load_release("1.12")
    assert caught.value.exit_code == ExitCode.MISSING
    assert "'1.12'" in str(caught.value)
    assert "did you mean" in str(caught.value)
    assert "1.8, 1.9, 1.10, 1.11" in str(caught.value)


@pytest.mark.parametrize("name", ["../1.9", "", ".", "1.9/"])
def test_a_release_is_a_name_and_no_path(name: str) -> None:
    with pytest.raises(ReleaseNotFoundError):
        load_release(name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    requires:", "    requirs:", "unknown key 'requirs'"),
        ("    files:", "    charm-user: root\n    file:", "unknown key 'file'"),
        ("commit: d0b488", "comit: d0b488", "dex-auth: source: unknown key 'comit'"),
    ],
)
def test_damaged_facts_are_an_error_that_names_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    shipped = load_release("1.9").directory
    copy = tmp_path / "1.9"
    copy.mkdir()
    for path in shipped.iterdir():
        text = path.read_text()
        if path.name == "charms.yaml":
            assert old in text
            text = text.replace(old, new, 1)
        (copy / path.name).write_text(text)
    monkeypatch.setattr(releases, "data_directory", lambda: tmp_path)
    with pytest.raises(InputError) as caught:
        load_release("1.9")
    assert message in str(caught.value)
    assert str(copy / "charms.yaml") in str(caught.value)


def customised(**changes: JSONValue) -> Bundle:
    """A bundle of two applications under names of their own."""
    serving: Document = {"charm": "knative-serving", "channel": "1.12/stable"}
    eventing: Document = {"charm": "knative-eventing", "channel": "1.12"}
    document: Document = {
        "bundle": "kubernetes",
        "applications": {"my-serving": {**serving, **changes}, "my-eventing": eventing},
    }
    return Bundle.from_document(document, where="custom")


def test_a_customised_copy_keeps_the_rules_of_its_release() -> None:
    rules = rules_for_bundle(customised())
    shipped = load_release("1.9").rules
    assert dict(rules.charms) == {
        name: shipped.charms[name] for name in ("knative-serving", "knative-eventing")
    }
    assert rules.charm_bases == shipped.charm_bases


def test_a_channel_tells_which_release_the_rules_are_from() -> None:
    for name in NAMES:
        release = load_release(name)
        assert rules_for_bundle(release.bundle).charms == release.rules.charms


def test_images_that_nothing_reaches_come_with_the_channel_of_their_charm() -> None:
    """Also where the rules have nothing else to say about the charm."""
    for name in NAMES:
        release = load_release(name)
        everything = rules_for_bundle(release.bundle).extra_images
        assert set(everything) == set(release.rules.extra_images)
        assert len(everything) == len(release.rules.extra_images)
        applications: dict[str, JSONValue] = {
            "kfp-ui": {"charm": "kfp-ui", "channel": "latest/edge", "scale": 1},
            "training": {
                "charm": "training-operator",
                "channel": release.bundle.applications["training-operator"].channel,
                "scale": 1,
            },
        }
        copy = Bundle.from_document({"applications": applications}, where="copy")
        found = rules_for_bundle(copy).extra_images
        assert len(found) == 2
        assert found == tuple(
            extra for extra in release.rules.extra_images if extra.charm == "training-operator"
        )


def test_extra_images_of_all_releases_are_for_charms_that_these_have() -> None:
    for name in NAMES:
        release = load_release(name)
        assert {extra.charm for extra in release.rules.extra_images} <= set(release.charms)
        assert all(extra.why and extra.used == "later" for extra in release.rules.extra_images)
    assert {extra.image for extra in releases.extra_images() if extra.user_tagged} == {
        "tensorflow/tensorflow"
    }


@pytest.mark.parametrize("channel", ["1.16/edge", "9.9/stable", None])
def test_no_rules_for_a_channel_that_no_release_uses(channel: str | None) -> None:
    assert "knative-serving" not in rules_for_bundle(customised(channel=channel)).charms


def test_common_needs_are_those_of_every_release_that_has_the_charm() -> None:
    common = common_needed_endpoints()
    releases = [load_release(name) for name in NAMES]
    assert set(common) == {charm for release in releases for charm in release.charms}
    for release in releases:
        for charm, endpoints in needed_endpoints(release).items():
            assert common[charm] <= endpoints
    assert common["kfp-api"] == frozenset.intersection(
        *(needed_endpoints(release)["kfp-api"] for release in releases)
    )
    assert common["kfp-api"]
