from __future__ import annotations

import math
from typing import Any

import pytest

from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal

PORT = {"port": {"type": "int", "default": 1}}
PROVIDES: dict[str, Any] = {"provides": {"http": {"interface": "http"}}}
REQUIRES: dict[str, Any] = {"requires": {"backend": {"interface": "http"}}}


async def minio(rehearsal: Rehearsal) -> Application:
    return await rehearsal.upload_and_deploy("minio", options=PORT, **PROVIDES)


async def test_steps_are_shown_one_after_the_other_before_the_unit_settles(
    rehearsal: Rehearsal,
) -> None:
    steps = (
        Step(workload="waiting", message="Waiting for storage", duration_s=30),
        Step(workload="maintenance", message="migrating", agent="executing", duration_s=30),
    )
    rehearsal.script.set_course(Course(steps=steps), application="minio")
    await minio(rehearsal)
    seen = []
    for _ in range(300):
        rehearsal.clock.advance(1)
        state = (rehearsal.agent("minio/0"), rehearsal.workload("minio/0"))
        if state not in seen:
            seen.append(state)
    assert seen[-3:] == [
        ("idle", "waiting Waiting for storage"),
        ("executing", "maintenance migrating"),
        ("idle", "active"),
    ]


async def test_a_course_is_for_every_application_of_a_charm(rehearsal: Rehearsal) -> None:
    rehearsal.script.set_course(Course.stuck("blocked", "no"), charm="minio")
    rehearsal.script.set_course(Course.stuck("waiting", "own"), application="two")
    application = await minio(rehearsal)
    rehearsal.deploy("two", application.charm_url)
    rehearsal.settle()
    assert rehearsal.states() == {"minio/0": "blocked no", "two/0": "waiting own"}


async def test_a_course_set_in_the_middle_begins_at_once_and_ends_when_taken_away(
    rehearsal: Rehearsal,
) -> None:
    await minio(rehearsal)
    rehearsal.settle()
    rehearsal.script.set_course(Course.stuck("blocked", "oops"), application="minio")
    assert rehearsal.workload("minio/0") == "blocked oops"
    rehearsal.script.set_course(None, application="minio")
    assert rehearsal.workload("minio/0") == "active"


async def test_a_failed_hook_is_an_error_of_the_workload(rehearsal: Rehearsal) -> None:
    course = Course(steps=(Step.hook_failed("install"),), begins="install")
    rehearsal.script.set_course(course, application="minio")
    application = await minio(rehearsal)
    rehearsal.settle()
    unit = application.units["minio/0"]
    assert (rehearsal.agent(unit.name), rehearsal.workload(unit.name)) == (
        "idle",
        'error hook failed: "install"',
    )
    assert unit.workload.data == {"hook": "install"}
    rehearsal.model.topology.resolve(unit)
    rehearsal.settle()
    assert rehearsal.workload(unit.name) == "active"
    with pytest.raises(ApiError, match='unit "minio/0" is not in an error state'):
        rehearsal.model.topology.resolve(unit)


async def test_a_failed_relation_hook_tells_the_relation_and_the_unit(
    rehearsal: Rehearsal,
) -> None:
    await minio(rehearsal)
    web = await rehearsal.upload_and_deploy("web", **REQUIRES)
    relation = rehearsal.model.topology.add_relation(["web", "minio"])
    rehearsal.settle()
    course = Course(steps=(Step.hook_failed("backend-relation-changed"),))
    rehearsal.script.set_course(course, application="web")
    assert web.units["web/0"].workload.data == {
        "hook": "backend-relation-changed",
        "relation-id": relation.id,
        "remote-unit": "minio/0",
    }


async def test_a_failed_hook_is_tried_again_by_itself(rehearsal: Rehearsal) -> None:
    course = Course(steps=(Step.hook_failed("config-changed", duration_s=60),))
    rehearsal.script.set_course(course, application="minio")
    await minio(rehearsal)
    rehearsal.clock.advance(60)
    assert rehearsal.workload("minio/0") == 'error hook failed: "config-changed"'
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == "active"


