"""Juju's client store: which controllers there are, where, and how to log in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.documents import (
    MAX_BYTES,
    TEXT,
    Document,
    JSONValue,
    ListOf,
    MappingOf,
    Record,
    Shape,
    as_mapping,
    load_shaped,
)
from ckf_airgap.errors import ControllerError, InputError, nearest
from ckf_airgap.files import read_small_text, require_directory
from ckf_airgap.files.paths import settle
from ckf_airgap.juju.controller.logins import read_macaroons

_MAX_KEY_BYTES: Final = 64 * 1024

_CONTROLLERS: Final = Record(
    {
        "current-controller": TEXT,
        "controllers": MappingOf(
            Record({"uuid": TEXT, "api-endpoints": ListOf(TEXT), "ca-cert": TEXT})
        ),
    }
)
_ACCOUNTS: Final = Record({"controllers": MappingOf(Record({"user": TEXT, "password": TEXT}))})
"""What is read of the store, with the types that ``jujuclient`` declares: a password is a text."""

_MODELS: Final = Record(
    {"controllers": MappingOf(Record({"models": MappingOf(Record({"uuid": TEXT}))}))}
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What becomes part of a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JujuTarget:
    """Which model of which controller.

    Attributes:
        model: The model's name, or ``owner/name``.
        controller: The controller's name in the client store; ``None`` is the current one.
        juju_data: The directory of the client store; ``None`` is `default_juju_data`.
    """

    model: str
    controller: str | None = None
    juju_data: Path | None = None

    def __post_init__(self) -> None:
        settle(self)

    @classmethod
    def parse(cls, text: str, *, juju_data: Path | None = None) -> JujuTarget:
        """Return the target that ``model``, ``owner/model`` or ``controller:model`` names."""
        controller, colon, model = text.rpartition(":")
        return cls(
            model=model,
            controller=controller if colon and controller else None,
            juju_data=juju_data,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredController:
    """A controller as the client store knows it.

    Attributes:
        name: Its name there.
        uuid: Its UUID.
        endpoints: ``host:port`` of each address.
        ca_cert: The CA that signs its certificate, PEM; ``None`` when it has a public one.
        user: Who logs in.
        password: The password; empty when macaroons let the user in.
        macaroons: The macaroons of an earlier login, as cookies: name to value.
        juju_data: The directory it was read from.
    """

    name: str
    uuid: str
    endpoints: tuple[str, ...]
    ca_cert: str | None
    user: str
    password: str = field(repr=False)
    macaroons: Mapping[str, str] = field(default_factory=dict, repr=False)
    juju_data: Path


def default_juju_data(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory of the client store: ``$JUJU_DATA``, else where XDG puts it."""
    if environ.get("JUJU_DATA"):
        return Path(environ["JUJU_DATA"]).expanduser()
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]).expanduser() / "juju"
    return Path("~/.local/share/juju").expanduser()


def read_controller(name: str | None = None, juju_data: Path | None = None) -> StoredController:
    """Return a controller of the client store.

    Args:
        name: Its name; ``None`` is the current one.
        juju_data: The store's directory; ``None`` is `default_juju_data`.

    Raises:
        MissingError: when the directory that was named is not there.
        InputError: when it is something else.
        ControllerError: when there is no store, no such controller, or no way to log in.
    """
    if juju_data is not None:
        require_directory(juju_data, fix="Set JUJU_DATA or --juju-data to Juju's client store.")
    directory = juju_data if juju_data is not None else default_juju_data()
    document = _read(directory, "controllers.yaml", _CONTROLLERS)
    controllers = _section(document, "controllers")
    current = document.get("current-controller")
    chosen = name or (current if isinstance(current, str) else None)
    if not chosen:
        raise ControllerError(
            f"there is no current controller in {directory}",
            fix=f"Name one with --controller ({_names(controllers)}), or run 'juju switch'.",
        )
    if chosen not in controllers:
        raise ControllerError(
            f"there is no controller {chosen!r} in {directory / 'controllers.yaml'}",
            fix=f"It has {_names(controllers)}. {nearest(chosen, controllers)}".strip(),
        )
    fields = _section(controllers, chosen)
    endpoints = fields.get("api-endpoints")
    if not isinstance(endpoints, list) or not endpoints:
        raise ControllerError(
            f"controller {chosen} has no api-endpoints in {directory / 'controllers.yaml'}",
            fix="Register the controller again: juju register, or juju login.",
        )
    account = _section(
        _section(_read(directory, "accounts.yaml", _ACCOUNTS), "controllers"), chosen
    )
    user, password = account.get("user"), account.get("password")
    if not user:
        raise ControllerError(
            f"nobody is logged in to controller {chosen} ({directory / 'accounts.yaml'})",
            fix=f"Log in first: juju login -c {chosen}.",
        )
    uuid = str(fields.get("uuid") or "")
    macaroons = {} if password else read_macaroons(directory, chosen, uuid)
    if not password and not macaroons:
        raise ControllerError(
            f"no password of user {user} is stored for controller {chosen} "
            f"({directory / 'accounts.yaml'}), and no login that is still valid "
            f"({directory / 'cookies'})",
            fix=f"Log in again: juju logout -c {chosen}, then juju login -c {chosen} -u {user}.",
        )
    ca_cert = fields.get("ca-cert")
    return StoredController(
        name=chosen,
        uuid=uuid,
        endpoints=tuple(str(endpoint) for endpoint in endpoints),
        ca_cert=str(ca_cert) if ca_cert else None,
        user=str(user),
        password=str(password or ""),
        macaroons=macaroons,
        juju_data=directory,
    )


def stored_model_uuid(controller: StoredController, model: str) -> str | None:
    """Return the UUID that the store has for a model; ``None`` when it has none.

    The store may be older than the model, so that it is a guess, for the controller to confirm.

    Args:
        controller: The controller.
        model: The model's name, or ``owner/name``; a bare name is the user's own model.
    """
    try:
        document = _read(controller.juju_data, "models.yaml", _MODELS)
    except ControllerError:
        return None
    of_controller = _section(_section(document, "controllers"), controller.name)
    name = model if "/" in model else f"{controller.user}/{model}"
    uuid = _section(_section(of_controller, "models"), name).get("uuid")
    return uuid if isinstance(uuid, str) and _UUID.fullmatch(uuid) else None


def read_ssh_key(juju_data: Path) -> str | None:
    """Return the public key that ``juju add-model`` gives to new models, if the store has one."""
    try:
        path = juju_data / "ssh" / "juju_id_rsa.pub"
        lines = read_small_text(path, _MAX_KEY_BYTES, what="a public key").splitlines()
    except (OSError, UnicodeDecodeError, InputError):
        return None
    return lines[0].strip() if lines else None


def _read(directory: Path, name: str, shape: Shape) -> Document:
    path = directory / name
    try:
        text = read_small_text(path, MAX_BYTES, what="a file of a client store")
        found = load_shaped(
            text, shape, where=str(path), allow_duplicate_keys=True, only_first=True
        ).documents
        return as_mapping(found[0] if found else None, where=str(path))
    except FileNotFoundError as exc:
        raise ControllerError(
            f"there is no Juju client store in {directory}: {name} is missing",
            fix="Set JUJU_DATA or --juju-data to the directory of the store, or bootstrap or "
            "register a controller first.",
        ) from exc
    except (OSError, UnicodeDecodeError, InputError) as exc:
        raise ControllerError(f"cannot read Juju's client store: {exc}") from exc


def _section(document: Mapping[str, JSONValue], key: str) -> Document:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _names(controllers: Document) -> str:
    return ", ".join(sorted(controllers)) or "none"
