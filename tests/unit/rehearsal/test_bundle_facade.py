from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.documents import natural
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal

BUNDLE = """
bundle: kubernetes
name: kubeflow
applications:
  app-10: {charm: local:db-0, scale: 1, channel: stable}
  app-2:
    charm: local:db-0
    channel: stable
    scale: 2
    trust: true
    constraints: mem=2G arch=arm64
    options: {port: 1}
    resources: {image: 7, other: "r/x:1"}
    annotations: {gui-x: "3"}
    expose: true
  web: {charm: local:web-0, series: jammy}
relations:
- [web:backend, "app-2:http"]
- [web, [app-10, app-2]]
"""


async def plan(rehearsal: Rehearsal, *documents: str, url: str = "") -> Any:
    params: Any = {"yaml": "\n---\n".join(documents), "bundleURL": url}
    return await rehearsal.call(Bundle, "GetChangesMapArgs", params)


async def test_a_bundle_becomes_changes_in_order(rehearsal: Rehearsal) -> None:
    reply = await plan(rehearsal, BUNDLE)
    assert [change["id"] for change in reply["changes"]] == [
        "addCharm-0",
        "deploy-1",
        "expose-2",
        "setAnnotations-3",
        "addCharm-4",
        "deploy-5",
        "addCharm-6",
        "deploy-7",
        "addRelation-8",
        "addRelation-9",
        "addRelation-10",
    ]
    assert reply["errors"] == [""] * 11
    by_id = {change["id"]: change for change in reply["changes"]}
    assert by_id["deploy-1"] == {
        "id": "deploy-1",
        "method": "deploy",
        "args": {
            "charm": "$addCharm-0",
            "application": "app-2",
            "num-units": 2,
            "options": {"port": 1, "trust": True},
            "constraints": "mem=2G arch=arm64",
            "channel": "stable",
            "resources": {"image": 7},
            "local-resources": {"other": "r/x:1"},
        },
        "requires": ["addCharm-0"],
    }
    assert by_id["addCharm-0"]["args"] == {
        "charm": "local:db-0",
        "channel": "stable",
        "architecture": "arm64",
    }
    assert by_id["addCharm-6"]["args"] == {"charm": "local:web-0", "base": "ubuntu@22.04/stable"}
    assert by_id["addRelation-8"] == {
        "id": "addRelation-8",
        "method": "addRelation",
        "args": {"endpoint1": "$deploy-7:backend", "endpoint2": "$deploy-1:http"},
        "requires": ["deploy-7", "deploy-1"],
    }
    assert by_id["addRelation-9"]["args"]["endpoint2"] == "$deploy-5"


async def test_one_charm_is_added_once_and_the_url_is_an_annotation(rehearsal: Rehearsal) -> None:
    text = "bundle: kubernetes\napplications: {a: {charm: x}, b: {charm: x}}"
    reply = await plan(rehearsal, text, url="/b.yaml")
    methods = [change["method"] for change in reply["changes"]]
    assert methods == ["addCharm", "deploy", "setAnnotations", "deploy", "setAnnotations"]
    assert reply["changes"][2]["args"] == {
        "id": "$deploy-1",
        "entity-type": "application",
        "annotations": {"bundleURL": "/b.yaml"},
    }


async def test_units_of_a_bundle_that_is_not_for_kubernetes_are_added_singly(
    rehearsal: Rehearsal,
) -> None:
    reply = await plan(rehearsal, "applications: {a: {charm: x, num_units: 2}}")
    assert [change["method"] for change in reply["changes"]] == [
        "addCharm",
        "deploy",
        "addUnit",
        "addUnit",
    ]


async def test_overlays_are_merged(rehearsal: Rehearsal) -> None:
    overlay = "applications: {web: null, app-10: null, app-2: {scale: 5, annotations: null}}"
    reply = await plan(rehearsal, BUNDLE, overlay)
    methods = [change["method"] for change in reply["changes"]]
    assert methods == ["addCharm", "deploy", "expose"]
    assert reply["changes"][1]["args"]["num-units"] == 5


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("applications: {}", ["at least one application must be specified"]),
        (
            "bundle: k9s\nseries: BAD\napplications: {a: {}}",
            [
                'bundle has an invalid type "k9s"',
                'bundle declares an invalid series "BAD"',
                "empty charm path",
            ],
        ),
        (
            "bundle: kubernetes\nmachines: {0: {}}\napplications: {a: {charm: x}}",
            ["bundle machines not valid for Kubernetes bundles"],
        ),
        (
            "applications: {a: {charm: 'ch:x-3', revision: 1}}",
            [
                'cannot specify revision in "ch:x-3", please use revision',
                (
                    'application "a" with a revision requires a channel for future upgrades, '
                    "please use channel"
                ),
            ],
        ),
        (
            "applications: {a: {charm: X_, base: nowhere, num_units: -1, resources: {i: [1]}}}",
            [
                (
                    'invalid charm URL in application "a": cannot parse name and/or revision in '
                    'URL "X_": name "X_" not valid'
                ),
                'negative number of units specified on application "a"',
                'application "a" declares an invalid base "nowhere"',
                'resource revision "[1]" is not int or string',
            ],
        ),
        (
            "applications: {a: {charm: ./a.charm, scale: 1, num_units: 1, revision: -1}}",
            [
                'the revision for application "a" must be zero or greater',
                'cannot specify both scale and num_units for application "a"',
            ],
        ),
        (
            (
                "applications: {a: {charm: x}}\n"
                "relations: [[a, b, c], ['a:x', 'b:y'], ['a:x', 'a:y'], [a, 'b:']]"
            ),
            [
                'relation ["a" "b" "c"] has 3 endpoint(s), not 2',
                'relation ["a:x" "b:y"] refers to application "b" not defined in this bundle',
                'relation ["a:x" "a:y"] relates an application to itself',
                'invalid relation syntax "b:"',
            ],
        ),
        (
            "applications: {a: {charm: x}, b: {charm: x}}\nrelations: [[a, b], [b, a]]",
            ['relation ["b" "a"] is defined more than once'],
        ),
        (
            "applications: {a: {charm: x, offers: {o: {}}}}",
            ["applications.a.offers can only appear in an overlay section"],
        ),
    ],
)
async def test_all_that_is_wrong_is_told_together(
    rehearsal: Rehearsal, text: str, errors: list[str]
) -> None:
    assert await plan(rehearsal, text) == {"errors": errors}


@pytest.mark.parametrize("text", ["a: [", "- a", ""])
async def test_what_is_no_bundle_is_refused(rehearsal: Rehearsal, text: str) -> None:
    with pytest.raises(ApiError, match="cannot read bundle YAML"):
        await plan(rehearsal, text)


def test_names_are_sorted_as_people_do() -> None:
    assert sorted(["a10", "a2", "a", "b1"], key=natural) == ["a", "a2", "a10", "b1"]
