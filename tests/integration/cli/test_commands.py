"""deploy, status and wait on a controller: what they do, say, and end with."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import Result

import ckf_airgap
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelresources import resource_body
from ckf_airgap.rehearsal.standin import write_standin
from ckf_airgap.rehearsal.units.course import Course, Step
from tests.jsonkeys import wrong_keys
from tests.unit.cli.conftest import DOG, REGISTRY, World

Invoke = Callable[..., Result]


def applications(controller: ControllerThread, model: str = "kubeflow") -> dict[str, Any]:
    """What the controller's model holds, by application."""

    def read() -> dict[str, Any]:
        found: Model = controller.controller.models[model]
        status: Any = found.full_status()
        return dict(status["applications"])

    return controller.call(read)


def called(controller: ControllerThread, model: str = "kubeflow") -> list[str]:
    """The methods that were called on connections to the model."""
    return controller.call(
        lambda: [request.method for request in controller.controller.models[model].requests]
    )


def requests(controller: ControllerThread, model: str = "kubeflow") -> list[str]:
    """The methods that change the model, in the order they were called."""
    changing = {"Deploy", "AddRelation", "SetConfigs", "ScaleApplications", "AddPendingResources"}
    return [method for method in called(controller, model) if method in changing]


class TestDeploy:
    def test_ends_with_everything_active_and_a_table(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        result = deploy()
        assert result.exit_code == 0, result.stderr
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["cat", "cat", "0", "1", "active", "pets/cat:1.0"] in rows
        assert ["dog", "dog", "0", "2", "active", "pets/flea:2"] in rows
        assert ["cat:prey", "dog:prey", "prey"] in rows
        assert "active and idle: 2 applications (2 active), 3 units, 1 relation" in result.stdout
        assert set(applications(controller)) == {"cat", "dog"}

    def test_tells_each_change_on_a_line_when_piped(self, deploy: Invoke) -> None:
        lines = deploy().stderr.splitlines()
        assert lines[0] == f"rendered 2 applications with 2 images of {REGISTRY}"
        assert "to do: 2 charms to upload, 2 applications to deploy, 1 relation to make" in lines
        assert any(re.match(r"\[\d/7\] related cat:prey dog:prey$", line) for line in lines)
        assert any(line.startswith("dog/1: ") for line in lines)
        assert not any("\x1b" in line for line in lines)

    def test_again_changes_nothing(self, deploy: Invoke, controller: ControllerThread) -> None:
        deploy()
        before = requests(controller)
        assert before.count("Deploy") == 2
        result = deploy()
        assert result.exit_code == 0
        assert requests(controller) == before

    def test_again_brings_options_and_scale_in_line(
        self, deploy: Invoke, world: World, controller: ControllerThread
    ) -> None:
        deploy()
        before = len(requests(controller))
        own = world.bundle.parent / "own.yaml"
        own.write_text("applications: {dog: {scale: 3}}")
        result = deploy("--set", "dog.volume=9", "--overlay", own)
        assert result.exit_code == 0, result.stderr
        assert len(applications(controller)["dog"]["units"]) == 3
        assert sorted(requests(controller)[before:]) == ["ScaleApplications", "SetConfigs"]

    def test_dry_run_prints_the_plan_and_does_nothing(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        result = deploy("--dry-run")
        assert result.exit_code == 0
        rows = [line.split(maxsplit=3) for line in result.stdout.splitlines()]
        assert ["+", "cat", "application", "cat_r12.charm"] in rows
        assert ["+", "cat", "relation", "cat:prey dog:prey"] in rows
        assert "2 new applications, 1 new relation" in result.stdout
        assert "nothing was done" in result.stderr
        assert requests(controller) == []

    def test_dry_run_as_json(self, deploy: Invoke) -> None:
        document = json.loads(deploy("--dry-run", "--json").stdout)
        assert document["schema"] == "ckf-airgap/plan/v2"
        actions = [step["step"] for step in document["actions"]]
        assert actions[:4] == ["upload-charm", "upload-charm", "deploy", "deploy"]
        kinds = {(step["application"], step["kind"]) for step in document["steps"]}
        assert {("cat", "application"), ("dog", "scale"), ("cat", "relation")} <= kinds

    def test_dry_run_of_a_model_that_would_be_made_makes_none(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        assert deploy("--model", "new", "--dry-run", "--create-model").exit_code == 0
        assert "new" not in controller.call(lambda: list(controller.controller.models))

    def test_model_that_is_missing_is_made_only_when_asked(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        refused = deploy("--model", "new")
        assert refused.exit_code == 5
        assert "It has kubeflow, other. Use --create-model to create it.\n" in refused.stderr
        assert deploy("--model", "new", "--create-model").exit_code == 0
        assert set(applications(controller, "new")) == {"cat", "dog"}

    def test_model_is_not_made_when_its_controller_would_refuse_the_bundle(
        self, deploy: Invoke, controller: ControllerThread, world: World
    ) -> None:
        picky = dataclasses.replace(DOG, metadata={**DOG.metadata, "assumes": ["juju >= 99"]})
        write_standin(picky, world.charms, 6)
        refused = deploy("--model", "new", "--create-model")
        assert refused.exit_code == 3, refused.stderr
        assert "assumes" in refused.stderr
        assert "new" not in controller.call(lambda: list(controller.controller.models))

    def test_second_model_gets_its_own(self, deploy: Invoke, controller: ControllerThread) -> None:
        assert deploy().exit_code == 0
        assert deploy("--model", "rehearsal:admin/other").exit_code == 0
        assert set(applications(controller, "other")) == {"cat", "dog"}

    def test_without_waiting(self, deploy: Invoke) -> None:
        result = deploy("--no-wait")
        assert result.exit_code == 0
        assert "in model kubeflow: deployed 2 applications, made 1 relation; " in result.stdout

    def test_as_json_tells_what_was_done_and_what_stands(self, deploy: Invoke) -> None:
        document = json.loads(deploy("--json").stdout)
        assert document["schema"] == "ckf-airgap/deploy/v1"
        assert sorted(document["deployed"]) == ["cat", "dog"]
        assert document["related"] == ["cat:prey dog:prey"]
        dog = document["status"]["applications"]["dog"]
        assert (dog["scale"], dog["base"]) == (2, "ubuntu@22.04")
        assert sorted(unit["leader"] for unit in dog["units"].values()) == [False, True]
        assert set(document["seconds"]) == {"render", "connect", "deploy", "wait"}
        assert set(document["ready-after-s"]) == {"cat", "dog"}

    def test_unit_in_error_ends_it_with_7_and_the_table(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        broken = Course(steps=(Step.hook_failed("install"),), begins="install")
        controller.call(lambda: controller.controller.script.set_course(broken, application="cat"))
        result = deploy("--error-grace", "0.5s")
        assert result.exit_code == 7
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["cat", "cat", "0", "0/1", "error"] in [row[:5] for row in rows]
        assert 'cat/0: error: hook failed: "install"' in result.stderr

    def test_too_little_time_ends_it_with_8_and_says_what_is_in_the_way(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        stuck = Course.stuck("blocked", "Please feed me")
        controller.call(lambda: controller.controller.script.set_course(stuck, application="dog"))
        result = deploy("--timeout", "1.5s")
        assert result.exit_code == 8
        assert "dog/0: blocked: Please feed me" in result.stderr
        assert "Please feed me" in result.stdout

    def test_charm_that_the_controller_cannot_read_is_refused_before_anything_is_done(
        self, deploy: Invoke, world: World, controller: ControllerThread
    ) -> None:
        write_standin(DOG, world.charms, 6, layout="charmcraft")
        for dry_run in ((), ("--dry-run",)):
            result = deploy(*dry_run)
            assert result.exit_code == 3
            assert "dog_r6.charm: charm dog has everything in charmcraft.yaml" in result.stderr
        assert requests(controller) == []

    def test_registry_login_needs_a_password_that_is_not_on_the_command_line(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        result = deploy("--registry-username", "ann")
        assert result.exit_code == 3
        assert "CKF_AIRGAP_REGISTRY_PASSWORD" in result.stderr
        assert requests(controller) == []

    def test_registry_login_goes_with_the_images_and_is_shown_nowhere(
        self, deploy: Invoke, world: World, controller: ControllerThread
    ) -> None:
        secret = world.bundle.parent / "password"
        secret.write_text("hunter2\n")
        args = ("--registry-username", "ann", "--registry-password-file", secret, "-vv", "--debug")
        result = deploy(*args)
        assert result.exit_code == 0
        assert "hunter2" not in result.output

        def body() -> str:
            model = controller.controller.models["kubeflow"]
            return resource_body(model, "cat", "cat-image").read_text()

        assert "ann" in controller.call(body)
        assert "hunter2" in controller.call(body)

    @pytest.mark.parametrize("registry", [(), ("--registry", REGISTRY)])
    def test_registry_login_does_not_go_with_an_image_of_another_registry(
        self,
        deploy: Invoke,
        world: World,
        controller: ControllerThread,
        registry: tuple[str, ...],
    ) -> None:
        secret, own = world.bundle.parent / "password", world.bundle.parent / "own.yaml"
        secret.write_text("hunter2\n")
        own.write_text("applications: {cat: {resources: {cat-image: evil.example/x:1}}}\n")
        login = ("--registry-username", "ann", "--registry-password-file", secret)
        assert deploy("--overlay", own, *login, *registry, "--no-wait").exit_code == 0

        def body() -> str:
            model = controller.controller.models["kubeflow"]
            return resource_body(model, "cat", "cat-image").read_text()

        assert yaml.safe_load(controller.call(body)) == {
            "registrypath": "evil.example/x:1",
            "username": "",
            "password": "",
        }

    def test_contradicting_controllers_are_a_usage_error(self, deploy: Invoke) -> None:
        result = deploy("--model", "here:kubeflow", "--controller", "there")
        assert result.exit_code == 2
        assert "here" in result.stderr


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_in_the_middle_says_what_stands(
        self, world: World, controller: ControllerThread, number: signal.Signals
    ) -> None:
        stuck = Course.stuck("waiting", "for ever")
        controller.call(lambda: controller.controller.script.set_course(stuck, application="dog"))
        env = {**os.environ, "JUJU_DATA": str(controller.juju_data)}
        with subprocess.Popen(
            [sys.executable, "-m", "ckf_airgap", "deploy", *world.args],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            deadline = time.monotonic() + 30
            while len(applications(controller)) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("dog/"):
                    break
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert out == ""
        assert "2 of 2 applications deployed and 1 of 1 relation made in model kubeflow" in err
        assert "Traceback" not in err
        assert set(applications(controller)) == {"cat", "dog"}


class TestStatusAndWait:
    def test_status_of_an_empty_model(self, invoke: Invoke, controller: ControllerThread) -> None:
        result = invoke("status", "--juju-data", controller.juju_data)
        assert result.exit_code == 0
        assert result.stdout == "model kubeflow is empty\n"

    def test_status_shows_applications_and_relations(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        deploy()
        env = {"JUJU_DATA": str(controller.juju_data)}
        result = invoke("status", env=env)
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["dog", "dog", "0", "2", "active"] in rows
        assert result.stderr == "2 applications (2 active), 3 units, 1 relation\n"
        document = json.loads(invoke("status", "--json", "-q", env=env).stdout)
        assert document["schema"] == "ckf-airgap/status/v1"
        assert document["applications"]["cat"]["units"]["cat/0"]["workload"]["current"] == "active"

    def test_status_watch_prints_a_line_for_each_change_until_stopped(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        env = {**os.environ, "JUJU_DATA": str(controller.juju_data)}
        with subprocess.Popen(
            [sys.executable, "-m", "ckf_airgap", "status", "--watch"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while "Next" not in called(controller):
                assert process.poll() is None
                time.sleep(0.02)
            deploy("--no-wait")
            assert process.stdout is not None
            seen = ""
            while "dog/1: active" not in seen and "dog/1: waiting -> active" not in seen:
                line = process.stdout.readline()
                assert line
                seen += line
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert err == "stopped by Ctrl-C\n"

    def test_wait_returns_when_all_is_active(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        deploy("--no-wait")
        env = {"JUJU_DATA": str(controller.juju_data)}
        result = invoke("wait", "--idle", "0.3s", "--timeout", "20s", env=env)
        assert result.exit_code == 0
        assert result.stdout.startswith("active and idle after ")
        assert result.stdout.endswith(": 2 applications (2 active), 3 units, 1 relation\n")

    def test_wait_for_an_empty_model_is_over_at_once_and_warns(
        self, invoke: Invoke, controller: ControllerThread
    ) -> None:
        result = invoke("wait", "-q", "--timeout", "20s", "--juju-data", controller.juju_data)
        assert result.exit_code == 0
        assert result.stderr == (
            "warning: model kubeflow is empty: there was nothing to wait for\n"
        )

    @pytest.mark.parametrize("command", ["status", "wait"])
    def test_missing_model_names_those_there_are_and_no_option_that_the_command_lacks(
        self, invoke: Invoke, controller: ControllerThread, command: str
    ) -> None:
        result = invoke(command, "--model", "kubflow", "--juju-data", controller.juju_data)
        assert result.exit_code == 5
        assert "Did you mean 'kubeflow'? It has kubeflow, other.\n" in result.stderr
        assert "--create-model" not in result.stderr

    def test_wait_gives_up_in_time(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        stuck = Course.stuck("blocked", "Please feed me")
        controller.call(lambda: controller.controller.script.set_course(stuck, application="dog"))
        deploy("--no-wait")
        env = {"JUJU_DATA": str(controller.juju_data)}
        result = invoke("wait", "--timeout", "1s", "--json", env=env)
        assert result.exit_code == 8
        document = json.loads(result.stdout)
        assert document["error"] == "WaitTimeoutError"
        assert any("Please feed me" in problem["what"] for problem in document["problems"])

    def test_wait_ends_early_with_the_reason_first_and_all_that_is_in_the_way(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        script = controller.controller.script
        image = f'OCI image pull error: failed to pull image "{REGISTRY}/pets/flea:2": no such'
        controller.call(lambda: script.set_course(Course.stuck("error", image), application="dog"))
        hungry = Course.stuck("blocked", "Please feed me")
        controller.call(lambda: script.set_course(hungry, application="cat"))
        deploy("--no-wait")
        env = {"JUJU_DATA": str(controller.juju_data)}
        how = ("--timeout", "30s", "--pull-grace", "0.5s")
        result = invoke("wait", *how, env=env)
        assert result.exit_code == 7
        assert (
            "error: an image of 1 application in model kubeflow could not be pulled for 0.5 s:"
            in (result.stderr)
        )
        assert "no such (option helper_image)" in result.stderr
        document = json.loads(invoke("wait", *how, "--json", env=env).stdout)
        assert (document["error"], document["exit-code"]) == ("ImagePullError", 7)
        wheres = [problem["where"] for problem in document["problems"]]
        assert wheres == ["dog/0", "dog/1", "cat/0"]
        controller.call(lambda: script.set_course(None, application="dog"))
        result = invoke("wait", "--timeout", "30s", "--blocked-grace", "0.5s", env=env)
        assert result.exit_code == 7
        assert "cat/0: blocked: Please feed me" in result.stderr

    def test_wait_for_goals_of_single_applications(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        hungry = Course.stuck("blocked", "Please feed me")
        script = controller.controller.script
        controller.call(lambda: script.set_course(hungry, application="cat"))
        deploy("--no-wait")
        env = {"JUJU_DATA": str(controller.juju_data)}
        how = ("--idle", "0.3s", "--timeout", "20s", "--blocked-grace", "0", "--stall", "0")
        result = invoke("wait", "--expect", "cat=blocked", *how, env=env)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("as expected after ")
        result = invoke("wait", "--application", "dog", *how, "--json", env=env)
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert set(document["ready-after-s"]) == {"dog"}
        assert (document["removed"], document["warnings"]) == ([], [])
        both = ("--application", "dog", "--application", "cat", *how[:3], "1s")
        assert invoke("wait", *both, env=env).exit_code == 8

    def test_wait_says_which_applications_were_removed_meanwhile(
        self, invoke: Invoke, deploy: Invoke, controller: ControllerThread
    ) -> None:
        hungry = Course.stuck("blocked", "Please feed me")
        script = controller.controller.script
        controller.call(lambda: script.set_course(hungry, application="cat"))
        deploy("--no-wait")

        def remove() -> None:
            model = controller.controller.models["kubeflow"]
            model.topology.remove_application(model.applications["cat"], force=False)

        timer = threading.Timer(1.0, lambda: controller.call(remove))
        timer.start()
        env = {"JUJU_DATA": str(controller.juju_data)}
        result = invoke("wait", "--idle", "0.3s", "--timeout", "20s", "--json", env=env)
        timer.join()
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert document["removed"] == ["cat"]
        what = "application cat was removed while it was waited for"
        assert document["warnings"] == [{"what": what, "where": "", "fix": ""}]
        assert f"warning: {what}\n" in result.stderr

    def test_status_watch_as_documents_has_the_model_first_and_then_what_changed(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        env = {**os.environ, "JUJU_DATA": str(controller.juju_data)}
        watch = [sys.executable, "-m", "ckf_airgap", "status", "--watch", "--json"]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with (
            subprocess.Popen(watch, env=env, **pipes) as changes,
            subprocess.Popen([*watch, "--snapshots"], env=env, **pipes) as snapshots,
        ):
            assert changes.stdout is not None
            assert snapshots.stdout is not None
            first = json.loads(changes.stdout.readline())
            assert first["schema"] == "ckf-airgap/status-change/v1"
            assert (first["change"], first["value"]["applications"]) == ("model", {})
            assert json.loads(snapshots.stdout.readline())["schema"] == "ckf-airgap/status/v1"
            deploy("--no-wait")
            model: Any = first["value"]
            lines = 0
            while not is_settled(model):
                change = json.loads(changes.stdout.readline())
                assert wrong_keys(change) == set()
                model = ckf_airgap.apply_change(model, change)
                lines += 1
            whole: Any = {}
            while not is_settled(whole):
                whole = json.loads(snapshots.stdout.readline())
            for process in (changes, snapshots):
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=20)
                assert process.returncode == 0
        assert lines > 5
        for name, application in whole["applications"].items():
            told = model["applications"][name]
            assert told.keys() == application.keys()
            assert told["charm-url"] == application["charm-url"]
            assert list(told["units"]) == list(application["units"])
        assert model["relations"] == whole["relations"]

    def test_controller_that_the_store_does_not_know(
        self, invoke: Invoke, controller: ControllerThread
    ) -> None:
        store = controller.juju_data
        result = invoke("status", "--juju-data", store, "--controller", "rehersal")
        assert result.exit_code == 5
        assert "did you mean 'rehearsal'?" in result.stderr


class TestRehearse:
    def test_bundle_of_ones_own_with_its_charms(self, invoke: Invoke, world: World) -> None:
        result = invoke("rehearse", *world.args, "--speed", "600")
        assert result.exit_code == 0, result.stderr
        assert "no findings: nothing was accepted here" in result.stdout
        assert "active and idle: 2 applications" in result.stdout

    def test_as_json(self, invoke: Invoke, world: World) -> None:
        result = invoke("rehearse", *world.args, "--speed", "600", "--json")
        document = json.loads(result.stdout)
        assert document["schema"] == "ckf-airgap/rehearse/v1"
        assert document["findings"] == []
        assert document["registry"] == REGISTRY

    def test_finding_fails_the_rehearsal(self, invoke: Invoke, world: World) -> None:
        own = world.bundle.parent / "own.yaml"
        own.write_text("applications: {cat: {resources: {cat-image: docker.io/pets/cat:1.0}}}")
        result = invoke("rehearse", *world.args, "--speed", "600", "--overlay", own)
        assert result.exit_code == 7
        assert "docker.io/pets/cat:1.0" in result.stdout
        assert "error: the rehearsal has 1 finding" in result.stderr

    def test_units_do_what_the_script_says(self, invoke: Invoke, world: World) -> None:
        script = world.bundle.parent / "script.yaml"
        script.write_text("applications: {cat: {steps: [{hook-failed: start}]}}\n")
        result = invoke("rehearse", *world.args, "--speed", "600", "--script", script)
        assert result.exit_code == 7
        assert 'hook failed: "start"' in result.stderr

    def test_bundle_of_ones_own_has_no_stand_ins(self, invoke: Invoke, world: World) -> None:
        result = invoke("rehearse", world.bundle)
        assert result.exit_code == 2
        assert "--charms" in result.stderr

    @pytest.mark.parametrize("release", ["1.8", "1.9", "1.10", "1.11"])
    def test_every_shipped_release_needs_nothing_but_its_name(
        self, invoke: Invoke, release: str
    ) -> None:
        result = invoke("rehearse", release, "--speed", "600", "--json")
        assert result.exit_code == 0, result.stderr
        document = json.loads(result.stdout)
        assert document["findings"] == []
        count = 38 if release == "1.8" else 37
        states = {
            unit["workload"]["current"]
            for application in document["status"]["applications"].values()
            for unit in application["units"].values()
        }
        assert len(document["status"]["applications"]) == count
        assert states == {"active"}
        assert all(image["target"].startswith("registry.") for image in document["images"])


def is_settled(model: Any) -> bool:
    """Whether all units of the world's bundle are active and idle, and related."""
    units = [
        unit
        for application in model.get("applications", {}).values()
        for unit in application["units"].values()
    ]
    states = {(unit["workload"]["current"], unit["agent"]["current"]) for unit in units}
    return len(units) == 3 and states == {("active", "idle")} and bool(model["relations"])
