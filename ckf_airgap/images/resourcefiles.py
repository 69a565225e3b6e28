"""Files that a bundle gives as resources: file resources, and image resources with a login.

As ``makeResourceMap`` and ``getDockerDetailsData`` of Juju's client take them, with paths that
start from the directory of the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, Resource
from ckf_airgap.errors import BundleError, Problem, raise_all
from ckf_airgap.images.imagefile import read_image_file
from ckf_airgap.images.needs import Place
from ckf_airgap.images.resources import ImageFile, ResourceFiles

_PATHS: Final = (".", "/", "~")
_ENDINGS: Final = (".json", ".yaml", ".yml")


def read_resource_files(bundle: Bundle, charms: Mapping[str, Charm]) -> ResourceFiles:
    """Find the files that a bundle gives as resources, and read those with logins.

    Args:
        bundle: The bundle, with its overlays.
        charms: The charm of each application.

    Raises:
        BundleError: naming every file that is not there, or is not what it must be.
    """
    files: dict[Place, Path] = {}
    images: dict[Place, ImageFile] = {}
    problems: list[Problem] = []
    for name, resource, value in _given(bundle):
        declared = charms[name].resources.get(resource) if name in charms else None
        if declared is None:
            continue
        place, where = (name, resource), f"application {name}, resource {resource}"
        path = _start(bundle) / Path(value).expanduser()
        there = _is_file(path)
        if not declared.is_image and there:
            files[place] = path
            problems += _wrong_ending(value, declared, where)
        elif not declared.is_image:
            problems.append(_missing(path, where))
        elif there:
            try:
                images[place] = read_image_file(path)
            except BundleError as exc:
                problems.append(Problem(exc.message, where, exc.fix))
        elif looks_like_path(value):
            fix = "give an image, or a JSON or YAML file with an image and its login"
            problems.append(_missing(path, where, fix))
    raise_all(BundleError, "files of resources cannot be used", problems)
    return ResourceFiles(files=files, images=images)


def missing_paths(bundle: Bundle) -> list[Problem]:
    """Return a problem for each resource that is a path, whatever its type, where no file is.

    It needs no charm, and so can be asked before charms are fetched.
    """
    return [
        _missing(path, f"application {name}, resource {resource}")
        for name, resource, value in _given(bundle)
        if looks_like_path(value)
        and not _is_file(path := _start(bundle) / Path(value).expanduser())
    ]


def looks_like_path(value: str) -> bool:
    """Whether a resource can only be meant as a path: no image is called so."""
    return value.startswith(_PATHS) or value.endswith(_ENDINGS)


def _given(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    for name, application in bundle.applications.items():
        for resource, value in application.resources.items():
            if isinstance(value, str) and value.strip():
                yield name, resource, value


def _start(bundle: Bundle) -> Path:
    return bundle.directory or Path()


def _wrong_ending(value: str, declared: Resource, where: str) -> Iterator[Problem]:
    """Yield a problem if the file's extension is not the one that the charm asks for.

    A controller refuses such an upload (``apiserver/resources.go``), when the application is there.
    """
    filename = declared.filename or value  # without one, the file is announced by its own name
    asked, given = _extension(filename), _extension(value)
    if asked != given:
        what = f'incorrect extension on resource upload "{value}", expected "{asked}"'
        yield Problem(what, where, f"name the file as the charm does: {filename}")


def _extension(path: str) -> str:
    """Return what follows the last point of a file's name, with it, as Go's ``path.Ext`` does."""
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :] if "." in name else ""


def _missing(path: Path, where: str, fix: str = "") -> Problem:
    return Problem(f"there is no file {path}", where, fix or "a path starts at the bundle")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # an image reference may be no path at all
        return False
