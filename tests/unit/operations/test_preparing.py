from __future__ import annotations

import dataclasses
from typing import Any, cast

from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    ResetOptions,
    Scale,
    SetOptions,
)
from ckf_airgap.operations.preparing import acting_of, image_places
from ckf_airgap.rendering.overlay import Rendering
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
