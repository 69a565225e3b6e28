from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rehearsal.wire import Client, Wire

OTHER = {"type": "kubernetes", "auth-types": ["userpass"], "endpoint": "https://other.invalid"}
MINE = "cloudcred-k8s_admin_mine"
USERPASS = {"auth-type": "userpass", "attrs": {"username": "fred", "password": "hush"}}
OWN = "cloudcred-k8s_admin_k8s"


@pytest.fixture
async def admin(client: Client) -> Wire:
    wire = await client.controller()
    user = {"username": "eve", "password": "apple", "display-name": "Eve"}
    await wire.ask("UserManager", "AddUser", {"users": [user]}, version=3)
    return wire


@pytest.fixture
async def eve(client: Client, admin: Wire) -> Wire:
    wire = await client.dial()
    assert "error" not in await wire.login("eve", "apple")
    return wire


async def cloud(wire: Wire, method: str, params: Any) -> Any:
    return await wire.ask("Cloud", method, params, version=7)


async def one(wire: Wire, method: str, params: Any) -> Any:
    """Return the one result of a call."""
    (result,) = (await cloud(wire, method, params))["results"]
    return result


def entities(*tags: str) -> dict[str, Any]:
    return {"entities": [{"tag": tag} for tag in tags]}


def access(action: str, name: str = "k8s", *, user: str = "eve", level: str = "add-model") -> Any:
    change = {
        "user-tag": f"user-{user}",
        "cloud-tag": f"cloud-{name}",
        "action": action,
        "access": level,
    }
    return {"changes": [change]}


async def create(wire: Wire, **more: Any) -> Any:
    return await wire.call(
        "ModelManager",
        "CreateModel",
        {"name": "new", "owner-tag": "user-admin", **more},
        version=10,
    )


# Clouds


async def test_the_cloud_of_the_controller_is_described_with_its_users(admin: Wire) -> None:
    result = (await one(admin, "CloudInfo", entities("cloud-k8s")))["result"]
    assert (result["type"], result["regions"]) == ("kubernetes", [{"name": "default"}])
    assert result["users"] == [{"user": "admin", "display-name": "admin", "access": "admin"}]
    (listed,) = (await cloud(admin, "Clouds", {}))["clouds"].values()
    assert listed["is-controller-cloud"] is True


async def test_a_cloud_is_added_updated_and_removed(admin: Wire) -> None:
    assert await cloud(admin, "AddCloud", {"name": "other", "cloud": OTHER}) == {}
    assert (await one(admin, "Cloud", entities("cloud-other")))["cloud"] == {
        **OTHER,
        "regions": [{"name": "default"}],
    }
    regions = [{"name": "north", "endpoint": "https://n.invalid"}]
    changed = {"clouds": [{"name": "other", "cloud": {**OTHER, "regions": regions}}]}
    assert await one(admin, "UpdateCloud", changed) == {}
    assert (await one(admin, "Cloud", entities("cloud-other")))["cloud"]["regions"] == regions
    assert await one(admin, "RemoveClouds", entities("cloud-other")) == {}
    error = (await one(admin, "Cloud", entities("cloud-other")))["error"]
    assert error == {"message": 'cloud "other" not found', "code": "not found"}


@pytest.mark.parametrize(
    ("name", "changed", "message", "code"),
    [
        ("k8s", {}, 'cloud "k8s" already exists', "already exists"),
        ("", {}, "invalid cloud: empty Name not valid", "not valid"),
        ("x", {"auth-types": []}, "invalid cloud: empty auth-types not valid", "not valid"),
        (
            "x",
            {"type": "ec2"},
            (
                'cloud type "ec2" is not whitelisted for controller cloud type "kubernetes", '
                "current whitelist: [lxd maas openstack]"
            ),
            "incompatible clouds",
        ),
        (
            "x",
            {"skip-tls-verify": True, "ca-certificates": ["PEM"]},
            "invalid cloud: cloud with both skip-TLS-verify=true and CA certificates not valid",
            "not valid",
        ),
    ],
)
async def test_a_cloud_that_cannot_be_one_is_refused(
    admin: Wire, name: str, changed: dict[str, Any], message: str, code: str
) -> None:
    params = {"name": name, "cloud": {**OTHER, **changed}}
    answer = await admin.call("Cloud", "AddCloud", params, version=7)
    assert (answer["error"], answer["error-code"]) == (message, code)


