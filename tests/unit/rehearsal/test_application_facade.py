from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    BAD_REQUEST,
    INCOMPATIBLE_BASE,
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    QUOTA_EXCEEDED,
    ApiError,
)
from tests.unit.rehearsal.harness import LOCAL, Rehearsal

OPTIONS = {
    "port": {"type": "int", "default": 9000, "description": "Port"},
    "name": {"type": "string"},
}
TAG = {"tag": "application-minio"}


async def call(rehearsal: Rehearsal, method: str, params: Any) -> Any:
    return await rehearsal.call(Application, method, params)


async def refusal(rehearsal: Rehearsal, method: str, params: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        await call(rehearsal, method, params)
    return caught.value.message, caught.value.code


async def configure(rehearsal: Rehearsal, **keys: Any) -> Any:
    entry = {"application": "minio", "generation": "", **keys}
    reply = await call(rehearsal, "SetConfigs", {"Args": [entry]})
    return reply["results"][0]


@pytest.fixture
async def minio(rehearsal: Rehearsal) -> Rehearsal:
    """The model with minio, and web that can be related to it."""
    await rehearsal.upload_and_deploy(
        "minio",
        options=OPTIONS,
        provides={"http": {"interface": "http"}, "other": {"interface": "http"}},
        peers={"peers": {"interface": "p"}},
    )
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    rehearsal.settle()
    return rehearsal


async def test_get_tells_where_each_value_comes_from(minio: Rehearsal) -> None:
    assert await configure(minio, config={"port": "9000", "trust": "true"}) == {}
    found = await call(minio, "Get", {"application": "minio", "branch": ""})
    assert found["config"] == {
        "port": {
            "description": "Port",
            "type": "int",
            "source": "default",
            "value": 9000,
            "default": 9000,
        },
        "name": {"description": "", "type": "string", "source": "unset"},
    }
    assert found["application-config"]["trust"]["source"] == "user"
    assert found["application-config"]["trust"]["value"] is True
    assert (found["application"], found["charm"]) == ("minio", "minio")
    assert found["constraints"] == {"arch": "amd64"}
    assert found["base"] == {"name": "ubuntu", "channel": "22.04/stable"}
    await configure(minio, config={"port": "1", "name": ""})
    config = (await call(minio, "Get", {"application": "minio"}))["config"]
    assert (config["port"]["source"], config["port"]["value"]) == ("user", 1)
    assert (config["name"]["source"], config["name"]["value"]) == ("user", "")


async def test_config_is_read_for_several_applications(minio: Rehearsal) -> None:
    reply = await call(
        minio, "CharmConfig", {"args": [{"application": "minio"}, {"application": "dex"}]}
    )
    assert reply["Results"][0]["config"]["port"]["value"] == 9000
    assert reply["Results"][1]["error"]["code"] == NOT_FOUND
    reply = await call(minio, "GetConfig", {"entities": [TAG]})
    assert reply["Results"][0]["config"]["port"]["value"] == 9000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dex", ('application "dex" not found', NOT_FOUND)),
        ("X!", ('"X!" is not a valid application name', "")),
    ],
)
async def test_an_application_must_be_there(
    minio: Rehearsal, name: str, expected: tuple[str, str]
) -> None:
    assert await refusal(minio, "Get", {"application": name}) == expected


async def test_config_is_set_from_strings_and_yaml_and_taken_back(minio: Rehearsal) -> None:
    assert (
        await configure(
            minio, **{"config-yaml": "minio: {port: 5, name: a}", "config": {"port": "6"}}
        )
        == {}
    )
    application = minio.model.applications["minio"]
    assert application.config == {"port": 6, "name": "a"}
    args = {"application": "minio", "branch": "", "options": ["port", "name"]}
    reply = await call(minio, "UnsetApplicationsConfig", {"Args": [args]})
    assert reply == {"results": [{}]}
    assert (application.config, application.settings) == ({"port": 9000}, {})


