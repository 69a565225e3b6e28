from __future__ import annotations

import dataclasses
from pathlib import Path

from ckf_airgap.facts.upgrades import ReleaseUpgrade
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.planning.differences import Difference, Foreign, Refusal
from ckf_airgap.juju.planning.offers import GrantOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import ResetOptions, Scale, UploadCharm
from ckf_airgap.operations.modelplan import ordering_of, remaining_of
from ckf_airgap.rendering.overlay import Rendering
from ckf_airgap.rendering.proof import Proof
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
    (found,) = remaining_of(Plan(model="m", refused=(refusal,)), Plan(model="m"))
    assert (found.application, found.kind, found.name, found.reason) == (
        "a",
        "storage",
        "data",
        "it moves",
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
