from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ckf_airgap.errors import ControllerError, ExitCode
from ckf_airgap.rehearsal.host.clientstore import (
    MARKER,
    StoredController,
    StoredModel,
    check_store,
    write_store,
)

FILES = ("controllers.yaml", "accounts.yaml", "models.yaml")


def controller(name: str = "rehearsal", **changes: object) -> StoredController:
    fields: dict[str, object] = {
        "name": name,
        "uuid": "11111111-1111-4111-8111-111111111111",
        "endpoints": ["127.0.0.1:17070"],
        "ca_cert": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
        "agent_version": "3.6.28",
        "cloud": "k8s",
        "user": "admin",
        "password": "secret",
        "models": [StoredModel(name="kubeflow", owner="admin", uuid="2")],
        "current_model": "kubeflow",
    }
    return StoredController(**{**fields, **changes})  # type: ignore[arg-type]


def load(path: Path) -> object:
    return yaml.safe_load(path.read_text())


def test_the_files_hold_what_clients_read(tmp_path: Path) -> None:
    write_store(tmp_path / "new" / "store", controller())
    documents = {name: load(tmp_path / "new" / "store" / name) for name in FILES}
    assert documents == {
        "controllers.yaml": {
            "controllers": {
                "rehearsal": {
                    "uuid": "11111111-1111-4111-8111-111111111111",
                    "api-endpoints": ["127.0.0.1:17070"],
                    "ca-cert": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
                    "cloud": "k8s",
                    "type": "kubernetes",
                    "agent-version": "3.6.28",
                    "controller-machine-count": 0,
                    "active-controller-machine-count": 0,
                }
            },
            "current-controller": "rehearsal",
        },
        "accounts.yaml": {
            "controllers": {
                "rehearsal": {
                    "user": "admin",
                    "password": "secret",
                    "last-known-access": "superuser",
                }
            }
        },
        "models.yaml": {
            "controllers": {
                "rehearsal": {
                    "models": {"admin/kubeflow": {"uuid": "2", "type": "caas", "branch": "master"}},
                    "current-model": "admin/kubeflow",
                }
            }
        },
    }


def test_only_the_owner_can_read_anything(tmp_path: Path) -> None:
    store = tmp_path / "store"
    old = os.umask(0)
    try:
        write_store(store, controller())
    finally:
        os.umask(old)
    for path in [store, *store.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_without_a_current_model_none_is_named(tmp_path: Path) -> None:
    write_store(tmp_path, controller(models=[], current_model=None))
    assert load(tmp_path / "models.yaml") == {"controllers": {"rehearsal": {"models": {}}}}


def test_there_is_a_public_key_for_clients_that_add_models(tmp_path: Path) -> None:
    write_store(tmp_path, controller()).release()
    key = (tmp_path / "ssh" / "juju_id_rsa.pub").read_text()
    assert key.startswith("ssh-ed25519 AAAA")
    write_store(tmp_path, controller())
    assert (tmp_path / "ssh" / "juju_id_rsa.pub").read_text() == key


def test_a_store_of_an_earlier_rehearsal_is_replaced(tmp_path: Path) -> None:
    write_store(tmp_path, controller("first")).release()
    write_store(tmp_path, controller("second", password="new"))
    accounts = load(tmp_path / "accounts.yaml")
    assert isinstance(accounts, dict)
    assert set(accounts["controllers"]) == {"second"}
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".tmp", "~"))]


@pytest.mark.parametrize("name", FILES)
def test_a_store_of_somebody_else_is_never_written(tmp_path: Path, name: str) -> None:
    mine = yaml.safe_dump({"controllers": {"production": {"uuid": "x"}}})
    (tmp_path / name).write_text(mine)
    with pytest.raises(ControllerError, match=f"{name} holds controllers .*: production") as caught:
        write_store(tmp_path, controller())
    assert caught.value.exit_code is ExitCode.CONTROLLER
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (tmp_path / name).read_text() == mine


def test_a_controller_that_was_added_to_our_store_since_is_not_lost(tmp_path: Path) -> None:
    write_store(tmp_path, controller()).release()
    path = tmp_path / "controllers.yaml"
    document = yaml.safe_load(path.read_text())
    document["controllers"]["production"] = {"uuid": "x"}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ControllerError, match="production"):
        write_store(tmp_path, controller())
    assert load(path) == document


def test_a_store_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text("a: [")
    with pytest.raises(ControllerError, match="unreadable"):
        write_store(tmp_path, controller())


def test_an_empty_store_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text("controllers: {}\n")
    write_store(tmp_path, controller())
    assert "rehearsal" in (tmp_path / "controllers.yaml").read_text()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControllerError, match="cannot write the client store"):
        write_store(tmp_path / "file" / "store", controller())


def test_a_store_whose_controller_runs_is_refused_by_its_process(tmp_path: Path) -> None:
    running = write_store(tmp_path, controller())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    still_running = rf"a rehearsal controller that is still running \(pid {os.getpid()}\)"
    with pytest.raises(ControllerError, match=still_running):
        check_store(tmp_path)
    with pytest.raises(ControllerError, match=still_running):
        write_store(tmp_path, controller("second"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    running.release()
    write_store(tmp_path, controller("second"))


def test_a_store_is_free_again_when_its_process_was_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.unit.rehearsal.test_clientstore import controller, write_store\n"
        "lock = write_store(Path(sys.argv[1]), controller())\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        with pytest.raises(ControllerError, match=rf"still running \(pid {process.pid}\)"):
            check_store(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    write_store(tmp_path, controller("second"))
    assert (tmp_path / MARKER).read_text() == f"second\npid {os.getpid()}\n"
