from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest

from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.errors import CharmError
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    ResetOptions,
    Scale,
    SetOptions,
)
from ckf_airgap.operations.preparing import acting_of, check_files, image_places
from ckf_airgap.rendering.overlay import Rendering
from tests.charms import write_charm
from tests.unit.juju.applying.steps import deploy, record, refresh


def test_units_act_on_another_charm_resource_or_option() -> None:
    plan = Plan(
        model="m",
        steps=(
            refresh("a"),
            AttachResources(application="b", resources=()),
            SetOptions(application="c", options={}),
            ResetOptions(application="d", names=()),
            deploy("e"),
            record("f"),
            Scale(application="g", scale=2, was=1),
        ),
    )
    assert acting_of(plan) == {"a", "b", "c", "d"}
    assert acting_of(Plan(model="m")) == set()


@dataclasses.dataclass
class Need:
    where: str


@dataclasses.dataclass
class Place:
    target: str
    need: Need


def test_an_image_has_a_place_where_it_is_the_same_everywhere() -> None:
    places = [
        Place("r/a:1", Need("resource oci-image")),
        Place("r/a:1", Need("resource oci-image")),
        Place("r/b:1", Need("option x")),
        Place("r/b:1", Need("option y")),
    ]
    rendering = cast(
        "Rendering", cast("Any", dataclasses.make_dataclass("R", ["replacements"])(places))
    )
    assert image_places(rendering) == {"r/a:1": "resource oci-image"}


async def test_every_damaged_file_is_named_once(tmp_path: Path) -> None:
    good = read_charm(write_charm(tmp_path, "good"))
    bad, worse = (
        dataclasses.replace(good, path=tmp_path / name) for name in ("a.charm", "b.charm")
    )
    for charm in (bad, worse):
        assert charm.path is not None
        charm.path.write_bytes(b"PK no zip")
    nowhere = dataclasses.replace(good, path=None)
    await check_files({"good": good, "nowhere": nowhere})
    with pytest.raises(CharmError) as caught:
        await check_files({"x": worse, "y": good, "z": bad, "again": bad})
    assert len(caught.value.problems) == 2
    first, second = (problem.what for problem in caught.value.problems)
    assert "a.charm" in first
    assert "b.charm" in second
