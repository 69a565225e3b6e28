"""What the rehearsal controller knows beyond its models: itself, its users, its cloud."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.model.crossmodel import CrossModelRelations
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.users import MODEL_ACCESS, User, Users
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, NOT_FOUND, ApiError, unauthorized

AGENT_VERSION: Final = "3.6.12"
"""The version of Juju that is rehearsed."""

CLUSTER_VERSION: Final = "1.31.0"
"""The version of Kubernetes below it."""

CONTROLLER_MODEL: Final = "controller"
CLOUD: Final = "k8s"

_TOKEN: Final[Document] = {"Token": ""}
"""The attributes of the controller's own credential: there is no cluster to show a token to."""

_MODEL_NAME: Final = re.compile(r"^[a-z0-9]+[a-z0-9-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the controller listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection(Protocol):
    """A client's connection, as far as the state ends it with its model."""

    @property
    def model_or_none(self) -> Model | None:
        """The model of the connection; ``None`` on one to the controller."""

    @property
    def disconnect(self) -> Callable[[], None]:
        """Closes the connection."""


class ModelFactory(Protocol):
    """Makes the state of a model; the controller says how fast and along which courses."""

    def __call__(
        self,
        *,
        uuid: str,
        name: str,
        owner: str,
        controller_uuid: str,
        config: Mapping[str, JSONValue],
    ) -> Model:
        """Return a new model."""
        ...


@dataclass(slots=True, kw_only=True)
class ControllerState:
    """One controller.

    Attributes:
        name: What clients call it.
        uuid: Its UUID.
        ca_cert: The CA of its certificate, PEM.
        users: Who may log in.
        admin: The user who owns it.
        directory: Where uploaded files are kept, a directory per model.
        make_model: Makes the state of a model.
        agent_version: The version of Juju that it claims.
        address: Where it listens, once it does.
        credentials: The credentials for the cloud, by tag.
        sessions: The open connections.
        cross_model: The relations between its models.
    """

    name: str
    uuid: str
    ca_cert: str
    users: Users
    admin: User
    directory: Path
    make_model: ModelFactory
    agent_version: str = AGENT_VERSION
    cluster_version: str = CLUSTER_VERSION
    address: Address = Address(host="127.0.0.1", port=0)
    credentials: dict[str, Document] = field(default_factory=dict)
    sessions: set[Connection] = field(default_factory=set)
    cross_model: CrossModelRelations = field(init=False)
    _models: dict[str, Model] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Hold the credential that a controller is made with.

        A user's only credential for a cloud is the one that the ``juju`` client adds models with.
        """
        self.cross_model = CrossModelRelations(lambda: self)
        self.credentials.setdefault(self.own_credential, {"auth-type": "oauth2", "attrs": _TOKEN})

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    @property
    def own_credential(self) -> str:
        """The tag of the credential that the controller was made with, which is its admin's."""
        return f"cloudcred-{CLOUD}_{self.admin.name}_{CLOUD}"

    @property
    def controller_model(self) -> Model:
        """The model that the controller itself lives in."""
        return next(model for model in self if self.is_controller_model(model))

    def is_controller_model(self, model: Model) -> bool:
        """Whether this is the model that the controller itself lives in."""
        return model.name == CONTROLLER_MODEL and model.owner == self.admin.name

    def model(self, model_uuid: str) -> Model | None:
        """Return the model with a UUID, or ``None``."""
        return self._models.get(model_uuid)

    def accessible_model(self, model_uuid: str, user: User, access: str = "read") -> Model:
        """Return a model that the user has at least that access to.

        Raises:
            ApiError: ``permission denied`` when there is no such model or not enough access.
        """
        model = self._models.get(model_uuid)
        if model is None or not self.may(user, model, access):
            raise unauthorized()
        return model

    def may(self, user: User, model: Model, access: str) -> bool:
        """Whether the user has at least that access (read, write, admin) to the model."""
        held = self.users.model_access(user, model_uuid=model.uuid, owner=model.owner)
        return MODEL_ACCESS.index(held) >= MODEL_ACCESS.index(access)

    def models_of(self, user: User, *, every: bool = False) -> list[Model]:
        """Return the models that a user may read; all of them for a superuser who asks for it."""
        return [
            model
            for model in self
            if (every and user.is_superuser) or self.may(user, model, "read")
        ]

    def find(self, name: str) -> Model:
        """Return the model called ``name`` (of the admin) or ``owner/name``.

        Raises:
            KeyError: when there is no such model.
        """
        owner, _, plain = name.rpartition("/")
        for model in self:
            if model.name == plain and model.owner == (owner or self.admin.name):
                return model
        raise KeyError(name)

    def create_model(
        self,
        name: str,
        *,
        owner: str,
        config: Mapping[str, JSONValue] | None = None,
        credential: str = "",
    ) -> Model:
        """Make a model.

        Args:
            name: Its name.
            owner: The name of the user who owns it.
            config: Model config beyond the defaults.
            credential: The tag of the credential for the cloud; without one, models of the admin
                have the controller's own.

        Raises:
            ApiError: when the name is not a model name, the owner has such a model, or there is no
                such credential.
        """
        if credential and credential not in self.credentials:
            named = credential.removeprefix("cloudcred-").replace("_", "/", 2)
            raise ApiError(f'getting credential: cloud credential "{named}" not found', NOT_FOUND)
        if not _MODEL_NAME.match(name):
            raise ApiError(
                "failed to create config: creating config from values failed: "
                f'"{name}" is not a valid name: model names may only contain '
                "lowercase letters, digits and hyphens"
            )
        if any(model.name == name and model.owner == owner for model in self):
            raise ApiError(
                f'failed to create new model: model "{name}" for {owner} already exists',
                ALREADY_EXISTS,
            )
        model = self.make_model(
            uuid=str(uuid.uuid4()),
            name=name,
            owner=owner,
            controller_uuid=self.uuid,
            config=dict(config or {}),
        )
        model.credential = credential or (self.own_credential if owner == self.admin.name else "")
        model.topology.cross_model = self.cross_model
        self.files_of(model).mkdir(parents=True, exist_ok=True)
        self._models[model.uuid] = model
        return model

    def destroy_model(self, model: Model, *, force: bool = False) -> None:
        """Begin to destroy a model; its connections are closed once it is gone.

        Raises:
            ApiError: when it is the controller's own.
        """
        if self.is_controller_model(model):
            raise ApiError("cannot destroy the controller model")
        model.destroy(force=force, on_dead=lambda: self._forget(model))

    def files_of(self, model: Model) -> Path:
        """Return the directory where uploads to a model are kept."""
        return self.directory / model.uuid

    def check_cloud(self, cloud: str) -> None:
        """Check that a cloud is known.

        Raises:
            ApiError: when it is not.
        """
        if cloud != CLOUD:
            raise ApiError(f'cloud "{cloud}" not found, expected one of ["{CLOUD}"]', NOT_FOUND)

    def close(self) -> None:
        """Stop everything that still moves in the models."""
        for model in self:
            model.close()

    def _forget(self, model: Model) -> None:
        if self._models.pop(model.uuid, None) is None:
            return
        model.close()
        shutil.rmtree(self.files_of(model), ignore_errors=True)
        for session in list(self.sessions):
            if session.model_or_none is model:
                session.disconnect()
