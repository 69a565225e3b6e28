"""Every change as the API of Juju 3.6 takes it."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.juju.applying.requests import (
    SimpleChange,
    annotation_request,
    change_request,
    relation_request,
    removal_request,
)
from ckf_airgap.juju.planning.steps import (
    Expose,
    RemoveApplication,
    ResetOptions,
    Scale,
    SetBindings,
    SetConstraints,
    SetOptions,
    Unexpose,
)
from tests.unit.juju.applying.steps import relate, unrelate

CHANGES = [
    (
        SetOptions(application="a", options={"port": "1", "trust": "false"}),
        "SetConfigs",
        {
            "Args": [
                {
                    "application": "a",
                    "generation": "",
                    "config": {"port": "1", "trust": "false"},
                    "config-yaml": "",
                }
            ]
        },
    ),
    (
        ResetOptions(application="a", names=("port", "trust")),
        "UnsetApplicationsConfig",
        {"Args": [{"application": "a", "branch": "", "options": ["port", "trust"]}]},
    ),
    (
        SetConstraints(application="a", constraints={"mem": 2048}),
        "SetConstraints",
        {"application": "a", "constraints": {"mem": 2048}},
    ),
    (
        SetConstraints(application="a", constraints={}),
        "SetConstraints",
        {"application": "a", "constraints": {}},
    ),
    (
        Scale(application="a", scale=0, was=1),
        "ScaleApplications",
        {"applications": [{"application-tag": "application-a", "scale": 0, "force": False}]},
    ),
    (Expose(application="a"), "Expose", {"application": "a"}),
    (
        Expose(
            application="a",
            endpoints={"web": ExposedEndpoint(spaces=("alpha",), cidrs=("10.0.0.0/8",))},
        ),
        "Expose",
        {
            "application": "a",
            "exposed-endpoints": {
                "web": {"expose-to-spaces": ["alpha"], "expose-to-cidrs": ["10.0.0.0/8"]}
            },
        },
    ),
    (Unexpose(application="a"), "Unexpose", {"application": "a", "exposed-endpoints": []}),
    (
        Unexpose(application="a", endpoints=("web",)),
        "Unexpose",
        {"application": "a", "exposed-endpoints": ["web"]},
    ),
    (
        SetBindings(application="a", bindings={"": "alpha", "web": "beta"}),
        "MergeBindings",
        {
            "args": [
                {
                    "application-tag": "application-a",
                    "bindings": {"": "alpha", "web": "beta"},
                    "force": False,
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(
    ("step", "method", "params"), CHANGES, ids=[method for _, method, _ in CHANGES]
)
def test_a_change_of_an_application(
    step: SimpleChange, method: str, params: dict[str, object]
) -> None:
    request = change_request(step)
    assert (request.facade, request.method, request.params) == ("Application", method, params)


def test_a_relation_is_made_and_removed_by_its_ends() -> None:
    made = relation_request(relate("a:x", "b:y"))
    assert (made.facade, made.method) == ("Application", "AddRelation")
    assert made.params == {"endpoints": ["a:x", "b:y"]}
    removed = relation_request(unrelate("a:x", "b:y"))
    assert (removed.facade, removed.method) == ("Application", "DestroyRelation")
    assert removed.params == {"endpoints": ["a:x", "b:y"], "relation-id": 0, "force": False}


def test_an_application_is_removed_with_care_and_its_storage_is_not_destroyed() -> None:
    request = removal_request([RemoveApplication(application="a")])
    assert (request.facade, request.method) == ("Application", "DestroyApplication")
    assert request.params == {
        "applications": [
            {"application-tag": "application-a", "destroy-storage": False, "force": False}
        ]
    }


def test_annotations_of_several_entities_are_one_call() -> None:
    request = annotation_request({"application-a": {"x": "1", "y": ""}, "model-u": {"z": "2"}})
    assert (request.facade, request.method) == ("Annotations", "Set")
    assert request.params == {
        "annotations": [
            {"entity": "application-a", "annotations": {"x": "1", "y": ""}},
            {"entity": "model-u", "annotations": {"z": "2"}},
        ]
    }
