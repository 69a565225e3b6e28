from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.documents import load_mapping
from ckf_airgap.juju.applying.deploy import execute, plan_for
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import RegistryAuth
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standin
from tests.unit.juju.samples import KFP, MINIO, MYSQL

REGISTRY = "reg.internal:5000"

BUNDLE = f"""
bundle: kubernetes
name: small
applications:
  minio:
    charm: ./minio_r1.charm
    trust: true
    scale: 2
    options: {{port: 9001, secret-key: hunter2, mode: "line one\\nnull\\n"}}
    resources: {{oci-image: {REGISTRY}/minio:1}}
    constraints: mem=1.5G
    annotations: {{gui-x: "10"}}
  kfp-db:
    charm: ./mysql-k8s_r1.charm
    scale: 1
    resources: {{mysql-image: {REGISTRY}/mysql:8}}
    storage: {{database: 10G}}
  katib-db:
    charm: ./mysql-k8s_r1.charm
    scale: 1
    resources: {{mysql-image: {REGISTRY}/mysql:8}}
  kfp-api:
    charm: ./kfp-api_r1.charm
    scale: 1
    resources: {{oci-image: {REGISTRY}/kfp:1}}
relations:
- [kfp-api, minio]
- ["kfp-db:database", "kfp-api:relational-db"]
"""
SCALES = {"minio": 2, "kfp-db": 1, "katib-db": 1, "kfp-api": 1}

QUICK = JujuTimeouts(
    connect_s=2, call_s=10, upload_s=10, reconnect_s=3, close_s=3, upload_bytes_per_s=1e6
)


@pytest.fixture
async def controller() -> AsyncIterator[RehearsalController]:
    """A controller in the loop of the test, with the models kubeflow and other."""
    async with RehearsalController(models=("kubeflow", "other"), speed=600) as running:
        yield running


@pytest.fixture
def target(controller: RehearsalController) -> Callable[[str], JujuTarget]:
    """Makes the target for a model of the controller."""

    def of(model: str) -> JujuTarget:
        return JujuTarget(model=model, juju_data=controller.juju_data)

    return of


@pytest.fixture
def kubeflow(target: Callable[[str], JujuTarget]) -> JujuTarget:
    return target("kubeflow")


@pytest.fixture
def charms(tmp_path: Path) -> dict[str, Charm]:
    """The charm of each application of `BUNDLE`, from real files."""
    directory = tmp_path / "charms"
    files = {
        charm.name: read_charm(write_standin(charm, directory, 1)) for charm in (MINIO, MYSQL, KFP)
    }
    return {
        "minio": files["minio"],
        "kfp-db": files["mysql-k8s"],
        "katib-db": files["mysql-k8s"],
        "kfp-api": files["kfp-api"],
    }


@pytest.fixture
def bundle() -> Bundle:
    return parse(BUNDLE)


def parse(text: str) -> Bundle:
    """Return a bundle from its YAML."""
    return Bundle.from_document(load_mapping(text, where="bundle"), where="bundle")


async def deploy(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    jobs: int = 8,
    registry_auth: RegistryAuth | None = None,
    on_event: Callable[[DeployEvent], None] | None = None,
) -> DeployReport:
    """Deploy a bundle into the model of a session, or whatever is missing there."""
    plan = await plan_for(session, bundle, charms, registry_auth=registry_auth)
    return await execute(session, plan, jobs=jobs, registry_auth=registry_auth, on_event=on_event)


def client_tasks() -> list[str]:
    """Return the tasks that a client has left running: ours, and those of libjuju."""
    found = []
    for task in asyncio.all_tasks():
        frame = getattr(task.get_coro(), "cr_code", None)
        file = frame.co_filename if frame is not None else ""
        ours = ("/ckf_airgap/juju/", "/ckf_airgap/concurrency", "/juju/", "/websockets/", "_pool/")
        if "/tests/" not in file and "/rehearsal/" not in file and any(x in file for x in ours):
            found.append(f"{task.get_name()} {file} {task.get_coro()}")
    return found
