"""What was done of a plan, and what was not."""

from __future__ import annotations

from dataclasses import dataclass, field

from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import RefreshApplication


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedStep:
    """A step that was not carried out.

    Attributes:
        application: The application; of a relation, the one that requires.
        where: What the step is about, in words: ``application minio``.
        step: The step as one line.
        reason: Why not: what the controller said, or on what it depends.
        fix: What to do about it, where there is something.
        is_wait: Whether no step failed, but the application did not become active after them.
    """

    application: str
    where: str
    step: str
    reason: str
    fix: str = ""
    is_wait: bool = False

    def to_json(self) -> Document:
        """Return it as JSON."""
        return {
            "application": self.application,
            "where": self.where,
            "step": self.step,
            "reason": self.reason,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployReport:
    """What a deployment did.

    Attributes:
        plan: What was to be done at first.
        deployed: The applications that were deployed.
        refreshed: The applications that were given another charm.
        changed: The applications that were changed otherwise.
        related: The relations that were made, ``app:endpoint app:endpoint``.
        removed: The applications and relations that were removed.
        offered: The offers that were made or changed.
        failed: The steps that were refused, and the applications that did not become active.
        skipped: The steps that were not tried, since they depend on one that failed.
        uploads: How many charm files were uploaded.
        upload_bytes: The size of these files.
        interruptions: How often the model was planned again, since the connection was lost.
        took_s: How long it took, in seconds.
    """

    plan: Plan
    deployed: tuple[str, ...] = field(default=(), repr=False)
    refreshed: tuple[str, ...] = field(default=(), repr=False)
    changed: tuple[str, ...] = field(default=(), repr=False)
    related: tuple[str, ...] = field(default=(), repr=False)
    removed: tuple[str, ...] = field(default=(), repr=False)
    offered: tuple[str, ...] = field(default=(), repr=False)
    failed: tuple[UnfinishedStep, ...] = field(default=(), repr=False)
    skipped: tuple[UnfinishedStep, ...] = field(default=(), repr=False)
    uploads: int = 0
    upload_bytes: int = 0
    interruptions: int = 0
    took_s: float = 0.0

    def to_json(self) -> Document:
        """Return the report as JSON."""
        return {
            "model": self.plan.model,
            "deployed": [*self.deployed],
            "refreshed": [*self.refreshed],
            "changed": [*self.changed],
            "related": [*self.related],
            "removed": [*self.removed],
            "offered": [*self.offered],
            "failed": [step.to_json() for step in self.failed],
            "skipped": [step.to_json() for step in self.skipped],
            "uploads": self.uploads,
            "upload-bytes": self.upload_bytes,
            "interruptions": self.interruptions,
            "unchanged": [*self.plan.unchanged],
            "kept-relations": self.plan.kept_relations,
            "took-s": round(self.took_s, 3),
        }

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What failed, as problems; what was skipped for it is not repeated."""
        return tuple(Problem(step.reason, step.where, step.fix) for step in self.failed)

    @property
    def so_far(self) -> str:
        """What was done, in words."""
        counted = [
            f"{len(self.deployed)} of {len(self.plan.deploys)} applications were deployed",
            f"{len(self.related)} of {len(self.plan.relations)} relations made",
        ]
        refreshes = sum(isinstance(step, RefreshApplication) for step in self.plan.steps)
        if refreshes:
            counted.append(f"{len(self.refreshed)} of {refreshes} applications refreshed")
        if self.removed:
            counted.append(f"{len(self.removed)} applications and relations removed")
        return f"{', '.join(counted[:-1])} and {counted[-1]}"
