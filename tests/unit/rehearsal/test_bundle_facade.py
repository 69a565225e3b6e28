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
  app10: {charm: local:db-0, scale: 1, channel: stable}
  app2:
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
- [web:backend, "app2:http"]
- [web, app10]
- [web, app2]
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
        "deploy-4",
        "addCharm-5",
        "deploy-6",
        "addRelation-7",
        "addRelation-8",
        "addRelation-9",
    ]
    assert reply["errors"] == [""] * 10
    by_id = {change["id"]: change for change in reply["changes"]}
    assert by_id["deploy-1"] == {
        "id": "deploy-1",
        "method": "deploy",
        "args": {
            "charm": "$addCharm-0",
            "application": "app2",
            "num-units": 2,
            "options": {"port": 1},
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
    }
    assert by_id["addCharm-5"]["args"] == {
        "charm": "local:web-0",
        "base": "ubuntu@22.04/stable",
        "series": "jammy",
    }
    assert by_id["addRelation-7"] == {
        "id": "addRelation-7",
        "method": "addRelation",
        "args": {"endpoint1": "$deploy-6:backend", "endpoint2": "$deploy-1:http"},
        "requires": ["deploy-1", "deploy-6"],
    }
    assert by_id["addRelation-8"]["args"]["endpoint2"] == "$deploy-4"


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
    overlay = "applications: {web: null, app10: null, app2: {scale: 5, annotations: null}}"
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
                (
                    'invalid charm URL in application "a": cannot parse name and/or revision in '
                    'URL "": name "" not valid'
                ),
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
                'application "a" declares an invalid base "nowhere"',
                'resource revision "a" is not int or string',
                'negative number of units specified on application "a"',
            ],
        ),
        (
            "applications: {a: {charm: local:a-0, revision: -1}, b: {charm: ./b.charm}}",
            [
                'the revision for application "a" must be zero or greater',
                'charm path in application "b" does not exist: /b.charm',
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
            "applications: {a: {charm: x, resources: {i: 9223372036854775808, j: 1.5, k: 1}}}",
            ['resource revision "a" is not int or string'] * 2,
        ),
        (
            "services: {a: {charm: x}}",
            ["at least one application must be specified"],
        ),
        (
            "default-base: foo@9\nseries: jammy\napplications: {a: {charm: x, series: J}}",
            [
                'bundle declares an invalid base "foo@9"',
                'application "a" declares an invalid series "J"',
            ],
        ),
        (
            "applications: {a: {charm: 'ch:focal/x', series: jammy}, b: {charm: 'cs:x'}}",
            [
                (
                    'the charm URL for application "a" has a series which does not match, please '
                    "remove the series from the URL"
                ),
                (
                    'invalid charm URL in application "b": cannot parse URL "cs:x": schema "cs" '
                    "not valid"
                ),
            ],
        ),
        (
            (
                "bundle: kubernetes\n"
                "applications: {a: {charm: x, to: ['0']}, b: {charm: x, to: [p=q, r=s]}}"
            ),
            [
                'expected "key=value", got "0" for application "a"',
                'too many placement directives for application "b"',
            ],
        ),
        (
            (
                "applications: {a: {charm: x, num_units: 1, to: [0, 'lxd:y:z', 'b/3', c]}, "
                "b: {charm: x}}"
            ),
            [
                'too many units specified in unit placement for application "a"',
                'placement "0" refers to a machine not defined in this bundle',
                'invalid placement syntax "lxd:y:z"',
                (
                    'placement "b/3" specifies a unit greater than the 0 unit(s) started by the '
                    "target application"
                ),
                'placement "c" refers to an application not defined in this bundle',
            ],
        ),
    ],
)
async def test_all_that_is_wrong_is_told_together(
    rehearsal: Rehearsal, text: str, errors: list[str]
) -> None:
    assert await plan(rehearsal, text) == {"errors": errors}


