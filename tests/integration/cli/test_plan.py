"""A second deploy from the command line: what a plan shows, is made so, read back and kept."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from ckf_airgap.charms.charm import Charm, Option, Resource
from ckf_airgap.documents import JSONValue
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.model import applications as model_applications
from ckf_airgap.rehearsal.model.modelresources import resource_body
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.cli.test_commands import applications, called
from tests.unit.cli.conftest import CAT, DOG, REGISTRY, World

Invoke = Callable[..., Result]

HURRIED = ("--no-wait=force",)

NEWER_CAT = dataclasses.replace(
    CAT,
    resources={"cat-image": Resource(name="cat-image", upstream_source="docker.io/pets/cat:2.0")},
    options={"purr": Option(name="purr", type="boolean", default=False)},
)


@pytest.fixture
def plan(
    world: World, invoke: Invoke, controller: ControllerThread
) -> Callable[..., dict[str, Any]]:
    """Return the plan as JSON; its steps by application, kind and name."""

    def call(*args: object, code: int = 0) -> dict[str, Any]:
        before = called(controller)
        result = invoke("plan", *world.args, "--juju-data", controller.juju_data, "--json", *args)
        assert result.exit_code == code, result.stderr
        assert {"Deploy", "SetCharm", "SetConfigs"}.isdisjoint(called(controller)[len(before) :])
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    return call


@pytest.fixture
def deployed(deploy: Invoke) -> None:
    result = deploy("--no-wait")
    assert result.exit_code == 0, result.stderr


def changes(document: dict[str, Any]) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    return {
        (step["application"], step["kind"], step["name"]): (step["old"], step["new"])
        for step in document["steps"]
        if step["kind"] != "record"
    }


def change(controller: ControllerThread, apply: Callable[[Any], object]) -> None:
    """Change the model behind the tool's back."""
    controller.call(lambda: apply(controller.controller.models["kubeflow"]))


def configure(controller: ControllerThread, application: str, **options: str) -> None:
    def apply(model: Any) -> None:
        found = model.topology.application(application)
        model_applications.configure(model, found, strings=options, yaml_text="")

    change(controller, apply)


def body(controller: ControllerThread, application: str = "cat") -> dict[str, str]:
    """Return what the controller has as the image resource of an application."""

    def read() -> str:
        model = controller.controller.models["kubeflow"]
        return resource_body(model, application, f"{application}-image").read_text()

    found: dict[str, str] = yaml.safe_load(controller.call(read))
    return found


def record(controller: ControllerThread, application: str) -> DeploymentRecord | None:
    model = controller.controller.models["kubeflow"]
    annotations = controller.call(lambda: dict(model.annotations[f"application-{application}"]))
    return DeploymentRecord.parse(annotations.get(RECORD_KEY))


def newer_cat(world: World) -> None:
    write_standin(NEWER_CAT, world.charms, 13)
    world.images.write_text(f"{REGISTRY}/pets/cat:2.0\n{REGISTRY}/pets/flea:2\n")


