from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import RefusedError
from ckf_airgap.facts.upgrades import ReleaseUpgrade
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.planreading import KnownModel
from ckf_airgap.juju.planning.differences import Difference, Foreign, Policy, Refusal
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.offers import GrantOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import ResetOptions, Scale, UploadCharm
from ckf_airgap.operations import modelplan
from ckf_airgap.operations.modelplan import ModelPlanner, ordering_of, remaining_of
from ckf_airgap.rendering.overlay import Rendering
from ckf_airgap.rendering.proof import Proof
from tests.unit.juju.applying.steps import deploy
from tests.unit.juju.samples import KFP, MINIO, MYSQL, bundle

SCALED = Difference(application="a", kind="scale", old=1, new=2)
SCALE = Scale(application="a", scale=2, was=1, differences=(SCALED,))
RESET = ResetOptions(
    application="a",
    names=("x",),
    differences=(Difference(application="a", kind="option", name="x", old="1"),),
)


def test_what_a_plan_still_has_is_what_remains() -> None:
    upload = UploadCharm(
        charm="x", revision=1, path=Path("x.charm"), size_bytes=1, applications=("a",)
    )
    grant = GrantOffer(application="a", offer="web", user="me", access="read")
    found = remaining_of(Plan(model="m", steps=(upload, SCALE, grant)), Plan(model="m"))
    assert found == (
        SCALED,
        Difference(application="a", kind="offer", name="web", new=grant.describe(), is_known=False),
    )
    assert remaining_of(Plan(model="m"), Plan(model="m", steps=(SCALE,))) == ()


def test_what_was_reset_and_is_now_taken_for_foreign_remains() -> None:
    foreign = (
        Foreign(application="a", kind="option", name="x", value="1"),
        Foreign(application="a", kind="option", name="y", value="1"),
        Foreign(application="b", kind="option", name="x", value="1"),
    )
    (found,) = remaining_of(Plan(model="m", foreign=foreign), Plan(model="m", steps=(RESET,)))
    assert (found.application, found.kind, found.name, found.old, found.new) == (
        "a",
        "option",
        "x",
        "1",
        None,
    )


def test_what_juju_would_refuse_now_remains() -> None:
    refusal = Refusal(application="a", kind="storage", name="data", what="it moves")
    found = remaining_of(Plan(model="m", refused=(refusal,)), Plan(model="m"))
    assert found == (
        Difference(application="a", kind="storage", name="data", reason="it moves", is_known=False),
    )


def test_the_facts_name_charms_and_the_order_names_applications() -> None:
    rendering = Rendering(
        bundle=bundle("applications: {db: {charm: ./x.charm}}"),
        overlay={},
        charms={"db": MYSQL, "minio": MINIO, "other-db": MYSQL, "api": KFP},
        replacements=(),
        proof=Proof(mapping=(), places=0, used=frozenset(), unused=()),
        registry=Registry("r.example"),
        after={"api": frozenset({"db"})},
    )
    upgrades = {"2": ReleaseUpgrade(release="2", previous="1", first=("mysql-k8s", "x", "minio"))}
    found = ordering_of(rendering, "2", upgrades)
    assert found.first == ("db", "other-db", "minio")
    assert found.prerequisites == {"api": frozenset({"db"})}
    assert ordering_of(rendering, "3", upgrades).first == ()
    assert dataclasses.replace(found, first=()) == ordering_of(rendering, "", upgrades)


class Asked:
    """Stands for reading and planning: remembers what it was asked with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, architecture: str | None) -> None:
        self.known = KnownModel(live=LiveModel(name="m"))
        self.read: tuple[object, ...] = ()
        self.planned: tuple[object, ...] = ()
        self.architecture = architecture
        self.plan = Plan(model="m", steps=(deploy("minio"), deploy("db")))
        monkeypatch.setattr(modelplan, "read_for_plan", self.read_for_plan)
        monkeypatch.setattr(modelplan, "plan_deployment", self.plan_deployment)
        monkeypatch.setattr(modelplan, "model_architecture", self.model_architecture)

    async def read_for_plan(self, *args: object, **fields: object) -> KnownModel:
        self.read = (*args, fields)
        return self.known

    def plan_deployment(self, *args: object) -> Plan:
        self.planned = args
        return self.plan

    async def model_architecture(self, api: object) -> str | None:
        assert api == "the API"
        return self.architecture


def rendered(**otherwise: dict[str, Charm | None]) -> Rendering:
    return Rendering(
        bundle=bundle("applications: {db: {charm: ./x.charm}}"),
        overlay={},
        charms={"minio": MINIO, "db": MYSQL},
        replacements=(),
        proof=Proof(mapping=(), places=0, used=frozenset(), unused=()),
        registry=Registry("r.example"),
        otherwise=otherwise,
    )


def name(charm: Charm) -> str:
    assert charm.path is not None
    return charm.path.name


SESSION = cast("Session", SimpleNamespace(api="the API", model_name="m"))


async def test_a_model_is_read_and_planned_with_the_same_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(monkeypatch, "arm64")
    rendering, policy = rendered(), Policy(prune=True)
    logins = cast("PullLogins", object())
    planner = ModelPlanner(SESSION, rendering, logins, policy)
    before = planner.known
    assert await planner.plan() is asked.plan
    assert before is None
    assert planner.known is asked.known
    fields = {"registry_auth": logins, "policy": policy}
    assert asked.read == (SESSION, rendering.bundle, rendering.charms, fields)
    known = asked.known
    assert asked.planned == (
        rendering.bundle,
        rendering.charms,
        known.live,
        known.identities,
        policy,
    )


async def test_charms_that_were_chosen_for_another_architecture_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Asked(monkeypatch, "arm64")
    rendering = rendered(minio={"arm64": MYSQL}, db={"arm64": None}, gone={"arm64": MYSQL})
    with pytest.raises(RefusedError) as caught:
        await ModelPlanner(SESSION, rendering, None, Policy()).plan()
    assert [(problem.where, problem.what) for problem in caught.value.problems] == [
        ("application minio", f"{name(MINIO)} was chosen for amd64; for arm64 it is {name(MYSQL)}"),
        ("application db", f"{name(MYSQL)} was chosen for amd64; for arm64 it is none"),
    ]
    assert "--arch arm64" in caught.value.fix


@pytest.mark.parametrize("architecture", [None, "amd64"])
async def test_the_architecture_for_which_they_were_chosen_is_fine(
    monkeypatch: pytest.MonkeyPatch, architecture: str | None
) -> None:
    asked = Asked(monkeypatch, architecture)
    rendering = rendered(minio={"arm64": MYSQL})
    assert await ModelPlanner(SESSION, rendering, None, Policy()).plan() is asked.plan