async def test_a_cloud_of_another_type_is_taken_by_force_and_holds_no_models(admin: Wire) -> None:
    odd = {**OTHER, "type": "ec2"}
    await cloud(admin, "AddCloud", {"name": "odd", "cloud": odd, "force": True})
    tag = "cloudcred-odd_admin_c"
    await cloud(admin, "AddCredentials", {"credentials": [{"tag": tag, "credential": USERPASS}]})
    answer = await create(admin, **{"cloud-tag": "cloud-odd", "credential": tag})
    assert answer["error-code"] == "not supported"
    assert 'on clouds of type "ec2": add the model to a cloud' in answer["error"]
    update = {"clouds": [{"name": "odd", "cloud": OTHER}]}
    error = (await one(admin, "UpdateCloud", update))["error"]
    assert error["message"] == 'cannot change cloud "odd" type from "ec2" to "kubernetes"'


async def test_a_cloud_with_models_stays(admin: Wire) -> None:
    error = (await one(admin, "RemoveClouds", entities("cloud-k8s")))["error"]
    assert error["message"] == "cloud is used by 3 models"


async def test_a_user_sees_and_uses_clouds_that_were_granted(admin: Wire, eve: Wire) -> None:
    assert (await cloud(eve, "Clouds", {}))["clouds"] == {}
    assert (await one(eve, "Cloud", entities("cloud-k8s")))["error"]["code"] == "not found"
    assert (await one(eve, "CloudInfo", entities("cloud-k8s")))["error"]["message"] == (
        "permission denied"
    )
    refused = await create(eve, **{"owner-tag": "user-eve"})
    assert refused["error"] == "permission denied"

    assert await one(admin, "ModifyCloudAccess", access("grant")) == {}
    assert set((await cloud(eve, "Clouds", {}))["clouds"]) == {"cloud-k8s"}
    info = (await one(eve, "CloudInfo", entities("cloud-k8s")))["result"]
    assert info["users"] == [{"user": "eve", "display-name": "Eve", "access": "add-model"}]
    listed = (await one(eve, "ListCloudInfo", {"user-tag": "user-eve"}))["result"]
    assert (listed["type"], listed["user-access"]) == ("kubernetes", "add-model")
    refused = await create(eve)
    assert refused["error"] == (
        '"add-model" permission does not permit creation of models for different owners: '
        "permission denied"
    )
    tag = "cloudcred-k8s_eve_hers"
    await cloud(eve, "AddCredentials", {"credentials": [{"tag": tag, "credential": USERPASS}]})
    made = await create(eve, **{"owner-tag": "user-eve", "credential": tag})
    assert made["response"]["cloud-credential-tag"] == tag


async def test_access_to_clouds_is_granted_and_revoked_step_by_step(admin: Wire) -> None:
    async def change(action: str, **more: Any) -> Any:
        return (await one(admin, "ModifyCloudAccess", access(action, **more))).get("error")

    assert await change("grant", level="admin") is None
    assert (await change("grant"))["message"] == (
        'could not grant cloud access: user already has "add-model" access or greater'
    )
    assert await change("revoke", level="admin") is None
    users = (await one(admin, "CloudInfo", entities("cloud-k8s")))["result"]["users"]
    assert {user["user"]: user["access"] for user in users} == {
        "admin": "admin",
        "eve": "add-model",
    }
    assert await change("revoke") is None
    assert await change("revoke") == {
        "message": 'could not revoke cloud access: user "eve" not found',
        "code": "not found",
    }
    assert (await change("grant", user="admin"))["message"] == "cannot change your own cloud access"
    assert (await change("grant", level="read"))["message"] == '"read" cloud access not valid'
    assert (await change("grant", name="x"))["message"] == 'cloud "x" not found'
    assert (await change("keep"))["message"] == 'unknown action "keep"'
    assert (await change("grant", user="joe"))["message"] == (
        'could not grant cloud access: user "joe" does not exist locally: user "joe" not found'
    )


