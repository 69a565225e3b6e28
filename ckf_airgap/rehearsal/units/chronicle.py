"""A model's record of the life of its units: statuses, and the lines that agents log.

The lines are those of Juju's own agents, with their modules: the uniter's of each unit, and those
of the workers of the controller that look after applications on Kubernetes.
"""

from __future__ import annotations

from typing import Final

from ckf_airgap.rehearsal.entities.entities import Application, StatusInfo, Unit
from ckf_airgap.rehearsal.units.history import StatusHistory
from ckf_airgap.rehearsal.units.hooks import Hook
from ckf_airgap.rehearsal.units.journal import Journal

CONTROLLER: Final = "controller-0"
"""The tag of the controller's agent."""

_UNITER: Final = "juju.worker.uniter"
_OPERATION: Final = "juju.worker.uniter.operation"
_PROVISIONER: Final = "juju.worker.caasapplicationprovisioner"
_DISPATCH: Final = "hook dispatching script: dispatch"


class Chronicle:
    """What is remembered of a model.

    Args:
        journal: The model's log.
        history: The status history of its entities.
    """

    def __init__(self, journal: Journal, history: StatusHistory) -> None:
        self.journal = journal
        self.history = history

    # Applications.

    def application_added(self, application: Application) -> None:
        """Remember a new application: nobody has set its own status yet."""
        self.history.record("application", application.name, application.status)
        self._provisioner("runner", f'start "{application.name}"', "runner.go:587")

    def application_scaled(self, application: Application, units: int) -> None:
        """Remember that an application is to have a number of units."""
        self._provisioner(
            application.name,
            f'scaling application "{application.name}" to desired scale {units}',
            "ops.go:943",
        )

    def application_gone(self, application: Application) -> None:
        """Drop the status history of an application that is gone."""
        self.history.forget("application", application.name)
        self._provisioner("runner", f'stopped "{application.name}", err: <nil>', "runner.go:614")

    # Units.

    def unit_changed(self, unit: Unit, *, agent: StatusInfo, workload: StatusInfo) -> None:
        """Remember the statuses of a unit that differ from those that it had before."""
        if unit.agent is not agent:
            self.history.record("juju-unit", unit.name, unit.agent)
        if unit.workload is not workload:
            self.history.record("workload", unit.name, unit.workload)

    def unit_added(self, unit: Unit) -> None:
        """Remember a new unit, with the statuses that it begins with."""
        self.history.record("juju-unit", unit.name, unit.agent)
        self.history.record("workload", unit.name, unit.workload)

    def unit_gone(self, unit: Unit) -> None:
        """Drop the status history of a unit that is gone."""
        self.history.forget("juju-unit", unit.name)
        self.history.forget("workload", unit.name)
        self._provisioner(unit.application.name, f"removing dead unit {unit.name}", "ops.go:747")

    def agent_started(self, unit: Unit) -> None:
        """Log the first lines of a unit's agent."""
        application = unit.application.name
        leads = f"{unit.name} promoted to leadership of {application}"
        follows = f"{application} leadership for {unit.name} denied"
        self._write(
            unit,
            "INFO",
            "juju.worker.leadership",
            leads if unit.is_leader else follows,
            "tracker.go:244" if unit.is_leader else "tracker.go:267",
        )
        self._write(unit, "INFO", _UNITER, f'unit "{unit.name}" started', "uniter.go:366")
        self._write(unit, "INFO", _UNITER, "resuming charm install", "uniter.go:692")
        self._write(
            unit,
            "INFO",
            f"{_UNITER}.charm",
            f"downloading {unit.application.charm_url} from API server",
            "bundles.go:82",
        )
        self._write(unit, "INFO", _UNITER, "hooks are retried true", "uniter.go:392")

    def charm_upgraded(self, unit: Unit) -> None:
        """Log that a unit gets another charm or image."""
        self._write(unit, "INFO", _UNITER, "resuming charm upgrade", "resolver.go:101")

    def leader_elected(self, unit: Unit) -> None:
        """Log that a unit has become the leader of its application."""
        message = f"{unit.name} promoted to leadership of {unit.application.name}"
        self._write(unit, "INFO", "juju.worker.leadership", message, "tracker.go:244")

    def hook_began(self, unit: Unit, hook: Hook) -> None:
        """Log, at DEBUG level, that a hook begins."""
        message = f"running operation run {hook.name} hook for {unit.name}"
        self._write(unit, "DEBUG", _OPERATION, message, "executor.go:85")

    def hook_ran(self, unit: Unit, hook: Hook) -> None:
        """Log that a hook has run."""
        message = f'ran "{hook.name}" hook (via {_DISPATCH})'
        self._write(unit, "INFO", _OPERATION, message, "runhook.go:186")

    def hook_failed(self, unit: Unit, name: str) -> None:
        """Log that a hook has failed, and what its agent does about it."""
        message = f'hook "{name}" (via {_DISPATCH}) failed: exit status 1'
        self._write(unit, "ERROR", _OPERATION, message, "runhook.go:180")
        awaiting = f'awaiting error resolution for "{name}" hook'
        self._write(unit, "INFO", _UNITER, awaiting, "resolver.go:180")

    def status_not_set(self, unit: Unit) -> None:
        """Log that a charm has started without setting its status."""
        message = f"unit {unit.name} has started but has not yet set status"
        self._write(unit, "DEBUG", _OPERATION, message, "runhook.go:267")

    def agent_stopped(self, unit: Unit) -> None:
        """Log the last line of a unit's agent."""
        message = f'unit "{unit.name}" shutting down: agent should be terminated'
        self._write(unit, "INFO", _UNITER, message, "uniter.go:350")

    def _provisioner(self, part: str, message: str, location: str) -> None:
        module = f"{_PROVISIONER}.{part}"
        self.journal.write(CONTROLLER, "INFO", module, message, location=location)

    def _write(self, unit: Unit, level: str, module: str, message: str, location: str) -> None:
        tag = f"unit-{unit.name.replace('/', '-')}"
        self.journal.write(tag, level, module, message, location=location)
