"""Bundle and overlay files: read them, with the files that they include."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.bundle.nearby import path_from_bundle
from ckf_airgap.bundle.shape import load_parts
from ckf_airgap.documents import MAX_BYTES, Document, as_mapping
from ckf_airgap.errors import BundleError, Problem, raise_all, unreadable
from ckf_airgap.files import read_small, read_small_text
from ckf_airgap.files.paths import StrPath

INCLUDE_FILE: Final = "include-file://"
INCLUDE_BASE64: Final = "include-base64://"

_ONLY_IN_OVERLAYS: Final = ("offers", "exposed-endpoints")


def load_bundle(path: StrPath) -> Bundle:
    """Read and check a bundle; see `load_document` and `Bundle.from_document`."""
    path = Path(path)
    return Bundle.from_document(load_document(path), where=str(path))


def load_document(path: Path) -> Document:
    """Read a bundle: the file, or ``bundle.yaml`` in a directory.

    A second and further YAML document in the file is an overlay, and merged (as Juju does).
    Options and annotations that name a file to include are replaced by its content; see
    `load_overlay`.

    Raises:
        MissingError: when nothing is there.
        BundleError: when it cannot be read, is too large, is not a YAML mapping, has what only an
            overlay may have, or includes a file that cannot be read.
    """
    file = path / "bundle.yaml" if path.is_dir() else path
    if file is not path and not file.exists():
        raise BundleError(f"{path} is a directory without a bundle.yaml")
    documents = _documents(file, "bundle", pipes=file is path)
    raise_all(
        BundleError,
        f"the bundle {file} cannot be used",
        [
            Problem(f"applications.{name}.{key} can only appear in an overlay section")
            for name, fields in _applications(documents[0])
            for key in _ONLY_IN_OVERLAYS
            if fields.get(key) is not None
        ],
    )
    return merge_documents(*documents)


def load_overlay(path: StrPath) -> Document:
    """Read an overlay.

    ``include-file://PATH`` as the value of an option or annotation stands for the file's text, and
    ``include-base64://PATH`` for its content in base64 (Juju's own convention); the path starts
    from the directory of the overlay.

    Raises:
        MissingError: when nothing is there.
        BundleError: when it cannot be read, is too large, is not a YAML mapping, or includes a file
            that cannot be read.
    """
    return merge_documents(*_documents(Path(path), "overlay"))


def load_overlays(paths: Iterable[Path]) -> list[Document]:
    """Read overlays; see `load_overlay`."""
    return [load_overlay(path) for path in paths]


def _documents(file: Path, kind: str, *, pipes: bool = True) -> list[Document]:
    text = _read_text(file, kind, pipes=pipes)
    documents = load_parts(text, where=str(file)).documents
    if not documents or documents[0] is None:
        raise BundleError(f"{file} is empty, expected a bundle with applications")
    mappings = [as_mapping(document, where=str(file), error=BundleError) for document in documents]
    problems = [problem for mapping in mappings for problem in _include(mapping, file.parent)]
    raise_all(BundleError, f"{file} includes files that cannot be used", problems)
    return mappings


def _read_text(file: Path, kind: str, *, pipes: bool) -> str:
    what = "a bundle" if kind == "bundle" else "an overlay"
    try:
        return read_small_text(file, MAX_BYTES, what=what, pipes=pipes, error=BundleError)
    except UnicodeDecodeError as exc:
        raise BundleError(f"the {kind} {file} is not UTF-8 text") from exc
    except OSError as exc:
        fix = "Give the path of a bundle.yaml, or a shipped release ('ckf-airgap releases')."
        raise unreadable(
            exc,
            f"the {kind} {file}",
            fix=fix if kind == "bundle" else "Name an existing file with --overlay FILE.",
            wrong=BundleError,
        ) from exc


def _applications(document: Document) -> Iterator[tuple[str, Document]]:
    applications = document.get("applications")
    for name, fields in applications.items() if isinstance(applications, dict) else ():
        if isinstance(fields, dict):
            yield name, fields


def _include(document: Document, directory: Path) -> Iterator[Problem]:
    """Put the content of included files into a document; yield what is wrong with them."""
    for name, fields in _applications(document):
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
