"""Changes of a model as calls of the controller's API. Pure.

The shapes are those of the facades ``Application`` and ``Annotations`` of Juju 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.documents import Document
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    Expose,
    RemoveApplication,
    RemoveRelation,
    ResetOptions,
    Scale,
    SetBindings,
    SetConstraints,
    SetOptions,
    Unexpose,
)
from ckf_airgap.juju.planning.written import (
    exposed_document,
)

SimpleChange: TypeAlias = (
    "SetOptions | ResetOptions | SetConstraints | Scale | Expose | Unexpose | SetBindings"
)
"""The changes of an application that are one call each, and need nothing beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call of the API.

    Attributes:
        facade: The facade's name.
        method: The method's name.
        params: As the method expects them.
    """

    facade: str
    method: str
    params: Document = field(repr=False)


def change_request(step: SimpleChange) -> Request:
    """Return the call that carries out a change of an application."""
    application = step.application
    match step:
        case SetOptions():
            change: Document = {
                "application": application,
                "generation": "",
                "config": {**step.options},
                "config-yaml": "",
            }
            return _of_application("SetConfigs", {"Args": [change]})
        case ResetOptions():
            reset: Document = {
                "application": application,
                "branch": "",
                "options": [*step.names],
            }
            # The API has no name of its own for the list; the field of Go is the name then.
            return _of_application("UnsetApplicationsConfig", {"Args": [reset]})
        case SetConstraints():
            constraints: Document = {"application": application, "constraints": step.constraints}
            return _of_application("SetConstraints", constraints)
        case Scale():
            scale: Document = {
                "application-tag": f"application-{application}",
                "scale": step.scale,
                "force": False,
            }
            return _of_application("ScaleApplications", {"applications": [scale]})
        case Expose():
            return expose_request(application, step.endpoints)
        case Unexpose():
            unexposed: Document = {
                "application": application,
                "exposed-endpoints": [*step.endpoints],
            }
            return _of_application("Unexpose", unexposed)
        case SetBindings():
            bindings: Document = {
                "application-tag": f"application-{application}",
                "bindings": {**step.bindings},
                "force": False,
            }
            return _of_application("MergeBindings", {"args": [bindings]})


def expose_request(application: str, endpoints: Mapping[str, ExposedEndpoint]) -> Request:
    """Return the call that exposes an application; all of it when no endpoints are given."""
    params: Document = {"application": application}
    if endpoints:
        params["exposed-endpoints"] = exposed_document(endpoints)
    return _of_application("Expose", params)


def relation_request(step: AddRelation | RemoveRelation) -> Request:
    """Return the call that makes or removes a relation."""
    endpoints: Document = {"endpoints": [str(step.requirer), str(step.provider)]}
    if isinstance(step, AddRelation):
        return _of_application("AddRelation", endpoints)
    return _of_application("DestroyRelation", {**endpoints, "relation-id": 0, "force": False})


def removal_request(steps: Sequence[RemoveApplication]) -> Request:
    """Return the call that removes applications, each of which keeps what storage it can."""
    return _of_application(
        "DestroyApplication",
        {
            "applications": [
                {
                    "application-tag": f"application-{step.application}",
                    "destroy-storage": False,
                    "force": False,
                }
                for step in steps
            ]
        },
    )


def annotation_request(annotations: Mapping[str, Mapping[str, str]]) -> Request:
    """Return the call that sets annotations, by the tag of the entity; an empty one is removed."""
    return Request(
        facade="Annotations",
        method="Set",
        params={
            "annotations": [
                {"entity": tag, "annotations": {**values}} for tag, values in annotations.items()
            ]
        },
    )


def _of_application(method: str, params: Document) -> Request:
    return Request(facade="Application", method=method, params=params)
