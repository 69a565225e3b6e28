"""What an upgrade needs: the facts of the releases, and the form of the file."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ckf_airgap.errors import InputError
from ckf_airgap.facts.releases import (
    load_release,
    release_names,
    release_of_bundle,
    release_upgrades,
)
from ckf_airgap.facts.upgrades import (
    ManualStep,
    ReleaseUpgrade,
    parse_upgrade,
    read_upgrade,
    steps_between,
)

STEP = "{charms: [a], kind: backup, what: copy it, why: it goes, source: here}"


def upgrade(release: str, previous: str) -> ReleaseUpgrade:
    return ReleaseUpgrade(release=release, previous=previous)


def test_each_release_is_upgraded_from_the_one_before() -> None:
    names = release_names()
    assert {name: step.previous for name, step in release_upgrades().items()} == dict(
        zip(names[1:], names, strict=False)
    )
    assert load_release(names[0]).upgrade is None


@pytest.mark.parametrize("name", release_names()[1:])
def test_what_is_named_is_in_both_releases(name: str) -> None:
    found = load_release(name).upgrade
    assert found is not None
    assert found.release == name
    before, after = load_release(found.previous), load_release(name)
    for charm in (*found.first, *(charm for step in found.manual for charm in step.charms)):
        assert charm in before.charms
        assert charm in after.charms


@pytest.mark.parametrize("name", release_names()[1:])
def test_istio_is_refreshed_through_the_versions_between_those_of_both_releases(name: str) -> None:
    found = load_release(name).upgrade
    assert found is not None
    (step,) = [step for step in found.manual if step.kind == "intermediate-charm"]
    for release in (found.previous, name):
        (channel,) = {
            application.channel
            for application in load_release(release).bundle.applications.values()
            if application.charm_name in step.charms
        }
        assert channel is not None
        assert channel.partition("/")[0] in step.what


@pytest.mark.parametrize(("name", "charm"), [("1.9", "mlmd"), ("1.10", "minio")])
def test_data_is_backed_up_where_juju_refuses_the_storage_of_the_next_release(
    name: str, charm: str
) -> None:
    release = load_release(name)
    assert release.upgrade is not None
    (backup,) = [step for step in release.upgrade.manual if step.kind == "backup"]
    assert backup.charms == (charm,)
    before = load_release(release.upgrade.previous).charms[charm].metadata["storage"]
    after = release.charms[charm].metadata["storage"]
    assert before != after
    assert isinstance(before, dict)
    assert all(storage in backup.what for storage in before)


@pytest.mark.parametrize("name", release_names())
def test_a_copy_of_a_release_is_that_release(name: str) -> None:
    copy = load_release(name).bundle
    assert release_of_bundle(copy) == name
    minio = copy.applications["minio"]
    own = dataclasses.replace(minio, name="own", charm="my-own", channel="1/edge")
    more = {**copy.applications, "own": own}
    assert release_of_bundle(dataclasses.replace(copy, applications=more)) == name
    other = {**copy.applications, "minio": dataclasses.replace(minio, channel="0/edge")}
    assert release_of_bundle(dataclasses.replace(copy, applications=other)) == ""


def test_what_several_releases_have_is_none_of_them() -> None:
    bundle = load_release("1.11").bundle
    only = {"kfp-db": bundle.applications["kfp-db"]}
    assert release_of_bundle(dataclasses.replace(bundle, applications=only)) == ""
    assert release_of_bundle(dataclasses.replace(bundle, applications={})) == ""


def test_a_file_says_what_comes_first_and_what_a_person_does() -> None:
    found = parse_upgrade(
        f"{{release: '2', from: '1', first: [b, a], manual: [{STEP}]}}", where="upgrade.yaml"
    )
    assert found == ReleaseUpgrade(
        release="2",
        previous="1",
        first=("b", "a"),
        manual=(
            ManualStep(charms=("a",), kind="backup", what="copy it", why="it goes", source="here"),
        ),
    )
    assert found.to_json() == {
        "from": "1",
        "first": ["b", "a"],
        "manual": [
            {
                "charms": ["a"],
                "kind": "backup",
                "what": "copy it",
                "why": "it goes",
                "source": "here",
            }
        ],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a mapping"),
        ("", "not a mapping"),
        ("{from: '1'}", "u has no release"),
        ("{release: '2'}", "u has no from"),
        ("{release: '2', from: '2'}", "from and release are both 2"),
        ("{release: '2', from: '1', frist: []}", "unknown key frist"),
        ("{release: '2', from: '1', manual: [{kid: backup}]}", "unknown key manual.*kid"),
        (
            "{release: '2', from: '1', manual: [{charms: [a], kind: luck, what: x}]}",
            r"u: manual\[0\]: kind must be action, backup or intermediate-charm, not 'luck'",
        ),
        (
            f"{{release: '2', from: '1', manual: [{STEP}, {STEP.replace('[a]', '[]')}]}}",
            r"u: manual\[1\] names no charms",
        ),
        *(
            (
                f"{{release: '2', from: '1', manual: [{STEP.replace(part, key)}]}}",
                rf"u: manual\[0\] has no {key.partition(':')[0]}",
            )
            for part, key in (
                ("what: copy it", "what: ''"),
                ("why: it goes", "why: ' '"),
                ("source: here", "source: ''"),
            )
        ),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_upgrade(text, where="u")


def test_the_file_is_named_and_may_be_missing(tmp_path: Path) -> None:
    assert read_upgrade(tmp_path) is None
    path = tmp_path / "upgrade.yaml"
    path.write_text("{release: '2'}")
    with pytest.raises(InputError, match=f"{re.escape(str(path))} has no from"):
        read_upgrade(tmp_path)
    path.write_text("{release: '2', from: '1'}")
    assert read_upgrade(tmp_path) == upgrade("2", "1")


def test_steps_lead_from_one_release_to_another_in_their_order() -> None:
    known = {step.release: step for step in (upgrade("2", "1"), upgrade("3", "2"))}
    assert steps_between("1", "3", known) == (known["2"], known["3"])
    assert steps_between("2", "3", known) == (known["3"],)
    assert steps_between("3", "3", known) == ()
    assert steps_between("1", "1", known) == ()


def test_no_steps_lead_back_or_from_a_release_that_nobody_knows() -> None:
    known = {step.release: step for step in (upgrade("2", "1"), upgrade("3", "2"))}
    assert steps_between("3", "2", known) is None
    assert steps_between("0", "3", known) is None
    assert steps_between("1", "9", known) is None


def test_steps_in_a_circle_end() -> None:
    known = {step.release: step for step in (upgrade("2", "1"), upgrade("1", "2"))}
    assert steps_between("0", "2", known) is None
    assert steps_between("1", "2", known) == (known["2"],)
