"""When an upgrade may begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.charms.charm import Base
from ckf_airgap.errors import RefusedError
from ckf_airgap.facts.upgrades import ManualStep, ReleaseUpgrade
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    SetOptions,
    Step,
)
from ckf_airgap.operations.upgrading import Upgrade, upgrade_of

BASE = Base(name="ubuntu", channel="24.04/stable")


def manual(charm: str, what: str) -> ManualStep:
    return ManualStep(charms=(charm,), kind="action", what=what, why="it is so", source="here")


UPGRADES = {
    "2": ReleaseUpgrade(release="2", previous="1", manual=(manual("minio", "copy"),)),
    "3": ReleaseUpgrade(
        release="3", previous="2", manual=(manual("minio", "look"), manual("mysql", "run"))
    ),
}


def refresh(application: str, charm: str = "") -> RefreshApplication:
    return RefreshApplication(
        application=application,
        charm=charm or application,
        charm_path=Path(f"{application}.charm"),
        base=BASE,
        architecture="amd64",
    )


def deployed(application: str) -> DeployApplication:
    return DeployApplication(
        application=application,
        charm=application,
        charm_path=Path(f"{application}.charm"),
        base=BASE,
        architecture="amd64",
        scale=1,
        trust=False,
    )


def looked_at(*steps: Step, release: str = "3", **releases: str) -> Upgrade:
    return upgrade_of(Plan(model="m", steps=steps, releases=releases), release, UPGRADES)


def refusal(upgrade: Upgrade, *, skip: bool = False, done: bool = False) -> str:
    with pytest.raises(RefusedError) as caught:
        upgrade.check(skip_releases=skip, manual_steps_done=done)
    return str(caught.value)


def test_one_step_needs_what_a_person_does_for_the_applications_that_are_refreshed() -> None:
    found = looked_at(refresh("minio"), refresh("other"), minio="2", other="2", db="2")
    assert [(one.release, one.applications, one.step.what) for one in found.by_hand] == [
        ("3", ("minio",), "look")
    ]
    text = refusal(found)
    assert "before the upgrade to 3 this has to be done by hand; nothing was changed" in text
    assert "minio: look: it is so (see here)" in text
    assert "--manual-steps-done" in text
    found.check(skip_releases=False, manual_steps_done=True)
    assert not found.far
    assert found.warnings == ()


def test_one_step_for_several_applications_of_a_charm_is_told_once() -> None:
    found = looked_at(refresh("a", "mysql"), refresh("b", "mysql"), a="2", b="2")
    assert [one.applications for one in found.by_hand] == [("a", "b")]


def test_what_is_not_refreshed_needs_nothing() -> None:
    found = looked_at(SetOptions(application="minio", options={"a": "1"}), minio="1")
    found.check(skip_releases=False, manual_steps_done=False)
    assert found == Upgrade(release="3")


def test_a_charm_that_is_refreshed_within_a_release_needs_nothing() -> None:
    looked_at(refresh("minio"), minio="3").check(skip_releases=False, manual_steps_done=False)


def test_a_release_between_is_not_skipped() -> None:
    found = looked_at(refresh("minio"), refresh("mysql"), minio="1", mysql="2")
    assert found.far == {"minio": ("2",)}
    text = refusal(found, done=True)
    assert "release 3 cannot be reached in one step; nothing was changed" in text
    assert "application minio: it has release 1; 2 between them would be skipped" in text
    assert "mysql" not in text
    assert "--skip-releases" in text
    assert "by hand" in refusal(found, skip=True)
    found.check(skip_releases=True, manual_steps_done=True)
    assert [(one.release, one.step.what) for one in found.by_hand] == [
        ("2", "copy"),
        ("3", "look"),
        ("3", "run"),
    ]


@pytest.mark.parametrize("newer", ["4", "0"])
def test_where_no_steps_lead_is_refused(newer: str) -> None:
    found = looked_at(refresh("minio"), minio=newer)
    assert found.far == {"minio": ()}
    assert f"it has release {newer}, from which no upgrade to 3 is known" in refusal(found)
    found.check(skip_releases=True, manual_steps_done=False)


def test_an_older_release_over_a_newer_one_is_refused() -> None:
    assert looked_at(refresh("minio"), release="2", minio="3").far == {"minio": ()}


def test_an_unknown_release_is_said_and_counts_as_the_one_before() -> None:
    found = looked_at(refresh("minio"), refresh("other"), other="2")
    assert found.unknown == ("minio",)
    (warning,) = found.warnings
    assert warning.what.endswith("it is not known whether one is skipped: minio")
    assert [one.step.what for one in found.by_hand] == ["look"]
    assert not found.far


def test_a_release_of_which_no_upgrade_is_known_needs_nothing_by_hand() -> None:
    found = looked_at(refresh("minio"), release="9")
    assert (found.unknown, found.by_hand, found.far) == (("minio",), (), {})


def test_a_replaced_application_counts_and_a_new_or_removed_one_does_not() -> None:
    again = RemoveApplication(application="minio", deploys_again=True)
    found = looked_at(again, deployed("minio"), minio="2")
    assert [one.applications for one in found.by_hand] == [("minio",)]
    assert looked_at(deployed("minio")).by_hand == ()
    assert looked_at(RemoveApplication(application="minio"), minio="1") == Upgrade(release="3")


def test_a_bundle_that_is_no_release_is_not_judged() -> None:
    found = looked_at(refresh("minio"), release="", minio="1")
    assert found == Upgrade()
    assert found.warnings == ()


def test_it_is_told_to_machines() -> None:
    assert looked_at(refresh("minio"), refresh("x"), minio="1").to_json() == {
        "to": "3",
        "from": {"minio": "1"},
        "unknown": ["x"],
        "skipped": {"minio": ["2"]},
        "by-hand": [
            {
                "release": release,
                "applications": ["minio"],
                "charms": ["minio"],
                "kind": "action",
                "what": what,
                "why": "it is so",
                "source": "here",
            }
            for release, what in (("2", "copy"), ("3", "look"))
        ],
    }
