"""The base class of API facades, and how their methods are exposed to requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, overload

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import User

Scope: TypeAlias = Literal["model", "controller", "both"]
MethodT = TypeVar("MethodT", bound="Callable[[Any, Document], Awaitable[Document]]")


@overload
def rpc_method(named: MethodT) -> MethodT: ...
@overload
def rpc_method(named: str) -> Callable[[MethodT], MethodT]: ...
def rpc_method(named: MethodT | str) -> MethodT | Callable[[MethodT], MethodT]:
    """Expose a facade method: ``@rpc_method`` or ``@rpc_method("GetConfig")``.

    Without a name, ``add_pending_resources`` becomes ``AddPendingResources``.
    """
    if isinstance(named, str):

        def mark(method: MethodT) -> MethodT:
            method.rpc_name = named  # type: ignore[attr-defined]
            return method

        return mark
    named.rpc_name = "".join(  # type: ignore[attr-defined]
        part.capitalize() for part in named.__name__.split("_")
    )
    return named


class Watcher(Protocol):
    """What a client watches: the whole model, or the progress of a task."""

    async def next(self) -> list[JSONValue]:
        """Return the changes since the last call, waiting for the next one if there are none."""

    def stop(self) -> None:
        """End the watcher; a pending `next` raises."""


class Caller(Protocol):
    """The connection a call arrived on, as facades see it."""

    controller: ControllerState
    model_or_none: Model | None
    is_controller_connection: bool
    host: str
    logged_in_user: User | None

    @property
    def model(self) -> Model:
        """The model of the connection; the controller model on a controller connection."""

    @property
    def user(self) -> User:
        """The logged-in user; `ApiError` before login."""

    def advertised(self) -> list[Document]:
        """Return the facades listed in the login reply."""

    def add_watcher(self, watcher: Watcher) -> str:
        """Register a watcher with the connection and return its id."""

    def watcher(self, watcher_id: str) -> Watcher:
        """Return the watcher with this id; `ApiError` if there is none."""

    def stop_watcher(self, watcher_id: str) -> None:
        """Stop and discard a watcher; `ApiError` if there is none with this id."""


class Facade:
    """An API facade; an instance lives for a single call.

    Subclasses set the class attributes and expose coroutines with `rpc_method`, each of which
    takes the ``params`` as the client sent them and returns the ``response``. State belongs in the
    model, the controller or the session, never in the facade.

    Attributes:
        name: The facade's name in the API.
        versions: The versions that are advertised at login and served.
        scope: The kinds of connection it is available on.
        refused_on_containers: Whether it is advertised, but refused on every Kubernetes model.
        session: The connection the call arrived on.
        version: The version of the call.
        object_id: The ``id`` in the call's envelope, which selects a watcher; otherwise empty.
    """

    name: ClassVar[str] = ""
    versions: ClassVar[tuple[int, ...]] = ()
    scope: ClassVar[Scope] = "model"
    refused_on_containers: ClassVar[bool] = False
    methods: ClassVar[Mapping[str, str]] = {}

    def __init__(self, session: Caller) -> None:
        self.session = session
        self.version = max(self.versions)
        self.object_id = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        found: dict[str, str] = {}
        for attribute in dir(cls):
            rpc_name = getattr(getattr(cls, attribute), "rpc_name", None)
            if rpc_name:
                found[rpc_name] = attribute
        cls.methods = found
