"""Each field of a bundle has the type that Juju's own library gives it, and keeps it when written.

The cases and what Juju makes of them were taken from ``github.com/juju/charm/v12``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.bundlefile import load_bundle, load_overlay
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.bundle.shape import load_parts
from ckf_airgap.documents import load_yaml
from ckf_airgap.errors import BundleError


def bundle(tmp_path: Path, fields: str, more: str = "") -> Bundle:
    file = tmp_path / "bundle.yaml"
    file.write_text(
        "bundle: kubernetes\n"
        f"applications:\n  a: {{charm: a, {fields}}}\n  b: {{charm: b}}\n{more}\n"
    )
    return load_bundle(file)


def written(application: Application, key: str) -> object:
    return getattr(application, key)


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ("channel: 1.10", "channel", "1.10"),
        ("channel: 010", "channel", "010"),
        ("channel: 1_000", "channel", "1_000"),
        (
            "annotations: {a: true, v: 1.10, o: on}",
            "annotations",
            {"a": "true", "v": "1.10", "o": "on"},
        ),
        (
            "annotations: {n: 010, d: 2024-01-01, ~: }",
            "annotations",
            {"n": "010", "d": "2024-01-01", "": ""},
        ),
        ("bindings: {'': 0x10, y: no}", "bindings", {"": "0x10", "y": "no"}),
        ("storage: {data: 0010}", "storage", {"data": "0010"}),
        ("devices: {gpu: 1}", "devices", {"gpu": "1"}),
        ("plan: 1.0, constraints: mem=1.0", "constraints", "mem=1.0"),
        ("scale: 2.7", "scale", 2),
        ("scale: 0o17", "scale", 15),
        ("num_units: 1e+1", "scale", 10),
        ("channel: x, revision: 7.0", "revision", 7),
        ("channel: x, revision: 0x10", "revision", 16),
        ("expose: y", "expose", True),
        ("trust: on", "trust", True),
        ("scale: 1, to: [010=1.10]", "placement", ("010=1.10",)),
        ("options: {m: y, n: N}", "options", {"m": True, "n": False}),
        ("options: {a: 1e+3, b: +.5, c: -.5}", "options", {"a": 1000.0, "b": 0.5, "c": -0.5}),
        ("options: {d: 0o17, e: 1.}", "options", {"d": 15, "e": "1."}),
        ("options: {mode: 'y', rate: '1e-5'}", "options", {"mode": "y", "rate": "1e-5"}),
        ("options: {mode: }", "options", {}),
        ("options: {mode: ~, rate: 5}", "options", {"rate": 5}),
        ("resources: {image: 1.10/x, other: 7}", "resources", {"image": "1.10/x", "other": 7}),
    ],
)
def test_a_field_has_the_value_that_juju_reads_and_keeps_it_when_it_is_written(
    tmp_path: Path, fields: str, key: str, value: object
) -> None:
    found = bundle(tmp_path, fields)
    assert written(found.applications["a"], key) == value
    (tmp_path / "again.yaml").write_text(found.to_yaml())
    again = load_bundle(tmp_path / "again.yaml")
    assert written(again.applications["a"], key) == value
    assert again.document == found.document
    assert yaml.safe_load(found.to_yaml()) == load_yaml(found.to_yaml(), where="x")


@pytest.mark.parametrize(
    ("fields", "more", "problem"),
    [
        (
            "scale: 1",
            "relations: [[a:r, [b:p]]]",
            "relations[0][1], line 5: expected text, got a list",
        ),
        ("scale: 1", "relations: [[[a], b]]", "relations[0][0], line 5: expected text, got a list"),
        ("scale: 1", "relations: [a, b]", "relations[0], line 5: expected a list, got 'a'"),
        ("to: disk=ssd", "", "applications.a.to, line 3: expected a list, got 'disk=ssd'"),
        ("to: [[a=b]]", "", "applications.a.to[0], line 3: expected text, got a list"),
        ("scale: 1", "tags: kubeflow", "tags, line 5: expected a list, got 'kubeflow'"),
        ("scale: 1", "saas: [x]", "saas, line 5: expected a mapping, got a list"),
        ("scale: 1", "saas: {s: {url: []}}", "saas.s.url, line 5: expected text, got a list"),
        ("plan: [x]", "", "applications.a.plan, line 3: expected text, got a list"),
        ("placement: {x: y}", "", "applications.a.placement, line 3: expected text, got a mapping"),
        ("annotations: {x: []}", "", "applications.a.annotations.x, line 3: expected text, got"),
        ("bindings: x", "", "applications.a.bindings, line 3: expected a mapping, got 'x'"),
        ("scale: '2'", "", "applications.a.scale, line 3: expected an integer, got '2'"),
        (
            "trust: 1",
            "",
            "applications.a.trust, line 3: expected true or false, got an integer (1)",
        ),
        ("offers: {o: {acl: [x]}}", "", "applications.a.offers.o.acl, line 3: expected a mapping"),
        ("scale: 1", "machines: 0", "machines, line 5: expected a mapping, got an integer (0)"),
    ],
)
def test_where_juju_drops_the_document_in_silence_the_field_is_named(
    tmp_path: Path, fields: str, more: str, problem: str
) -> None:
    with pytest.raises(BundleError, match="of a type that Juju does not take") as raised:
        bundle(tmp_path, fields, more)
    assert problem in str(raised.value)
    assert str(tmp_path / "bundle.yaml") in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["%YAML 1.2\n---\napplications: {a: {charm: a}}", "applications: {a: {charm: a, x: !!null x}}"],
)
def test_what_juju_cannot_read_as_yaml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.yaml").write_text(text)
    with pytest.raises(BundleError, match=r"incompatible YAML document|cannot decode !!str `x`"):
        load_bundle(tmp_path)


def test_maps_of_an_application_are_added_to_by_a_merge_key(tmp_path: Path) -> None:
    text = """
x-common: &common {charm: c, options: {debug: y, level: 1.10}, annotations: {v: 1.10}}
applications:
  a: {<<: *common, options: {level: high}, annotations: {w: 010}}
"""
    (tmp_path / "bundle.yaml").write_text(text)
    found = load_bundle(tmp_path).applications["a"]
    assert (found.charm, found.options) == ("c", {"debug": True, "level": "high"})
    assert found.annotations == {"v": "1.10", "w": "010"}


def test_an_overlay_has_the_same_types(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(
        "applications: {a: {channel: 1.10, annotations: {v: 1.10, w: }, options: {o: }}}"
    )
    base = bundle(tmp_path, "annotations: {v: x, w: z}, options: {o: 1}").document
    merged = Bundle.from_document(merge_documents(base, *load_overlay(file)), where="x")
    assert merged.applications["a"].channel == "1.10"
    assert merged.applications["a"].annotations == {"v": "1.10", "w": ""}
    assert merged.applications["a"].options == {}
    file.write_text("applications: {a: {scale: many}}")
    with pytest.raises(BundleError, match=r"overlay\.yaml has values of a type"):
        load_overlay(file)


def test_keys_that_juju_does_not_know_are_told_with_their_line() -> None:
    text = "name: x\ndocs: x\napplications:\n  a:\n    charm: a\n    resource: {x: 1.10}\n"
    found = load_parts(text, where="x")
    assert [(key.place, key.line) for key in found.unknown] == [
        ("docs", 2),
        ("applications.a.resource", 6),
    ]
    assert "resources" in found.unknown[1].known
