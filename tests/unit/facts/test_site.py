"""What a site must set: the facts of the releases, and the form of the file."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import InputError
from ckf_airgap.facts.releases import (
    common_needed_options,
    load_release,
    release_names,
    site_for_bundle,
)
from ckf_airgap.facts.site import parse_site


def bundle(text: str) -> Bundle:
    return Bundle.from_document(load_mapping(text, where="bundle"), where="bundle")


@pytest.mark.parametrize("name", release_names())
def test_what_is_named_is_in_the_release(name: str) -> None:
    release = load_release(name)
    for charm, options in release.site.options.items():
        assert options.keys() <= release.charms[charm].options.keys()
        for needed in options.values():
            assert set(needed.unless) <= release.charms[charm].options.keys()
            assert needed.why
    for charm, after in release.site.after.items():
        assert {charm, after.charm} <= release.charms.keys()


@pytest.mark.parametrize("name", release_names())
def test_no_password_has_a_default(name: str) -> None:
    site = load_release(name).site
    assert site.options["dex-auth"]["static-password"].needed_for == "use"
    secrets = [
        needed
        for options in site.options.values()
        for option, needed in options.items()
        if any(word in option for word in ("password", "key", "secret", "token"))
    ]
    assert secrets
    assert all(needed.default is None and not needed.otherwise for needed in secrets)


def test_only_1_8_needs_options_and_an_order() -> None:
    assert load_release("1.8").site.needed_options == {
        "oidc-gatekeeper": {"public-url": "public-url config required"}
    }
    assert load_release("1.8").site.after["knative-eventing"].charm == "knative-operator"
    for name in ("1.9", "1.10", "1.11"):
        assert not load_release(name).site.needed_options
        assert not load_release(name).site.after
    assert common_needed_options() == {}


def test_a_copy_of_a_release_has_its_site() -> None:
    ours = bundle(
        "{bundle: kubernetes, applications: {login: {charm: oidc-gatekeeper, channel: "
        "ckf-1.8/stable, scale: 1}, eventing: {charm: knative-eventing, channel: 1.10/stable,"
        " scale: 1}}}"
    )
    site = site_for_bundle(ours)
    assert site.options["oidc-gatekeeper"]["public-url"].blocked
    assert site.after["knative-eventing"].charm == "knative-operator"
    newer = bundle(
        "{applications: {login: {charm: oidc-gatekeeper, channel: ckf-1.9/stable, scale: 1}}}"
    )
    assert not site_for_bundle(newer).options
    local = bundle("{applications: {login: {charm: ./oidc-gatekeeper_r1.charm, scale: 1}}}")
    assert not site_for_bundle(local).options


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{options: {a: {b: {needed-for: fun, why: x}}}}", "needed-for must be active or use"),
        ("{options: {a: {b: {needed-fro: use}}}}", "unknown key options.a.b.needed-fro"),
        ("{option: {}}", "unknown key option"),
        ("{options: [a]}", "options"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_site(text, where="site.yaml")
