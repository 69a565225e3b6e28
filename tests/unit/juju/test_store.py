from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.juju.store import JujuTarget, default_juju_data, read_ssh_key


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
