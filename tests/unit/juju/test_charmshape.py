"""A charm file and the controller's reply about the same charm have the same shape."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ckf_airgap.charms.charm import Charm, Endpoint
from ckf_airgap.documents import Document
from ckf_airgap.juju.planning.charmshape import CharmShape, shape_of_charm, shape_of_info
from tests.unit.juju.samples import charm

METADATA = """
name: pets
containers: {c: {resource: image}}
subordinate: true
storage:
  data:
    type: filesystem
    description: The data
    location: /data
    minimum-size: 2G
    read-only: true
    properties: [transient]
    multiple: {range: 1-}
  more: {type: block, shared: true, multiple: {range: 0-3}}
devices: {gpu: {type: nvidia.com/gpu, countmin: 2, countmax: 4}, tpu: {type: t}}
provides: {web: {interface: http, limit: 2, scope: container}}
requires: {db: {interface: sql}}
peers: {peer: {interface: peers}}
"""
INFO: Document = {
    "meta": {
        "subordinate": True,
        "containers": {"c": {}},
        "storage": {
            "data": {
                "name": "data",
                "type": "filesystem",
                "description": "The data",
                "shared": False,
                "read-only": True,
                "count-min": 1,
                "count-max": -1,
                "minimum-size": 2048,
                "location": "/data",
                "properties": ["transient"],
            },
            "more": {
                "type": "block",
                "description": "",
                "shared": True,
                "read-only": False,
                "count-min": 0,
                "count-max": 3,
                "minimum-size": 0,
            },
        },
        "devices": {
            "gpu": {
                "Name": "gpu",
                "Description": "",
                "Type": "nvidia.com/gpu",
                "CountMin": 2,
                "CountMax": 4,
            },
            "tpu": {"Name": "tpu", "Description": "", "Type": "t", "CountMin": 1, "CountMax": 1},
        },
        "provides": {"web": {"interface": "http", "limit": 2, "scope": "container"}},
        "requires": {"db": {"interface": "sql", "limit": 0, "scope": "global"}},
        "peers": {"peer": {"interface": "peers"}},
    },
    "manifest": {"bases": [{"name": "ubuntu", "channel": "22.04/stable"}]},
}


def test_both_forms_have_the_same_shape() -> None:
    file, live = shape_of_charm(charm(METADATA)), shape_of_info(INFO)
    assert [str(base) for base in live.bases] == [str(base) for base in file.bases]
    assert dataclasses.replace(live, bases=file.bases) == file
    assert file.storage["data"] == {
        "type": "filesystem",
        "description": "The data",
        "shared": False,
        "read-only": True,
        "least": 1,
        "most": -1,
        "minimum-size": 2048,
        "location": "/data",
        "properties": ["transient"],
    }
    assert (file.storage["more"]["least"], file.storage["more"]["most"]) == (0, 3)
    assert file.devices["gpu"] == {
        "type": "nvidia.com/gpu",
        "description": "",
        "countmin": 2,
        "countmax": 4,
    }
    assert file.endpoints["web"] == Endpoint(
        name="web", role="provider", interface="http", limit=2, scope="container"
    )
    assert file.endpoints["db"].limit is None
    assert file.subordinate


@pytest.mark.parametrize(
    ("written", "least", "most"),
    [("1", 1, 1), ("2", 2, 2), ("0-1", 0, 1), ("1+", 1, -1), ("3-", 3, -1), ("x", 1, 1)],
)
def test_ranges_of_storage(written: str, least: int, most: int) -> None:
    text = f"{{name: x, storage: {{s: {{type: filesystem, multiple: {{range: '{written}'}}}}}}}}"
    shape = shape_of_charm(charm(text)).storage["s"]
    assert (shape["least"], shape["most"]) == (least, most)
    single = shape_of_charm(charm("{name: x, storage: {s: }}")).storage["s"]
    assert (single["least"], single["most"]) == (1, 1)


PODSPEC = charm("{name: x, series: [kubernetes]}", bases="[]")


@pytest.mark.parametrize(
    ("subject", "form", "is_kubernetes"),
    [
        (charm("{name: x, containers: {c: }}"), 2, True),
        (charm("{name: x}"), 2, False),
        (PODSPEC, 1, True),
        (charm("{name: x, series: [kubernetes]}"), 1, True),
        (charm("{name: x, series: [focal], containers: {c: }}"), 1, False),
        (charm("{name: x, containers: {c: }}", bases="[]"), 1, False),
        (
            dataclasses.replace(
                charm("{name: x, containers: {c: }}"), documents=frozenset({"metadata.yaml"})
            ),
            1,
            False,
        ),
        (
            dataclasses.replace(
                charm("{name: x, containers: {c: }}"), documents=frozenset({"manifest.yaml"})
            ),
            2,
            True,
        ),
    ],
)
def test_the_format_of_the_metadata(subject: Charm, form: int, is_kubernetes: bool) -> None:
    shape = shape_of_charm(subject)
    assert (shape.format, shape.is_kubernetes) == (form, is_kubernetes)


def test_the_format_of_a_live_charm() -> None:
    meta: dict[str, Any] = {"series": ["kubernetes"]}
    assert shape_of_info({"meta": meta}).format == 1
    assert shape_of_info({"meta": meta}).is_kubernetes
    assert shape_of_info(INFO).format == 2
    assert shape_of_info({**INFO, "meta": meta}).format == 1


def test_a_deployment_that_is_declared() -> None:
    text = (
        "{name: x, series: [kubernetes],"
        " deployment: {type: stateful, service: omit, min-version: '1.20'}}"
    )
    wanted = {"type": "stateful", "mode": "workload", "service": "omit", "min-version": "1.20"}
    assert shape_of_charm(charm(text)).deployment == wanted
    assert shape_of_info({"meta": {"deployment": {**wanted}}}).deployment == wanted
    assert shape_of_charm(PODSPEC).deployment is None
    nothing = dict.fromkeys(("type", "mode", "service", "min-version"), "")
    assert shape_of_info({"meta": {"deployment": {}}}).deployment == nothing
    bare = shape_of_charm(charm("{name: x, deployment: {}}")).deployment
    assert bare == {**nothing, "mode": "workload"}


def test_counts_that_are_none_are_one() -> None:
    shape = shape_of_info({"meta": {"storage": {"s": {}}, "devices": {"d": {"CountMin": "x"}}}})
    assert (shape.storage["s"]["least"], shape.storage["s"]["most"]) == (1, 1)
    assert (shape.devices["d"]["countmin"], shape.devices["d"]["countmax"]) == (1, 1)


def test_what_is_declared_without_anything_has_the_defaults() -> None:
    storage = {
        "type": "",
        "description": "",
        "shared": False,
        "read-only": False,
        "least": 1,
        "most": 1,
        "minimum-size": 0,
        "location": "",
        "properties": [],
    }
    device = {"type": "", "description": "A device", "countmin": 1, "countmax": 1}
    info = shape_of_info(
        {
            "meta": {
                "storage": {"s": {"properties": "x"}},
                "devices": {"d": {"Description": "A device"}},
                "provides": {"p": {"limit": -1, "scope": "x"}},
            }
        }
    )
    text = "{name: x, storage: {s: {properties: x}}, devices: {d: {description: A device}}}"
    for shape in (info, shape_of_charm(charm(text))):
        assert shape.storage == {"s": storage}
        assert shape.devices == {"d": device}
    assert info.endpoints == {
        "p": Endpoint(name="p", role="provider", interface="", limit=None, scope="global")
    }


@pytest.mark.parametrize("info", [{}, {"meta": None}, {"meta": {"storage": []}, "manifest": 1}])
def test_what_a_controller_leaves_out_is_not_there(info: Any) -> None:
    assert shape_of_info(info) == CharmShape(format=1, is_kubernetes=False)
