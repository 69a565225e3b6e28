"""The bodies of image resources, as Juju decodes them from JSON and YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.rehearsal.entities.imagedetails import read_image_details
from ckf_airgap.rehearsal.wire import ApiError


def read(path: Path, text: str | bytes) -> tuple[str, str, str]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    details, size = read_image_details(path)
    assert size == path.stat().st_size
    return details.registrypath, details.username, details.password


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"ImageName": "r/a:1", "username": "u", "password": "p"}', ("r/a:1", "u", "p")),
        ('{"imagename": "r/a:1", "PASSWORD": "p"}', ("r/a:1", "", "p")),
        ('{"registrypath": "r/a:1", "username": "u", "password": "p"}', ("", "u", "p")),
        ('{"ImageName": "r/a", "identitytoken": "t", "other": 5}', ("r/a", "", "")),
        ("null", ("", "", "")),
        ("registrypath: r/a:1\nusername: u\npassword: p", ("r/a:1", "u", "p")),
        ("ImageName: r/a\nusername: u", ("", "u", "")),
        ("registrypath: r/a\npassword: 1.10", ("r/a", "", "1.10")),
        ("registrypath: r/a\npassword: 0123\nusername: on", ("r/a", "on", "0123")),
        ("registrypath: r/a\npassword: !!binary aGk=\nother: [x]", ("r/a", "", "hi")),
        ("registrypath: r/a\nidentitytoken: {value: t}\nusername: ~", ("r/a", "", "")),
        ("{registrypath: r/a}\n---\n[", ("r/a", "", "")),
        ('{"ImageName": "r/a", "username": 5}', ("r/a", "5", "")),
        ("", ("", "", "")),
    ],
)
def test_json_and_yaml_have_keys_of_their_own(
    tmp_path: Path, text: str, found: tuple[str, str, str]
) -> None:
    assert read(tmp_path / "body", text) == found


INTO = "yaml: unmarshal errors:\n  line 1: cannot unmarshal"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("registrypath: [a]", f"{INTO} !!seq into string"),
        ("password: {a: b}", f"{INTO} !!map into string"),
        ("identitytoken: abc", f"{INTO} !!str `abc` into docker.Token"),
        ("registrytoken: 5", f"{INTO} !!int `5` into docker.Token"),
        ("a/b:1", f"{INTO} !!str `a/b:1` into resources.DockerImageDetails"),
        ("[1]", f"{INTO} !!seq into resources.DockerImageDetails"),
        ('{"password": ["p"]}', f"{INTO} !!seq into string"),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        (b"\xff", "yaml: invalid leading UTF-8 octet"),
    ],
)
def test_values_of_a_wrong_type_are_refused(tmp_path: Path, text: str | bytes, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(tmp_path / "body", text)
    assert refused.value.message == f"docker resource is neither valid json or yaml: {error}"


def test_nesting_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="nest"):
        read(tmp_path / "body", "[" * 100_000)
