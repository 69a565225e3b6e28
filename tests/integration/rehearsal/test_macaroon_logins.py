"""Logins without a password in the store, as the juju client makes them: /auth and /register."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import pytest
from juju.controller import Controller
from macaroonbakery import bakery
from nacl.secret import SecretBox

from tests.integration.rehearsal.wire import Client, Wire

VERSION = {"Bakery-Protocol-Version": "3"}
NOBODY: dict[str, str] = {"Authorization": ""}


@dataclass
class Login:
    """A user's way from no password to a macaroon that lets in."""

    client: Client
    user: str

    async def refusal(self) -> dict[str, Any]:
        """Return the reply to a login with nothing but a name."""
        wire = await self.client.dial()
        params = {"auth-tag": f"user-{self.user}", "bakery-version": 3}
        return await wire.ask("Admin", "Login", params, version=3)

    async def caveat(self) -> tuple[Any, Any, dict[str, str]]:
        """Return a macaroon to discharge, its caveat, and the form that asks for the discharge."""
        macaroon = bakery.Macaroon.from_dict((await self.refusal())["bakery-discharge-required"])
        (caveat,) = macaroon.third_party_caveats()
        content = macaroon.caveat_data[caveat.caveat_id_bytes]
        form = {"id64": encoded(caveat.caveat_id_bytes), "caveat64": encoded(content)}
        return macaroon, caveat, form

    async def discharge(
        self, form: dict[str, str], headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {**NOBODY, **VERSION, **(headers or {})}
        return await self.client.http("POST", "/auth/discharge", data=form, headers=headers)

    async def token(self, password: str) -> tuple[int, Any]:
        body = {"form": {"user": self.user, "password": password}}
        status, reply, _ = await self.client.http("POST", "/auth/form", json=body, headers=NOBODY)
        return status, reply

    async def macaroons(self, password: str) -> list[dict[str, Any]]:
        """Return a macaroon and its discharge, as a login request holds them."""
        macaroon, _, form = await self.caveat()
        status, reply = await self.token(password)
        assert status == 200, reply
        kind, value = reply["token"]["kind"], reply["token"]["value"]
        proof = {"token64": value, "token-kind": kind}
        status, reply, _ = await self.discharge({**form, **proof})
        assert status == 200, reply
        return bound(macaroon, reply["Macaroon"])


def bound(macaroon: Any, discharge: dict[str, Any]) -> list[dict[str, Any]]:
    found = bakery.discharge_all(macaroon, lambda *_: bakery.Macaroon.from_dict(discharge))
    return [bakery.macaroon_to_dict(each) for each in found]


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def as_cookie(macaroons: list[dict[str, Any]]) -> str:
    return f"macaroon-x={base64.b64encode(json.dumps(macaroons).encode()).decode()}"


@pytest.fixture
async def admin(client: Client) -> Wire:
    """The administrator, who has added eve and let her read a model."""
    wire = await client.controller()
    users = {"users": [{"username": "eve", "password": "apple"}]}
    await wire.ask("UserManager", "AddUser", users, version=3)
    change = {
        "user-tag": "user-eve",
        "action": "grant",
        "access": "read",
        "model-tag": f"model-{client.store.models['kubeflow']}",
    }
    await wire.ask("ModelManager", "ModifyModelAccess", {"changes": [change]}, version=10)
    return wire


@pytest.fixture
def eve(client: Client, admin: Wire) -> Login:
    return Login(client, "eve")


async def test_a_login_with_a_name_alone_asks_for_a_discharge(eve: Login) -> None:
    reply = await eve.refusal()
    assert set(reply) == {
        "discharge-required",
        "bakery-discharge-required",
        "discharge-required-error",
    }
    macaroon = bakery.Macaroon.from_dict(reply["bakery-discharge-required"])
    (caveat,) = macaroon.third_party_caveats()
    assert caveat.location == f"https://{eve.client.store.endpoint}/auth"
    assert reply["discharge-required-error"] == "permission denied"


async def test_it_does_not_say_who_exists(client: Client) -> None:
    assert "bakery-discharge-required" in await Login(client, "nobody").refusal()
    status, reply = await Login(client, "nobody").token("apple")
    assert (status, reply) == (500, {"Message": "invalid entity name or password"})


async def test_without_proof_a_discharge_asks_for_name_and_password(eve: Login) -> None:
    _, _, form = await eve.caveat()
    status, reply, headers = await eve.discharge(form)
    assert (status, headers["WWW-Authenticate"]) == (401, "Macaroon")
    assert headers["Content-Type"] == "application/json"
    assert reply == {
        "Code": "interaction required",
        "Message": "interaction required",
        "Info": {"InteractionMethods": {"juju_userpass": {"url": "/auth/form"}}},
    }
    status, _, headers = await eve.discharge(form, {"Bakery-Protocol-Version": "0"})
    assert status == 407
    assert "WWW-Authenticate" not in headers


async def test_a_password_is_good_for_logins_from_then_on(eve: Login) -> None:
    macaroons = await eve.macaroons("apple")
    for path in ("/api", f"/model/{eve.client.store.models['kubeflow']}/api"):
        wire = await eve.client.dial(path)
        params = {"auth-tag": "user-eve", "macaroons": [[], macaroons]}
        reply = await wire.ask("Admin", "Login", params, version=3)
        assert reply["user-info"]["identity"] == "user-eve"
        assert reply["facades"]


async def test_macaroons_are_nobody_elses(eve: Login) -> None:
    params = {"auth-tag": "user-admin", "macaroons": [await eve.macaroons("apple")]}
    answer = await (await eve.client.dial()).call("Admin", "Login", params, version=3)
    assert (answer["error"], answer["error-code"]) == ("permission denied", "unauthorized access")


async def test_macaroons_outlive_the_password_but_not_the_user(eve: Login, admin: Wire) -> None:
    macaroons = await eve.macaroons("apple")
    params = {"auth-tag": "user-eve", "macaroons": [macaroons]}
    change = {"changes": [{"tag": "user-eve", "password": "pear"}]}
    await admin.ask("UserManager", "SetPassword", change, version=3)
    assert "user-info" in await (await eve.client.dial()).ask("Admin", "Login", params, version=3)
    entities = {"entities": [{"tag": "user-eve"}]}
    await admin.ask("UserManager", "DisableUser", entities, version=3)
    answer = await (await eve.client.dial()).call("Admin", "Login", params, version=3)
    assert answer["error"] == 'user "eve" is disabled'
    await admin.ask("UserManager", "RemoveUser", entities, version=3)
    answer = await (await eve.client.dial()).call("Admin", "Login", params, version=3)
    assert answer["error"] == 'user "eve" is permanently deleted'


async def test_who_is_locked_out_does_nothing_on_a_connection_either(
    eve: Login, admin: Wire
) -> None:
    wire = await eve.client.dial()
    assert "error" not in await wire.login("eve", "apple")
    await admin.ask("UserManager", "DisableUser", {"entities": [{"tag": "user-eve"}]}, version=3)
    answer = await wire.call("UserManager", "UserInfo", version=3)
    assert answer["error"].endswith('user "eve" is disabled')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "can't unmarshal login request"),
        (b"[]", "can't unmarshal login request"),
        (b'{"form": {"user": "eve"}}', "can't unmarshal login request"),
        (b'{"form": {"user": "e!", "password": "x"}}', "can't unmarshal login request"),
        (b'{"form": {"user": "eve", "password": "pear"}}', "invalid entity name or password"),
        (b'{"form": {"user": "eve", "password": ""}}', "permission denied"),
        (b'{"form": {"user": "eve@x-y", "password": "x"}}', 'non-local username "eve@x-y"'),
    ],
)
async def test_forms_that_let_nobody_in(eve: Login, body: bytes, message: str) -> None:
    found, reply, headers = await eve.client.http("POST", "/auth/form", data=body, headers=NOBODY)
    assert (found, headers["Content-Type"]) == (500, "application/json")
    assert reply["Message"].startswith(message)
    found, _, _ = await eve.client.http("GET", "/auth/form", headers=NOBODY)
    assert found == 405


