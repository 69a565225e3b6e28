"""How a model differs from a bundle: what is changed, left alone, or cannot be changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem
from ckf_airgap.juju.planning.hiding import masked

Kind: TypeAlias = Literal[
    "application",
    "charm",
    "base",
    "resource",
    "pull-login",
    "option",
    "trust",
    "constraints",
    "scale",
    "expose",
    "annotation",
    "binding",
    "storage",
    "device",
    "placement",
    "relation",
    "offer",
    "record",
]
"""What differs of an application. Options that Juju gives every application are options, too;
``trust`` alone is a kind of its own. ``record`` is the note of what was deployed."""


_MAY_BE_SECRET: Final = frozenset({"option", "annotation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which a model is not as it should be.

    Attributes:
        application: The application; of a relation, the one that requires.
        kind: What differs of it.
        name: Which resource, option, annotation, endpoint, storage or offer; empty for what an
            application has only one of.
        old: What the model has; ``None`` when it has nothing, or when that is not known.
        new: What it will have; ``None`` when it goes.
        reason: Why it is changed, where that does not go without saying.
        is_known: Whether `old` is known; the model may have something that cannot be read back.
    """

    application: str
    kind: Kind
    name: str = ""
    old: JSONValue = field(default=None, repr=False)
    new: JSONValue = field(default=None, repr=False)
    reason: str = ""
    is_known: bool = True

    def shown(self, value: JSONValue) -> JSONValue:
        """Return one of the two values as it may be shown: secrets of options are hidden."""
        return masked(self.name, value) if self.kind in _MAY_BE_SECRET else value

    @property
    def hides(self) -> bool:
        """Whether a part of a value must not be shown."""
        return self.shown(self.old) != self.old or self.shown(self.new) != self.new

    def to_json(self) -> Document:
        """Return the difference as JSON; values of options that may be secret are hidden."""
        document: Document = {
            "application": self.application,
            "kind": self.kind,
            "name": self.name,
            "old": self.shown(self.old),
            "new": self.shown(self.new),
            "reason": self.reason,
        }
        return document if self.is_known else {**document, "old-unknown": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Something that neither the bundle nor an earlier deployment has set, and that is left alone.

    Attributes:
        application: The application; of a relation, the one that requires.
        kind: What it is; ``application`` and ``relation`` for those the bundle does not have.
        name: Which one, as for a `Difference`.
        value: Its value in the model.
        fix: How to remove or reset it with this tool.
    """

    application: str
    kind: Kind
    name: str = ""
    value: JSONValue = field(default=None, repr=False)
    fix: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What says which it is: application, kind and name; of a relation its ends alone."""
        if self.kind == "relation":
            return (self.kind, self.name)
        return (self.application, self.kind, self.name)

    @property
    def shown(self) -> JSONValue:
        """Its value as it may be shown: secrets of options are hidden."""
        return masked(self.name, self.value) if self.kind in _MAY_BE_SECRET else self.value

    def to_json(self) -> Document:
        """Return it as JSON; values of options that may be secret are hidden."""
        return {
            "application": self.application,
            "kind": self.kind,
            "name": self.name,
            "value": self.shown,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that Juju cannot change in an application that is in the model.

    Attributes:
        application: The application.
        kind: What differs.
        name: Which storage, device, endpoint.
        what: Why it cannot be changed, with both values.
        fix: What to do: usually ``--replace APP``.
        lost: What replacing the application would lose or detach: its storage.
    """

    application: str
    kind: Kind
    what: str
    name: str = ""
    fix: str = ""
    lost: tuple[str, ...] = ()

    @property
    def problem(self) -> Problem:
        """The refusal as a problem."""
        return Problem(self.what, f"application {self.application}", self.fix)

    def to_json(self) -> Document:
        """Return it as JSON."""
        return {
            "application": self.application,
            "kind": self.kind,
            "name": self.name,
            "what": self.what,
            "fix": self.fix,
            "lost": [*self.lost],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How far a plan may go.

    Attributes:
        prune: Remove applications and relations that the bundle does not have.
        reset_foreign: Reset what neither the bundle nor an earlier deployment has set.
        replace: Applications to remove and deploy again where Juju refuses to change them.
        only: The applications to plan for; ``None`` for all.
        release: The release that is deployed, for the record; empty for a bundle of one's own.
    """

    prune: bool = False
    reset_foreign: bool = False
    replace: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    release: str = ""
