"""What nobody has set: defaults that are right everywhere, and who cannot log in."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.documents import load_mapping
from ckf_airgap.facts.releases import load_release
from ckf_airgap.facts.site import Site, SiteSetting
from ckf_airgap.rendering.site import SiteRemarks, look_at_site

SITE = load_release("1.8").site
DEX = "dex: {charm: dex-auth, scale: 1%s}"
GATE = "gate: {charm: oidc-gatekeeper, scale: 1%s}"


def look(*applications: str, settings: tuple[str, ...] = (), site: Site = SITE) -> SiteRemarks:
    text = f"applications: {{{', '.join(applications)}}}"
    bundle = Bundle.from_document(load_mapping(text, where="bundle"), where="bundle")
    return look_at_site(bundle, [Setting.parse(one) for one in settings], site, model="ml")


def test_a_default_names_the_model_and_the_application() -> None:
    found = look(DEX % "", GATE % "")
    assert {str(one): one.value for one in found.settings} == {
        "dex.public-url": "http://dex.ml.svc:5556",
        "gate.public-url": "http://dex.ml.svc:5556",
    }
    told = [str(warning) for warning in found.warnings]
    assert sum("becomes http://dex.ml.svc:5556" in text for text in told) == 2


@pytest.mark.parametrize(
    ("options", "settings"),
    [(", options: {public-url: 'https://x'}", ()), ("", ("gate.public-url=https://x",))],
)
def test_what_somebody_has_set_stays(options: str, settings: tuple[str, ...]) -> None:
    found = look(DEX % "", GATE % options, settings=settings)
    assert [str(one) for one in found.settings] == ["dex.public-url"]
    assert not any("gate" in warning.where for warning in found.warnings)


def test_what_is_set_to_nothing_is_warned_of() -> None:
    found = look(DEX % "", GATE % "", settings=("gate.public-url=",))
    assert [str(one) for one in found.settings] == ["dex.public-url"]
    (warning,) = (one for one in found.warnings if "gate" in one.where)
    assert "does not become active" in warning.what
    assert "public-url config required" in warning.what


def test_a_default_needs_the_applications_that_it_names() -> None:
    found = look(GATE % "")
    assert not found.settings
    assert "does not become active" in found.warnings[0].what


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ((), True),
        (("dex.static-username=me",), True),
        (("dex.static-username=me", "dex.static-password=secret"), False),
        (("dex.static-password=secret",), False),
        (("dex.connectors=[]",), False),
    ],
)
def test_who_cannot_log_in(settings: tuple[str, ...], warned: bool) -> None:
    found = look(DEX % "", settings=settings)
    told = [warning for warning in found.warnings if "log in" in warning.what]
    assert bool(told) == warned
    assert "secret" not in " ".join(map(str, found.warnings))
    if told:
        assert "static-password" in told[0].what
        assert "--set dex.static-password=VALUE" in told[0].fix


def test_who_comes_after_whom() -> None:
    found = look(
        "one: {charm: knative-eventing, scale: 1}",
        "two: {charm: knative-operator, scale: 1}",
        "three: {charm: knative-operator, scale: 1}",
    )
    assert found.after == {"one": {"two", "three"}}
    assert look("one: {charm: knative-eventing, scale: 1}").after == {}


def test_an_option_of_another_charm() -> None:
    site = Site(options={"cat": {"food": SiteSetting(needed_for="active", why="it is hungry")}})
    found = look("tom: {charm: cat, scale: 1}", "rex: {charm: dog, scale: 1}", site=site)
    (warning,) = found.warnings
    assert "it is hungry" in warning.what
    assert "--set tom.food=VALUE" in warning.fix
