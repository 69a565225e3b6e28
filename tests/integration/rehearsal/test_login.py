"""Who gets in, over which TLS, and what the login tells."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
import yaml
from juju.client.connection import Connection
from juju.errors import JujuAPIError
from juju.model import Model

from ckf_airgap.rehearsal.api.tls import make_certificates
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Store

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_libjuju_connects_with_nothing_but_the_store(controller: ControllerThread) -> None:
    model = Model()
    await model.connect()
    try:
        assert model.name == "kubeflow"
        assert model.info is not None
        assert model.info.type_ == "caas"
        assert model.uuid == controller.controller.models["kubeflow"].uuid
    finally:
        await model.disconnect()


async def test_libjuju_finds_a_model_that_the_store_does_not_know(
    controller: ControllerThread,
) -> None:
    controller.call(lambda: controller.controller.state.create_model("late", owner="admin"))
    model = Model()
    await model.connect(model_name="late")
    try:
        assert model.name == "late"
    finally:
        await model.disconnect()


def edit(path: Path, **changes: str) -> None:
    """Change fields of the only controller in a store file."""
    document = yaml.safe_load(path.read_text())
    document["controllers"]["rehearsal"].update(changes)
    path.write_text(yaml.safe_dump(document))


async def test_a_wrong_password_is_refused(controller: ControllerThread) -> None:
    edit(controller.juju_data / "accounts.yaml", password="wrong")
    with pytest.raises(JujuAPIError, match="invalid entity name or password") as caught:
        await Model().connect()
    assert caught.value.error_code == "unauthorized access"


async def test_a_wrong_ca_fails_before_any_password_is_sent(
    controller: ControllerThread,
) -> None:
    edit(controller.juju_data / "controllers.yaml", **{"ca-cert": make_certificates().ca})
    with pytest.raises(ssl.SSLCertVerificationError):
        await Model().connect()


async def test_no_ca_fails_as_for_any_unknown_issuer(controller: ControllerThread) -> None:
    edit(controller.juju_data / "controllers.yaml", **{"ca-cert": ""})
    with pytest.raises(ssl.SSLCertVerificationError):
        await Model().connect()


async def test_an_unknown_model_is_named(store: Store) -> None:
    with pytest.raises(JujuAPIError, match=f'unknown model: "{UNKNOWN}"') as caught:
        await Connection.connect(
            store.endpoint,
            uuid=UNKNOWN,
            username=store.user,
            password=store.password,
            cacert=store.ca_cert,
        )
    assert caught.value.error_code == "model not found"


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("user-nobody", "invalid entity name or password"),
        ("machine-0", "invalid entity name or password"),
        ("user-admin@elsewhere", "failed to authenticate request: unauthorized"),
        ("", "failed to authenticate request: unauthorized"),
    ],
)
async def test_nobody_else_gets_in(client: Client, tag: str, error: str) -> None:
    wire = await client.dial()
    credentials = {"auth-tag": tag, "credentials": client.store.password}
    answer = await wire.call("Admin", "Login", credentials, version=3)
    assert (answer["error"], answer["error-code"]) == (error, "unauthorized access")
    after = await wire.call("Pinger", "Ping")
    assert after["error"] == 'unknown object type "Pinger": log in first'


async def test_a_tag_that_is_none_is_named(client: Client) -> None:
    wire = await client.dial()
    answer = await wire.call("Admin", "Login", {"auth-tag": "admin"}, version=3)
    assert answer["error"] == '"admin" is not a valid tag'


async def test_what_the_login_tells_on_both_kinds_of_connection(client: Client) -> None:
    store = client.store
    uuid = store.models["kubeflow"]
    on_controller = (await (await client.dial()).login("admin", store.password))["response"]
    wire = await client.dial(f"/model/{uuid}/api")
    on_model = (await wire.login("admin", store.password))["response"]
    host, port = store.endpoint.split(":")
    for reply in (on_controller, on_model):
        assert reply["servers"] == [
            [{"value": host, "type": "ipv4", "scope": "local-machine", "port": int(port)}]
        ]
        assert reply["server-version"].startswith("3.6.")
        assert reply["controller-tag"].startswith("controller-")
        assert reply["user-info"]["identity"] == "user-admin"
        assert reply["user-info"]["controller-access"] == "superuser"
    assert "model-tag" not in on_controller
    assert on_model["model-tag"] == f"model-{uuid}"
    assert on_model["user-info"]["model-access"] == "admin"


async def test_the_certificate_is_good_for_the_name_that_the_go_client_asks_for(
    store: Store,
) -> None:
    context = store.ssl_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"https://{store.endpoint}/health", ssl=context, server_hostname="juju-apiserver"
        ) as reply,
    ):
        assert reply.status == 200


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_the_certificate_is_good_for_local_names(store: Store, name: str) -> None:
    port = store.endpoint.rpartition(":")[2]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://{name}:{port}/health", ssl=store.ssl_context()) as reply,
    ):
        assert reply.status == 200


async def test_it_listens_on_ipv6_too(tmp_path: Path) -> None:
    async with RehearsalController(host="::1", juju_data=tmp_path / "store") as controller:
        assert controller.endpoint.startswith("[::1]:")
        store = Store.read(tmp_path / "store")
        connection = await Connection.connect(
            store.endpoint,
            username=store.user,
            password=store.password,
            cacert=store.ca_cert,
        )
        try:
            assert connection.info["servers"][0][0]["type"] == "ipv6"
        finally:
            await connection.close()
