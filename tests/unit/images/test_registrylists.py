"""Options that list hosts of registries get the private one, unless a person set them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.registrylists import extended, lists_left, registry_lists
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.overlay import Rendering, render

R = Registry("r.io:5000", "team/ckf")
RULES = ImageRules.from_document(
    load_mapping(
        """
release: mine
rules:
  app:
    channel: '1'
    options:
      skip: {value: {kind: registries}}
      insecure: {value: {kind: registries}}
      image: {value: {kind: reference}}
      nobody: {used: later}
      gone: {value: {kind: registries}}
""",
        where="rules",
    ),
    where="rules",
)


def app() -> Charm:
    options: Document = {
        name: {"type": "string"} for name in ("insecure", "image", "nobody", "plain")
    }
    return charm_from_documents(
        metadata={"name": "app"},
        config={"options": {**options, "skip": {"type": "string", "default": "nvcr.io"}}},
        manifest=load_mapping("bases: [{name: ubuntu, channel: '22.04'}]", where="m"),
        where="app",
        path=Path("app_r1.charm"),
        revision=1,
    )


def bundle(**options: str) -> Bundle:
    return Bundle.from_document(
        {"applications": {"zoo": {"charm": "app", "scale": 1, "options": dict(options)}}},
        where="bundle.yaml",
    )


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (None, "nvcr.io,r.io:5000"),
        ("", "r.io:5000"),
        (" ", "r.io:5000"),
        ("q.io", "q.io,r.io:5000"),
        ("q.io, s.io ,", "q.io,s.io,r.io:5000"),
        ("r.io", "r.io,r.io:5000"),
        ("r.io:5000/team/ckf", "r.io:5000/team/ckf,r.io:5000"),
        ("r.io:5000", None),
        ("q.io, r.io:5000", None),
    ],
)
def test_the_host_goes_behind_what_is_there(given: str | None, added: str | None) -> None:
    options = {} if given is None else {"skip": given}
    found = registry_lists(bundle(**options), {"zoo": app()}, RULES, R)
    assert found.get(("zoo", "skip")) == added
    assert found[("zoo", "insecure")] == "r.io:5000"
    assert found.keys() <= {("zoo", "skip"), ("zoo", "insecure")}


def test_what_a_person_set_stays_and_is_told() -> None:
    lists = {("zoo", "skip"): "q.io,r.io:5000", ("zoo", "insecure"): "r.io:5000"}
    own = {("zoo", "skip"), ("zoo", "plain")}
    assert extended(lists, own) == {"applications": {"zoo": {"options": {"insecure": "r.io:5000"}}}}
    (warning,) = lists_left(lists, own, R)
    assert str(warning) == (
        "application zoo, option skip: r.io:5000 is not in it, and it stays since you set it "
        "(set it to q.io,r.io:5000, unless the application trusts the certificate of the registry)"
    )
    assert extended(lists, lists) == {"applications": {}}


def rendered(*settings: str, **options: str) -> Rendering:
    return render(
        bundle(**options),
        charms=CharmDirectory.of([app()], path=Path("charms")),
        images=None,
        registry=R,
        rules=RULES,
        settings=[Setting.parse(setting) for setting in settings],
    )


def test_rendering_adds_it_and_says_nothing_of_it() -> None:
    rendering = rendered(skip="q.io")
    assert rendering.bundle.applications["zoo"].options == {
        "skip": "q.io,r.io:5000",
        "insecure": "r.io:5000",
    }
    assert rendering.replacements == ()
    assert [warning for warning in rendering.warnings if "skip" in warning.where] == []


@pytest.mark.parametrize(("value", "warnings"), [("q.io", 1), ("q.io,r.io:5000", 0), ("", 1)])
def test_a_setting_wins(value: str, warnings: int) -> None:
    rendering = rendered(f"zoo.skip={value}", skip="s.io")
    assert rendering.bundle.applications["zoo"].options["skip"] == value
    told = [warning for warning in rendering.warnings if warning.where.endswith("option skip")]
    assert len(told) == warnings


@pytest.mark.parametrize("name", release_names())
def test_serving_of_each_release_leaves_tags_of_the_registry_as_they_are(
    name: str, tmp_path: Path
) -> None:
    release = load_release(name)
    write_standins(release, tmp_path)
    rendering = render(
        release.bundle,
        charms=CharmDirectory.scan(tmp_path),
        images=None,
        registry=R,
        rules=release.rules,
    )
    option = "registries-skipping-tag-resolving"
    found = {
        application.name: application.options[option]
        for application in rendering.bundle.applications.values()
        if option in application.options
    }
    has_it = option in release.charms["knative-serving"].options
    assert has_it is (name != "1.8")
    assert found == ({"knative-serving": "nvcr.io,r.io:5000"} if has_it else {})
    text = rendering.overlay_yaml()
    assert (f"{option}: nvcr.io,r.io:5000" in text) is has_it
