"""The state of the rehearsal controller beyond its models: itself, its users, its cloud."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.repository import CharmRepository
from ckf_airgap.rehearsal.entities.storage import Cluster
from ckf_airgap.rehearsal.entities.versions import AGENT_VERSION, CLUSTER_VERSION
from ckf_airgap.rehearsal.model.bakery import LocalBakery
from ckf_airgap.rehearsal.model.clouds import (
    AUTH_TYPES,
    DEFAULT_REGION,
    KUBERNETES,
    CloudDefinition,
    Clouds,
)
from ckf_airgap.rehearsal.model.controllerschema import controller_defaults
from ckf_airgap.rehearsal.model.crossmodel import CrossModelRelations
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelsettings import ModelDefaults
from ckf_airgap.rehearsal.model.permission import MODEL_ACCESS, at_least
from ckf_airgap.rehearsal.model.placement import check_new_config, place_model
from ckf_airgap.rehearsal.model.users import User, Users
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, ApiError, unauthorized

CONTROLLER_MODEL: Final = "controller"
CLOUD: Final = "k8s"

_TOKEN: Final[Document] = {"Token": ""}
"""The attributes of the controller's own credential: there is no cluster that needs a token."""

_ENDPOINT: Final = "https://kubernetes.rehearsal.invalid"