async def test_clouds_are_the_administrators_to_change(eve: Wire) -> None:
    for method, params in (
        ("AddCloud", {"name": "x", "cloud": OTHER}),
        ("UpdateCloud", {"clouds": [{"name": "k8s", "cloud": OTHER}]}),
    ):
        answer = await eve.call("Cloud", method, params, version=7)
        assert answer["error"] == "permission denied"
    for method, params in (
        ("RemoveClouds", entities("cloud-k8s")),
        ("ModifyCloudAccess", access("grant", user="joe")),
    ):
        assert (await one(eve, method, params))["error"]["message"] == "permission denied"


# Credentials


async def test_a_credential_shows_its_secrets_to_its_owner_who_asks(admin: Wire) -> None:
    assert await one(
        admin,
        "UpdateCredentialsCheckModels",
        {"credentials": [{"tag": MINE, "credential": USERPASS}]},
    ) == {"tag": MINE}
    shown = (await one(admin, "Credential", entities(MINE)))["result"]
    assert shown == {
        "auth-type": "userpass",
        "attrs": {"username": "fred"},
        "redacted": ["password"],
    }
    named = {"credentials": [{"cloud-name": "k8s", "credential-name": "mine"}]}
    content = (await one(admin, "CredentialContents", named))["result"]["content"]
    assert (content["attrs"], content["valid"]) == ({"username": "fred"}, True)
    asked = {**named, "include-secrets": True}
    content = (await one(admin, "CredentialContents", asked))["result"]["content"]
    assert content["attrs"] == USERPASS["attrs"]
    every = (await cloud(admin, "CredentialContents", {}))["results"]
    assert [entry["result"]["content"]["name"] for entry in every] == ["k8s", "mine"]
    assert every[0]["result"]["models"] == [
        {"model": name, "access": "admin"} for name in ("controller", "kubeflow", "other")
    ]


async def test_a_credential_that_models_use_is_revoked_by_force_only(
    client: Client, admin: Wire
) -> None:
    async def revoke(*, force: bool) -> Any:
        params = {"credentials": [{"tag": OWN, "force": force}]}
        return await one(admin, "RevokeCredentialsCheckModels", params)

    assert (await revoke(force=False))["error"]["message"] == (
        f"cannot revoke credential {OWN}: it is still used by 3 models"
    )
    assert await revoke(force=True) == {}
    tag = f"model-{client.store.models['kubeflow']}"
    (info,) = (await admin.ask("ModelManager", "ModelInfo", entities(tag), version=10))["results"]
    assert "cloud-credential-tag" not in info["result"]
    answer = await create(admin)
    assert answer["error"] == (
        "failed to create config: provider config preparation failed: validating cloud spec: "
        "missing credential not valid"
    )
    assert await revoke(force=False) == {}


@pytest.mark.parametrize(
    ("tag", "credential", "message"),
    [
        (
            MINE,
            {"auth-type": "jsonfile"},
            (
                'updating cloud credentials: validating credential "k8s/admin/mine" for cloud '
                '"k8s": supported auth-types ["certificate" "clientcertificate" "oauth2" '
                '"oauth2withcert" "userpass"], "jsonfile" not supported'
            ),
        ),
        (
            "cloudcred-aws_admin_mine",
            USERPASS,
            'cannot update credential "mine": controller does not manage cloud "aws"',
        ),
        ("cloudcred-k8s", USERPASS, '"cloudcred-k8s" is not a valid cloudcred tag'),
    ],
)
async def test_a_credential_that_is_none_for_the_cloud_is_refused(
    admin: Wire, tag: str, credential: dict[str, Any], message: str
) -> None:
    params = {"credentials": [{"tag": tag, "credential": credential}]}
    result = await one(admin, "UpdateCredentialsCheckModels", params)
    assert (result["tag"], result["error"]["message"]) == (tag, message)


