"""Bundle and overlay files: read them, with the files that they include."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.archive import is_archive, read_archive
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.merge import merge
from ckf_airgap.bundle.nearby import path_from_bundle
from ckf_airgap.bundle.parts import OVERLAY_ONLY
from ckf_airgap.bundle.shape import load_parts
from ckf_airgap.bundle.templates import (
    RENDER_IT,
    looks_like_template,
    placeholder,
    stands_for_value,
)
from ckf_airgap.bundle.unknown import unknown_keys
from ckf_airgap.bundle.verification import image_id_problems
from ckf_airgap.documents import MAX_BYTES, Document, as_mapping, mappings
from ckf_airgap.errors import BundleError, Problem, raise_all, unreadable
from ckf_airgap.files import read_small
from ckf_airgap.files.paths import StrPath

INCLUDE_FILE: Final = "include-file://"
INCLUDE_BASE64: Final = "include-base64://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlays:
    """The user's overlays, as their files have them.

    Attributes:
        documents: Every document of every file, in the order in which they are applied: a file may
            hold several.
        names: What each document is called in messages: its file, and of several in one file its
            number.
        warnings: What has no effect in them.
    """

    documents: list[Document] = field(default_factory=list)
    names: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What a bundle or overlay file holds."""

    path: Path
    documents: list[Document]
    warnings: list[Problem]


def load_bundle(path: StrPath) -> Bundle:
    """Read and check a bundle: the file, ``bundle.yaml`` in a directory, or a ``.bundle`` archive.

    A second and further YAML document in the file is an overlay, and merged (as Juju does).
    Options and annotations that name a file to include are replaced by its content; see
    `load_overlays`.

    Raises:
        MissingError: when nothing is there.
        BundleError: when it cannot be read, is too large, is not a YAML mapping, has what only an
            overlay may have, includes a file that cannot be read, or is not a bundle for Juju; its
            first document must be one alone.
    """
    path = Path(path)
    found = _read_bundle(path)
    directory = found.path.parent.absolute()
    base, overlays = found.documents[0], found.documents[1:]
    merged = merge(base, overlays, _names(found)[1:])
    if overlays:
        Bundle.from_document(base, where=f"{path}, its first document")
    return Bundle.from_document(
        merged.document,
        where=str(path),
        directory=directory,
        warnings=[*found.warnings, *merged.ignored],
    )


def load_document(path: Path) -> Document:
    """Read a bundle as one document, with all that `load_bundle` checks but the bundle itself."""
    found = _read_bundle(path)
    return merge(found.documents[0], found.documents[1:], _names(found)[1:]).document


def load_overlay(path: StrPath) -> list[Document]:
    """Read the documents of an overlay, which are applied one after the other.

    See `load_overlays`.
    """
    return load_overlays([path]).documents


def load_overlays(paths: Iterable[StrPath], bundle: Path | None = None) -> Overlays:
    """Read overlays.

    ``include-file://PATH`` as the value of an option or annotation stands for the file's text, and
    ``include-base64://PATH`` for its content in base64 (Juju's own convention); the path starts
    from the directory of the overlay, and so does that of a charm. That of a resource starts from
    the directory of the bundle; when no file is there, from that of the overlay.

    Args:
        paths: The files.
        bundle: The directory of the bundle that they are for.

    Raises:
        MissingError: when nothing is there.
        BundleError: when one cannot be read, is too large, is not a YAML mapping, or includes a
            file that cannot be read.
    """
    documents: list[Document] = []
    names: list[str] = []
    warnings: list[Problem] = []
    for path in paths:
        found = _read(Path(path), "overlay")
        directory = found.path.parent.absolute()
        for document in found.documents:
            warnings += _settle_paths(document, directory, bundle)
        documents += found.documents
        names += _names(found)
        warnings += found.warnings
    return Overlays(documents=documents, names=tuple(names), warnings=tuple(warnings))


def _names(file: _File) -> list[str]:
    """Return what the documents of a file are called."""
    if len(file.documents) == 1:
        return [str(file.path)]
    return [f"{file.path}, document {number}" for number, _ in enumerate(file.documents, start=1)]


def _read_bundle(path: Path) -> _File:
    file = path / "bundle.yaml" if path.is_dir() else path
    if file is not path and not file.exists():
        raise BundleError(f"{path} is a directory without a bundle.yaml")
    found = _read(file, "bundle", pipes=file is path)
    if not found.documents:
        raise BundleError(f"{file} is empty, expected a bundle with applications")
    base = found.documents[0]
    problems = [
        Problem(f"applications.{name}.{key} can only appear in an overlay section")
        for name, fields in mappings(base.get("applications"))
        for key in OVERLAY_ONLY
        if fields.get(key) is not None
    ]
    applications = base.get("applications")
    problems += image_id_problems(applications if isinstance(applications, dict) else {})
    fix = "" if not problems else "Put it into an overlay, or behind a line --- of the bundle."
    raise_all(BundleError, f"the bundle {file} cannot be used", problems, fix=fix)
    return found