@pytest.mark.parametrize(
    "form",
    [
        {"id64": "!"},
        {"id": "x"},
        {"id64": "AwA", "caveat64": "AwA"},
        {"id64": "A"},
        {},
    ],
)
async def test_discharges_that_are_refused(client: Client, form: dict[str, str]) -> None:
    status, reply, headers = await Login(client, "eve").discharge(form)
    assert (status, headers["Content-Type"]) == (500, "application/json")
    assert reply["Message"]


async def test_the_key_of_the_discharger_is_public(client: Client) -> None:
    status, reply, _ = await client.http("GET", "/auth/publickey", headers=NOBODY)
    assert status == 200
    assert len(base64.b64decode(reply["PublicKey"])) == 32


class TestHttp:
    """Requests other than the websocket: known by a password, or by macaroons."""

    def path(self, client: Client) -> str:
        return f"/model/{client.store.models['kubeflow']}/charms?url=local:none-0"

    def headers(self, user: str = "eve", **more: str) -> dict[str, str]:
        token = base64.b64encode(f"user-{user}:".encode()).decode()
        return {"Authorization": f"Basic {token}", **VERSION, **more}

    @pytest.mark.parametrize("header", ["Cookie", "Macaroons"])
    async def test_macaroons_let_in(self, eve: Login, header: str) -> None:
        cookie = as_cookie(await eve.macaroons("apple"))
        value = cookie if header == "Cookie" else cookie.partition("=")[2]
        headers = self.headers(**{header: value})
        status, reply, _ = await eve.client.http("GET", self.path(eve.client), headers=headers)
        assert (status, reply["error-code"]) == (404, "not found")
        status, body, _ = await eve.client.http("POST", self.path(eve.client), headers=headers)
        assert (status, body) == (403, b"authorization failed: permission denied\n")

    async def test_without_them_a_macaroon_is_given(self, eve: Login) -> None:
        status, reply, headers = await eve.client.http(
            "GET", self.path(eve.client), headers=self.headers()
        )
        assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="juju"')
        assert headers["Content-Type"] == "application/json"
        error = reply["error"]
        assert (error["message"], error["code"]) == (
            "permission denied",
            "macaroon discharge required",
        )
        assert error["info"]["macaroon-path"] == "/"
        assert bakery.Macaroon.from_dict(error["info"]["bakery-macaroon"]).third_party_caveats()

    async def test_nobody_is_refused(self, client: Client) -> None:
        headers = {"Authorization": ""}
        status, body, _ = await client.http("GET", self.path(client), headers=headers)
        assert (status, body) == (401, b"authentication failed: no credentials provided\n")