async def test_a_unit_in_error_runs_no_hook_and_is_not_removed_unless_forced(
    rehearsal: Rehearsal,
) -> None:
    course = Course(steps=(Step.hook_failed("start"),))
    rehearsal.script.set_course(course, application="minio")
    application = await minio(rehearsal)
    rehearsal.settle()
    applications.configure(rehearsal.model, application, strings={"port": "2"})
    rehearsal.model.topology.remove_application(application)
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == 'error hook failed: "start"'
    rehearsal.model.topology.remove_application(application, force=True)
    rehearsal.settle()
    assert not rehearsal.model.applications


@pytest.mark.parametrize(
    "step",
    [
        Step(workload="blocked", message="set port", until_option="port"),
        Step.hook_failed("config-changed", until_option="port"),
    ],
)
async def test_a_unit_recovers_when_its_option_is_set(rehearsal: Rehearsal, step: Step) -> None:
    rehearsal.script.set_course(Course(steps=(step,)), application="minio")
    application = await minio(rehearsal)
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == f"{step.workload} {step.message}"
    applications.configure(rehearsal.model, application, strings={"port": "2"})
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == "active"


async def test_a_step_can_wait_for_a_relation(rehearsal: Rehearsal) -> None:
    step = Step(workload="blocked", message="relate me", until_relation="backend")
    rehearsal.script.set_course(Course(steps=(step,)), charm="web")
    await minio(rehearsal)
    await rehearsal.upload_and_deploy("web", **REQUIRES)
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "blocked relate me"
    rehearsal.model.topology.add_relation(["web", "minio"])
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "active"


async def test_a_flapping_unit_never_settles_and_still_takes_part_in_relations(
    rehearsal: Rehearsal,
) -> None:
    up = Step(workload="active", duration_s=20)
    down = Step(workload="waiting", message="restarting", duration_s=5)
    rehearsal.script.set_course(Course.flapping(up, down), application="minio")
    await minio(rehearsal)
    await rehearsal.upload_and_deploy("web", **REQUIRES)
    relation = rehearsal.model.topology.add_relation(["web", "minio"])
    changes, before = 0, ""
    for _ in range(400):
        rehearsal.clock.advance(1)
        now = rehearsal.workload("minio/0")
        changes += now != before
        before = now
    assert changes > 20
    assert set(relation.in_scope) == {"web/0", "minio/0"}
    with pytest.raises(TimeoutError):
        rehearsal.clock.run(limit_s=1000)


async def test_an_agent_that_is_busy_for_ever_runs_nothing_else(rehearsal: Rehearsal) -> None:
    step = Step(workload="maintenance", agent="executing", agent_message="x", duration_s=math.inf)
    rehearsal.script.set_course(Course(steps=(step,)), application="minio")
    application = await minio(rehearsal)
    rehearsal.settle()
    applications.configure(rehearsal.model, application, strings={"port": "2"})
    rehearsal.settle()
    assert rehearsal.agent("minio/0") == "executing x"


async def test_a_stuck_unit_can_be_removed(rehearsal: Rehearsal) -> None:
    rehearsal.script.set_course(Course.stuck("blocked"), application="minio")
    application = await minio(rehearsal)
    rehearsal.settle()
    rehearsal.model.topology.remove_application(application)
    rehearsal.settle()
    assert not rehearsal.model.applications


def test_courses_that_make_no_sense_are_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(ValueError, match="needs a step"):
        Course(steps=())
    with pytest.raises(ValueError, match="with a duration"):
        Course.flapping(Step(duration_s=0))
    with pytest.raises(ValueError, match="cannot last"):
        Step(duration_s=-1)
    for keys in ({}, {"application": "a", "charm": "b"}):
        with pytest.raises(ValueError, match="for an application or for a charm"):
            rehearsal.script.set_course(None, **keys)
