"""Charms and resources on their way to a controller: each once, several at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.concurrency import bounded_map, in_thread
from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import MissingError, RefusedError
from ckf_airgap.juju.applying.annotating import Annotated
from ckf_airgap.juju.applying.arguments import resource_arguments
from ckf_airgap.juju.applying.batches import Batches
from ckf_airgap.juju.applying.events import DeployEventKind
from ckf_airgap.juju.applying.received import FileState, Received
from ckf_airgap.juju.applying.tally import Tally
from ckf_airgap.juju.controller.api import Api, CallRefusedError
from ckf_airgap.juju.controller.upload import UploadedCharm
from ckf_airgap.juju.planning.steps import ResourceUpload, UploadCharm
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY

_CHUNK_BYTES: Final = 1024 * 1024


class Sender(Protocol):
    """Sends charms and resources to one model; an `Uploader` does."""

    async def upload_charm(self, path: Path) -> UploadedCharm:
        """See `Uploader.upload_charm`."""

    async def upload_resource(
        self,
        application: str,
        resource: ResourceUpload,
        pending_id: str | None,
        auth: PullLogins | None = None,
    ) -> None:
        """See `Uploader.upload_resource`."""


class Uploads:
    """Sends charms and resources, and notes in the model what has arrived.

    Args:
        api: A connection to the model.
        model_uuid: The model.
        sender: Sends them.
        logins: The logins that images are pulled with.
        received: What has arrived already.
        annotations: Sets annotations.
        tally: Is told of each charm.
        jobs: How many charms are sent at once, and how many resources besides.
    """

    def __init__(
        self,
        api: Api,
        model_uuid: str,
        sender: Sender,
        *,
        logins: PullLogins | None,
        received: Received,
        annotations: Batches[Annotated, None],
        tally: Tally,
        jobs: int,
    ) -> None:
        self._api = api
        self._model_tag = f"model-{model_uuid}"
        self._sender = sender
        self._logins = logins
        self.received = received
        self._annotations = annotations
        self._tally = tally
        self._charms_at_once = asyncio.Semaphore(jobs)
        self._resources_at_once = asyncio.Semaphore(jobs)
        self._noted: str | None = None
        """What the model has noted, as far as it is known."""
        self._noting = ""
        """What is noted last."""
        self._announcing: set[asyncio.Task[None]] = set()
        self._sending: dict[Path, asyncio.Task[UploadedCharm]] = {}
        self._charms: dict[Path, asyncio.Future[UploadedCharm]] = {}

    async def confirm_notes(self) -> None:
        """Keep of the noted charms those that the controller still has.

        Raises:
            ControllerError: when it cannot be called.
        """
        if not self.received.noted:
            return
        try:
            reply = await self._api.call("Charms", "List", {"names": []})
        except CallRefusedError:
            self.received.confirm(())
            return
        urls = reply.get("charm-urls")
        self.received.confirm(
            str(url).partition("?")[0] for url in (urls if isinstance(urls, list) else [])
        )

    async def send_charm(self, step: UploadCharm) -> UploadedCharm:
        """Send a charm, unless the controller has it, and let those go on that wait for it.

        Raises:
            AirgapError: why it could not be sent.
            ControllerError: when the controller cannot be reached.
        """
        task = self._sending.get(step.path)
        if task is None:
            # A task of its own: the connection to the model may break, which ends all steps, and is
            # not the one that the charm is sent on.
            task = asyncio.create_task(self._charm(step), name=f"sending {step.path.name}")
            task.add_done_callback(partial(self._sent, step.path))
            self._sending[step.path] = task
        return await asyncio.shield(task)

    def _sent(self, path: Path, task: asyncio.Task[UploadedCharm]) -> None:
        """Let those go on that wait for a charm."""
        if self._sending.get(path) is not task:
            return  # another round has begun
        charm = self._charm_of(path)
        if task.cancelled():
            charm.cancel()
        elif (error := task.exception()) is not None:
            charm.set_exception(error)
            charm.exception()  # mark as retrieved: perhaps nobody waits
        else:
            charm.set_result(task.result())

    def begin_round(self) -> None:
        """Forget which charms could not be sent, so that it is tried again; others go on."""
        self._sending = {path: task for path, task in self._sending.items() if not task.done()}
        self._charms = {path: self._charm_of(path) for path in self._sending}

    async def close(self) -> None:
        """Stop sending."""
        tasks: list[asyncio.Task[None] | asyncio.Task[UploadedCharm]] = [
            *self._announcing,
            *(task for task in self._sending.values() if not task.done()),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def charm(self, path: Path) -> UploadedCharm:
        """Wait until the controller has the charm of a file.

        Raises:
            AirgapError: why it could not be sent; the same for all that ask for it.
        """
        # Who is cancelled while it waits must not take the charm from the others.
        return await asyncio.shield(self._charm_of(path))

    def _charm_of(self, path: Path) -> asyncio.Future[UploadedCharm]:
        if path not in self._charms:
            self._charms[path] = asyncio.get_running_loop().create_future()
        return self._charms[path]

    async def _charm(self, step: UploadCharm) -> UploadedCharm:
        try:
            state = await in_thread(FileState.of, step.path)
            known = self.received.charm(step.path, state)
            if known is not None:
                await self.write_notes()  # the connection may have broken before it was noted
                return known
            if self.received.noted:
                sha256 = await in_thread(_sha256, step.path)
                known = self.received.noted_charm(step, sha256)
        except OSError as exc:
            raise MissingError(f"cannot read {step.path}: {exc.strerror or exc}") from exc
        if known is not None:
            self.received.add_charm(step, state, known)
            return known
        async with self._charms_at_once:
            self._tally.tell(DeployEventKind.UPLOADING, step.path.name)
            charm = await self._sender.upload_charm(step.path)
        self._tally.uploads += 1
        self._tally.upload_bytes += state.size_bytes
        self.received.add_charm(step, state, charm)
        # Before the charm is used: an application whose charm nobody knows would be sent it again.
        await self.write_notes()
        return charm

    async def write_notes(self) -> None:
        """Note in the model what has arrived and is not in use.

        A refusal is no failure: all there is to lose is that it may be sent again.

        Raises:
            ControllerError: when the controller cannot be called.
        """
        text = self.received.notes().to_text()
        if text == self._noted or (not text and not self.received.is_noted):
            return
        # Until the answer is there, the model may have either.
        self.received.is_noted, self._noted, self._noting = True, None, text
        try:
            await self._annotations.add((self._model_tag, {NOTES_KEY: text}))
        except RefusedError:
            return
        if self._noting == text:
            self.received.is_noted, self._noted = bool(text), text

    async def resources(
        self, application: str, resources: Sequence[ResourceUpload]
    ) -> dict[str, JSONValue]:
        """Send the resources of an application, and return their pending ids by name.

        Raises:
            AirgapError: why one could not be sent.
            ControllerError: when the controller cannot be reached.
        """
        earlier = {
            resource.name
            for resource in resources
            if self.received.pending_id(application, resource.name)
            and not self.received.was_sent(application, resource)
        }
        try:
            return await self._resources(application, resources)
        except RefusedError:
            if not earlier:
                raise
            # Announced by an earlier run, perhaps otherwise, and perhaps dropped since.
            self.received.forget_resources(application)
            return await self._resources(application, resources)

    async def _resources(
        self, application: str, resources: Sequence[ResourceUpload]
    ) -> dict[str, JSONValue]:
        received = self.received
        if not all(received.pending_id(application, item.name) for item in resources):
            # A task of its own: nobody else knows the ids in an answer that is not waited for.
            task = asyncio.create_task(
                self._announce(application, resources), name=f"announcing {application}"
            )
            self._announcing.add(task)
            task.add_done_callback(self._announced)
            await asyncio.shield(task)

        async def send(resource: ResourceUpload) -> None:
            if received.was_sent(application, resource):
                return
            pending_id = received.pending_id(application, resource.name)
            async with self._resources_at_once:
                await self._sender.upload_resource(application, resource, pending_id, self._logins)
            received.sent(application, resource)

        await bounded_map(send, resources, max(len(resources), 1))
        return {
            resource.name: received.pending_id(application, resource.name) for resource in resources
        }

    async def _announce(self, application: str, resources: Sequence[ResourceUpload]) -> None:
        received = self.received
        new = [item for item in resources if not received.pending_id(application, item.name)]
        reply = await self._api.call(
            "Resources", "AddPendingResources", resource_arguments(application, new)
        )
        ids = reply.get("pending-ids")
        if not isinstance(ids, list) or len(ids) != len(new):
            raise RefusedError("the controller did not accept all resources")
        for resource, pending_id in zip(new, ids, strict=True):
            received.announce(application, resource.name, str(pending_id))

    def _announced(self, task: asyncio.Task[None]) -> None:
        self._announcing.discard(task)
        if not task.cancelled():
            task.exception()  # mark as retrieved: perhaps nobody waits any more

    async def attach(self, application: str, resources: Sequence[ResourceUpload]) -> None:
        """Replace resources of an application that is in the model.

        Raises:
            AirgapError: why one could not be sent.
            ControllerError: when the controller cannot be reached.
        """

        async def send(resource: ResourceUpload) -> None:
            async with self._resources_at_once:
                await self._sender.upload_resource(application, resource, None, self._logins)

        await bounded_map(send, resources, max(len(resources), 1))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
