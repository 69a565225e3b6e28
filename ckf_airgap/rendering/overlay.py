"""The local bundle overlay: every charm its file, every image the one in the private registry.

`render` is pure: it takes what has been read and gives a `Rendering`, which holds the overlay for
``juju deploy BUNDLE --overlay overlay.yaml`` and the merged bundle that this tool deploys itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bases import choose_base, written
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.checks import (
    Setting,
    document_of_settings,
    option_problems,
    resource_problems,
    with_overlays,
)
from ckf_airgap.bundle.choosing import choose_charms
from ckf_airgap.bundle.difference import difference
from ckf_airgap.bundle.endpoints import resolve_relations
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.charms.bases import DEFAULT_ARCHITECTURE, KUBERNETES_SERIES
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.checks.clientside import client_problems
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, JSONValue, dump_yaml
from ckf_airgap.errors import (
    BundleError,
    CharmError,
    ImageNotFoundError,
    OptionError,
    Problem,
    UsageError,
    raise_all,
)
from ckf_airgap.images.discover import ApplicationImages, ImageNeed, Place, discover_images
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.recognise import images_in_text
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText
from ckf_airgap.rendering.proof import Proof, prove

NO_CHANNEL: Final = ""
"""What an overlay gives an application that has a channel: a local charm has none.

