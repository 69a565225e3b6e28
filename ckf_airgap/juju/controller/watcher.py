"""The watcher of a model, which is started again whenever its connection has been restored."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import websockets
from juju.errors import JujuAPIError

from ckf_airgap.concurrency import timeout
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import odd_answer
from ckf_airgap.juju.controller.libjuju import WatchedModel
from ckf_airgap.juju.controller.link import Link
from ckf_airgap.juju.controller.reasons import in_seconds

_BREATH_S: Final = 0.05
"""Seconds between two attempts to watch, whatever happens."""


class Watcher:
    """Keeps the feed of a model going for as long as its connection is used.

    Args:
        watched: The model.
        link: Restores the connection.
        where: What messages call the controller.
    """

    def __init__(self, watched: WatchedModel, link: Link, where: str) -> None:
        self._watched = watched
        self._link = link
        self._where = where
        self._known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, unless that has been done."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="juju watcher")

    async def until_known(self, limit_s: float | None = None) -> None:
        """Return when the whole model is known.

        Args:
            limit_s: How long that may take.

        Raises:
            ControllerError: when it cannot be watched, or is not known in time.
        """
        self.start()
        started = time.monotonic()
        try:
            async with timeout(limit_s):
                await self._known.wait()
        except TimeoutError as exc:
            took = in_seconds(time.monotonic() - started)
            raise ControllerError(
                f"{self._where} did not describe the model within {took}",
                fix="Look at the controller: juju status -m controller.",
            ) from exc
        self._watched.feed.snapshot()  # raises what ended it

    async def end(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        feed = self._watched.feed
        try:
            while True:
                await self._watch()
                feed.interrupt()
                await asyncio.sleep(_BREATH_S)
                await self._link.until_open()
        except ControllerError as exc:
            feed.interrupt()
            feed.fail(exc)
        except Exception as exc:  # noqa: BLE001 - whoever reads the feed would wait for ever
            feed.interrupt()
            feed.fail(odd_answer(self._where, "the watcher", exc))
        finally:
            self._known.set()

    async def _watch(self) -> None:
        """Watch until the connection breaks.

        Raises:
            ControllerError: when something else ends it.
        """
        try:
            await self._watched.follow(self._now_known)
        except (OSError, websockets.WebSocketException):
            return
        except JujuAPIError as exc:
            raise ControllerError(
                f"{self._where} ended the watch: {exc.message}",
                fix="Check that the model is still there: juju models.",
            ) from exc
        except Exception as exc:
            raise odd_answer(self._where, "the watcher", exc) from exc

    def _now_known(self) -> None:
        self._watched.feed.resume()
        self._known.set()
