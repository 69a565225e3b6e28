"""What must be set, reset or left alone of an application that is in the model. Pure.

Three rules, for options, trust, constraints, exposure and annotations alike:

- what the bundle says is so, ``trust: false`` included;
- what an earlier deployment has set and the bundle no longer says is reset;
- what somebody else has set and the bundle does not mention is foreign: it is listed and left
  alone, or reset when that is asked for.

Values are compared as what they mean (``7`` is ``"7"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.bundle.checks import APPLICATION_OPTIONS
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.charms.bases import DEFAULT_ARCHITECTURE
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.juju.planning.differences import Difference, Foreign, Kind
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.juju.planning.live import LiveApplication
from ckf_airgap.juju.planning.requested import RequestedApplication
from ckf_airgap.juju.planning.requirements import ALPHA
from ckf_airgap.juju.planning.steps import (
    ApplicationChange,
    Expose,
    Scale,
    SetAnnotations,
    SetConstraints,
    Unexpose,
)
from ckf_airgap.juju.planning.values import juju_text, live_text, same_value
from ckf_airgap.juju.planning.written import (
    exposed_document,
    written_constraints,
)

OURS: Final = "an earlier deployment set it, and the bundle no longer does"
ASKED: Final = "neither the bundle nor an earlier deployment has set it"
RESET_FIX: Final = "write it in the bundle, or reset it with --reset-foreign"

_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
"""The networks of an endpoint that is exposed without spaces and networks."""


@dataclass(slots=True)
class Options:
    """What must be done about the options of an application, ``trust`` among them.

    Attributes:
        changed: The value of each that must be set.
        reset: Those that get their defaults again.
        changes: How those of `changed` differ.
        resets: How those of `reset` differ.
        gone: Options that are set and that another charm does not have.
        foreign: What somebody else has set.
    """

    changed: dict[str, str] = field(default_factory=dict)
    reset: list[str] = field(default_factory=list)
    changes: list[Difference] = field(default_factory=list)
    resets: list[Difference] = field(default_factory=list)
    gone: list[Difference] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)


def compare_options(
    wanted: RequestedApplication,
    present: LiveApplication,
    *,
    is_refreshed: bool,
    resets_foreign: bool,
) -> Options:
    """Compare the options of an application, ``trust`` included.

    Args:
        wanted: What the bundle asks for.
        present: What the model has.
        is_refreshed: Whether the application gets another charm, whose options then count.
        resets_foreign: Whether what somebody else has set is reset.
    """
    found = Options()
    for name, text in wanted.options.items():
        live = _live(present, name)
        is_same = same_value(live, text)
        if not is_same:
            found.changes.append(_difference(wanted, "option", name, live_text(live), text))
        if not is_same or (is_refreshed and _may_be_lost(wanted, present, name, text)):
            found.changed[name] = text
    known = {*wanted.charm.options} if is_refreshed else {*present.options}
    for name in sorted(present.user_set - {*wanted.options, "trust"}):
        live = live_text(_live(present, name))
        if name not in known and name not in APPLICATION_OPTIONS:
            reason = f"charm {wanted.charm_file} has no such option"
            found.gone.append(_difference(wanted, "option", name, live, None, reason))
        elif name in present.identity.owned.options:
            _reset(found, _difference(wanted, "option", name, live, None, OURS))
        elif resets_foreign:
            _reset(found, _difference(wanted, "option", name, live, None, ASKED))
        else:
            found.foreign.append(_foreign(wanted, "option", name, live))
    if is_refreshed:
        found.reset += _unseen(wanted, present, resets_foreign=resets_foreign)
    _compare_trust(found, wanted, present, resets_foreign=resets_foreign)
    return found


def compare_settings(
    wanted: RequestedApplication, present: LiveApplication, *, resets_foreign: bool
) -> tuple[list[ApplicationChange], list[Foreign]]:
    """Compare the constraints, scale, exposure and annotations of an application.

    Returns:
        What must be changed, and what somebody else has set.
    """
    foreign: list[Foreign] = []
    steps = [
        *_constraints(wanted, present, foreign, resets_foreign=resets_foreign),
        *_scale(wanted, present),
        *_exposure(wanted, present, foreign, resets_foreign=resets_foreign),
        *_annotations(wanted, present, foreign, resets_foreign=resets_foreign),
    ]
    return steps, foreign


def compare_bindings(
    wanted: RequestedApplication, present: LiveApplication
) -> tuple[dict[str, str], tuple[Difference, ...]]:
    """Return the bindings to change, and how they differ."""
    live = present.bindings
    if live is None:
        return {}, ()
    changed: dict[str, str] = {}
    differences = []
    for endpoint, space in wanted.application.bindings.items():
        now = live.get(endpoint, live.get("", ALPHA))
        if space and space != now:
            changed[endpoint] = space
            differences.append(_difference(wanted, "binding", endpoint, now, space))
    return changed, tuple(differences)


def _compare_trust(
    found: Options,
    wanted: RequestedApplication,
    present: LiveApplication,
    *,
    resets_foreign: bool,
) -> None:
    if wanted.trust is not None:
        if wanted.trust != present.trust:
            text = juju_text(wanted.trust)
            old = juju_text(present.trust)
            found.changed["trust"] = text
            found.changes.append(_difference(wanted, "trust", "", old, text))
    elif present.trust and present.identity.owned.trust:
        _reset(found, _difference(wanted, "trust", "", "true", "false", OURS))
    elif present.trust and resets_foreign:
        _reset(found, _difference(wanted, "trust", "", "true", "false", ASKED))
    elif present.trust:
        found.foreign.append(_foreign(wanted, "trust", "", "true"))


def _reset(found: Options, difference: Difference) -> None:
    found.reset.append(difference.name or difference.kind)
    found.resets.append(difference)


def _may_be_lost(
    wanted: RequestedApplication, present: LiveApplication, name: str, text: str
) -> bool:
    """Whether an option with the right value may get another one with the new charm.

    A value that was set is kept where its type stays; a default may be another one.
    """
    option = wanted.charm.options.get(name)
    if option is None:
        return False  # one of Juju's own
    types = present.identity.option_types or {}
    if name in present.user_set and types.get(name, option.type) == option.type:
        return False
    return not same_value(option.default, text)


def _unseen(
    wanted: RequestedApplication, present: LiveApplication, *, resets_foreign: bool
) -> Iterator[str]:
    """Yield the options that may have been set to the default of a charm whose default changes.

    A controller does not tell them from those that were never set, and keeps their values with the
    new charm.
    """
    types = present.identity.option_types or {}
    for name, option in wanted.charm.options.items():
        if name in wanted.options or name in present.user_set or types.get(name) != option.type:
            continue
        live = present.options.get(name)
        is_default = option.default is not None and same_value(live, juju_text(option.default))
        is_ours = name in present.identity.owned.options
        if live is not None and not is_default and (resets_foreign or is_ours):
            yield name


def _live(present: LiveApplication, name: str) -> JSONValue:
    return present.options.get(name, present.own_options.get(name))


def _constraints(
    wanted: RequestedApplication,
    present: LiveApplication,
    foreign: list[Foreign],
    *,
    resets_foreign: bool,
) -> Iterator[ApplicationChange]:
    live = _set_constraints(present.constraints)
    target = _set_constraints(wanted.constraints or {})
    says_none = wanted.constraints is not None and not target
    reasons: list[str] = []
    for name in live:
        if name in target:
            continue
        if name == "arch":  # the controller filled it in, and it cannot be changed
            target[name] = live[name]
        elif name in present.identity.owned.constraints:
            reasons.append(OURS)
        elif resets_foreign:
            reasons.append(ASKED)
        elif not says_none:
            target[name] = live[name]
            foreign.append(_foreign(wanted, "constraints", name, live[name]))
    if target != live and "arch" not in target:
        # The controller takes it away when somebody sets constraints without it, and lets it be set
        # again to the default only (state.Application.SetConstraints).
        base = wanted.base
        if base is not None and wanted.architecture(base) == DEFAULT_ARCHITECTURE:
            target["arch"] = DEFAULT_ARCHITECTURE
    if target != live:
        yield SetConstraints(
            application=wanted.name,
            constraints=target,
            differences=(
                _difference(
                    wanted,
                    "constraints",
                    "",
                    " ".join(written_constraints(live)) or None,
                    " ".join(written_constraints(target)) or None,
                    "; ".join(dict.fromkeys(reasons)),
                ),
            ),
        )


def _set_constraints(constraints: Document) -> Document:
    """Return constraints without those that are empty, which the controller leaves out."""
    return {name: value for name, value in constraints.items() if value not in ("", [], None)}


def _scale(wanted: RequestedApplication, present: LiveApplication) -> Iterator[ApplicationChange]:
    scale = wanted.application.scale
    if scale != present.scale and not wanted.charm.subordinate:
        difference = _difference(wanted, "scale", "", present.scale, scale)
        yield Scale(
            application=wanted.name, scale=scale, was=present.scale, differences=(difference,)
        )


def _exposure(
    wanted: RequestedApplication,
    present: LiveApplication,
    foreign: list[Foreign],
    *,
    resets_foreign: bool,
) -> Iterator[ApplicationChange]:
    live = _exposed(present)
    target = wanted.exposed or {}
    says_not = wanted.exposed is not None and not wanted.exposed
    removed: list[Difference] = []
    for endpoint, details in live.items():
        if endpoint in target:
            continue
        old = exposed_document({endpoint: details})[endpoint]
        if endpoint in present.identity.owned.exposed:
            removed.append(_difference(wanted, "expose", endpoint, old, None, OURS))
        elif says_not or resets_foreign:
            reason = "the bundle says that it is not exposed" if says_not else ASKED
            removed.append(_difference(wanted, "expose", endpoint, old, None, reason))
        else:
            foreign.append(_foreign(wanted, "expose", endpoint, old))
    if removed:
        whole = len(removed) == len(live)
        yield Unexpose(
            application=wanted.name,
            endpoints=() if whole else tuple(item.name for item in removed),
            differences=tuple(removed),
        )
    added = [
        _difference(
            wanted,
            "expose",
            endpoint,
            exposed_document({endpoint: live[endpoint]})[endpoint] if endpoint in live else None,
            exposed_document({endpoint: details})[endpoint],
        )
        for endpoint, details in target.items()
        if endpoint not in live or _networks(details) != _networks(live[endpoint])
    ]
    if added:
        endpoints = wanted.application.exposed_endpoints
        yield Expose(application=wanted.name, endpoints=endpoints, differences=tuple(added))


def _exposed(present: LiveApplication) -> Mapping[str, ExposedEndpoint]:
    """Return from where each endpoint can be reached; one without a name stands for all."""
    if not present.exposed:
        return {}
    return present.exposed_endpoints or {"": ExposedEndpoint()}


def _networks(details: ExposedEndpoint) -> tuple[set[str], set[str]]:
    networks = details.cidrs if details.spaces or details.cidrs else _EVERYWHERE
    return {*details.spaces}, {*networks}


def _annotations(
    wanted: RequestedApplication,
    present: LiveApplication,
    foreign: list[Foreign],
    *,
    resets_foreign: bool,
) -> Iterator[ApplicationChange]:
    changed: dict[str, str] = {}
    differences: list[Difference] = []
    live = present.annotations
    for name, text in wanted.application.annotations.items():
        if live.get(name, "") != text:
            changed[name] = text
            differences.append(
                _difference(wanted, "annotation", name, live.get(name), text or None)
            )
    for name in sorted(live.keys() - {*wanted.application.annotations, RECORD_KEY}):
        is_ours = name in present.identity.owned.annotations
        if is_ours or resets_foreign:
            changed[name] = ""
            reason = OURS if is_ours else ASKED
            differences.append(_difference(wanted, "annotation", name, live[name], None, reason))
        else:
            foreign.append(_foreign(wanted, "annotation", name, live[name]))
    if changed:
        yield SetAnnotations(
            application=wanted.name, annotations=changed, differences=tuple(differences)
        )


def _difference(  # noqa: PLR0917 - read as a sentence
    wanted: RequestedApplication,
    kind: Kind,
    name: str,
    old: JSONValue,
    new: JSONValue,
    reason: str = "",
) -> Difference:
    return Difference(
        application=wanted.name, kind=kind, name=name, old=old, new=new, reason=reason
    )


def _foreign(wanted: RequestedApplication, kind: Kind, name: str, value: JSONValue) -> Foreign:
    return Foreign(application=wanted.name, kind=kind, name=name, value=value, fix=RESET_FIX)
