"""A model without a server: told what to do by plain calls, its clock turned by hand."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.repository import CharmRepository
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.deployment import Deployment
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelresources import add_pending_resources, put_resource
from ckf_airgap.rehearsal.units.clock import ManualClock
from ckf_airgap.rehearsal.units.course import Script
from tests.witness.watching import WITNESS

JAMMY: Document = {"name": "ubuntu", "channel": "22.04/stable"}
LOCAL: Document = {"source": "local", "base": JAMMY}
OCTETS = "application/octet-stream"


def charm_zip(
    path: Path,
    metadata: Mapping[str, Any],
    *,
    options: Mapping[str, Any] | None = None,
    bases: list[Document] | None = None,
    members: Mapping[str, str | bytes] | None = None,
    root: str = "",
) -> Path:
    """Write a charm archive."""
    manifest = {"bases": bases if bases is not None else [{"name": "ubuntu", "channel": "22.04"}]}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        texts = {"summary": "A charm.", "description": "Of a test."}
        archive.writestr(f"{root}metadata.yaml", yaml.safe_dump({**texts, **metadata}))
        archive.writestr(f"{root}config.yaml", yaml.safe_dump({"options": dict(options or {})}))
        archive.writestr(f"{root}manifest.yaml", yaml.safe_dump(manifest))
        code = {"dispatch": "#!/bin/sh\nstatus-set active\n", **(members or {})}
        for name, content in code.items():
            archive.writestr(root + name, content)
    return path


@dataclass
class Rehearsal:
    """A model, its clock, and short ways to tell it things."""

    directory: Path
    needed: dict[str, frozenset[str]] = field(default_factory=dict)
    registry: str | None = None
    config: dict[str, JSONValue] = field(default_factory=dict)
    repository: CharmRepository | None = None

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.script = Script(needed_endpoints=self.needed)
        self.model = Model(
            uuid="11111111-1111-4111-8111-111111111111",
            name="kubeflow",
            owner="admin",
            controller_uuid="22222222-2222-4222-8222-222222222222",
            config=self.config,
            clock=self.clock,
            script=self.script,
            registry=self.registry,
            batch_s=0,
        )
        self.model.charms.repository = self.repository

    async def upload(self, name: str, **keys: Any) -> str:
        """Upload a charm with the metadata `keys`; ``options`` and ``bases`` go to their files."""
        extra = {key: keys.pop(key) for key in ("options", "bases", "members") if key in keys}
        metadata = {"name": name, "summary": name, **keys}
        return await self.model.add_charm(charm_zip(self.directory / name, metadata, **extra))

    def deploy(self, name: str, url: str, *, units: int = 1, **keys: Any) -> Application:
        """Deploy an application of a charm."""
        request: dict[str, Any] = {"application": name, "charm_url": url, "origin": LOCAL}
        return applications.deploy(self.model, Deployment(units=units, **(request | keys)))

    async def upload_and_deploy(self, name: str, *, units: int = 1, **keys: Any) -> Application:
        """Upload a charm and deploy it under its own name."""
        return self.deploy(name, await self.upload(name, **keys), units=units)

    def announce(self, application: str, *names: str, kind: str = "oci-image") -> list[str]:
        """Announce resources; return their pending ids."""
        documents: list[Document] = [
            {"name": name, "type": kind, "path": f"{name}.yaml", "origin": "upload"}
            for name in names
        ]
        return add_pending_resources(self.model, application, "", documents)

    async def put(
        self, application: str, name: str, pending_id: str | None, body: str, **keys: Any
    ) -> Document:
        """Upload the body of a resource."""
        path = self.directory / f"{application}-{name}"
        path.write_text(body)
        given: dict[str, Any] = {
            "filename": f"{name}.yaml",
            "content_type": OCTETS,
            "fingerprint_hex": hashlib.sha384(path.read_bytes()).hexdigest(),
        }
        return await put_resource(
            self.model, application, name, pending_id, body_path=path, **(given | keys)
        )

    async def image(self, application: str, name: str, reference: str) -> str:
        """Announce and upload an image; return the pending id."""
        (pending_id,) = self.announce(application, name)
        await self.put(application, name, pending_id, f"registrypath: {reference}\n")
        return pending_id

    async def call(
        self, facade: type[Facade], method: str, params: Any, *, version: int | None = None
    ) -> Any:
        """Call a method of a facade as a logged-in client does."""
        session = SimpleNamespace(model=self.model)
        instance = facade(cast("Session", session))
        if version is not None:
            instance.version = version
        response = await getattr(instance, type(instance).methods[method])(params)
        WITNESS.response(facade.name, instance.version, method, response)
        return response

    def settle(self) -> None:
        """Let time pass until nothing happens any more."""
        self.clock.run()

    def workload(self, unit: str) -> str:
        """Return a unit's workload status and message."""
        status = self.model.topology.unit(unit).workload
        return f"{status.current} {status.message}".strip()

    def agent(self, unit: str) -> str:
        """Return a unit's agent status and message."""
        status = self.model.topology.unit(unit).agent
        return f"{status.current} {status.message}".strip()

    def states(self) -> dict[str, str]:
        """Return the workload status and message of every unit."""
        return {
            name: self.workload(name)
            for application in self.model.applications.values()
            for name in application.units
        }
