"""How far a deployment is: what was done, what failed, and what was skipped for it."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable

from ckf_airgap.errors import AirgapError
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind, OnEvent
from ckf_airgap.juju.applying.report import DeployReport, UnfinishedStep
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    Step,
    UploadCharm,
    WriteRecord,
)


class Tally:
    """Counts the steps of a plan, and of the plans that take its place.

    Args:
        plan: The first plan.
        on_event: Called with each event.
    """

    def __init__(self, plan: Plan, on_event: OnEvent | None) -> None:
        self._plan = plan
        self._on_event = on_event
        self._started = time.monotonic()
        self._left = {identity(step) for step in plan.steps}
        self._under_way: dict[Hashable, Step] = {}
        self._succeeded: dict[Hashable, Step] = {}
        self._over = 0
        self._failed: list[UnfinishedStep] = []
        self._skipped: list[UnfinishedStep] = []
        self._stalled: list[UnfinishedStep] = []
        self.uploads = 0
        self.upload_bytes = 0
        self.interruptions = 0

    @property
    def total(self) -> int:
        """How many steps there are, those included that are over."""
        return self._over + len(self._left)

    @property
    def succeeded(self) -> int:
        """How many steps have succeeded: what grows is progress."""
        return len(self._succeeded) + self.uploads

    @property
    def has_failures(self) -> bool:
        """Whether anything was refused or did not become active."""
        return bool(self._failed or self._stalled)

    def tell(self, kind: DeployEventKind, subject: str, detail: str = "") -> None:
        """Tell of something that ends no step."""
        if self._on_event is not None:
            self._on_event(
                DeployEvent(
                    kind=kind, subject=subject, done=self._over, total=self.total, detail=detail
                )
            )

    def begin(self, step: Step) -> None:
        """A step is asked for: if the answer is lost, it may have been carried out."""
        self._under_way[identity(step)] = step

    def withdraw(self, step: Step) -> None:
        """A step that was asked for has turned out to be needless; the next plan says so."""
        self._under_way.pop(identity(step), None)

    def succeed(self, step: Step, detail: str = "") -> None:
        """A step is over."""
        key = identity(step)
        self._end(key)
        self._succeeded[key] = step
        subject = step.user if isinstance(step, GrantOffer) else subject_of(step)
        self.tell(_KINDS.get(type(step), DeployEventKind.CHANGED), subject, detail)

    def fail(self, step: Step, error: AirgapError) -> None:
        """A step was refused."""
        self._end(identity(step))
        where = where_of(step)
        self._failed.append(_unfinished(step, where, error.message, error.fix))
        self.tell(DeployEventKind.REFUSED, where, error.message)

    def skip(self, step: Step, reason: str) -> None:
        """A step is not tried."""
        self._end(identity(step))
        self._skipped.append(_unfinished(step, where_of(step), reason))
        subject = where_of(step) if isinstance(step, MakeOffer | GrantOffer) else subject_of(step)
        self.tell(DeployEventKind.SKIPPED, subject, reason)

    def fail_application(self, application: str, error: AirgapError, reason: str) -> None:
        """An application did not become active again, although its steps were carried out."""
        self._stalled.append(
            UnfinishedStep(
                application=application,
                where=f"application {application}",
                step=f"wait for {application}",
                reason=reason,
                fix=error.fix,
                is_wait=True,
            )
        )
        self.tell(DeployEventKind.FAILED, application, reason)

    def plan_again(self, plan: Plan, detail: str = "") -> None:
        """Another plan takes the place of the one that was interrupted.

        What was under way and is not in it any more was carried out, although the answer was lost.
        What had failed is tried again if it is still in the plan.
        """
        left = {identity(step): step for step in plan.steps}
        for key, step in self._under_way.items():
            if key not in left:
                self._succeeded[key] = step
        self._under_way.clear()
        self._failed.clear()
        self._skipped.clear()
        self._over = len(self._succeeded)
        self._left = set(left)
        self.tell(DeployEventKind.CONTINUED, plan.model, detail)

    def report(self) -> DeployReport:
        """Return what was done so far."""
        done = [*self._succeeded.values()]
        deployed = _applications(step for step in done if isinstance(step, DeployApplication))
        refreshed = _applications(step for step in done if isinstance(step, RefreshApplication))
        return DeployReport(
            plan=self._plan,
            deployed=deployed,
            refreshed=refreshed,
            changed=_applications(
                step
                for step in done
                if type(step) not in _KINDS and _application(step) not in {*deployed, *refreshed}
            ),
            related=tuple(subject_of(step) for step in done if isinstance(step, AddRelation)),
            removed=tuple(
                subject_of(step)
                for step in done
                if isinstance(step, RemoveApplication | RemoveRelation)
            ),
            offered=tuple(step.offer for step in done if isinstance(step, MakeOffer)),
            failed=(*self._failed, *self._stalled),
            skipped=tuple(self._skipped),
            uploads=self.uploads,
            upload_bytes=self.upload_bytes,
            interruptions=self.interruptions,
            took_s=time.monotonic() - self._started,
        )

    def _end(self, key: Hashable) -> None:
        self._under_way.pop(key, None)
        if key in self._left:
            self._left.discard(key)
            self._over += 1


_KINDS = {
    UploadCharm: DeployEventKind.UPLOADED,
    DeployApplication: DeployEventKind.DEPLOYED,
    RefreshApplication: DeployEventKind.REFRESHED,
    WriteRecord: DeployEventKind.RECORDED,
    RemoveApplication: DeployEventKind.REMOVED,
    RemoveRelation: DeployEventKind.REMOVED,
    AddRelation: DeployEventKind.RELATED,
    MakeOffer: DeployEventKind.OFFERED,
    GrantOffer: DeployEventKind.GRANTED,
}


def identity(step: Step) -> Hashable:
    """Return what makes a step the same one in two plans for the same bundle."""
    return (type(step), subject_of(step), step.user if isinstance(step, GrantOffer) else "")


def subject_of(step: Step) -> str:
    """Return what a step is about: the application, the file, the ends of a relation, the offer."""
    match step:
        case UploadCharm():
            return step.path.name
        case AddRelation() | RemoveRelation():
            return f"{step.requirer} {step.provider}"
        case MakeOffer() | GrantOffer():
            return step.offer
        case _:
            return step.application


def where_of(step: Step) -> str:
    """Return what a step is about, in words."""
    match step:
        case UploadCharm():
            return f"application {', '.join(step.applications)}"
        case AddRelation() | RemoveRelation():
            return f"relation {subject_of(step)}"
        case MakeOffer() | GrantOffer():
            return f"offer {step.offer}"
        case _:
            return f"application {step.application}"


def _application(step: Step) -> str:
    match step:
        case UploadCharm():
            return ", ".join(step.applications)
        case AddRelation() | RemoveRelation():
            return step.requirer.application
        case _:
            return step.application


def _applications(steps: Iterable[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_application(step) for step in steps))


def _unfinished(step: Step, where: str, reason: str, fix: str = "") -> UnfinishedStep:
    return UnfinishedStep(
        application=_application(step), where=where, step=step.describe(), reason=reason, fix=fix
    )
