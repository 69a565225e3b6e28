"""The model around a unit, as its agent sees it."""

from __future__ import annotations

from typing import Protocol

from ckf_airgap.rehearsal.entities.entities import Relation, Unit
from ckf_airgap.rehearsal.units.chronicle import Chronicle
from ckf_airgap.rehearsal.units.clock import Clock
from ckf_airgap.rehearsal.units.course import Script


class World(Protocol):
    """The model around a unit, as seen by its agent."""

    clock: Clock
    script: Script
    chronicle: Chronicle

    def unit_changed(self, unit: Unit) -> None:
        """Notify the watchers that a unit's status or address changed."""

    def pod_up(self, unit: Unit) -> None:
        """Mount the storage of a unit whose pod runs."""

    def storage_names(self, unit: Unit) -> list[str]:
        """Return the storage names of a unit, one for each instance."""

    def pod_ready(self, unit: Unit) -> None:
        """Let the next pod of an application be replaced, now that this one has started."""

    def unit_gone(self, unit: Unit) -> None:
        """Remove a unit whose last hook has run."""

    def joined(self, relation: Relation, unit: Unit) -> None:
        """Make a unit enter the scope of a relation."""

    def left(self, relation: Relation, unit: Unit) -> None:
        """Make a unit leave the scope of a relation."""
