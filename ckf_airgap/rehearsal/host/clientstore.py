"""The client store: the files through which Juju's clients find a controller.

A store is a directory that ``JUJU_DATA`` names. It belongs to whoever wrote it: a marker file
identifies the stores of rehearsals; stores with other controllers are never touched. The marker is
locked while the controller runs, so that a second controller cannot take over the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from ckf_airgap.documents import MAX_BYTES, Document, as_mapping, dump_yaml, load_mapping
from ckf_airgap.errors import ControllerError, InputError
from ckf_airgap.files import FileLock, read_small_text, replacing, require_directory

MARKER: Final = ".ckf-airgap-rehearsal"
"""The file that marks a rehearsal's store: the name of the controller in it, then the id of its
process, for people."""

_MAX_MARKER_BYTES: Final = 64 * 1024
_STORE_FILES: Final = ("controllers.yaml", "accounts.yaml", "models.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A model as in ``models.yaml``."""

    name: str
    owner: str
    uuid: str

    @property
    def qualified_name(self) -> str:
        """The key of the model: ``owner/name``."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredController:
    """A controller, its account and its models, as in the three store files.

    Attributes:
        name: What the client calls the controller.
        uuid: The controller's UUID.
        endpoints: ``host:port``, IPv6 hosts in brackets.
        ca_cert: The CA certificate, PEM.
        agent_version: The version of Juju.
        cloud: The name of the controller's cloud.
        user: The user's name.
        password: The user's password.
        models: Every model that the client may use.
        current_model: The name of the model that clients use by default, or ``None``.
    """

    name: str
    uuid: str
    endpoints: Sequence[str]
    ca_cert: str
    agent_version: str
    cloud: str
    user: str
    password: str
    models: Sequence[StoredModel] = ()
    current_model: str | None = None

    def documents(self) -> dict[str, Document]:
        """Return the documents of the store's files, by file name."""
        models: Document = {
            "models": {
                model.qualified_name: {"uuid": model.uuid, "type": "caas", "branch": "master"}
                for model in self.models
            }
        }
        current = next((m for m in self.models if m.name == self.current_model), None)
        if current is not None:
            models["current-model"] = current.qualified_name
        return {
            "controllers.yaml": {
                "controllers": {
                    self.name: {
                        "uuid": self.uuid,
                        "api-endpoints": list(self.endpoints),
                        "ca-cert": self.ca_cert,
                        "cloud": self.cloud,
                        "type": "kubernetes",
                        "agent-version": self.agent_version,
                        "controller-machine-count": 0,
                        "active-controller-machine-count": 0,
                    }
                },
                "current-controller": self.name,
            },
            "accounts.yaml": {
                "controllers": {
                    self.name: {
                        "user": self.user,
                        "password": self.password,
                        "last-known-access": "superuser",
                    }
                }
            },
            "models.yaml": {"controllers": {self.name: models}},
        }


def write_store(directory: Path, controller: StoredController) -> FileLock:
    """Write the store files of `controller` to `directory`, atomically and private to the owner.

    Besides the three files, it creates two things that a real client would have left behind by
    then, and without which python-libjuju fails: an empty cookie jar, which is read on every
    connection, and an SSH key pair, whose ``ssh/juju_id_rsa.pub`` is read when a model is added.

    Returns:
        The lock that keeps other controllers from the store, until it is released or the process
        ends.

    Raises:
        ControllerError: when the directory holds a store that a rehearsal did not write, or one
            whose controller still runs, or cannot be written.
    """
    check_store(directory)
    with _as_controller_error(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock.take(directory / MARKER, create=True)
        if lock is None:
            raise _still_running(directory)
        try:
            lock.write(f"{controller.name}\npid {os.getpid()}\n")
            for name, document in controller.documents().items():
                _write(directory / name, dump_yaml(document))
            cookies = directory / "cookies"
            cookies.mkdir(mode=0o700, exist_ok=True)
            _write(cookies / f"{controller.name}.json", "[]\n")
            _write_ssh_key(directory / "ssh")
        except BaseException:
            lock.release()
            raise
        return lock


def check_store(directory: Path) -> None:
    """Check that `directory` may be written: missing, without controllers, or a rehearsal's own.

    Raises:
        InputError: when it is not a directory.
        ControllerError: when it holds controllers that a rehearsal did not write, or those of a
            rehearsal that is still running, or cannot be read.
    """
    require_directory(directory, may_be_missing=True)
    with _as_controller_error(directory):
        _check_owner(directory)
        try:
            lock = FileLock.take(directory / MARKER)
        except FileNotFoundError:
            return
        if lock is None:
            raise _still_running(directory)
        lock.release()


def _check_owner(directory: Path) -> None:
    ours = _marked(directory)
    for name in _STORE_FILES:
        path = directory / name
        if not path.exists():
            continue
        try:
            text = read_small_text(path, MAX_BYTES, what="a file of a client store")
            document = load_mapping(text, where=str(path))
            held = as_mapping(document.get("controllers"), where=f"{path}: controllers")
        except (InputError, UnicodeDecodeError):
            held = {"(unreadable)": None}
        foreign = sorted(set(held) - {ours})
        if foreign:
            raise ControllerError(
                f"{path} holds controllers that no rehearsal wrote: {', '.join(foreign)}",
                fix="Use a separate directory: a rehearsal never writes into another's store.",
            )


def _still_running(directory: Path) -> ControllerError:
    process = _marker(directory).partition("\n")[2].strip()
    return ControllerError(
        f"{directory} is the client store of a rehearsal controller that is still running"
        + (f" ({process})" if process else ""),
        fix="Stop that one, or give another --juju-data.",
    )


def _marked(directory: Path) -> str | None:
    """Return the name of the controller that a rehearsal wrote to the store."""
    try:
        return _marker(directory).partition("\n")[0]
    except FileNotFoundError:
        return None


def _marker(directory: Path) -> str:
    """Return the content of the marker file that a rehearsal wrote to the store."""
    try:
        return read_small_text(directory / MARKER, _MAX_MARKER_BYTES, what="a marker")
    except UnicodeDecodeError as exc:
        raise InputError(f"{directory / MARKER} is not what a rehearsal wrote") from exc


@contextmanager
def _as_controller_error(directory: Path) -> Iterator[None]:
    """Raise errors of the operating system as errors of the controller."""
    try:
        yield
    except OSError as error:
        raise ControllerError(
            f"cannot write the client store {directory}: {error.strerror or error}",
            fix="Give a directory that you may write to.",
        ) from error


def _write(path: Path, text: str) -> None:
    """Replace the content of `path` by `text` atomically, readable by its owner only."""
    with replacing(path, mode=0o600) as stream:
        stream.write(text.encode("utf-8"))


def _write_ssh_key(directory: Path) -> None:
    public_path = directory / "juju_id_rsa.pub"
    if public_path.exists():
        return
    directory.mkdir(mode=0o700, exist_ok=True)
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    _write(directory / "juju_id_rsa", private.decode("ascii"))
    _write(public_path, f"{public.decode('ascii')} rehearsal\n")
