"""The changes that deploy a bundle into an empty model, as the facade ``Bundle`` plans them. Pure.

See ``core/bundle/changes`` of Juju 3.6. Whether the changes can work is not checked here: the plan
does not know what charms declare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue, natural
from ckf_airgap.rehearsal.archives.manifest import RISKS
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.model.bundledata import KUBERNETES, BundleFields
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

_VERSIONS: Final[Mapping[str, str]] = {
    "precise": "12.04",
    "quantal": "12.10",
    "raring": "13.04",
    "saucy": "13.10",
    "trusty": "14.04",
    "utopic": "14.10",
    "vivid": "15.04",
    "wily": "15.10",
    "xenial": "16.04",
    "yakkety": "16.10",
    "zesty": "17.04",
    "artful": "17.10",
    "bionic": "18.04",
    "cosmic": "18.10",
    "disco": "19.04",
    "eoan": "19.10",
    "focal": "20.04",
    "groovy": "20.10",
    "hirsute": "21.04",
    "impish": "21.10",
    "jammy": "22.04",
    "kinetic": "22.10",
    "lunar": "23.04",
    "mantic": "23.10",
    "noble": "24.04",
    "resolute": "26.04",
}
_CENTOS: Final[Mapping[str, str]] = {"centos7": "7", "centos9": "9"}
_LEGACY: Final = Base(name="ubuntu", channel="20.04/stable")
"""The base of charms that declare only that they run on Kubernetes."""


@dataclass(slots=True)
class ChangePlan:
    """The changes so far; ids count across all methods.

    Attributes:
        changes: The changes.
        errors: Why each change has no arguments; empty for most.
    """

    changes: list[Document] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, method: str, args: Document, *requires: str, error: str = "") -> str:
        """Add a change; return its id."""
        change_id = f"{method}-{len(self.changes)}"
        self.changes.append(
            {"id": change_id, "method": method, "args": args, "requires": [*sorted(set(requires))]}
        )
        self.errors.append(error)
        return change_id


def plan_changes(bundle: BundleFields, *, bundle_url: str) -> ChangePlan:
    """Return the changes that deploy a bundle: applications, offers, relations, then units.

    Args:
        bundle: The bundle, overlays merged in, without errors.
        bundle_url: The URL of the bundle; when not empty, every application is annotated with it.

    Raises:
        ApiError: for an unknown series or channel.
    """
    plan = ChangePlan()
    charms: dict[tuple[JSONValue, ...], str] = {}
    deployed: dict[str, str] = {}
    default = _base_of(bundle["default-base"], bundle["series"])
    by_name = sorted(bundle["applications"].items(), key=lambda item: natural(item[0]))
    for name, spec in by_name:
        if spec["series"] == KUBERNETES:
            base: Base | None = _LEGACY
        else:
            base = _base_of(spec["base"], spec["series"]) or default
        known = (spec["charm"], _text(base), spec["channel"] or "stable", spec["revision"])
        if known not in charms:
            charm_args = _present(
                charm=spec["charm"],
                revision=spec["revision"],
                base=_text(base),
                channel=spec["channel"],
            )
            charms[known] = _add_based(plan, "addCharm", charm_args, base)
        args = _deploy_args(name, spec, charm=charms[known], base=base)
        if bundle["bundle"] == KUBERNETES and spec["num_units"]:
            args["num-units"] = spec["num_units"]
        deployed[name] = _add_based(plan, "deploy", args, base, charms[known])
        _decorate(plan, spec, deployed[name], bundle_url)
    deployed |= _plan_offers(plan, bundle, deployed)
    for left, right in bundle["relations"] or []:
        ends = [(deployed[end.partition(":")[0]], end.partition(":")) for end in (left, right)]
        shown = [f"${change}{colon}{endpoint}" for change, (_, colon, endpoint) in ends]
        relation: Document = {"endpoint1": shown[0], "endpoint2": shown[1]}
        plan.add("addRelation", relation, ends[0][0], ends[1][0])
    if bundle["bundle"] != KUBERNETES:
        for name, spec in by_name:
            for _ in range(spec["num_units"]):
                plan.add("addUnit", {"application": f"${deployed[name]}"}, deployed[name])
    return plan


def series_of(base: Base) -> str | None:
    """Return the series of a base; ``None`` when it has none."""
    known = {"ubuntu": _VERSIONS, "centos": _CENTOS}.get(base.name.lower(), {})
    return next((name for name, version in known.items() if version == base.track), None)


def _base_of(base: str, series: str) -> Base | None:
    """Return the base that a text or a series names; ``None`` when neither is given."""
    if base:
        name, _, channel = base.partition("@")
        if channel.count("/") > 1:
            raise ApiError(f"channel is malformed and has too many components {quoted(channel)}")
        track, slash, risk = channel.partition("/")
        if slash and risk not in RISKS:
            raise ApiError(f"risk in channel {quoted(channel)} not valid", NOT_VALID)
        return Base(name=name, channel=f"{track}/{risk or 'stable'}")
    if not series:
        return None
    if series == KUBERNETES:
        return Base(name=KUBERNETES, channel=KUBERNETES)
    for name, known in (("ubuntu", _VERSIONS), ("centos", _CENTOS)):
        if series in known:
            return Base(name=name, channel=f"{known[series]}/stable")
    raise ApiError(f"series {quoted(series)} not valid", NOT_VALID)


def _text(base: Base | None) -> str:
    return f"{base.name}@{base.channel}" if base else ""


def _add_based(
    plan: ChangePlan, method: str, args: Document, base: Base | None, *requires: str
) -> str:
    """Add a change with a base, and its series for older clients."""
    error = ""
    if base is not None:
        series = series_of(base)
        if series is None:
            error = f"os {quoted(base.name)} version {quoted(base.track)} not found"
        else:
            args["series"] = series
    if any(_has_mapping(value) for value in _mapping(args.get("options")).values()):
        error = "json: unsupported type: map[interface {}]interface {}"
    return plan.add(method, args, *requires, error=error)


def _has_mapping(value: JSONValue) -> bool:
    if isinstance(value, list):
        return any(_has_mapping(item) for item in value)
    return isinstance(value, dict)


def _mapping(value: JSONValue) -> Document:
    return value if isinstance(value, dict) else {}


def _decorate(plan: ChangePlan, spec: BundleFields, deployed: str, bundle_url: str) -> None:
    """Add what follows a deployment: exposure and annotations."""
    endpoints = spec["exposed-endpoints"] or {}
    if spec["expose"] or endpoints:
        args: Document = {"application": f"${deployed}"}
        if endpoints:
            args["exposed-endpoints"] = {
                name: {key: value for key, value in fields.items() if value}
                for name, fields in endpoints.items()
            }
        plan.add("expose", args, deployed)
    annotations: Document = {**(spec["annotations"] or {})}
    if bundle_url:
        annotations["bundleURL"] = bundle_url
    if annotations:
        args = {"id": f"${deployed}", "entity-type": "application", "annotations": annotations}
        plan.add("setAnnotations", args, deployed)


def _deploy_args(name: str, spec: BundleFields, *, charm: str, base: Base | None) -> Document:
    given: Mapping[str, Any] = spec["resources"] or {}
    return _present(
        charm=f"${charm}",
        base=_text(base),
        application=name,
        options=_plain(spec["options"]),
        constraints=spec["constraints"],
        storage=spec["storage"],
        devices=spec["devices"],
        endpoint_bindings=spec["bindings"],
        resources={key: value for key, value in given.items() if isinstance(value, int)},
        local_resources={key: value for key, value in given.items() if isinstance(value, str)},
        channel=spec["channel"],
    )


def _plan_offers(
    plan: ChangePlan, bundle: BundleFields, deployed: Mapping[str, str]
) -> dict[str, str]:
    """Add the changes that consume and create offers; return the change of each SAAS."""
    consumed = {}
    for name, saas in (bundle["saas"] or {}).items():
        args: Document = {"url": (saas or {}).get("url", ""), "application-name": name}
        consumed[name] = plan.add("consumeOffer", args)
    for name, spec in (bundle["applications"] or {}).items():
        for offer, fields in (spec["offers"] or {}).items():
            known = fields or {"endpoints": [], "acl": {}}
            offered: Document = {
                "application": name,
                "endpoints": [*(known["endpoints"] or [])],
                "offer-name": offer,
            }
            change = plan.add("createOffer", offered, deployed[name])
            for user, access in (known["acl"] or {}).items():
                granted: Document = {"user": user, "access": access, "offer": offer}
                plan.add("grantOfferAccess", granted, change)
    return consumed


def _present(**values: Any) -> Document:
    """Return the values other than ``None`` and empty ones."""
    return {
        key.replace("_", "-"): value for key, value in values.items() if value not in (None, "", {})
    }


def _plain(value: Any) -> JSONValue:
    """Return a value with its keys converted to text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    plain: JSONValue = value
    return plain