async def test_bad_config_changes_nothing(minio: Rehearsal) -> None:
    result = await configure(minio, config={"name": "a", "prot": "1"})
    assert result["error"]["message"] == ('parsing settings for application: unknown option "prot"')
    assert minio.model.applications["minio"].settings == {}
    await configure(minio, config={"port": "1", "trust": "true"})
    args = {"application": "minio", "options": ["port", "trust", "prot"]}
    reply = await call(minio, "UnsetApplicationsConfig", {"Args": [args]})
    assert reply["results"][0]["error"]["message"] == (
        'updating application charm settings: unknown option "prot"'
    )
    application = minio.model.applications["minio"]
    assert (application.settings, application.own_settings) == ({"port": 1}, {})


async def test_relations_are_added_and_removed(minio: Rehearsal) -> None:
    params: Any = {"endpoints": ["minio:http", "web"], "via-cidrs": None}
    reply = await call(minio, "AddRelation", params)
    assert reply["endpoints"]["web"]["name"] == "backend"
    assert reply["endpoints"]["minio"] == {
        "name": "http",
        "role": "provider",
        "interface": "http",
        "optional": False,
        "limit": 0,
        "scope": "global",
    }
    _, code = await refusal(minio, "AddRelation", params)
    assert code == ALREADY_EXISTS
    assert await refusal(minio, "DestroyRelation", {"relation-id": 77}) == (
        "relation 77 not found",
        NOT_FOUND,
    )
    message, code = await refusal(minio, "DestroyRelation", {"endpoints": ["web", "minio:other"]})
    assert (message, code) == ('relation matching "web minio:other" not found', NOT_FOUND)
    assert await call(minio, "DestroyRelation", {"relation-id": 1, "endpoints": None}) == {}
    minio.settle()
    assert [relation.key for relation in minio.model.relations] == ["minio:peers"]
    message, _ = await refusal(minio, "DestroyRelation", {"endpoints": ["minio:peers"]})
    assert message == 'cannot destroy relation "minio:peers": is a peer relation'


async def test_a_forced_removal_of_a_relation_without_a_wait_does_not_wait(
    minio: Rehearsal,
) -> None:
    await call(minio, "AddRelation", {"endpoints": ["minio:http", "web"]})
    minio.settle()
    params: Any = {"endpoints": ["minio:http", "web"], "force": True, "max-wait": 0}
    await call(minio, "DestroyRelation", params)
    assert [relation.key for relation in minio.model.relations] == ["minio:peers"]
    minio.settle()
    assert minio.states() == {"minio/0": "active", "web/0": "active"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"scale": 3}, 3),
        ({"scale-change": 1}, 2),
        ({"scale-change": -1, "scale": None}, 0),
        ({"scale": 0}, 0),
        ({"scale": -1}, ("scale < 0 not valid", NOT_VALID)),
        (
            {"scale": 1, "scale-change": 1},
            ("requesting both scale and scale-change not valid", NOT_VALID),
        ),
        (
            {"scale-change": -2},
            ("cannot remove more units than currently exist not valid", NOT_VALID),
        ),
        (
            {"scale": 1, "application-tag": "application-dex"},
            ('application "dex" does not exist', ""),
        ),
    ],
)
async def test_applications_are_scaled(
    minio: Rehearsal, entry: dict[str, Any], expected: int | tuple[str, str]
) -> None:
    entry = {"application-tag": "application-minio", "force": False, **entry}
    reply = await call(minio, "ScaleApplications", {"applications": [entry]})
    (result,) = reply["results"]
    if isinstance(expected, int):
        assert result == {"info": {"num-units": expected}}
        minio.settle()
        assert len(minio.model.applications["minio"].units) == expected
    else:
        assert (result["error"]["message"], result["error"]["code"]) == expected


