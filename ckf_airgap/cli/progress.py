"""How a running operation is shown: drawn in place on a terminal, else one line for each change."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.text import Text

from ckf_airgap.cli.liveview import BAR_WIDTH, LiveView
from ckf_airgap.cli.modelview import styled, worst
from ckf_airgap.cli.reports import standing
from ckf_airgap.cli.safetext import SafeTable, line, visible
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import duration, plural
from ckf_airgap.errors import InterruptedRunError, Problem
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.controller.api import ConnectionNotice
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import RefreshApplication, WriteRecord
from ckf_airgap.juju.snapshots.snapshot import Change, ModelSnapshot
from ckf_airgap.juju.watching.watch import Progress
from ckf_airgap.operations.hidden import HiddenImages
from ckf_airgap.operations.observer import Observer
from ckf_airgap.operations.upgrading import Upgrade
from ckf_airgap.rendering.overlay import Rendering

_OTHER_LINES: Final = 7
"""Lines of the live view that are not applications, and a margin."""

_SILENT: Final = "the controller no longer answers"


_QUIET: Final = (DeployEventKind.UPLOADING, DeployEventKind.RECORDED)
"""What is shown to those alone who want to see more."""


@final
class ProgressView(LiveView, Observer):
    """Shows an operation while it runs; use it as ``with``.

    Args:
        terminal: Where to show it; nothing is shown with ``-q``.
        title: What is being done.

    Attributes:
        snapshot: The model as it was seen last.
    """

    def __init__(self, terminal: Terminal, title: str) -> None:
        super().__init__(terminal)
        self.snapshot: ModelSnapshot | None = None
        self._title = title
        self._started = time.monotonic()
        self._stage = "reading"
        self._plan: Plan | None = None
        self._steps_done = 0
        self._told: Counter[DeployEventKind] = Counter()
        self._expected: tuple[str, ...] = ()
        self._ready: frozenset[str] = frozenset()
        self._silent_since: float | None = None
        self._is_lost = False

    @property
    def has_begun(self) -> bool:
        """Whether a step of the plan has begun."""
        return bool(self._told)

    def on_rendered(self, rendering: Rendering) -> None:
        """Show what was rendered, and the warnings."""
        self._say(
            f"rendered {plural(len(rendering.charms), 'application')} with "
            f"{plural(len(rendering.images), 'image')} of {rendering.registry}"
        )
        for warning in rendering.warnings:
            self._terminal.warn(str(warning))
        self._stage = "connecting"

    def on_hidden(self, hidden: HiddenImages) -> None:
        """Show that there are images in the files of charms that nothing declares."""
        for warning in hidden.warnings:
            self._terminal.warn(str(warning))

    def on_connected(self, session: Session) -> None:
        """Show which controller is connected."""
        self._say(
            f"connected to controller {session.controller.name} (Juju {session.juju_version}), "
            f"model {session.model_name}"
        )
        self._stage = "planning"

    def on_notice(self, notice: ConnectionNotice) -> None:
        """Show that the connection was lost, or is back."""
        self._is_lost = not notice.is_back
        if notice.is_back:
            self._say(notice.text)
        else:
            self._terminal.warn(notice.text)

    def on_warnings(self, warnings: Sequence[Problem]) -> None:
        """Show what else a person should know."""
        for warning in warnings:
            self._terminal.warn(str(warning))

    def on_upgrade(self, upgrade: Upgrade) -> None:
        """Show what a person has to have done by hand."""
        super().on_upgrade(upgrade)
        for one in upgrade.by_hand:
            self._say(f"by hand, before the upgrade to {one.release}: {one.problem}")

    def on_planned(self, plan: Plan) -> None:
        """Show how much there is to do."""
        self._plan = plan
        self._stage = "deploying"
        for warning in plan.warnings:
            self._terminal.warn(str(warning))
        refreshes, changes = _refreshes(plan), _changes(plan)
        counts = (
            f"{plural(len(plan.uploads), 'charm')} to upload",
            f"{plural(len(plan.deploys), 'application')} to deploy",
            f"{plural(refreshes, 'application')} to refresh" if refreshes else "",
            f"{plural(len(plan.removals), 'removal')}" if plan.removals else "",
            f"{plural(len(plan.relations), 'relation')} to make",
            plural(changes, "change") if changes else "",
            f"{plural(len(plan.offers), 'step')} for offers" if plan.offers else "",
        )
        self._say(f"to do: {', '.join(filter(None, counts))}")
        if plan.foreign:
            kept = ", ".join(" ".join(filter(None, one.names)) for one in plan.foreign)
            self._say(f"left alone, since the bundle does not have it: {kept}")

    def on_step(self, event: DeployEvent) -> None:
        """Show what was done."""
        self._steps_done = event.done
        self._told[event.kind] += 1
        if event.kind is DeployEventKind.REFUSED:
            self._terminal.warn(str(event))
        elif event.kind not in _QUIET or self._terminal.verbosity > 0:
            self._line(str(event))

    def on_progress(self, progress: Progress) -> None:
        """Remember the model."""
        self._stage = "waiting until everything is active and idle"
        self.snapshot = progress.snapshot
        self._expected = progress.expected
        self._ready = frozenset(progress.verdict.ready)
        was_silent, self._silent_since = self._silent_since, progress.silent_since
        if self._silent_since is not None and was_silent is None and not self._is_lost:
            self._terminal.warn(f"{_SILENT}; the last state is {self._age()} old")
        elif self._silent_since is None and was_silent is not None:
            self._say("the controller answers again")

    def print_standing(self) -> None:
        """Print the model as it was seen last, if it was and people are to read it."""
        if self.snapshot is None or self._terminal.json:
            return
        if self._silent_since is not None:
            self._terminal.print(f"as of {self._age()} ago: {_SILENT}")
        self._terminal.print(standing(self.snapshot))

    def on_change(self, change: Change) -> None:
        """Show what has changed."""
        self._line(str(change))

    def on_stop(self, name: str) -> None:
        """Say that a signal arrived."""
        super().on_stop(name)
        self._stage = "cleaning up"

    def interrupted(self, error: InterruptedRunError) -> InterruptedRunError:
        """Return the error of a stopped deployment, with what was done."""
        plan = self._plan
        if plan is None:
            return InterruptedRunError(f"{error.message}; nothing was changed")
        if not plan.steps:
            return InterruptedRunError(
                f"{error.message}; nothing was left to do in model {plan.model}, and nothing was "
                "changed",
                fix="Keep waiting with 'ckf-airgap wait'.",
            )
        kind = DeployEventKind
        counts = (
            (kind.DEPLOYED, "deployed", len(plan.deploys), "application"),
            (kind.REFRESHED, "refreshed", _refreshes(plan), "application"),
            (kind.RELATED, "made", len(plan.relations), "relation"),
            (kind.CHANGED, "made", _changes(plan), "change"),
            (kind.REMOVED, "done", len(plan.removals), "removal"),
        )
        done = [
            f"{self._told[what]} of {plural(total, noun)} {verb}"
            for what, verb, total, noun in counts
            if total
        ]
        return InterruptedRunError(
            f"{error.message}; {' and '.join(done)} in model {plan.model}; "
            "completed steps are kept",
            fix="Run the same command again: it does the rest.",
        )

    def _say(self, text: str) -> None:
        """Say one of the few lines that a person wants to read in any case."""
        self._terminal.note(text, style="dim" if self.is_drawn else "")

    def _line(self, text: str) -> None:
        """Say one of the many lines that the live view makes unnecessary."""
        if not self.is_drawn or self._terminal.verbosity > 0:
            self._terminal.note(text, style="dim" if self.is_drawn else "")

    def _draw(self) -> RenderableType:
        elapsed = duration(time.monotonic() - self._started)
        self._spinner.update(
            text=Text.assemble((visible(self._title), "bold"), f"  {self._stage}  {elapsed}")
        )
        bars = SafeTable.grid(padding=(0, 1))
        if self._plan is not None and self._plan.steps:
            total = len(self._plan.steps)
            bars.add_row("steps", _bar(self._steps_done, total), f"{self._steps_done}/{total}")
        lines: list[RenderableType] = []
        if self._silent_since is not None:
            lines.append(line(f"as of {self._age()} ago: {_SILENT}", "bold red"))
        if self.snapshot is not None and self._expected:
            unsettled = [name for name in self._expected if name not in self._ready]
            total, ready = len(self._expected), len(self._expected) - len(unsettled)
            bars.add_row("active/idle", _bar(ready, total), f"{ready}/{total}")
            lines.append(self._applications(self.snapshot, unsettled))
        return Group(self._spinner, bars, *lines)

    def _age(self) -> str:
        """Return how long ago the controller was heard last."""
        return duration(max(time.monotonic() - (self._silent_since or 0.0), 0.0))

    def _applications(self, snapshot: ModelSnapshot, names: list[str]) -> RenderableType:
        """Return what is not active yet, as many as the terminal has room for."""
        room = max(self._terminal.err.height - _OTHER_LINES, 3)
        table = SafeTable.grid(padding=(0, 2))
        for column in ("name", "status", "message"):
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for name in names[:room]:
            application = snapshot.applications.get(name)
            if application is None:
                table.add_row(name, styled("waiting"), "not in the model yet")
                continue
            status = worst(application)
            table.add_row(name, styled(status.current), line(status.message, "dim"))
        if len(names) > room:
            table.add_row(f"and {len(names) - room} more", "", "")
        return table


def _refreshes(plan: Plan) -> int:
    return sum(isinstance(step, RefreshApplication) for step in plan.steps)


def _changes(plan: Plan) -> int:
    """Return how many changes there are beside refreshes; what is noted does not count."""
    return sum(not isinstance(step, RefreshApplication | WriteRecord) for step in plan.changes)


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, width=BAR_WIDTH)
