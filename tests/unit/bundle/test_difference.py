"""The overlay between two bundles is the smallest that leads from one to the other."""

from __future__ import annotations

import copy
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.difference import difference
from ckf_airgap.bundle.merge import merge, merge_documents
from ckf_airgap.documents import Document, JSONValue, load_mapping

BASE = """
bundle: kubernetes
applications:
  a:
    charm: a
    channel: 1/stable
    num_units: 2
    options: {x: 1, y: 'on'}
    annotations: {note: text}
  b: {charm: b, scale: 1}
  c: {charm: c}
relations:
- [a, b]
- ['b:x', 'c:y']
"""


def doc(text: str) -> Document:
    return load_mapping(text, where="test")


@pytest.mark.parametrize(
    "overlay",
    [
        "{}",
        "applications: {a: {charm: ./a.charm, channel: stable}}",
        "applications: {a: {scale: 2}}",
        "applications: {a: {options: {x: true}}}",
        "applications: {a: {options: {x: 1.0}}}",
        "applications: {a: {options: {x: }}}",
        "applications: {a: {options: }}",
        "applications: {a: {annotations: {note: ''}}}",
        "applications: {a: {annotations: {gui-x: '1'}}}",
        "applications: {b: {resources: {image: a/b:1}}}",
        "applications: {b: {to: [a, b]}}",
        "applications: {b: {constraints: }}",
        "{applications: {d: {charm: d}}, relations: [[a, d]]}",
        "series: jammy",
        "machines: {'0': {}}",
        "saas: {s: {url: x}}",
        "relations: [['a:p', 'c:q']]",
        "applications: {b: }",
    ],
)
def test_what_an_overlay_says_is_what_the_difference_says(overlay: str) -> None:
    base, change = doc(BASE), doc(overlay)
    target = merge_documents(base, change)
    found = difference(base, target)
    assert repr(merge_documents(base, found)) == repr(target)
    assert repr(found) == repr(change)


def test_what_the_overlay_repeats_is_left_out() -> None:
    base = doc(BASE)
    same = doc("{applications: {a: {charm: a, options: {x: 1}}, c: {}}}")
    assert difference(base, merge_documents(base, same)) == {}


def test_fields_come_in_the_order_that_a_person_reads() -> None:
    base = doc("applications: {a: {options: {x: 1}, charm: a}}")
    target = doc(
        "applications: {a: {options: {x: 2}, trust: true, resources: {i: x/y:1}, charm: ./a.charm,"
        " constraints: mem=1G, base: x@1, revision: 2, series: x, channel: stable, scale: 2}}"
    )
    applications = difference(base, target)["applications"]
    assert isinstance(applications, dict)
    fields = applications["a"]
    assert isinstance(fields, dict)
    assert list(fields) == [
        "charm",
        "channel",
        "revision",
        "series",
        "base",
        "scale",
        "trust",
        "constraints",
        "resources",
        "options",
    ]


def test_neither_document_is_changed() -> None:
    base, target = doc(BASE), merge_documents(doc(BASE), doc("applications: {b: }"))
    copies = copy.deepcopy((base, target))
    difference(base, target)
    assert (base, target) == copies


# Any documents

Values: TypeAlias = "st.SearchStrategy[JSONValue]"
names = st.sampled_from(["a", "b", "c", "d"])
keys = st.sampled_from(["x", "y", "z"])
scalars: Values = st.sampled_from([0, 1, True, False, 1.0, "", "text", "1"])


def keywise(values: Values) -> Values:
    return st.dictionaries(keys, values, max_size=3)