``juju deploy`` refuses a local charm with a channel: one with a track at once, any other when the
bundle is deployed again, since the application in the model has none. A revision counts as another
charm then, and is taken away for the same reason.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """An image that the overlay exchanges."""

    need: ImageNeed
    target: ImageReference

    def to_json(self) -> Document:
        """Return the replacement as a JSON document."""
        return {
            "application": self.need.application,
            "where": self.need.where,
            "source": str(self.need.source),
            "target": str(self.target),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What `render` returns.

    Attributes:
        bundle: The merged bundle: no channel, every charm a path, every application its base,
            every image a retagged one.
        overlay: What differs from the bundle that was given, for ``juju deploy --overlay``.
        charms: The charm of each application.
        architecture: What charms were chosen for where constraints name no architecture.
        otherwise: Of such applications, the charm for another architecture, where that is another
            file, or none.
        registry: The private registry.
        replacements: Every image that was exchanged.
        proof: That no image was left outside; rendering fails without it.
        warnings: What a person should look at.
    """

    bundle: Bundle = field(repr=False)
    overlay: Document = field(repr=False)
    charms: Mapping[str, Charm] = field(repr=False)
    architecture: str = DEFAULT_ARCHITECTURE
    otherwise: Mapping[str, Mapping[str, Charm | None]] = field(default_factory=dict, repr=False)
    registry: Registry
    replacements: tuple[Replacement, ...] = field(repr=False)
    proof: Proof = field(repr=False)
    warnings: tuple[Problem, ...] = ()

    def overlay_yaml(self) -> str:
        """Return the overlay as YAML."""
        return dump_yaml(self.overlay)

    def bundle_yaml(self) -> str:
        """Return the merged bundle as YAML."""
        return self.bundle.to_yaml()

    @property
    def images(self) -> frozenset[ImageReference]:
        """The references in the private registry that the bundle uses."""
        return frozenset(replacement.target for replacement in self.replacements)


def render(
    bundle: Bundle,
    *,
    charms: CharmDirectory,
    images: ImageList | RetaggedImages | None,
    registry: Registry | None = None,
    rules: ImageRules | None = None,
    settings: Sequence[Setting] = (),
    overlays: Sequence[Document] = (),
    relative_to: Path | None = None,
    architecture: str | None = None,
) -> Rendering:
    """Return the overlay that makes a bundle deployable from local charms and a private registry.

    Args:
        bundle: The bundle as published.
        charms: The charm files at hand.
        images: The retagged list, or a look-up made from one; ``None`` takes all images to be in
            the registry, where the rule of retagging puts them.
        registry: The private registry; ``None`` takes it from the list.
        rules: What the charms do not declare about their images.
        settings: Single options, applied last of all.
        overlays: The user's own overlays, applied after the bundle. Options and resources that
            they or the settings give stay as they are given.
        relative_to: The directory that the ``charm:`` paths start from; ``None`` for the
            directory of the charms, which gives ``./name_rN.charm``.
        architecture: The architecture that charms are chosen for where the constraints of an
            application name none; ``None`` takes amd64, and warns when that matters.

    Raises:
        BundleError: when an overlay breaks the bundle, or relations do not fit the endpoints of
            their charms; all of them are named.
        CharmNotFoundError: when applications have no charm; all of them are named.
        OptionError: when an option does not exist or has the wrong type, or an overlay mistypes an
            application; all are named. Or when options name images that are malformed.
        ImageNotFoundError: when images are missing; each is named with all who need it.
        InputError: when an image is not a reference, or the list does not show the registry.
        UsageError: when there is neither a list nor a registry.
        ProofError: when the merged bundle would pull an image from elsewhere, or two images would
            be one in the registry.
    """
    rules = rules if rules is not None else ImageRules.empty()
    effective, problems = with_overlays(bundle, overlays)
    chosen = choose_charms(effective, charms, architecture=architecture)
    by_application = chosen.charms
    wanted, wrong = document_of_settings(settings, effective, by_application)
    problems += wrong
    problems += option_problems(effective, by_application)
    problems += resource_problems(effective, by_application)
    raise_all(OptionError, "options or resources do not fit their charms", problems)
    problems = _relation_problems(effective, by_application)
    raise_all(BundleError, "relations do not fit their charms", problems)
    final = Bundle.from_document(
        merge_documents(effective.document, wanted), where="with its settings"
    )
    own_options = _places("options", [*overlays, wanted])
    own_resources = _places("resources", overlays)
    retagged = (
        images
        if isinstance(images, RetaggedImages)
        else _retagged(discover_images(final, by_application, rules), images, registry)
    )
    found = discover_images(
        final,
        by_application,
        rules,
        known=lambda reference: retagged.find(reference) is not None,
        skip_options=own_options,
        skip_resources=own_resources,
    )
    replacements = _look_up(found, retagged)
    targets = {replacement.need.source: replacement.target for replacement in replacements}
    paths = _charm_paths(by_application, charms, relative_to)
    generated = _generated(found, targets, final, paths)
    target = merge_documents(final.document, generated)
    warnings = [warning for entry in found for warning in entry.warnings()]
    warnings += _left_outside(final, own_options, own_resources, retagged)
    warnings += _unquoted(found, retagged.registry)
    warnings += chosen.warnings
    warnings += _without_base(final, by_application)
    warnings += _refused_by_the_client(by_application)
    rendered = Bundle.from_document(_without_channels(target), where="as rendered")
    proof = prove(
        rendered,
        by_application,
        rules,
        retagged,
        [(replacement.need, replacement.target) for replacement in replacements],
        own_options=own_options,
        own_resources=own_resources,
    )
    return Rendering(
        bundle=rendered,
        overlay=difference(bundle.document, target),
        charms=by_application,
        architecture=chosen.architecture,
        otherwise=chosen.otherwise,
        registry=retagged.registry,
        replacements=tuple(replacements),
        proof=proof,
        warnings=tuple(warnings),
    )


def _retagged(
    found: Iterable[ApplicationImages], images: ImageList | None, registry: Registry | None
) -> RetaggedImages:
    """Return a look-up over a list, or over all that is needed when there is no list."""
    needed = [need.source for entry in found for need in entry.needs()]
    if images is not None:
        return RetaggedImages.from_list(images, registry=registry, needed=needed)
    if registry is None:
        raise UsageError("there is neither a list of images nor a registry")
    return RetaggedImages.by_rule(needed, registry)


def _relation_problems(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return what is wrong with relations; those to other models (``saas:``) cannot be known."""
    within = [
        relation
        for relation in bundle.relations
        if all(end.application in charms for end in relation.ends)
    ]
    return resolve_relations(within, charms)[1]


def charm_path(charm: Charm, relative_to: Path | None) -> str:
    """Return a charm's path as a bundle must write it: with ``./``, ``../`` or absolute."""
    if charm.path is None:
        return f"./{charm.name}.charm"
    if relative_to is None:
        return f"./{charm.path.name}"
    path = os.path.relpath(charm.path.absolute(), relative_to.absolute())
    return path if path.startswith("..") else f"./{path}"


def _charm_paths(
    charms: Mapping[str, Charm], directory: CharmDirectory, relative_to: Path | None
) -> dict[str, str]:
    """Return the path of each application's charm; see `render`."""
    inside = {id(charm) for charm in directory.all_files}
    return {
        name: charm_path(
            charm,
            directory.path if relative_to is None and id(charm) not in inside else relative_to,
        )
        for name, charm in charms.items()
    }


def _look_up(found: Iterable[ApplicationImages], images: RetaggedImages) -> list[Replacement]:
    replacements: list[Replacement] = []
    missing: dict[ImageReference, list[ImageNeed]] = {}
    for entry in found:
        for need in entry.needs():
            target = images.find(need.source)
            if target is None:
                missing.setdefault(need.source, []).append(need)
            else:
                replacements.append(Replacement(need=need, target=target))
    if missing:
        raise ImageNotFoundError(
            f"{len(missing)} image(s) are not in {images.images.where}",
            problems=[_missing_problem(source, needs, images) for source, needs in missing.items()],
            fix="Add them to images.txt on the connected side, then pull, retag and push them; "
            f"the registry looked in is {images.registry}.",
        )
    return replacements


def _missing_problem(
    source: ImageReference, needs: Sequence[ImageNeed], images: RetaggedImages
) -> Problem:
    nearest = images.nearest(source)
    hint = f"nearest: {nearest}" if nearest else ""
    return Problem(str(source), fix="; ".join(filter(None, [_who(needs), hint])))


def _who(needs: Sequence[ImageNeed]) -> str:
    return "needed by " + " and ".join(str(need) for need in needs)


def _generated(
    found: Iterable[ApplicationImages],
    targets: Mapping[ImageReference, ImageReference],
    bundle: Bundle,
    paths: Mapping[str, str],
) -> Document:
    """Return the overlay over the bundle with the user's own changes in it."""
    applications: dict[str, JSONValue] = {}
    problems: list[Problem] = []
    for entry in found:
        options: dict[str, JSONValue] = {}
        for plan in entry.options:
            try:
                rendered = plan.render(targets.__getitem__)
            except OptionError as exc:
                problems.append(Problem(str(exc), f"application {entry.application.name}"))
                continue
            if plan.uses and rendered != _in_force(entry, plan.option):
                options[plan.option] = rendered
        resources: dict[str, JSONValue] = {
            resource: str(targets[source]) for resource, source in entry.resources.items()
        }
        applications[entry.application.name] = _application(
            entry, bundle, options, resources, paths[entry.application.name]
        )
    raise_all(OptionError, "images cannot be written into options", problems)
    return {"applications": applications}


def _application(
    entry: ApplicationImages,
    bundle: Bundle,
    options: dict[str, JSONValue],
    resources: dict[str, JSONValue],
    path: str,
) -> Document:
    application = entry.application
    fields: Document = {"charm": path}
    if application.channel:
        fields["channel"] = NO_CHANNEL
    if application.revision is not None:
        fields["revision"] = None
    fields |= _base_fields(application, entry.charm, bundle)
    if resources:
        fields["resources"] = resources
    if options:
        fields["options"] = options
    return fields


def _base_fields(application: Application, charm: Charm, bundle: Bundle) -> Document:
    """Return the base where the application does not name one itself.

    Without it, ``juju deploy`` does not recognise the application when the bundle is deployed
    again: it takes the charm for a new one, and looks for its file where none is. A base that
    the charm does not have stays as it was asked for; `_without_base` warns about it.
    """
    if application.base is not None:
        return {}
    try:
        fields: Document = {"base": written(choose_base(application, bundle, charm))}
    except CharmError:
        return {}
    if application.series == KUBERNETES_SERIES:  # Juju refuses a base next to it
        fields["series"] = None
    return fields


def _without_base(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each application that cannot be deployed on the base it asks for."""
    warnings = []
    for name, application in bundle.applications.items():
        try:
            choose_base(application, bundle, charms[name])
        except CharmError as exc:
            fix = exc.fix or "take a charm that has it, or name another base in an overlay"
            warnings.append(Problem(exc.message, f"application {name}", fix))
    return warnings


def _refused_by_the_client(charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each charm that the controller takes, and ``juju deploy`` refuses."""
    users: dict[Path | None, list[str]] = {}
    for name, charm in charms.items():
        users.setdefault(charm.path, []).append(name)
    return [
        Problem(
            f"Juju's own client refuses the charm {charms[names[0]].name}, which a controller "
            f"takes: {'; '.join(texts)}",
            f"application {', '.join(names)}",
            "deploy it with ckf-airgap deploy, or pack the charm again",
        )
        for names in users.values()
        if (texts := client_problems(charms[names[0]]))
    ]


def _in_force(entry: ApplicationImages, option: str) -> object:
    declared = entry.charm.options[option].default
    return entry.application.options.get(option, declared if declared is not None else "")


def _places(section: str, overlays: Iterable[Document]) -> frozenset[Place]:
    """Return application and name of everything that overlays give in a section."""
    found: set[Place] = set()
    for overlay in overlays:
        applications = overlay.get("applications")
        for name, fields in applications.items() if isinstance(applications, dict) else ():
            values = fields.get(section) if isinstance(fields, dict) else None
            if isinstance(values, dict):
                found |= {(name, key) for key, value in values.items() if value is not None}
    return frozenset(found)


def _left_outside(
    bundle: Bundle,
    own_options: Iterable[Place],
    own_resources: Iterable[Place],
    images: RetaggedImages,
) -> list[Problem]:
    """Return a warning for each image of the user's own that is not in the registry."""
    values = [
        (name, f"option {option}", bundle.applications[name].options.get(option), option)
        for name, option in sorted(own_options)
        if name in bundle.applications
    ] + [
        (name, f"resource {resource}", bundle.applications[name].resources.get(resource), "image")
        for name, resource in sorted(own_resources)
        if name in bundle.applications
    ]
    warnings = []
    for name, where, value, hint in values:
        if not isinstance(value, str):
            continue
        warnings += [
            Problem(
                f"{reference} is not in {images.registry}, and stays since you set it",
                f"application {name}, {where}",
            )
            for reference in images_in_text(value, hint)
            if not images.registry.holds(reference)
        ]
    return warnings


def _unquoted(found: Iterable[ApplicationImages], registry: Registry) -> list[Problem]:
    """Return a warning for mappings with images of a registry that YAML cannot hold unquoted.

    ``[fd00::1]:5000/x`` opens a list. We quote it, but charms may write a mapping's values into
    YAML of their own as they are (knative's ``custom_images``).
    """
    if not registry.host.startswith("["):
        return []
    places = [
        f"{entry.application.name} {plan.option}"
        for entry in found
        for plan in entry.options
        if plan.uses and ValueText.parse(plan.value).keys is not None
    ]
    if not places:
        return []
    return [
        Problem(
            "charms that write images into YAML without quotes, as those of knative do, fail at "
            f"a registry that begins with a bracket: look at {', '.join(places)}",
            f"registry {registry}",
            "give the registry a host name",
        )
    ]


def _without_channels(document: Document) -> Document:
    applications = document.get("applications")
    if not isinstance(applications, dict):
        return document
    kept: dict[str, JSONValue] = {
        name: {key: value for key, value in fields.items() if key not in ("channel", "revision")}
        if isinstance(fields, dict)
        else fields
        for name, fields in applications.items()
    }
    return {**document, "applications": kept}
