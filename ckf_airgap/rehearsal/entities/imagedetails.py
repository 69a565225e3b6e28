"""The body of an image resource: where the image is, and what is needed to pull it.

JSON has ``ImageName`` for the reference and YAML ``registrypath``, and neither accepts the other's
key: there is no image then. See ``core/resources/dockerresource.go`` of Juju.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ckf_airgap.documents import parse_json
from ckf_airgap.rehearsal.golang.yamlreading import decode, documents
from ckf_airgap.rehearsal.golang.yamltypes import STRING, GoPointer, GoStruct, GoYamlError
from ckf_airgap.rehearsal.wire import ApiError

MAX_DETAILS_BYTES: Final = 1024 * 1024
"""The maximum size of the YAML or JSON that says where an image is."""

_TOKEN: Final = GoPointer(GoStruct("docker.Token", {"value": STRING, "expiresat": STRING}))
_TEXTS: Final = (
    "username",
    "password",
    "email",
    "repository",
    "serveraddress",
    "region",
)
_TOKENS: Final = ("auth", "identitytoken", "registrytoken")
_DETAILS: Final = GoStruct(
    "resources.DockerImageDetails",
    {"registrypath": STRING} | dict.fromkeys(_TEXTS, STRING) | dict.fromkeys(_TOKENS, _TOKEN),
)
_JSON_KEYS: Final[Mapping[str, str]] = {"imagename": "registrypath"} | {
    name: name for name in (*_TEXTS, *_TOKENS)
}
"""The field for each JSON key; keys are case-insensitive."""

_NEITHER: Final = "docker resource is neither valid json or yaml: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetails:
    """Where an image is, and what is needed to pull it."""

    registrypath: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


def read_image_details(path: Path) -> tuple[ImageDetails, int]:
    """Return the image that the body of an image resource names, and the size of the body.

    Raises:
        ApiError: when it is neither YAML nor JSON, or too large.
    """
    with path.open("rb") as body:
        data = body.read(MAX_DETAILS_BYTES + 1)
    if len(data) > MAX_DETAILS_BYTES:
        raise ApiError(f"{_NEITHER}it is too large")
    found = _details(data)
    return ImageDetails(
        registrypath=found["registrypath"],
        username=found["username"],
        password=found["password"],
    ), len(data)


def _details(data: bytes) -> dict[str, Any]:
    """Return the fields of a body; valid JSON fields are kept when the rest is read as YAML."""
    found, is_json = _from_json(data)
    if is_json:
        return found
    try:
        roots = documents(data.decode(), where="the image's details", only_first=True)
        if roots:
            found = decode(roots[0], _DETAILS, present=found)
    except UnicodeDecodeError as exc:
        raise ApiError(f"{_NEITHER}yaml: invalid leading UTF-8 octet") from exc
    except GoYamlError as exc:
        raise ApiError(f"{_NEITHER}{exc.message}") from exc
    return found


def _from_json(data: bytes) -> tuple[dict[str, Any], bool]:
    """Return the fields in the JSON, and whether all of it is JSON of the right types."""
    found = dict(_DETAILS.zero)
    try:
        document = parse_json(data)
    except ValueError:
        return found, False
    if document is None:
        return found, True
    if not isinstance(document, dict):
        return found, False
    is_right = True
    for key, value in document.items():
        name = _JSON_KEYS.get(key.lower())
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            is_right = False
        elif name not in _TOKENS:
            found[name] = value
    return found, is_right
