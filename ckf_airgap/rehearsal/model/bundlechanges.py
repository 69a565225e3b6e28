"""The changes that deploy a bundle into an empty model, as the facade ``Bundle`` plans them. Pure.

Whether they can work is not checked here: the plan does not know what charms declare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.charm import CHARM_NAME, SERIES_CHANNELS
from ckf_airgap.documents import Document, JSONValue, natural
from ckf_airgap.rehearsal.model.bundleoffers import cross_model_errors, plan_offers, saas_of

KUBERNETES: Final = "kubernetes"

_BASE: Final = re.compile(r"^[a-z]+@[^@\s]+$")
_SERIES: Final = re.compile(r"^[a-z]+([a-z0-9]+)?$")
_ENDPOINT: Final = re.compile(r"^[a-z][a-z0-9-]*(:[a-z][a-z0-9_-]*)?$")
_COPIED: Final = ("options", "constraints", "storage", "devices", "channel")


def bundle_errors(document: Document) -> list[str]:
    """Return what is wrong with a bundle, in Juju's words; nothing when it can be planned."""
    return list(_errors(document))


@dataclass(slots=True)
class ChangePlan:
    """The changes so far; ids count all of them."""

    changes: list[Document] = field(default_factory=list)

    def add(self, method: str, args: Document, *requires: str) -> str:
        """Add a change; return its id."""
        change_id = f"{method}-{len(self.changes)}"
        self.changes.append(
            {"id": change_id, "method": method, "args": args, "requires": [*requires]}
        )
        return change_id


def plan_changes(document: Document, *, bundle_url: str) -> list[Document]:
    """Return the changes that deploy a bundle: applications, then relations, then units.

    Args:
        document: The bundle, overlays merged in, without errors.
        bundle_url: Where it came from; when it is not empty, every application is annotated with
            it.
    """
    plan = ChangePlan()
    on_kubernetes = document.get("bundle") == KUBERNETES
    charms: dict[tuple[JSONValue, ...], str] = {}
    deployed: dict[str, str] = {}
    for name, application in sorted(_applications(document), key=lambda item: natural(item[0])):
        base = _base(application, document)
        charm_args = _present(
            charm=application.get("charm"),
            revision=application.get("revision"),
            base=base,
            channel=application.get("channel"),
            architecture=_architecture(application),
        )
        key = tuple(charm_args.values())
        if key not in charms:
            charms[key] = plan.add("addCharm", charm_args)
        deploy = _deploy_args(name, application, charm=charms[key], base=base)
        if on_kubernetes and _units(application):
            deploy["num-units"] = _units(application)
        deployed[name] = plan.add("deploy", deploy, charms[key])
        _decorate(plan, application, deployed[name], bundle_url)
    deployed = plan_offers(document, plan.add, deployed)
    for left, right in _relations(document):
        ends = [f"${deployed[end.partition(':')[0]]}" + _colon(end) for end in (left, right)]
        ids = [end.partition(":")[0].removeprefix("$") for end in ends]
        plan.add("addRelation", {"endpoint1": ends[0], "endpoint2": ends[1]}, *ids)
    if not on_kubernetes:
        for name, application in _applications(document):
            for _ in range(_units(application)):
                plan.add("addUnit", {"application": f"${deployed[name]}"}, deployed[name])
    return plan.changes


def _decorate(plan: ChangePlan, application: Document, deployed: str, bundle_url: str) -> None:
    """Add what follows a deployment: exposure and annotations."""
    if application.get("expose") is True:
        plan.add("expose", {"application": f"${deployed}"}, deployed)
    annotations = application.get("annotations")
    merged: Document = {**annotations} if isinstance(annotations, dict) else {}
    if bundle_url:
        merged["bundleURL"] = bundle_url
    if merged:
        args: Document = {
            "id": f"${deployed}",
            "entity-type": "application",
            "annotations": merged,
        }
        plan.add("setAnnotations", args, deployed)


def _deploy_args(name: str, application: Document, *, charm: str, base: str | None) -> Document:
    resources = application.get("resources")
    given: Mapping[str, JSONValue] = resources if isinstance(resources, dict) else {}
    revisions: Document = {k: v for k, v in given.items() if isinstance(v, int)}
    local: Document = {k: v for k, v in given.items() if isinstance(v, str)}
    options = application.get("options")
    settings: Document = {**options} if isinstance(options, dict) else {}
    if application.get("trust") is True:
        settings["trust"] = True
    copied: Document = {key: application[key] for key in _COPIED if application.get(key)}
    if settings:
        copied["options"] = settings
    copied["endpoint-bindings"] = application.get("bindings")
    copied["resources"], copied["local-resources"] = revisions, local
    return _present(charm=f"${charm}", application=name, base=base, **copied)


def _present(**values: JSONValue) -> Document:
    """Return the values that are neither ``None`` nor empty."""
    return {
        key.replace("_", "-"): value for key, value in values.items() if value not in (None, "", {})
    }


