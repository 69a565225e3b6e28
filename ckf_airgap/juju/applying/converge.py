"""Carry out a plan until the model is as it says, whatever happens to the connection meanwhile.

Steps that the controller refuses do not stop those that do not depend on them; all refusals are
reported together at the end. When the connection is lost, it is not known what became of the calls
under way: the model is read and planned again, and what is still missing is done.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.concurrency import run_to_end
from ckf_airgap.errors import (
    ControllerError,
    Problem,
    RefusedError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.applying.annotating import annotations_of
from ckf_airgap.juju.applying.events import DeployEventKind, OnEvent
from ckf_airgap.juju.applying.execution import Means, StageExecution
from ckf_airgap.juju.applying.failures import (
    DeploymentCutOffError,
    DeploymentRefusedError,
    DeploymentTimeoutError,
    IncompleteDeployment,
    failing,
    raise_failures,
    told,
)
from ckf_airgap.juju.applying.offering import make_offers
from ckf_airgap.juju.applying.received import Received
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.applying.stages import Ordering, Stage, in_stages, unsettled_by
from ckf_airgap.juju.applying.tally import Tally
from ckf_airgap.juju.applying.uploads import Sender, Uploads
from ckf_airgap.juju.controller.api import ConnectionLostError
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.upload import Uploader
from ckf_airgap.juju.controller.uploadnotes import read_notes
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    ApplicationStep,
    AttachResources,
    RefreshApplication,
    RemoveApplication,
    Step,
)
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from ckf_airgap.net.limits import DEFAULT_LIMIT

_FRUITLESS_ROUNDS: Final = 5
"""How often in a row the connection may be lost without a step succeeding in between."""

_PATIENCE_S: Final = 60.0
"""How long somebody else who deploys an application may take to note what it is deployed from."""

_LOOK_AGAIN_S: Final = 1.0
"""How often it is looked whether they have."""

Wait: TypeAlias = Callable[[frozenset[str]], Awaitable[object]]
"""Returns when these applications are active."""

Replan: TypeAlias = Callable[[], Awaitable[Plan]]
"""Reads the model again, and returns what is missing now."""


OpenSender: TypeAlias = Callable[[Session, int], AbstractAsyncContextManager[Sender]]
"""Opens what sends charms and resources to the model of a session, so many at once."""


def uploader_of(session: Session, connections: int) -> Uploader:
    """Return what sends charms and resources over HTTP; see `OpenSender`."""
    return session.uploader(connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a plan is carried out.

    Attributes:
        ordering: What must come before what.
        wait: Waits for applications between stages; without it nothing is waited for.
        waits_for_groups: Whether refreshed applications must be active before the next group.
        replan: Plans again after the connection was lost, or when somebody else has deployed an
            application; without it, that ends the deployment.
        notes: What earlier runs noted in the model; it is read when it is not given.
        release: The release that is deployed, for the notes of this run.
        jobs: How many charms are sent at once.
        open_sender: Opens what sends charms and resources, so many at once.
        logins: The logins that images are pulled with.
        on_event: Called with each event; must not block.
    """

    ordering: Ordering = field(default_factory=Ordering)
    wait: Wait | None = None
    waits_for_groups: bool = True
    replan: Replan | None = None
    notes: UploadNotes | None = None
    release: str = ""
    jobs: int = DEFAULT_LIMIT
    open_sender: OpenSender = uploader_of
    logins: PullLogins | None = field(default=None, repr=False)
    on_event: OnEvent | None = None


async def converge(session: Session, plan: Plan, conduct: Conduct) -> DeployReport:
    """Carry out a plan in the model of a session.

    Args:
        session: The model.
        plan: What is missing in it.
        conduct: How.

    Raises:
        RefusedError: when the plan has refusals, before anything is changed; or with every refusal
            of the controller: what does not depend on them is done.
        WorkloadError: when refreshed applications did not become active again.
        WaitTimeoutError: when they did not in time.
        ControllerError: when the controller can no longer be used. Each of these has a report of
            what was done, once something was begun.
    """
    plan.raise_refused()
    notes = (
        conduct.notes if conduct.notes is not None else await read_notes(session.api, session.uuid)
    )
    return await _Convergence(session, plan, conduct, Received(notes, conduct.release)).run(plan)


