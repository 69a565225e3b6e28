"""A model as a stream of changes: whoever applies them has the model."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import Document
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    RelationSnapshot,
    StatusInfo,
    UnitSnapshot,
)
from ckf_airgap.juju.snapshots.stream import apply_change, change_documents

STATUS = st.builds(
    StatusInfo, current=st.sampled_from(["active", "blocked"]), message=st.sampled_from(["", "x"])
)


@st.composite
def applications(draw: st.DrawFn, name: str) -> ApplicationSnapshot:
    numbers = draw(st.sets(st.integers(0, 12), max_size=3))
    return ApplicationSnapshot(
        name=name,
        charm_url=draw(st.sampled_from(["local:a-0", "local:a-1"])),
        status=draw(STATUS),
        scale=draw(st.sampled_from([None, 1, 3])),
        units=tuple(
            UnitSnapshot(
                name=f"{name}/{number}", application=name, workload=draw(STATUS), agent=draw(STATUS)
            )
            for number in sorted(numbers)
        ),
    )


@st.composite
def models(draw: st.DrawFn) -> ModelSnapshot:
    names = draw(st.sets(st.sampled_from(["a", "b-2", "b-10"])))
    numbers = draw(st.sets(st.integers(0, 12), max_size=4))
    return ModelSnapshot(
        model="m",
        life=draw(st.sampled_from(["alive", "dying"])),
        applications={name: draw(applications(name)) for name in sorted(names)},
        relations=tuple(
            RelationSnapshot(id=number, key=draw(st.sampled_from(["k", "l"])))
            for number in sorted(numbers)
        ),
    )


def document(model: ModelSnapshot) -> Document:
    as_json: Document = json.loads(json.dumps(model.to_json()))
    return as_json


@given(st.lists(models(), min_size=1, max_size=4))
def test_whoever_applies_all_changes_has_the_model(course: list[ModelSnapshot]) -> None:
    state: Document = {}
    before = None
    for model in course:
        for change in change_documents(before, model):
            state = apply_change(state, json.loads(json.dumps(change)))
        before = model
        assert json.dumps(state) == json.dumps(document(model))  # in the same order, too


def unit(name: str, workload: str) -> UnitSnapshot:
    return UnitSnapshot(
        name=name,
        application=name.partition("/")[0],
        workload=StatusInfo(current=workload),
    )


CAT = ApplicationSnapshot(name="cat", units=(unit("cat/0", "active"), unit("cat/1", "active")))
DOG = ApplicationSnapshot(name="dog", scale=1, units=(unit("dog/0", "active"),))
PREY = RelationSnapshot(id=4, key="cat:prey dog:prey", interface="prey")
MODEL = ModelSnapshot(model="m", applications={"cat": CAT, "dog": DOG}, relations=(PREY,))


def told(after: ModelSnapshot, before: ModelSnapshot | None = MODEL) -> list[Document]:
    return list(change_documents(before, after))


def test_the_first_document_has_the_whole_model_and_no_change_is_none() -> None:
    assert told(MODEL, None) == [{"change": "model", "value": MODEL.to_json()}]
    assert told(MODEL) == []
    other = dataclasses.replace(MODEL, model="n")
    assert told(other) == [{"change": "model", "value": other.to_json()}]


def test_only_the_unit_that_changed_is_told() -> None:
    new = unit("dog/0", "blocked")
    after = {"cat": CAT, "dog": dataclasses.replace(DOG, units=(new,))}
    assert told(dataclasses.replace(MODEL, applications=after)) == [
        {"change": "unit", "application": "dog", "unit": "dog/0", "value": new.to_json()}
    ]


def test_an_application_is_told_without_its_units() -> None:
    after = {"cat": CAT, "dog": dataclasses.replace(DOG, exposed=True)}
    (change,) = told(dataclasses.replace(MODEL, applications=after))
    assert (change["change"], change["application"]) == ("application", "dog")
    value = change["value"]
    assert isinstance(value, dict)
    assert value["exposed"] is True
    assert "units" not in value
    changed = dataclasses.replace(MODEL, applications=after)
    assert apply_change(document(MODEL), change) == document(changed)


def test_what_is_gone_has_no_value() -> None:
    after = dataclasses.replace(
        MODEL,
        life="dying",
        applications={"cat": dataclasses.replace(CAT, scale=2, units=(CAT.units[0],))},
        relations=(),
    )
    assert told(after) == [
        {"change": "life", "value": "dying"},
        {"change": "unit", "application": "cat", "unit": "cat/1", "value": None},
        {"change": "application", "application": "dog", "value": None},
        {"change": "relation", "id": 4, "value": None},
    ]


def test_what_comes_is_told_before_its_units() -> None:
    empty = ModelSnapshot(model="m")
    kinds = [(change["change"], change.get("unit")) for change in told(MODEL, empty)]
    assert kinds == [
        ("application", None),
        ("unit", "cat/0"),
        ("unit", "cat/1"),
        ("application", None),
        ("unit", "dog/0"),
        ("relation", None),
    ]


def test_times_that_are_not_in_the_documents_make_no_change() -> None:
    relation = dataclasses.replace(PREY, since="2030-01-01T00:00:00Z")
    assert told(dataclasses.replace(MODEL, relations=(relation,))) == []


def test_a_change_does_not_alter_the_model_it_is_applied_to() -> None:
    before = document(MODEL)
    kept = json.dumps(before)
    for change in told(ModelSnapshot(model="m", life="dying")):
        apply_change(before, change)
    assert json.dumps(before) == kept
    relation: Document = {"id": 3}
    known = apply_change({}, {"change": "relation", "id": 3, "value": relation})
    assert known == {"relations": [relation]}
    odd: Document = {"relations": [{}, {"id": "x"}, {"id": 0.5}]}
    first: Document = {"id": 0}
    both = apply_change(odd, {"change": "relation", "id": 0, "value": first})
    assert both == {"relations": [{}, {"id": "x"}, {"id": 0.5}, first]}
    assert apply_change(known, {"change": "relation", "id": 3, "value": None}) == {"relations": []}
    assert apply_change(before, {"change": "controller", "value": {}}) == before
