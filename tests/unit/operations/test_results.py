"""What operations return, as a person meets it in a shell or in a failing test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap import (
    CharmDirectory,
    ImageNotFoundError,
    ImageReference,
    Inputs,
    ListingInputs,
    Platform,
    Registry,
    TransferSettings,
    UsageError,
    audit_images,
    explain_images,
    list_images,
    load_images,
    load_release,
    places_in_registry,
    places_of_mapping,
    pull_images,
    rehearse,
    release_names,
    retag_images,
    save_per_image,
    write_standins,
)

ENVOY = ImageReference.parse("gcr.io/ml-pipeline/frontend:2.0.3")
READABLE = 1500
"""Characters that a person still reads."""


async def test_a_rehearsal_and_all_in_it_are_short_to_look_at() -> None:
    rehearsal = await rehearse(Inputs(bundle="1.11"), speed=600)
    deployment = rehearsal.deployment
    assert deployment.report is not None
    assert deployment.waited is not None
    for one in (
        rehearsal,
        deployment,
        deployment.rendering,
        deployment.rendering.proof,
        deployment.plan,
        deployment.report,
        deployment.waited,
        deployment.waited.snapshot,
    ):
        assert len(repr(one)) < READABLE, type(one)
        assert repr(one).startswith(f"{type(one).__name__}(")
    assert "kubeflow" in repr(rehearsal)


async def test_releases_lists_and_charms_are_short_to_look_at(tmp_path: Path) -> None:
    release = load_release("1.11")
    write_standins(release, tmp_path)
    listing = await list_images(ListingInputs(bundle="1.11"))
    references = [image.reference for image in listing.inventory]
    mapping = retag_images(references, Registry.parse("r:5000"))
    audited = await audit_images(ListingInputs(bundle="1.11", charms=tmp_path))
    scanned = CharmDirectory.scan(tmp_path)
    for one in (release, release.bundle, listing, mapping, audited, scanned, listing.inventory):
        assert len(repr(one)) < READABLE, type(one)


async def test_an_image_is_explained_in_all_releases_or_in_some() -> None:
    everywhere = await explain_images([ENVOY])
    releases = {one.listing.named.where for one in everywhere}
    assert releases
    assert releases <= {f"release {name}" for name in release_names()}
    for one in everywhere:
        assert one.asked == ENVOY
        assert one.image is not None
        assert one.image.reference == ENVOY
        assert one.image.reasons

    name = everywhere[0].listing.named.where.removeprefix("release ")
    assert len(await explain_images([ENVOY], [ListingInputs(bundle=name)])) == 1


async def test_an_image_that_nobody_asks_for_is_an_error_that_names_it() -> None:
    stranger = ImageReference.parse("quay.io/nobody/asks:1")
    with pytest.raises(ImageNotFoundError) as caught:
        await explain_images([ENVOY, stranger])
    assert [problem.what for problem in caught.value.problems] == [str(stranger)]


async def test_an_audit_reads_the_charms_and_lists_their_images(tmp_path: Path) -> None:
    write_standins(load_release("1.11"), tmp_path)
    audited = await audit_images(ListingInputs(bundle="1.11", charms=tmp_path))
    assert audited.listing.from_files
    assert len(audited.report.charms) == len(load_release("1.11").charms)
    assert audited.report.of_standing("hidden") == ()


def test_places_follow_the_rule_or_the_mapping() -> None:
    registry = Registry.parse("r.example:5000")
    other = ImageReference.parse("quay.io/a/b:1")
    by_rule = places_in_registry(registry, max_depth=1)([ENVOY, other])
    assert by_rule == retag_images([ENVOY, other], registry, max_depth=1)

    look_up = places_of_mapping(by_rule)
    assert look_up([other]).images == by_rule.images[1:]
    assert look_up([other]).registry == registry
    with pytest.raises(UsageError, match=r"no place for quay\.io/a/c:1"):
        look_up([ImageReference.parse("quay.io/a/c:1")])


async def test_several_platforms_are_refused_where_an_image_has_one(tmp_path: Path) -> None:
    two = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))
    settings = TransferSettings(platforms=two)
    with pytest.raises(UsageError, match="a Docker Engine has one platform"):
        await pull_images([ENVOY], None, settings)
    with pytest.raises(UsageError, match="a Docker Engine has one platform"):
        await load_images(tmp_path / "i.tar", None, settings)
    with pytest.raises(UsageError, match="a tar of one image has one platform"):
        await save_per_image(None, tmp_path / "i.tar", settings, source=tmp_path)
