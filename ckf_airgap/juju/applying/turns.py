"""When each relation may be made: side by side, but not two at once of the same application.

The controller retries a change that collides with another one on the same application only a few
times.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

Pair: TypeAlias = tuple[str, str]
"""The two applications of a relation."""


@dataclass(slots=True, eq=False)
class _Waiting:
    pair: Pair
    turn: asyncio.Future[str]


class Turns:
    """Gives each relation its turn, once both its applications are there and neither is busy.

    Relations of the applications that have most of them left go first, since those decide how long
    it takes altogether.

    Args:
        expected: The applications that are not there yet.
    """

    def __init__(self, expected: frozenset[str] = frozenset()) -> None:
        self._missing = set(expected)
        self._lost: set[str] = set()
        self._busy: set[str] = set()
        self._waiting: list[_Waiting] = []

    def arrived(self, application: str) -> None:
        """An application can be related now."""
        self._missing.discard(application)
        self._give()

    def lost(self, application: str) -> None:
        """An application will not be there."""
        self._lost.add(application)
        self._give()

    async def turn(self, pair: Pair) -> str:
        """Wait for the turn of a relation; it lasts until `over`.

        Returns:
            Nothing when the relation may be made; else the applications that will not be there,
            and then the turn is over already.
        """
        waiting = _Waiting(pair, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            # The others of the same moment are known then, and the best can be chosen.
            await asyncio.sleep(0)
            self._give()
            return await waiting.turn
        except asyncio.CancelledError:
            was_given = waiting.turn.done() and not waiting.turn.cancelled()
            if was_given and not waiting.turn.result():
                self.over(pair)
            waiting.turn.cancel()
            raise

    def over(self, pair: Pair) -> None:
        """The relation was made, or refused."""
        self._busy.difference_update(pair)
        self._give()

    def _give(self) -> None:
        """Give a turn to as many as can have one."""
        if self._lost:
            for waiting in self._waiting:
                lost = sorted(self._lost.intersection(waiting.pair))
                if lost and not waiting.turn.done():
                    waiting.turn.set_result(", ".join(lost))
        self._waiting = [waiting for waiting in self._waiting if not waiting.turn.done()]
        held = self._busy | self._missing
        possible = [waiting for waiting in self._waiting if held.isdisjoint(waiting.pair)]
        if not possible:
            return
        left = Counter(application for waiting in self._waiting for application in waiting.pair)
        possible.sort(
            key=lambda waiting: sorted((left[name] for name in waiting.pair), reverse=True),
            reverse=True,
        )
        for waiting in possible:
            if self._busy.isdisjoint(waiting.pair):
                self._busy.update(waiting.pair)
                waiting.turn.set_result("")
