"""The status that a charm sets, as far as its containers and relations determine it. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from ckf_airgap.rehearsal.entities.entities import Application, StoredCharm
from ckf_airgap.rehearsal.entities.resources import OCI_IMAGE, LiveResource


def charm_status(
    application: Application,
    stored: StoredCharm,
    needed: Mapping[str, str],
    *,
    needed_options: Mapping[str, str] = MappingProxyType({}),
    ran_start: bool,
    started: bool,
    heard: Container[int],
    missing_container: str | None,
) -> tuple[str, str]:
    """Return the status that a charm sets on its unit, and the message.

    If the charm does not set a status, it is ``unknown`` once the ``start`` hook has run.

    Args:
        application: The application.
        stored: The charm that the unit runs.
        needed: The required endpoints, each with the charm's message when it has no relation.
        needed_options: The required options, each with the charm's message when it has no value.
        ran_start: Whether its ``start`` hook has run.
        started: Whether it counts as started, including its containers.
        heard: The ids of the relations in which the charm has seen the remote side.
        missing_container: The container that it is still waiting for.
    """
    if not needed and not needed_options and not stored.archive.sets_status:
        return ("unknown", "") if ran_start else ("maintenance", "installing charm software")
    waiting = ""
    if needed_options:
        config = application.config
        for option, message in needed_options.items():
            if config.get(option) in (None, ""):
                return "blocked", message
    for endpoint in stored.charm.endpoints:
        if endpoint not in needed:
            continue
        relations = list(application.relations_at(endpoint))
        if not relations:
            return "blocked", needed[endpoint] or f"Missing relation {endpoint}"
        if not waiting and not any(relation.id in heard for relation in relations):
            waiting = f"Waiting for {endpoint} relation data"
    if missing_container is not None:
        return "waiting", f"Waiting for container {missing_container}"
    if not started:
        return "waiting", "Waiting for start"
    return ("waiting", waiting) if waiting else ("active", "")


def fetched_resources(application: Application, stored: StoredCharm) -> dict[str, LiveResource]:
    """Return the resources that a charm fetches with ``resource-get`` when it is installed.

    Those are its files, and the images of a charm without containers, which starts its workload
    itself. The images of containers are the cluster's business, and no unit has a record of them
    (``OpenResourceForUniter`` of state/resources.go makes it).
    """
    return {
        declared.name: known
        for declared in stored.charm.resources.values()
        if (known := application.resources.get(declared.name)) is not None
        and known.uploaded
        and not (declared.type == OCI_IMAGE and stored.containers)
    }
