from __future__ import annotations

import math
from textwrap import dedent

import pytest

from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.units.actionresults import EXEC
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.units.scriptfile import parse_script
from tests.unit.rehearsal.harness import Rehearsal


def script(text: str) -> str:
    return dedent(text)


def test_courses_are_read_with_all_that_a_step_can_say() -> None:
    scene = parse_script(
        script("""
        applications:
          minio:
            begins: install
            then: repeat
            steps:
            - hook-failed: install
              for: 2m
            - {workload: waiting, message: Waiting for storage, for: 90s, until-relation: data}
            - {agent: executing, agent-message: running, for: 0.5h, until-option: port}
            - hook-failed: start
        charms:
          db: {stays: {workload: blocked, message: no disk}}
        units:
          minio/1: {stays: unknown, begins: install}
        """),
        where="script.yaml",
    )
    assert scene.applications == {
        "minio": Course(
            begins="install",
            repeat=True,
            steps=(
                Step.hook_failed("install", duration_s=120),
                Step(
                    workload="waiting",
                    message="Waiting for storage",
                    duration_s=90,
                    until_relation="data",
                ),
                Step(
                    agent="executing",
                    agent_message="running",
                    duration_s=1800,
                    until_option="port",
                ),
                Step.hook_failed("start", duration_s=math.inf),
            ),
        )
    }
    assert scene.charms == {"db": Course.stuck("blocked", "no disk")}
    assert scene.units == {
        "minio/1": Course(steps=(Step(workload="unknown"),), ends="stay", begins="install")
    }


def test_results_of_actions_and_commands_are_read() -> None:
    scene = parse_script(
        script("""
        charms:
          pg:
            actions:
              get-password: {results: {password: x}, after: 3s, log: [one, two]}
              dump: {status: failed, message: no room}
            exec: {stdout: hello, return-code: 2, after: forever}
        applications:
          pg: {actions: {dump: {}}}
        """),
        where="script.yaml",
    )

    def result(action: str, application: str = "other") -> object:
        return scene.actions.result(action, application=application, charm="pg")

    password = scene.actions.result("get-password", application="a", charm="pg")
    assert password is not None
    assert (password.results, password.after_s, password.log) == (
        {"password": "x"},
        3.0,
        ("one", "two"),
    )
    failed = scene.actions.result("dump", application="a", charm="pg")
    assert failed is not None
    assert (failed.status, failed.message) == ("failed", "no room")
    assert result("dump", "pg") != failed
    command = scene.actions.result(EXEC, application="a", charm="pg")
    assert command is not None
    assert command.results == {"return-code": 2, "stdout": "hello"}
    assert command.never_ends
    assert result("restore") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application: {}", "application: unknown key, did you mean 'applications'?"),
        ("applications: []", "applications: must be a mapping, not a list"),
        ("applications: {a: {stay: x}}", "applications.a.stay: unknown key, did you mean 'stays'?"),
        (
            "applications: {a: {stays: bloked}}",
            "applications.a.stays.workload: 'bloked' is none of active, blocked, error",
        ),
        (
            "applications: {a: {steps: [{for: soon}]}}",
            "applications.a.steps[0].for: 'soon' is no duration such as 90s, 2m or forever",
        ),
        ("applications: {a: {steps: x}}", "applications.a.steps: must be a list, not text"),
        ("applications: {a: {steps: []}}", "applications.a: a course needs a step"),
        ("applications: {a: {then: stay}}", "applications.a.then: needs steps or stays"),
        (
            "applications: {a: {stays: active, steps: []}}",
            "applications.a.steps: cannot be beside stays",
        ),
        (
            "applications: {a: {steps: [{hook-failed: start, message: x}]}}",
            "applications.a.steps[0].message: cannot be beside hook-failed",
        ),
        ("units: {minio: {stays: active}}", "units.minio: 'minio' is no unit such as minio/0"),
        ("units: {a/0: {needs: [x]}}", "units.a/0.needs: unknown key"),
        (
            "charms: {a: {actions: {b: {status: broken}}}}",
            "charms.a.actions.b.status: 'broken' is none of completed, failed",
        ),
        (
            "charms: {a: {exec: {return-code: x}}}",
            "charms.a.exec.return-code: must be an integer, not text",
        ),
        ("charms: {a: {needs: {x: 1}}}", "charms.a.needs.x: must be text, not an integer"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(InputError, match=r"script\.yaml is not a script") as caught:
        parse_script(text, where="script.yaml")
    assert any(str(problem).startswith(expected) for problem in caught.value.problems)


def test_all_that_is_wrong_is_told_together() -> None:
    with pytest.raises(InputError) as caught:
        parse_script("x: 1\ncharms: {a: {stays: x}}", where="script.yaml")
    assert [problem.where for problem in caught.value.problems] == ["x", "charms.a.stays.workload"]


async def test_units_follow_what_is_said_of_them_then_of_their_application(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.script.play(
        parse_script(
            script("""
            units: {web/1: {stays: {workload: blocked, message: mine}}}
            applications: {web: {stays: {workload: waiting, message: ours}}}
            charms: {web: {stays: {workload: active, message: all of us}}}
            """),
            where="script.yaml",
        )
    )
    await rehearsal.upload_and_deploy("web", units=2)
    rehearsal.deploy("other", "local:web-0")
    rehearsal.settle()
    assert rehearsal.states() == {
        "web/0": "waiting ours",
        "web/1": "blocked mine",
        "other/0": "active all of us",
    }
    rehearsal.script.play(parse_script("", where="script.yaml"))
    rehearsal.settle()
    assert set(rehearsal.states().values()) == {"active"}


async def test_a_missing_relation_is_told_in_the_words_of_the_script(rehearsal: Rehearsal) -> None:
    rehearsal.script.play(
        parse_script("charms: {web: {needs: {data: Please relate to a database}}}", where="s")
    )
    await rehearsal.upload_and_deploy("web", requires={"data": {"interface": "sql"}})
    await rehearsal.upload_and_deploy("db", provides={"data": {"interface": "sql"}})
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "blocked Please relate to a database"
    rehearsal.script.play(parse_script("applications: {web: {needs: [data]}}", where="s"))
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "blocked Missing relation data"
    rehearsal.model.topology.add_relation(["web", "db"])
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "active"


async def test_a_unit_goes_on_in_a_course_that_is_read_again_unchanged(
    rehearsal: Rehearsal,
) -> None:
    text = "applications: {web: {steps: [{workload: blocked, for: 5s}, {hook-failed: start}]}}"
    rehearsal.script.play(parse_script(text, where="s"))
    await rehearsal.upload_and_deploy("web")
    rehearsal.settle()
    assert rehearsal.workload("web/0") == 'error hook failed: "start"'
    rehearsal.script.play(parse_script(text, where="s"))
    assert rehearsal.workload("web/0") == 'error hook failed: "start"'


async def test_what_a_test_sets_goes_before_the_file(rehearsal: Rehearsal) -> None:
    rehearsal.script.set_course(Course.stuck("waiting", "test"), charm="web")
    rehearsal.script.play(parse_script("units: {web/0: {stays: blocked}}", where="s"))
    await rehearsal.upload_and_deploy("web")
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "waiting test"
