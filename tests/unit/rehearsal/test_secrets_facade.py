from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.secrets import SecretBackends, Secrets
from ckf_airgap.rehearsal.entities.secreturi import new_secret_id, parse_secret_uri
from ckf_airgap.rehearsal.model.usersecrets import SecretChange
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    UNAUTHORIZED,
    ApiError,
)
from tests.unit.rehearsal.controllers import RehearsedController
from tests.unit.rehearsal.harness import Rehearsal


def encoded(**values: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


class Client:
    """A client of the facade on a model."""

    def __init__(self, controller: RehearsedController, model: Rehearsal) -> None:
        self.controller, self.model = controller, model

    async def __call__(self, method: str, **params: Any) -> Any:
        return await self.controller.call(Secrets, method, params, on=self.model)

    async def add(self, label: str, **values: str) -> Any:
        argument = {"owner-tag": "", "label": label, "content": {"data": encoded(**values)}}
        return (await self("CreateSecrets", args=[argument]))["results"][0]

    async def update(self, **argument: Any) -> Any:
        return (await self("UpdateSecrets", args=[argument]))["results"][0]

    async def listed(self, *, show: bool = False, **wanted: Any) -> Any:
        return (await self("ListSecrets", **{"show-secrets": show, "filter": wanted}))["results"]


@pytest.fixture
def controller(tmp_path: Path) -> RehearsedController:
    return RehearsedController(tmp_path)


@pytest.fixture
def client(controller: RehearsedController) -> Client:
    return Client(controller, controller.add_model("kubeflow"))


async def test_a_secret_is_made_listed_and_shown(client: Client) -> None:
    uri = (await client.add("token", password="hunter2"))["result"]
    assert re.fullmatch(r"secret:[0-9a-v]{20}", uri)
    (secret,) = await client.listed()
    assert secret["owner-tag"] == f"model-{client.model.model.uuid}"
    assert (secret["uri"], secret["label"], secret["latest-revision"]) == (uri, "token", 1)
    assert [r["backend-name"] for r in secret["revisions"]] == ["kubeflow-local"]
    assert "value" not in secret
    (shown,) = await client.listed(show=True, uri=uri)
    assert shown["value"] == {"data": encoded(password="hunter2")}
    assert await client.listed(label="other") == []
    assert await client.listed(**{"owner-tag": "application-x"}) == []  # type: ignore[arg-type]


async def test_revisions_come_with_other_content_only(client: Client) -> None:
    uri = (await client.add("token", password="one"))["result"]
    await client.update(uri=uri, content={"data": encoded(password="one")})
    await client.update(uri=uri, description="About")
    await client.update(**{"existing-label": "token"}, content={"data": encoded(password="two")})
    (secret,) = await client.listed(show=True)
    assert [r["revision"] for r in secret["revisions"]] == [1, 2]
    assert secret["description"] == "About"
    assert secret["value"]["data"] == encoded(password="two")
    (first,) = await client.listed(show=True, uri=uri, revision=1)
    assert first["value"]["data"] == encoded(password="one")
    with pytest.raises(ApiError, match="revison 7 for secret") as missing:
        await client.listed(uri=uri, revision=7)
    assert missing.value.code == NOT_FOUND
    await client.update(uri=uri, label="renamed", **{"auto-prune": True})
    (pruned,) = await client.listed(label="renamed")
    assert [r["revision"] for r in pruned["revisions"]] == [2]


async def test_what_cannot_be_made_is_refused(client: Client) -> None:
    await client.add("token", password="x")
    taken = (await client.add("token", password="y"))["error"]
    assert taken == {
        "message": 'secret with name "token" already exists',
        "code": ALREADY_EXISTS,
    }
    data = {"data": {"key": "!"}}
    arguments: list[Any] = [
        {"content": {"data": {}}},
        {"content": {"data": encoded(a="b")}, "uri": "secret:x"},
        {"content": {"data": encoded(a="b")}, "owner-tag": "application-x"},
        {"content": data},
        {"content": {"data": encoded(**{"a b": "c"})}},
        {"content": {"data": {"big": "A" * 1024 * 1025}}},
    ]
    results = (await client("CreateSecrets", args=arguments))["results"]
    assert [result["error"]["message"] for result in results] == [
        "empty secret value not valid",
        "secret uri cannot be set on user secret create not valid",
        'owner tag "application-x" not valid',
        'value of secret key "key": illegal base64 data',
        'secret key "a b" not valid for a secret of Kubernetes',
        "secret content too large: 1049600 bytes",
    ]
    assert len(await client.listed()) == 1


async def test_updates_are_checked(client: Client) -> None:
    uri = (await client.add("token", password="x"))["result"]
    await client.add("other", password="x")
    gone = f"secret:{new_secret_id()}"
    found = [
        (await client.update(**argument))["error"]["message"]
        for argument in (
            {"uri": uri},
            {"label": "a"},
            {"uri": uri, "existing-label": "token", "label": "a"},
            {"existing-label": "gone", "label": "a"},
            {"uri": gone, "label": "a"},
            {"uri": uri, "label": "other"},
        )
    ]
    assert found == [
        "at least one attribute to update must be specified",
        "must specify either URI or label",
        "must specify either URI or label but not both",
        "empty URI",
        f'secret "{gone}" not found',
        'secret with name "other" already exists',
    ]


async def test_revisions_and_secrets_are_removed(client: Client) -> None:
    uri = (await client.add("token", password="one"))["result"]
    await client.update(uri=uri, content={"data": encoded(password="two")})
    await client("RemoveSecrets", args=[{"uri": uri, "revisions": [1]}])
    (secret,) = await client.listed()
    assert [r["revision"] for r in secret["revisions"]] == [2]
    assert (await client("RemoveSecrets", args=[{"label": "token"}]))["results"] == [{}]
    assert await client.listed() == []
    again = await client("RemoveSecrets", args=[{"label": "token"}])
    assert again["results"][0]["error"]["message"] == 'secret "token" not found'


async def test_access_is_granted_to_applications_and_ends_with_them(client: Client) -> None:
    model = client.model
    await model.upload_and_deploy("minio")
    uri = (await client.add("token", password="x"))["result"]
    granted = await client("GrantSecret", uri=uri, applications=["minio", "gone"])
    assert granted["results"][0] == {}
    assert granted["results"][1]["error"]["message"] == (
        f'cannot change access to "{uri}" for "gone": invalid subject reference: '
        'application "gone" not found'
    )
    (secret,) = await client.listed()
    assert secret["access"] == [
        {
            "target-tag": "application-minio",
            "scope-tag": f"model-{model.model.uuid}",
            "role": "view",
        }
    ]
    await client("RevokeSecret", label="token", applications=["minio", "gone"])
    assert "access" not in (await client.listed())[0]
    await client("GrantSecret", uri=uri, applications=["minio"])
    model.settle()
    model.model.topology.remove_application(model.model.applications["minio"])
    model.settle()
    model.deploy("minio", "local:minio-0")
    assert "access" not in (await client.listed())[0]
    with pytest.raises(ApiError, match="must specify either URI or name"):
        await client("GrantSecret", applications=["minio"])


async def test_content_is_for_administrators_and_version_2(
    controller: RehearsedController, client: Client
) -> None:
    bob = controller.add_user("bob")
    with pytest.raises(ApiError) as refused:
        await controller.call(
            Secrets, "ListSecrets", {"show-secrets": True}, on=client.model, user=bob
        )
    assert refused.value.code == UNAUTHORIZED
    with pytest.raises(ApiError) as old:
        await controller.call(Secrets, "CreateSecrets", {}, on=client.model, version=1)
    assert old.value.code == NOT_SUPPORTED


async def test_content_is_in_no_record_and_no_representation(client: Client) -> None:
    model = client.model.model
    for method in ("CreateSecrets", "UpdateSecrets"):
        model.record_request(
            facade="Secrets",
            version=2,
            method=method,
            params={
                "args": [{"label": "token", "content": {"data": {"password": "aHVudGVyMg=="}}}]
            },
            user="admin",
        )
    model.record_request(
        facade="UserManager",
        version=3,
        method="SetPassword",
        params={"changes": [{"tag": "user-admin", "password": "aHVudGVyMg=="}]},
        user="admin",
    )
    await client.add("token", password="hunter2")
    shown = repr(list(model.requests)) + repr(list(model.secrets))
    shown += repr([list(secret.revisions.values()) for secret in model.secrets])
    shown += repr(SecretChange(data=encoded(password="hunter2")))
    assert "token" in shown
    assert "password" in shown
    assert "aHVudGVyMg==" not in shown


async def test_backends_are_those_of_the_controller(
    controller: RehearsedController, client: Client
) -> None:
    async def call(method: str, **params: Any) -> Any:
        return (await controller.call(SecretBackends, method, params))["results"]

    assert [b["result"]["name"] for b in await call("ListSecretBackends")] == ["internal"]
    await client.add("token", password="x")
    client.model.model.config["secret-backend"] = "internal"
    await client.add("other", password="x")
    listed = await call("ListSecretBackends")
    assert {b["result"]["name"]: b["num-secrets"] for b in listed} == {
        "internal": 1,
        "kubeflow-local": 1,
    }
    (only,) = await call("ListSecretBackends", names=["internal"])
    assert only["id"] == controller.state.uuid
    added = await call(
        "AddSecretBackends",
        args=[
            {"name": "v", "backend-type": "vault"},
            {"name": "v", "backend-type": "tin"},
            {"name": "", "backend-type": "vault"},
            {"name": "internal"},
        ],
    )
    assert added[0]["error"]["code"] == NOT_SUPPORTED
    assert "in memory" in added[0]["error"]["message"]
    assert added[1]["error"]["message"].endswith('no registered provider for "tin"')
    assert [result["error"]["code"] for result in added[2:]] == [NOT_VALID, NOT_VALID]
    (missing,) = await call("UpdateSecretBackends", args=[{"name": "v"}])
    assert missing["error"]["message"] == 'secret backend "v" not found'
    assert await call("RemoveSecretBackends", args=[{"name": "v"}]) == [{}]
    bob = controller.add_user("bob")
    with pytest.raises(ApiError):
        await controller.call(SecretBackends, "AddSecretBackends", {}, user=bob)


@pytest.mark.parametrize("text", ["secret:short", "http://x/y", "secret://host/" + "a" * 20, ""])
def test_uris_that_name_no_secret(text: str) -> None:
    with pytest.raises(ApiError, match="not valid"):
        parse_secret_uri(text)


def test_uris_with_a_source_name_the_same_secret() -> None:
    name = new_secret_id()
    source = "11111111-1111-4111-8111-111111111111"
    for text in (name, f"secret:{name}", f"secret://{source}/{name}", f"secret:{source}/{name}"):
        assert parse_secret_uri(text) == name


async def test_options_of_the_type_secret_take_references_only(client: Client) -> None:
    model = client.model
    await model.upload_and_deploy("minio", options={"key": {"type": "secret"}})

    async def set_key(value: str) -> Any:
        args = {
            "Args": [{"application": "minio", "generation": "master", "config": {"key": value}}]
        }
        return (await client.controller.call(Application, "SetConfigs", args, on=model))["results"]

    (refused,) = await set_key("plain")
    assert (
        'invalid secret URI for option "key": secret URI "plain" not valid'
        in refused["error"]["message"]
    )
    uri = f"secret:{new_secret_id()}"
    await set_key(uri)
    assert model.model.applications["minio"].config["key"] == uri
