from __future__ import annotations

import pytest

from ckf_airgap.juju.applying.parts import Part, brings_about, parts_of
from ckf_airgap.juju.planning.steps import (
    ApplicationStep,
    Scale,
    SetAnnotations,
    SetOptions,
)
from tests.unit.juju.applying.steps import deploy, record, refresh, replace

OPTIONS = SetOptions(application="a", options={"x": "1"})
NOTE = SetAnnotations(application="a", annotations={"n": "1"})
OTHER = SetAnnotations(application="a", annotations={"n": "2", "m": "3"})
RECORD = record("a")


def test_annotations_and_the_record_go_together() -> None:
    assert parts_of([OPTIONS, NOTE, OTHER, RECORD]) == [
        Part(steps=(OPTIONS,)),
        Part(steps=(NOTE, OTHER, RECORD), annotations={"n": "2", "m": "3"}, record=RECORD),
    ]


def test_the_annotations_of_a_deployment_go_with_its_record() -> None:
    step = deploy("a", annotations={"gui": "1"})
    assert parts_of([step, RECORD]) == [
        Part(steps=(step,)),
        Part(steps=(RECORD,), annotations={"gui": "1"}, record=RECORD),
    ]
    assert parts_of([step, OPTIONS, RECORD]) == [
        Part(steps=(step,)),
        Part(steps=(), annotations={"gui": "1"}),
        Part(steps=(OPTIONS,)),
        Part(steps=(RECORD,), record=RECORD),
    ]
    assert parts_of([step])[-1] == Part(steps=(), annotations={"gui": "1"})


def test_what_annotates_nothing_is_a_part_by_itself() -> None:
    scale = Scale(application="a", scale=2, was=1)
    assert parts_of([OPTIONS, scale]) == [Part(steps=(OPTIONS,)), Part(steps=(scale,))]
    assert parts_of([deploy("a")]) == [Part(steps=(deploy("a"),))]
    assert parts_of([]) == []
    assert not Part(steps=(scale,)).annotates
    assert Part(steps=(), annotations={"a": "b"}).annotates
    assert Part(steps=(RECORD,), record=RECORD).annotates


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([deploy("a")], True),
        ([OPTIONS, refresh("a")], True),
        ([*replace("a")], True),
        ([replace("a")[0]], False),
        ([OPTIONS, NOTE, RECORD], False),
        ([], False),
    ],
)
def test_others_wait_for_what_is_deployed_or_refreshed(
    steps: list[ApplicationStep], expected: bool
) -> None:
    assert brings_about(steps) is expected