@pytest.mark.parametrize(
    "field",
    [
        "scale: x",
        "channel: [x]",
        "annotations: {a: []}",
        "storage: [a]",
        "to: disk=ssd",
        "trust: 'yes'",
        "options: []",
        "offers: x",
    ],
)
@pytest.mark.parametrize("where", ["applications", "tags: x", "relations: [[a, [b, c]]]"])
async def test_a_value_of_a_wrong_type_drops_the_document(
    rehearsal: Rehearsal, field: str, where: str
) -> None:
    text = f"applications: {{a: {{charm: x, {field}}}}}"
    if where != "applications":
        text = f"applications: {{a: {{charm: x}}}}\n{where}"
    dropped = {"errors": ["at least one application must be specified"]}
    assert await plan(rehearsal, text) == dropped
    overlay = "applications: {a: {scale: x}, b: {charm: y}}"
    reply = await plan(rehearsal, "applications: {a: {charm: x}}", overlay)
    assert [change["id"] for change in reply["changes"]] == ["addCharm-0", "deploy-1"]


@pytest.mark.parametrize(
    ("field", "error"),
    [
        (
            "constraints: mem=1Gi",
            (
                'constraints "mem=1Gi" @: bad "mem" constraint: must be a non-negative '
                "float with optional M/G/T/P suffix"
            ),
        ),
        (
            'constraints: "mem=1G\\tcores=2"',
            (
                'constraints "mem=1G\\tcores=2" @: bad "mem" constraint: must be a '
                "non-negative float with optional M/G/T/P suffix"
            ),
        ),
        (
            "constraints: container=foo",
            (
                'constraints "container=foo" @: bad "container" constraint: invalid '
                'container type "foo"'
            ),
        ),
        (
            "constraints: spaces=A_b",
            (
                'constraints "spaces=A_b" @: bad "spaces" constraint: "A_b" is not a '
                "valid space name"
            ),
        ),
        (
            "constraints: cores=1 cpu-cores=2",
            ('constraints "cores=1 cpu-cores=2" @: bad "cores" constraint: already set'),
        ),
        (
            "constraints: colour=blue",
            'constraints "colour=blue" @: unknown constraint "colour"',
        ),
        (
            "constraints: cores=18446744073709551616",
            (
                'constraints "cores=18446744073709551616" @: bad "cores" constraint: '
                "must be a non-negative integer"
            ),
        ),
        (
            "storage: {d: }",
            ('storage "d" @: storage constraints require at least one field to be specified'),
        ),
        (
            "storage: {d: 0G}",
            ('storage "d" @: storage constraints require at least one field to be specified'),
        ),
        (
            "storage: {d: 'pool,0'}",
            ('storage "d" @: parsing storage count: count must be greater than zero, got "0"'),
        ),
        (
            "storage: {d: '1G,2G'}",
            ('storage "d" @: storage size is already set to 1024, new value 2048 not valid'),
        ),
        ("storage: {D_x: 1G}", 'storage name "D_x" @'),
        (
            "devices: {g: 'gpu,'}",
            'device "g" @: count must be greater than zero, got "gpu"',
        ),
        (
            "devices: {g: '1,gpu,'}",
            'device "g" @: device attribute key/value pair has bad format: ""',
        ),
        (
            "devices: {g: '1,gpu,a=b;'}",
            'device "g" @: device attribute key/value pair has bad format: ""',
        ),
        ("devices: {D_x: gpu}", 'device name "D_x" @'),
    ],
)
async def test_directives_have_the_syntax_of_juju(
    rehearsal: Rehearsal, field: str, error: str
) -> None:
    reply = await plan(rehearsal, f"applications: {{a: {{charm: x, {field}}}}}")
    shown = error.replace("@", 'in application "a"')
    assert reply == {"errors": [f"invalid {shown}"]}


@pytest.mark.parametrize(
    "field",
    [
        "constraints: mem=1e3 cores= allocate-public-ip=T tags=a,b",
        "constraints: ' mem=0x10p1  root-disk=1_000G zones=a\\ b '",
        "storage: {d: 'pool-1,2,10GiB'}",
        "devices: {g: '+1,gpu'}",
        "devices: {g: ''}",
        "devices: {g: '1'}",
        "devices: {g: '2,1,=a'}",
        "base: CentOS@9",
        "base: ubuntu@stable",
    ],
)
async def test_directives_that_juju_takes(rehearsal: Rehearsal, field: str) -> None:
    reply = await plan(rehearsal, f"applications: {{a: {{charm: x, {field}}}}}")
    assert not any("invalid" in error for error in reply["errors"])


