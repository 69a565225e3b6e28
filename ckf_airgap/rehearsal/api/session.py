"""A websocket connection: who is logged in, to which model, and the dispatch of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.blockchecks import check_blocks
from ckf_airgap.rehearsal.api.facade import Facade, Watcher
from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.api.facades.admin import Admin
from ckf_airgap.rehearsal.api.notplayed import not_played
from ckf_airgap.rehearsal.api.permissions import check_call
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import (
    MODEL_NOT_FOUND,
    NOT_FOUND,
    NOT_SUPPORTED,
    ApiError,
    Request,
    unauthorized,
)

_BY_NAME: Final = {facade.name: facade for facade in FACADES}


class Session:
    """A client connection.

    Args:
        controller: The controller.
        model: The model that was dialled; ``None`` on ``/api`` and for an unknown UUID.
        model_uuid: The UUID that was dialled; ``None`` on a controller connection.
        host: The host and port that the client dialled.
        disconnect: Closes the connection.
    """

    def __init__(
        self,
        *,
        controller: ControllerState,
        model: Model | None,
        model_uuid: str | None,
        host: str,
        disconnect: Callable[[], None],
    ) -> None:
        self.controller = controller
        self.model_or_none = model
        self.is_controller_connection = model_uuid is None
        self.host = host
        self._model_uuid = model_uuid
        self.disconnect = disconnect
        self.logged_in_user: User | None = None
        self._watchers: dict[str, Watcher] = {}
        self._watcher_count = 0
        controller.sessions.add(self)

    @property
    def model(self) -> Model:
        """The model of the connection; the controller model on a controller connection."""
        return self.model_or_none or self.controller.controller_model

    @property
    def user(self) -> User:
        """The logged-in user.

        Raises:
            ApiError: before login.
        """
        if self.logged_in_user is None:
            raise unauthorized()
        return self.logged_in_user

    async def handle(self, frame: str) -> str:
        """Return the reply to a frame.

        Raises:
            ValueError: when the frame is not a request; the connection has to be closed.
        """
        request = Request.parse(frame)
        try:
            facade = self._facade(request)
            method = getattr(facade, type(facade).methods[request.method])
            self._remember(request)
            response: Document = await method(request.params)
            return request.answer(response)
        except ApiError as error:
            return request.refuse(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self.controller.failed(error)
            return request.refuse(ApiError(f"panic serving {request.method}: {error!r}"))

    def advertised(self) -> list[Document]:
        """Return the facades listed in the login reply, sorted by name."""
        return [
            {"name": name, "versions": list(facade.versions)}
            for name, facade in sorted(_BY_NAME.items())
            if self._is_in_scope(facade)
        ]

    def add_watcher(self, watcher: Watcher) -> str:
        """Register a watcher with the connection and return its id."""
        self._watcher_count += 1
        watcher_id = str(self._watcher_count)
        self._watchers[watcher_id] = watcher
        return watcher_id

    def watcher(self, watcher_id: str) -> Watcher:
        """Return the watcher with this id.

        Raises:
            ApiError: ``unknown watcher id``.
        """
        try:
            return self._watchers[watcher_id]
        except KeyError:
            raise ApiError("unknown watcher id", NOT_FOUND) from None

    def stop_watcher(self, watcher_id: str) -> None:
        """Stop and discard a watcher.

        Raises:
            ApiError: ``unknown watcher id``.
        """
        self.watcher(watcher_id).stop()
        del self._watchers[watcher_id]

    def close(self) -> None:
        """Drop the session and stop its watchers once the connection is closed."""
        self.controller.sessions.discard(self)
        for watcher_id in list(self._watchers):
            self.stop_watcher(watcher_id)

    def _is_in_scope(self, facade: type[Facade]) -> bool:
        if facade.scope == "both":
            return True
        return (facade.scope == "controller") == self.is_controller_connection

    def _facade(self, request: Request) -> Facade:
        """Return the facade for a request, or raise Juju's error if there is none.

        As in `not_played`, the error code is never Juju's ``not implemented``.
        """
        if self.model_or_none is None and not self.is_controller_connection:
            raise ApiError(f'unknown model: "{self._model_uuid}"', MODEL_NOT_FOUND)
        name = request.facade
        found: type[Facade] | None
        if self.logged_in_user is None:
            found = Admin if name == Admin.name else None
        else:
            found = _BY_NAME.get(name)
            kind = "controller" if self.is_controller_connection else "model"
            if found is None and name != Admin.name:
                raise not_played(name, request.method)
            if found is not None and not self._is_in_scope(found):
                raise ApiError(
                    f'facade "{name}" not supported for {kind} API connection', NOT_SUPPORTED
                )
        if found is None:
            hint = "log in first" if self.logged_in_user is None else "this connection is logged in"
            raise ApiError(f'unknown object type "{name}": {hint}', NOT_SUPPORTED)
        if found.refused_on_containers:
            raise ApiError(f'facade "{name}" not supported on container models', NOT_SUPPORTED)
        if request.version not in found.versions:
            known = ", ".join(map(str, found.versions))
            raise ApiError(
                f'unknown version ({request.version}) of interface "{name}": '
                f"a rehearsal has {known}",
                NOT_SUPPORTED,
            )
        if request.method not in found.methods:
            raise not_played(name, request.method)
        self._check_access(request)
        if self.logged_in_user is not None:
            check_blocks(
                self.model_or_none,
                self.controller.controller_model,
                facade=name,
                method=request.method,
                params=request.params,
            )
        facade = found(self)
        facade.version = request.version
        facade.object_id = request.object_id
        return facade

    def _check_access(self, request: Request) -> None:
        """Refuse a request the user may not make on the connection's model."""
        if self.logged_in_user is not None:
            check_call(
                self.controller,
                self.logged_in_user,
                self.model.uuid,
                facade=request.facade,
                method=request.method,
                of_model=not self.is_controller_connection,
            )

    def _remember(self, request: Request) -> None:
        if self.logged_in_user is not None and self.model_or_none is not None:
            self.model_or_none.record_request(
                facade=request.facade,
                version=request.version,
                method=request.method,
                params=request.params,
                user=self.logged_in_user.name,
            )
