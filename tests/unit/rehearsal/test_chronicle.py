from __future__ import annotations

import asyncio
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.client import Client
from ckf_airgap.rehearsal.archives.charmcode import MAX_READ_BYTES, sets_status
from ckf_airgap.rehearsal.archives.reading import read_archive
from ckf_airgap.rehearsal.units.clock import ManualClock
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.units.history import MAX_STATUSES
from ckf_airgap.rehearsal.units.journal import MAX_MESSAGE, Journal, LogFilter
from tests.unit.rehearsal.harness import Rehearsal, charm_zip

NO_CODE: dict[str, Any] = {"members": {"dispatch": "#!/bin/sh\n"}}
CONTAINERS: dict[str, Any] = {"containers": {"main": {}}}


async def history(rehearsal: Rehearsal, kind: str, tag: str, **chosen: Any) -> list[str]:
    """Return what the facade answers, each status as ``kind status message``."""
    request = {"historyKind": kind, "tag": tag, "filter": chosen or {"size": 100}}
    (result,) = (await rehearsal.call(Client, "StatusHistory", {"requests": [request]}))["results"]
    if "error" in result:
        return [result["error"]["message"], result["error"]["code"]]
    return [
        f"{status['kind']} {status['status']} {status['info']}".strip()
        for status in result["history"]["statuses"]
    ]


def log(rehearsal: Rehearsal, **chosen: Any) -> list[str]:
    records = rehearsal.model.chronicle.journal.records(LogFilter(**chosen))
    return [f"{r.entity} {r.level} {r.module} {r.message}" for r in records]


# Statuses


async def test_a_unit_has_gone_through_what_its_charm_and_its_agent_showed(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    assert await history(rehearsal, "workload", "unit-minio-0") == [
        "workload waiting installing agent",
        "workload waiting agent initialising",
        "workload maintenance installing charm software",
        "workload waiting Waiting for start",
        "workload active",
    ]
    assert await history(rehearsal, "juju-unit", "unit-minio-0") == [
        "juju-unit allocating",
        "juju-unit executing running install hook",
        "juju-unit executing running leader-elected hook",
        "juju-unit executing running config-changed hook",
        "juju-unit executing running start hook",
        "juju-unit idle",
    ]


async def test_the_history_of_a_unit_is_both_and_its_last_ones(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    assert await history(rehearsal, "unit", "unit-minio-0", size=2) == [
        "workload active",
        "juju-unit idle",
    ]
    assert await history(
        rehearsal, "unit", "unit-minio-0", size=3, exclude=["running start hook"]
    ) == [
        "juju-unit executing running config-changed hook",
        "workload active",
        "juju-unit idle",
    ]


async def test_statuses_are_chosen_by_their_time(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    settled = rehearsal.model.topology.unit("minio/0").workload.since
    before = (settled - timedelta(microseconds=1)).isoformat()
    assert await history(rehearsal, "workload", "unit-minio-0", date=before) == ["workload active"]
    rehearsal.clock.advance(86_400)
    assert await history(rehearsal, "workload", "unit-minio-0", delta=3_600 * 10**9) == []
    week = 7 * 86_400 * 10**9
    assert len(await history(rehearsal, "workload", "unit-minio-0", delta=week)) == 5


async def test_the_model_and_its_applications_have_a_history(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    assert await history(rehearsal, "application", "application-minio") == ["application unset"]
    tag = f"model-{rehearsal.model.uuid}"
    assert await history(rehearsal, "model", tag) == ["model available"]
    rehearsal.model.destroy()
    assert await history(rehearsal, "model", tag) == [
        "model available",
        "model destroying cleaning up cloud resources",
    ]


@pytest.mark.parametrize(
    ("kind", "tag", "message"),
    [
        ("unit", "unit-minio-7", 'fetching status history for "unit-minio-7": unit "minio/7"'),
        ("application", "application-x", 'fetching status history for "application-x": '),
        ("saas", "application-x", 'fetching status history for "application-x": saas application'),
        ("machine", "machine-0", 'fetching status history for "machine-0": machine 0'),
    ],
)
async def test_what_is_not_there_has_no_history(
    rehearsal: Rehearsal, kind: str, tag: str, message: str
) -> None:
    text, code = await history(rehearsal, kind, tag)
    assert text.startswith(message)
    assert (text.endswith(" not found"), code) == (True, "not found")


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"exclude": ["x"]}, "missing filter parameters"),
        ({"size": 1, "date": "2026-01-01T00:00:00Z"}, "Size and Date together"),
        ({"size": 1, "delta": 1}, "Size and Delta together"),
        ({"date": "2026-01-01T00:00:00Z", "delta": 1}, "Date and Delta together"),
    ],
)
async def test_a_filter_says_one_thing(
    rehearsal: Rehearsal, chosen: dict[str, Any], why: str
) -> None:
    answer = await history(rehearsal, "model", "", **chosen)
    assert answer == [f"cannot validate status history filter: {why} not valid", "not valid"]


