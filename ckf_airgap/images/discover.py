"""The images that a bundle and its charms need, and what needs each of them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import InputError, OptionError, Problem, ReferenceSyntaxError
from ckf_airgap.images.completing import completed, left_empty
from ckf_airgap.images.compositions import Composition
from ckf_airgap.images.grammar import check_values
from ckf_airgap.images.judge import Known
from ckf_airgap.images.needs import ImageNeed, Place
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.plans import ImageUse, OptionPlan
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules

_TRANSPORT: Final = re.compile(r"(?:docker|https?|oci|containers-storage):(?://)?", re.IGNORECASE)
"""What programs put in front of a reference, and no reference has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationImages:
    """The images of one application: those of its resources, and the plans of its options."""

    application: Application
    charm: Charm
    resources: Mapping[str, ImageReference]
    options: tuple[OptionPlan, ...]
    left_empty: tuple[ImageUse, ...] = ()
    """The images that are pulled because a person set a key, or a whole option, to nothing."""
    known: frozenset[ImageReference] = frozenset()
    """The references that the list was asked about, and has."""
    unknown: frozenset[ImageReference] = frozenset()
    """The references that the list was asked about and lacks, and that are not taken for images."""
    doubts: tuple[Problem, ...] = ()
    """What is uncertain about the resources, and what the charm would pass over in options."""

    def needs(self) -> Iterable[ImageNeed]:
        """Yield every image with the place that names it."""
        name = self.application.name
        for resource, reference in self.resources.items():
            yield ImageNeed(
                application=name,
                where=f"resource {resource}",
                source=reference,
                resource=resource,
            )
        for plan in self.options:
            for use in plan.uses:
                yield ImageNeed(
                    application=name,
                    where=use.where,
                    source=use.reference,
                    why=use.why,
                    option=plan.option,
                    path=use.path,
                )

    def warnings(self) -> Iterable[Problem]:
        """Yield the warnings about the resources and options."""
        yield from self.doubts
        yield from self.option_warnings()

    def option_warnings(self) -> Iterable[Problem]:
        """Yield the warnings about what may be an image in options."""
        for plan in self.options:
            for warning in plan.warnings:
                yield of_application(self.application.name, warning)


def _is_placed(made: Composition, own: Container[str]) -> bool:
    """Whether options that make an image together have their place from one that stays as it is.

    That is the first in the reference: of a registry and a name the registry. A name or tag that a
    person gives behind it is looked for in the list, as one of the bundle is.
    """
    parts = (*made.fronts, made.name)
    first = next((part for part in parts if part.text.strip()), made.name)
    return first.path[0] in own


def of_application(name: str, problem: Problem) -> Problem:
    """Return a problem of an option with the name of the application, in ``--set APP.OPTION``, too.

    Options are looked at charm by charm, which several applications may share.
    """
    where = f"application {name}" + (f", {problem.where}" if problem.where else "")
    return Problem(problem.what, where, problem.fix.replace("--set APP.", f"--set {name}."))


