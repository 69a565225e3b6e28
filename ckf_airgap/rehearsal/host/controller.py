"""The rehearsal controller: a Juju controller in this process, for clients of Juju's API.

In the caller's event loop::

    async with RehearsalController() as controller:
        ...  # JUJU_DATA=controller.juju_data points clients at it

or in a thread of its own, for clients that block their event loop while they upload, such as
python-libjuju's ``Model.deploy``::

    with ControllerThread(RehearsalController()) as running:
        ...
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, final

from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import AirgapError, Problem, UsageError
from ckf_airgap.facts.defaults import DEFAULT_SPEED
from ckf_airgap.files import FileLock
from ckf_airgap.rehearsal.api.bodies import DEFAULT_LIMIT_BYTES
from ckf_airgap.rehearsal.api.charmhubinfo import CharmhubInfo
from ckf_airgap.rehearsal.api.faults import Faults
from ckf_airgap.rehearsal.api.server import Server
from ckf_airgap.rehearsal.api.tls import make_certificates
from ckf_airgap.rehearsal.entities.repository import CharmRepository
from ckf_airgap.rehearsal.host.charmfiles import ReleasedTo, read_store
from ckf_airgap.rehearsal.host.clientstore import (
    StoredController,
    StoredModel,
    check_store,
    write_store,
)
from ckf_airgap.rehearsal.host.scriptwatch import ScriptWatch
from ckf_airgap.rehearsal.model.model import Finding, Model
from ckf_airgap.rehearsal.model.modelschema import CHARMHUB_URL
from ckf_airgap.rehearsal.model.modelsettings import ModelDefaults
from ckf_airgap.rehearsal.model.permission import SUPERUSER
from ckf_airgap.rehearsal.model.state import CLOUD, CONTROLLER_MODEL, Address, ControllerState
from ckf_airgap.rehearsal.model.users import User, Users
from ckf_airgap.rehearsal.privatedir import PrivateDirectory, remove_left_behind
from ckf_airgap.rehearsal.units.clock import LoopClock
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rehearsal.wire import ApiError

log = logging.getLogger(__name__)

DEFAULT_NAME: Final = "rehearsal"
DEFAULT_MODELS: Final = ("kubeflow",)

_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@final
class RehearsalController:
    """A Juju controller that does not run anything, but behaves as if it did.

    Args:
        juju_data: The directory to write the client store to; when ``None``, a private directory
            that is removed at the end.
        host: The address to listen on.
        port: The port; 0 for any free port.
        name: What clients call the controller.
        user: The name of its administrator.
        password: The administrator's password; generated when it is ``None``. It is written only
            to the client store.
        models: The initial models; the first is the current model of clients.
        speed: Seconds of a deployment that pass in a real second; ``math.inf`` for no waiting.
        charms: A directory of ``.charm`` files that serves as the charm store: ``juju deploy
            minio`` and the like take charms from it. Without it there is no store. Resource files
            may be in it, too (``read_resources``). Requests that python-libjuju sends to the store
            itself are answered as well: the ``charmhub-url`` of models is an address of the
            controller.
        released: The channels of these charms, by name and revision, as far as known; a charm
            whose channels are not known is in every channel.
        script: The courses of applications, and the relations that charms need.
        script_file: A script as a YAML file (docs/testing.md), read again when it changes.
            `script` takes precedence over it.
        script_changed: Called after the file was read again: with what is wrong with it (the last
            valid script stays in force), or ``None``. By default both are logged.
        registry: The private registry; images from elsewhere are reported as findings.
        faults: What is to go wrong, in the form that docs/rehearsal.md describes, such as
            ``close@Application.Deploy=3``; `faults` takes more while the controller runs.
        fault_happened: Called with a line for each fault that happens. By default it is logged.
        limit_bytes: The size of the largest upload that is accepted.

    Raises:
        UsageError: when a text in `faults` describes no fault.
    """

    def __init__(
        self,
        *,
        juju_data: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = DEFAULT_NAME,
        user: str = "admin",
        password: str | None = None,
        models: Sequence[str] = DEFAULT_MODELS,
        speed: float = DEFAULT_SPEED,
        charms: Path | None = None,
        released: ReleasedTo | None = None,
        script: Script | None = None,
        script_file: Path | None = None,
        script_changed: Callable[[AirgapError | None], None] | None = None,
        registry: str | None = None,
        faults: Sequence[str] = (),
        fault_happened: Callable[[str], None] | None = None,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self.name = name
        self.faults = Faults(fault_happened or log.info)
        """What is to go wrong, and what has."""
        for fault in faults:
            self.faults.add(fault)
        self.charm_problems: tuple[str, ...] = ()
        """The files in `charms` that cannot be deployed, and why; known once it has started."""
        self._charms = None if charms is None else Path(charms)
        self._released = released
        self.script = script if script is not None else Script()
        self._script_watch = (
            None
            if script_file is None
            else ScriptWatch(Path(script_file), self.script, script_changed or _log_script)
        )
        self._given_juju_data = None if juju_data is None else Path(juju_data)
        self._host, self._port = host, port
        self._user = user
        self._password = password if password is not None else secrets.token_urlsafe(24)
        self._first_models = tuple(models)
        self._clock = LoopClock(speed, failed=self._has_failed)
        self._failures: list[Exception] = []
        self._registry = registry
        self._limit_bytes = limit_bytes
        self._directory: PrivateDirectory | None = None
        self._store_lock: FileLock | None = None
        self._state: ControllerState | None = None
        self._server: Server | None = None
        self._charmhub: CharmhubInfo | None = None

    async def __aenter__(self) -> RehearsalController:
        """Start the controller."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the controller.

        Raises:
            AirgapError: when it has failed itself, unless an exception is on its way already.
        """
        await self.stop()
        if exc is None:
            self.check()

    async def start(self) -> None:
        """Listen, then write the client store, which is locked against other controllers.

        Raises:
            ControllerError: when the address cannot be used, or the store was not written by a
                rehearsal, or belongs to a controller that is still running.
            UsageError: when a name in `models` is not a model name, or occurs twice.
            MissingError: when the script file does not exist.
            InputError: when it is not a script, or `charms` contains no charm.
        """
        if self._server is not None:
            raise RuntimeError("the rehearsal controller is already running")
        if self._given_juju_data is not None:
            await asyncio.to_thread(check_store, self._given_juju_data)
        repository = await self._read_store()
        if self._script_watch is not None:
            await self._script_watch.start()
        await asyncio.to_thread(remove_left_behind)
        self._directory = await asyncio.to_thread(PrivateDirectory)
        try:
            certificates = await asyncio.to_thread(make_certificates, [self._reachable_host])
            admin = User(
                name=self._user,
                display_name=self._user,
                password=self._password,
                access=SUPERUSER,
                created_by=self._user,
            )
            state = ControllerState(
                name=self.name,
                uuid=str(uuid.uuid4()),
                ca_cert=certificates.ca,
                users=Users(admin),
                admin=admin,
                directory=self._directory.path / "models",
                make_model=self._make_model,
                failed=self._has_failed,
                repository=repository,
            )
            self._state = state
            if repository is not None:
                await self._serve_charmhub(state, repository)
            for name in (CONTROLLER_MODEL, *self._first_models):
                self._create_first_model(state, name)
            server = Server(state, certificates, self.faults, limit_bytes=self._limit_bytes)
            self._server = server
            bound = await server.start(self._host, self._port)
            state.address = Address(host=self._reachable_host, port=bound.port)
            stored = self._stored()
            self._store_lock = await asyncio.to_thread(write_store, self.juju_data, stored)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all connections and discard the state; harmless when it is not running.

        A client store in a given directory is kept, although its controller is gone.
        """
        server, self._server = self._server, None
        charmhub, self._charmhub = self._charmhub, None
        directory, self._directory = self._directory, None
        lock, self._store_lock = self._store_lock, None
        if self._script_watch is not None:
            await self._script_watch.stop()
        if self._state is not None:
            self._state.close()
        if server is not None:
            await server.stop()
        if charmhub is not None:
            await charmhub.stop()
        if directory is not None:
            await asyncio.to_thread(directory.remove)
        if lock is not None:
            lock.release()

    @property
    def state(self) -> ControllerState:
        """The state of the controller.

        Raises:
            RuntimeError: before the controller was started.
        """
        if self._state is None:
            raise RuntimeError("the rehearsal controller has not been started")
        return self._state

    @property
    def juju_data(self) -> Path:
        """The directory of the client store, for the environment variable ``JUJU_DATA``.

        Raises:
            RuntimeError: when the store is private and the controller is not running.
        """
        if self._given_juju_data is not None:
            return self._given_juju_data
        if self._directory is None:
            raise RuntimeError("the rehearsal controller is not running")
        return self._directory.path / "juju-data"

    @property
    def endpoint(self) -> str:
        """The address that clients connect to: ``host:port``."""
        return str(self.state.address)

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by name (``owner/name`` for other owners), without the controller model."""
        return {
            model.name if model.owner == self._user else f"{model.owner}/{model.name}": model
            for model in self.state
            if not self.state.is_controller_model(model)
        }

    @property
    def findings(self) -> Mapping[str, Sequence[Finding]]:
        """What a real controller would have accepted without an error, by model."""
        return {name: tuple(model.findings) for name, model in self.models.items()}

    @property
    def failures(self) -> Sequence[Exception]:
        """What was raised inside the controller, by its own fault: each has been logged.

        A unit whose next step failed like that stays as it is for ever.
        """
        return tuple(self._failures)

    def check(self) -> None:
        """Raise an error if the controller has failed itself; also after it was stopped.

        Raises:
            AirgapError: naming each failure.
        """
        if self._failures:
            raise AirgapError(
                f"the rehearsal controller itself failed {len(self._failures)} times: what its "
                "models show is not what a controller would show",
                problems=[Problem(f"{type(one).__name__}: {one}") for one in self._failures],
                fix="This is a fault of ckf-airgap: report it, with the tracebacks that were "
                "logged.",
            )

    def _has_failed(self, error: Exception) -> None:
        """Remember what was raised inside the controller, and log it with its traceback."""
        log.error("the rehearsal controller itself failed", exc_info=error)
        self._failures.append(error)

    @property
    def _reachable_host(self) -> str:
        return _WILDCARDS.get(self._host, self._host)

    async def _read_store(self) -> CharmRepository | None:
        if self._charms is None:
            return None
        store = await asyncio.to_thread(read_store, self._charms, released=self._released)
        self.charm_problems = store.problems
        return store.repository

    async def _serve_charmhub(self, state: ControllerState, repository: CharmRepository) -> None:
        """Serve the store's own API to clients, at the address in the models' config."""
        self._charmhub = CharmhubInfo(repository)
        port = await self._charmhub.start(self._host)
        address = Address(host=self._reachable_host, port=port)
        state.defaults.update(CLOUD, "", {CHARMHUB_URL: f"http://{address}"})

    def _create_first_model(self, state: ControllerState, name: str) -> None:
        try:
            state.create_model(name, owner=self._user)
        except ApiError as error:
            raise UsageError(
                f"Juju refuses the model {name!r}: {error.message}",
                fix="Give another --model.",
            ) from error

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
        return Model(
            uuid=uuid,
            name=name,
            owner=owner,
            controller_uuid=controller_uuid,
            config=config,
            cloud=cloud,
            region=region,
            defaults=defaults,
            agent_version=self.state.agent_version,
            cluster_version=self.state.cluster_version,
            clock=self._clock,
            script=self.script,
            registry=self._registry,
        )

    def _stored(self) -> StoredController:
        state = self.state
        return StoredController(
            name=self.name,
            uuid=state.uuid,
            endpoints=[self.endpoint],
            ca_cert=state.ca_cert,
            agent_version=state.agent_version,
            cloud=CLOUD,
            user=self._user,
            password=self._password,
            models=[
                StoredModel(name=model.name, owner=model.owner, uuid=model.uuid) for model in state
            ],
            current_model=self._first_models[0] if self._first_models else None,
        )


def _log_script(problem: AirgapError | None) -> None:
    if problem is None:
        log.info("the script file was read again")
    else:
        log.warning("%s; the script stays as it was", problem.message)
