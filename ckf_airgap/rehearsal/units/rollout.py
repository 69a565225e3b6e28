"""Replaces the pods of applications whose charm or images have changed, as a StatefulSet does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.units.clock import Clock, Timer
from ckf_airgap.rehearsal.units.lifecycle import UnitAgent

NOTICED_AFTER_S: Final = 2.0
"""Seconds until the controller's worker has noticed a change and has told the cluster: until then
units look as if nothing had happened."""


class Rollouts:
    """The rollouts of a model's applications.

    Pods are replaced one at a time, the highest number first, and the next one once the agent of
    the new pod has run ``start`` (its readiness probe). A pod that never becomes ready holds up
    those with lower numbers, until a further change replaces it as well. Nothing is replaced while
    the application lacks an image: the cluster has not been told of the change then.

    Args:
        clock: The clock of the model.
        agents: The agents of the model's units, by unit.
    """

    def __init__(self, clock: Clock, agents: Mapping[str, UnitAgent]) -> None:
        self._clock = clock
        self._agents = agents
        self._noticing: dict[Application, Timer] = {}

    def begin(self, application: Application) -> None:
        """Let the cluster be told, soon, that an application has changed."""
        if application not in self._noticing:
            self._noticing[application] = self._clock.call_later(
                NOTICED_AFTER_S, lambda: self._noticed(application)
            )

    def go_on(self, application: Application) -> None:
        """Replace the next pod of an application, if it is time for that."""
        if application.empty_images or application in self._noticing:
            return
        units = sorted(application.units.values(), key=lambda unit: unit.number, reverse=True)
        for unit in units:
            agent = self._agents[unit.name]
            if unit.life != "alive":
                continue
            if agent.is_outdated:
                agent.replace_pod()
                return
            if not agent.is_ready:
                return

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._noticing.values():
            timer.cancel()
        self._noticing.clear()

    def _noticed(self, application: Application) -> None:
        del self._noticing[application]
        for name in application.units:
            self._agents[name].start()
        self.go_on(application)
