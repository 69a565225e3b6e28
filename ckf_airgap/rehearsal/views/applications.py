"""Applications and units as ``ApplicationsInfo`` and ``UnitsInfo`` show them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import Application, Relation, Unit
from ckf_airgap.rehearsal.views.storage import unit_tag


def application_info(application: Application) -> Document:
    """Return an application as ``ApplicationsInfo`` shows it."""
    bindings: Document = {**application.bindings}
    info: Document = {
        "tag": f"application-{application.name}",
        "charm": application.charm.name,
        "base": {"name": application.base.name, "channel": application.base.channel},
        "channel": application.channel,
        "constraints": {} if application.charm.subordinate else application.constraints,
        "principal": not application.charm.subordinate,
        "exposed": application.exposed,
        "remote": False,
        "life": application.life,
        "endpoint-bindings": bindings,
    }
    if application.exposed_endpoints:
        info["exposed-endpoints"] = application.exposed_endpoints
    return info


def unit_info(unit: Unit, applications: Mapping[str, Application]) -> Document:
    """Return a unit as ``UnitsInfo`` shows it, with its relation data.

    Args:
        unit: The unit.
        applications: The applications of the model, by name.
    """
    application = unit.application
    related: list[JSONValue] = [
        _relation_data(relation, application, applications)
        for relation in application.relations.values()
    ]
    info: Document = {
        "tag": unit_tag(unit.name),
        "workload-version": "",
        "opened-ports": None,
        "charm": application.charm_url,
        "life": unit.life,
    }
    if unit.is_leader:
        info["leader"] = True
    if related:
        info["relation-data"] = related
    if unit.address:
        info["provider-id"] = unit.name.replace("/", "-")
        info["address"] = unit.address
    return info


def _relation_data(
    relation: Relation, application: Application, applications: Mapping[str, Application]
) -> Document:
    """Return the relation data of the other side; some fields are spelt as in Go."""
    other = relation.other(application.name)
    remote = applications.get(other.application)
    units: Document = {}
    elsewhere = [name for name in relation.in_scope if name.startswith(f"{other.application}/")]
    for name in remote.units if remote else elsewhere:
        in_scope = name in relation.in_scope
        settings = (unit_settings(remote) if remote else {}) if in_scope else None
        units[name] = {"InScope": in_scope, "UnitData": settings}
    return {
        "relation-id": relation.id,
        "endpoint": relation.side(application.name).endpoint.name,
        "cross-model": remote is None,
        "related-endpoint": other.endpoint.name,
        "ApplicationData": {},
        "unit-relation-data": units,
    }


def unit_settings(application: Application) -> Document:
    """Return what Juju itself writes to the databag of a unit in a relation.

    On Kubernetes that is the address of the application's service.
    """
    address = application.public_address
    return {
        "egress-subnets": f"{address}/32",
        "ingress-address": address,
        "private-address": address,
    }
