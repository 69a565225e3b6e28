"""Image rules: what the charms of a release do not declare about the images they pull.

Pure. The rules of a shipped release are in ``bundles/<release>/images.yaml`` (described in
``docs/bundles.md``); `ckf_airgap.facts.releases` reads them, rendering and discovery use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ckf_airgap.documents import Document
from ckf_airgap.errors import InputError, Problem, raise_all
from ckf_airgap.images.lists import CHOSEN_BY_USER
from ckf_airgap.images.optionrules import USED, OptionRule, Used, read_option_rule
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rulefields import Fields


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
    user_tagged: bool = False
    """Whether the image has no tag, since those who run it choose one."""


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
    laid_over: ImageRules | None = field(default=None, repr=False, compare=False)
    """The rules that these were added to: an image that only they name is listed all the same."""

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
        rules = _rules(Fields(document, where, problems))
        raise_all(InputError, f"{where} does not hold image rules", problems)
        return rules

    def extended_by(self, other: ImageRules, *, where: str) -> ImageRules:
        """Return these rules with those of another file added, charm by charm.

        Nothing that these rules say about an image is lost: of an option that both describe, the
        images of both are kept, and for a key in both the image of `other` wins. Only sections
        that exist once (``charm-bases``, ``juju``) are replaced by those of `other`, if it has any.
        An image that is replaced in one of these ways stays in the inventory, as used later.

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
            laid_over=self,
        )

    def images_of_no_charm(self) -> tuple[ImageReference, ...]:
        """Return the images that no charm names, most of them of Juju itself."""
        texts = [self.charm_bases.repository] if self.charm_bases else []
        texts += self.juju.images("0") if self.juju else []
        texts += [extra.image for extra in self.extra_images]
        return tuple(ImageReference.parse(text) for text in texts)

    def for_option(self, charm: str, option: str) -> OptionRule | None:
        """Return the rule of an option of a charm (by the charm's name), if there is one."""
        rules = self.charms.get(charm)
        return rules.options.get(option) if rules else None


def _rules(fields: Fields) -> ImageRules:
    fields.only("release", "charm-bases", "juju", "rules", "extra-images")
    return ImageRules(
        release=fields.text("release", needed=True),
        charms={name: _charm_rules(item) for name, item in fields.children("rules")},
        extra_images=tuple(_extra_image(item) for item in fields.items("extra-images")),
        charm_bases=_charm_bases(fields.child("charm-bases")),
        juju=_juju_images(fields.child("juju")),
    )


def _charm_bases(fields: Fields) -> CharmBases | None:
    fields.only("repository", "tag")
    if not fields.values:
        return None
    return CharmBases(
        repository=fields.text("repository", needed=True), tag=fields.text("tag", needed=True)
    )


def _juju_images(fields: Fields) -> JujuImages | None:
    fields.only("repository", "controller")
    if not fields.values:
        return None
    return JujuImages(
        repository=fields.text("repository", needed=True), controller=fields.texts("controller")
    )


def _extra_image(fields: Fields) -> ExtraImage:
    fields.only("image", "why", "charm", "used", "tag")
    image = fields.reference("image", needed=True)
    used = fields.word("used", USED)
    user_tagged = fields.word("tag", (CHOSEN_BY_USER,)) is not None
    if user_tagged and image:
        reference = ImageReference.parse(image)
        if reference.tag or reference.digest:
            fields.note(
                f"must have neither tag nor digest where tag is {CHOSEN_BY_USER}", key="image"
            )
    if user_tagged and used == "start":
        fields.note(f"must be later where tag is {CHOSEN_BY_USER}", key="used")
    return ExtraImage(
        image=image,
        why=fields.text("why"),
        charm=fields.text("charm"),
        used=used or ("later" if user_tagged else "start"),
        user_tagged=user_tagged,
    )


def _charm_rules(fields: Fields) -> CharmRules:
    fields.only("channel", "options")
    return CharmRules(
        channel=fields.text("channel", needed=True),
        options={name: read_option_rule(item) for name, item in fields.children("options")},
    )