async def test_credentials_are_their_owners(eve: Wire) -> None:
    error = (await one(eve, "Credential", entities(OWN)))["error"]
    assert error["code"] == "unauthorized access"
    params = {"credentials": [{"tag": MINE, "credential": USERPASS}]}
    assert (await one(eve, "UpdateCredentialsCheckModels", params))["error"]["message"] == (
        "permission denied"
    )
    forced = await eve.call(
        "Cloud", "UpdateCredentialsCheckModels", {**params, "force": True}, version=7
    )
    assert forced["error-code"] == "bad request"


async def test_a_model_gets_another_credential(client: Client, admin: Wire) -> None:
    kubeflow = f"model-{client.store.models['kubeflow']}"

    async def change(model: str, credential: str) -> Any:
        pair = {"model-tag": model, "credential-tag": credential}
        reply = await admin.ask(
            "ModelManager", "ChangeModelCredential", {"model-credentials": [pair]}, version=10
        )
        return reply["results"][0].get("error")

    assert (await change(kubeflow, MINE))["message"] == (
        'cloud credential "k8s/admin/mine" not found'
    )
    params = {"credentials": [{"tag": MINE, "credential": USERPASS}]}
    await cloud(admin, "AddCredentials", params)
    assert await change(kubeflow, MINE) is None
    assert (await change(kubeflow, MINE))["message"] == (
        f"model {client.store.models['kubeflow']} already uses credential k8s/admin/mine"
    )
    unknown = "00000000-0000-4000-8000-000000000000"
    assert (await change(f"model-{unknown}", MINE)) == {
        "message": f'model "{unknown}" not found',
        "code": "not found",
    }
    checked = await one(admin, "CheckCredentialsModels", params)
    assert [model["name"] for model in checked["models"]] == ["kubeflow"]


# New models


async def test_a_model_is_in_the_region_that_was_asked_for(admin: Wire) -> None:
    regions = {**OTHER, "regions": [{"name": "north"}, {"name": "south"}]}
    await cloud(admin, "AddCloud", {"name": "other", "cloud": regions})
    tag = "cloudcred-other_admin_c"
    await cloud(admin, "AddCredentials", {"credentials": [{"tag": tag, "credential": USERPASS}]})
    where = {"cloud-tag": "cloud-other", "credential": tag}
    answer = await create(admin, **where, region="West")
    assert (answer["error"], answer["error-code"]) == (
        (
            'getting cloud region definition: region "West" not found '
            '(expected one of ["north" "south"])'
        ),
        "not found",
    )
    answer = await create(admin, **where)
    assert (answer["error"], answer["error-code"]) == (
        "failed to create new model: missing cloud region not valid",
        "not valid",
    )
    made = (await create(admin, **where, region="North"))["response"]
    assert (made["cloud-tag"], made["cloud-region"]) == ("cloud-other", "North")
    (status,) = (await one(admin, "RemoveClouds", entities("cloud-other"))).values()
    assert status["message"] == "cloud is used by 1 model"


async def test_a_model_is_in_the_only_region_of_another_cloud(admin: Wire) -> None:
    await cloud(admin, "AddCloud", {"name": "other", "cloud": OTHER})
    tag = "cloudcred-other_admin_c"
    await cloud(admin, "AddCredentials", {"credentials": [{"tag": tag, "credential": USERPASS}]})
    made = (await create(admin, **{"cloud-tag": "cloud-other", "credential": tag}))["response"]
    assert (made["cloud-tag"], made["cloud-region"]) == ("cloud-other", "default")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"uuid": "x"}, "failed to create config: uuid is generated, you cannot specify one"),
        ({"name": "x"}, "failed to create config: name must not be specified in config"),
        (
            {"agent-version": "99.0.0"},
            (
                "failed to create config: agent-version (99.0.0) cannot be greater than the "
                "controller (3.6.28)"
            ),
        ),
        (
            {"default-series": "jammy", "default-base": "ubuntu@22.04"},
            "default-base and default-series cannot both be set",
        ),
        (
            {"update-status-hook-interval": "abc"},
            (
                "failed to create config: creating config from values failed: invalid update "
                'status hook interval in model configuration: time: invalid duration "abc"'
            ),
        ),
        (
            {"api-port": 1},
            'failed to create config: cannot set controller attribute "api-port" on a model',
        ),
    ],
)
async def test_a_model_is_not_made_with_a_setting_that_it_cannot_have(
    admin: Wire, config: dict[str, Any], message: str
) -> None:
    assert (await create(admin, config=config))["error"] == message


