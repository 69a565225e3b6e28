"""The hooks that a unit's agent has yet to run, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ckf_airgap.rehearsal.entities.entities import Relation
from ckf_airgap.rehearsal.units.hooks import Hook


class Agenda:
    """A queue of hooks."""

    def __init__(self) -> None:
        self._hooks: deque[Hook] = deque()

    def __len__(self) -> int:
        return len(self._hooks)

    def has(self, kind: str, relation: Relation | None = None) -> bool:
        """Whether a hook of that kind is due, for that relation if one is given."""
        return any(
            hook.kind == kind and (relation is None or hook.relation is relation)
            for hook in self._hooks
        )

    def add(self, *hooks: Hook) -> None:
        """Add hooks after all others."""
        self._hooks.extend(hooks)

    def add_once(self, hook: Hook) -> None:
        """Add a hook after all others, unless the same one is due already."""
        if hook not in self._hooks:
            self._hooks.append(hook)

    def put_first(self, hooks: Iterable[Hook]) -> None:
        """Put hooks before all others, in their order."""
        self._hooks.extendleft(reversed(list(hooks)))

    def take(self) -> Hook:
        """Remove the next hook and return it; `IndexError` when there is none."""
        return self._hooks.popleft()

    def forget(self, *kinds: str) -> None:
        """Drop the hooks of some kinds."""
        self._hooks = deque(hook for hook in self._hooks if hook.kind not in kinds)

    def clear(self) -> None:
        """Drop all hooks."""
        self._hooks.clear()

    def forget_relation(self, relation: Relation) -> None:
        """Drop the hooks of a relation."""
        self._hooks = deque(hook for hook in self._hooks if hook.relation is not relation)

    def forget_counterpart(self, relation: Relation, remote_unit: str) -> None:
        """Drop the hooks of a relation that are about a remote unit."""
        self._hooks = deque(
            hook
            for hook in self._hooks
            if hook.relation is not relation or hook.remote_unit != remote_unit
        )
