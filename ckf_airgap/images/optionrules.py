"""What a charm does not declare about one of its options: the rule of an option, and its reading.

Pure. `ckf_airgap.images.rules` has the rules of charms and releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ckf_airgap.errors import Problem
from ckf_airgap.images.rulefields import Fields

Used: TypeAlias = Literal["start", "later"]
"""When an image is pulled: by a pod that the deployment itself creates, or by one that its users or
their work create later (notebooks, servers, sidecars, user namespaces, workflow pods)."""

USED: Final[tuple[Used, ...]] = ("start", "later")

Kind: TypeAlias = Literal["mapping", "list", "reference", "composite", "registries"]
"""What an option holds: a mapping of keys to references, a list of them, a single one, a hub with a
tag and names, or hosts of registries with commas between them."""

Outcome: TypeAlias = Literal["blocked", "error", "ignored", "taken"]
"""What a charm does with what it does not expect: its unit goes Blocked; its hook fails, and the
unit stays in error; it goes on as if nothing were there; it takes it like anything else."""

_KINDS: Final[tuple[Kind, ...]] = ("mapping", "list", "reference", "composite", "registries")
_OUTCOMES: Final[tuple[Outcome, ...]] = ("blocked", "error", "ignored", "taken")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueGrammar:
    """What the value of an option must be like, and what its charm does otherwise."""

    kind: Kind
    unknown_keys: Outcome = "ignored"
    """At a key with a value that the charm's file of defaults does not have."""
    unreadable: Outcome = "error"
    """At a value that is no YAML."""
    empty: Outcome = "taken"
    """At an empty value: some charms take that for a list, and fail as they look for keys in it."""
    nulls: Outcome = "ignored"
    """At a key whose value is null: it counts as empty where it is ignored, else as an image."""
    plain: bool = False
    """The charm writes it into YAML of its own without quotes, so it must be a plain scalar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleImage:
    """The image behind one key of an option."""

    image: str
    """A full reference, as the release's manifests name it."""
    why: str = ""
    """Who pulls it."""
    listed: bool = True
    """Whether the option's default lists the key; the charm accepts it either way."""
    otherwise: str = ""
    """The image that is pulled instead when the key is left empty, if that is a different one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeExtra:
    """An image of a composite that no key names, since its name is fixed in the workload."""

    name: str
    when_set: tuple[str, ...] = ()
    """The options of the charm that must all be set for the image to be pulled."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """Keys of an option that make references together: ``<hub>/<name>:<tag>``."""

    hub: str
    """The key that holds registry and path."""
    tag: str
    """The key that holds the tag."""
    names: tuple[str, ...]
    """The keys that hold the images' names."""
    extra: tuple[CompositeExtra, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SameAs:
    """Another place of the same charm that names the same image."""

    option: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRule:
    """What a charm does not declare about one of its options."""

    images: Mapping[str, RuleImage] = field(default_factory=dict)
    """Keys that must be set, in order, with the image of each."""
    leave_empty: frozenset[str] = frozenset()
    """Keys that must stay empty: nothing is pulled for them."""
    leave_option_empty: bool = False
    """The whole option may stay empty."""
    split: frozenset[str] = frozenset()
    """Keys whose value the charm splits at the last colon, so that it needs a tag."""
    put_before: tuple[str, ...] = ()
    """Names, with their tags, that the charm puts the option's value before, and a slash."""
    composite: Composite | None = None
    same_as: SameAs | None = None
    """The option is empty by default and must name the same image as this place."""
    otherwise: str = ""
    """The image that is pulled when the whole option is left empty, if that is a different one."""
    value: ValueGrammar | None = None
    """What a value must be like."""
    used: Used | None = None
    """When the option's images are pulled."""
    used_by_key: Mapping[str, Used] = field(default_factory=dict)
    """The same for single keys, where it differs."""
    why: str = ""

    def used_for(self, key: str) -> Used | None:
        """Return when the image of a key is pulled; ``None`` when the rules do not say."""
        return self.used_by_key.get(key, self.used)

    def extended_by(self, other: OptionRule, where: str, problems: list[Problem]) -> OptionRule:
        """Return this rule with another one added; see `ImageRules.extended_by`."""
        fix = "leave it out: rules of a file are added to those of the release"
        emptied = sorted(self.images.keys() & other.leave_empty)
        problems += [
            Problem(f"{key!r} is left empty, but {self.images[key].image} is needed", where, fix)
            for key in emptied
        ]
        if other.leave_option_empty and self.names_images:
            problems.append(Problem("the option is left empty, but needs its images", where, fix))
        for key, mine, theirs in (
            ("composite", self.composite, other.composite),
            ("same-as", self.same_as, other.same_as),
        ):
            if mine is not None and theirs is not None and mine != theirs:
                problems.append(Problem(f"{key} contradicts that of the release", where, fix))
        return OptionRule(
            images={**self.images, **other.images},
            leave_empty=(self.leave_empty | other.leave_empty) - other.images.keys(),
            leave_option_empty=(self.leave_option_empty and not other.names_images)
            or other.leave_option_empty,
            split=self.split | other.split,
            put_before=tuple(dict.fromkeys((*self.put_before, *other.put_before))),
            composite=other.composite or self.composite,
            same_as=other.same_as or self.same_as,
            otherwise=other.otherwise or self.otherwise,
            value=other.value or self.value,
            used=other.used or self.used,
            used_by_key={**self.used_by_key, **other.used_by_key},
            why=other.why or self.why,
        )

    @property
    def names_images(self) -> bool:
        """Whether the rule gives the option an image."""
        return bool(self.images or self.composite or self.same_as or self.put_before)


def read_option_rule(fields: Fields) -> OptionRule:
    """Return the rule that a mapping of ``images.yaml`` describes; problems are noted in it."""
    fields.only(
        "images",
        "leave-empty",
        "split-at-last-colon",
        "put-before",
        "composite",
        "same-as",
        "otherwise",
        "value",
        "used",
        "used-by-key",
        "why",
    )
    whole = fields.values.get("leave-empty")
    images = {}
    for key, item in fields.children("images"):
        item.only("image", "why", "listed", "otherwise")
        images[key] = RuleImage(
            image=item.reference("image", needed=True),
            why=item.text("why"),
            listed=item.flag("listed", default=True),
            otherwise=item.reference("otherwise"),
        )
    keys = frozenset() if isinstance(whole, bool) else frozenset(fields.texts("leave-empty"))
    for key in sorted(keys & images.keys()):
        fields.note(f"{key!r} has an image, but leave-empty lists it too")
    composite = _composite(fields.child("composite"))
    value = _grammar(fields.child("value"))
    if value is not None and (value.kind == "composite") != (composite is not None):
        what = "kind: composite belongs to an option with composite, and no other kind does"
        fields.note(what, key="value")
    by_key = fields.child("used-by-key")
    return OptionRule(
        images=images,
        leave_empty=keys,
        leave_option_empty=whole is True,
        split=frozenset(fields.texts("split-at-last-colon")),
        put_before=fields.references("put-before"),
        composite=composite,
        same_as=_same_as(fields.child("same-as")),
        otherwise=fields.reference("otherwise"),
        value=value,
        used=fields.word("used", USED),
        used_by_key={key: used for key in by_key.values if (used := by_key.word(key, USED))},
        why=fields.text("why"),
    )


def _grammar(fields: Fields) -> ValueGrammar | None:
    fields.only("kind", "unknown-keys", "unreadable", "empty", "nulls", "plain")
    if not fields.values:
        return None
    if "kind" not in fields.values:
        fields.note("is missing", key="kind")
    return ValueGrammar(
        kind=fields.word("kind", _KINDS) or "reference",
        unknown_keys=fields.word("unknown-keys", _OUTCOMES) or "ignored",
        unreadable=fields.word("unreadable", _OUTCOMES) or "error",
        empty=fields.word("empty", _OUTCOMES) or "taken",
        nulls=fields.word("nulls", _OUTCOMES) or "ignored",
        plain=fields.flag("plain", default=False),
    )


def _composite(fields: Fields) -> Composite | None:
    fields.only("hub", "tag", "names", "extra")
    if not fields.values:
        return None
    extra = []
    for item in fields.items("extra"):
        item.only("name", "when-set", "why")
        extra.append(
            CompositeExtra(
                name=item.text("name", needed=True),
                when_set=item.texts("when-set"),
                why=item.text("why"),
            )
        )
    return Composite(
        hub=fields.text("hub", needed=True),
        tag=fields.text("tag", needed=True),
        names=fields.texts("names"),
        extra=tuple(extra),
    )


def _same_as(fields: Fields) -> SameAs | None:
    fields.only("option", "key")
    if not fields.values:
        return None
    return SameAs(option=fields.text("option", needed=True), key=fields.text("key", needed=True))
