"""What differs, is left alone or refused is told whole, and secrets of options are hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.charms.charm import Base
from ckf_airgap.errors import Problem, RefusedError
from ckf_airgap.juju.planning.differences import Difference, Foreign, Kind, Refusal
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    DeployApplication,
    RemoveApplication,
    RemoveRelation,
    ResetOptions,
    Scale,
    UploadCharm,
)

API, DB = EndpointRef("api", "sql"), EndpointRef("db", "sql")
PATH = Path("/charms/db.charm")
FOREIGN = Foreign(application="api", kind="option", name="size", value=3, fix="reset it")
REFUSAL = Refusal(
    application="db",
    kind="storage",
    what="it cannot grow",
    name="data",
    fix="replace it",
    lost=("storage data/0",),
)


def test_a_difference_is_told_with_both_values() -> None:
    item = Difference(application="db", kind="option", name="size", old="1", new="2", reason="why")
    told = {
        "application": "db",
        "kind": "option",
        "name": "size",
        "old": "1",
        "new": "2",
        "reason": "why",
    }
    assert item.to_json() == told
    unknown = Difference(
        application="db",
        kind="option",
        name="size",
        old="1",
        new="2",
        reason="why",
        is_known=False,
    )
    assert unknown.to_json() == {**told, "old-unknown": True}


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "hides"),
    [
        ("option", "size", "1", "2", False),
        ("option", "password", None, "hunter2", True),
        ("option", "password", "hunter2", None, True),
        ("annotation", "note", "token: x", "token: true", True),
        ("resource", "token", "r/x:1", "r/x:2", False),
    ],
)
def test_a_difference_knows_whether_it_hides_something(
    kind: Kind, name: str, old: str | None, new: str | None, hides: bool
) -> None:
    assert Difference(application="db", kind=kind, name=name, old=old, new=new).hides is hides


def test_what_is_foreign_is_told_with_what_removes_it() -> None:
    assert FOREIGN.to_json() == {
        "application": "api",
        "kind": "option",
        "name": "size",
        "value": 3,
        "fix": "reset it",
    }
    assert FOREIGN.names == ("api", "option", "size")
    relation = Foreign(application="api", kind="relation", name="api:a db:b")
    assert relation.names == ("relation", "api:a db:b")


def test_what_is_refused_is_told_with_what_replacing_would_lose() -> None:
    assert REFUSAL.to_json() == {
        "application": "db",
        "kind": "storage",
        "name": "data",
        "what": "it cannot grow",
        "fix": "replace it",
        "lost": ["storage data/0"],
    }
    assert REFUSAL.problem == Problem("it cannot grow", "application db", "replace it")


UPLOAD = UploadCharm(charm="db", revision=1, path=PATH, size_bytes=1, applications=("db",))
DEPLOY = DeployApplication(
    application="db",
    charm="db",
    charm_path=PATH,
    base=Base(name="ubuntu", channel="22.04"),
    architecture="amd64",
    scale=1,
    trust=False,
)
REMOVE, UNRELATE = (
    RemoveApplication(application="old"),
    RemoveRelation(requirer=API, provider=DB),
)
RESET, SCALE = (
    ResetOptions(application="api", names=("a",)),
    Scale(application="api", scale=2, was=1),
)
RELATE = AddRelation(requirer=API, provider=DB)
OFFER, GRANT = (
    MakeOffer(application="db", offer="o", endpoints=("sql",)),
    GrantOffer(application="db", offer="o", user="mary", access="read"),
)
STEPS = (UPLOAD, UNRELATE, REMOVE, DEPLOY, RESET, SCALE, RELATE, OFFER, GRANT)


def test_a_plan_sorts_its_steps_by_what_they_do() -> None:
    plan = Plan(model="m", steps=STEPS)
    assert plan.uploads == (UPLOAD,)
    assert plan.deploys == (DEPLOY,)
    assert plan.changes == (RESET, SCALE)
    assert plan.removals == (UNRELATE, REMOVE)
    assert plan.relations == (RELATE,)
    assert plan.offers == (OFFER, GRANT)


def test_a_plan_is_told_as_json() -> None:
    plan = Plan(
        model="m",
        uuid="1-2",
        steps=(SCALE,),
        unchanged=("db",),
        kept_relations=2,
        foreign=(FOREIGN,),
        refused=(REFUSAL,),
    )
    assert plan.to_json() == {
        "model": "m",
        "steps": [SCALE.to_json()],
        "unchanged": ["db"],
        "kept-relations": 2,
        "foreign": [FOREIGN.to_json()],
        "refused": [REFUSAL.to_json()],
    }


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (Plan(model="m"), ["nothing to do in model m"]),
        (Plan(model="m", steps=(SCALE,)), ["scale api from 1 to 2"]),
        (
            Plan(model="m", steps=(SCALE,), unchanged=("db",)),
            [
                "scale api from 1 to 2",
                "nothing to do for 1 applications and 0 relations that are in model m already",
            ],
        ),
        (
            Plan(model="m", kept_relations=2),
            ["nothing to do for 0 applications and 2 relations that are in model m already"],
        ),
    ],
)
def test_a_plan_is_told_line_by_line(plan: Plan, lines: list[str]) -> None:
    assert [*plan.describe()] == lines


def test_nothing_is_done_while_something_is_refused() -> None:
    Plan(model="m").raise_refused()
    with pytest.raises(RefusedError, match="model m ") as caught:
        Plan(model="m", refused=(REFUSAL,)).raise_refused()
    assert caught.value.problems == (REFUSAL.problem,)
