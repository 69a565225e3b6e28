"""What is said when a deployment is over."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from rich.console import Console

from ckf_airgap import (
    Deployment,
    DeploymentRefusedError,
    DeployReport,
    Difference,
    Foreign,
    ImagesFailedError,
    Plan,
    Registry,
    Rendering,
    UnfinishedStep,
)
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.cli.failures import report_failure
from ckf_airgap.cli.progress import ProgressView
from ckf_airgap.cli.reports import (
    deployment_document,
    done,
    finished,
    plan_document,
    say_what_remains,
    say_what_was_skipped,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import AirgapError, ExitCode, Problem
from ckf_airgap.facts.upgrades import ManualStep
from ckf_airgap.juju.applying.failures import told
from ckf_airgap.juju.planning.steps import SetOptions
from ckf_airgap.operations.upgrading import ByHand, Upgrade
from ckf_airgap.rendering.proof import Proof

PLAN = Plan(model="kubeflow")
RENDERING = Rendering(
    bundle=Bundle(),
    overlay={},
    charms={},
    registry=Registry("r:5000"),
    replacements=(),
    proof=Proof(mapping=(), places=0, used=frozenset(), unused=()),
)
VOLUME = Difference(
    application="dog", kind="option", name="volume", old="3", new="8", reason="it was ignored"
)
RECORD = Difference(application="dog", kind="record", old="1", new="2")


def deployment(**fields: Any) -> Deployment:
    return Deployment(**{"rendering": RENDERING, "plan": PLAN, **fields})


class Said:
    """A terminal, and what was written to it."""

    def __init__(self) -> None:
        self.terminal = Terminal()
        self.terminal.out = Console(file=io.StringIO(), width=1000)
        self.terminal.err = Console(file=io.StringIO(), width=1000)

    @property
    def err(self) -> list[str]:
        stream = self.terminal.err.file
        assert isinstance(stream, io.StringIO)
        return stream.getvalue().splitlines()

    @property
    def out(self) -> str:
        stream = self.terminal.out.file
        assert isinstance(stream, io.StringIO)
        return stream.getvalue()

    def code(self, call: Callable[[], None]) -> int:
        """Return the exit code of what is said in a command."""
        with click.Context(click.Command("x")):
            try:
                call()
            except click.exceptions.Exit as ended:
                return ended.exit_code
        return 0


@pytest.fixture
def said() -> Said:
    return Said()


def test_what_was_done_is_counted() -> None:
    assert done(DeployReport(plan=PLAN)) == "in model kubeflow: nothing had to be done"
    report = DeployReport(
        plan=PLAN,
        deployed=("a", "b"),
        refreshed=("c",),
        changed=("d", "e"),
        related=("a:x b:y",),
        removed=("f", "a:x f:y", "b:x f:y"),
        offered=("o",),
    )
    assert done(report) == (
        "in model kubeflow: deployed 2 applications, refreshed 1 application, "
        "changed 2 applications, made 1 relation, removed 1 application, removed 2 relations, "
        "made 1 offer"
    )


def test_what_was_not_waited_for_is_said_and_how_to_follow_it() -> None:
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as capture:
        console.print(finished(deployment(report=DeployReport(plan=PLAN, deployed=("a",)))))
    assert capture.get().splitlines()[0] == (
        "in model kubeflow: deployed 1 application; follow it with: ckf-airgap status --watch"
    )


def test_a_model_that_is_not_what_the_bundle_says_fails_the_command(said: Said) -> None:
    left = (
        VOLUME,
        Difference(application="a", kind="charm", old="local:a-0", new="a.charm", is_known=False),
        Difference(application="a", kind="relation", name="a:x b:y", new="a:x b:y"),
        Difference(application="a", kind="option", name="token", old="hunter2", new=None),
        RECORD,
    )
    made = deployment(remaining=left)
    assert said.code(lambda: say_what_remains(said.terminal, made)) == ExitCode.REFUSED
    assert said.err == [
        "error: model kubeflow is not what the bundle says, although everything was asked for:",
        "  - dog option volume: the model has 3, the bundle 8 (it was ignored)",
        "  - a charm: it is not known what the model has, the bundle a.charm",
        "  - a relation: the model has nothing, the bundle a:x b:y",
        "  - a option token: the model has (hidden), the bundle nothing",
        "  - dog record: the model has 1, the bundle 2",
    ]
    document = deployment_document("s", made)["remaining"]
    assert isinstance(document, list)
    assert document[0]["new"] == "8"
    assert document[3]["old"] == "(hidden)"


def test_a_record_that_is_missing_is_a_warning(said: Said) -> None:
    made = deployment(remaining=(RECORD,))
    assert said.code(lambda: say_what_remains(said.terminal, made)) == 0
    assert said.err[0] == "warning: what was deployed is not noted in the model:"


def test_nothing_is_said_of_a_model_that_is_as_it_should_be(said: Said) -> None:
    assert said.code(lambda: say_what_remains(said.terminal, deployment())) == 0
    assert said.err == []


def test_what_was_skipped_is_said(said: Said) -> None:
    step = UnfinishedStep(application="a", where="application a", step="set a", reason="b failed")
    say_what_was_skipped(said.terminal, DeployReport(plan=PLAN, skipped=(step,)))
    assert said.err == ["skipped: set a: b failed"]


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (AirgapError("no"), {}),
        (ImagesFailedError("no", report={"a": 1}), {"report": {"a": 1}}),
        (
            told(DeploymentRefusedError("no"), DeployReport(plan=PLAN, deployed=("a",))),
            {"report": DeployReport(plan=PLAN, deployed=("a",)).to_json()},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_document_of_an_error_has_what_was_done(
    said: Said, error: AirgapError, details: dict[str, Any]
) -> None:
    said.terminal.json = True
    assert report_failure(error, said.terminal) == error.exit_code
    document = json.loads(said.out)
    common = {"schema", "error", "exit-code", "message", "problems", "fix"}
    assert {key: value for key, value in document.items() if key not in common} == details


def test_the_document_of_a_plan_has_no_secret() -> None:
    step = SetOptions(
        application="dex",
        options={"connectors": "token: hunter2\nid: a", "password": "hunter2"},
        differences=(
            Difference(
                application="dex", kind="option", name="connectors", old=None, new="token: hunter2"
            ),
        ),
    )
    plan = Plan(
        model="m",
        steps=(step,),
        foreign=(Foreign(application="dex", kind="option", name="x", value="secret: hunter2"),),
    )
    document = plan_document("s", deployment(plan=plan))
    assert "hunter2" not in json.dumps(document)
    actions = document["actions"]
    assert isinstance(actions, list)
    assert actions[0]["options"] == {
        "connectors": "token: (hidden)\nid: a",
        "password": "(hidden)",
    }


class TestProgress:
    def test_what_is_left_alone_is_named(self, said: Said) -> None:
        foreign = (
            Foreign(application="dex", kind="option", name="a", value="x"),
            Foreign(application="old", kind="application"),
            Foreign(application="a", kind="relation", name="a:x b:y"),
        )
        ProgressView(said.terminal, "t").on_planned(Plan(model="m", foreign=foreign))
        assert said.err[-1] == (
            "left alone, since the bundle does not have it: dex option a, old application, "
            "relation a:x b:y"
        )

    def test_what_is_done_by_hand_and_what_is_not_known_is_said(self, said: Said) -> None:
        step = ManualStep(charms=("a",), kind="action", what="run it", why="why", source="there")
        upgrade = Upgrade(
            release="2",
            unknown=("b",),
            by_hand=(ByHand(release="2", applications=("a",), step=step),),
        )
        view = ProgressView(said.terminal, "t")
        view.on_upgrade(upgrade)
        view.on_warnings((Problem("something"),))
        assert said.err[0].startswith("warning: release 2: no record says which release")
        assert said.err[1:] == [
            "by hand, before the upgrade to 2: a: run it: why (see there)",
            "warning: something",
        ]
