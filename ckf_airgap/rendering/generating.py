"""What an overlay says of each application: its charm, its base, its images. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bases import choose_base, written
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.charmurls import is_path
from ckf_airgap.charms.bases import KUBERNETES_SERIES
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, JSONValue, mappings
from ckf_airgap.errors import CharmError, OptionError, Problem, raise_all
from ckf_airgap.images.discover import ApplicationImages, of_application
from ckf_airgap.images.needs import Place
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.resources import ResourceFiles

NO_CHANNEL: Final = ""
"""What an overlay gives an application that has a channel: a local charm has none.

``juju deploy`` refuses a local charm with a channel: one with a track at once, any other when the
bundle is deployed again, since the application in the model has none. A revision counts as another
charm then, and is taken away for the same reason.
"""


def generated(
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
                what = ": ".join(filter(None, [exc.message, "; ".join(map(str, exc.problems))]))
                problem = of_application(entry.application.name, Problem(what, fix=exc.fix))
                problems += [] if problem in problems else [problem]
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


def charm_path(charm: Charm, relative_to: Path | None) -> str:
    """Return a charm's path as a bundle must write it: with ``./``, ``../`` or absolute."""
    if charm.path is None:
        return f"./{charm.name}.charm"
    if relative_to is None:
        return f"./{charm.path.name}"
    path = os.path.relpath(charm.path.absolute(), relative_to.absolute())
    return path if path.startswith("..") else f"./{path}"


def with_charms(overlay: Document, bundle: Bundle, target: Document, start: Path) -> Document:
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


def resource_paths(files: ResourceFiles, start: Path) -> dict[Place, str]:
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


def charm_paths(
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


def without_channels(document: Document) -> Document:
    """Return a bundle without channels and revisions, which local charms do not have."""
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