async def test_units_are_not_added_or_removed_singly(minio: Rehearsal) -> None:
    assert await refusal(minio, "AddUnits", {"application": "minio", "num-units": 1}) == (
        "adding units to a container-based model not supported",
        NOT_SUPPORTED,
    )
    assert await refusal(minio, "DestroyUnit", {"units": [{"unit-tag": "unit-minio-0"}]}) == (
        "removing units on a non-container model not supported",
        NOT_SUPPORTED,
    )


async def test_removing_an_application_names_its_units(minio: Rehearsal) -> None:
    entry = {"application-tag": "application-minio", "force": False}
    for keys in ({"dry-run": True}, {}):
        reply = await call(minio, "DestroyApplication", {"applications": [{**entry, **keys}]})
        assert reply == {"results": [{"info": {"destroyed-units": [{"tag": "unit-minio-0"}]}}]}
        expected = "alive" if keys else "dying"
        assert minio.model.applications["minio"].life == expected
    minio.settle()
    assert list(minio.model.applications) == ["web"]
    reply = await call(minio, "DestroyApplication", {"applications": [entry]})
    assert reply["results"][0]["error"]["code"] == NOT_FOUND


async def test_exposing_needs_a_host_name(minio: Rehearsal) -> None:
    message, _ = await refusal(minio, "Expose", {"application": "minio"})
    assert message == (
        'cannot expose a container application without a "juju-external-hostname" value set, run\n'
        "juju config minio juju-external-hostname=<value>"
    )
    await configure(minio, config={"juju-external-hostname": "minio.local"})
    await call(minio, "Expose", {"application": "minio"})
    assert minio.model.applications["minio"].exposed
    await call(minio, "Unexpose", {"application": "minio", "exposed-endpoints": []})
    assert not minio.model.applications["minio"].exposed


async def test_constraints_are_replaced(minio: Rehearsal) -> None:
    params: Any = {"application": "minio", "constraints": {"mem": 4096, "arch": None}}
    assert await call(minio, "SetConstraints", params) == {}
    reply = await call(minio, "GetConstraints", {"entities": [TAG, {"tag": "unit-x-0"}]})
    assert reply["results"][0] == {"constraints": {"mem": 4096}}
    assert "is not a valid application tag" in reply["results"][1]["error"]["message"]


async def test_refresh_keeps_options_and_resources_that_are_still_there(
    rehearsal: Rehearsal,
) -> None:
    old = {"a": {"type": "oci-image"}, "b": {"type": "oci-image"}}
    url = await rehearsal.upload("minio", options=OPTIONS, resources=old)
    ids = {name: await rehearsal.image("minio", name, f"r/{name}:1") for name in old}
    config = {"port": "1", "name": "x"}
    application = rehearsal.deploy("minio", url, resources=ids, config=config)
    rehearsal.settle()
    new = await rehearsal.upload(
        "minio",
        options={"port": OPTIONS["port"], "new": {"type": "int"}},
        resources={"a": {"type": "oci-image"}, "c": {"type": "oci-image"}},
    )
    pending = await rehearsal.image("minio", "c", "r/c:2")
    params: Any = {
        "application": "minio",
        "charm-url": new,
        "charm-origin": LOCAL,
        "resource-ids": {"c": pending},
        "config-settings": {"new": "5"},
        "force": False,
    }
    assert await call(rehearsal, "SetCharm", params) == {}
    assert application.config == {"port": 1, "new": 5}
    images = {name: resource.registrypath for name, resource in application.resources.items()}
    assert images == {"a": "r/a:1", "b": "r/b:1", "c": "r/c:2"}
    assert rehearsal.agent("minio/0") == "idle"
    rehearsal.clock.advance(2)
    assert rehearsal.agent("minio/0") == "executing running stop hook"
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == "active"
    reply = await call(rehearsal, "GetCharmURLOrigin", {"application": "minio"})
    assert reply["url"] == "local:minio-1"
    assert reply["charm-origin"] == {**LOCAL, "type": "charm", "id": ""}


