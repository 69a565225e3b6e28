"""Carry out a plan: charms, resources, applications and then relations, several at a time.

Applications do not depend on each other, so that one that is refused does not stop the others; all
refusals are reported together at the end. What was done is kept, and deploying the same bundle
again does the rest. Relations are made one after the other: the controller retries a change that
collides with another one on the same application only a few times.
"""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.concurrency import bounded_map
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import AirgapError, ControllerError, Problem, RefusedError
from ckf_airgap.juju.applying.arguments import (
    deploy_arguments,
    grant_arguments,
    offer_arguments,
    resource_arguments,
)
from ckf_airgap.juju.controller.api import ALREADY_EXISTS, Api, CallRefusedError
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.planreading import read_for_plan
from ckf_airgap.juju.controller.upload import UploadedCharm, Uploader
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    ApplicationStep,
    DeployApplication,
    Expose,
    Scale,
    SetAnnotations,
    SetConstraints,
    SetOptions,
    UploadCharm,
    WriteRecord,
    exposed_document,
)
from ckf_airgap.net.limits import DEFAULT_LIMIT


class DeployEventKind(enum.Enum):
    """What a `DeployEvent` reports."""

    UPLOADING = "uploading"
    """The upload of a charm has begun."""
    UPLOADED = "uploaded"
    DEPLOYED = "deployed"
    CHANGED = "changed"
    """An application that was in the model was changed to match the bundle."""
    RELATED = "related"
    OFFERED = "offered"
    """An offer was made or changed."""
    GRANTED = "granted"
    """A user may do more with an offer."""
    REFUSED = "refused"
    """The controller refused a step; the others continue."""
    SKIPPED = "skipped"
    """A relation or offer was not tried, since an application or offer of it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployEvent:
    """Something that happened while a plan was carried out.

    Attributes:
        kind: What happened.
        subject: The application, the charm file, the offer, or both ends of the relation.
        done: How many steps of the plan are over, this one included.
        total: How many steps the plan has.
        detail: The controller's text, or the URL of the uploaded charm.
    """

    kind: DeployEventKind
    subject: str
    done: int
    total: int
    detail: str = ""

    def __str__(self) -> str:
        """Return ``[3/80] deployed minio``."""
        text = f"[{self.done}/{self.total}] {self.kind.value} {self.subject}"
        return f"{text}: {self.detail}" if self.detail else text


OnEvent: TypeAlias = Callable[[DeployEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployReport:
    """What a deployment did.

    Attributes:
        plan: What was to be done.
        deployed: The applications that were deployed.
        related: The relations that were made, ``app:endpoint app:endpoint``.
        offered: The offers that were made or changed.
        uploads: How many charm files were uploaded.
        took_s: How long it took, in seconds.
    """

    plan: Plan
    deployed: tuple[str, ...] = field(default=(), repr=False)
    related: tuple[str, ...] = field(default=(), repr=False)
    offered: tuple[str, ...] = field(default=(), repr=False)
    uploads: int = 0
    took_s: float = 0.0

    def to_json(self) -> Document:
        """Return the report as JSON."""
        return {
            "model": self.plan.model,
            "deployed": [*self.deployed],
            "related": [*self.related],
            "offered": [*self.offered],
            "uploads": self.uploads,
            "unchanged": [*self.plan.unchanged],
            "kept-relations": self.plan.kept_relations,
            "took-s": round(self.took_s, 3),
        }


async def plan_for(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    registry_auth: PullLogins | None = None,
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
) -> Plan:
    """Return what is missing of a bundle in the model of a session; nothing is changed.

    Args:
        session: The model.
        bundle: The merged bundle, with every option and resource as it must be.
        charms: The charm of each application; two may share one file, which is uploaded once.
        registry_auth: The logins that images are pulled with.
        policy: How far the plan may go.

    Raises:
        BundleError: with everything that is wrong with the bundle.
        MissingError: when the file of a charm or a resource cannot be read.
        ControllerError: when the controller cannot be called.
    """
    known = await read_for_plan(session, bundle, charms, registry_auth=registry_auth, policy=policy)
    return plan_deployment(bundle, charms, known.live, known.identities, policy)


async def execute(
    session: Session,
    plan: Plan,
    *,
    jobs: int = DEFAULT_LIMIT,
    registry_auth: PullLogins | None = None,
    on_event: OnEvent | None = None,
) -> DeployReport:
    """Carry out a plan in the model of a session.

    Args:
        session: The model.
        plan: What `plan_for` returned.
        jobs: How many charms are uploaded and deployed at once.
        registry_auth: The logins that images are pulled with.
        on_event: Called with each completed step; must not block.

    Raises:
        RefusedError: with what Juju cannot change in place, before anything is changed; or with
            every refusal of the controller, and what was done.
        ControllerError: when the controller can no longer be used.
    """
    plan.raise_refused()
    async with session.uploader(jobs) as uploader:
        return await _Execution(session, plan, uploader, registry_auth, on_event).run(jobs)


@dataclass(frozen=True, slots=True)
class _Group:
    """Steps that must follow each other: a charm's upload, and the applications that use it."""

    upload: UploadCharm | None = None
    steps: Sequence[ApplicationStep] = field(default_factory=tuple)


