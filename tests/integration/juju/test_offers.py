"""Offers and exposed endpoints of a bundle, made through the API and read back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.errors import BundleError, RefusedError
from ckf_airgap.juju.applying.deploy import execute, plan_for
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.controller.conditions import new_model
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.juju.world import QUICK, deploy, parse
from tests.unit.juju.samples import charm

PETS = charm(
    """
    name: pets
    provides: {website: {interface: http}, api: {interface: rest}}
    storage: {data: {type: filesystem}}
    options: {kind: {type: string}}
    """
)
BUNDLE = """
bundle: kubernetes
applications:
  pets:
    charm: ./pets.charm
    scale: 1
    options: {juju-external-hostname: pets.example}
    annotations: {gui-x: "1"}
    exposed-endpoints:
      website: {expose-to-cidrs: [10.0.0.0/24], expose-to-spaces: [alpha]}
      "": {}
    offers:
      web: {endpoints: [website], acl: {admin: admin, everyone@external: read}}
      rest: {endpoints: [api, website]}
"""


@pytest.fixture
def pets(tmp_path: Path) -> dict[str, Charm]:
    return {"pets": read_charm(write_standin(PETS, tmp_path / "pets", 1))}


def offers_of(controller: RehearsalController) -> dict[str, tuple[list[str], dict[str, str]]]:
    offers = controller.models["kubeflow"].offers
    return {
        offer.name: (sorted(offer.endpoints.values()), dict(offer.access))
        for offer in offers.of("pets")
    }


async def test_offers_and_exposed_endpoints_are_made_once(
    controller: RehearsalController, kubeflow: JujuTarget, pets: dict[str, Charm]
) -> None:
    events: list[DeployEvent] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        report = await deploy(session, parse(BUNDLE), pets, on_event=events.append)
        again = await plan_for(session, parse(BUNDLE), pets)
    assert again.steps == ()
    assert again.unchanged == ("pets",)
    assert report.offered == ("web", "rest")
    assert report.to_json()["offered"] == ["web", "rest"]
    assert [str(event).split("] ")[1] for event in events[-4:]] == [
        "offered web",
        "granted admin: admin access to web",
        "granted everyone@external: read access to web",
        "offered rest",
    ]
    assert events[-1].done == events[-1].total
    made = offers_of(controller)
    assert made["web"][0] == ["website"]
    assert made["web"][1]["everyone@external"] == "read"
    assert made["rest"][0] == ["api", "website"]
    application = controller.models["kubeflow"].applications["pets"]
    assert application.exposed_endpoints == {
        "website": {"expose-to-spaces": ["alpha"], "expose-to-cidrs": ["10.0.0.0/24"]},
        "": {"expose-to-cidrs": ["0.0.0.0/0", "::/0"]},
    }


async def test_what_differs_is_changed_in_place(
    controller: RehearsalController, kubeflow: JujuTarget, pets: dict[str, Charm]
) -> None:
    changed = (
        BUNDLE.replace("endpoints: [api, website]", "endpoints: [api]")
        .replace("everyone@external: read", "everyone@external: consume")
        .replace('gui-x: "1"', 'gui-x: "2"')
        .replace("10.0.0.0/24", "10.1.0.0/16")
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, parse(BUNDLE), pets)
        plan = await plan_for(session, parse(changed), pets)
        await execute(session, plan)
        again = await plan_for(session, parse(changed), pets)
    assert [step.describe() for step in plan.steps] == [
        "expose pets (website to alpha, 10.1.0.0/16; all endpoints to all)",
        "annotate pets: gui-x=2",
        "grant everyone@external consume access to offer web",
        "change offer rest of pets to api",
    ]
    assert again.steps == ()
    assert offers_of(controller)["rest"][0] == ["api"]
    assert controller.models["kubeflow"].annotations["application-pets"]["gui-x"] == "2"


async def test_nothing_is_done_for_a_user_or_pool_that_is_not_there(
    controller: RehearsalController, kubeflow: JujuTarget, pets: dict[str, Charm]
) -> None:
    text = BUNDLE.replace("everyone@external", "ghost").replace(
        "    scale: 1\n", "    scale: 1\n    storage: {data: 'fast,1G'}\n"
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(BundleError) as caught:
            await plan_for(session, parse(text), pets)
    assert [str(problem).split(" (")[0] for problem in caught.value.problems] == [
        'application pets, offer web: user "ghost" not found',
        'application pets, storage data: pool "fast" not found',
    ]
    assert not controller.models["kubeflow"].applications


async def test_a_pool_that_the_controller_has_is_used(
    controller: RehearsalController, kubeflow: JujuTarget, pets: dict[str, Charm]
) -> None:
    text = BUNDLE.replace("    scale: 1\n", "    scale: 1\n    storage: {data: 'quick,1G'}\n")
    pools = controller.models["kubeflow"].storage.pools
    pools.create("quick", "tmpfs", {})
    async with connect(kubeflow, timeouts=QUICK) as session:
        report = await deploy(session, parse(text), pets)
    assert report.deployed == ("pets",)


async def test_offers_of_an_application_that_is_refused_are_skipped(
    kubeflow: JujuTarget, pets: dict[str, Charm], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.charm"
    broken.write_bytes(b"PK\x03\x04 but no zip")
    spoiled = {"pets": dataclasses.replace(pets["pets"], path=broken)}
    events: list[DeployEvent] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(RefusedError):
            await deploy(session, parse(BUNDLE), spoiled, on_event=events.append)
    skipped = [event for event in events if event.kind is DeployEventKind.SKIPPED]
    assert [event.subject for event in skipped] == [
        "pets",
        "pets",
        *["offer web"] * 3,
        "offer rest",
    ]
    assert skipped[2].detail == "pets is not there"


async def test_a_refused_offer_is_told_and_its_grants_are_skipped(
    kubeflow: JujuTarget, pets: dict[str, Charm]
) -> None:
    bundle: Bundle = parse(BUNDLE)
    events: list[DeployEvent] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        plan = await plan_for(session, bundle, pets)
        steps = tuple(
            dataclasses.replace(step, endpoints=("ghost",))
            if isinstance(step, MakeOffer) and step.offer == "web"
            else step
            for step in plan.steps
        )
        with pytest.raises(RefusedError, match=r'offer web: .*has no "ghost" relation'):
            await execute(session, dataclasses.replace(plan, steps=steps), on_event=events.append)
        again = await plan_for(session, bundle, pets)
    assert [event.kind.value for event in events[-4:]] == [
        "refused",
        "skipped",
        "skipped",
        "offered",
    ]
    kinds = [type(step) for step in again.steps]
    assert kinds == [MakeOffer, GrantOffer, GrantOffer]


async def test_a_model_to_be_made_is_checked_against_its_controller(
    target: Callable[[str], JujuTarget], pets: dict[str, Charm]
) -> None:
    live = await new_model(target("later"))
    assert live.name == "later"
    assert live.features is not None
    assert live.features["juju"].startswith("3.")
    picky = charm("{name: pets, assumes: [juju >= 99], storage: {data: {type: filesystem}}}")
    text = (
        "bundle: kubernetes\napplications: {pets: {charm: ./p.charm, scale: 1, "
        "storage: {data: 'fast,1G'}}}"
    )
    with pytest.raises(BundleError) as caught:
        plan_deployment(parse(text), {"pets": picky}, live)
    assert [str(problem).split(": ")[0] for problem in caught.value.problems] == [
        "application pets, assumes",
        "application pets, storage data",
    ]


async def test_nothing_is_known_of_a_controller_that_cannot_be_asked(tmp_path: Path) -> None:
    live = await new_model(JujuTarget(model="later", juju_data=tmp_path))
    assert live.features is None
