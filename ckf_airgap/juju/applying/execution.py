"""The steps of one stage, as far as nothing holds them up: applications and relations side by side.

Each application's steps follow each other; a step that is refused ends those after it. A relation
waits for both its applications, and one that is removed is waited for by applications that get
another charm. Everything else goes on.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ckf_airgap.concurrency import Deadline, bounded_map
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import AirgapError, ControllerError
from ckf_airgap.juju.applying.annotating import Annotated
from ckf_airgap.juju.applying.arguments import deploy_arguments, refresh_arguments
from ckf_airgap.juju.applying.batches import Batches
from ckf_airgap.juju.applying.events import DeployEventKind
from ckf_airgap.juju.applying.parts import Part, brings_about, parts_of
from ckf_airgap.juju.applying.removals import application_gone, relation_gone
from ckf_airgap.juju.applying.requests import (
    Request,
    change_request,
    expose_request,
    relation_request,
    removal_request,
)
from ckf_airgap.juju.applying.tally import Tally
from ckf_airgap.juju.applying.turns import Turns
from ckf_airgap.juju.applying.uploads import Uploads
from ckf_airgap.juju.controller.api import ALREADY_EXISTS, NOT_FOUND, Api, CallRefusedError
from ckf_airgap.juju.controller.upload import UploadedCharm
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    ApplicationStep,
    AttachResources,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    ResourceUpload,
    SetAnnotations,
    UploadCharm,
    WriteRecord,
)

_MOST_DEPLOYS: Final = 8
"""How many applications are deployed with one call: the controller deploys them one by one."""

_DEPLOYS_AT_ONCE: Final = 4
"""How many such calls are under way at once."""

_MANY_RELATIONS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What steps are carried out with.

    Attributes:
        api: A connection to the model.
        model: The model's name.
        model_uuid: The model.
        uploads: Sends charms and resources.
        annotations: Sets annotations.
        tally: Counts what is done.
        deadline: When removals are no longer waited for.
    """

    api: Api
    model: str
    model_uuid: str
    uploads: Uploads
    annotations: Batches[Annotated, None]
    tally: Tally
    deadline: Deadline