_NAME_TAKEN: Final = (
    "the model cannot be created because a namespace with the proposed\n"
    "model name already exists in the k8s cluster.\n"
    "Please choose a different model name.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address that the controller listens on."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection(Protocol):
    """A client's connection, which the state closes together with its model."""

    @property
    def model_or_none(self) -> Model | None:
        """The model of the connection; ``None`` on one to the controller."""

    @property
    def disconnect(self) -> Callable[[], None]:
        """The function that closes the connection."""


class ModelFactory(Protocol):
    """Creates the state of a model, with the speed and the script of the controller."""

    def __call__(
        self,
        *,
        uuid: str,
        name: str,
        owner: str,
        controller_uuid: str,
        config: Mapping[str, JSONValue],
        cloud: str,
        region: str,
        defaults: ModelDefaults,
    ) -> Model:
        """Return a new model."""
        ...


@dataclass(slots=True, kw_only=True)
class ControllerState:
    """A controller.

    Attributes:
        name: The name that clients use for it.
        uuid: Its UUID.
        ca_cert: The CA of its certificate, PEM.
        users: The users who may log in.
        admin: The user who owns it.
        directory: The directory of uploaded files, with a sub-directory per model.
        make_model: Creates the state of a model.
        failed: Called with what was raised by a fault of the controller's own.
        agent_version: The version of Juju that it reports.
        address: The address that it listens on, once it does.
        clouds: The clouds, and who may use them.
        credentials: The credentials for clouds, by tag.
        defaults: The defaults of new models.
        repository: The charm store; ``None`` when it is not reachable.
        config: The controller's configuration beyond its own address and name.
        bakery: Creates and checks the macaroons of users.
        sessions: The open connections.
        cluster: The volumes that models have released.
        cross_model: The relations between its models.
    """

    name: str
    uuid: str
    ca_cert: str
    users: Users
    admin: User
    directory: Path
    make_model: ModelFactory
    failed: Callable[[Exception], None] = field(default=lambda _: None)
    agent_version: str = AGENT_VERSION
    cluster_version: str = CLUSTER_VERSION
    address: Address = Address(host="127.0.0.1", port=0)
    repository: CharmRepository | None = None
    clouds: Clouds = field(init=False)
    credentials: dict[str, Document] = field(default_factory=dict)
    bakery: LocalBakery = field(default_factory=LocalBakery)
    defaults: ModelDefaults = field(default_factory=lambda: ModelDefaults.bootstrapped(CLOUD))
    config: dict[str, JSONValue] = field(default_factory=controller_defaults)
    sessions: set[Connection] = field(default_factory=set)
    cluster: Cluster = field(default_factory=Cluster)
    cross_model: CrossModelRelations = field(init=False)
    _models: dict[str, Model] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set up the cloud and the credential that a controller is bootstrapped with.

        If a user has a single credential for a cloud, the ``juju`` client adds models with it.
        """
        own = CloudDefinition(
            name=CLOUD,
            type=KUBERNETES,
            auth_types=AUTH_TYPES,
            endpoints={"endpoint": _ENDPOINT},
            regions=({"name": DEFAULT_REGION},),
        )
        self.clouds = Clouds(own, owner=self.admin.name)
        self.cross_model = CrossModelRelations(lambda: self)
        self.credentials.setdefault(self.own_credential, {"auth-type": "oauth2", "attrs": _TOKEN})

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    @property
    def own_credential(self) -> str:
        """The tag of the credential that the controller was bootstrapped with, its admin's."""
        return f"cloudcred-{CLOUD}_{self.admin.name}_{CLOUD}"

    @property
    def controller_model(self) -> Model:
        """The controller model, in which the controller itself is deployed."""
        return next(model for model in self if self.is_controller_model(model))

    def is_controller_model(self, model: Model) -> bool:
        """Whether this is the controller model."""
        return model.name == CONTROLLER_MODEL and model.owner == self.admin.name

    def model(self, model_uuid: str) -> Model | None:
        """Return the model with a UUID, or ``None``."""
        return self._models.get(model_uuid)

    def accessible_model(self, model_uuid: str, user: User, access: str = "read") -> Model:
        """Return a model that the user has at least the given access to.

        Raises:
            ApiError: ``permission denied`` when the model does not exist or access is insufficient.
        """
        model = self._models.get(model_uuid)
        if model is None or not self.may(user, model, access):
            raise unauthorized()
        return model

    def may(self, user: User, model: Model, access: str) -> bool:
        """Whether the user has at least the given access (read, write, admin) to the model."""
        held = self.users.model_access(user, model_uuid=model.uuid)
        return at_least(MODEL_ACCESS, held, access)

    def has_permission(self, user: User, access: str, *, model_uuid: str) -> bool:
        """Whether a user was granted that access to a model; being a superuser is not enough."""
        return at_least(MODEL_ACCESS, self.users.of_models.access(model_uuid, user.name), access)

    def models_of(self, user: User, *, every: bool = False) -> list[Model]:
        """Return the models that the user was granted access to, or all; by name, then owner."""
        models = [
            model
            for model in self
            if every or self.users.of_models.find(model.uuid, user.name) is not None
        ]
        return sorted(models, key=lambda model: (model.name, model.owner))

    def remove_user(self, user_id: str) -> None:
        """Remove a user permanently, with all access.

        Raises:
            ApiError: when the user does not exist, or owns the controller.
        """
        self.clouds.forget_user(self.users.remove(user_id).name)

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
        cloud: str = "",
        region: str = "",
        credential: str = "",
    ) -> Model:
        """Create a model.

        Args:
            name: Its name.
            owner: The name of the user who owns it.
            config: Model config beyond the defaults.
            cloud: The name of its cloud; that of the controller when empty.
            region: The region of the cloud; that of the controller when empty.
            credential: The tag of the credential for the cloud; without it, models of the admin
                have that of the controller model.

        Raises:
            ApiError: when the name is invalid or taken, a setting has an invalid value, or the
                cloud, region or credential does not exist.
        """
        is_first = not self._models
        own = None if is_first else self.controller_model
        placement = place_model(
            self.clouds,
            self.credentials,
            cloud=cloud,
            region=region,
            credential=credential or (self.own_credential if is_first else ""),
            controllers=None if own is None else own.placement,
            owns_controller=owner == self.admin.name,
        )
        given = dict(config or {})
        check_new_config(name, given, agent_version=self.agent_version)
        try:
            model = self.make_model(
                uuid=str(uuid.uuid4()),
                name=name,
                owner=owner,
                controller_uuid=self.uuid,
                config=given,
                cloud=placement.cloud,
                region=placement.region,
                defaults=self.defaults,
            )
        except ApiError as error:
            raise error.annotated("failed to create config") from error
        if any(known.name == name and known.cloud == placement.cloud for known in self):
            model.close()
            raise ApiError(_NAME_TAKEN, ALREADY_EXISTS)
        model.credential = placement.credential
        model.charms.repository = self.repository
        model.storage.cluster = self.cluster
        model.topology.cross_model = self.cross_model
        self.files_of(model).mkdir(parents=True, exist_ok=True)
        self._models[model.uuid] = model
        self.users.own_model(owner, model_uuid=model.uuid)
        return model

    def models_in(self, cloud: str) -> list[Model]:
        """Return the models that are in a cloud."""
        return [model for model in self if model.cloud == cloud]

    def models_with(self, credential: str) -> list[Model]:
        """Return the models that use a credential."""
        return [model for model in self if model.credential == credential]

    def destroy_model(
        self, model: Model, *, force: bool = False, destroy_storage: bool | None = None
    ) -> None:
        """Start destroying a model; its connections are closed once it is removed.

        Args:
            model: The model.
            force: Whether to skip the hooks of its units.
            destroy_storage: Whether its storage is destroyed, or released; ``None`` when not
                specified.

        Raises:
            ApiError: when it is the controller model, blocked, or has storage and
                `destroy_storage` is ``None``.
        """
        if self.is_controller_model(model):
            raise ApiError("cannot destroy the controller model")
        model.destroy(
            force=force, destroy_storage=destroy_storage, on_dead=lambda: self._forget(model)
        )

    def files_of(self, model: Model) -> Path:
        """Return the directory of uploads to a model."""
        return self.directory / model.uuid

    def close(self) -> None:
        """Stop all timers and watchers of the models."""
        for model in self:
            model.close()

    def _forget(self, model: Model) -> None:
        if self._models.pop(model.uuid, None) is None:
            return
        model.close()
        self.users.of_models.forget_model(model.uuid)
        shutil.rmtree(self.files_of(model), ignore_errors=True)
        for session in list(self.sessions):
            if session.model_or_none is model:
                session.disconnect()
