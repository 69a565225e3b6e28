"""Every image of every release left public, one at a time: the proof sees each of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.errors import ProofError
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.images.lists import RetaggedImages
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.lookup import Replacement
from ckf_airgap.rendering.overlay import Rendering, render
from ckf_airgap.rendering.proof import prove

R = Registry.parse("reg.example.com:5000/ckf")


class Rendered(NamedTuple):
    release: Release
    rendering: Rendering
    images: RetaggedImages


@pytest.fixture(scope="module", params=release_names())
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    release = load_release(request.param)
    directory = tmp_path_factory.mktemp(release.name)
    write_standins(release, directory)
    charms = CharmDirectory.scan(directory)
    rendering = render(release.bundle, charms=charms, images=None, registry=R, rules=release.rules)
    needed = [replacement.need.source for replacement in rendering.replacements]
    return Rendered(release, rendering, RetaggedImages.by_rule(needed, R))


def caught(rendered: Rendered, bundle: Bundle) -> str:
    """Return what the proof says of a bundle that was changed after rendering, if anything."""
    rendering = rendered.rendering
    try:
        prove(
            bundle,
            rendering.charms,
            rendered.images,
            [
                (one.need, one.target)
                for one in rendering.replacements
                if one.need.application in bundle.applications
            ],
        )
    except ProofError as exc:
        return str(exc)
    return ""


def with_option(bundle: Bundle, name: str, option: str, value: str | None) -> Bundle:
    application = bundle.applications[name]
    options = {key: item for key, item in application.options.items() if key != option}
    if value is not None:
        options[option] = value
    changed = dataclasses.replace(application, options=options)
    return dataclasses.replace(bundle, applications={name: changed})


def with_resource(bundle: Bundle, name: str, resource: str, value: str | None) -> Bundle:
    application = bundle.applications[name]
    resources = {key: item for key, item in application.resources.items() if key != resource}
    if value is not None:
        resources[resource] = value
    changed = dataclasses.replace(application, resources=resources)
    return dataclasses.replace(bundle, applications={name: changed})


def of_options(rendered: Rendered) -> Iterator[tuple[Replacement, str]]:
    """Yield each image of an option, with the value of the option as it was rendered."""
    for one in rendered.rendering.replacements:
        if one.need.option:
            application = rendered.rendering.bundle.applications[one.need.application]
            yield one, str(application.options[one.need.option])


def test_what_was_rendered_is_proved(rendered: Rendered) -> None:
    assert caught(rendered, rendered.rendering.bundle) == ""


def test_each_resource_that_keeps_its_public_image_is_named(rendered: Rendered) -> None:
    bundle, places = rendered.rendering.bundle, 0
    for one in rendered.rendering.replacements:
        if one.need.resource:
            for value in (str(one.need.source), None):
                said = caught(
                    rendered,
                    with_resource(bundle, one.need.application, one.need.resource, value),
                )
                assert f"{one.need}: {one.need.source} is not in the registry" in said
            places += 1
    assert places > 20


def test_each_image_that_stays_public_in_an_option_is_named(rendered: Rendered) -> None:
    bundle, places = rendered.rendering.bundle, 0
    for one, value in of_options(rendered):
        need = one.need
        document = yaml.safe_load(value)
        key = need.path[0] if need.path else None
        if isinstance(document, str):
            changed = str(need.source)
        else:
            if isinstance(document, dict) and not str(document[key]).startswith(str(R)):
                continue  # a name that a hub stands in front of
            document[key] = str(need.source)
            changed = json.dumps(document) if places % 2 else yaml.safe_dump(document)
        said = caught(rendered, with_option(bundle, need.application, need.option, changed))
        assert f"{need}: {need.source} is not in the registry" in said
        places += 1
    assert places > 40


def test_each_key_that_is_emptied_or_left_out_is_named(rendered: Rendered) -> None:
    bundle, places = rendered.rendering.bundle, 0
    for one, value in of_options(rendered):
        document = yaml.safe_load(value)
        if not isinstance(document, dict) or "image-configuration" in one.need.option:
            continue
        key = one.need.path[0]
        emptied = yaml.safe_dump({**document, key: ""})
        left_out = yaml.safe_dump({name: item for name, item in document.items() if name != key})
        for changed in (emptied, left_out):
            application = one.need.application
            said = caught(rendered, with_option(bundle, application, one.need.option, changed))
            assert f"{one.need}: " in said
            assert "is not" in said
        places += 1
    assert places > 30


def test_each_option_that_falls_back_to_its_default_is_named(rendered: Rendered) -> None:
    bundle, rendering = rendered.rendering.bundle, rendered.rendering
    for one, _ in of_options(rendered):
        need = one.need
        said = caught(rendered, with_option(bundle, need.application, need.option, None))
        assert f"{need.application}, option {need.option}" in said
        charm = rendering.charms[need.application]
        if charm.defaults_for(need.option) is not None:
            empty = with_option(bundle, need.application, need.option, "")
            assert f"{need}: " in caught(rendered, empty)


def test_a_hub_that_stays_public_is_named_with_every_image_that_it_makes(
    rendered: Rendered,
) -> None:
    bundle = rendered.rendering.bundle
    value = str(bundle.applications["istio-pilot"].options["image-configuration"])
    public = yaml.safe_load(value) | {"global-hub": "docker.io/istio"}
    for changed in (yaml.safe_dump(public), json.dumps(public)):
        said = caught(rendered, with_option(bundle, "istio-pilot", "image-configuration", changed))
        for key in ("pilot-image", "global-proxy-image", "global-proxy-init-image"):
            assert f"istio-pilot, option image-configuration, key {key}: docker.io/istio/" in said
    tagged = yaml.safe_load(value) | {"global-tag": "0.0.1"}
    said = caught(
        rendered,
        with_option(bundle, "istio-pilot", "image-configuration", yaml.safe_dump(tagged)),
    )
    assert f"{R}/istio/pilot:0.0.1 is not in the retag rule" in said


def test_an_image_in_the_place_of_another_is_named(rendered: Rendered) -> None:
    one, other = list(rendered.rendering.replacements)[:2]
    assert one.target != other.target
    bundle = with_resource(
        rendered.rendering.bundle, one.need.application, one.need.resource, str(other.target)
    )
    assert f"{one.need}: {one.target} should be there, and is not" in caught(rendered, bundle)
    assert ImageReference.parse(str(other.target)) in rendered.images.targets