class StageExecution:
    """One run of the steps of a stage.

    Args:
        means: What steps are carried out with.
        plan: The steps of the stage; its offers are not made.
        uploads: The charms of the whole plan, which later stages use, too.
        lost: The applications that an earlier stage could not bring about.
    """

    def __init__(
        self,
        means: Means,
        plan: Plan,
        uploads: Sequence[UploadCharm],
        lost: frozenset[str] = frozenset(),
    ) -> None:
        self._means = means
        self._tally = means.tally
        self._plan = plan
        self._charm_of = {name: step for step in uploads for name in step.applications}
        self._applications: dict[str, list[ApplicationStep]] = {}
        for step in plan.steps:
            if isinstance(step, ApplicationStep):
                self._applications.setdefault(step.application, []).append(step)
        self._turns = Turns(
            frozenset(name for name, steps in self._applications.items() if brings_about(steps))
        )
        for name in lost:
            self._turns.lost(name)
        self._gone: dict[str, list[asyncio.Future[None]]] = {}
        self._deploys: Batches[Document, Document] = Batches(
            self._send_deploys, most=_MOST_DEPLOYS, at_once=_DEPLOYS_AT_ONCE
        )
        self.lost: set[str] = set()
        """The applications that this stage could not bring about."""
        self.contested: set[str] = set()
        """The applications that somebody else has deployed meanwhile."""

    async def run(self) -> None:
        """Carry out all steps that can be.

        Raises:
            ControllerError: when the controller can no longer be used.
        """
        uploads = upload_order(self._plan.uploads, self._plan.relations)
        jobs: list[Callable[[], Awaitable[None]]] = [
            *(
                self._removal_of(removal)
                for removal in self._plan.removals
                if isinstance(removal, RemoveRelation)
            ),
            *(partial(self._upload, upload) for upload in uploads),
            *(
                partial(self._run_application, name, steps)
                for name, steps in self._applications.items()
            ),
            *(partial(self._relate, relation) for relation in self._plan.relations),
        ]
        await bounded_map(lambda job: job(), jobs, max(len(jobs), 1))

    def _removal_of(self, step: RemoveRelation) -> Callable[[], Awaitable[None]]:
        """Return what removes a relation, and lets those go on that have to wait for that."""
        waiting = [
            name for name in step.applications if brings_about(self._applications.get(name, ()))
        ]
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for name in waiting:
            self._gone.setdefault(name, []).append(gone)
        return partial(self._unrelate, step, gone, is_awaited=bool(waiting))

    async def _unrelate(
        self, step: RemoveRelation, gone: asyncio.Future[None], *, is_awaited: bool
    ) -> None:
        means = self._means
        self._tally.begin(step)
        try:
            await self._call(relation_request(step), but=NOT_FOUND)
            if is_awaited:
                await relation_gone(
                    means.api,
                    means.model,
                    frozenset({str(step.requirer), str(step.provider)}),
                    until=means.deadline.until,
                )
        except ControllerError:
            raise
        except AirgapError as exc:
            self._tally.fail(step, exc)
        else:
            self._tally.succeed(step)
        gone.set_result(None)

    async def _upload(self, step: UploadCharm) -> None:
        uploads = self._means.uploads
        try:
            charm = await uploads.send_charm(step)
        except ControllerError:
            raise
        except AirgapError as exc:
            self._tally.fail(step, exc)
            return
        known = uploads.received.is_from_before(charm)
        self._tally.succeed(step, f"{charm.url}, which it had already" if known else charm.url)

    async def _run_application(self, name: str, steps: Sequence[ApplicationStep]) -> None:
        """Carry out the steps of an application, one after the other, until one is refused."""
        for gone in self._gone.get(name, ()):
            await gone
        over = 0
        for part in parts_of(steps):
            try:
                await self._carry_out(name, part)
            except ControllerError:
                raise
            except _ContestedError:
                for step in part.steps:
                    self._tally.withdraw(step)
                self.contested.add(name)
                self._turns.lost(name)
                return
            except (AirgapError, _NoCharmError) as exc:
                self._refuse(name, steps, over, exc)
                return
            over += len(part.steps)
            for step in part.steps:
                self._tally.succeed(step, step.describe() if _is_told(step) else "")
            if brings_about(part.steps):
                self._turns.arrived(name)

    def _refuse(
        self,
        name: str,
        steps: Sequence[ApplicationStep],
        over: int,
        error: AirgapError | _NoCharmError,
    ) -> None:
        """Note that a step was refused, and that those after it are not tried."""
        # Annotations that belong to a deployment come after it.
        step = steps[min(over, len(steps) - 1)]
        if isinstance(error, _NoCharmError):
            self._tally.skip(step, str(error))
        else:
            self._tally.fail(step, error)
        for later in steps[over + 1 :]:
            self._tally.skip(later, f"a step before it failed: {step.describe()}")
        if brings_about(steps[over:]):
            self.lost.add(name)
            self._turns.lost(name)

    async def _carry_out(self, name: str, part: Part) -> None:
        """Carry out a part of an application's steps.

        Raises:
            AirgapError: why it is refused.
        """
        for step in part.steps:
            self._tally.begin(step)
        if part.annotates:
            await self._annotate(name, part)
            return
        (step,) = part.steps
        match step:
            case DeployApplication():
                await self._deploy(step)
            case RefreshApplication():
                charm, pending = await self._supplies(name, step.resources)
                await self._call(
                    Request(
                        facade="Application",
                        method="SetCharm",
                        params=refresh_arguments(step, charm.url, pending),
                    )
                )
                self._means.uploads.received.forget_resources(name)
            case AttachResources():
                await self._means.uploads.attach(name, step.resources)
            case RemoveApplication():
                await self._remove(step)
            case SetAnnotations() | WriteRecord():
                raise AssertionError("annotations are a part of their own")
            case _:
                await self._call(change_request(step))

    async def _deploy(self, step: DeployApplication) -> None:
        name = step.application
        charm, pending = await self._supplies(name, step.resources)
        arguments = deploy_arguments(step, charm.url, pending, self._means.model_uuid)
        try:
            await self._deploys.add(arguments)
        except CallRefusedError as exc:
            if not exc.is_of_call:
                # With the deployment the controller drops what was announced for it.
                self._means.uploads.received.forget_resources(name)
            if exc.code == ALREADY_EXISTS:
                raise _ContestedError from exc
            raise
        self._means.uploads.received.forget_resources(name)
        if step.expose:
            await self._call(expose_request(name, step.exposed_endpoints))

    async def _send_deploys(
        self, applications: Sequence[Document]
    ) -> Sequence[Document | AirgapError]:
        wanted: list[JSONValue] = [*applications]
        return await self._means.api.call_each("Application", "Deploy", {"applications": wanted})

    async def _supplies(
        self, name: str, resources: Sequence[ResourceUpload]
    ) -> tuple[UploadedCharm, dict[str, JSONValue]]:
        """Send an application's charm and its resources, side by side.

        Raises:
            AirgapError: why one could not be sent.
        """
        upload = self._charm_of[name]
        charms: list[UploadedCharm] = []
        pending: dict[str, JSONValue] = {}

        async def send_charm() -> None:
            try:
                charms.append(await self._means.uploads.charm(upload.path))
            except ControllerError:
                raise
            except AirgapError as exc:
                raise _NoCharmError(f"its charm {upload.path.name} was not uploaded") from exc

        async def send_resources() -> None:
            if resources:
                pending.update(await self._means.uploads.resources(name, resources))

        await bounded_map(lambda send: send(), (send_charm, send_resources), 2)
        return charms[0], pending

    async def _annotate(self, name: str, part: Part) -> None:
        received = self._means.uploads.received
        annotations = {**part.annotations}
        if part.record is not None:
            record = part.record.record
            upload = self._charm_of.get(name)
            charm = received.url_of(upload.path) if upload is not None else None
            if charm is not None:
                record = dataclasses.replace(record, charm_url=charm.url, charm_sha256=charm.sha256)
            annotations[RECORD_KEY] = record.to_text()
        await self._means.annotations.add((f"application-{name}", annotations))
        if part.record is not None:
            received.recorded(name)

    async def _remove(self, step: RemoveApplication) -> None:
        means = self._means
        await self._call(removal_request([step]), but=NOT_FOUND)
        if step.deploys_again:
            self._tally.tell(DeployEventKind.REMOVING, step.application)
            await application_gone(
                means.api, means.model, step.application, until=means.deadline.until
            )

    async def _relate(self, step: AddRelation) -> None:
        missing = await self._turns.turn(step.applications)
        if missing:
            if not self.contested.intersection(step.applications):
                self._tally.skip(step, f"{missing} was not deployed or refreshed")
            return
        self._tally.begin(step)
        try:
            await self._call(relation_request(step), but=ALREADY_EXISTS)
        except CallRefusedError as exc:
            self._tally.fail(step, exc)
        else:
            self._tally.succeed(step)
        finally:
            self._turns.over(step.applications)

    async def _call(self, request: Request, *, but: str = "") -> None:
        """Make a call; a refusal with the code `but` says that it is done already."""
        try:
            await self._means.api.call(request.facade, request.method, request.params)
        except CallRefusedError as exc:
            if not but or exc.code != but:
                raise


def upload_order(
    uploads: Sequence[UploadCharm], relations: Sequence[AddRelation]
) -> list[UploadCharm]:
    """Return charms in the order in which they are best uploaded.

    First those of applications with so many relations that these, made one after the other, decide
    how long it takes altogether; then the largest, so that none ends up last.
    """
    related = Counter(name for relation in relations for name in relation.applications)

    def key(step: UploadCharm) -> tuple[int, int]:
        most = max((related[name] for name in step.applications), default=0)
        return (-most if most >= _MANY_RELATIONS else 0, -step.size_bytes)

    return sorted(uploads, key=key)


class _ContestedError(Exception):
    """An application that is to be deployed is there already."""


class _NoCharmError(Exception):
    """The charm of an application was not uploaded, which is told of the upload."""


def _is_told(step: ApplicationStep) -> bool:
    """Whether the event of a step says what was changed."""
    return not isinstance(
        step, DeployApplication | RefreshApplication | RemoveApplication | WriteRecord
    )