async def test_a_refresh_to_a_charm_with_another_image_waits_for_it(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    new = await rehearsal.upload("minio", resources={"image": {"type": "oci-image"}})
    (pending_id,) = rehearsal.announce("minio", "image")
    params: Any = {
        "application": "minio",
        "charm-url": new,
        "charm-origin": LOCAL,
        "resource-ids": {"image": pending_id},
    }
    await call(rehearsal, "SetCharm", params)
    rehearsal.settle()
    assert rehearsal.agent("minio/0") == "idle"
    assert rehearsal.model.findings[0].what == "image resource image is empty"
    await rehearsal.put("minio", "image", None, "registrypath: r/minio:2")
    rehearsal.clock.advance(2)
    assert rehearsal.agent("minio/0") == "executing running stop hook"


STORAGE = {"storage": {"data": {"type": "filesystem"}}}


@pytest.mark.parametrize(
    ("old", "new", "message", "code"),
    [
        (
            STORAGE,
            {},
            (
                "Juju on containers does not support updating storage on a statefulset.\n"
                "The new charm's metadata contains updated storage declarations.\n"
                "You'll need to deploy a new charm rather than upgrading if you need this change.\n"
                " not supported"
            ),
            NOT_SUPPORTED,
        ),
        (
            {},
            {"bases": [], "series": ["kubernetes"]},
            "cannot downgrade from v2 charm format to v1",
            "",
        ),
        (
            {},
            {"provides": {}},
            (
                'updating charm config: cannot upgrade application "minio" to charm '
                '"local:minio-1": would break relation "web:backend minio:http"'
            ),
            "",
        ),
        (
            {},
            {"bases": [{"name": "centos", "channel": "9"}]},
            (
                'updating charm config: cannot upgrade application "minio" to charm '
                '"local:minio-1": base "ubuntu@22.04" not supported by charm, '
                "the charm supported bases are: centos@9"
            ),
            "",
        ),
    ],
)
async def test_a_refresh_that_does_not_fit_is_refused(
    rehearsal: Rehearsal, old: dict[str, Any], new: dict[str, Any], message: str, code: str
) -> None:
    provides = {"provides": {"http": {"interface": "http"}}}
    await rehearsal.upload_and_deploy("minio", **(provides | old))
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    rehearsal.model.topology.add_relation(["web", "minio"])
    url = await rehearsal.upload("minio", **(provides | new))
    params: Any = {"application": "minio", "charm-url": url, "charm-origin": LOCAL}
    assert await refusal(rehearsal, "SetCharm", params) == (message, code)
    assert rehearsal.model.applications["minio"].charm_url == "local:minio-0"


async def test_a_base_can_be_forced_and_a_system_cannot(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    noble = [{"name": "ubuntu", "channel": "24.04"}]
    url = await rehearsal.upload("minio", bases=noble)
    params: Any = {"application": "minio", "charm-url": url, "charm-origin": LOCAL}
    message, code = await refusal(rehearsal, "SetCharm", params)
    assert 'base "ubuntu@22.04" not supported by charm' in message
    assert code == ""
    assert await call(rehearsal, "SetCharm", {**params, "force-base": True}) == {}
    centos = await rehearsal.upload("minio", bases=[{"name": "centos", "channel": "9"}])
    forced = {**params, "charm-url": centos, "force-base": True}
    message, code = await refusal(rehearsal, "SetCharm", forced)
    assert message.endswith(
        'OS "ubuntu" not supported by charm "minio", supported OSes are: centos'
    )
    assert code == NOT_SUPPORTED


async def test_a_charm_with_containers_runs_on_any_base(rehearsal: Rehearsal) -> None:
    containers: Any = {"containers": {"minio": {}}}
    await rehearsal.upload_and_deploy("minio", **containers)
    url = await rehearsal.upload(
        "minio", bases=[{"name": "ubuntu", "channel": "24.04"}], **containers
    )
    params: Any = {"application": "minio", "charm-url": url, "charm-origin": LOCAL}
    assert await call(rehearsal, "SetCharm", params) == {}


async def test_units_and_applications_tell_about_themselves(minio: Rehearsal) -> None:
    reply = await call(minio, "ApplicationsInfo", {"entities": [TAG]})
    info = reply["results"][0]["result"]
    assert (info["tag"], info["charm"], info["life"]) == ("application-minio", "minio", "alive")
    reply = await call(minio, "UnitsInfo", {"entities": [TAG, {"tag": "unit-nobody-0"}]})
    unit, missing = reply["results"]
    assert (unit["result"]["tag"], unit["result"]["leader"]) == ("unit-minio-0", True)
    assert missing["error"]["code"] == NOT_FOUND
    assert await call(minio, "Leader", TAG) == {"result": "minio/0"}
    reply = await call(minio, "CharmRelations", {"application": "minio"})
    assert reply == {"charm-relations": ["http", "juju-info", "other", "peers"]}


async def test_units_show_which_units_they_are_related_to(minio: Rehearsal) -> None:
    minio.settle()
    minio.model.topology.add_relation(["minio:http", "web"])
    minio.model.topology.scale(minio.model.applications["web"], 2)

    async def related(unit: str) -> dict[str, Any]:
        reply = await call(minio, "UnitsInfo", {"entities": [{"tag": unit}]})
        return {
            entry["endpoint"]: entry["unit-relation-data"]
            for entry in reply["results"][0]["result"]["relation-data"]
        }

    outside = {"InScope": False, "UnitData": None}
    assert (await related("unit-minio-0"))["http"] == {"web/0": outside, "web/1": outside}
    minio.settle()

    def inside(application: str) -> dict[str, Any]:
        address = minio.model.applications[application].public_address
        data = {
            "egress-subnets": f"{address}/32",
            "ingress-address": address,
            "private-address": address,
        }
        return {"InScope": True, "UnitData": data}

    assert await related("unit-minio-0") == {
        "http": {"web/0": inside("web"), "web/1": inside("web")},
        "peers": {"minio/0": inside("minio")},
    }


async def test_an_application_without_units_has_no_leader(minio: Rehearsal) -> None:
    minio.model.topology.scale(minio.model.applications["minio"], 0)
    minio.settle()
    reply = await call(minio, "Leader", TAG)
    assert reply["error"]["message"] == "leader for application-minio not found"
    reply = await call(minio, "Leader", {"tag": "application-dex"})
    assert reply["error"]["code"] == NOT_FOUND


async def test_relations_within_the_model_cannot_be_suspended(minio: Rehearsal) -> None:
    relation = minio.model.topology.add_relation(["minio:http", "web"])
    args = {"args": [{"relation-id": relation.id, "suspended": True}, {"relation-id": 99}]}
    reply = await call(minio, "SetRelationsSuspended", args)
    assert all("error" in result for result in reply["results"])


async def test_related_units_tell_about_each_other(minio: Rehearsal) -> None:
    minio.model.topology.add_relation(["minio:http", "web"])
    minio.settle()
    reply = await call(minio, "UnitsInfo", {"entities": [{"tag": "unit-web-0"}]})
    (related,) = reply["results"][0]["result"]["relation-data"]
    assert (related["endpoint"], related["related-endpoint"]) == ("backend", "http")
    assert list(related["unit-relation-data"]) == ["minio/0"]
    assert "address" in reply["results"][0]["result"]


async def test_endpoints_can_be_bound_to_the_only_space(minio: Rehearsal) -> None:
    async def bind(**bindings: str) -> Any:
        args = {"application-tag": "application-minio", "bindings": bindings, "force": False}
        return (await call(minio, "MergeBindings", {"args": [args]}))["results"][0]

    assert await bind(http="alpha") == {}
    assert (await bind(http="dmz"))["error"]["message"] == "space not found"
    assert (await bind(nothing="alpha"))["error"] == {
        "message": 'merging application bindings: unknown endpoint "nothing" not valid',
        "code": NOT_VALID,
    }


@pytest.mark.parametrize(
    "params", [{"all": True}, {"tags": {"entities": [{"tag": "unit-minio-0"}]}, "retry": True}]
)
async def test_errors_of_units_can_be_resolved(minio: Rehearsal, params: Any) -> None:
    course = Course(steps=(Step.hook_failed("config-changed"),))
    minio.script.set_course(course, application="minio")
    assert minio.workload("minio/0") == 'error hook failed: "config-changed"'
    await call(minio, "ResolveUnitErrors", params)
    minio.settle()
    assert minio.workload("minio/0") == "active"
    reply = await call(
        minio, "ResolveUnitErrors", {"tags": {"entities": [{"tag": "unit-minio-0"}]}}
    )
    assert "is not in an error state" in reply["results"][0]["error"]["message"]


async def shape(minio: Rehearsal) -> Any:
    reply = await call(minio, "ApplicationsInfo", {"entities": [TAG]})
    return reply["results"][0]["result"]


async def test_every_endpoint_has_a_binding(rehearsal: Rehearsal) -> None:
    provides = {"http": {"interface": "http"}}
    url = await rehearsal.upload("minio", provides=provides, **{"extra-bindings": {"admin": None}})
    rehearsal.deploy("minio", url, bindings={"http": "alpha"})
    expected = {"": "alpha", "http": "alpha", "admin": "alpha"}
    assert (await shape(rehearsal))["endpoint-bindings"] == expected
    assert (await call(rehearsal, "Get", {"application": "minio"}))["endpoint-bindings"] == expected
    status: Any = rehearsal.model.full_status()
    assert status["applications"]["minio"]["endpoint-bindings"] == expected
    with pytest.raises(ApiError, match='"other": unknown endpoint "nope" not valid'):
        rehearsal.deploy("other", url, bindings={"nope": "alpha"})
    with pytest.raises(ApiError, match='"other": space not found'):
        rehearsal.deploy("other", url, bindings={"http": "dmz"})
    grown = await rehearsal.upload("minio", provides={**provides, "new": {"interface": "http"}})
    params = {"application": "minio", "charm-url": grown, "charm-origin": LOCAL}
    await call(rehearsal, "SetCharm", params)
    assert list((await shape(rehearsal))["endpoint-bindings"]) == ["", "http", "new"]


async def test_exposure_is_recorded_for_each_endpoint(minio: Rehearsal) -> None:
    await configure(minio, config={"juju-external-hostname": "minio.example"})
    everywhere = {"expose-to-cidrs": ["0.0.0.0/0", "::/0"]}
    assert "exposed-endpoints" not in await shape(minio)

    async def expose(**endpoints: Any) -> Any:
        return await call(
            minio, "Expose", {"application": "minio", "exposed-endpoints": endpoints or None}
        )

    async def unexpose(*names: str) -> Any:
        params = {"application": "minio", "exposed-endpoints": [*names]}
        return await call(minio, "Unexpose", params)

    await expose()
    assert (await shape(minio))["exposed-endpoints"] == {"": everywhere}
    await expose(http={"expose-to-cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}, other={})
    assert (await shape(minio))["exposed-endpoints"] == {
        "": everywhere,
        "http": {"expose-to-cidrs": ["10.0.0.0/8"]},
        "other": everywhere,
    }
    refusals: list[tuple[Any, str, str]] = [
        ({"nope": {}}, 'endpoint "nope" not found', NOT_FOUND),
        ({"http": {"expose-to-spaces": ["dmz"]}}, 'space "dmz" not found', NOT_FOUND),
        (
            {"http": {"expose-to-cidrs": ["10.0.0.1"]}},
            'unable to parse "10.0.0.1" as a CIDR: invalid CIDR address: 10.0.0.1',
            "",
        ),
    ]
    for endpoints, message, code in refusals:
        params: Any = {"application": "minio", "exposed-endpoints": endpoints}
        assert await refusal(minio, "Expose", params) == (message, code)
    await unexpose("", "http")
    assert (await shape(minio))["exposed-endpoints"] == {"other": everywhere}
    params = {"application": "minio", "exposed-endpoints": ["http"]}
    assert await refusal(minio, "Unexpose", params) == (
        'endpoint "http" is not exposed',
        BAD_REQUEST,
    )
    await unexpose("other")
    assert (await shape(minio))["exposed"] is False
    await expose()
    await unexpose()
    assert (await shape(minio))["exposed"] is False


async def test_an_application_keeps_its_architecture(minio: Rehearsal) -> None:
    async def constrain(application: str = "minio", **constraints: str) -> tuple[str, str]:
        params = {"application": application, "constraints": constraints}
        return await refusal(minio, "SetConstraints", params)

    assert await constrain(arch="arm64") == (
        "changing architecture (amd64) not supported",
        NOT_SUPPORTED,
    )
    minio.model.applications["web"].constraints = {}
    assert await constrain("web", arch="arm64") == (
        "changing architecture not supported",
        NOT_SUPPORTED,
    )
    url = await minio.upload("sub", subordinate=True)
    minio.deploy("sub", url, units=0)
    assert await constrain("sub", arch="amd64") == (
        "constraints do not apply to subordinate applications",
        "",
    )


async def test_the_base_of_units_to_come_is_one_that_the_charm_supports(
    rehearsal: Rehearsal,
) -> None:
    bases = [{"name": "ubuntu", "channel": channel} for channel in ("22.04", "24.04")]
    await rehearsal.upload_and_deploy("minio", bases=bases)

    async def change(channel: str, **keys: Any) -> Any:
        entry = {"tag": TAG, "channel": channel, **keys}
        reply = await call(rehearsal, "UpdateApplicationBase", {"args": [entry]})
        return reply["results"][0].get("error")

    assert await change("") == {"message": "base missing from args", "code": BAD_REQUEST}
    assert await change("20.04") == {
        "message": (
            'base "ubuntu@20.04" not supported by charm "minio", supported bases are: '
            "ubuntu@22.04, ubuntu@24.04"
        ),
        "code": INCOMPATIBLE_BASE,
    }
    assert await change("24.04/stable") is None
    assert (await shape(rehearsal))["base"] == {"name": "ubuntu", "channel": "24.04/stable"}
    assert await change("20.04", force=True) is None


async def test_only_older_versions_remove_without_results(minio: Rehearsal) -> None:
    for method in ("Destroy", "DestroyUnits"):
        with pytest.raises(ApiError) as caught:
            await minio.call(Application, method, {"application": "web"}, version=17)
        assert caught.value.code == NOT_SUPPORTED
    assert await minio.call(Application, "Destroy", {"application": "web"}, version=16) == {}
    minio.settle()
    assert list(minio.model.applications) == ["minio"]


async def test_a_refresh_does_not_exceed_the_limit_of_an_endpoint(minio: Rehearsal) -> None:
    await minio.upload_and_deploy("web2", requires={"backend": {"interface": "http"}})
    for web in ("web", "web2"):
        minio.model.topology.add_relation(["minio:http", web])
    url = await minio.upload(
        "minio",
        provides={"http": {"interface": "http", "limit": 1}, "other": {"interface": "http"}},
        peers={"peers": {"interface": "p"}},
    )
    params: Any = {"application": "minio", "charm-url": url, "charm-origin": LOCAL}
    message, code = await refusal(minio, "SetCharm", params)
    assert message.endswith(
        "new charm version imposes a maximum relation limit of 1 for minio:http which cannot be "
        "satisfied by the number of already established relations (2)"
    )
    assert code == QUOTA_EXCEEDED
    assert await call(minio, "SetCharm", {**params, "force": True}) == {}
