"""One Juju model of the rehearsal controller: all that it was told, and what became of it.

Everything runs on one event loop; methods that touch the disk are coroutines, the rest is plain
calls which never block. A refused request raises `ApiError` with the text and code of a real
controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from ckf_airgap.documents import Document, JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a real controller takes in silence, and that will hurt later."""

    application: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that the model was sent."""

    facade: str
    version: int
    method: str
    params: Document
    user: str
    at: datetime


class ModelWatcher:
    """An all-watcher: the whole model first, later what changed."""

    id: str

    async def next(self) -> list[JSONValue]:
        """Return the deltas since the last call; wait for one when there is none.

        Raises:
            ApiError: ``watcher was stopped`` (code ``stopped``) when `stop` is called.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """End the watcher; a pending `next` raises."""
        raise NotImplementedError


class Model:
    """One model.

    Args:
        uuid: The model's UUID.
        name: Its name, ``kubeflow``.
        owner: Its owner, ``admin``.
        controller_uuid: The UUID of the controller.
        config: Model config beyond the defaults, as plain values.
        constraints: The model's constraints.
        agent_version: Juju's version.
        cluster_version: The version of Kubernetes.
        clock: What time it is; an accelerated clock of the running loop when omitted.
        script: The courses of applications, and which relations charms need; shared by models.
        registry: The private registry; references to any other are reported as findings.
    """

    uuid: str
    name: str
    owner: str
    controller_uuid: str
    config: dict[str, JSONValue]
    config_sources: dict[str, str]
    constraints: Document
    created_at: datetime
    agent_version: str
    life: Literal["alive", "dying", "dead"]
    findings: list[Finding]
    requests: list[Request]
    annotations: dict[str, dict[str, str]]

    def __init__(
        self,
        *,
        uuid: str,
        name: str,
        owner: str,
        controller_uuid: str,
        config: Mapping[str, JSONValue] | None = None,
        constraints: Document | None = None,
        agent_version: str = "3.6.12",
        cluster_version: str = "1.31.0",
        clock: object = None,
        script: object = None,
        registry: str | None = None,
    ) -> None:
        raise NotImplementedError

    def record_request(
        self, *, facade: str, version: int, method: str, params: Document, user: str
    ) -> None:
        """Remember a request; the RPC layer calls this for each one on a model connection."""
        raise NotImplementedError

    async def add_charm(
        self,
        archive: Path,
        *,
        series: str = "",
        name: str | None = None,
        revision: int | None = None,
        method: Literal["POST", "PUT"] = "POST",
    ) -> str:
        """Take an uploaded charm; return its URL, such as ``local:minio-0``.

        The model remembers `archive`, and the caller keeps the file as long as the model lives.

        Args:
            archive: The uploaded file, zip or not.
            series: ``?series=`` of a POST.
            name: The name asked for, else the one in the metadata.
            revision: The least revision, else the archive's own.
            method: How it came: the messages differ.

        Raises:
            ApiError: the complete text, ``cannot upload charm: ...``, code ``bad request``.
        """
        raise NotImplementedError

    def charm_archive(self, url: str) -> Path:
        """Return the file of an uploaded charm; `ApiError` (not found) when there is none."""
        raise NotImplementedError

    def add_pending_resources(
        self, application: str, url: str, resources: Sequence[Document]
    ) -> list[str]:
        """Register resources that will be uploaded; return their pending ids in order."""
        raise NotImplementedError

    async def put_resource(
        self,
        application: str,
        resource: str,
        pending_id: str | None,
        *,
        filename: str,
        content_type: str,
        fingerprint_hex: str,
        body_path: Path,
    ) -> Document:
        """Take the body of a resource; return the 200 body, ``{"resource": {...}}``.

        The content type, the disposition and the form of the fingerprint are checked here, too.

        Raises:
            ApiError: with the code that decides the HTTP status (section 1.3's table).
        """
        raise NotImplementedError

    def resource_body(self, application: str, resource: str) -> Path:
        """Return the file of a live resource; `ApiError` (not found) when there is none."""
        raise NotImplementedError

    def full_status(self, patterns: Sequence[str] = ()) -> Document:
        """Return the reply of ``Client.FullStatus`` v8."""
        raise NotImplementedError

    def model_delta(self) -> Document:
        """Return the body of the model's own delta."""
        raise NotImplementedError

    def touch(self) -> None:
        """Tell the watchers that config, constraints or the like of the model changed."""
        raise NotImplementedError

    def sequences(self) -> dict[str, int]:
        """Return ``ModelConfig.Sequences``: the next number of applications' units and so on."""
        raise NotImplementedError

    def watch(self) -> ModelWatcher:
        """Return a new all-watcher."""
        raise NotImplementedError

    def destroy(self, *, on_dead: Callable[[], None] | None = None) -> None:
        """Remove every application, then the model; `on_dead` is called once it is gone."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop all timers and watchers, at once, for the end of the controller."""
        raise NotImplementedError