@pytest.mark.usefixtures("deployed")
class TestConverging:
    def test_a_newer_charm_its_image_and_an_option_that_it_adds(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        world: World,
        controller: ControllerThread,
    ) -> None:
        newer_cat(world)
        found = changes(plan("--set", "cat.purr=true"))
        assert found == {
            ("cat", "charm", ""): ("cat_r12.charm", "cat_r13.charm"),
            ("cat", "resource", "cat-image"): (
                f"{REGISTRY}/pets/cat:1.0",
                f"{REGISTRY}/pets/cat:2.0",
            ),
            ("cat", "option", "purr"): (None, "true"),
        }
        result = deploy("--set", "cat.purr=true")
        assert result.exit_code == 0, result.stderr
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["cat", "cat", "1", "1", "active", "pets/cat:2.0"] in rows
        assert "in model kubeflow: refreshed 1 application; " in result.stdout
        assert applications(controller)["cat"]["charm"] == "local:cat-1"
        assert changes(plan("--set", "cat.purr=true")) == {}

    def test_text_of_a_plan_shows_old_and_new_and_the_exit_code_that_there_is_something(
        self, invoke: Invoke, deploy: Invoke, world: World, controller: ControllerThread
    ) -> None:
        where = ("plan", *world.args, "--juju-data", controller.juju_data, "--exit-code")
        same = invoke(*where)
        assert same.exit_code == 0
        assert same.stdout == "nothing to do in model kubeflow, 2 applications unchanged\n"
        newer_cat(world)
        differs = invoke(*where)
        assert differs.exit_code == 10
        assert differs.stdout.splitlines() == [
            "~ cat  charm            cat_r12.charm -> cat_r13.charm",
            f"~ cat  image cat-image  {REGISTRY}/pets/cat:1.0 -> {REGISTRY}/pets/cat:2.0",
            "",
            "2 changes, 1 application unchanged",
        ]
        dry = deploy("--dry-run")
        assert (dry.exit_code, dry.stdout) == (0, differs.stdout)
        assert "nothing was done" in dry.stderr

    def test_a_moved_registry(
        self, deploy: Invoke, plan: Callable[..., dict[str, Any]], world: World
    ) -> None:
        world.images.write_text("new.test:5001/pets/cat:1.0\nnew.test:5001/pets/flea:2\n")
        assert set(changes(plan())) == {
            ("cat", "resource", "cat-image"),
            ("dog", "option", "helper_image"),
        }
        result = deploy("--json", "--no-wait")
        document = json.loads(result.stdout)
        assert {image["target"] for image in document["images"]} == {
            "new.test:5001/pets/cat:1.0",
            "new.test:5001/pets/flea:2",
        }
        assert document["remaining"] == []
        assert sorted(document["changed"]) == ["cat", "dog"]
        assert plan()["steps"] == []

    def test_what_an_earlier_deployment_set_is_reset_and_what_others_set_is_left_alone(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        controller: ControllerThread,
    ) -> None:
        hostname = ("cat", "option", "juju-external-hostname")
        set_it = ("--set", "cat.juju-external-hostname=ours.example")
        assert deploy(*set_it, "--no-wait").exit_code == 0
        assert plan(*set_it)["steps"] == []
        assert changes(plan()) == {hostname: ("ours.example", None)}
        assert deploy("--no-wait").exit_code == 0
        configure(controller, "cat", **{"juju-external-hostname": "cat.example"})
        document = plan()
        assert document["steps"] == []
        (left,) = document["foreign"]
        assert (left["application"], left["kind"], left["name"], left["value"]) == (
            "cat",
            "option",
            "juju-external-hostname",
            "cat.example",
        )
        assert "--reset-foreign" in left["fix"]
        assert deploy("--no-wait").exit_code == 0
        assert len(plan()["foreign"]) == 1
        assert changes(plan("--reset-foreign")) == {hostname: ("cat.example", None)}
        assert deploy("--reset-foreign", "--no-wait").exit_code == 0
        assert plan()["foreign"] == []

    def test_what_the_bundle_does_not_have_is_listed_and_pruned_when_asked(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        world: World,
        controller: ControllerThread,
    ) -> None:
        world.bundle.write_text(world.bundle.read_text().replace("cat:", "kitten:"))
        assert deploy("--no-wait").exit_code == 0
        assert set(applications(controller)) == {"cat", "dog", "kitten"}
        foreign = {(one["application"], one["kind"]) for one in plan()["foreign"]}
        assert ("cat", "application") in foreign
        gone = changes(plan("--prune"))
        assert gone["cat", "application", ""][1] is None
        result = deploy("--prune", "--no-wait")
        assert result.exit_code == 0, result.stderr
        assert "removed 1 application" in result.stdout

    def test_only_the_applications_that_are_asked_for(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        world: World,
        controller: ControllerThread,
    ) -> None:
        newer_cat(world)
        only = ("--application", "dog", "--set", "dog.volume=5")
        assert set(changes(plan(*only))) == {("dog", "option", "volume")}
        assert deploy(*only, "--no-wait").exit_code == 0
        assert applications(controller)["cat"]["charm"] == "local:cat-0"

    def test_without_a_record_it_is_not_known_and_brought_in_line(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        controller: ControllerThread,
    ) -> None:
        change(controller, lambda model: model.annotate("application-cat", {RECORD_KEY: ""}))
        (charm,) = [step for step in plan()["steps"] if step["kind"] == "charm"]
        assert charm["old-unknown"] is True
        assert charm["old"] == "local:cat-0"
        assert deploy("--no-wait").exit_code == 0
        found = record(controller, "cat")
        assert found is not None
        assert found.charm_file == "cat_r12.charm"
        assert plan()["steps"] == []


