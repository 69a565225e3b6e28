"""A controller in memory that takes the calls of a deployment, and does with them as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.concurrency import Deadline
from ckf_airgap.documents import Document
from ckf_airgap.errors import AirgapError
from ckf_airgap.juju.applying.converge import Conduct
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.controller.api import (
    ALREADY_EXISTS,
    NOT_FOUND,
    CallRefusedError,
    ConnectionLostError,
)
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.upload import UploadedCharm
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY, UploadNotes

FACADES = {
    "AddPendingResources": "Resources",
    "FullStatus": "Client",
    "Get": "Annotations",
    "List": "Charms",
    "ModifyOfferAccess": "ApplicationOffers",
    "Offer": "ApplicationOffers",
    "Set": "Annotations",
}
"""The facade of each method that is not one of ``Application``."""


class FakeController:
    """One model: applications with their charms, relations, annotations.

    Attributes:
        calls: Each call, ``Deploy a b`` with what it is about, in order.
        params: The parameters of the last call of each method.
        sent: Each upload: the file's name, or ``application/resource=value`` with its pending id.
        refuses: The error of what is asked: of ``Deploy a``, or of an upload as in `sent`.
        loses: After how many more calls of a method the connection is lost, by the method; whether
            the call is carried out all the same.
        sends_in_s: How long an upload takes, if it is not a moment.
        logins: The logins that came with each resource.
        answers_in_s: How long the answer to a method takes, if it does not come at once.
        going: How often more a removed application is listed, before it is gone.
        lingering: The same for relations, by their keys.
    """

    def __init__(self, **applications: str) -> None:
        self.applications: dict[str, str] = dict(applications)
        self.relations: list[str] = []
        self.annotations: dict[str, dict[str, str]] = {}
        self.charms: list[str] = []
        self.pending: dict[str, str] = {}
        self.calls: list[str] = []
        self.params: dict[str, Document] = {}
        self.sent: list[str] = []
        self.connections = 0
        self.logins: list[PullLogins | None] = []
        self.refuses: dict[str, AirgapError] = {}
        self.loses: dict[str, tuple[int, bool]] = {}
        self.going: dict[str, int] = {}
        self.lingering: dict[str, int] = {}
        self.sends_in_s: dict[str, float] = {}
        self.answers_in_s: dict[str, float] = {}
        self.under_way: set[str] = set()
        self.before: Callable[[str], None] = lambda _: None
        """Called before each call is carried out."""

    # As `Api`

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        """Carry out a call; raise the first error."""
        assert facade == FACADES.get(method, "Application"), method
        response = await self._response(method, params or {})
        for entry in cast("list[Any]", response.get("results", [])):
            if isinstance(entry, CallRefusedError):
                raise entry
        return response

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        """Carry out a call; return the outcome of each entry."""
        assert facade == FACADES.get(method, "Application"), method
        response = await self._response(method, params or {})
        return cast("list[Document | CallRefusedError]", response["results"])

    async def _response(self, method: str, params: Document) -> Document:
        about = self._about(method, params)
        call = f"{method} {about}".strip()
        self.before(call)
        self.calls.append(call)
        self.params[method] = params
        await asyncio.sleep(0)
        left, is_carried_out = self.loses.get(method, (0, False))
        lost = left == 1
        if left:
            self.loses[method] = (left - 1, is_carried_out)
        if lost and not is_carried_out:
            raise ConnectionLostError("it broke")
        if call in self.refuses:
            raise self.refuses[call]
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", method).lower()
        answer: Callable[[Document], Document] = getattr(self, f"on_{name}", lambda _: {})
        response = answer(params)
        if method in self.answers_in_s:
            await asyncio.sleep(self.answers_in_s[method])
        if lost:
            raise ConnectionLostError("it broke")
        return response

    @staticmethod
    def _about(method: str, params: Document) -> str:
        match method:
            case "Deploy":
                return " ".join(item["application"] for item in cast("Any", params)["applications"])
            case "AddRelation" | "DestroyRelation":
                return " ".join(cast("list[str]", params["endpoints"]))
            case "DestroyApplication" | "ScaleApplications":
                return str(cast("Any", params)["applications"][0]["application-tag"])[12:]
            case "Set":
                return " ".join(item["entity"] for item in cast("Any", params)["annotations"])
            case "SetConfigs" | "UnsetApplicationsConfig":
                return str(cast("Any", params)["Args"][0]["application"])
            case "AddPendingResources":
                return str(params["tag"])[12:]
            case _:
                return str(params.get("application", ""))

    def on_deploy(self, params: Document) -> Document:
        results: list[Any] = []
        for item in cast("Any", params)["applications"]:
            name = item["application"]
            refusal = self.refuses.get(f"Deploy {name}")
            if refusal is None and name in self.applications:
                refusal = CallRefusedError("application already exists", code=ALREADY_EXISTS)
            if refusal is None:
                assert item["charm-url"] in self.charms
                assert all(one in self.pending for one in item.get("resources", {}).values())
                self.applications[name] = item["charm-url"]
            results.append(refusal or {})
        return {"results": results}

    def on_set_charm(self, params: Document) -> Document:
        assert params["charm-url"] in self.charms
        self.applications[str(params["application"])] = str(params["charm-url"])
        return {}

    def on_add_pending_resources(self, params: Document) -> Document:
        ids = []
        for resource in cast("Any", params)["resources"]:
            ids.append(f"id-{len(self.pending)}")
            self.pending[ids[-1]] = f"{str(params['tag'])[12:]}/{resource['name']}"
        return {"pending-ids": [*ids]}

    def on_add_relation(self, params: Document) -> Document:
        ends = cast("list[str]", params["endpoints"])
        assert all(end.partition(":")[0] in self.applications for end in ends)
        key = " ".join(ends)
        if key in self.relations:
            raise CallRefusedError(f"relation {key}", code=ALREADY_EXISTS)
        self.relations.append(key)
        return {}

    def on_destroy_relation(self, params: Document) -> Document:
        key = " ".join(cast("list[str]", params["endpoints"]))
        if key not in self.relations:
            raise CallRefusedError("no such relation", code=NOT_FOUND)
        if not self.lingering.get(key):
            self.relations.remove(key)
        return {}

    def on_destroy_application(self, params: Document) -> Document:
        name = self._about("DestroyApplication", params)
        if name not in self.applications:
            raise CallRefusedError("no such application", code=NOT_FOUND)
        if not self.going.get(name):
            del self.applications[name]
        return {"results": [{}]}

    def on_set(self, params: Document) -> Document:
        errors: list[Any] = []
        for item in cast("Any", params)["annotations"]:
            tag = item["entity"]
            refusal = self.refuses.get(f"annotations {tag}")
            if refusal is not None:
                errors.append(
                    CallRefusedError(f'while setting annotations to "{tag}": {refusal.message}')
                )
                continue
            held = self.annotations.setdefault(tag, {})
            held.update(item["annotations"])
            for key in [key for key, value in held.items() if not value]:
                del held[key]
        return {"results": errors}

    def on_get(self, params: Document) -> Document:
        tags = [item["tag"] for item in cast("Any", params)["entities"]]
        return {"results": [{"annotations": {**self.annotations.get(tag, {})}} for tag in tags]}

    def on_list(self, params: Document) -> Document:
        assert params == {"names": []}
        return {"charm-urls": [*self.charms]}

    def on_full_status(self, params: Document) -> Document:
        shown: Document = {}
        for key in [*self.lingering]:
            self.lingering[key] -= 1
            if self.lingering[key] < 0:
                del self.lingering[key]
                self.relations.remove(key)
        for name, url in [*self.applications.items()]:
            life = "alive"
            if name in self.going:
                life = "dying"
                self.going[name] -= 1
                if self.going[name] < 0:
                    del self.applications[name], self.going[name]
                    continue
            shown[name] = {
                "charm": url,
                "life": life,
                "units": {
                    f"{name}/0": {
                        "workload-status": {"status": "error", "info": "hook failed: stop"},
                        "agent-status": {"status": "executing"},
                    }
                },
            }
        return {
            "applications": shown,
            "relations": [
                {"id": number, "key": key, "endpoints": []}
                for number, key in enumerate(self.relations)
            ],
        }

    # As `Sender`

    async def upload_charm(self, path: Path) -> UploadedCharm:
        """Take a charm; its content need not be one."""
        await self._send(path.name)
        url = f"local:{path.stem}-{len(self.charms)}"
        self.charms.append(url)
        return UploadedCharm(url=url, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    async def upload_resource(
        self,
        application: str,
        resource: ResourceUpload,
        pending_id: str | None,
        auth: PullLogins | None = None,
    ) -> None:
        """Take a resource."""
        self.logins.append(auth)
        assert pending_id is None or self.pending[pending_id] == f"{application}/{resource.name}"
        await self._send(f"{application}/{resource.name}={resource.value} {pending_id}")

    async def _send(self, what: str) -> None:
        self.sent.append(what)
        self.under_way.add(what)
        await asyncio.sleep(self.sends_in_s.get(what, 0.001))
        self.under_way.discard(what)
        if what in self.refuses:
            raise self.refuses[what]

    # For tests

    def of(self, *methods: str) -> list[str]:
        """Return the calls of these methods, in order."""
        return [call for call in self.calls if call.partition(" ")[0] in methods]

    def conduct(self, events: list[DeployEvent] | None = None, **fields: Any) -> Conduct:
        """Return how a plan is carried out on this controller."""

        @contextlib.asynccontextmanager
        async def open_sender(_session: Session, connections: int) -> AsyncIterator[Any]:
            self.connections = connections
            yield self

        tell = events.append if events is not None else None
        return Conduct(open_sender=open_sender, on_event=tell, **fields)

    def session(self, *, until: float | None = None) -> Session:
        """Return a session with this controller."""

        async def reconnected(until: float | None = None) -> None:
            self.calls.append("reconnected")

        @contextlib.asynccontextmanager
        async def controller_api() -> AsyncIterator[FakeController]:
            yield self

        return cast(
            "Session",
            SimpleNamespace(
                api=self,
                uuid="u",
                model_name="m",
                deadline=Deadline(until),
                reconnected=reconnected,
                controller_api=controller_api,
                controller=SimpleNamespace(user="admin"),
                entry=SimpleNamespace(qualified_name="admin/m"),
            ),
        )


def replanning(*plans: Plan) -> Any:
    """Return what plans again: one plan after the other."""
    left = [*plans]

    async def replan() -> Plan:
        return left.pop(0)

    return replan


def refused(text: str = "no") -> CallRefusedError:
    return CallRefusedError(text)


def record_of(controller: FakeController, application: str) -> DeploymentRecord | None:
    annotations = controller.annotations.get(f"application-{application}", {})
    return DeploymentRecord.parse(annotations.get(RECORD_KEY))


def notes_of(controller: FakeController) -> UploadNotes:
    return UploadNotes.parse(controller.annotations.get("model-u", {}).get(NOTES_KEY))