class TestRegistration:
    """What ``juju register`` does with the key that ``juju add-user`` got."""

    async def key(self, admin: Wire, method: str = "AddUser", **params: Any) -> bytes:
        params = params or {"users": [{"username": "bob"}]}
        (result,) = (await admin.ask("UserManager", method, params, version=3))["results"]
        assert result["tag"] == "user-bob"
        return base64.b64decode(result["secret-key"])

    def sealed(self, key: bytes, **more: Any) -> dict[str, Any]:
        box = SecretBox(key).encrypt(json.dumps({"password": "pear"}).encode())
        return {
            "user": "user-bob",
            "nonce": base64.b64encode(box.nonce).decode(),
            "cipher-text": base64.b64encode(box.ciphertext).decode(),
            **more,
        }

    async def test_the_key_is_good_once_and_brings_ca_password_and_login(
        self, client: Client, admin: Wire
    ) -> None:
        key = await self.key(admin)
        assert len(key) == 32
        request = self.sealed(key)
        status, reply, headers = await client.http(
            "POST", "/register", json=request, headers={**NOBODY, **VERSION}
        )
        assert status == 200
        opened = SecretBox(key).decrypt(
            base64.b64decode(reply["cipher-text"]), base64.b64decode(reply["nonce"])
        )
        payload = json.loads(opened)
        assert payload["ca-cert"] == client.store.ca_cert
        assert payload["controller-uuid"]
        assert "error" not in await (await client.dial()).login("bob", "pear")

        (cookie,) = SimpleCookie(headers["Set-Cookie"]).values()
        login = Login(client, "bob")
        macaroon, _, form = await login.caveat()
        shown = {"Cookie": f"{cookie.key}={cookie.value}"}
        status, reply, _ = await login.discharge(form, shown)
        assert status == 200
        params = {"auth-tag": "user-bob", "macaroons": [bound(macaroon, reply["Macaroon"])]}
        assert "user-info" in await (await client.dial()).ask("Admin", "Login", params, version=3)
        _, _, form = await Login(client, "admin").caveat()
        assert (await login.discharge(form, shown))[0] == 401

        status, reply, _ = await client.http("POST", "/register", json=request, headers=NOBODY)
        assert (status, reply["error"]["message"]) == (404, 'secret key for user "bob" not found')

    async def test_a_reset_takes_the_password_away_and_gives_a_key(
        self, client: Client, admin: Wire
    ) -> None:
        first = await self.key(admin)
        entities = [{"tag": "user-bob"}]
        second = await self.key(admin, "ResetPassword", entities=entities)
        assert first != second
        for key, expected in ((first, 500), (second, 200)):
            status, _, _ = await client.http(
                "POST", "/register", json=self.sealed(key), headers=NOBODY
            )
            assert status == expected
        await self.key(admin, "ResetPassword", entities=entities)
        answer = await (await client.dial()).login("bob", "pear")
        assert answer["error"] == "invalid entity name or password"

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"user": "bob"}, (500, '"bob" is not a valid tag', "")),
            ({"user": "unit-b-0"}, (500, '"unit-b-0" is not a valid user tag', "")),
            ({"user": "user-nobody"}, (404, 'user "nobody" not found', "not found")),
            ({"nonce": "AAAA"}, (500, "nonce not valid", "not valid")),
            ({"nonce": "!"}, (500, "illegal base64 data in nonce", "")),
            ({"cipher-text": "AAAA"}, (500, "secret key not valid", "not valid")),
            ({"user": "user-admin"}, (404, 'secret key for user "admin" not found', "not found")),
        ],
    )
    async def test_what_is_refused(
        self,
        client: Client,
        admin: Wire,
        change: dict[str, Any],
        refusal: tuple[int, str, str],
    ) -> None:
        status, message, code = refusal
        request = self.sealed(await self.key(admin)) | change
        found, reply, headers = await client.http("POST", "/register", json=request, headers=NOBODY)
        assert (found, reply) == (status, {"error": {"message": message, "code": code}})
        assert headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("body", [b"{", b"[]", b"x" * 70_000])
    async def test_bodies_that_are_none(self, client: Client, body: bytes) -> None:
        status, reply, _ = await client.http("POST", "/register", data=body, headers=NOBODY)
        assert status == 500
        assert reply["error"]["message"]

    async def test_other_methods(self, client: Client) -> None:
        status, reply, _ = await client.http("GET", "/register", headers=NOBODY)
        assert status == 405
        assert reply["error"] == {
            "message": 'unsupported method: "GET"',
            "code": "method not allowed",
        }


async def test_libjuju_shows_the_secret_key(client: Client) -> None:
    juju = Controller()
    await juju.connect()
    try:
        user = await juju.add_user("bob")
        assert len(base64.b64decode(user.secret_key)) == 32
        assert (await juju.add_user("amy", "apple")).secret_key is None
    finally:
        await juju.disconnect()