@pytest.mark.usefixtures("deployed")
class TestReadBack:
    def test_a_change_that_the_controller_ignores_is_not_reported_as_done(
        self, deploy: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(model_applications, "configure", lambda *_args, **_options: None)
        result = deploy("--set", "dog.volume=8", "--no-wait", "--json")
        assert result.exit_code == 6
        assert "model kubeflow is not what the bundle says, although" in result.stderr
        assert "dog option volume: the model has 3, the bundle 8" in result.stderr
        (left,) = json.loads(result.stdout)["remaining"]
        assert (left["name"], left["old"], left["new"]) == ("volume", "3", "8")

    def test_an_image_and_a_charm_that_the_controller_ignores_are_not_claimed(
        self,
        deploy: Invoke,
        world: World,
        controller: ControllerThread,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from ckf_airgap.rehearsal.api.facades.application import Application

        async def ignore(_self: object, _params: object) -> dict[str, Any]:
            return {}

        newer_cat(world)
        monkeypatch.setattr(Application, "set_charm", ignore)
        result = deploy("--no-wait", "--json")
        assert result.exit_code == 6
        assert "cat charm: " in result.stderr
        document = json.loads(result.stdout)
        assert {step["kind"] for step in document["remaining"]} >= {"charm", "resource"}
        targets = {image["where"]: image["target"] for image in document["images"]}
        assert targets["resource cat-image"] is None
        assert applications(controller)["cat"]["charm"] == "local:cat-0"


class TestLogins:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        path = tmp_path / "config.json"
        self.log_in(path, "ann", "hunter2")
        return path

    @staticmethod
    def log_in(path: Path, user: str, word: str) -> None:
        packed = base64.b64encode(f"{user}:{word}".encode()).decode()
        path.write_text(json.dumps({"auths": {f"{REGISTRY}/pets": {"auth": packed}}}))

    def test_each_image_gets_its_login_from_a_file_and_a_new_one_is_sent_again(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        controller: ControllerThread,
        config: Path,
    ) -> None:
        login = ("--registry-config", config)
        result = deploy(*login, "--no-wait", "-vv", "--debug")
        assert result.exit_code == 0, result.stderr
        assert body(controller)["username"] == "ann"
        assert body(controller)["password"] == "hunter2"
        assert plan(*login)["steps"] == []
        self.log_in(config, "ann", "hunter3")
        assert set(changes(plan(*login))) == {("cat", "pull-login", "cat-image")}
        again = deploy(*login, "--no-wait", "-vv", "--debug")
        assert again.exit_code == 0, again.stderr
        assert body(controller)["password"] == "hunter3"
        assert plan(*login)["steps"] == []
        said = result.output + again.output + str(record(controller, "cat"))
        assert "hunter" not in said

    def test_the_login_to_the_registry_goes_before_the_file(
        self, deploy: Invoke, controller: ControllerThread, config: Path, tmp_path: Path
    ) -> None:
        word = tmp_path / "password"
        word.write_text("own")
        login = ("--registry-username", "bob", "--registry-password-file", word)
        assert deploy(*login, "--registry-config", config, "--no-wait").exit_code == 0
        assert body(controller)["username"] == "bob"

    def test_a_file_without_a_login_for_any_image_is_a_warning(
        self, deploy: Invoke, config: Path
    ) -> None:
        config.write_text('{"auths": {"other.example": {"auth": "YTpi"}}}')
        result = deploy("--registry-config", config, "--no-wait", "--json")
        assert result.exit_code == 0
        assert f"which come from {REGISTRY}" in result.stderr
        assert "no login for any image" in json.loads(result.stdout)["warnings"][-1]["what"]


class TestRefusing:
    @pytest.fixture
    def other_storage(self, world: World, deployed: None) -> Charm:
        storage: JSONValue = {"data": {"type": "filesystem", "minimum-size": "1G"}}
        charm = dataclasses.replace(CAT, metadata={"name": "cat", "storage": storage})
        write_standin(charm, world.charms, 13)
        return charm

    @pytest.mark.usefixtures("other_storage")
    def test_what_juju_cannot_change_is_named_and_nothing_is_changed(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        invoke: Invoke,
        world: World,
        controller: ControllerThread,
    ) -> None:
        (refused,) = plan(code=6)["refused"]
        assert (refused["application"], refused["kind"]) == ("cat", "storage")
        assert "--replace cat" in refused["fix"]
        file = world.bundle.parent / "changes.plan"
        where = (*world.args, "--juju-data", controller.juju_data)
        shown = invoke("plan", *where, "-o", file, "--exit-code")
        assert shown.exit_code == 6
        assert "! cat  storage data" in shown.stdout
        assert "would be refused: Juju does not change cat in place" in shown.stderr
        assert not file.exists()
        result = deploy("--no-wait", "--set", "dog.volume=7")
        assert result.exit_code == 6
        assert "nothing was changed" in result.stderr
        assert applications(controller)["cat"]["charm"] == "local:cat-0"

    @pytest.mark.usefixtures("other_storage")
    def test_it_is_replaced_when_that_is_asked_for(
        self,
        deploy: Invoke,
        plan: Callable[..., dict[str, Any]],
        controller: ControllerThread,
    ) -> None:
        document = plan("--replace", "cat")
        assert document["refused"] == []
        actions = [action["step"] for action in document["actions"]]
        assert actions.index("remove") < actions.index("deploy") < actions.index("relate")
        assert deploy("--replace", "cat").exit_code == 0
        assert applications(controller)["cat"]["charm"] == "local:cat-1"
        assert plan()["steps"] == []


class TestSavedPlans:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "changes.plan"

    @pytest.fixture
    def save(
        self, invoke: Invoke, world: World, controller: ControllerThread, file: Path
    ) -> Callable[..., Result]:
        def call(*args: object) -> Result:
            where = ("--juju-data", controller.juju_data, "-o", file)
            result = invoke("plan", *world.args, *where, *args)
            assert result.exit_code == 0, result.stderr
            assert f"carry it out with: ckf-airgap deploy --plan {file}" in result.stderr
            return result

        return call

    @pytest.mark.usefixtures("deployed")
    def test_it_is_carried_out_as_it_is_from_anywhere(
        self,
        save: Invoke,
        invoke: Invoke,
        world: World,
        file: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        newer_cat(world)
        save("--set", "dog.volume=7", "--reset-foreign")
        monkeypatch.chdir("/")
        shown = invoke("deploy", "--plan", file, "--dry-run")
        assert shown.exit_code == 0, shown.stderr
        assert "~ dog  option volume    3 -> 7" in shown.stdout
        result = invoke("deploy", "--plan", file, "--idle", "0.3s")
        assert result.exit_code == 0, result.stderr
        assert "refreshed 1 application, changed 1 application" in result.stdout
        again = invoke("deploy", "--plan", file)
        assert again.exit_code == 6
        assert "it would not be done any more" in again.stderr

    def test_a_model_is_made_for_it(
        self, save: Invoke, invoke: Invoke, controller: ControllerThread, file: Path
    ) -> None:
        save("--create-model", "--model", "new")
        result = invoke("deploy", "--plan", file, "--no-wait")
        assert result.exit_code == 0, result.stderr
        assert set(applications(controller, "new")) == {"cat", "dog"}

    @pytest.mark.usefixtures("deployed")
    def test_a_model_that_has_moved_on_is_not_changed(
        self, save: Invoke, invoke: Invoke, controller: ControllerThread, file: Path
    ) -> None:
        save("--set", "dog.volume=7")
        configure(controller, "dog", volume="5")
        before = called(controller)
        for dry in ((), ("--dry-run",)):
            result = invoke("deploy", "--plan", file, *dry)
            assert result.exit_code == 6
            assert 'dog: option volume: old was "3" and is "5" now' in result.stderr
        assert "SetConfigs" not in called(controller)[len(before) :]

    @pytest.mark.usefixtures("deployed")
    def test_inputs_that_have_moved_on_are_not_deployed(
        self, save: Invoke, invoke: Invoke, world: World, file: Path
    ) -> None:
        newer_cat(world)
        save()
        write_standin(
            dataclasses.replace(NEWER_CAT, metadata={"name": "cat", "summary": "x"}),
            world.charms,
            13,
        )
        result = invoke("deploy", "--plan", file)
        assert result.exit_code == 6
        assert "cat_r13.charm: its content is another one now" in result.stderr

    @pytest.mark.usefixtures("deployed")
    def test_a_setting_that_may_be_secret_is_given_again(
        self, save: Invoke, invoke: Invoke, world: World, file: Path
    ) -> None:
        options = {**DOG.options, "password": Option(name="password", type="string")}
        write_standin(dataclasses.replace(DOG, options=options), world.charms, 6)
        save("--set", "dog.password=hunter2", "--set", "dog.volume=4")
        assert "hunter2" not in file.read_text()
        missing = invoke("deploy", "--plan", file)
        assert missing.exit_code == 2
        assert "--set of dog.password, whose values may be secret" in missing.stderr
        other = invoke("deploy", "--plan", file, "--set", "dog.password=hunter3")
        assert other.exit_code == 6
        assert "a value that is hidden is another one now" in other.stderr
        same = invoke("deploy", "--plan", file, "--set", "dog.password=hunter2", "--no-wait")
        assert same.exit_code == 0, same.stderr
        assert "hunter" not in missing.output + other.output + same.output

    def test_options_that_are_given_go_before_those_of_the_plan(
        self, save: Invoke, invoke: Invoke, controller: ControllerThread, file: Path
    ) -> None:
        save("--set", "dog.volume=4")
        for args in (("--set", "dog.volume=5"), ("--application", "dog")):
            result = invoke("deploy", "--plan", file, *args)
            assert result.exit_code == 6, args
            assert "is not what would be done now" in result.stderr
        result = invoke("deploy", "--plan", file, "--model", "other", "--no-wait")
        assert result.exit_code == 6
        assert "another model of that name" in result.stderr
        assert applications(controller) == applications(controller, "other") == {}

    def test_without_a_plan_the_bundle_must_be_named(self, invoke: Invoke) -> None:
        result = invoke("deploy")
        assert result.exit_code == 2
        assert "Missing argument 'BUNDLE'" in result.stderr


@pytest.mark.usefixtures("deployed")
def test_what_failed_and_what_was_skipped_for_it_is_told(
    deploy: Invoke, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckf_airgap.rehearsal.api.facades.application import Application
    from ckf_airgap.rehearsal.wire import ApiError

    async def refuse(_self: object, _params: object) -> dict[str, Any]:
        raise ApiError("no, thanks", "bad request")

    newer_cat(world)
    monkeypatch.setattr(Application, "set_charm", refuse)
    result = deploy("--json", "--no-wait")
    assert result.exit_code == 6
    document = json.loads(result.stdout)
    assert document["schema"] == "ckf-airgap/error/v1"
    (failed,) = document["report"]["failed"]
    assert (failed["application"], failed["reason"]) == ("cat", "no, thanks")
    assert "no, thanks" in result.stderr
    for step in document["report"]["skipped"]:
        assert f"skipped: {step['step']}: {step['reason']}" in result.stderr


class TestRehearsing:
    def test_logins_and_a_choice_of_applications_are_as_for_deploy(
        self, invoke: Invoke, world: World, tmp_path: Path
    ) -> None:
        config = tmp_path / "config.json"
        config.write_text('{"auths": {"other.example": {"auth": "YTpi"}}}')
        result = invoke(
            "rehearse", *world.args, "--speed", "600", "--json", "--registry-config", config
        )
        assert result.exit_code == 0, result.stderr
        assert "no login for any image" in json.loads(result.stdout)["warnings"][-1]["what"]
        only = invoke("rehearse", *world.args, "--speed", "600", "--json", "--application", "dog")
        assert only.exit_code == 0, only.stderr
        document = json.loads(only.stdout)
        assert document["deployed"] == ["dog"]
        assert [image["application"] for image in document["images"]] == ["dog"]
