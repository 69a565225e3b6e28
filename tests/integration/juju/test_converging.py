"""A model becomes what its bundle says: with cuts, kills, removals, and somebody else at it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.documents import Document
from ckf_airgap.juju.applying.converge import Conduct, converge
from ckf_airgap.juju.applying.deploy import plan_for
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.uploadnotes import read_notes
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standin
from tests.faultproxy import FaultProxy
from tests.integration.juju.world import BUNDLE, QUICK, SCALES, client_tasks, parse
from tests.unit.juju.samples import MINIO

Charms = Mapping[str, Charm]

EXPOSED = BUNDLE.replace(
    'annotations: {gui-x: "10"}',
    'annotations: {gui-x: "10", note: "1"}\n    expose: true',
).replace("mode: ", "juju-external-hostname: minio.example, mode: ")


async def deploy(
    session: Session,
    bundle: Bundle,
    charms: Charms,
    *,
    policy: Policy | None = None,
    on_event: Callable[[DeployEvent], None] | None = None,
) -> DeployReport:
    """Deploy a bundle, and go on when the connection was lost."""

    async def replan() -> Plan:
        return await plan_for(session, bundle, charms, policy=policy or Policy())

    conduct = Conduct(replan=replan, on_event=on_event, jobs=2)
    return await converge(session, await replan(), conduct)


def made_of(controller: RehearsalController, model: str = "kubeflow") -> Document:
    """Return what a model is made of, apart from revisions, history and the order of things."""
    held = controller.models[model]
    found: Any = {}
    for name, application in held.applications.items():
        annotations = dict(held.annotations.get(f"application-{name}", {}))
        record = DeploymentRecord.parse(annotations.pop(RECORD_KEY, None))
        assert record is not None, f"nobody noted what {name} was deployed from"
        assert record.charm_url == application.charm_url
        found[name] = [
            record.charm_sha256,
            annotations,
            application.settings,
            application.own_settings,
            application.constraints,
            application.exposed_endpoints,
            application.scale,
            {item.name: item.fingerprint for item in application.resources.values()},
            sorted(
                relation.key for relation in application.relations.values() if not relation.is_peer
            ),
        ]
    return {name: found[name] for name in sorted(found)}


def deployed(controller: RehearsalController, model: str = "kubeflow") -> list[str]:
    """Return the applications that were deployed, each as often as it was."""
    return [
        str(item["application"])
        for request in controller.models[model].requests
        if f"{request.facade}.{request.method}" == "Application.Deploy"
        for item in request.params["applications"]  # type: ignore[union-attr]
        if isinstance(item, dict)
    ]


async def test_prune_removes_what_the_bundle_does_not_have(
    controller: RehearsalController, kubeflow: JujuTarget, charms: Charms
) -> None:
    smaller = parse(BUNDLE.replace('- ["kfp-db:database", "kfp-api:relational-db"]\n', ""))
    smaller = Bundle.from_document(
        {
            **smaller.document,
            "applications": {
                name: fields
                for name, fields in smaller.document["applications"].items()  # type: ignore[union-attr]
                if name != "katib-db"
            },
        },
        where="smaller",
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, parse(BUNDLE), charms)
        kept = await deploy(session, smaller, charms)
        assert kept.plan.steps == ()
        assert {*controller.models["kubeflow"].applications} == {*SCALES}
        report = await deploy(session, smaller, charms, policy=Policy(prune=True))
        assert {*report.removed} == {"kfp-api:relational-db kfp-db:database", "katib-db"}
        held = controller.models["kubeflow"]
        for _ in range(500):
            keys = {relation.key for relation in held.relations}
            if "katib-db" not in held.applications and not keys & {*report.removed}:
                break
            await asyncio.sleep(0.02)
        again = await deploy(session, smaller, charms, policy=Policy(prune=True))
    assert again.plan.steps == ()
    assert {*controller.models["kubeflow"].applications} == {"minio", "kfp-db", "kfp-api"}


async def test_an_application_is_replaced_and_related_again(
    controller: RehearsalController, kubeflow: JujuTarget, charms: Charms, tmp_path: Path
) -> None:
    storage: Document = {"data": {"type": "filesystem", "location": "/data"}}
    metadata: Document = {**MINIO.metadata, "storage": storage}
    charm = dataclasses.replace(MINIO, metadata=metadata)
    other = write_standin(charm, tmp_path / "other", 2)
    changed = {**charms, "minio": read_charm(other)}
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, parse(BUNDLE), charms)
        plan = await plan_for(session, parse(BUNDLE), changed)
        assert [refusal.application for refusal in plan.refused] == ["minio"]
        policy = Policy(replace=frozenset({"minio"}))
        report = await deploy(session, parse(BUNDLE), changed, policy=policy)
        again = await plan_for(session, parse(BUNDLE), changed)
    assert report.removed == report.deployed == ("minio",)
    assert report.related == ("kfp-api:object-storage minio:object-storage",)
    assert again.steps == ()
    assert deployed(controller).count("minio") == 2


@pytest.mark.parametrize("seed", range(8))
async def test_a_lost_connection_does_not_end_a_deployment(
    controller: RehearsalController,
    target: Callable[[str], JujuTarget],
    charms: Charms,
    tmp_path: Path,
    seed: int,
) -> None:
    bundle = parse(EXPOSED)
    async with connect(target("other"), timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
    async with FaultProxy(controller.endpoint, seed=seed) as proxy:
        store = proxy.client_store(controller.juju_data, tmp_path)
        there = JujuTarget(model="kubeflow", juju_data=store)
        async with connect(there, timeouts=QUICK) as session:
            plan = await plan_for(session, bundle, charms)
            events: list[DeployEvent] = []
            proxy.random_cut(1000, 30_000)

            async def replan() -> Plan:
                return await plan_for(session, bundle, charms)

            conduct = Conduct(replan=replan, jobs=2, on_event=events.append)
            report = await converge(session, plan, conduct)
    assert made_of(controller) == made_of(controller, "other")
    assert sorted(report.deployed) == sorted(SCALES)
    assert len(report.related) == 2
    assert events[-1].done == events[-1].total
    assert client_tasks() == []


@pytest.mark.parametrize(
    "kind", [DeployEventKind.UPLOADED, DeployEventKind.DEPLOYED, DeployEventKind.RELATED]
)
async def test_a_killed_deployment_is_finished_without_sending_anything_again(
    controller: RehearsalController,
    kubeflow: JujuTarget,
    target: Callable[[str], JujuTarget],
    charms: Charms,
    kind: DeployEventKind,
) -> None:
    bundle = parse(EXPOSED)
    async with connect(target("other"), timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
    killed = asyncio.Event()
    told: list[str] = []

    def kill(event: DeployEvent) -> None:
        if killed.is_set():
            return
        if event.kind is DeployEventKind.UPLOADED:
            told.append(event.subject)
        if event.kind is kind:
            killed.set()

    async with connect(kubeflow, timeouts=QUICK) as session:
        task = asyncio.ensure_future(deploy(session, bundle, charms, on_event=kill))
        await killed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    sent: list[str] = []

    def note(event: DeployEvent) -> None:
        if event.kind is DeployEventKind.UPLOADING:
            sent.append(event.subject)

    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms, on_event=note)
        assert await read_notes(session.api, session.uuid) == UploadNotes()
    assert not {*sent} & {*told}
    assert made_of(controller) == made_of(controller, "other")


async def test_two_deployments_side_by_side_end_well(
    controller: RehearsalController, target: Callable[[str], JujuTarget], charms: Charms
) -> None:
    bundle = parse(EXPOSED)
    async with connect(target("other"), timeouts=QUICK) as session:
        await deploy(session, bundle, charms)

    async def one() -> DeployReport:
        async with connect(target("kubeflow"), timeouts=QUICK) as session:
            return await deploy(session, bundle, charms)

    first, second = await asyncio.gather(one(), one())
    assert made_of(controller) == made_of(controller, "other")
    assert sorted([*first.deployed, *second.deployed]) == sorted(SCALES)
