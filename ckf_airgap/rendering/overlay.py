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
from ckf_airgap.bundle.charmurls import is_path
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
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, JSONValue, dump_yaml, mappings
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
from ckf_airgap.images.grammar import refuse_unfit
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.registrylists import extended, lists_left, registry_lists
from ckf_airgap.images.resources import ResourceFiles, with_resources
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.storeresources import numbered_places, numbered_resources
from ckf_airgap.rendering.proof import Proof, prove
from ckf_airgap.rendering.remarks import (
    left_outside,
    logins_left,
    refused_by_the_client,
    unquoted,
    without_base,
    without_units,
)

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
        after: By application, those that must be active before it is deployed.
        source: The bundle that was given, with overlays and files of resources.
        rules: What the charms do not declare.
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
    after: Mapping[str, frozenset[str]] = field(default_factory=dict)
    source: Bundle = field(default_factory=Bundle, repr=False)
    rules: ImageRules = field(default_factory=ImageRules.empty, repr=False)

    @property
    def order_warnings(self) -> tuple[Problem, ...]:
        """What Juju's own client does not do, and `ckf_airgap.deploy` does: wait in between."""
        return tuple(
            Problem(
                f"it must be deployed once {', '.join(sorted(first))} is active, or it stays "
                "blocked; juju deploy does not wait for that",
                f"application {name}",
                "deploy with ckf-airgap deploy, or remove it and deploy it again at the end",
            )
            for name, first in self.after.items()
        )

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
    overlay_names: Sequence[str] = (),
    resources: ResourceFiles | None = None,
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
        overlay_names: What each overlay is called in messages, such as its file.
        resources: The files that the bundle gives as resources. An image of such a file is one to
            be exchanged like others; its login is kept only where its image is in the registry.
        relative_to: The directory that the ``charm:`` paths start from; ``None`` for the
            directory of the charms, which gives ``./name_rN.charm``. The files of resources that
            are in that directory start from it, too; the paths of all others are in full.
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
    effective, problems = with_overlays(bundle, overlays, overlay_names)
    chosen = choose_charms(effective, charms, architecture=architecture)
    by_application = chosen.charms
    wanted, wrong = document_of_settings(settings, effective, by_application)
    problems += wrong
    problems += option_problems(effective, by_application)
    problems += resource_problems(effective, by_application)
    raise_all(OptionError, "options or resources do not fit their charms", problems)
    problems = _relation_problems(effective, by_application)
    raise_all(BundleError, "relations do not fit their charms", problems)
    files = resources if resources is not None else ResourceFiles()
    final = with_resources(
        Bundle.from_document(
            merge_documents(effective.document, wanted), where="with its settings"
        ),
        files,
    )
    own_options = _places("options", [*overlays, wanted])
    own_resources = _places("resources", overlays) - numbered_places(final)
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
    kept = {
        place: file
        for place, file in files.images.items()
        if not files.images_only
        and (place in own_resources or retagged.registry.holds(ImageReference.parse(file.image)))
    }
    bare = {place: files.images[place].image for place in own_resources if place in files.images}
    written = ResourceFiles(files=files.files, images=kept)
    start = relative_to or charms.path
    lists = registry_lists(final, by_application, rules, retagged.registry)
    generated = _generated(
        found,
        targets,
        final,
        _charm_paths(by_application, charms, relative_to),
        {**bare, **_resource_paths(written, start)},
    )
    target = merge_documents(
        merge_documents(final.document, generated), extended(lists, own_options)
    )
    warnings = [*effective.warnings, *without_units(final, by_application)]
    warnings += numbered_resources(final, by_application)
    warnings += [warning for entry in found for warning in entry.warnings()]
    warnings += logins_left(files, kept, retagged.registry)
    warnings += left_outside(final, own_options, own_resources, retagged)
    warnings += lists_left(lists, own_options, retagged.registry)
    warnings += unquoted(found, retagged.registry)
    warnings += chosen.warnings
    warnings += without_base(final, by_application)
    warnings += refused_by_the_client(by_application)
    rendered = with_resources(
        Bundle.from_document(_without_channels(target), where="as rendered"), written
    )
    refuse_unfit(rendered, by_application, rules)
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
        overlay=_with_charms(difference(bundle.document, target), bundle, target, start),
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


def _with_charms(overlay: Document, bundle: Bundle, target: Document, start: Path) -> Document:
    """Return an overlay that names the charm of every application that has a path in the bundle.

    The same path means another file there: it starts from the directory of the overlay.
    """
    if bundle.directory is None or bundle.directory == Path(os.path.normpath(start.absolute())):
        return overlay
    changes = dict(mappings(overlay.get("applications")))
    for name, fields in mappings(target.get("applications")):
        present = bundle.applications.get(name)
        if present is not None and is_path(present.charm):
            changes[name] = {"charm": fields.get("charm"), **changes.get(name, {})}
    removed = overlay.get("applications")
    entries: Document = {**removed} if isinstance(removed, dict) else {}
    return {**overlay, "applications": {**entries, **changes}} if changes else overlay


def _resource_paths(files: ResourceFiles, start: Path) -> dict[Place, str]:
    """Return the path of each resource's file: from where charms start, when it is below that.

    Juju starts from the bundle, which has to be there as well.
    """
    start = Path(os.path.normpath(start.absolute()))
    found = {}
    for place in (*files.files, *files.images):
        full = Path(os.path.normpath((files.path(place) or start).absolute()))
        inside = full.is_relative_to(start)
        found[place] = f"./{full.relative_to(start)}" if inside else str(full)
    return found


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
    files: Mapping[Place, str],
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
            if plan.is_written and rendered != _in_force(entry, plan.option):
                options[plan.option] = rendered
        name = entry.application.name
        resources: dict[str, JSONValue] = {
            resource: str(targets[source]) for resource, source in entry.resources.items()
        }
        resources |= {
            resource: files[name, resource]
            for resource in entry.application.resources
            if (name, resource) in files
        }
        applications[name] = _application(entry, bundle, options, resources, paths[name])
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
    the charm does not have stays as it was asked for; `without_base` warns about it.
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
