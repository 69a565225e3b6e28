"""A plan in stages: applications that can only be deployed when others are active."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.juju.applying.deploy import DeployEvent, DeployReport, OnEvent, execute
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    RemoveRelation,
    Step,
    UploadCharm,
)
from ckf_airgap.net.limits import DEFAULT_LIMIT

Prerequisites: TypeAlias = Mapping[str, frozenset[str]]
"""By application, those that must be active before it is deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a plan.

    Attributes:
        plan: The steps of the part.
        active_before: The applications that must be active before it begins.
    """

    plan: Plan
    active_before: frozenset[str] = field(default=frozenset())


def in_stages(plan: Plan, prerequisites: Prerequisites) -> list[Stage]:
    """Return a plan in the order in which its parts can be carried out; one stage as a rule.

    A relation is made once both its applications are there, and an application that is in the
    model already is changed at once.

    Args:
        plan: The plan.
        prerequisites: What must be active first, for applications of the bundle.
    """
    deployed = {step.application for step in plan.deploys}
    levels = {name: _level(name, prerequisites, deployed) for name in deployed}
    stages: list[list[Step]] = [[] for _ in range(max(levels.values(), default=0) + 1)]
    for step in plan.steps:
        stages[max((levels.get(name, 0) for name in _applications(step)), default=0)].append(step)
    return [
        Stage(
            plan=plan if len(stages) == 1 else dataclasses.replace(plan, steps=tuple(steps)),
            active_before=frozenset[str]().union(
                *(prerequisites[name] for name in deployed if level and levels[name] == level)
            ),
        )
        for level, steps in enumerate(stages)
    ]


async def execute_in_stages(
    session: Session,
    plan: Plan,
    prerequisites: Prerequisites,
    *,
    wait: Callable[[frozenset[str]], Awaitable[object]],
    jobs: int = DEFAULT_LIMIT,
    registry_auth: PullLogins | None = None,
    on_event: OnEvent | None = None,
) -> DeployReport:
    """Carry out a plan, and wait between its stages.

    Args:
        session: The model.
        plan: What `plan_for` returned.
        prerequisites: What must be active first, for applications of the bundle.
        wait: Returns when these applications are active.
        jobs: How many charms are uploaded and deployed at once.
        registry_auth: The logins that images are pulled with.
        on_event: Called with each completed step; must not block.

    Raises:
        RefusedError: with the refusals of a stage; the stages after it are not begun.
        ControllerError: when the controller can no longer be used.
    """
    reports: list[DeployReport] = []
    over = 0
    for stage in in_stages(plan, prerequisites):
        if stage.active_before:
            await wait(stage.active_before)
        reports.append(
            await execute(
                session,
                stage.plan,
                jobs=jobs,
                registry_auth=registry_auth,
                on_event=_of_whole(plan, over, on_event),
            )
        )
        over += len(stage.plan.steps)
    return DeployReport(
        plan=plan,
        deployed=tuple(name for report in reports for name in report.deployed),
        related=tuple(name for report in reports for name in report.related),
        offered=tuple(name for report in reports for name in report.offered),
        uploads=sum(report.uploads for report in reports),
        took_s=sum(report.took_s for report in reports),
    )


def _of_whole(plan: Plan, over: int, on_event: OnEvent | None) -> OnEvent | None:
    """Return a listener for a stage that counts the steps of all stages."""
    if on_event is None:
        return None

    def tell(event: DeployEvent) -> None:
        on_event(dataclasses.replace(event, done=over + event.done, total=len(plan.steps)))

    return tell


def _level(
    name: str, prerequisites: Prerequisites, deployed: set[str], seen: frozenset[str] = frozenset()
) -> int:
    """Return in which stage an application can be deployed; a circle counts as no prerequisite."""
    if name in seen or not prerequisites.get(name):
        return 0
    below = seen | {name}
    return 1 + max(
        _level(other, prerequisites, deployed, below) if other in deployed else 0
        for other in prerequisites[name]
    )


def _applications(step: Step) -> Sequence[str]:
    if isinstance(step, UploadCharm | AddRelation | RemoveRelation):
        return tuple(step.applications)
    return (step.application,)
