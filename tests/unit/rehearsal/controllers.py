"""A controller with models and no server; their clocks are turned by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.api.facade import Caller, Facade, Watcher
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelsettings import ModelDefaults
from ckf_airgap.rehearsal.model.state import CONTROLLER_MODEL, ControllerState
from ckf_airgap.rehearsal.model.users import User, Users
from tests.unit.rehearsal.harness import Rehearsal
from tests.witness.watching import WITNESS


@dataclass
class RehearsedController:
    """A controller whose administrator is `admin`; each model is a `Rehearsal` of its own."""

    directory: Path

    def __post_init__(self) -> None:
        admin = User(name="admin", password="secret", access="superuser")
        self.admin = self.user = admin
        self.rehearsals: dict[str, Rehearsal] = {}
        self.state = ControllerState(
            name="rehearsal",
            uuid="22222222-2222-4222-8222-222222222222",
            ca_cert="",
            users=Users(admin),
            admin=admin,
            directory=self.directory / "uploads",
            make_model=self._make_model,
        )
        self.watchers: list[Watcher] = []
        self.add_model(CONTROLLER_MODEL)

    def add_model(self, name: str, *, owner: str = "admin") -> Rehearsal:
        """Make a model; return what drives it."""
        model = self.state.create_model(name, owner=owner)
        return self.rehearsals[model.uuid]

    def add_user(self, name: str) -> User:
        """Make a user who may log in."""
        return self.state.users.add(name, password="secret")

    async def call(
        self,
        facade: type[Facade],
        method: str,
        params: Any,
        *,
        on: Rehearsal | None = None,
        user: User | None = None,
        version: int | None = None,
        object_id: str = "",
    ) -> Any:
        """Call a method as a client does: on a model's connection, or on the controller's."""
        model = on.model if on is not None else None
        session = SimpleNamespace(
            controller=self.state,
            user=user or self.admin,
            logged_in_user=user or self.admin,
            model=model,
            model_or_none=model,
            is_controller_connection=model is None,
            add_watcher=self._add_watcher,
            watcher=lambda watcher_id: self.watchers[int(watcher_id)],
            stop_watcher=lambda watcher_id: self.watchers[int(watcher_id)].stop(),
        )
        instance = facade(cast("Caller", session))
        instance.object_id = object_id
        if version is not None:
            instance.version = version
        response = await getattr(instance, facade.methods[method])(params)
        WITNESS.response(facade.name, instance.version, method, response)
        return response

    def settle(self) -> None:
        """Let time pass in every model until nothing happens any more."""
        for rehearsal in self.rehearsals.values():
            rehearsal.settle()

    def _add_watcher(self, watcher: Watcher) -> str:
        self.watchers.append(watcher)
        return str(len(self.watchers) - 1)

    def _make_model(
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
        directory = self.directory / f"charms-{uuid}"
        directory.mkdir(parents=True)
        rehearsal = Rehearsal(directory)
        rehearsal.model = Model(
            uuid=uuid,
            name=name,
            owner=owner,
            controller_uuid=controller_uuid,
            config=config,
            cloud=cloud,
            region=region,
            defaults=defaults,
            clock=rehearsal.clock,
            script=rehearsal.script,
            batch_s=0,
        )
        self.rehearsals[uuid] = rehearsal
        return rehearsal.model
