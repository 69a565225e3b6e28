"""Disabled commands: the blocks on changing, removing or destroying parts of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ckf_airgap.rehearsal.wire import OPERATION_BLOCKED, ApiError

DESTROY: Final = "BlockDestroy"
REMOVE: Final = "BlockRemove"
CHANGE: Final = "BlockChange"

KINDS: Final = (DESTROY, REMOVE, CHANGE)
"""Each kind also forbids whatever the kinds before it forbid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block on a model.

    Attributes:
        id: Its id in the controller: the model's UUID and a number.
        kind: What is blocked, one of `KINDS`.
        message: The reason, as given by the user who set it.
    """

    id: str
    kind: str
    message: str = ""


class Blocks:
    """The blocks of a model, at most one of each kind.

    Args:
        model_uuid: The model's UUID.
    """

    def __init__(self, model_uuid: str) -> None:
        self._model_uuid = model_uuid
        self._blocks: dict[str, Block] = {}
        self._next = 0

    def __iter__(self) -> Iterator[Block]:
        return iter(tuple(self._blocks.values()))

    def switch_on(self, kind: str, message: str) -> None:
        """Set a block, or change its message if it is already set.

        Raises:
            ApiError: when there is no such kind.
        """
        _check_kind(kind)
        known = self._blocks.get(kind)
        if known is None:
            self._next += 1
        block_id = known.id if known else f"{self._model_uuid}:{self._next - 1}"
        self._blocks[kind] = Block(id=block_id, kind=kind, message=message)

    def switch_off(self, kind: str) -> None:
        """Remove a block, if it is set.

        Raises:
            ApiError: when there is no such kind.
        """
        _check_kind(kind)
        self._blocks.pop(kind, None)

    def clear(self) -> None:
        """Remove every block."""
        self._blocks.clear()

    def check(self, kind: str) -> None:
        """Check that no block forbids an operation.

        Args:
            kind: The mildest block that forbids it: every change is forbidden by `CHANGE`, a
                removal also by `REMOVE`, and destroying the model by all of them.

        Raises:
            ApiError: with the block's message and the code ``operation is blocked``.
        """
        for one in KINDS[KINDS.index(kind) :]:
            block = self._blocks.get(one)
            if block is not None:
                raise ApiError(block.message or "the operation has been blocked", OPERATION_BLOCKED)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ApiError(f"unknown block type {kind}")
