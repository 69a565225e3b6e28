"""Paths as callers give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap import (
    AirgapError,
    CharmDirectory,
    CharmSources,
    ImageList,
    Inputs,
    JujuTarget,
    ListingInputs,
    PackPlan,
    Registry,
    StoreOptions,
    TransferSettings,
    UsageError,
    list_images,
    load_bundle,
    read_charm,
    render_release,
    verify_pack,
    write_standin,
)
from tests.unit.cli.conftest import BUNDLE, CAT, DOG, World, world

__all__ = ["world"]


def given(value: Any) -> Any:
    """Hide from the type checker what a program without one would pass."""
    return value


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (Inputs(bundle="1.11", charms=given("here")), "charms"),
        (Inputs(bundle="1.11", relative_to=given("here")), "relative_to"),
        (ListingInputs(bundle="1.11", rules=given("here")), "rules"),
        (PackPlan(charms=CharmSources(), registry=Registry("r"), output=given("here")), "output"),
        (TransferSettings(ca_file=given("here")), "ca_file"),
        (StoreOptions(ca_file=given("here")), "ca_file"),
        (JujuTarget(model="kubeflow", juju_data=given("here")), "juju_data"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_path_may_be_text(made: object, field: str) -> None:
    assert getattr(made, field) == Path("here")


def test_a_path_that_was_not_given_stays_so() -> None:
    assert Inputs(bundle="1.11").charms is None


def test_several_may_be_any_sequence() -> None:
    inputs = Inputs(
        bundle="1.11", overlays=given(["a.yaml", Path("b.yaml")]), settings=given(["x.y=1"])
    )
    assert inputs.overlays == (Path("a.yaml"), Path("b.yaml"))
    assert inputs.settings == ("x.y=1",)
    assert TransferSettings(plain_http=given(["a:5000"])).plain_http == frozenset({"a:5000"})
    assert hash(inputs) == hash(inputs)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Inputs, "overlays", "a.yaml"),
        (Inputs, "overlays", Path("a.yaml")),
        (Inputs, "settings", "app.option=1"),
        (ListingInputs, "append", "more.txt"),
    ],
)
def test_one_in_place_of_several_is_refused_before_it_is_taken_apart(
    kind: type, field: str, value: object
) -> None:
    with pytest.raises(UsageError, match=f"takes several {field}, not .* alone") as caught:
        kind(bundle="1.11", **{field: value})
    assert f"{field}=[{str(value)!r}]" in caught.value.fix


async def test_a_bundle_is_rendered_with_texts_as_paths(world: World) -> None:
    rendering = await render_release(
        Inputs(
            bundle=str(world.bundle),
            charms=given(str(world.charms)),
            images=given(str(world.images)),
        )
    )
    assert len(rendering.images) == 2
    listing = await list_images(
        ListingInputs(bundle=str(world.bundle), charms=given(str(world.charms)))
    )
    assert listing.from_files


def test_functions_take_texts_as_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bundle.yaml").write_text(BUNDLE)
    Path("images.txt").write_text("docker.io/pets/cat:1.0\n")
    assert write_standin(CAT, "charms", 3) == Path("charms/cat_r3.charm")
    write_standin(DOG, "charms", 5)

    assert read_charm("charms/cat_r3.charm").name == "cat"
    assert set(CharmDirectory.scan("charms").charms) == {"cat", "dog"}
    assert set(load_bundle("bundle.yaml").applications) == {"cat", "dog"}
    assert len(ImageList.read("images.txt")) == 1
    with pytest.raises(AirgapError, match="nowhere"):
        verify_pack("nowhere")
