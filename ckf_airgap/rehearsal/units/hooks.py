"""The hooks of a charm: their names, and how long they take in a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ckf_airgap.rehearsal.entities.entities import Relation

HOOK_S: Final = {
    "storage-attached": 1.0,
    "storage-detaching": 1.0,
    "install": 6.0,
    "relation-created": 1.0,
    "leader-elected": 2.0,
    "config-changed": 4.0,
    "start": 2.0,
    "pebble-ready": 4.0,
    "relation-joined": 2.0,
    "relation-changed": 4.0,
    "relation-departed": 2.0,
    "relation-broken": 2.0,
    "upgrade-charm": 4.0,
    "stop": 3.0,
    "remove": 2.0,
}
"""Seconds that hooks take, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook that is to run."""

    kind: str
    subject: str = ""
    """The endpoint, storage or container that the hook is for."""
    relation: Relation | None = None
    remote_unit: str = ""

    @property
    def name(self) -> str:
        """The hook's name: ``object-storage-relation-changed``."""
        return f"{self.subject}-{self.kind}" if self.subject else self.kind

    @property
    def seconds(self) -> float:
        """How long the hook takes."""
        return HOOK_S[self.kind]

    @property
    def message(self) -> str:
        """The agent's status message while the hook runs."""
        remote = f" for {self.remote_unit}" if self.remote_unit else ""
        return f"running {self.name} hook{remote}"