async def test_a_unit_that_is_gone_has_no_history(rehearsal: Rehearsal) -> None:
    application = await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    rehearsal.model.topology.remove_application(application)
    rehearsal.settle()
    found = rehearsal.model.chronicle.history
    assert found.find("workload", "minio/0") == found.find("application", "minio") == []


async def test_memory_for_statuses_is_bounded(rehearsal: Rehearsal) -> None:
    steps = tuple(Step(workload=status, duration_s=1) for status in ("active", "waiting"))
    rehearsal.script.set_course(Course.flapping(*steps), application="minio")
    await rehearsal.upload_and_deploy("minio")
    rehearsal.clock.advance(2000)
    found = rehearsal.model.chronicle.history.find("workload", "minio/0")
    assert len(found) == MAX_STATUSES


# The log


async def test_the_log_tells_what_agents_and_the_controller_did(rehearsal: Rehearsal) -> None:
    application = await rehearsal.upload_and_deploy("minio", **CONTAINERS)
    rehearsal.settle()
    lines = log(rehearsal)
    uniter = "unit-minio-0 INFO juju.worker.uniter"
    assert lines[0] == (
        'controller-0 INFO juju.worker.caasapplicationprovisioner.runner start "minio"'
    )
    assert f'{uniter} unit "minio/0" started' in lines
    assert f"{uniter}.charm downloading local:minio-0 from API server" in lines
    assert lines[-1] == (
        f'{uniter}.operation ran "main-pebble-ready" hook (via hook dispatching script: dispatch)'
    )
    rehearsal.model.topology.remove_application(application)
    rehearsal.settle()
    assert log(rehearsal)[-1] == (
        "controller-0 INFO juju.worker.caasapplicationprovisioner.runner "
        'stopped "minio", err: <nil>'
    )


async def test_a_failed_hook_is_an_error_in_the_log_once(rehearsal: Rehearsal) -> None:
    course = Course(steps=(Step.hook_failed("install"),), begins="install")
    rehearsal.script.set_course(course, application="minio")
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    rehearsal.model.topology.wake()
    assert log(rehearsal, level="ERROR") == [
        (
            'unit-minio-0 ERROR juju.worker.uniter.operation hook "install" '
            "(via hook dispatching script: dispatch) failed: exit status 1"
        )
    ]


async def test_the_log_keeps_what_logging_config_asks_for(rehearsal: Rehearsal) -> None:
    settings = rehearsal.model.settings
    settings.set({"logging-config": "<root>=WARNING;juju.worker.uniter=DEBUG"}, is_superuser=True)
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    modules = {record.module for record in rehearsal.model.chronicle.journal.records(LogFilter())}
    assert modules == {
        "juju.worker.uniter",
        "juju.worker.uniter.charm",
        "juju.worker.uniter.operation",
    }
    assert any("running operation run install hook" in line for line in log(rehearsal))


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ({}, [0, 1, 2]),
        ({"level": "WARNING"}, [1]),
        ({"include_entities": ["unit-minio-*"]}, [0, 1]),
        ({"include_entities": ["unit-minio-1", "controller-0"]}, [1, 2]),
        ({"include_entities": ["unit.minio.0"]}, []),
        ({"exclude_entities": ["unit-*"]}, [2]),
        ({"include_modules": ["juju.worker"]}, [0, 1]),
        ({"include_modules": ["juju.work"]}, []),
        ({"exclude_modules": ["juju.worker.uniter"]}, [1, 2]),
        ({"include_labels": ["http"]}, []),
        ({"exclude_labels": ["http"]}, [0, 1, 2]),
    ],
)
def test_a_log_is_filtered_as_the_database_of_juju_does(
    chosen: dict[str, Any], kept: list[int]
) -> None:
    journal = Journal(ManualClock(), threshold=lambda _: "DEBUG")
    journal.write("unit-minio-0", "INFO", "juju.worker.uniter.operation", "a")
    journal.write("unit-minio-1", "ERROR", "juju.worker", "b")
    journal.write("controller-0", "INFO", "juju.apiserver", "c")
    journal.write("controller-0", "TRACE", "juju.apiserver", "not kept")
    assert [record.number for record in journal.records(LogFilter(**chosen))] == kept


