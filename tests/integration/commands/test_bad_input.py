"""Bad input: one clear message, the documented exit code, and nothing half-done."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ckf_airgap.errors import ExitCode
from ckf_airgap.rehearsal.api.tls import make_certificates
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.commands.conftest import BUNDLE, World, charm

Deployed = Callable[[], list[str]]

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 9)}]\n"
    for level in range(9)
)


def refuses(world: World, deployed: Deployed, code: ExitCode, *texts: str, **given: str) -> None:
    """Check that a deployment is refused with the code and all texts, and does nothing."""
    more = [argument for key, value in given.items() for argument in (f"--{key}", value)]
    done = world.deploy(*more)
    assert done.code == code, done.err
    message = " ".join(done.err.split())
    for text in texts:
        assert text in message, done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert deployed() == []


def test_no_such_bundle_or_release(world: World, deployed: Deployed) -> None:
    done = world.deploy(bundle="1.12")

    assert done.code == ExitCode.MISSING
    assert "'1.12' is neither a file nor a shipped release" in done.err
    assert "1.8, 1.9, 1.10, 1.11" in done.err
    assert deployed() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("applications: [", "is not valid YAML"),
        ("just text", "line 1: expected a mapping, got 'just text'"),
        ("", "is empty"),
        (LAUGHS, "expands to more than"),
        ("a: &a [*a]\n", "contains itself"),
        (BUNDLE + "applications: {}\n", "has the key 'applications' twice (line 15)"),
    ],
    ids=["yaml", "text", "empty", "bomb", "recursion", "twice"],
)
def test_a_bundle_that_is_none(world: World, deployed: Deployed, text: str, message: str) -> None:
    world.bundle.write_text(text, encoding="utf-8")

    refuses(world, deployed, ExitCode.INPUT, message, str(world.bundle))


def test_all_problems_of_a_bundle_are_told_at_once(world: World, deployed: Deployed) -> None:
    text = BUNDLE.replace("    charm: argo\n", "").replace("scale: 1", "scale: -1")
    world.bundle.write_text(text.replace("[argo, minio]", "[argo, minioo]"), encoding="utf-8")

    refuses(
        world,
        deployed,
        ExitCode.INPUT,
        "application argo: empty charm path",
        "negative number of units specified",
        'refers to application "minioo" not defined in this bundle did you mean',
    )


def test_every_value_of_a_wrong_type_is_told_with_its_line(
    world: World, deployed: Deployed
) -> None:
    text = BUNDLE.replace("scale: 1", "scale: many") + "tags: x\n"
    world.bundle.write_text(text, encoding="utf-8")

    refuses(
        world,
        deployed,
        ExitCode.INPUT,
        "has values of a type that Juju does not take",
        "applications.minio.scale, line 6: expected an integer, got 'many'",
        "tags, line 15: expected a list, got 'x'",
    )


def test_no_charms_directory(world: World, deployed: Deployed) -> None:
    shutil.rmtree(world.charms)

    refuses(world, deployed, ExitCode.MISSING, "there is no charms directory", "--charms DIR")


def test_a_charm_file_is_missing(world: World, deployed: Deployed) -> None:
    (world.charms / "argo_r5.charm").unlink()

    refuses(world, deployed, ExitCode.MISSING, "application argo", "has no file of the charm argo")


@pytest.mark.parametrize("size", [0, 100, -200])
def test_a_charm_file_is_truncated(world: World, deployed: Deployed, size: int) -> None:
    file = world.charms / "argo_r5.charm"
    file.write_bytes(file.read_bytes()[:size])

    refuses(world, deployed, ExitCode.INPUT, "argo_r5.charm is not a charm", "truncated")


def test_a_charm_file_is_no_zip(world: World, deployed: Deployed) -> None:
    (world.charms / "argo_r5.charm").write_text("<html>not found</html>" * 99, encoding="utf-8")

    refuses(world, deployed, ExitCode.INPUT, "argo_r5.charm is not a charm", "not a zip archive")


def test_a_charm_file_is_a_zip_bomb(world: World, deployed: Deployed) -> None:
    with zipfile.ZipFile(world.charms / "argo_r5.charm", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.yaml", "name: argo\n")
        archive.writestr("bomb", bytes(300 * 1024 * 1024))

    refuses(world, deployed, ExitCode.INPUT, "argo_r5.charm is not a charm", "a zip bomb?")


def test_a_charm_file_has_no_metadata(world: World, deployed: Deployed) -> None:
    with zipfile.ZipFile(world.charms / "argo_r5.charm", "w") as archive:
        archive.writestr("dispatch", "#!/bin/sh\n")

    refuses(world, deployed, ExitCode.INPUT, "argo_r5.charm is not a charm", "no metadata.yaml")


def test_two_charms_claim_a_revision(world: World, deployed: Deployed) -> None:
    write_standin(charm("argo"), world.path / "other", revision=5)
    shutil.copy(world.path / "other" / "argo_r5.charm", world.charms / "argo-copy_r5.charm")

    refuses(world, deployed, ExitCode.INPUT, "argo-copy_r5.charm, argo_r5.charm differ")


def test_an_image_is_missing(world: World, deployed: Deployed) -> None:
    world.images.write_text("registry.airgap.internal:5000/minio/minio:RELEASE.2022\n")

    refuses(
        world,
        deployed,
        ExitCode.MISSING,
        "minio/minio:RELEASE.2021",
        "minio, resource oci-image",
        "argo, resource oci-image",
        "nearest: registry.airgap.internal:5000/minio/minio:RELEASE.2022 (line 1)",
    )


def test_the_list_of_images_has_lines_that_are_none(world: World, deployed: Deployed) -> None:
    world.images.write_text("reg:5000/UPPER:1\nreg:5000/fine:1\nhttps://reg/x\n")

    refuses(world, deployed, ExitCode.INPUT, "line 1", "line 3", "not an image reference")


def test_a_reference_in_the_bundle_does_not_parse(world: World, deployed: Deployed) -> None:
    text = BUNDLE.replace("    trust: true\n", "    resources: {oci-image: 'minio/Minio:1'}\n")
    world.bundle.write_text(text, encoding="utf-8")

    refuses(world, deployed, ExitCode.INPUT, "application argo, resource oci-image", "bad")


@pytest.mark.parametrize(
    ("setting", "message", "code"),
    [
        ("minio.port=many", "expected int, got 'many'", ExitCode.INPUT),
        ("minio.prot=1", "has no option prot did you mean 'port'?", ExitCode.INPUT),
        ("mino.port=1", "no application mino did you mean 'minio'?", ExitCode.INPUT),
        ("port=1", "'port=1' is not a setting", ExitCode.USAGE),
    ],
)
def test_a_setting_that_does_not_fit(
    world: World, deployed: Deployed, setting: str, message: str, code: ExitCode
) -> None:
    refuses(world, deployed, code, message, set=setting)


def test_a_relation_to_an_unknown_endpoint(world: World, deployed: Deployed) -> None:
    text = BUNDLE.replace("[argo, minio]", "['argo:object-storge', 'minio:object-storage']")
    world.bundle.write_text(text, encoding="utf-8")

    refuses(world, deployed, ExitCode.INPUT, 'application "argo" has no "object-storge" relation')


def test_no_model_of_that_name(world: World, deployed: Deployed) -> None:
    refuses(
        world,
        deployed,
        ExitCode.CONTROLLER,
        "controller rehearsal has no model 'kubeflw'",
        "Did you mean 'kubeflow'?",
        "--create-model",
        model="kubeflw",
    )


def test_no_client_store(world: World, deployed: Deployed) -> None:
    world.juju_data = world.path / "nothing"

    refuses(world, deployed, ExitCode.MISSING, str(world.juju_data))


def own_store(world: World) -> Path:
    """Give the world a client store of its own, to be broken."""
    store = world.path / "juju"
    shutil.copytree(world.juju_data, store)
    world.juju_data = store
    return store


def change(file: Path, name: str, **fields: object) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["controllers"][name] |= {key.replace("_", "-"): item for key, item in fields.items()}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_nothing_listens_at_the_controller(world: World, deployed: Deployed) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{unused.getsockname()[1]}"
    change(own_store(world) / "controllers.yaml", "rehearsal", api_endpoints=[endpoint])
    started = time.monotonic()

    refuses(world, deployed, ExitCode.CONTROLLER, "cannot be reached", endpoint)

    assert time.monotonic() - started < 20


def test_the_controller_has_another_ca(world: World, deployed: Deployed) -> None:
    certificate = make_certificates(["127.0.0.1"]).ca
    change(own_store(world) / "controllers.yaml", "rehearsal", ca_cert=certificate)

    refuses(world, deployed, ExitCode.CONTROLLER, "certificate")


def test_the_password_is_wrong(world: World, deployed: Deployed) -> None:
    change(own_store(world) / "accounts.yaml", "rehearsal", password="wrong-secret")
    done = world.deploy()

    refuses(world, deployed, ExitCode.CONTROLLER, "invalid entity name or password")
    assert "wrong-secret" not in done.err


def test_an_error_is_a_document_with_json(world: World, deployed: Deployed) -> None:
    done = world.deploy("--json", bundle="1.12")

    document = json.loads(done.out)
    assert document["exit-code"] == done.code == ExitCode.MISSING
    assert document["error"] == "ReleaseNotFoundError"
    assert deployed() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_stopping_in_the_middle_tells_what_stands(tmp_path: Path, number: signal.Signals) -> None:
    with ControllerThread(RehearsalController(speed=1.0)) as running:
        world = World(path=tmp_path, juju_data=running.juju_data)
        world.bundle.write_text(BUNDLE, encoding="utf-8")
        world.images.write_text("registry.airgap.internal:5000/minio/minio:RELEASE.2021\n")
        write_standin(charm("minio"), world.charms, revision=3)
        write_standin(charm("argo", role="requirer"), world.charms, revision=5)
        files = ("--charms", world.charms, "--images", world.images)
        with subprocess.Popen(
            world.command("deploy", world.bundle, *files),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=world.environment(),
        ) as process:
            model = running.controller.models["kubeflow"]
            while len(running.call(lambda: list(model.applications))) < 2:
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.5)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)

    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err
    assert "stopped by" in err
    assert out == ""
