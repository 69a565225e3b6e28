"""What is said when a deployment is over."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from rich.console import Console

from ckf_airgap import (
    ApplicationSnapshot,
    Deployment,
    DeploymentRefusedError,
    DeployReport,
    Difference,
    Finding,
    Foreign,
    ImageInModel,
    ImageReference,
    ImagesFailedError,
    ModelSnapshot,
    Plan,
    Refusal,
    Registry,
    RelationSnapshot,
    Rendering,
    StatusInfo,
    UnfinishedStep,
    UnitSnapshot,
    WaitReport,
)
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.cli.failures import report_failure
from ckf_airgap.cli.progress import ProgressView
from ckf_airgap.cli.reports import (
    deployment_document,
    done,
    findings_document,
    finished,
    plan_document,
    say_what_remains,
    say_what_was_skipped,
    standing,
    status_document,
    wait_document,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import AirgapError, ExitCode, Problem
from ckf_airgap.facts.upgrades import ManualStep
from ckf_airgap.images.needs import ImageNeed
from ckf_airgap.juju.applying.failures import told
from ckf_airgap.juju.planning.steps import SetOptions
from ckf_airgap.operations.upgrading import ByHand, Upgrade
from ckf_airgap.rendering.lookup import Replacement
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


def an_image(application: str, target: str, *, seen: bool = True) -> ImageInModel:
    need = ImageNeed(
        application=application, where="resource i", source=ImageReference.parse("public/x:1")
    )
    replacement = Replacement(need=need, target=ImageReference.parse(target))
    return ImageInModel(replacement=replacement, seen=seen)


def an_application(name: str, *units: str) -> ApplicationSnapshot:
    idle = StatusInfo(current="idle")
    return ApplicationSnapshot(
        name=name,
        charm_url=f"local:{name}-7",
        scale=len(units),
        units=tuple(
            UnitSnapshot(
                name=f"{name}/{number}",
                application=name,
                workload=StatusInfo(current=status),
                agent=idle,
            )
            for number, status in enumerate(units)
        ),
    )


SNAPSHOT = ModelSnapshot(
    model="kubeflow",
    applications={
        name: an_application(name, "active", "active") for name in ("cat", "dog", "owl", "fox")
    },
    relations=(
        RelationSnapshot(id=1, key="k", ends=("cat:prey", "dog:prey"), interface="prey"),
        RelationSnapshot(id=2, key="p", ends=("cat:peer",), interface="alone"),
    ),
)

WAITED = deployment(
    report=DeployReport(plan=PLAN, deployed=("cat", "dog"), took_s=1.5),
    waited=WaitReport(
        snapshot=SNAPSHOT, took_s=9.0, idle_period_s=3.0, ready_after_s={"cat": 1.25}
    ),
    images=(
        an_image("cat", "r:5000/pets/cat:1"),
        an_image("cat", "r:5000/pets/tail:1"),
        an_image("cat", "r:5000/pets/cat:1"),
        an_image("dog", "r:5000/pets/dog:1", seen=False),
        an_image("owl", "r:5000/pets/owl:1"),
        an_image("owl", "r:5000/pets/eye:1", seen=False),
    ),
    seconds={"render": 0.25, "connect": 1.0, "deploy": 2.0, "wait": 70.0},
)


def printed(deployment: Deployment, *findings: Finding, rehearsed: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as capture:
        console.print(finished(deployment, findings if rehearsed else None))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_deployment_that_was_waited_for_shows_the_model() -> None:
    lines = printed(WAITED)
    assert [line.split() for line in lines[2:6]] == [
        ["cat", "cat", "7", "2", "active", "pets/cat:1", "+1"],
        ["dog", "dog", "7", "2", "active", "(not", "confirmed)"],
        ["owl", "owl", "7", "2", "active", "pets/owl:1", "+1"],
        ["fox", "fox", "7", "2", "active"],
    ]
    assert lines[6] == ""
    assert [line.split() for line in lines[7:10:2]] == [
        ["relation", "interface"],
        ["cat:prey", "dog:prey", "prey"],
    ]
    counted, done_in = lines[11:]
    assert counted == (
        "active and idle: 4 applications (4 active), 8 units, 1 relation, 3 images of r:5000, "
        "2 more not confirmed by the model"
    )
    assert done_in == (
        "in model kubeflow: deployed 2 applications; rendered in 0.2 s, connected in 1.0 s, "
        "deployed in 2.0 s, active and idle after another 1 min 10 s"
    )


def test_images_that_the_model_confirms_are_counted_once() -> None:
    seen = dataclasses.replace(WAITED, images=WAITED.images[:3])
    assert printed(seen)[11].endswith("1 relation, 2 images of r:5000")


def test_a_model_without_relations_has_one_table_and_an_empty_one_none() -> None:
    alone = dataclasses.replace(SNAPSHOT, relations=SNAPSHOT.relations[1:])
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as capture:
        console.print(standing(alone))
        console.print(standing(ModelSnapshot(model="m")))
    lines = capture.get().splitlines()
    assert len(lines) == 2 + 4 + 1
    assert lines[0].split()[-1] == "message"
    assert lines[-1].rstrip() == "model m is empty"


def test_findings_of_a_rehearsal_are_shown_or_that_there_are_none() -> None:
    assert printed(WAITED, rehearsed=True)[11:12] == [
        "no findings: nothing was accepted here that would cause trouble later"
    ]
    finding = Finding(application="cat", what="it scratches", why="it hurts")
    lines = printed(WAITED, finding, rehearsed=True)
    assert lines[11].split() == ["finding", "why", "it", "matters"]
    assert lines[13].split() == ["cat", "it", "scratches", "it", "hurts"]
    console = Console(
        file=io.StringIO(), width=200, force_terminal=True, color_system="standard", no_color=False
    )
    with console.capture() as capture:
        console.print(finished(WAITED, [finding]))
    text = capture.get()
    assert "\x1b[31mit scratches" in text
    assert "\x1b[1;32mactive and idle: " in text
    assert "\x1b[2min model kubeflow: deployed" in text
    with console.capture() as capture:
        console.print(finished(dataclasses.replace(WAITED, waited=None)))
    assert "\x1b[2mrendered in 0.2 s" in capture.get()
    assert findings_document([finding]) == [
        {"application": "cat", "what": "it scratches", "why": "it hurts"}
    ]


def test_the_document_of_a_deployment_has_all_of_it() -> None:
    foreign = Foreign(application="dex", kind="option", name="x", value="1")
    made = dataclasses.replace(
        WAITED,
        plan=Plan(model="kubeflow", foreign=(foreign,), warnings=(Problem("look"),)),
        upgrade=Upgrade(release="2"),
    )
    assert made.report is not None
    assert deployment_document("s/v1", made) == {
        "schema": "s/v1",
        "registry": "r:5000",
        **made.report.to_json(),
        "remaining": [],
        "foreign": [foreign.to_json()],
        "upgrade": Upgrade(release="2").to_json(),
        "images": [image.to_json() for image in made.images],
        "warnings": [{"what": "look", "where": "", "fix": ""}],
        "hidden": None,
        "seconds": {"render": 0.25, "connect": 1.0, "deploy": 2.0, "wait": 70.0},
        "status": SNAPSHOT.to_json(),
        "ready-after-s": {"cat": 1.25},
    }
    hurried = dataclasses.replace(made, waited=None, seconds={"deploy": 1.23456})
    document = deployment_document("s/v1", hurried)
    assert {"status", "ready-after-s"}.isdisjoint(document)
    assert document["seconds"] == {"deploy": 1.235}


def test_the_document_of_a_plan_has_all_of_it() -> None:
    plan = Plan(
        model="kubeflow",
        steps=(SetOptions(application="dog", options={"a": "1"}, differences=(VOLUME,)),),
        unchanged=("cat",),
        kept_relations=3,
        foreign=(Foreign(application="x", kind="trust", value="true"),),
        refused=(Refusal(application="y", kind="storage", what="no"),),
        warnings=(Problem("look"),),
    )
    assert plan_document("s/v2", deployment(plan=plan)) == {
        "schema": "s/v2",
        "registry": "r:5000",
        "model": "kubeflow",
        "steps": [VOLUME.to_json()],
        "actions": [plan.steps[0].to_json()],
        "foreign": [plan.foreign[0].to_json()],
        "refused": [plan.refused[0].to_json()],
        "upgrade": Upgrade().to_json(),
        "unchanged": ["cat"],
        "kept-relations": 3,
        "warnings": [{"what": "look", "where": "", "fix": ""}],
        "hidden": None,
    }


def test_documents_of_a_model_and_of_a_wait() -> None:
    assert WAITED.waited is not None
    assert status_document("s", SNAPSHOT) == {"schema": "s", **SNAPSHOT.to_json()}
    assert wait_document("s", WAITED.waited) == {"schema": "s", **WAITED.waited.to_json()}


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
    assert said.err == [
        "warning: what was deployed is not noted in the model:",
        "  dog record: the model has 1, the bundle 2",
    ]


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
