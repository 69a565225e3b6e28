from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    BAD_REQUEST,
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
)
from tests.unit.rehearsal.harness import JAMMY, LOCAL, Rehearsal

PORT = {"port": {"type": "int", "default": 9000}}


def refusal(rehearsal: Rehearsal, name: str, url: str, **keys: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        rehearsal.deploy(name, url, **keys)
    assert name not in rehearsal.model.applications
    return caught.value.message, caught.value.code


async def test_everything_that_was_told_is_remembered(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload(
        "minio", options=PORT, resources={"oci-image": {"type": "oci-image"}}
    )
    pending_id = await rehearsal.image("store", "oci-image", "registry:5000/minio:1")
    rehearsal.deploy(
        "store",
        url,
        units=2,
        config_yaml="store: {port: '9001', trust: 'True'}",
        constraints={"mem": 2048},
        resources={"oci-image": pending_id},
        bindings={"": "alpha"},
    )
    store = rehearsal.model.applications["store"]
    assert (store.charm_url, store.charm.name) == (url, "minio")
    assert (store.config, store.settings) == ({"port": 9001}, {"port": 9001})
    assert store.own_settings == {"trust": True}
    assert store.constraints == {"arch": "amd64", "mem": 2048}
    assert store.resources["oci-image"].registrypath == "registry:5000/minio:1"
    assert list(store.units) == ["store/0", "store/1"]
    assert (str(store.base), store.bindings) == ("ubuntu@22.04", {"": "alpha"})
    assert rehearsal.model.sequences() == {"application-store": 2, "relation": 0}
    assert len(rehearsal.model.pending) == 0


async def test_options_that_were_not_set_have_the_charms_default(rehearsal: Rehearsal) -> None:
    application = await rehearsal.upload_and_deploy("minio", options=PORT)
    assert (application.config, application.settings) == ({"port": 9000}, {})
    assert application.own_settings == {}


@pytest.mark.parametrize(
    ("keys", "message", "code"),
    [
        ({"origin": None}, "charm origin source required", BAD_REQUEST),
        ({"origin": {"source": "moon"}}, '"moon" not a valid charm origin source', BAD_REQUEST),
        ({"charm_url": "local:minio"}, "charm url must include revision", ""),
        ({"charm_url": "local:minio-9"}, 'charm "local:minio-9" not found', NOT_FOUND),
        (
            {"placement": [{}, {}]},
            "only 1 placement directive is supported for container models, got 2",
            "",
        ),
        (
            {"placement": [{"scope": "kubeflow", "directive": "zone=a"}]},
            'cannot add application "minio": placement directives on k8s models not valid',
            NOT_VALID,
        ),
        ({"config_yaml": "other: {}"}, 'no settings found for "minio"', ""),
        ({"config": {"prot": "1"}}, 'unknown option "prot"', ""),
        ({"config": {"port": "abc"}}, 'option "port" expected int, got "abc"', ""),
        (
            {"resources": {"oci-image": "no-such-id"}},
            (
                'cannot add application "minio": pending resource "minio/oci-image" (no-such-id) '
                "not found"
            ),
            NOT_FOUND,
        ),
        (
            {"origin": {**LOCAL, "base": {"name": "centos", "channel": "9"}}},
            (
                'cannot add application "minio": OS "centos" not supported by charm "minio", '
                "supported OSes are: ubuntu"
            ),
            NOT_SUPPORTED,
        ),
        ({"units": -1}, 'cannot add application "minio": scale < 0 not valid', ""),
        (
            {"constraints": {"mem": "2G"}},
            (
                "json: cannot unmarshal string into Go struct field Value.constraints.mem of type "
                "uint64"
            ),
            "",
        ),
    ],
)
async def test_a_deployment_that_does_not_fit_is_refused(
    rehearsal: Rehearsal, keys: dict[str, Any], message: str, code: str
) -> None:
    url = await rehearsal.upload("minio", options=PORT)
    assert refusal(rehearsal, "minio", **({"url": url} | keys)) == (message, code)


@pytest.mark.parametrize(
    ("metadata", "units", "message", "code"),
    [
        (
            {"min-juju-version": "3.7.1"},
            1,
            "charm's min version (3.7.1) is higher than this juju model's version (3.6.28)",
            "",
        ),
        (
            {"storage": {"data": {"type": "block"}}},
            1,
            'block storage "data" is not supported for container charms',
            "",
        ),
        (
            {"subordinate": True},
            1,
            "subordinate application must be deployed without units",
            "",
        ),
        (
            {"assumes": ["juju >= 4.0"]},
            1,
            (
                "Charm cannot be deployed because:\n"
                "  - charm requires Juju version >= 4.0.0, model has version 3.6.28\n"
            ),
            NOT_SUPPORTED,
        ),
    ],
)
async def test_a_charm_that_does_not_fit_the_model_is_refused(
    rehearsal: Rehearsal, metadata: dict[str, Any], units: int, message: str, code: str
) -> None:
    url = await rehearsal.upload("minio", **metadata)
    assert refusal(rehearsal, "minio", url, units=units) == (message, code)


async def test_force_ignores_what_the_charm_assumes(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", assumes=["juju >= 4.0"])
    assert rehearsal.deploy("minio", url, force=True).life == "alive"


async def test_a_subordinate_takes_no_constraints_and_has_no_units(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("agent", subordinate=True)
    message, _ = refusal(rehearsal, "agent", url, units=0, constraints={"mem": 1})
    assert message == "subordinate application must be deployed without constraints"
    assert not rehearsal.deploy("agent", url, units=0).units


async def test_storage_needs_a_pool_when_the_model_has_no_class(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("db", storage={"data": {"type": "filesystem"}})
    rehearsal.model.config["workload-storage"] = ""
    message, _ = refusal(rehearsal, "db", url, storage={"data": {"Count": 1}})
    assert message == (
        'storage pool for "data" must be specified since there\'s no model default storage class'
    )
    rehearsal.model.storage.pools.create("fast", "kubernetes", {"storage-class": "nvme"})
    assert rehearsal.deploy("db", url, storage={"data": {"Pool": "fast"}}).storage


@pytest.mark.parametrize("name", ["Minio", "a_b", "a-1", "1a", ""])
async def test_an_invalid_name_is_refused(rehearsal: Rehearsal, name: str) -> None:
    message, _ = refusal(rehearsal, name, await rehearsal.upload("minio"))
    assert message == f'cannot add application "{name}": invalid name'


async def test_a_name_is_given_once(rehearsal: Rehearsal) -> None:
    application = await rehearsal.upload_and_deploy("minio")
    with pytest.raises(ApiError) as caught:
        rehearsal.deploy("minio", application.charm_url)
    assert caught.value.message == 'cannot add application "minio": application already exists'
    assert caught.value.code == ALREADY_EXISTS


async def test_a_dying_model_takes_no_application(rehearsal: Rehearsal) -> None:
    url = (await rehearsal.upload_and_deploy("minio")).charm_url
    rehearsal.model.destroy()
    message, _ = refusal(rehearsal, "dex", url)
    assert message == 'cannot add application "dex": model "kubeflow" is dying'


async def test_the_first_check_of_a_real_controller_comes_first(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", options=PORT)
    wrong: dict[str, Any] = {
        "origin": {**LOCAL, "base": {"name": "centos", "channel": "9"}},
        "config": {"port": "x"},
        "placement": [{}, {}],
        "resources": {"oci-image": "nothing"},
    }
    found = []
    for cured in ("", "placement", "config", "resources", "origin"):
        wrong.pop(cured, None)
        if not wrong:
            break
        name = "minio" if wrong.keys() & {"placement", "config"} else "Minio"
        found.append(refusal(rehearsal, name, url, **wrong)[0].partition(" ")[0])
    assert found == ["only", "option", "cannot", "cannot"]


async def test_a_failed_deployment_drops_its_pending_resources(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources={"oci-image": {"type": "oci-image"}})
    pending_id = await rehearsal.image("minio", "oci-image", "r/minio:1")
    refusal(rehearsal, "minio", url, config={"x": "1"}, resources={"oci-image": pending_id})
    assert len(rehearsal.model.pending) == 0


async def test_the_facade_answers_for_each_application(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", options=PORT)
    entry: Any = {"charm-url": url, "charm-origin": {**LOCAL, "id": None}, "num-units": 1}
    reply = await rehearsal.call(
        Application,
        "Deploy",
        {
            "Applications": [
                {"application": "minio", **entry, "config": {"trust": "true"}, "storage": None},
                {"application": "minio", **entry},
                {"application": "other", **entry, "num-units": "1"},
            ]
        },
        version=20,
    )
    results: Any = reply["results"]
    assert results[0] == {}
    assert results[1]["error"]["code"] == ALREADY_EXISTS
    assert results[2]["error"]["message"] == (
        "json: cannot unmarshal string into Go struct field .num-units of type int"
    )
    assert rehearsal.model.applications["minio"].own_settings["trust"] is True


async def test_store_charms_are_refused(rehearsal: Rehearsal) -> None:
    reply: Any = await rehearsal.call(
        Application, "DeployFromRepository", {"Args": [{"CharmName": "minio"}]}
    )
    assert "behind an air gap" in reply["Results"][0]["Errors"][0]["message"]


async def test_a_base_without_risk_is_stable(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio")
    origin = {**LOCAL, "base": {**JAMMY, "channel": "22.04"}}
    assert rehearsal.deploy("minio", url, origin=origin).base.channel == "22.04/stable"