def _applications(document: Document) -> Iterator[tuple[str, Document]]:
    section = document.get("applications") or document.get("services")
    for name, application in (section if isinstance(section, dict) else {}).items():
        yield name, application if isinstance(application, dict) else {}


def _relations(document: Document) -> Iterator[tuple[str, str]]:
    """Yield pairs of ends; a list of ends on one side means several relations."""
    relations = document.get("relations")
    for relation in relations if isinstance(relations, list) else []:
        if isinstance(relation, list) and len(relation) == 2:
            left, right = relation
            for one in left if isinstance(left, list) else [left]:
                for other in right if isinstance(right, list) else [right]:
                    yield str(one), str(other)


def _colon(end: str) -> str:
    """Return the endpoint's part of an end, with its colon."""
    return "".join(end.partition(":")[1:])


def _units(application: Document) -> int:
    units = application.get("num_units") or application.get("scale")
    return units if isinstance(units, int) else 0


def _base(application: Document, document: Document) -> str | None:
    """Return the base of an application: its own, its series', or the bundle's."""
    for source in (application, document):
        base = source.get("base") or (source.get("default-base") if source is document else None)
        if base:
            return _with_risk(str(base))
        series = source.get("series")
        if series == KUBERNETES and source is application:
            return "ubuntu@20.04/stable"
        if isinstance(series, str) and series in SERIES_CHANNELS:
            return _with_risk(f"ubuntu@{SERIES_CHANNELS[series]}")
    return None


def _with_risk(base: str) -> str:
    return base if "/" in base else f"{base}/stable"


def _architecture(application: Document) -> str | None:
    match = re.search(r"(?:^|\s)arch=(\S+)", str(application.get("constraints") or ""))
    return match[1] if match else None


def _errors(document: Document) -> Iterator[str]:
    applications = dict(_applications(document))
    if not applications:
        yield "at least one application must be specified"
    kind = document.get("bundle")
    if kind not in (None, "", KUBERNETES):
        yield f'bundle has an invalid type "{kind}"'
    if kind == KUBERNETES and document.get("machines"):
        yield "bundle machines not valid for Kubernetes bundles"
    series = document.get("series")
    if series and not _SERIES.match(str(series)):
        yield f'bundle declares an invalid series "{series}"'
    for name, application in applications.items():
        yield from _application_errors(name, application)
    yield from cross_model_errors(document)
    saas = {name for name, _ in saas_of(document)}
    yield from _relation_errors(document, set(applications) | saas)


def _application_errors(name: str, application: Document) -> Iterator[str]:
    charm = str(application.get("charm") or "")
    revision, units = application.get("revision"), _units(application)
    is_local = charm.startswith((".", "/", "local:"))
    if not charm:
        yield "empty charm path"
    elif not is_local:
        plain = charm.rpartition(":")[2].rpartition("/")[2]
        if re.search(r"-\d+$", plain):
            yield f'cannot specify revision in "{charm}", please use revision'
        elif not CHARM_NAME.match(plain):
            yield (
                f'invalid charm URL in application "{name}": cannot parse name and/or revision in '
                f'URL "{charm}": name "{plain}" not valid'
            )
    if revision is not None and not is_local and not application.get("channel"):
        yield (
            f'application "{name}" with a revision requires a channel for future upgrades, '
            "please use channel"
        )
    if isinstance(revision, int) and revision < 0:
        yield f'the revision for application "{name}" must be zero or greater'
    if application.get("num_units") and application.get("scale"):
        yield f'cannot specify both scale and num_units for application "{name}"'
    if units < 0:
        yield f'negative number of units specified on application "{name}"'
    base = application.get("base")
    if base and not _BASE.match(str(base)):
        yield f'application "{name}" declares an invalid base "{base}"'
    resources = application.get("resources")
    for value in (resources if isinstance(resources, dict) else {}).values():
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield f'resource revision "{value}" is not int or string'


def _relation_errors(document: Document, known: set[str]) -> Iterator[str]:
    seen: set[frozenset[str]] = set()
    relations = document.get("relations")
    for relation in relations if isinstance(relations, list) else []:
        if isinstance(relation, list) and len(relation) != 2:
            yield f"relation {_quoted(relation)} has {len(relation)} endpoint(s), not 2"
    for pair in _relations(document):
        shown = _quoted(list(pair))
        malformed = [end for end in pair if not _ENDPOINT.match(end)]
        names = [end.partition(":")[0] for end in pair]
        for end in malformed:
            yield f'invalid relation syntax "{end}"'
        if malformed:
            continue
        for name in dict.fromkeys(names):
            if name not in known:
                yield (
                    f'relation {shown} refers to application "{name}" not defined in this bundle'
                )
        if names[0] == names[1]:
            yield f"relation {shown} relates an application to itself"
        if frozenset(pair) in seen:
            yield f"relation {shown} is defined more than once"
        seen.add(frozenset(pair))


def _quoted(ends: list[JSONValue] | list[str]) -> str:
    return "[" + " ".join(f'"{end}"' for end in ends) + "]"
