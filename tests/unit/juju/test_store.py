from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.store import (
    JujuTarget,
    StoredController,
    default_juju_data,
    read_controller,
    read_ssh_key,
    stored_model_uuid,
)


@pytest.mark.parametrize(
    ("text", "controller", "model"),
    [
        ("kubeflow", None, "kubeflow"),
        ("admin/kubeflow", None, "admin/kubeflow"),
        ("prod:admin/kubeflow", "prod", "admin/kubeflow"),
        (":kubeflow", None, "kubeflow"),
    ],
)
def test_targets_are_written_as_juju_writes_models(
    text: str, controller: str | None, model: str
) -> None:
    target = JujuTarget.parse(text, juju_data=Path("/x"))
    assert target == JujuTarget(model=model, controller=controller, juju_data=Path("/x"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"JUJU_DATA": "/a", "XDG_DATA_HOME": "/b"}, Path("/a")),
        ({"JUJU_DATA": "", "XDG_DATA_HOME": "/b"}, Path("/b/juju")),
        ({"JUJU_DATA": "~/x"}, Path.home() / "x"),
        ({}, Path.home() / ".local/share/juju"),
    ],
)
def test_the_store_is_found_as_juju_finds_it(environ: dict[str, str], expected: Path) -> None:
    assert default_juju_data(environ) == expected


def test_the_ssh_key_is_optional(tmp_path: Path) -> None:
    assert read_ssh_key(tmp_path) is None
    (tmp_path / "ssh").mkdir()
    key = tmp_path / "ssh" / "juju_id_rsa.pub"
    key.write_text("")
    assert read_ssh_key(tmp_path) is None
    key.write_text("ssh-rsa AAAA me\nsecond\n")
    assert read_ssh_key(tmp_path) == "ssh-rsa AAAA me"


UUID = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "model", "uuid"),
    [
        (f"{{admin/kubeflow: {{uuid: {UUID}}}}}", "kubeflow", UUID),
        (f"{{admin/kubeflow: {{uuid: {UUID}}}}}", "admin/kubeflow", UUID),
        (f"{{admin/kubeflow: {{uuid: {UUID}}}}}", "bob/kubeflow", None),
        (f"{{bob/kubeflow: {{uuid: {UUID}}}}}", "kubeflow", None),
        (f"{{bob/kubeflow: {{uuid: {UUID}}}}}", "bob/kubeflow", UUID),
        (f"{{admin/kubeflow: {{uuid: {UUID}0}}}}", "kubeflow", None),
        (f"{{admin/kubeflow: {{uuid: x{UUID}}}}}", "kubeflow", None),
        ("{admin/kubeflow: {uuid: ../../etc}}", "kubeflow", None),
        ("{admin/kubeflow: {}}", "kubeflow", None),
        ("{}", "kubeflow", None),
        ("[]", "kubeflow", None),
    ],
)
def test_the_uuid_of_a_model_is_a_guess(
    tmp_path: Path, text: str, model: str, uuid: str | None
) -> None:
    of = StoredController(
        name="c", uuid="", endpoints=(), ca_cert=None, user="admin", juju_data=tmp_path, password=""
    )
    assert stored_model_uuid(of, model) is None
    (tmp_path / "models.yaml").write_text(f"controllers: {{c: {{models: {text}}}, d: {{}}}}")
    assert stored_model_uuid(of, model) == uuid
    (tmp_path / "models.yaml").write_text("{")
    assert stored_model_uuid(of, model) is None


def test_names_and_passwords_are_the_text_that_was_written(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text(
        "current-controller: 1.10\n"
        "controllers: {1.10: {uuid: 0123, api-endpoints: [1:17070], ca-cert: on, region: [x]}}\n"
    )
    for password, value in (("0123", "0123"), ("y", "y"), ("1e+3", "1e+3"), ("'~'", "~")):
        (tmp_path / "accounts.yaml").write_text(
            f"controllers: {{1.10: {{user: 1_0, password: {password}}}}}\n"
        )
        found = read_controller(juju_data=tmp_path)
        assert (found.name, found.uuid, found.ca_cert) == ("1.10", "0123", "on")
        assert (found.user, found.password) == ("1_0", value)


def test_a_store_with_a_value_of_a_wrong_type_is_refused_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text("controllers: {a: {api-endpoints: x}}\n")
    with pytest.raises(ControllerError, match=r"controllers\.a\.api-endpoints, line 1: expected"):
        read_controller("a", tmp_path)
