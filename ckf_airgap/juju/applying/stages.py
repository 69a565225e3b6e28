"""A plan in stages: what can only be begun when others are active. Pure.

Applications that are refreshed, or removed and deployed again, go group by group, providers before
requirers; some applications can only be deployed when others are active. All else needs no order:
it belongs to the first stage, and a relation to the stage in which its second end comes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.order import refresh_groups
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    Step,
    UploadCharm,
)

Prerequisites: TypeAlias = Mapping[str, frozenset[str]]
"""By application, those that must be active before it is deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """What must come before what, besides providers before requirers.

    Attributes:
        prerequisites: What must be active before an application is deployed.
        first: Applications that are refreshed before all others, one after the other.
    """

    prerequisites: Prerequisites = field(default_factory=dict)
    first: tuple[str, ...] = ()

    def groups(self, plan: Plan) -> tuple[tuple[str, ...], ...]:
        """Return the applications that a plan refreshes or replaces, in groups, in their order."""
        return refresh_groups(unsettled_by(plan.steps), plan.providers, self.first)

    def needs(self, application: str, plan: Plan) -> frozenset[str]:
        """Return what a refreshed application comes after, directly or through others.

        Args:
            application: The application.
            plan: The plan, which knows the relations of the bundle.
        """
        providers: dict[str, set[str]] = {}
        for requirer, provider in plan.providers:
            providers.setdefault(requirer, set()).add(provider)
        found: set[str] = set()
        below = [application]
        while below:
            new = providers.get(below.pop(), set()) - found
            found |= new
            below += new
        earlier = self.first
        if application in earlier:
            earlier = earlier[: earlier.index(application)]
        own = self.prerequisites.get(application, frozenset())
        return frozenset(found | own | {*earlier}) - {application}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a plan.

    Attributes:
        plan: The steps of the part.
        active_before: The applications that must be active before it begins.
        is_ordered: Whether it refreshes or replaces applications, so that those of earlier stages
            must be active again before it begins.
    """

    plan: Plan
    active_before: frozenset[str] = field(default=frozenset())
    is_ordered: bool = False


def in_stages(plan: Plan, ordering: Ordering) -> list[Stage]:
    """Return a plan in the order in which its parts can be carried out; one stage as a rule.

    A relation is made once both its applications are as they should be, and removed before either
    is refreshed. Charms are uploaded in the first stage, where they hold up nothing. An
    application that is in the model already and keeps its charm is changed at once.

    Args:
        plan: The plan.
        ordering: What must come before what.
    """
    prerequisites = ordering.prerequisites
    deployed = {step.application for step in plan.deploys}
    groups = ordering.groups(plan)
    grouped = {name: number for number, group in enumerate(groups) for name in group}
    levels = {
        name: _level(name, prerequisites, deployed, grouped) for name in {*deployed, *grouped}
    }
    stages: list[list[Step]] = [[] for _ in range(max(levels.values(), default=0) + 1)]
    for step in plan.steps:
        stages[_stage_of(step, levels)].append(step)
    return [
        Stage(
            plan=plan if len(stages) == 1 else dataclasses.replace(plan, steps=tuple(steps)),
            active_before=frozenset[str]().union(
                *(
                    prerequisites.get(name, frozenset())
                    for name in deployed
                    if level and levels[name] == level
                )
            ),
            is_ordered=any(levels[name] == level for name in grouped),
        )
        for level, steps in enumerate(stages)
    ]


def unsettled_by(steps: Sequence[Step]) -> frozenset[str]:
    """Return the applications of a model that are not active for a while after these steps."""
    return frozenset(
        step.application
        for step in steps
        if isinstance(step, RefreshApplication)
        or (isinstance(step, RemoveApplication) and step.deploys_again)
    )


def _level(
    name: str,
    prerequisites: Prerequisites,
    deployed: set[str],
    grouped: Mapping[str, int],
    seen: frozenset[str] = frozenset(),
) -> int:
    """Return in which stage an application can be begun; a circle counts as no prerequisite."""
    own = grouped.get(name, 0)
    if name in seen or name not in deployed or not prerequisites.get(name):
        return own
    below = seen | {name}
    return max(
        own,
        1
        + max(
            _level(other, prerequisites, deployed, grouped, below) for other in prerequisites[name]
        ),
    )


def _stage_of(step: Step, levels: Mapping[str, int]) -> int:
    match step:
        case UploadCharm():
            return 0
        case AddRelation():
            return max(levels.get(name, 0) for name in step.applications)
        case RemoveRelation():
            return min(levels.get(name, 0) for name in step.applications)
        case MakeOffer() | GrantOffer():
            return max(levels.values(), default=0)
        case _:
            return levels.get(step.application, 0)
