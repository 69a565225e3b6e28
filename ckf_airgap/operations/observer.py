"""Being told how an operation goes."""

from __future__ import annotations

from collections.abc import Sequence

from ckf_airgap.errors import Problem
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.controller.api import ConnectionNotice
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.snapshots.snapshot import Change
from ckf_airgap.juju.watching.watch import Progress
from ckf_airgap.operations.hidden import HiddenImages
from ckf_airgap.operations.upgrading import Upgrade
from ckf_airgap.rendering.overlay import Rendering


class Observer:
    """Is notified of the progress of an operation. A subclass overrides what it wants to know.

    Its methods are called on the event loop and must not block.
    """

    def on_rendered(self, rendering: Rendering) -> None:
        """The bundle has been rendered."""

    def on_hidden(self, hidden: HiddenImages) -> None:
        """The files of the charms have been searched for images; called at any time."""

    def on_connected(self, session: Session) -> None:
        """There is a connection to the model."""

    def on_notice(self, notice: ConnectionNotice) -> None:
        """The connection was lost, and is being restored, or it is back."""

    def on_warnings(self, warnings: Sequence[Problem]) -> None:
        """Something has been found that a person should know, beside rendering, plan and charms."""

    def on_upgrade(self, upgrade: Upgrade) -> None:
        """It is known which releases the plan leads over; nothing has been done yet."""
        self.on_warnings(upgrade.warnings)

    def on_planned(self, plan: Plan) -> None:
        """It is known what has to be done; nothing has been done yet."""

    def on_step(self, event: DeployEvent) -> None:
        """A step of the plan has begun or is over."""

    def on_progress(self, progress: Progress) -> None:
        """The model has changed, or time has passed, while it is waited for."""

    def on_change(self, change: Change) -> None:
        """The status of a unit or application has changed while it is waited for."""