@pytest.mark.parametrize(
    "base", ["jammy", "ubuntu@22.04/foo", "foo@9", "ubuntu@", "@22.04", "ubuntu@22.04/", "a@b@c"]
)
async def test_bases_that_there_are_not(rehearsal: Rehearsal, base: str) -> None:
    reply = await plan(rehearsal, f"applications: {{a: {{charm: x, base: '{base}'}}}}")
    assert reply == {"errors": [f'application "a" declares an invalid base "{base}"']}


async def test_texts_stay_as_they_are_written(rehearsal: Rehearsal) -> None:
    text = "applications: {a: {charm: x, channel: 1.10, annotations: {x: 1, y: on, z: 010}}}"
    reply = await plan(rehearsal, text)
    assert reply["changes"][1]["args"]["channel"] == "1.10"
    assert reply["changes"][2]["args"]["annotations"] == {"x": "1", "y": "on", "z": "010"}


async def test_a_series_without_a_version_is_the_error_of_its_change(rehearsal: Rehearsal) -> None:
    text = "bundle: kubernetes\nseries: kubernetes\napplications: {a: {charm: x}}"
    reply = await plan(rehearsal, text)
    assert reply["changes"] == [None, None]
    assert set(reply["errors"]) == {'os "kubernetes" version "kubernetes" not found'}
    legacy = await plan(rehearsal, "applications: {a: {charm: x, series: kubernetes}}")
    assert legacy["changes"][0]["args"]["base"] == "ubuntu@20.04/stable"
    with pytest.raises(ApiError, match='series "hardy" not valid'):
        await plan(rehearsal, "applications: {a: {charm: x, series: hardy}}")


async def test_options_that_json_does_not_have_are_the_error_of_their_change(
    rehearsal: Rehearsal,
) -> None:
    reply = await plan(rehearsal, "applications: {a: {charm: x, options: {o: {k: v}}}}")
    assert reply["errors"] == ["", "json: unsupported type: map[interface {}]interface {}"]


async def test_overlays_are_merged_field_by_field(rehearsal: Rehearsal) -> None:
    base = (
        "bundle: kubernetes\n"
        "applications: {a: {charm: x, scale: 2, options: {p: 1, q: 2}, annotations: {k: v}}}"
    )
    overlay = "applications: {a: {scale: 0, options: {p: ~, r: 3}, annotations: {k: ~, l: m}}}"
    reply = await plan(rehearsal, base, overlay)
    args = reply["changes"][1]["args"]
    assert (args["num-units"], args["options"]) == (2, {"q": 2, "r": 3})
    assert reply["changes"][2]["args"]["annotations"] == {"k": "", "l": "m"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "applications: {a: {charm: x, offers: {o: {}}}}",
            "applications.a.offers can only appear in an overlay section",
        ),
        (
            "applications: {a: {charm: x, offers: {o: {endpoints: [p]}}}}",
            "applications.a.offers can only appear in an overlay section (and 1 more errors)",
        ),
        ("applications: {a: }", 'base application "a" has no body'),
        (
            "applications: {a: {charm: x, options: {o: 'include-file:///etc/passwd'}}}",
            (
                'processing option "o" for application "a": resolving include "/etc/passwd": '
                'include file "/etc/passwd" not found'
            ),
        ),
        (
            "applications: {a: {charm: x, scale: 1, num_units: 1}}",
            "malformed bundle: bundle is empty not valid",
        ),
        (
            "applications: {a: {charm: x, placement: a=b}}",
            "malformed bundle: bundle is empty not valid",
        ),
        ("a: [", "malformed bundle: bundle is empty not valid"),
        ("", "malformed bundle: bundle is empty not valid"),
    ],
)
async def test_what_is_no_bundle_is_refused(rehearsal: Rehearsal, text: str, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        await plan(rehearsal, text)
    assert refused.value.message == f"cannot read bundle YAML: {error}"


def test_names_are_sorted_as_people_do() -> None:
    assert sorted(["a10", "a2", "a", "b1"], key=natural) == ["a", "a2", "a10", "b1"]
