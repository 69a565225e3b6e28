"""The inventory: every image that a deployment will pull, with what asks for it and when.

Pure. It puts together what the charms declare (`ckf_airgap.images.discover`), what the release's
rules add, the images that Juju itself runs charms and controllers in, and lists that the user
appends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from ckf_airgap.bundle.bases import choose_base, requested_base
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.bases import KUBERNETES_SERIES, PODSPEC_BASE
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document, decimal
from ckf_airgap.errors import (
    CharmError,
    ImageNotFoundError,
    InputError,
    Problem,
    ReferenceSyntaxError,
    UsageError,
)
from ckf_airgap.images.discover import ApplicationImages, discover_images
from ckf_airgap.images.lists import CHOSEN_BY_USER, ImageList, Need, is_chosen, nearest_image
from ckf_airgap.images.optionrules import Composite, OptionRule
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.plans import ImageUse, OptionPlan
from ckf_airgap.images.reasons import ImageReason
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText
from ckf_airgap.images.storeresources import numbered_resources

_Asked: TypeAlias = tuple[ImageReference, ImageReason]

FIRST_JUJU_WITHOUT_MONGODB: Final = 4
"""Juju 4 keeps its state in Dqlite, and needs no juju-db."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryImage:
    """An image, and everything that asks for it."""

    reference: ImageReference
    """As written in the first place that asks for it."""
    reasons: tuple[ImageReason, ...]

    @property
    def required(self) -> bool:
        """Whether a pod that the deployment itself creates runs it."""
        return any(reason.used == "start" for reason in self.reasons)

    @property
    def user_tagged(self) -> bool:
        """Whether the reference has no tag because those who run the image choose one."""
        return all(reason.user_tagged for reason in self.reasons)

    @property
    def need(self) -> Literal["required", "later"]:
        """What it is needed for: to reach active/idle, or later."""
        return "required" if self.required else "later"

    def to_json(self) -> Document:
        """Return the image as a JSON document."""
        return {
            "image": str(self.reference),
            "need": self.need,
            **({"tag": CHOSEN_BY_USER} if self.user_tagged else {}),
            "reasons": [reason.to_json() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The images of a bundle, in the order of their references.

    Attributes:
        images: One entry for each image; ``docker.io/x`` and ``x`` are the same image.
        warnings: Where it is not clear which image is meant.
    """

    images: tuple[InventoryImage, ...] = field(repr=False)
    warnings: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[InventoryImage]:
        """Yield the images."""
        return iter(self.images)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def chosen(self, need: Need | None) -> Inventory:
        """Return the images that are required to reach active/idle, those used later, or all.

        ``None`` is all whose tag is known, without those whose tag their users choose.
        """
        kept = tuple(image for image in self.images if is_chosen(image, need))
        return Inventory(images=kept, warnings=self.warnings)

    def find(self, reference: ImageReference) -> InventoryImage:
        """Return the entry of an image, however its reference is spelled.

        Raises:
            ImageNotFoundError: when nothing asks for it; the message suggests the nearest.
        """
        wanted = reference.canonical()
        for image in self.images:
            if image.reference.canonical() == wanted:
                return image
        near = nearest_image(reference, [image.reference for image in self.images])
        raise ImageNotFoundError(
            f"nothing in the bundle asks for {reference}",
            fix=f"did you mean '{near}'?" if near else "",
        )

    def to_text(self) -> str:
        """Return an ``images.txt``: one reference per line."""
        return "".join(f"{image.reference}\n" for image in self.images)


def take_inventory(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    rules: ImageRules,
    *,
    juju_version: str | None = None,
    lists: Iterable[ImageList] = (),
) -> Inventory:
    """Return every image that a bundle with its charms pulls.

    In addition to the images that the bundle pulls as it is, the inventory has those that it pulls
    once an option is set or cleared (istio's CNI plugin, a default in a charm's code), so that a
    later overlay does not need a second trip; they count as used later. So do those that rules had
    named before others were laid over them (`ImageRules.extended_by`).

    Args:
        bundle: The bundle, with its overlays merged in.
        charms: The charm of each application, by the application's name.
        rules: What the charms do not declare.
        juju_version: Add the images of a controller of this version, such as ``3.6.9``.
        lists: Lists to append, such as images for tests; they count as required unless they say
            otherwise.

    Raises:
        OptionError: when parts of a hub, tag and names are missing or make no valid reference.
        InputError: when a reference is malformed.
        UsageError: when ``juju_version`` is not a version of Juju.
    """
    entries = discover_images(bundle, charms, rules, skip_missing=True)
    found = _found(entries, bundle, charms, rules, juju_version)
    for images in lists:
        found += [
            (
                line.reference,
                ImageReason(
                    asker="list",
                    used="later" if line.need == "later" else "start",
                    file=images.where,
                    line=line.line or None,
                    user_tagged=line.user_tagged,
                ),
            )
            for line in images.entries
        ]
    found += _replaced(found, bundle, charms, rules, juju_version)
    warnings = [warning for entry in entries for warning in entry.warnings()]
    warnings += numbered_resources(bundle, charms)
    warnings += _unknown_bases(bundle, charms)
    return Inventory(images=_merged(found), warnings=tuple(warnings))


def _found(
    entries: Iterable[ApplicationImages],
    bundle: Bundle,
    charms: Mapping[str, Charm],
    rules: ImageRules,
    juju_version: str | None,
) -> list[_Asked]:
    found: list[_Asked] = []
    for entry in entries:
        found += _of_application(entry, rules)
    found += _of_rules(bundle, rules)
    found += _charm_bases(bundle, charms, rules)
    if juju_version is not None:
        found += _of_juju(rules, juju_version)
    return found


def _replaced(
    found: Iterable[_Asked],
    bundle: Bundle,
    charms: Mapping[str, Charm],
    rules: ImageRules,
    juju_version: str | None,
) -> Iterator[_Asked]:
    """Yield what only the rules ask for that others were laid over, as used later."""
    before = rules.laid_over
    if before is None:
        return
    try:
        entries = discover_images(bundle, charms, before, skip_missing=True)
        asked = _found(entries, bundle, charms, before, juju_version)
    except InputError:
        return  # without the rules on top there would be no inventory at all
    known = {reference.canonical() for reference, _ in found}
    why = "named by the rules of the release; rules of a file name another image in its place"
    for reference, reason in asked:
        if reference.canonical() not in known:
            yield reference, replace(reason, used="later", why=why)
    yield from _replaced([*found, *asked], bundle, charms, before, juju_version)


def base_in_use(application: Application, charm: Charm, bundle: Bundle) -> Base | None:
    """Return the base that Juju runs an application's charm in, or ``None`` if it is unknown.

    It is the base that is chosen at deployment (`choose_base`). Where the charm does not have what
    the bundle asks for, it is that: another file of the charm may have it. Charms of the series
    kubernetes run in Ubuntu 20.04 (``PodSpec charms now use focal`` in Juju's
    ``caasoperatorprovisioner``).
    """
    if KUBERNETES_SERIES in charm.series:
        return PODSPEC_BASE
    try:
        return choose_base(application, bundle, charm)
    except CharmError:
        with contextlib.suppress(CharmError):
            return requested_base(application, bundle)
    return None


def _merged(found: Iterable[_Asked]) -> tuple[InventoryImage, ...]:
    """Return one entry for each image, however it is spelled.

    It is spelled as the first place has it. Where that leaves the tag to users and another place
    does not, ``:latest`` is written out.
    """
    spelled: dict[ImageReference, _Asked] = {}
    reasons: dict[ImageReference, dict[ImageReason, None]] = {}
    for reference, reason in found:
        image = reference.canonical()
        first = spelled.setdefault(image, (reference, reason))
        if first[1].user_tagged and not reason.user_tagged:
            spelled[image] = (reference.with_tag(), reason)
        reasons.setdefault(image, {})[reason] = None
    return tuple(
        InventoryImage(reference=spelled[image][0], reasons=tuple(reasons[image]))
        for image in sorted(spelled, key=lambda image: str(spelled[image][0]))
    )


def _of_application(entry: ApplicationImages, rules: ImageRules) -> Iterator[_Asked]:
    application, charm = entry.application, entry.charm
    for resource, reference in entry.resources.items():
        in_bundle = isinstance(application.resources.get(resource), str)
        yield (
            reference,
            ImageReason(
                asker="resource",
                used="start",
                application=application.name,
                charm=charm.name,
                resource=resource,
                named_by="bundle" if in_bundle else "charm",
            ),
        )
    for plan in entry.options:
        rule = rules.for_option(charm.name, plan.option) or OptionRule()
        for use in plan.uses:
            yield use.reference, _option_reason(entry, plan, use, rule)
        yield from _when_emptied(entry, plan.option, rule)
        if plan.composite is not None:
            yield from _when_set(entry, plan, plan.composite, rule)


def _option_reason(
    entry: ApplicationImages, plan: OptionPlan, use: ImageUse, rule: OptionRule
) -> ImageReason:
    key = str(use.path[0]) if use.path else ""
    # Where no rule says when an image is used: lists and mappings offer choices, or name what is
    # run on demand (docs/bundles.md). Anything else is required: an image too many costs space,
    # one too few stops the deployment.
    choice = bool(use.path) and plan.composite is None
    file, line = _place_in_charm(entry.charm, plan.option, use.path, use.origin == "file")
    named = {"bundle": "bundle", "option": "charm", "file": "file", "rule": "rules"}
    return ImageReason(
        asker="option",
        used=rule.used_for(key) or ("later" if choice else "start"),
        application=entry.application.name,
        charm=entry.charm.name,
        option=plan.option,
        path=use.path,
        named_by=named[use.origin],  # type: ignore[arg-type]
        file=file,
        line=line,
        why=use.why or ("" if use.path else rule.why),
    )


def _when_emptied(entry: ApplicationImages, option: str, rule: OptionRule) -> Iterator[_Asked]:
    """Yield the images that are pulled only when a value is left empty."""
    emptied = [("", rule.otherwise)]
    emptied += [(key, image.otherwise) for key, image in rule.images.items()]
    for key, otherwise in emptied:
        if otherwise:
            yield (
                ImageReference.parse(otherwise),
                ImageReason(
                    asker="option",
                    used="later",
                    application=entry.application.name,
                    charm=entry.charm.name,
                    option=option,
                    path=(key,) if key else (),
                    named_by="rules",
                    why="pulled only while the value is empty; rendering sets it",
                ),
            )


def _when_set(
    entry: ApplicationImages, plan: OptionPlan, composite: Composite, rule: OptionRule
) -> Iterator[_Asked]:
    """Yield the images of a hub and tag that are pulled only when other options are set."""
    values = {scalar.path: scalar.value or "" for scalar in ValueText.parse(plan.value).scalars}
    hub, tag = values[(composite.hub,)], values[(composite.tag,)]
    for extra in composite.extra:
        reference = ImageReference.parse(f"{hub}/{extra.name}:{tag}")
        if any(use.reference == reference for use in plan.uses):
            continue
        condition = " and ".join(extra.when_set)
        yield (
            reference,
            ImageReason(
                asker="option",
                used=rule.used_by_key.get(extra.name, "later"),
                application=entry.application.name,
                charm=entry.charm.name,
                option=plan.option,
                named_by="rules",
                why=f"{extra.why}; pulled only when {condition} are set",
            ),
        )


def _place_in_charm(
    charm: Charm, option: str, path: KeyPath, from_file: bool
) -> tuple[str, int | None]:
    """Return the file of the charm that names an image, and the line if it is the file itself."""
    defaults = charm.defaults_for(option) if from_file else None
    if defaults is None:
        return "", None
    if charm.path is None:
        return defaults.path, None
    for scalar in ValueText.parse(defaults.text).scalars:
        if scalar.path == path[: len(scalar.path)] and scalar.path:
            return defaults.path, defaults.text.count("\n", 0, scalar.start) + 1
    return defaults.path, None


def _of_rules(bundle: Bundle, rules: ImageRules) -> Iterator[_Asked]:
    users: dict[str, list[str]] = {}
    for name, application in bundle.applications.items():
        users.setdefault(application.charm_name, []).append(name)
    for extra in rules.extra_images:
        for name in users.get(extra.charm, []) if extra.charm else [""]:
            yield (
                ImageReference.parse(extra.image),
                ImageReason(
                    asker="rule",
                    used=extra.used,
                    application=name,
                    charm=extra.charm,
                    named_by="rules",
                    why=extra.why,
                    user_tagged=extra.user_tagged,
                ),
            )


def _charm_bases(
    bundle: Bundle, charms: Mapping[str, Charm], rules: ImageRules
) -> Iterator[_Asked]:
    if rules.charm_bases is None:
        return
    for name, application in bundle.applications.items():
        base = base_in_use(application, charms[name], bundle)
        if base is not None:
            yield (
                ImageReference.parse(rules.charm_bases.image(base.track)),
                ImageReason(
                    asker="charm base",
                    used="start",
                    application=name,
                    charm=charms[name].name,
                    named_by="rules",
                    why=f"Juju runs the charm in {base}",
                ),
            )


def _unknown_bases(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    return [
        Problem(
            f"charm {charms[name].name} declares no base, so its charm base image is unknown",
            f"application {name}",
            "append the image to the list",
        )
        for name, application in bundle.applications.items()
        if base_in_use(application, charms[name], bundle) is None
    ]


def _of_juju(rules: ImageRules, version: str) -> Iterator[_Asked]:
    if rules.juju is None:
        raise InputError(
            "the image rules do not list the images of a Juju controller",
            fix="Use rules with a juju section (docs/bundles.md).",
        )
    major = version.partition(".")[0]
    try:
        references = [ImageReference.parse(image) for image in rules.juju.images(version)]
    except ReferenceSyntaxError:
        references = []
    number = decimal(major)
    if not references or number is None:
        raise UsageError(f"{version!r} is not a version of Juju", fix="Write one such as 3.6.9.")
    for reference in references:
        if reference.repository.endswith("/juju-db") and number >= FIRST_JUJU_WITHOUT_MONGODB:
            continue
        yield (
            reference,
            ImageReason(
                asker="juju",
                used="start",
                named_by="rules",
                why=f"controller and agents of Juju {version}",
            ),
        )
