"""The rehearsal controller in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar, final

from ckf_airgap.errors import AirgapError, ControllerError
from ckf_airgap.rehearsal.host.controller import RehearsalController

T = TypeVar("T")

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 30.0


@final
class ControllerThread:
    """A running controller with its own event loop, for synchronous callers and blocking clients.

    The controller's state belongs to its thread: read and change it only through `call`.

    Args:
        controller: The controller to run.
    """

    def __init__(self, controller: RehearsalController) -> None:
        self.controller = controller
        self._thread = threading.Thread(target=self._main, name="rehearsal", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> ControllerThread:
        """Start the controller and return once it is listening."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the controller.

        Raises:
            AirgapError: when it has failed itself, unless an exception is on its way already.
        """
        try:
            self.stop()
        except AirgapError:
            if exc is None:
                raise

    def start(self) -> None:
        """Start the thread and wait until the controller is listening.

        Raises:
            ControllerError: when it cannot be started.
        """
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            self.stop()
            raise ControllerError(f"the rehearsal did not start within {START_TIMEOUT_S:g} s")
        if self._error is not None:
            self._thread.join()
            error, self._error = self._error, None
            raise error

    def stop(self) -> None:
        """Stop the controller and wait for its thread; a no-op if it has already ended.

        Raises:
            ControllerError: when it does not end in time.
            AirgapError: when it has failed itself meanwhile, naming each failure.
        """
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise ControllerError(f"the rehearsal did not stop within {STOP_TIMEOUT_S:g} s")
        error, self._error = self._error, None
        if error is not None:
            raise error

    @property
    def juju_data(self) -> Path:
        """The directory of the client store, for the environment variable ``JUJU_DATA``."""
        return self.controller.juju_data

    @property
    def endpoint(self) -> str:
        """Where clients reach the controller: ``host:port``."""
        return self.controller.endpoint

    def call(self, function: Callable[[], T], *, timeout_s: float = 30.0) -> T:
        """Call a function in the controller's thread and return its result."""

        async def run() -> T:
            return function()

        return self.run(run(), timeout_s=timeout_s)

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout_s: float = 30.0) -> T:
        """Run a coroutine in the controller's event loop and return its result.

        Raises:
            RuntimeError: when the controller is not running.
        """
        if self._loop is None or not self._thread.is_alive():
            coroutine.close()
            raise RuntimeError("the rehearsal controller is not running")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the starting thread
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with self.controller:
            self._ready.set()
            await self._stopping.wait()
