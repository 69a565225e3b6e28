"""Image rules: what the charms of a release do not declare about the images they pull.

Pure. The rules of a shipped release are in ``bundles/<release>/images.yaml`` (described in
``docs/bundles.md``); `ckf_airgap.facts.releases` reads them, rendering and discovery use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ckf_airgap.documents import Document, JSONValue, type_name
from ckf_airgap.errors import InputError, Problem, ReferenceSyntaxError, nearest, raise_all
from ckf_airgap.images.reference import ImageReference

Used: TypeAlias = Literal["start", "later"]
"""When an image is pulled: by a pod that the deployment itself creates, or by one that its users or
their work create later (notebooks, servers, sidecars, user namespaces, workflow pods)."""


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
    composite: Composite | None = None
    same_as: SameAs | None = None
    """The option is empty by default and must name the same image as this place."""
    otherwise: str = ""
    """The image that is pulled when the whole option is left empty, if that is a different one."""
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
            composite=other.composite or self.composite,
            same_as=other.same_as or self.same_as,
            otherwise=other.otherwise or self.otherwise,
            used=other.used or self.used,
            used_by_key={**self.used_by_key, **other.used_by_key},
            why=other.why or self.why,
        )

    @property
    def names_images(self) -> bool:
        """Whether the rule gives the option an image."""
        return bool(self.images or self.composite or self.same_as)


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmRules:
    """The rules of one charm."""

    channel: str
    """The channel that the release's bundle takes the charm from; finds the rules for a copy."""
    options: Mapping[str, OptionRule] = field(default_factory=dict)

    def extended_by(self, other: CharmRules, where: str, problems: list[Problem]) -> CharmRules:
        """Return these rules with others added; see `ImageRules.extended_by`."""
        options = dict(self.options)
        for name, added in other.options.items():
            known = options.get(name)
            options[name] = (
                added if known is None else known.extended_by(added, f"{where} {name}", problems)
            )
        return CharmRules(channel=self.channel, options=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraImage:
    """An image that is pulled although no resource and no option names it."""

    image: str
    why: str = ""
    charm: str = ""
    used: Used = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmBases:
    """The images in which Juju runs the charms themselves."""

    repository: str
    tag: str
    """With ``{channel}`` in place of the base's version."""

    def image(self, version: str) -> str:
        """Return the reference for an Ubuntu version such as ``22.04``."""
        return f"{self.repository}:{self.tag.replace('{channel}', version)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JujuImages:
    """The images of a controller that is bootstrapped offline (``caas-image-repo``)."""

    repository: str
    controller: tuple[str, ...]
    """Names with their tags, with ``{version}`` in place of Juju's version."""

    def images(self, version: str) -> tuple[str, ...]:
        """Return the references for a version of Juju such as ``3.6.9``."""
        return tuple(
            f"{self.repository}/{name.replace('{version}', version)}" for name in self.controller
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """The image rules of a release."""

    release: str = ""
    """The release's name; empty for rules put together for another bundle."""
    charms: Mapping[str, CharmRules] = field(default_factory=dict, repr=False)
    extra_images: tuple[ExtraImage, ...] = field(default=(), repr=False)
    charm_bases: CharmBases | None = None
    juju: JujuImages | None = None

    @classmethod
    def empty(cls) -> ImageRules:
        """Return no rules, for charms that declare all of their images."""
        return cls()

    @classmethod
    def from_document(cls, document: Document, *, where: str) -> ImageRules:
        """Return the rules of an ``images.yaml``.

        Args:
            document: The file, read.
            where: The file, for messages.

        Raises:
            InputError: listing every key that is unknown, missing or of the wrong type.
        """
        problems: list[Problem] = []
        rules = _rules(_Fields(document, where, problems))
        raise_all(InputError, f"{where} does not hold image rules", problems)
        return rules

    def extended_by(self, other: ImageRules, *, where: str) -> ImageRules:
        """Return these rules with those of another file added, charm by charm.

        Nothing that these rules say about an image is lost: of an option that both describe, the
        images of both are kept, and for a key in both the image of `other` wins. Only sections
        that exist once (``charm-bases``, ``juju``) are replaced by those of `other`, if it has any.

        Args:
            other: The rules of a user's file.
            where: That file, for messages.

        Raises:
            InputError: listing every key or option that `other` leaves empty although these rules
                have an image for it: that would drop an image that is needed.
        """
        problems: list[Problem] = []
        charms = dict(self.charms)
        for name, added in other.charms.items():
            known = charms.get(name)
            charms[name] = (
                added if known is None else known.extended_by(added, f"{where}: {name}", problems)
            )
        raise_all(InputError, f"{where} drops images that are needed", problems)
        extra = [image for image in other.extra_images if image not in self.extra_images]
        return ImageRules(
            release=self.release or other.release,
            charms=charms,
            extra_images=(*self.extra_images, *extra),
            charm_bases=other.charm_bases or self.charm_bases,
            juju=other.juju or self.juju,
        )

    def images_of_juju(self) -> tuple[ImageReference, ...]:
        """Return the images that Juju itself pulls; their tags tell nothing."""
        texts = [self.charm_bases.repository] if self.charm_bases else []
        texts += self.juju.images("0") if self.juju else []
        return tuple(ImageReference.parse(text) for text in texts)

    def for_option(self, charm: str, option: str) -> OptionRule | None:
        """Return the rule of an option of a charm (by the charm's name), if there is one."""
        rules = self.charms.get(charm)
        return rules.options.get(option) if rules else None


class _Fields:
    """A mapping being read: notes each problem with its place and goes on."""

    def __init__(self, value: JSONValue, where: str, problems: list[Problem]) -> None:
        self.where = where
        self.problems = problems
        self.values: Document = {}
        if isinstance(value, dict):
            self.values = {str(key): item for key, item in value.items()}
        elif value is not None:
            self.note(f"must be a mapping, not {type_name(value)}")

    def note(self, what: str, *, key: str = "", fix: str = "") -> None:
        where = f"{self.where}: {key}" if key else self.where
        self.problems.append(Problem(what, where=where, fix=fix))

    def only(self, *known: str) -> None:
        """Refuse keys that are not known."""
        for key in self.values.keys() - set(known):
            self.note(f"unknown key {key!r}", fix=nearest(key, known))

    def text(self, key: str, *, needed: bool = False) -> str:
        value = self.values.get(key)
        if value is None:
            if needed:
                self.note("is missing", key=key)
            return ""
        if not isinstance(value, str):
            self.note(f"must be text, not {type_name(value)}", key=key)
            return ""
        if needed and not value.strip():
            self.note("is empty", key=key)
        return value

    def reference(self, key: str, *, needed: bool = False) -> str:
        """Return an image reference, or an empty string when there is none."""
        value = self.text(key, needed=needed)
        try:
            return str(ImageReference.parse(value)) if value.strip() else ""
        except ReferenceSyntaxError as exc:
            self.note(exc.message, key=key)
            return ""

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.note(f"must be true or false, not {type_name(value)}", key=key)
        return default

    def used(self, key: str) -> Used | None:
        value = self.text(key)
        for known in get_args(Used):
            if value == known:
                return known  # type: ignore[no-any-return]
        if value:
            self.note(f"must be start or later, not {value!r}", key=key)
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.note("must be a list of strings", key=key)
            return ()
        return tuple(str(item) for item in value)

    def child(self, key: str) -> _Fields:
        return _Fields(self.values.get(key), f"{self.where}: {key}", self.problems)

    def children(self, key: str) -> Iterable[tuple[str, _Fields]]:
        """Yield name and fields of a mapping of mappings."""
        section = self.child(key)
        for name in section.values:
            yield name, section.child(name)

    def items(self, key: str) -> Iterable[_Fields]:
        """Yield the fields of each item of a list of mappings."""
        value = self.values.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.note(f"must be a list, not {type_name(value)}", key=key)
            return
        for number, item in enumerate(value, start=1):
            yield _Fields(item, f"{self.where}: {key}[{number}]", self.problems)


def _rules(fields: _Fields) -> ImageRules:
    fields.only("release", "charm-bases", "juju", "rules", "extra-images")
    return ImageRules(
        release=fields.text("release", needed=True),
        charms={name: _charm_rules(item) for name, item in fields.children("rules")},
        extra_images=tuple(_extra_image(item) for item in fields.items("extra-images")),
        charm_bases=_charm_bases(fields.child("charm-bases")),
        juju=_juju_images(fields.child("juju")),
    )


def _charm_bases(fields: _Fields) -> CharmBases | None:
    fields.only("repository", "tag")
    if not fields.values:
        return None
    return CharmBases(
        repository=fields.text("repository", needed=True), tag=fields.text("tag", needed=True)
    )


def _juju_images(fields: _Fields) -> JujuImages | None:
    fields.only("repository", "controller")
    if not fields.values:
        return None
    return JujuImages(
        repository=fields.text("repository", needed=True), controller=fields.texts("controller")
    )


def _extra_image(fields: _Fields) -> ExtraImage:
    fields.only("image", "why", "charm", "used")
    return ExtraImage(
        image=fields.reference("image", needed=True),
        why=fields.text("why"),
        charm=fields.text("charm"),
        used=fields.used("used") or "start",
    )


def _charm_rules(fields: _Fields) -> CharmRules:
    fields.only("channel", "options")
    return CharmRules(
        channel=fields.text("channel", needed=True),
        options={name: _option_rule(item) for name, item in fields.children("options")},
    )


def _option_rule(fields: _Fields) -> OptionRule:
    fields.only(
        "images",
        "leave-empty",
        "split-at-last-colon",
        "composite",
        "same-as",
        "otherwise",
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
    by_key = fields.child("used-by-key")
    return OptionRule(
        images=images,
        leave_empty=keys,
        leave_option_empty=whole is True,
        split=frozenset(fields.texts("split-at-last-colon")),
        composite=_composite(fields.child("composite")),
        same_as=_same_as(fields.child("same-as")),
        otherwise=fields.reference("otherwise"),
        used=fields.used("used"),
        used_by_key={key: used for key in by_key.values if (used := by_key.used(key))},
        why=fields.text("why"),
    )


def _composite(fields: _Fields) -> Composite | None:
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


def _same_as(fields: _Fields) -> SameAs | None:
    fields.only("option", "key")
    if not fields.values:
        return None
    return SameAs(option=fields.text("option", needed=True), key=fields.text("key", needed=True))