class _Execution:
    """One run of a plan, and its results so far."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        uploader: Uploader,
        registry_auth: PullLogins | None,
        on_event: OnEvent | None,
    ) -> None:
        self.session = session
        self.api = session.api
        self.plan = plan
        self.uploader = uploader
        self.registry_auth = registry_auth
        self.on_event = on_event
        self.done = 0
        self.uploads = 0
        self.deployed: list[str] = []
        self.related: list[str] = []
        self.offered: list[str] = []
        self.problems: list[Problem] = []
        self.refused: set[str] = set()

    async def run(self, jobs: int) -> DeployReport:
        """Carry out all steps.

        Raises:
            RefusedError: with every refusal.
            ControllerError: when the controller can no longer be used; says what was done.
        """
        started = time.monotonic()
        try:
            await bounded_map(self._run_group, self._groups(), jobs)
            for relation in self.plan.relations:
                await self._relate(relation)
            if self.plan.offers:
                await self._make_offers()
        except ControllerError as exc:
            raise ControllerError(
                f"{exc.message}; so far {self._so_far()}", problems=self.problems, fix=exc.fix
            ) from exc
        if self.problems:
            raise RefusedError(
                f"the controller refused {len(self.problems)} of {len(self.plan.steps)} steps, "
                f"{self._so_far()}",
                problems=self.problems,
                fix="Fix what it reports and run the command again; completed steps are skipped.",
            )
        return DeployReport(
            plan=self.plan,
            deployed=tuple(self.deployed),
            related=tuple(self.related),
            offered=tuple(self.offered),
            uploads=self.uploads,
            took_s=time.monotonic() - started,
        )

    def _groups(self) -> list[_Group]:
        """Return what may run in parallel, the largest charms first, so that none ends up last."""
        groups = [
            _Group(
                upload=upload,
                steps=[step for step in self.plan.deploys if step.charm_path == upload.path],
            )
            for upload in sorted(self.plan.uploads, key=lambda step: -step.size_bytes)
        ]
        changes: dict[str, list[ApplicationStep]] = {}
        deployed = {step.application for step in self.plan.deploys}
        for step in self.plan.changes:
            if isinstance(step, WriteRecord) and step.application in deployed:
                continue  # written with the annotations
            changes.setdefault(step.application, []).append(step)
        return [*groups, *(_Group(steps=steps) for steps in changes.values())]

    def _so_far(self) -> str:
        return (
            f"{len(self.deployed)} of {len(self.plan.deploys)} applications were deployed and "
            f"{len(self.related)} of {len(self.plan.relations)} relations made"
        )

    def _tell(
        self, kind: DeployEventKind, subject: str, detail: str = "", *, over: int = 1
    ) -> None:
        self.done += over
        if self.on_event is not None:
            self.on_event(
                DeployEvent(
                    kind=kind,
                    subject=subject,
                    done=self.done,
                    total=len(self.plan.steps),
                    detail=detail,
                )
            )

    def _refuse(self, subject: str, error: AirgapError, *applications: str, steps: int = 1) -> None:
        self.refused.update(applications)
        self.problems.append(Problem(error.message, subject, error.fix))
        self._tell(DeployEventKind.REFUSED, subject, error.message, over=steps)

    async def _run_group(self, group: _Group) -> None:
        charm: UploadedCharm | None = None
        if group.upload is not None:
            upload = group.upload
            self._tell(DeployEventKind.UPLOADING, upload.path.name, over=0)
            try:
                charm = await self.uploader.upload_charm(upload.path)
            except ControllerError:
                raise
            except AirgapError as exc:
                subject = f"application {', '.join(upload.applications)}"
                self._refuse(subject, exc, *upload.applications, steps=1 + 2 * len(group.steps))
                return
            self.uploads += 1
            self._tell(DeployEventKind.UPLOADED, upload.path.name, charm.url)
        for step in group.steps:
            await self._run_step(step, charm)

    async def _run_step(self, step: ApplicationStep, charm: UploadedCharm | None) -> None:
        subject = f"application {step.application}"
        try:
            if isinstance(step, DeployApplication):
                if charm is None:
                    raise RuntimeError(f"the charm of {step.application} was not uploaded")
                await self._deploy(step, charm.url)
            else:
                await self._change(step)
        except ControllerError:
            raise
        except AirgapError as exc:
            applications = [step.application] if isinstance(step, DeployApplication) else []
            self._refuse(subject, exc, *applications, steps=1 + len(applications))
            return
        if not isinstance(step, DeployApplication) or charm is None:
            self._tell(DeployEventKind.CHANGED, step.application, step.describe())
            return
        self.deployed.append(step.application)
        try:
            await self._finish(step, charm)
        except CallRefusedError as exc:
            self._refuse(subject, exc, steps=2)
        else:
            self._tell(DeployEventKind.DEPLOYED, step.application, over=2)  # and its record

    async def _deploy(self, step: DeployApplication, charm_url: str) -> None:
        pending = await self._upload_resources(step, charm_url)
        await self.api.call(
            "Application",
            "Deploy",
            {"applications": [deploy_arguments(step, charm_url, pending, self.session.uuid)]},
        )

    async def _finish(self, step: DeployApplication, charm: UploadedCharm) -> None:
        """Do what the API does not accept as part of a deployment."""
        noted = next(
            note
            for note in self.plan.changes
            if isinstance(note, WriteRecord) and note.application == step.application
        )
        record = dataclasses.replace(noted.record, charm_url=charm.url, charm_sha256=charm.sha256)
        annotations: Document = {
            "entity": f"application-{step.application}",
            "annotations": {**step.annotations, RECORD_KEY: record.to_text()},
        }
        await self.api.call("Annotations", "Set", {"annotations": [annotations]})
        if step.expose:
            await self._expose(step.application, step.exposed_endpoints)

    async def _upload_resources(
        self, step: DeployApplication, charm_url: str
    ) -> dict[str, JSONValue]:
        """Return the pending id of each resource, by name."""
        if not step.resources:
            return {}
        reply = await self.api.call(
            "Resources",
            "AddPendingResources",
            resource_arguments(step, charm_url),
        )
        ids = reply.get("pending-ids")
        if not isinstance(ids, list) or len(ids) != len(step.resources):
            raise CallRefusedError("the controller did not accept all resources")
        pending: dict[str, JSONValue] = {}
        for resource, pending_id in zip(step.resources, ids, strict=True):
            await self.uploader.upload_resource(
                step.application, resource, str(pending_id), self.registry_auth
            )
            pending[resource.name] = pending_id
        return pending

    async def _expose(self, application: str, endpoints: Mapping[str, ExposedEndpoint]) -> None:
        change: Document = {"application": application}
        if endpoints:
            change["exposed-endpoints"] = exposed_document(endpoints)
        await self.api.call("Application", "Expose", change)

    async def _change(self, step: ApplicationStep) -> None:
        match step:
            case SetOptions():
                change: Document = {
                    "application": step.application,
                    "generation": "",
                    "config": {**step.options},
                    "config-yaml": "",
                }
                await self.api.call("Application", "SetConfigs", {"Args": [change]})
            case SetConstraints():
                await self.api.call(
                    "Application",
                    "SetConstraints",
                    {"application": step.application, "constraints": step.constraints},
                )
            case Scale():
                tag = f"application-{step.application}"
                scale: Document = {"application-tag": tag, "scale": step.scale, "force": False}
                await self.api.call("Application", "ScaleApplications", {"applications": [scale]})
            case Expose():
                await self._expose(step.application, step.endpoints)
            case SetAnnotations():
                wanted: Document = {
                    "entity": f"application-{step.application}",
                    "annotations": {**step.annotations},
                }
                await self.api.call("Annotations", "Set", {"annotations": [wanted]})
            case WriteRecord():
                noted: Document = {
                    "entity": f"application-{step.application}",
                    "annotations": {RECORD_KEY: step.record.to_text()},
                }
                await self.api.call("Annotations", "Set", {"annotations": [noted]})
            case _:
                raise RuntimeError(f"no plan has this step yet: {step.describe()}")

    async def _relate(self, step: AddRelation) -> None:
        subject = f"{step.requirer} {step.provider}"
        missing = self.refused.intersection(step.applications)
        if missing:
            self._tell(
                DeployEventKind.SKIPPED, subject, f"{', '.join(sorted(missing))} is not deployed"
            )
            return
        try:
            await self.api.call(
                "Application",
                "AddRelation",
                {"endpoints": [str(step.requirer), str(step.provider)]},
            )
        except CallRefusedError as exc:
            if exc.code != ALREADY_EXISTS:
                self._refuse(f"relation {subject}", exc)
                return
        self.related.append(subject)
        self._tell(DeployEventKind.RELATED, subject)

    async def _make_offers(self) -> None:
        """Make the offers of the plan, which need a connection to the controller itself."""
        refused: set[str] = set()
        async with self.session.controller_api() as api:
            for step in self.plan.offers:
                subject = f"offer {step.offer}"
                if step.application in self.refused or step.offer in refused:
                    missing = step.application if step.application in self.refused else step.offer
                    self._tell(DeployEventKind.SKIPPED, subject, f"{missing} is not there")
                    continue
                try:
                    await self._offer(api, step)
                except CallRefusedError as exc:
                    if isinstance(step, MakeOffer):
                        refused.add(step.offer)
                    self._refuse(subject, exc)

    async def _offer(self, api: Api, step: MakeOffer | GrantOffer) -> None:
        session = self.session
        if isinstance(step, MakeOffer):
            arguments = offer_arguments(step, session.uuid, session.controller.user)
            await api.call("ApplicationOffers", "Offer", arguments)
            self.offered.append(step.offer)
            self._tell(DeployEventKind.OFFERED, step.offer)
            return
        arguments = grant_arguments(step, session.entry.qualified_name)
        try:
            await api.call("ApplicationOffers", "ModifyOfferAccess", arguments)
        except CallRefusedError as exc:
            if "user already has" not in exc.message:  # the owner of a new offer, for one
                raise
        self._tell(DeployEventKind.GRANTED, step.user, f"{step.access} access to {step.offer}")