def refuse_haste(plan: Plan, ordering: Ordering) -> None:
    """Refuse to refresh groups of applications without waiting between them.

    Raises:
        RefusedError: when the plan has several.
    """
    groups = ordering.groups(plan)
    if len(groups) < 2:
        return
    raise RefusedError(
        f"{len(groups)} groups of applications of model {plan.model} are refreshed one after the "
        "other, and each must be active before the next; nothing was changed",
        problems=[
            Problem(", ".join(group), f"group {number}") for number, group in enumerate(groups, 1)
        ],
        fix="Leave out --no-wait, or give --no-wait=force to refresh them all at once.",
    )


class _Convergence:
    """One deployment, over all its rounds."""

    def __init__(self, session: Session, plan: Plan, conduct: Conduct, received: Received) -> None:
        self._session = session
        self._conduct = conduct
        self._received = received
        self._tally = Tally(plan, conduct.on_event)
        self._unsettled: set[str] = set()
        """Refreshed applications that were not waited for yet."""
        self._lost: set[str] = set()
        """Applications that could not be brought about in this round."""
        self._stalled: set[str] = set()
        """Applications that did not become active again."""

    async def run(self, plan: Plan) -> DeployReport:
        """Carry out plans until nothing is left, or nothing more can be done."""
        try:
            await self._run(plan)
        except ControllerError as exc:
            if isinstance(exc, IncompleteDeployment):
                raise
            report = self._tally.report()
            raise told(
                DeploymentCutOffError(
                    f"{exc.message}; so far {report.so_far}",
                    problems=report.problems,
                    fix=exc.fix,
                ),
                report,
            ) from exc
        report = self._tally.report()
        raise_failures(report)
        return report

    async def _run(self, plan: Plan) -> None:
        session, conduct = self._session, self._conduct
        annotations = annotations_of(session.api)
        async with conduct.open_sender(session, 2 * conduct.jobs) as sender:
            uploads = Uploads(
                session.api,
                session.uuid,
                sender,
                logins=conduct.logins,
                received=self._received,
                annotations=annotations,
                tally=self._tally,
                jobs=conduct.jobs,
            )
            means = Means(
                api=session.api,
                model=session.model_name,
                model_uuid=session.uuid,
                uploads=uploads,
                annotations=annotations,
                tally=self._tally,
                deadline=session.deadline,
            )
            try:
                await self._rounds(plan, means)
            finally:
                await run_to_end(uploads.close())

    async def _rounds(self, plan: Plan, means: Means) -> None:
        """Carry out plans; what is being uploaded goes on while the connection is restored."""
        fruitless = succeeded = 0
        while True:
            try:
                contested = await self._round(plan, means)
                if not contested:
                    return
                plan = await self._look_again(contested)
            except ConnectionLostError:
                replan = self._conduct.replan
                is_over = self._session.deadline.is_over
                if replan is None or is_over or fruitless == _FRUITLESS_ROUNDS:
                    raise
                await self._session.reconnected()
                plan = await self._planned_again(replan)
                self._tally.interruptions += 1
                self._take(plan)
                fruitless = 0 if self._tally.succeeded > succeeded else fruitless + 1
                succeeded = self._tally.succeeded

    async def _round(self, plan: Plan, means: Means) -> frozenset[str]:
        """Carry out a plan; return the applications that somebody else has deployed meanwhile."""
        conduct, uploads = self._conduct, means.uploads
        contested: set[str] = set()
        uploads.begin_round()
        await uploads.confirm_notes()
        for stage in in_stages(plan, conduct.ordering):
            part = await self._begin(stage)
            execution = StageExecution(means, part, plan.uploads, frozenset(self._lost))
            await execution.run()
            self._lost |= execution.lost
            contested |= execution.contested
            self._unsettled |= unsettled_by(part.steps) - execution.lost
        offers = [step for step in plan.offers if step.application not in contested]
        await make_offers(self._session, offers, means.tally, self._lost)
        if not contested and not means.tally.has_failures:
            self._received.forget()
        await uploads.write_notes()
        return frozenset(contested)

    async def _begin(self, stage: Stage) -> Plan:
        """Wait for what must be active before a stage; return the steps that can be tried."""
        wait, ordering = self._conduct.wait, self._conduct.ordering
        awaited = {*stage.active_before}
        if stage.is_ordered and self._conduct.waits_for_groups:
            awaited |= self._unsettled
        awaited -= self._lost | self._stalled
        if awaited and wait is not None:
            await self._await(wait, frozenset(awaited))
            self._unsettled -= awaited
        failed = self._lost | self._stalled
        ordered = unsettled_by(stage.plan.steps)
        left: list[Step] = []
        for step in stage.plan.steps:
            name = step.application if isinstance(step, ApplicationStep) else ""
            needs = (
                ordering.needs(name, stage.plan)
                if name in ordered
                else ordering.prerequisites.get(name, frozenset())
            )
            because = sorted(needs & failed)
            if because:
                self._lost.add(name)
                self._tally.skip(step, f"it comes after {', '.join(because)}")
            else:
                left.append(step)
        return dataclasses.replace(stage.plan, steps=tuple(left))

    async def _await(self, wait: Wait, applications: frozenset[str]) -> None:
        """Wait for applications; those that fail do not keep the others from being waited for."""
        self._tally.tell(DeployEventKind.WAITING, ", ".join(sorted(applications)))
        while applications:
            try:
                await wait(applications)
            except WorkloadError as exc:
                failed = failing(exc, applications)
                for name, reason in failed.items():
                    self._stalled.add(name)
                    self._tally.fail_application(name, exc, reason)
                applications -= failed.keys()
            except WaitTimeoutError as exc:
                report = self._tally.report()
                raise told(
                    DeploymentTimeoutError(
                        f"{exc.message}; so far {report.so_far}",
                        problems=[*exc.problems, *report.problems],
                        fix=exc.fix,
                    ),
                    report,
                ) from exc
            else:
                return

    async def _look_again(self, contested: frozenset[str]) -> Plan:
        """Return a plan for what is left when somebody else has deployed some applications.

        They count as there once it is noted that they have the same charm. Whoever deploys them
        may still be about to note it.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            plan = None
            if self._conduct.replan is not None:
                plan = await self._planned_again(self._conduct.replan)
            others = {*contested} if plan is None else {*contested} & differing(plan)
            if plan is not None and not others:
                self._take(plan, "somebody else is deploying into it, too")
                return plan
            is_late = time.monotonic() >= until or self._session.deadline.is_over
            if plan is None or is_late or {*contested} & known_to_differ(plan):
                report = self._tally.report()
                raise told(
                    DeploymentRefusedError(
                        f"somebody else is deploying into model {self._session.model_name}: "
                        f"{', '.join(sorted(others))} came meanwhile, and not as the bundle says; "
                        f"so far {report.so_far}",
                        problems=report.problems,
                        fix="Run the command again when the other deployment is over.",
                    ),
                    report,
                )

    async def _planned_again(self, replan: Replan) -> Plan:
        plan = await replan()
        if plan.refused:
            report = self._tally.report()
            raise told(
                DeploymentRefusedError(
                    f"model {plan.model} was changed meanwhile, so that Juju cannot change it as "
                    f"the bundle says any more; so far {report.so_far}",
                    problems=[refusal.problem for refusal in plan.refused],
                ),
                report,
            )
        return plan

    def _take(self, plan: Plan, detail: str = "") -> None:
        """Go on with another plan; what was refused is tried again as far as it is in it."""
        self._lost.clear()
        self._tally.plan_again(plan, detail)


def differing(plan: Plan) -> frozenset[str]:
    """Return the applications of a model that a plan gives another charm or resource."""
    return frozenset(
        step.application
        for step in plan.steps
        if isinstance(step, RefreshApplication | AttachResources | RemoveApplication)
    )


def known_to_differ(plan: Plan) -> frozenset[str]:
    """Return those of which it is known, and not only not known to be the same."""
    return frozenset(
        step.application
        for step in plan.steps
        if isinstance(step, RefreshApplication | AttachResources)
        and any(
            difference.kind in ("charm", "resource") and difference.is_known
            for difference in step.differences
        )
    )