def fields(extra: Values) -> st.SearchStrategy[Document]:
    """Fields of an application whose values may also be those of `extra`."""
    sections: dict[str, Values] = {
        name: keywise(scalars | extra) | extra
        for name in ("options", "resources", "annotations", "storage")
    }
    single: dict[str, Values] = {
        "charm": scalars | extra,
        "channel": scalars | extra,
        "trust": st.booleans(),
        "constraints": scalars | extra,
        "to": st.lists(names, max_size=2),
    }
    units = st.sampled_from(["scale", "num_units"])
    size = st.none() | st.tuples(units, st.integers(0, 3))
    return st.tuples(st.fixed_dictionaries({}, optional=sections | single), size).map(
        lambda parts: {**parts[0], **({parts[1][0]: parts[1][1]} if parts[1] else {})}
    )


several: Values = names | st.lists(names, min_size=1, max_size=2)
relation: Values = st.lists(names | several, min_size=2, max_size=2)


def documents(applications: Values, extra: Values) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {},
        optional={
            "applications": st.dictionaries(names, applications, max_size=4),
            "saas": st.dictionaries(names, applications, max_size=2),
            "relations": st.lists(relation, max_size=4),
            "series": st.sampled_from(["jammy", "focal"]) | extra,
            "machines": keywise(scalars),
            "bundle": st.just("kubernetes"),
            "description": scalars,
        },
    )


null: Values = st.none()
nothing: Values = st.nothing()
bases = documents(fields(nothing), nothing)
overlays = documents(fields(null) | null, null)
plain_overlays = documents(fields(nothing), nothing)


def sensible(base: Document, over: Document) -> tuple[Document, Document]:
    """Leave out relations of, and the removal of, applications that are not there."""
    present = {name for key in ("applications", "saas") for name in section(base, key)}

    def known(value: JSONValue) -> bool:
        if isinstance(value, list):
            return all(known(item) for item in value)
        return value in present

    relations = base.get("relations")
    if isinstance(relations, list):
        base = {**base, "relations": [pair for pair in relations if known(pair)]}
    for key in ("applications", "saas"):
        if key in over:
            kept = section(over, key).items()
            there = section(base, key)
            over = {**over, key: {name: item for name, item in kept if item or name in there}}
    return base, over


def section(document: Document, key: str) -> Document:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


@given(bases, overlays)
def test_base_and_difference_give_the_target_of_any_overlay(base: Document, over: Document) -> None:
    base, over = sensible(base, over)
    target = merge_documents(base, over)
    assert repr_sorted(merge_documents(base, difference(base, target))) == repr_sorted(target)


@given(bases, st.lists(plain_overlays, max_size=3))
def test_several_overlays_become_one(base: Document, over: list[Document]) -> None:
    target = merge_documents(base, *over)
    assert repr_sorted(merge_documents(base, difference(base, target))) == repr_sorted(target)


@given(bases)
def test_a_document_does_not_differ_from_itself(base: Document) -> None:
    assert difference(base, copy.deepcopy(base)) == {}


@given(bases, overlays)
def test_the_difference_is_never_larger_than_the_overlay(base: Document, over: Document) -> None:
    found = difference(base, merge_documents(base, over))
    assert leaves(found) <= leaves(over)


def leaves(value: JSONValue) -> int:
    if isinstance(value, dict):
        return sum(leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(leaves(item) for item in value)
    return 1


def repr_sorted(value: JSONValue) -> str:
    """Write a value so that order of keys does not count and ``1`` is not ``true``."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{repr_sorted(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(repr_sorted, value)) + "]"
    return repr(value)


@pytest.mark.parametrize("target", ["scale: 0", "scale: ", "trust: true"])
def test_no_units_are_written_so_that_they_have_an_effect(target: str) -> None:
    """An overlay's ``scale: 0`` changes nothing in Juju."""
    base = load_mapping("applications: {a: {charm: a, scale: 2}}", where="base")
    wanted = load_mapping(f"applications: {{a: {{charm: a, {target}}}}}", where="target")
    overlay = difference(base, wanted)
    merged = Bundle.from_document(merge_documents(base, overlay), where="merged")
    assert merged.applications["a"].scale == 0
    assert merge(base, [overlay]).ignored == []
