from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.rehearsal.units.course import Course
from tests.unit.rehearsal.harness import Rehearsal


def application(rehearsal: Rehearsal, name: str = "minio") -> Any:
    return status(rehearsal)["applications"][name]


def status(rehearsal: Rehearsal, *patterns: str) -> Any:
    return rehearsal.model.full_status(patterns)


async def deployed(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy(
        "minio",
        units=2,
        provides={"http": {"interface": "http"}},
        peers={"peers": {"interface": "p"}},
    )
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    rehearsal.model.topology.add_relation(["web", "minio"])
    rehearsal.settle()


async def test_status_has_the_keys_of_the_api(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    found = status(rehearsal)
    assert set(found) == {
        *("model", "machines", "applications", "remote-applications", "offers", "relations"),
        *("controller-timestamp", "branches"),
    }
    detailed = {"status", "info", "data", "since", "kind", "version", "life"}
    assert found["model"]["cloud-tag"] == "cloud-k8s"
    assert set(found["model"]["model-status"]) == detailed
    minio = found["applications"]["minio"]
    assert set(minio) == {
        *("charm", "charm-version", "charm-profile", "charm-rev", "base", "exposed", "life"),
        *("relations", "can-upgrade-to", "subordinate-to", "units", "meter-statuses", "status"),
        *("workload-version", "endpoint-bindings", "int", "provider-id", "public-address"),
    }
    assert (minio["charm"], minio["int"], minio["life"]) == ("local:minio-0", 2, "")
    assert minio["base"] == {"name": "ubuntu", "channel": "22.04/stable"}
    assert minio["relations"] == {"peers": ["minio"], "http": ["web"]}
    unit = minio["units"]["minio/0"]
    assert set(unit) == {
        *("agent-status", "workload-status", "workload-version", "machine", "opened-ports"),
        *("public-address", "charm", "subordinates", "leader", "provider-id", "address"),
    }
    assert unit["leader"] is True
    assert "leader" not in minio["units"]["minio/1"]
    assert unit["provider-id"] == "minio-0"
    assert unit["agent-status"]["status"] == "idle"


async def test_relations_are_shown_with_their_endpoints_and_peers_with_one(
    rehearsal: Rehearsal,
) -> None:
    await deployed(rehearsal)
    peers, related = status(rehearsal)["relations"]
    assert (peers["key"], len(peers["endpoints"])) == ("minio:peers", 1)
    assert (related["id"], related["key"]) == (1, "web:backend minio:http")
    assert (related["interface"], related["scope"]) == ("http", "global")
    assert related["status"]["status"] == "joined"
    assert related["endpoints"] == [
        {"application": "web", "name": "backend", "role": "requirer", "subordinate": False},
        {"application": "minio", "name": "http", "role": "provider", "subordinate": False},
    ]


@pytest.mark.parametrize(
    ("patterns", "units", "relations"),
    [
        ((), ["minio/0", "minio/1", "web/0"], 2),
        (("minio",), ["minio/0", "minio/1"], 2),
        (("web/0",), ["web/0"], 1),
        (("minio/1", "web"), ["minio/1", "web/0"], 2),
        (("m*",), ["minio/0", "minio/1"], 2),
        (("nobody",), [], 0),
    ],
)
async def test_patterns_narrow_the_status(
    rehearsal: Rehearsal, patterns: tuple[str, ...], units: list[str], relations: int
) -> None:
    await deployed(rehearsal)
    found = status(rehearsal, *patterns)
    shown = [unit for app in found["applications"].values() for unit in app["units"]]
    assert shown == units
    assert len(found["relations"]) == relations


async def test_the_application_shows_the_most_severe_unit(rehearsal: Rehearsal) -> None:
    seen = []
    await rehearsal.upload_and_deploy("minio", units=2)
    for _ in range(80):
        shown = application(rehearsal)["status"]
        if (text := f"{shown['status']} {shown['info']}".strip()) not in seen:
            seen.append(text)
        rehearsal.clock.advance(1)
    assert seen == [
        "waiting installing agent",
        "waiting waiting for units to settle down",
        "active",
    ]
    rehearsal.script.set_course(Course.stuck("blocked", "no way"), application="minio")
    assert application(rehearsal)["status"]["info"] == "no way"
    rehearsal.script.set_course(Course.stuck("error", "broken"), application="minio")
    assert application(rehearsal)["status"]["status"] == "error"


@pytest.mark.parametrize(
    ("workload", "shown"), [("maintenance", "waiting"), ("unknown", "unknown")]
)
async def test_units_that_are_not_active_yet_settle(
    rehearsal: Rehearsal, workload: str, shown: str
) -> None:
    rehearsal.script.set_course(Course.stuck(workload), application="minio")
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    assert application(rehearsal)["status"]["status"] == shown


async def test_an_application_without_units_is_unknown_or_waits_for_them(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.upload_and_deploy("minio", units=0)
    assert application(rehearsal)["status"]["status"] == "unknown"


async def test_what_dies_says_so(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    topology = rehearsal.model.topology
    topology.remove_application(topology.application("minio"))
    minio = application(rehearsal)
    assert minio["life"] == "dying"
    assert minio["units"]["minio/0"]["agent-status"]["life"] == "dying"
    rehearsal.model.destroy()
    assert status(rehearsal)["model"]["model-status"]["status"] == "destroying"
