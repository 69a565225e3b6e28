"""The status that a charm sets, as far as its containers and relations determine it. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from ckf_airgap.rehearsal.entities.entities import Application


def charm_status(
    application: Application,
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
        needed: The required endpoints, each with the charm's message when it has no relation.
        needed_options: The required options, each with the charm's message when it has no value.
        ran_start: Whether its ``start`` hook has run.
        started: Whether it counts as started, including its containers.
        heard: The ids of the relations in which the charm has seen the remote side.
        missing_container: The container that it is still waiting for.
    """
    if not needed and not needed_options and not application.stored.archive.sets_status:
        return ("unknown", "") if ran_start else ("maintenance", "installing charm software")
    waiting = ""
    if needed_options:
        config = application.config
        for option, message in needed_options.items():
            if config.get(option) in (None, ""):
                return "blocked", message
    for endpoint in application.charm.endpoints:
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