def discover_images(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    rules: ImageRules,
    *,
    known: Known = lambda _: False,
    skip_options: Container[Place] = (),
    skip_resources: Container[Place] = (),
    skip_missing: bool = False,
) -> tuple[ApplicationImages, ...]:
    """Return the images of each application of a bundle, in the bundle's order.

    A resource's image is the one that the bundle names, else the charm's ``upstream-source``; a
    revision number in the bundle means the store's resource, whose image is that of the charm.

    Args:
        bundle: The bundle, with its overlays merged in.
        charms: The charm of each application, by the application's name.
        rules: What the charms do not declare.
        known: Whether a reference is in the list of images; see `plan_options`.
        skip_options: Options to leave as they are; they must still be well-formed. Of a mapping
            of images this holds for its keys: those that it lacks are put in.
        skip_resources: Resources to leave as they are, likewise.
        skip_missing: Warn of resources whose image nothing names, instead of refusing them.

    Raises:
        OptionError: when the images of options cannot be determined; see `plan_options`.
        InputError: when resources have no image, or one that is not a valid reference.
    """
    found: list[ApplicationImages] = []
    problems: list[Problem] = []
    option_errors: list[Problem] = []
    for name, application in bundle.applications.items():
        charm = charms[name]
        resources: dict[str, ImageReference] = {}
        doubts: list[Problem] = []
        for resource in charm.images:
            skipped = (name, resource.name) in skip_resources
            given = application.resources.get(resource.name)
            declared = resource.upstream_source or resource.old_upstream
            text = given if isinstance(given, str) else declared
            where = f"application {name}, resource {resource.name}"
            if not text and not skipped:
                (doubts if skip_missing else problems).append(
                    Problem(
                        f"charm {charm.name} does not declare its image",
                        where,
                        "set it under resources in the bundle or an overlay",
                    )
                )
            elif text == resource.old_upstream and not isinstance(given, str) and not skipped:
                doubts.append(
                    Problem(
                        f"charm {charm.name} has no upstream-source; {text} is what its old key "
                        "upstream names",
                        where,
                        "set it under resources in the bundle or an overlay if that is wrong",
                    )
                )
            if not text:
                continue
            try:
                reference = ImageReference.parse(text)
            except ReferenceSyntaxError as exc:
                fix = _instead(text)
                if not isinstance(given, str):
                    set_it = f"set {resource.name} under resources of {name} in an overlay"
                    what = f"charm {charm.name} declares it so"
                    fix = f"{what}: {set_it}{f', such as {fix}' if fix else ''}"
                elif fix:
                    fix = f"write {fix}"
                problems.append(Problem(exc.message, where, fix))
                continue
            if not skipped:
                resources[resource.name] = reference
        asked = _Asked(known)
        own = {option for option in application.options if (name, option) in skip_options}
        unfit = check_values(charm, application.options, rules, kept=own)
        errors = list(unfit.errors)
        plans: tuple[OptionPlan, ...] = ()
        try:
            plans = plan_options(charm, application.options, rules, known=asked)
        except OptionError as exc:
            told = {problem.where for problem in errors}
            errors += [problem for problem in exc.problems if problem.where not in told]
        if errors:
            option_errors += [of_application(name, problem) for problem in errors]
            continue
        kept: list[OptionPlan] = []
        empty: list[ImageUse] = []
        for plan in plans:
            if plan.composition is not None and plan.composition.options:
                kept += [] if _is_placed(plan.composition, own) else [plan]
                continue
            if (name, plan.option) not in skip_options:
                kept.append(plan)
                continue
            value = application.options.get(plan.option)
            rest = completed(plan, value)
            kept += [rest] if rest is not None else []
            empty += left_empty(plan, value, rules.for_option(charm.name, plan.option))
        found.append(
            ApplicationImages(
                application=application,
                charm=charm,
                resources=resources,
                options=tuple(kept),
                left_empty=tuple(empty),
                known=frozenset(asked.known),
                unknown=frozenset(asked.unknown.difference(*(_references(one) for one in kept))),
                doubts=(
                    *doubts,
                    *(
                        Problem(doubt.what, f"application {name}, {doubt.where}", doubt.fix)
                        for doubt in unfit.warnings
                    ),
                ),
            )
        )
    if option_errors:
        raise OptionError(
            "values of options do not fit their charms", problems=option_errors + problems
        )
    if problems:
        raise InputError("cannot determine images of resources", problems=problems)
    return tuple(found)


class _Asked:
    """Asks the list, and keeps what it says."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.known: set[ImageReference] = set()
        self.unknown: set[ImageReference] = set()

    def __call__(self, reference: ImageReference) -> bool:
        answer = self._known(reference)
        (self.known if answer else self.unknown).add(reference)
        return answer


def _references(plan: OptionPlan) -> set[ImageReference]:
    return {use.reference for use in plan.uses}


def _instead(text: str) -> str:
    """Return the reference that is probably meant by a text that is none, or nothing."""
    meant = _TRANSPORT.sub("", text.strip())
    name, at, digest = meant.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, colon, tag = name, "", ""
    meant = f"{path.lower()}{colon}{tag}{at}{digest}"
    try:
        ImageReference.parse(meant)
    except ReferenceSyntaxError:
        return ""
    return meant
