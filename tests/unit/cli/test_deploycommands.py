"""plan, deploy and rehearse: what they ask for, print and end with; nothing is deployed here."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import ckf_airgap
from ckf_airgap import (
    Deployment,
    DeploymentRefusedError,
    DeployReport,
    Difference,
    Inputs,
    JujuTarget,
    ModelNotFoundError,
    Patience,
    Plan,
    Policy,
    Refusal,
    Registry,
    RegistryLogin,
    Rehearsal,
    Rendering,
    UnfinishedStep,
)
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.errors import AirgapError, InterruptedRunError, WaitTimeoutError
from ckf_airgap.juju.applying.failures import told
from ckf_airgap.juju.planning.steps import SetOptions
from ckf_airgap.operations.upgrading import Upgrade
from ckf_airgap.rendering.proof import Proof

Invoke = Callable[..., Result]

RENDERING = Rendering(
    bundle=Bundle(),
    overlay={},
    charms={},
    registry=Registry("r:5000"),
    replacements=(),
    proof=Proof(mapping=(), places=0, used=frozenset(), unused=()),
)
VOLUME = Difference(application="dog", kind="option", name="volume", old="3", new="8")
STEP = SetOptions(application="dog", options={"volume": "8"}, differences=(VOLUME,))
CHANGED = Plan(model="kubeflow", uuid="u", steps=(STEP,))
SAME = Plan(model="kubeflow", uuid="u", unchanged=("dog",))
DONE = Deployment(
    rendering=RENDERING, plan=CHANGED, report=DeployReport(plan=CHANGED, changed=("dog",))
)


class Operation:
    """Stands for an operation: notes what it is asked for, and returns or raises what it is told.

    Attributes:
        result: What it returns.
        error: What it raises instead.
        asked: The arguments of the last call.
    """

    def __init__(self, result: object) -> None:
        self.result = result
        self.error: Exception | None = None
        self.asked: dict[str, Any] = {}

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        names = ("inputs", "target")
        self.asked = dict(zip(names, args, strict=False)) | kwargs
        if self.error is not None:
            raise self.error
        return self.result


@pytest.fixture
def deploying(monkeypatch: pytest.MonkeyPatch) -> Operation:
    operation = Operation(DONE)
    monkeypatch.setattr(ckf_airgap, "deploy", operation)
    return operation


def planned(deploying: Operation, plan: Plan, **fields: Any) -> None:
    deploying.result = Deployment(rendering=RENDERING, plan=plan, **fields)


DEFAULTS = {
    "create_model": False,
    "registry_login": None,
    "registry_config": None,
    "policy": Policy(),
    "skip_releases": False,
}

ALL_OPTIONS = (
    "--create-model",
    "--application=a",
    "--application=b",
    "--prune",
    "--reset-foreign",
    "--replace=c",
    "--replace=d",
    "--skip-releases",
    "--registry-config=/logins",
)

ALL_ASKED = {
    "create_model": True,
    "registry_login": None,
    "registry_config": Path("/logins"),
    "policy": Policy(
        prune=True,
        reset_foreign=True,
        replace=frozenset({"c", "d"}),
        only=frozenset({"a", "b"}),
    ),
    "skip_releases": True,
}


def without_observer(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "observer"}


class TestPlan:
    def test_asks_for_a_dry_run(self, invoke: Invoke, deploying: Operation) -> None:
        planned(deploying, SAME)
        assert invoke("plan", "1.11").exit_code == 0
        assert without_observer(deploying.asked) == {
            "inputs": Inputs(bundle="1.11"),
            "target": JujuTarget(model="kubeflow"),
            "dry_run": True,
            **DEFAULTS,
        }

    def test_hands_on_every_option(self, invoke: Invoke, deploying: Operation) -> None:
        planned(deploying, SAME)
        assert invoke("plan", "b.yaml", "-m", "k8s:me/ml", *ALL_OPTIONS).exit_code == 0
        assert without_observer(deploying.asked) == {
            "inputs": Inputs(bundle="b.yaml"),
            "target": JujuTarget(model="me/ml", controller="k8s"),
            "dry_run": True,
            **ALL_ASKED,
        }

    @pytest.mark.parametrize(
        ("plan", "args", "code"),
        [
            (SAME, (), 0),
            (SAME, ("--exit-code",), 0),
            (CHANGED, (), 0),
            (CHANGED, ("--exit-code",), 10),
        ],
    )
    def test_ends_with_10_when_there_is_something_to_do_and_that_is_asked(
        self, invoke: Invoke, deploying: Operation, plan: Plan, args: tuple[str, ...], code: int
    ) -> None:
        planned(deploying, plan)
        result = invoke("plan", "1.11", *args)
        assert result.exit_code == code
        count = "1 step" if plan.steps else "0 steps"
        assert f"{count}; nothing was done" in result.stderr

    def test_prints_a_diff_or_a_document(self, invoke: Invoke, deploying: Operation) -> None:
        planned(deploying, CHANGED, upgrade=Upgrade(release="2"))
        assert invoke("plan", "1.11").stdout == "~ dog  option volume  3 -> 8\n\n1 change\n"
        document = json.loads(invoke("plan", "1.11", "--json").stdout)
        assert document["schema"] == "ckf-airgap/plan/v2"
        assert document["steps"] == [VOLUME.to_json()]
        assert document["upgrade"]["to"] == "2"

    def test_what_would_be_refused_ends_with_6_and_is_not_kept(
        self, invoke: Invoke, deploying: Operation, tmp_path: Path
    ) -> None:
        refused = tuple(
            Refusal(application=name, kind="storage", what="no") for name in ("b", "a", "b")
        )
        planned(deploying, dataclasses.replace(CHANGED, refused=refused))
        file = tmp_path / "x.plan"
        result = invoke("plan", "1.11", "--exit-code", "-o", file)
        assert result.exit_code == 6
        assert (
            "error: deploying this would be refused: Juju does not change a, b in place\n"
            in result.stderr
        )
        assert "! b    storage        no" in result.stdout
        assert not file.exists()

    @pytest.mark.parametrize(("args", "code"), [((), 6), (("--skip-releases",), 0)])
    def test_a_release_that_would_be_skipped_ends_with_6_unless_that_is_allowed(
        self, invoke: Invoke, deploying: Operation, args: tuple[str, ...], code: int
    ) -> None:
        far = Upgrade(release="3", earlier={"a": "1"}, far={"a": ("2",)})
        planned(deploying, CHANGED, upgrade=far)
        result = invoke("plan", "1.11", *args)
        assert result.exit_code == code
        said = "a would not come from the release before 3 (--skip-releases)"
        assert (said in result.stderr) is bool(code)

    def test_both_reasons_are_said(self, invoke: Invoke, deploying: Operation) -> None:
        far = Upgrade(release="3", earlier={"a": "1"}, far={"a": ("2",)})
        refused = (Refusal(application="b", kind="storage", what="no"),)
        planned(deploying, dataclasses.replace(CHANGED, refused=refused), upgrade=far)
        assert "b in place; a would not come" in invoke("plan", "1.11").stderr

    def test_keeps_the_plan_with_what_it_was_made_from(
        self, invoke: Invoke, deploying: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        planned(deploying, CHANGED)
        result = invoke("plan", "b.yaml", *ALL_OPTIONS, "--set", "dog.volume=8", "-o", "x.plan")
        assert result.exit_code == 0
        assert result.stderr.endswith("carry it out with: ckf-airgap deploy --plan x.plan\n")
        saved = ckf_airgap.load_plan("x.plan")
        assert saved.inputs == Inputs(bundle=str(tmp_path / "b.yaml"), settings=("dog.volume=8",))
        assert deploying.asked["inputs"] == Inputs(
            bundle=tmp_path / "b.yaml", settings=("dog.volume=8",)
        )
        assert saved.policy == ALL_ASKED["policy"]
        assert (saved.create_model, saved.skip_releases) == (True, True)
        assert saved.target == JujuTarget(model="kubeflow")
        assert [one.what for one in saved.changes] == ["set-options dog", "dog: option volume"]

    @pytest.mark.parametrize("command", ["plan", "deploy"])
    def test_a_model_that_is_not_there_can_be_made(
        self, invoke: Invoke, deploying: Operation, command: str
    ) -> None:
        deploying.error = ModelNotFoundError("no model", fix="It has others.")
        result = invoke(command, "1.11")
        assert result.exit_code == 5
        assert "error: no model\nIt has others. Use --create-model to create it.\n" in result.stderr


class TestDeploy:
    def test_asks_for_what_is_said(self, invoke: Invoke, deploying: Operation) -> None:
        result = invoke("deploy", "1.11")
        assert result.exit_code == 0, result.stderr
        assert without_observer(deploying.asked) == {
            "inputs": Inputs(bundle="1.11"),
            "target": JujuTarget(model="kubeflow"),
            "dry_run": False,
            "wait_idle": True,
            "hurries": False,
            "timeout_s": 3600.0,
            "idle_period_s": 10.0,
            "error_grace_s": 120.0,
            "patience": Patience(),
            "jobs": 8,
            "manual_steps_done": False,
            "review": None,
            **DEFAULTS,
        }

    def test_hands_on_every_option(self, invoke: Invoke, deploying: Operation) -> None:
        result = invoke(
            "deploy",
            "1.11",
            *ALL_OPTIONS,
            *("--timeout", "5s", "--idle", "2s", "--error-grace", "3s", "--jobs", "4"),
            *("--pull-grace", "6s", "--blocked-grace", "7s", "--stall", "0"),
            "--manual-steps-done",
            "--no-wait",
        )
        assert result.exit_code == 0, result.stderr
        assert without_observer(deploying.asked) == {
            "inputs": Inputs(bundle="1.11"),
            "target": JujuTarget(model="kubeflow"),
            "dry_run": False,
            "wait_idle": False,
            "hurries": False,
            "timeout_s": 5.0,
            "idle_period_s": 2.0,
            "error_grace_s": 3.0,
            "patience": Patience(pull_s=6, blocked_s=7, stall_s=0),
            "jobs": 4,
            "manual_steps_done": True,
            "review": None,
            **ALL_ASKED,
        }

    @pytest.mark.parametrize(
        ("args", "waits", "hurries"),
        [
            ((), True, False),
            (("--wait",), True, False),
            (("--no-wait",), False, False),
            (("--no-wait=force",), False, True),
        ],
    )
    def test_waits_unless_told_not_to(
        self,
        invoke: Invoke,
        deploying: Operation,
        args: tuple[str, ...],
        waits: bool,
        hurries: bool,
    ) -> None:
        assert invoke("deploy", *args, "1.11").exit_code == 0
        assert (deploying.asked["wait_idle"], deploying.asked["hurries"]) == (waits, hurries)

    def test_no_wait_takes_nothing_but_force(self, invoke: Invoke, deploying: Operation) -> None:
        result = invoke("deploy", "1.11", "--no-wait=often")
        assert result.exit_code == 2
        assert "--no-wait" in result.stderr
        assert deploying.asked == {}

    def test_a_password_comes_from_a_file_or_the_environment(
        self, invoke: Invoke, deploying: Operation, tmp_path: Path
    ) -> None:
        word = tmp_path / "word"
        word.write_text("hunter2\r\n")
        name = ("--registry-username", "ann")
        assert invoke("deploy", "1.11", *name, "--registry-password-file", word).exit_code == 0
        assert deploying.asked["registry_login"] == RegistryLogin(
            username="ann", password="hunter2"
        )
        env = {"CKF_AIRGAP_REGISTRY_PASSWORD": "own", "CKF_AIRGAP_REGISTRY_USERNAME": "bob"}
        assert invoke("deploy", "1.11", env=env).exit_code == 0
        assert deploying.asked["registry_login"] == RegistryLogin(username="bob", password="own")
        word.write_bytes(b"\xff")
        wrong = invoke("deploy", "1.11", *name, "--registry-password-file", word)
        assert wrong.exit_code == 3
        assert f"the password file {word} is not UTF-8 text" in wrong.stderr

    def test_a_password_may_come_through_a_pipe(self, invoke: Invoke, deploying: Operation) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"hunter2\n")
        os.close(writing)
        name = ("--registry-username", "ann", "--registry-password-file", f"/dev/fd/{reading}")
        assert invoke("deploy", "1.11", *name).exit_code == 0
        os.close(reading)
        assert deploying.asked["registry_login"].password == "hunter2"

    def test_a_dry_run_prints_the_plan(self, invoke: Invoke, deploying: Operation) -> None:
        planned(deploying, CHANGED)
        result = invoke("deploy", "1.11", "--dry-run")
        assert (result.exit_code, result.stdout.splitlines()[0]) == (
            0,
            "~ dog  option volume  3 -> 8",
        )
        assert deploying.asked["dry_run"] is True
        far = Upgrade(release="3", earlier={"a": "1"}, far={"a": ("2",)})
        planned(deploying, CHANGED, upgrade=far)
        assert invoke("deploy", "1.11", "--dry-run").exit_code == 6
        assert invoke("deploy", "1.11", "--dry-run", "--skip-releases").exit_code == 0

    def test_prints_what_was_done(self, invoke: Invoke, deploying: Operation) -> None:
        result = invoke("deploy", "1.11")
        assert result.stdout.startswith("in model kubeflow: changed 1 application; follow it with")
        document = json.loads(invoke("deploy", "1.11", "--json").stdout)
        assert (document["schema"], document["changed"]) == ("ckf-airgap/deploy/v1", ["dog"])

    def test_what_remains_ends_with_6(self, invoke: Invoke, deploying: Operation) -> None:
        deploying.result = dataclasses.replace(DONE, remaining=(VOLUME,))
        result = invoke("deploy", "1.11")
        assert result.exit_code == 6
        assert "dog option volume: the model has 3, the bundle 8" in result.stderr
        assert "changed 1 application" in result.stdout

    def test_what_was_skipped_is_said(self, invoke: Invoke, deploying: Operation) -> None:
        skipped = UnfinishedStep(
            application="a", where="application a", step="set a", reason="b failed"
        )
        deploying.error = told(
            DeploymentRefusedError("one step failed", fix="Run it again."),
            DeployReport(plan=CHANGED, skipped=(skipped,)),
        )
        result = invoke("deploy", "1.11")
        assert result.exit_code == 6
        assert result.stderr.splitlines() == [
            "skipped: set a: b failed",
            "error: one step failed",
            "Run it again.",
        ]

    @pytest.mark.parametrize(
        "error", [WaitTimeoutError("too late"), InterruptedRunError("stopped by Ctrl-C")]
    )
    def test_errors_end_it(self, invoke: Invoke, deploying: Operation, error: AirgapError) -> None:
        deploying.error = error
        result = invoke("deploy", "1.11")
        assert result.exit_code == error.exit_code
        assert error.message in result.stderr


class TestSavedPlans:
    @pytest.fixture
    def file(self, invoke: Invoke, deploying: Operation, tmp_path: Path) -> Callable[..., Path]:
        """Return a plan that is kept, made with the given options."""

        def call(*args: object) -> Path:
            result, path = deploying.result, tmp_path / "x.plan"
            planned(deploying, CHANGED)
            made = invoke("plan", *(args or ("1.11",)), "-o", path)
            assert made.exit_code == 0, made.stderr
            deploying.result = result
            return path

        return call

    def test_all_is_taken_from_the_file(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path], tmp_path: Path
    ) -> None:
        inputs = (
            *("1.11", "--charms", tmp_path / "c", "--images", tmp_path / "i"),
            *("--registry", "r:5000", "--overlay", tmp_path / "o", "--set", "dog.volume=8"),
            *("--rules", tmp_path / "r", "--arch", "arm64", "--allow-public", "a.b"),
            *("--mapping", tmp_path / "m", "-m", "me/ml", "-c", "k8s", "--juju-data", tmp_path),
        )
        path = file(*inputs, *ALL_OPTIONS)
        made_from = deploying.asked
        result = invoke("deploy", "--plan", path)
        assert result.exit_code == 0, result.stderr
        for name in ("inputs", "target", "policy", "create_model", "skip_releases"):
            assert deploying.asked[name] == made_from[name], name
        assert deploying.asked["target"] == JujuTarget(
            model="me/ml", controller="k8s", juju_data=tmp_path
        )
        assert deploying.asked["registry_config"] is None

    def test_the_plan_is_reviewed(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path]
    ) -> None:
        invoke("deploy", "--plan", file())
        review = deploying.asked["review"]
        asyncio.run(review(CHANGED))
        with pytest.raises(ckf_airgap.RefusedError, match="is not what would be done now"):
            asyncio.run(review(SAME))

    def test_what_is_given_goes_before_the_file(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = file(
            *("1.11", "--charms", "/c", "--set", "dog.volume=8", "--set", "cat.purr=1"),
            *("--prune", "--application", "dog", "-m", "me/ml", "--juju-data", tmp_path),
        )
        result = invoke(
            *("deploy", "1.10", "--plan", path, "--charms", "/other", "--reset-foreign"),
            *("--set", "dog.volume=9", "--create-model", "--skip-releases", "-c", "k8s"),
        )
        assert result.exit_code == 0, result.stderr
        asked = deploying.asked
        assert asked["inputs"] == Inputs(
            bundle="1.10", charms=Path("/other"), settings=("cat.purr=1", "dog.volume=9")
        )
        assert asked["policy"] == Policy(prune=True, reset_foreign=True, only=frozenset({"dog"}))
        assert asked["target"] == JujuTarget(model="me/ml", controller="k8s", juju_data=tmp_path)
        assert (asked["create_model"], asked["skip_releases"]) == (True, True)
        invoke("deploy", "--plan", path, "--juju-data", "/elsewhere")
        assert deploying.asked["target"] == JujuTarget(model="me/ml", juju_data=Path("/elsewhere"))
        invoke("deploy", "--plan", path, "-m", "c2:other")
        assert deploying.asked["target"] == JujuTarget(
            model="other", controller="c2", juju_data=tmp_path
        )

    def test_the_environment_does_not(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path]
    ) -> None:
        path = file("1.11", "--charms", "/c", "-m", "ml")
        env: dict[str, str | None] = {"CKF_AIRGAP_CHARMS": "/env", "JUJU_MODEL": "env"}
        assert invoke("deploy", "--plan", path, env=env).exit_code == 0
        assert deploying.asked["inputs"].charms == Path("/c")
        assert deploying.asked["target"].model == "ml"

    def test_settings_that_are_not_kept_are_given_again(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path]
    ) -> None:
        path = file("1.11", "--set", "a.password=x", "--set", "b.token=y", "--set", "c.d=1")
        deploying.asked = {}
        result = invoke("deploy", "--plan", path, "--set", "a.password=x")
        assert result.exit_code == 2
        assert "the plan was made with --set of b.token, whose" in result.stderr
        assert "Give --set b.token=... again." in result.stderr
        assert deploying.asked == {}
        again = ("--set", "a.password=x", "--set", "b.token=y")
        assert invoke("deploy", "--plan", path, *again).exit_code == 0
        assert deploying.asked["inputs"].settings == ("c.d=1", "a.password=x", "b.token=y")

    def test_what_is_left_of_it_is_another_plan(
        self, invoke: Invoke, deploying: Operation, file: Callable[..., Path]
    ) -> None:
        path = file()
        deploying.error = told(
            DeploymentRefusedError("one step failed", fix="Run it again."),
            DeployReport(plan=CHANGED),
        )
        said = invoke("deploy", "--plan", path).stderr
        assert "Run it again." not in said
        assert "make a new one, or deploy without --plan" in said

    def test_without_a_plan_the_bundle_is_named(self, invoke: Invoke, deploying: Operation) -> None:
        result = invoke("deploy", "--no-wait")
        assert result.exit_code == 2
        assert "Missing argument 'BUNDLE'" in result.stderr
        assert deploying.asked == {}


class TestRehearse:
    @pytest.fixture
    def rehearsing(self, monkeypatch: pytest.MonkeyPatch) -> Operation:
        operation = Operation(Rehearsal(deployment=DONE))
        monkeypatch.setattr(ckf_airgap, "rehearse", operation)
        return operation

    def test_asks_for_what_is_said(self, invoke: Invoke, rehearsing: Operation) -> None:
        assert invoke("rehearse", "1.11").exit_code == 0
        assert without_observer(rehearsing.asked) == {
            "inputs": Inputs(bundle="1.11"),
            "model": "kubeflow",
            "speed": 60.0,
            "timeout_s": 300.0,
            "jobs": 8,
            "script_file": None,
            "registry_login": None,
            "registry_config": None,
            "only": None,
        }

    def test_hands_on_every_option(self, invoke: Invoke, rehearsing: Operation) -> None:
        result = invoke(
            *("rehearse", "1.11", "-m", "ml", "--speed", "9", "--timeout", "5s", "--jobs", "4"),
            *("--script", "/s", "--registry-config", "/logins"),
            *("--application", "a", "--application", "b"),
        )
        assert result.exit_code == 0, result.stderr
        assert without_observer(rehearsing.asked) == {
            "inputs": Inputs(bundle="1.11"),
            "model": "ml",
            "speed": 9.0,
            "timeout_s": 5.0,
            "jobs": 4,
            "script_file": Path("/s"),
            "registry_login": None,
            "registry_config": Path("/logins"),
            "only": ("a", "b"),
        }

    def test_what_remains_ends_with_6(self, invoke: Invoke, rehearsing: Operation) -> None:
        left = dataclasses.replace(DONE, remaining=(VOLUME,))
        rehearsing.result = Rehearsal(deployment=left)
        result = invoke("rehearse", "1.11")
        assert result.exit_code == 6
        assert "is not what the bundle says" in result.stderr