def _read(file: Path, kind: str, *, pipes: bool = True) -> _File:
    text = _read_text(file, kind, pipes=pipes)
    template = f"the {kind} {file} is a template, which Juju cannot read"
    try:
        parts = load_parts(text, where=str(file))
    except BundleError as exc:
        valid = bool(exc.problems)  # of a wrong type
        if not valid and looks_like_template(file.name, text, exc.message):
            raise BundleError(template, problems=[Problem(exc.message)], fix=_sentence()) from exc
        if any(stands_for_value(file.name, text, problem) for problem in exc.problems):
            raise BundleError(template, problems=exc.problems, fix=_sentence()) from exc
        raise
    documents = [
        as_mapping(document, where=str(file), error=BundleError) for document in parts.documents
    ]
    for document in documents:
        if found := placeholder(document):
            raise BundleError(template, problems=[Problem(f"it has {found}")], fix=_sentence())
    problems = [problem for one in documents for problem in _include(one, file.parent)]
    raise_all(BundleError, f"{file} includes files that cannot be used", problems)
    return _File(path=file, documents=documents, warnings=[*unknown_keys(parts.unknown, str(file))])


def _sentence() -> str:
    return f"{RENDER_IT[0].upper()}{RENDER_IT[1:]}."


def _read_text(file: Path, kind: str, *, pipes: bool) -> str:
    what = "a bundle" if kind == "bundle" else "an overlay"
    try:
        content = read_small(file, MAX_BYTES, what=what, pipes=pipes, error=BundleError)
    except OSError as exc:
        fix = "Give the path of a bundle.yaml, or a shipped release ('ckf-airgap releases')."
        raise unreadable(
            exc,
            f"the {kind} {file}",
            fix=fix if kind == "bundle" else "Name an existing file with --overlay FILE.",
            wrong=BundleError,
        ) from exc
    if is_archive(content):
        content = read_archive(content, file)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BundleError(f"the {kind} {file} is not UTF-8 text") from exc
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _settle_paths(document: Document, directory: Path, bundle: Path | None) -> Iterator[Problem]:
    """Make the paths of an overlay those of the bundle; yield what a person should look at."""
    for name, fields in mappings(document.get("applications")):
        charm = fields.get("charm")
        if isinstance(charm, str) and charm.startswith("."):
            fields["charm"] = _path_from(bundle, directory / charm)
        resources = fields.get("resources")
        for resource, value in list(resources.items()) if isinstance(resources, dict) else ():
            if not isinstance(value, str) or not value or not isinstance(resources, dict):
                continue
            beside = directory / value
            with_bundle = bundle / value if bundle is not None else None
            if not _is_file(beside) or Path(value).is_absolute():
                continue
            if with_bundle is None or not _is_file(with_bundle):
                resources[resource] = _path_from(bundle, beside)
            elif not beside.samefile(with_bundle):
                yield Problem(
                    f"{value} is taken from the directory of the bundle, {bundle}, as Juju does; "
                    f"there is another one beside the overlay, in {directory}",
                    f"application {name}, resource {resource}",
                    "write an absolute path for that one",
                )


def _path_from(bundle: Path | None, path: Path) -> str:
    """Return a path as the bundle would write it: relative where both have a directory in common.

    What comes of bundle and overlays is then the same wherever they are copied to together.
    """
    found = os.path.normpath(path)
    if bundle is None or os.path.commonpath([bundle, found]) == os.sep:
        return found
    relative = os.path.relpath(found, bundle)
    return relative if relative.startswith("..") else f"./{relative}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # an image reference may be no path at all
        return False


def _include(document: Document, directory: Path) -> Iterator[Problem]:
    """Put the content of included files into a document; yield what is wrong with them."""
    for name, fields in mappings(document.get("applications")):
        for section in ("options", "annotations"):
            values = fields.get(section)
            for key, value in list(values.items()) if isinstance(values, dict) else ():
                if not isinstance(value, str) or not isinstance(values, dict):
                    continue
                for mark, encode in ((INCLUDE_FILE, _as_text), (INCLUDE_BASE64, _as_base64)):
                    if value.startswith(mark):
                        try:
                            values[key] = encode(
                                path_from_bundle(directory, value.removeprefix(mark))
                            )
                        except (OSError, UnicodeDecodeError, BundleError) as exc:
                            where = f"application {name}, {section.rstrip('s')} {key}"
                            yield Problem(
                                f"cannot include {value.removeprefix(mark)}: {exc}", where
                            )


def _as_text(path: Path) -> str:
    return _content(path).decode("utf-8")


def _as_base64(path: Path) -> str:
    return base64.b64encode(_content(path)).decode("ascii")


def _content(path: Path) -> bytes:
    return read_small(path, MAX_BYTES, what="an option", error=BundleError)
