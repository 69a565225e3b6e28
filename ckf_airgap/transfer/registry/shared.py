"""Work that several images need: done once, by the first one that asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from ckf_airgap.concurrency import Outcome
from ckf_airgap.errors import AirgapError, Problem, TransferError

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Shared(Generic[Key, Result]):
    """Outcomes by key: the first that asks for one does the work, the others wait for it."""

    def __init__(self) -> None:
        self._locks: dict[Key, asyncio.Lock] = {}
        self._outcomes: dict[Key, Outcome[Key, Result]] = {}

    async def get(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return what `work` returned for this key, whoever did it.

        Raises:
            Exception: what it raised, to each that asks. A cancelled one is done by the next.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._outcomes:
                try:
                    self._outcomes[key] = Outcome(item=key, result=await work())
                except Exception as exc:  # noqa: BLE001 - handed to each that asks
                    self._outcomes[key] = Outcome(item=key, error=exc)
        return self._outcomes[key].unwrap()


def raise_failures(what: str, outcomes: Iterable[Outcome[Key, Result]]) -> None:
    """Raise the errors among some outcomes as one, or return when there are none.

    Args:
        what: What has failed, for the message of several.
        outcomes: The outcomes.

    Raises:
        TransferError: the only error, or one that names all; of their class if they share one.
        Exception: any error that is not an `AirgapError`, as it is.
    """
    errors: list[AirgapError] = []
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, AirgapError):
            raise outcome.error
        if isinstance(outcome.error, AirgapError):
            errors.append(outcome.error)
    if not errors:
        return
    by_message = {error.message: error for error in errors}
    if len(by_message) == 1:
        raise errors[0]
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else TransferError
    raise kind(
        f"{len(by_message)} parts of {what} failed",
        problems=[Problem(message) for message in by_message],
        fix=next((error.fix for error in errors if error.fix), ""),
    )
