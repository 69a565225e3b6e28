"""Bundles of other teams, deployed whole with their own overlays from stand-ins of their charms."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import NamedTuple

import pytest

from ckf_airgap.documents import dump_yaml, load_mapping
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.operations.deploying import deploy
from ckf_airgap.operations.rehearsing import Rehearsal, rehearse
from ckf_airgap.operations.rendering import read_and_render
from ckf_airgap.operations.watching import watch_model
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.units.course import Script
from tests.integration.operations.foreign import REGISTRY, Foreign, read_facts, rebuild

MODEL = "foreign"
SPEED = 600.0
IDLE_S = 0.1

NAMES = ["cos-lite", "identity-platform", "postgresql-k8s", "kafka-k8s"]
COS_OVERLAYS = ("storage-small", "tls", "three-nodes", "offers", "testing")
OFFERS = {
    "alertmanager-karma-dashboard",
    "grafana-dashboards",
    "loki-logging",
    "prometheus-receive-remote-write",
}


class Case(NamedTuple):
    """A bundle with overlays, and what it makes: how many of each, counted in the originals."""

    bundle: str
    overlays: tuple[str, ...]
    applications: int
    units: int
    relations: int
    images: int
    offers: int = 0
    all_overlays: bool = False

    @property
    def label(self) -> str:
        """The case, for a person."""
        return "+".join((self.bundle, *self.overlays))


CASES = (
    Case("cos-lite", (), 6, 6, 20, 8),
    Case("cos-lite", ("storage-small",), 6, 6, 20, 8),
    Case("cos-lite", ("tls",), 7, 7, 26, 8),
    Case("cos-lite", ("three-nodes",), 6, 14, 20, 8),
    Case("cos-lite", ("offers",), 6, 6, 20, 8, offers=4),
    Case("cos-lite", ("testing",), 7, 9, 21, 9),
    Case("cos-lite", COS_OVERLAYS, 8, 16, 27, 9, offers=4, all_overlays=True),
    Case("identity-platform", (), 8, 8, 15, 6),
    Case("identity-platform", ("testing",), 8, 8, 15, 6, all_overlays=True),
    Case("postgresql-k8s", (), 8, 9, 12, 3, all_overlays=True),
    Case("kafka-k8s", (), 2, 4, 1, 2),
    Case("kafka-k8s", ("tls",), 3, 5, 3, 2, all_overlays=True),
)


def controller_for(foreign: Foreign) -> RehearsalController:
    return RehearsalController(
        models=[MODEL],
        speed=SPEED,
        script=Script(needed_endpoints=foreign.needed),
        registry=REGISTRY,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
async def test_all_of_a_bundle_becomes_active_and_is_not_deployed_twice(
    case: Case, tmp_path: Path
) -> None:
    foreign = rebuild(case.bundle, tmp_path)
    inputs = foreign.inputs(*case.overlays)
    async with controller_for(foreign) as controller:
        target = JujuTarget(model=MODEL, juju_data=controller.juju_data)
        made = await deploy(inputs, target, timeout_s=60, idle_period_s=IDLE_S)
        again = await deploy(inputs, target, dry_run=True)
        findings = list(controller.models[MODEL].findings)
    assert made.report is not None
    assert made.waited is not None
    snapshot = made.waited.snapshot
    assert len(snapshot.applications) == case.applications
    assert len(list(snapshot.units)) == case.units
    assert {unit.workload.current for unit in snapshot.units} == {"active"}
    assert {unit.agent.current for unit in snapshot.units} == {"idle"}
    assert len(made.report.related) == case.relations
    assert len(made.report.offered) == case.offers
    assert len(made.images) == case.images
    assert all(image.seen for image in made.images)
    assert all(is_ours(image.replacement.target) for image in made.images)
    assert [warning.where for warning in made.warnings] == foreign.numbered()
    assert findings == []
    assert list(again.plan.steps) == []


async def test_bundles_are_rehearsed_with_all_their_overlays(tmp_path: Path) -> None:
    """Without a list of images, and with what the relations show about the endpoints."""
    whole = [case for case in CASES if case.all_overlays]
    assert [case.bundle for case in whole] == NAMES

    async def rehearsed(case: Case) -> Rehearsal:
        directory = tmp_path / case.bundle
        directory.mkdir()
        foreign = rebuild(case.bundle, directory)
        assert set(case.overlays) == set(foreign.overlays)
        inputs = foreign.inputs(*case.overlays)
        inputs = dataclasses.replace(inputs, mapping=None, registry=REGISTRY)
        return await rehearse(inputs, speed=SPEED, timeout_s=60)

    rehearsals = await asyncio.gather(*(rehearsed(case) for case in whole))
    for case, rehearsal in zip(whole, rehearsals, strict=True):
        deployment = rehearsal.deployment
        assert rehearsal.findings == (), case.label
        assert deployment.waited is not None
        assert len(list(deployment.waited.snapshot.units)) == case.units
        assert len(deployment.images) == case.images
        assert all(image.seen for image in deployment.images)


async def test_what_overlays_say_is_in_the_model(tmp_path: Path) -> None:
    foreign = rebuild("cos-lite", tmp_path)
    async with controller_for(foreign) as controller:
        target = JujuTarget(model=MODEL, juju_data=controller.juju_data)
        await deploy(foreign.inputs(*COS_OVERLAYS), target, wait_idle=False)
        model = controller.models[MODEL]
        offers = {
            offer.name: sorted(offer.endpoints.values())
            for name in model.applications
            for offer in model.offers.of(name)
        }
    loki, alertmanager = model.applications["loki"], model.applications["alertmanager"]
    assert sizes(loki) == {"active-index-directory": 2048, "loki-chunks": 10240}
    assert sizes(alertmanager) == {"data": 2048}
    assert loki.settings == {"cpu": "1m", "memory": "1Mi"}
    assert loki.constraints["tags"] == [
        "anti-pod.app.kubernetes.io/name=loki",
        "anti-pod.topology-key=kubernetes.io/hostname",
    ]
    assert len(alertmanager.units) == 2
    assert len(loki.units) == 3
    assert set(offers) == OFFERS
    assert offers["loki-logging"] == ["logging"]


async def test_a_unit_without_its_relation_stays_blocked(tmp_path: Path) -> None:
    foreign = rebuild("kafka-k8s", tmp_path)
    text = foreign.bundle.read_text(encoding="utf-8")
    alone = {**load_mapping(text, where="bundle"), "relations": []}
    foreign.bundle.write_text(dump_yaml(alone), encoding="utf-8")
    async with controller_for(foreign) as controller:
        target = JujuTarget(model=MODEL, juju_data=controller.juju_data)
        await deploy(foreign.inputs(), target, wait_idle=False)
        blocked = await asyncio.wait_for(blocked_units(target), 20)
    assert list(blocked) == ["kafka-k8s/0"]
    assert "zookeeper" in blocked["kafka-k8s/0"]


def test_all_overlays_in_one_file_are_applied_one_after_the_other(tmp_path: Path) -> None:
    foreign = rebuild("cos-lite", tmp_path)
    apart = foreign.inputs(*COS_OVERLAYS)
    together = tmp_path / "all.yaml"
    texts = [foreign.overlays[name].read_text(encoding="utf-8") for name in COS_OVERLAYS]
    together.write_text("---\n".join(texts), encoding="utf-8")
    joined = dataclasses.replace(apart, overlays=(together,))
    assert read_and_render(joined).bundle_yaml() == read_and_render(apart).bundle_yaml()


@pytest.mark.parametrize("name", NAMES)
def test_facts_say_where_they_are_from(name: str) -> None:
    facts = read_facts(name)
    charms = facts["charms"]
    overlays = facts.get("overlays") or {}
    assert isinstance(charms, dict)
    assert isinstance(overlays, dict)
    for one in (facts, *charms.values(), *overlays.values()):
        assert isinstance(one, dict)
        source = one["source"]
        assert isinstance(source, dict)
        assert str(source["repo"]).startswith("canonical/")
        assert len(str(source["commit"])) == 40


async def blocked_units(target: JujuTarget) -> dict[str, str]:
    """Wait until each unit has come to its end, and return what those say that are blocked."""
    async for snapshot in watch_model(target):
        units = list(snapshot.units)
        if units and {unit.workload.current for unit in units} <= {"active", "blocked"}:
            return {u.name: u.workload.message for u in units if u.workload.current == "blocked"}
    raise AssertionError("the model went away")


def is_ours(image: ImageReference) -> bool:
    return str(image).startswith(f"{REGISTRY}/")


def sizes(application: Application) -> dict[str, int]:
    """Return how large each store of an application is to be, in MiB."""
    return {name: stored.size_mib for name, stored in application.storage_constraints.items()}