async def test_new_models_take_defaults_of_the_cloud_and_of_its_region(
    client: Client, admin: Wire
) -> None:
    async def defaults(method: str, params: Any) -> Any:
        return (await admin.ask("ModelManager", method, params, version=10))["results"]

    changes = [
        {"config": {"http-proxy": "http://cloud", "development": "true"}},
        {"cloud-tag": "cloud-k8s", "cloud-region": "default", "config": {"http-proxy": "http://r"}},
        {"config": {"agent-version": "3.6.28"}},
        {"config": {"mode": "lenient"}},
    ]
    assert await defaults("SetModelDefaults", {"config": changes}) == [
        {},
        {},
        {"error": {"message": "agent-version cannot have a default value", "code": ""}},
        {"error": {"message": 'mode(s) "lenient" not valid', "code": "not valid"}},
    ]
    described, gone = await defaults("ModelDefaultsForClouds", entities("cloud-k8s", "cloud-none"))
    assert described["config"]["http-proxy"] == {
        "default": "",
        "controller": "http://cloud",
        "regions": [{"region-name": "default", "value": "http://r"}],
    }
    assert (gone["config"], gone["error"]["code"]) == (None, "not found")
    await create(admin)
    model = next(
        entry["model"]["uuid"]
        for entry in (await admin.ask("Controller", "AllModels", version=12))["user-models"]
        if entry["model"]["name"] == "new"
    )
    wire = await client.dial(f"/model/{model}/api")
    await wire.login(client.store.user, client.store.password)
    config = (await wire.ask("ModelConfig", "ModelGet", version=3))["config"]
    assert config["http-proxy"] == {"value": "http://r", "source": "region"}
    assert config["development"] == {"value": True, "source": "controller"}
    await defaults("UnsetModelDefaults", {"keys": [{"keys": ["development"]}]})
    (described,) = await defaults("ModelDefaultsForClouds", entities("cloud-k8s"))
    assert described["config"]["development"] == {"default": False}


async def test_defaults_of_models_are_the_administrators(eve: Wire) -> None:
    for method in ("ModelDefaultsForClouds", "UnsetModelDefaults"):
        answer = await eve.call("ModelManager", method, {}, version=10)
        assert answer["error"] == "permission denied"
    reply = await eve.ask(
        "ModelManager", "SetModelDefaults", {"config": [{"config": {}}]}, version=10
    )
    assert reply["results"][0]["error"]["message"] == "permission denied"


async def test_the_region_of_a_model_is_everywhere(client: Client, admin: Wire) -> None:
    wire = await client.model()
    status = await wire.ask("Client", "FullStatus", version=8)
    assert (status["model"]["cloud-tag"], status["model"]["region"]) == ("cloud-k8s", "default")
    watcher = (await wire.ask("Client", "WatchAll", version=8))["watcher-id"]
    [[_, _, delta]] = (await wire.ask("AllWatcher", "Next", version=3, id=watcher))["deltas"]
    assert (delta["cloud"], delta["cloud-region"]) == ("k8s", "default")
    summaries = await admin.ask(
        "ModelManager", "ListModelSummaries", {"user-tag": "user-admin"}, version=10
    )
    assert {entry["result"]["cloud-region"] for entry in summaries["results"]} == {"default"}
    configs = await admin.ask("Controller", "HostedModelConfigs", version=12)
    assert {entry["cloud-spec"]["region"] for entry in configs["models"]} == {"default"}
