"""Logins in the files that ``docker login`` and ``podman login`` write."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.transfer.registry.credentials import (
    HUB_KEY,
    Credentials,
    CredentialStore,
    config_paths,
)

HOST = "reg.example:5000"


def packed(user: str = "carrier", word: str = "secret:1") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{word}".encode()).decode()}


def store(directory: Path, *documents: Any) -> CredentialStore:
    """Return a store over files; a text is written as it is."""
    paths = []
    for number, document in enumerate(documents):
        path = directory / f"{number}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        paths.append(path)
    return CredentialStore([directory / "missing.json", *paths])


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (HOST, HOST),
        (f"https://{HOST}", HOST),
        (f"http://{HOST}", HOST),
        (f"https://{HOST}/v2/", HOST),
        (f"{HOST}/", HOST),
        (HUB_KEY, "docker.io"),
        (HUB_KEY, "registry-1.docker.io"),
        ("docker.io", "index.docker.io"),
    ],
)
async def test_a_login_is_found_by_each_name_that_its_registry_has(
    tmp_path: Path, key: str, host: str
) -> None:
    found = await store(tmp_path, {"auths": {"other.example": packed("x"), key: packed()}}).find(
        host
    )
    assert found is not None
    assert (found.username, found.password) == ("carrier", "secret:1")
    assert found.origin == str(tmp_path / "0.json")


@pytest.mark.parametrize("host", ["reg.example", "example:5000", "reg.example:5001"])
async def test_a_login_is_for_its_host_and_port_only(tmp_path: Path, host: str) -> None:
    assert await store(tmp_path, {"auths": {HOST: packed()}}).find(host) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"username": "u", "password": "p"}, ("u", "p", "")),
        ({"identitytoken": "t", **packed()}, ("", "", "t")),
        ({**packed(word="p\0"), "username": "other"}, ("carrier", "p", "")),
        ({"username": "u"}, None),
        ({"auth": ""}, None),
        ({}, None),
        ("text", None),
    ],
)
async def test_each_form_of_an_entry_is_read(
    tmp_path: Path, entry: object, expected: tuple[str, str, str] | None
) -> None:
    found = await store(tmp_path, {"auths": {HOST: entry}}).find(HOST)
    told = found and (found.username, found.password, found.identity_token)
    assert told == expected


async def test_the_first_file_that_has_a_login_decides(tmp_path: Path) -> None:
    files: tuple[Any, ...] = (
        {"auths": {}},
        {"auths": {HOST: packed("second")}},
        {"auths": {HOST: packed("third")}},
    )
    found = await store(tmp_path, *files).find(HOST)
    assert found is not None
    assert found.username == "second"


async def test_what_is_given_comes_before_all_files(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {HOST: packed()}}))
    own = Credentials(username="own", password="x")
    assert await CredentialStore([path], given={HOST: own}).find(HOST) is own


@pytest.mark.parametrize(
    ("document", "trouble"),
    [
        ("{", "is not valid JSON"),
        ({"auths": {HOST: {"auth": "abc"}}}, f"has an entry for {HOST} that cannot be decoded"),
        ({"auths": {HOST: {"auth": "/w=="}}}, f"has an entry for {HOST} that cannot be decoded"),
        ({"credsStore": "no-such"}, "docker-credential-no-such of"),
        ({"credHelpers": {HOST: "../evil"}}, "docker-credential-../evil of"),
    ],
)
async def test_a_file_that_cannot_be_used_is_noted_and_the_next_one_is_read(
    tmp_path: Path, document: object, trouble: str
) -> None:
    logins = store(tmp_path, document, {"auths": {HOST: packed()}})
    found = await logins.find(HOST)
    assert found is not None
    (note,) = logins.troubles
    assert trouble in note
    assert await logins.find(HOST) is found
    assert len(logins.troubles) == 1, "a file is read once"


@pytest.mark.parametrize("document", ["[]", '{"auths": []}', '{"auths": {}}', '"text"'])
async def test_a_file_without_logins_has_none(tmp_path: Path, document: str) -> None:
    logins = store(tmp_path, document)
    assert await logins.find(HOST) is None
    assert logins.troubles == []


def test_the_files_that_are_looked_in_follow_the_environment() -> None:
    assert config_paths({"HOME": "/h"}) == (
        Path("/h/.docker/config.json"),
        Path("/h/.config/containers/auth.json"),
    )
    named = {"DOCKER_CONFIG": "/d", "REGISTRY_AUTH_FILE": "/r", "XDG_RUNTIME_DIR": "/x"}
    assert config_paths({"HOME": "/h", **named}) == (
        Path("/r"),
        Path("/d/config.json"),
        Path("/x/containers/auth.json"),
        Path("/h/.config/containers/auth.json"),
    )


@given(st.text(), st.text())
def test_a_login_shows_neither_password_nor_token(user: str, secret: str) -> None:
    login = Credentials(username=user, password=f"<{secret}>", identity_token=f"<{secret}>")
    assert f"<{secret}>" not in repr(login)
    decoded = base64.b64decode(login.basic().removeprefix("Basic ")).decode()
    assert decoded == f"{user}:<{secret}>"
