"""Files that say where the image of a resource is and how to log in to its registry.

Juju has two forms of them (``core/resources/dockerresource.go``): JSON, where the image is
``ImageName``, and YAML, where it is ``registrypath``. What is in them stays in memory: no error,
log or record has any of it but the image.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.documents import ANY, TEXT, Document, JSONValue, Record, load_shaped
from ckf_airgap.errors import BundleError, InputError
from ckf_airgap.files import read_small
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.resources import ImageFile

_MAX_BYTES: Final = 1024 * 1024
_TOKENS: Final = frozenset({"auth", "identitytoken", "registrytoken"})
_LOGIN: Final = (
    "auth",
    "username",
    "password",
    "email",
    "identitytoken",
    "registrytoken",
    "repository",
    "serveraddress",
    "region",
)
"""What a login is made of, in Juju's order."""

_YAML: Final = Record(
    {
        "registrypath": TEXT,
        **{
            key: Record({"value": TEXT, "expiresat": ANY}) if key in _TOKENS else TEXT
            for key in _LOGIN
        },
    }
)


def read_image_file(path: Path) -> ImageFile:
    """Read a file that names an image.

    Raises:
        BundleError: when it cannot be read, is neither of Juju's forms, or names no image.
    """
    try:
        text = read_small(
            path, _MAX_BYTES, what="a file with the login of an image", error=BundleError
        ).decode("utf-8")
    except UnicodeDecodeError:
        raise BundleError(f"{path} is not UTF-8 text, and neither JSON nor YAML") from None
    except OSError as exc:
        raise BundleError(f"cannot read {path}: {exc.strerror or exc}") from exc
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _image_file(path, _from_yaml(path, text), "registrypath", "ImageName")
    return _image_file(path, _from_json(path, value), "ImageName", "registrypath")


def _refuse(text: str) -> JSONValue:
    raise ValueError(text)


def _from_json(path: Path, value: JSONValue) -> Document:
    """Return the fields, whose names Go's decoder of JSON takes in any case."""
    known = {key: key for key in _LOGIN} | {"imagename": "registrypath"}
    found: Document = {}
    for key, item in (value if isinstance(value, dict) else {}).items():
        name = known.get(key.lower())
        if name is None or item is None:
            continue
        if not isinstance(item, str):
            raise BundleError(f"{key} in {path} must be text")
        found[name] = {"value": item} if name in _TOKENS and item else item
    if value is not None and not isinstance(value, dict):
        raise BundleError(f"{path} has neither JSON nor YAML with an image and its login")
    return found


def _from_yaml(path: Path, text: str) -> Document:
    try:
        documents = load_shaped(
            text, _YAML, where=str(path), allow_duplicate_keys=True, only_first=True
        ).documents
    except InputError as exc:
        places = ", ".join(problem.where for problem in exc.problems if problem.where)
        what = f": wrong type of {places}" if places else ""
        # No cause: what a message quotes of the file may be a password.
        raise BundleError(
            f"{path} has neither JSON nor YAML with an image and its login{what}"
        ) from None
    found = documents[0] if documents else None
    fields = found if isinstance(found, dict) else {}
    return {key: value for key, value in fields.items() if value and key in _YAML.fields}


def _image_file(path: Path, fields: Document, key: str, other: str) -> ImageFile:
    image = fields.get("registrypath")
    form = "JSON" if key == "ImageName" else "YAML"
    if not isinstance(image, str) or not image:
        raise BundleError(
            f"{path} names no image",
            fix=f"in a file that is {form}, Juju reads the image from {key}, not {other}",
        )
    try:
        ImageReference.parse(image)
    except InputError as exc:
        raise BundleError(f"{path}: {exc.message}") from exc
    login: Document = {"username": "", "password": ""}
    login |= {name: fields[name] for name in _LOGIN if fields.get(name)}
    has_login = any(login.values())
    ordered: Document = {name: login[name] for name in _LOGIN if name in login}
    return ImageFile(
        path=path, image=image, login=ImageLogin(fields=ordered) if has_login else None
    )
