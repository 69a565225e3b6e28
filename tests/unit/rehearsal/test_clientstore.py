from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml

from ckf_airgap.errors import ControllerError, ExitCode
from ckf_airgap.rehearsal.clientstore import StoredController, StoredModel, write_store

FILES = ("controllers.yaml", "accounts.yaml", "models.yaml")


def controller(name: str = "rehearsal", **changes: object) -> StoredController:
    fields: dict[str, object] = {
        "name": name,
        "uuid": "11111111-1111-4111-8111-111111111111",
        "endpoints": ["127.0.0.1:17070"],
        "ca_cert": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
        "agent_version": "3.6.12",
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
                    "agent-version": "3.6.12",
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
    write_store(tmp_path, controller())
    key = (tmp_path / "ssh" / "juju_id_rsa.pub").read_text()
    assert key.startswith("ssh-ed25519 AAAA")
    write_store(tmp_path, controller())
    assert (tmp_path / "ssh" / "juju_id_rsa.pub").read_text() == key


def test_a_store_of_an_earlier_rehearsal_is_replaced(tmp_path: Path) -> None:
    write_store(tmp_path, controller("first"))
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
    write_store(tmp_path, controller())
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
