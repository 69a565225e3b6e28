"""What Juju cannot change of an application of the model, found before the first step. Pure.

The rules are those of ``setCharmWithAgentValidation`` of ``apiserver/facades/client/application``,
and of ``validateSetCharmConfig``, ``checkRelationsOps`` and ``preUpgradeRelationLimitCheck`` of
``state/application.go`` of Juju 3.6, for a model on Kubernetes; storage directives and devices
are only read when an application is deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ckf_airgap.bundle.constraints import parse_device, parse_storage
from ckf_airgap.charms.bases import DEFAULT_ARCHITECTURE
from ckf_airgap.charms.charm import Base, Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError
from ckf_airgap.juju.planning.charmshape import CharmShape, shape_of_charm
from ckf_airgap.juju.planning.differences import Kind, Refusal
from ckf_airgap.juju.planning.live import LiveApplication, LiveRelation
from ckf_airgap.juju.planning.requested import RequestedApplication

IMPLICIT: Final = "juju-info"
"""The endpoint that every charm provides without declaring it."""


def charm_refusals(
    wanted: RequestedApplication, present: LiveApplication, relations: Iterable[LiveRelation]
) -> Iterator[Refusal]:
    """Yield why an application cannot be given the charm that the bundle wants.

    Args:
        wanted: What the bundle asks for.
        present: What the model has; nothing is yielded when its charm's metadata is not known.
        relations: Those relations of the application that stay.
    """
    new, old = shape_of_charm(wanted.charm), present.shape
    if old is None:
        return
    yield from _metadata(wanted, old, new)
    yield from _base(wanted, present.base, new)
    was_podspec = old.format == 1 and old.is_kubernetes
    if was_podspec and new.format == 2 and new.is_kubernetes and present.scale:
        yield _refusal(
            wanted,
            "charm",
            f"its charm becomes a sidecar charm, which takes no units over from a pod-spec charm: "
            f"it has {present.scale}, and must have 0",
            f"scale it to 0 first (juju scale-application {wanted.name} 0), or replace it "
            f"(--replace {wanted.name})",
        )
    yield from _relations(wanted, old, new, tuple(relations))


def directive_refusals(wanted: RequestedApplication, present: LiveApplication) -> Iterator[Refusal]:
    """Yield what the bundle asks for that is only read when an application is deployed.

    What neither the controller nor a record tells is not compared.
    """
    record = present.identity.record or present.identity.former
    storage = present.storage
    if storage is None:
        storage = record.storage if record is not None else {}
    known = {name: item for name, item in wanted.storage.items() if storage.get(name)}
    yield from _directives(wanted, "storage", known, storage, parse_storage)
    devices = record.devices if record is not None else None
    if devices is not None:
        yield from _directives(wanted, "device", wanted.devices, devices, parse_device)
    live = str(present.constraints.get("arch") or DEFAULT_ARCHITECTURE)
    architecture = (wanted.constraints or {}).get("arch")
    if architecture and architecture != live:
        yield _refusal(wanted, "constraints", f"its architecture is {live}, not {architecture}")


def forces_base(wanted: RequestedApplication, present: LiveApplication) -> bool:
    """Whether Juju takes the charm only when it is told to, since it does not know the base.

    As ``checkBaseForSetCharm``: a sidecar charm may change its base, and for others Juju asks
    whether that is meant. It is: the units of a model on Kubernetes get the base of their charm.
    """
    new, base = shape_of_charm(wanted.charm), present.base
    is_sidecar = new.format == 2 and new.is_kubernetes
    if base is None or is_sidecar or not new.bases:
        return False
    return not any(base.same_os(known) for known in new.bases)


def other_charm(wanted: RequestedApplication, present: LiveApplication) -> Refusal:
    """Return the refusal of an application with a charm of another name."""
    return _refusal(
        wanted,
        "charm",
        f"the model has an application of that name with another charm: {present.charm}, not "
        f"{wanted.charm.name}",
        f"replace it (--replace {wanted.name}), deploy into another model, or rename it in the "
        "bundle",
    )


def being_removed(wanted: RequestedApplication, present: LiveApplication) -> Refusal:
    """Return the refusal of an application that is on its way out of the model."""
    return _refusal(
        wanted,
        "application",
        f"it is being removed from the model (its life is {present.life})",
        f"wait until it is gone (juju status {wanted.name}) and run the command again, or help it "
        f"along: juju resolved --no-retry UNIT, juju remove-application --force {wanted.name}",
    )


def _refusal(
    wanted: RequestedApplication, kind: Kind, what: str, fix: str = "", name: str = ""
) -> Refusal:
    return Refusal(
        application=wanted.name,
        kind=kind,
        name=name,
        what=what,
        fix=fix
        or f"leave that as it is in the model, or replace the application (--replace "
        f"{wanted.name}): it is removed, deployed and related again",
    )


def _metadata(wanted: RequestedApplication, old: CharmShape, new: CharmShape) -> Iterator[Refusal]:
    """Yield what is declared in another way and must not be."""
    if old.deployment != new.deployment:
        yield _refusal(
            wanted,
            "charm",
            "Juju cannot change the deployment of an application: "
            + _changes(old.deployment, new.deployment),
            name="deployment",
        )
    for kind, was, now in (
        ("storage", old.storage, new.storage),
        ("device", old.devices, new.devices),
    ):
        for name in sorted({*was, *now}):
            if was.get(name) != now.get(name):
                yield _refusal(
                    wanted,
                    "storage" if kind == "storage" else "device",
                    f"Juju cannot change the {kind} {name} of an application: "
                    + _changes(was.get(name), now.get(name)),
                    name=name,
                )
    if old.format > new.format:
        yield _refusal(
            wanted,
            "charm",
            f"its charm has metadata of format {old.format}, and {wanted.charm_file} of format "
            f"{new.format}, to which Juju does not go back",
        )
    if old.subordinate != new.subordinate:
        words = {True: "subordinate", False: "not subordinate"}
        yield _refusal(
            wanted,
            "charm",
            f"its charm is {words[old.subordinate]}, and {wanted.charm_file} is "
            f"{words[new.subordinate]}",
        )


def _changes(was: Mapping[str, JSONValue] | None, now: Mapping[str, JSONValue] | None) -> str:
    """Return what differs in a declaration, with both values."""
    if was is None or now is None:
        return "the charm in the model " + (
            "declares it, and the new one does not" if was else "does not declare it"
        )
    return ", ".join(
        f"{key} {_shown(was.get(key))} -> {_shown(now.get(key))}"
        for key in sorted({*was, *now})
        if was.get(key) != now.get(key)
    )


def _shown(value: JSONValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value in ("", None, [], {}) else str(value)


def _base(wanted: RequestedApplication, base: Base | None, new: CharmShape) -> Iterator[Refusal]:
    """Yield why a charm does not run on the system of an application, whatever its version."""
    if base is None or (new.format == 2 and new.is_kubernetes) or not new.bases:
        return
    if all(base.name != known.name for known in new.bases):
        known = ", ".join(map(str, new.bases))
        yield _refusal(
            wanted, "base", f"it runs on {base}, and {wanted.charm_file} only on {known}"
        )


def _relations(
    wanted: RequestedApplication,
    old: CharmShape,
    new: CharmShape,
    relations: tuple[LiveRelation, ...],
) -> Iterator[Refusal]:
    """Yield the relations that the new charm would break."""
    used: dict[str, int] = {}
    for relation in relations:
        ends = (end.partition(":") for end in relation.ends)
        for application, _, endpoint in ends:
            if application != wanted.name or endpoint == IMPLICIT:
                continue
            used[endpoint] = used.get(endpoint, 0) + 1
            before = old.endpoints.get(endpoint)
            if before is None or before.role == "peer":
                continue
            why = _broken(endpoint, before, new.endpoints.get(endpoint))
            if why:
                yield _refusal(
                    wanted,
                    "relation",
                    f"it is related by an endpoint that {wanted.charm_file} breaks: {why}",
                    f"remove the relation (juju remove-relation {relation}; --prune does, if the "
                    f"bundle does not have it), or replace the application (--replace "
                    f"{wanted.name})",
                    str(relation),
                )
    for endpoint, count in used.items():
        after = new.endpoints.get(endpoint)
        if after is not None and after.role != "peer" and after.limit and count > after.limit:
            yield _refusal(
                wanted,
                "relation",
                f"it has {count} relations at {endpoint}, and {wanted.charm_file} allows "
                f"{after.limit}",
                "remove those that the bundle does not have (--prune)",
                endpoint,
            )


def _broken(name: str, before: Endpoint, after: Endpoint | None) -> str:
    """Return how an endpoint changes so that its relations break, as ``ImplementedBy`` of Juju."""
    if after is None:
        return f"{name} is gone"
    if after.role != before.role:
        return f"{name} was a {before.role} and is a {after.role}"
    if after.interface != before.interface:
        return f"{name} had the interface {before.interface} and has {after.interface}"
    if before.scope == "global" and after.scope == "container":
        return f"{name} had the scope global and has container"
    return ""


def _directives(
    wanted: RequestedApplication,
    kind: Kind,
    asked: Mapping[str, Document],
    live: Mapping[str, str],
    parse: Callable[[str], Document],
) -> Iterator[Refusal]:
    """Yield the directives that differ from those with which the application was deployed."""
    for name, directive in asked.items():
        text = live.get(name, "")
        try:
            now = parse(text) if text else {}
        except BundleError:
            continue
        differing = {
            key: (now.get(key), value)
            for key, value in directive.items()
            if value and now.get(key) != value
        }
        if differing:
            changes = ", ".join(
                f"{key.lower()} {_shown(was)} -> {_shown(value)}"
                for key, (was, value) in differing.items()
            )
            yield _refusal(
                wanted,
                kind,
                f"{kind} {name} is only set when an application is deployed: {changes}",
                name=name,
            )
