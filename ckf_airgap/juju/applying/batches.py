"""Several things in one call: whatever is ready while a call is under way goes with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from ckf_airgap.errors import AirgapError, RefusedError

Item = TypeVar("Item")
Result = TypeVar("Result")

Send: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Result | AirgapError]]]


@dataclass(slots=True, eq=False)
class _Entry(Generic[Item, Result]):
    item: Item
    turn: asyncio.Future[bool] = field(repr=False)
    """Becomes true when it is this one's turn to make a call, false when its outcome is there."""
    result: Result | None = None
    error: BaseException | None = None


class Batches(Generic[Item, Result]):
    """Makes calls for many items: the first goes at once, those that come meanwhile go together.

    Whoever adds an item makes a call, for itself and for those that wait, so that nothing runs on
    its own. A call that is refused as a whole is made again for each item by itself: one that is
    malformed must not take the others with it.

    Args:
        send: Makes a call; returns a result or an error for each item, in their order.
        most: How many items go with one call.
        at_once: How many calls may be under way at the same time.
    """

    def __init__(self, send: Send[Item, Result], *, most: int, at_once: int = 1) -> None:
        self._send = send
        self._most = most
        self._free = at_once
        self._waiting: list[_Entry[Item, Result]] = []

    async def add(self, item: Item) -> Result:
        """Return the result of an item, once a call with it has been answered.

        Raises:
            AirgapError: the item's error, or that of the call.
        """
        entry = _Entry[Item, Result](item, asyncio.get_running_loop().create_future())
        if self._free:
            self._free -= 1
            await self._lead(entry)
        else:
            self._waiting.append(entry)
            if await entry.turn:
                self._waiting.remove(entry)
                await self._lead(entry)
        if entry.error is not None:
            raise entry.error
        return entry.result  # type: ignore[return-value]  # either is set

    async def _lead(self, entry: _Entry[Item, Result]) -> None:
        """Make a call for an entry and for those that wait, and give the turn to the next."""
        batch = [entry]
        try:
            await asyncio.sleep(0)  # what becomes ready in the same moment comes along
            taken = [other for other in self._waiting if not other.turn.done()][: self._most - 1]
            batch += taken
            self._waiting = [other for other in self._waiting if other not in taken]
            await self._outcomes(batch)
        except BaseException as exc:
            for one in batch:
                one.error = exc
            raise
        finally:
            for one in batch[1:]:
                if not one.turn.done():
                    one.turn.set_result(False)
            following = next((other for other in self._waiting if not other.turn.done()), None)
            if following is None:
                self._free += 1
            else:
                following.turn.set_result(True)

    async def _outcomes(self, batch: Sequence[_Entry[Item, Result]]) -> None:
        try:
            outcomes = await self._send([entry.item for entry in batch])
        except AirgapError as exc:
            if len(batch) == 1 or not isinstance(exc, RefusedError):
                raise
            for entry in batch:
                await self._alone(entry)
            return
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, AirgapError):
                entry.error = outcome
            else:
                entry.result = outcome

    async def _alone(self, entry: _Entry[Item, Result]) -> None:
        try:
            await self._outcomes([entry])
        except AirgapError as exc:
            if not isinstance(exc, RefusedError):
                raise
            entry.error = exc