def test_memory_for_the_log_is_bounded() -> None:
    journal = Journal(ManualClock(), threshold=lambda _: "DEBUG", capacity=3)
    for number in range(10):
        journal.write("controller-0", "INFO", "juju", f"{number}" * 5000)
    records = journal.records(LogFilter())
    assert [record.number for record in records] == [7, 8, 9]
    assert {len(record.message) for record in records} == {MAX_MESSAGE}
    assert [record.number for record in journal.records(LogFilter(), newest=2)] == [8, 9]


async def test_who_follows_a_log_gets_what_comes_until_the_model_is_gone() -> None:
    journal = Journal(ManualClock(), threshold=lambda _: "DEBUG", capacity=2)
    waiting = asyncio.create_task(journal.after(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    for text in "abc":
        journal.write("controller-0", "INFO", "juju", text)
    found = await waiting
    assert found is not None
    assert [record.message for record in found] == ["b", "c"]
    following = asyncio.create_task(journal.after(found[-1].number + 1))
    await asyncio.sleep(0)
    journal.close()
    assert await following is None


# Charms that set no status


@pytest.mark.parametrize("containers", [{}, CONTAINERS])
async def test_the_units_of_a_charm_that_sets_no_status_stay_unknown(
    rehearsal: Rehearsal, containers: dict[str, Any]
) -> None:
    await rehearsal.upload_and_deploy("quiet", **NO_CODE, **containers)
    rehearsal.settle()
    assert rehearsal.states() == {"quiet/0": "unknown"}
    assert rehearsal.agent("quiet/0") == "idle"
    status: Any = rehearsal.model.full_status()
    assert status["applications"]["quiet"]["status"]["status"] == "unknown"
    assert await history(rehearsal, "workload", "unit-quiet-0") == [
        "workload waiting installing agent",
        "workload waiting agent initialising",
        "workload maintenance installing charm software",
        "workload unknown",
    ]


async def test_a_script_says_more_than_a_charm_without_code(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, needed={"quiet": frozenset({"db"})})
    await rehearsal.upload_and_deploy("quiet", requires={"db": {"interface": "i"}}, **NO_CODE)
    rehearsal.settle()
    assert rehearsal.states() == {"quiet/0": "blocked Missing relation db"}


@pytest.mark.parametrize(
    ("name", "text", "sets"),
    [
        ("src/charm.py", "from ops import ActiveStatus", True),
        ("src/charm.py", "import ops\nops.BlockedStatus()", True),
        ("src/charm.py", "import ops\n", False),
        ("src/charm.py", "Inactive = InactiveStatusPage", False),
        ("src/charm.py", "from charmed_kubeflow_chisme.components import X", True),
        ("dispatch", "#!/bin/sh\nstatus-set active\n", True),
        ("hooks/start", "status-set maintenance x", True),
        ("reactive/layer.py", "hookenv.status_set('active')", True),
        ("lib/charms/x/v0/y.py", "MaintenanceStatus", True),
        ("venv/ops/model.py", "class ActiveStatus", False),
        ("README.md", "ActiveStatus", False),
    ],
)
def test_the_code_of_a_charm_tells_whether_it_sets_a_status(
    tmp_path: Path, name: str, text: str, sets: bool
) -> None:
    members = {"dispatch": "#!/bin/sh\n", name: text}
    path = charm_zip(tmp_path / "x.charm", {"name": "x", "summary": "x"}, members=members)
    assert read_archive(path).sets_status is sets


def test_reading_the_code_of_a_charm_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "large.charm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(MAX_READ_BYTES // 1024**2 + 1):
            archive.writestr(f"src/{number}.py", bytes(1024**2))
    with zipfile.ZipFile(path) as archive:
        assert sets_status(archive)  # nothing does: the rest is not read, and assumed to


def test_code_under_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    members = {"dispatch": "#!/bin/sh\n", "src/charm-é.py": "ActiveStatus"}
    path = charm_zip(tmp_path / "x.charm", {"name": "x", "summary": "x"}, members=members)
    local, central = "src/charm-é.py".encode(), b"src/charm-\xc3\x28.py"
    data = path.read_bytes()
    path.write_bytes(data.replace(local, central, 1))  # Go does not read names before the content
    assert read_archive(path).sets_status
