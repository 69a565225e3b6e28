"""Logins in the files that ``docker login`` and ``podman login`` write."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.logins.credentials import (
    Credentials,
    CredentialStore,
    config_paths,
)
from ckf_airgap.logins.dockerconfig import HUB_KEY

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
        (f"{HOST}/v1/", HOST),
        (f"{HOST}/v2", HOST),
        (f"http://{HOST}/v1/", HOST),
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
        ("[" * 100_000, "is not valid JSON"),
        ({"auths": {HOST: {"auth": "dXNlcg=="}}}, f"entry for {HOST} that cannot be decoded"),
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


NAMESPACES = {
    f"{HOST}/team": packed("team"),
    HOST: packed("host"),
    f"{HOST}/team/inner/": packed("inner"),
    f"{HOST}/team/inner/image": packed("image"),
    "other.example/team/inner/image/tool": packed("other"),
    "docker.io/library": packed("hub"),
}


@pytest.mark.parametrize(
    ("host", "repository", "user"),
    [
        (HOST, "team/thing", "team"),
        (HOST, "team", "team"),
        (HOST, "team/inner/thing", "inner"),
        (HOST, "team/inner/image", "image"),
        (HOST, "team/inner/image/tool", "image"),
        (HOST, "team/inner/images", "inner"),
        (HOST, "teams/thing", "host"),
        (HOST, "thing/team", "host"),
        (HOST, "", "host"),
        ("docker.io", "library/busybox", "hub"),
        ("docker.io", "team/thing", None),
        ("third.example", "team/thing", None),
    ],
)
async def test_a_login_for_a_path_is_for_what_is_below_it_and_the_longest_path_wins(
    tmp_path: Path, host: str, repository: str, user: str | None
) -> None:
    """As ``podman login HOST/NAMESPACE`` means it; ``containers/image`` looks it up so."""
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": NAMESPACES}))
    logins = CredentialStore([path])
    for _ in range(2):
        found = await logins.find(host, repository)
        assert (found and found.username) == user


@pytest.mark.parametrize(("name", "user"), [("auth.json", None), ("config.json", "team")])
async def test_only_in_the_file_of_docker_a_path_behind_the_host_is_for_other_images_too(
    tmp_path: Path, name: str, user: str | None
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps({"auths": {f"{HOST}/team": packed("team")}}))
    found = await CredentialStore([path]).find(HOST, "elsewhere/thing")
    assert (found and found.username) == user


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ([f"https://{HOST}/v2/", HOST], HOST),
        ([f"http://{HOST}", f"https://{HOST}", f"{HOST}/v1/"], f"https://{HOST}"),
        ([f"https://{HOST}/v1/", f"{HOST}/"], f"https://{HOST}/v1/"),
        ([f"{HOST}/", f"https://{HOST}/v1/"], f"{HOST}/"),
        (["index.docker.io", "docker.io", HUB_KEY], HUB_KEY),
    ],
)
async def test_of_several_spellings_of_a_host_the_exact_one_wins_and_then_the_first(
    tmp_path: Path, keys: list[str], first: str
) -> None:
    auths = {key: packed(f"by {number}") for number, key in enumerate(keys)}
    host = HOST if HOST in keys[0] else "docker.io"
    found = await store(tmp_path, {"auths": auths}).find(host)
    assert found is not None
    assert found.username == f"by {keys.index(first)}"


@pytest.mark.parametrize("empty", [{}, "text", None])
async def test_an_entry_without_a_login_hides_no_other_spelling(
    tmp_path: Path, empty: object
) -> None:
    document = {"auths": {HOST: empty, f"https://{HOST}/v1/": packed()}}
    found = await store(tmp_path, document).find(HOST)
    assert found is not None
    assert found.username == "carrier"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A helper ``store`` that knows each server; the file says which it was asked for."""
    program = tmp_path / "docker-credential-store"
    program.write_text(
        "#!/bin/sh\nread server; echo $server >> " + f"{tmp_path}/asked\n"
        """echo '{"Username": "helped", "Secret": "x"}'\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "asked"


@pytest.mark.parametrize(
    ("helpers", "repository", "user"),
    [
        ({}, "thing", "helped"),
        ({}, "team/thing", "team"),
        ({HOST: ""}, "thing", "host"),
        ({f"https://{HOST}": ""}, "thing", "host"),
        ({HOST: ""}, "team/thing", "team"),
        ({"other.example": ""}, "thing", "helped"),
        ({HOST: "store"}, "team/thing", "helped"),
    ],
)
async def test_an_empty_helper_for_a_host_means_the_file_and_its_own_helper_comes_first(
    tmp_path: Path, asked: Path, helpers: dict[str, str], repository: str, user: str
) -> None:
    auths = {HOST: packed("host"), f"{HOST}/team": packed("team")}
    document = {"credsStore": "store", "credHelpers": helpers, "auths": auths}
    logins = store(tmp_path, document)
    for one in (repository, f"{repository}/again"):
        found = await logins.find(HOST, one)
        assert found is not None
        assert found.username == user
    assert asked.exists() == (user == "helped")
    assert not asked.exists() or asked.read_text() == f"{HOST}\n", "a helper is asked once"


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
