"""Refreshing applications: what Juju refuses in place, and how units get the charm afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.api.facades.client import Client
from ckf_airgap.rehearsal.api.facades.resources import Resources
from ckf_airgap.rehearsal.entities.storage import StorageConstraints
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    HAS_UNITS,
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    QUOTA_EXCEEDED,
    ApiError,
)
from tests.unit.rehearsal.harness import LOCAL, Rehearsal

_SIDECAR: Final[Mapping[str, Any]] = {"containers": {"minio": {}}}
_CANNOT: Final = (
    'updating charm config: cannot upgrade application "minio" to charm "local:minio-1": '
)


async def _set_charm(rehearsal: Rehearsal, url: str, **keys: Any) -> Any:
    origin = keys.pop("origin", LOCAL)
    params = {"application": "minio", "charm-url": url, "charm-origin": origin, **keys}
    return await rehearsal.call(Application, "SetCharm", params)


async def _refused(rehearsal: Rehearsal, url: str, **keys: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        await _set_charm(rehearsal, url, **keys)
    return caught.value.message, caught.value.code


async def _status(rehearsal: Rehearsal) -> Any:
    reply = await rehearsal.call(Client, "FullStatus", {"patterns": None})
    return reply["applications"]["minio"]


async def _charms(rehearsal: Rehearsal) -> dict[str, str]:
    """Return the charms of units that a full status shows as other than the application's."""
    units = (await _status(rehearsal))["units"]
    return {name: unit["charm"] for name, unit in units.items() if unit["charm"]}


async def _refreshed(
    rehearsal: Rehearsal, before: Mapping[str, Any], after: Mapping[str, Any], *, units: int = 1
) -> str:
    """Deploy a charm and let it settle; return the URL of the charm to refresh it to."""
    await rehearsal.upload_and_deploy("minio", units=units, **before)
    rehearsal.settle()
    return await rehearsal.upload("minio", **after)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            {"storage": {"data": {"type": "filesystem", "location": "/data"}}},
            {"storage": {"data": {"type": "filesystem"}}},
            "updated storage declarations",
        ),
        (
            {"storage": {"data": {"type": "filesystem"}}},
            {"storage": {"data": {"type": "filesystem", "description": "Data."}}},
            "updated storage declarations",
        ),
        ({}, {"storage": {"data": {"type": "filesystem"}}}, "updated storage declarations"),
        (
            {"devices": {"gpu": {"type": "gpu", "countmin": 0}}},
            {"devices": {"gpu": {"type": "gpu", "countmin": 0, "countmax": 2}}},
            "updated device declarations",
        ),
        (
            {"bases": [], "series": ["kubernetes"], "deployment": {"type": "stateful"}},
            {"bases": [], "series": ["kubernetes"], "deployment": {"type": "stateless"}},
            "updated deployment info",
        ),
        (
            {"bases": [], "series": ["kubernetes"], "deployment": {"service": "cluster"}},
            {"bases": [], "series": ["kubernetes"]},
            "updated deployment info",
        ),
    ],
)
async def test_what_a_statefulset_cannot_change_is_refused(
    rehearsal: Rehearsal, before: dict[str, Any], after: dict[str, Any], what: str
) -> None:
    url = await _refreshed(rehearsal, before, after)
    message, code = await _refused(rehearsal, url)
    assert f"The new charm's metadata contains {what}.\n" in message
    assert code == NOT_SUPPORTED


async def test_metadata_that_means_the_same_is_no_change(rehearsal: Rehearsal) -> None:
    before = {
        "storage": {"data": {"type": "filesystem", "minimum-size": "1G", "shared": False}},
        "devices": {"gpu": {"type": "gpu", "countmin": 0, "countmax": 1}},
    }
    after = {
        "storage": {
            "data": {"type": "filesystem", "minimum-size": "1024M", "multiple": {"range": "1"}}
        },
        "devices": {"gpu": {"type": "gpu", "countmin": 0}},
    }
    url = await rehearsal.upload("minio", **before)
    rehearsal.deploy("minio", url, devices={"gpu": {"Type": "gpu", "Count": 1}})
    assert await _set_charm(rehearsal, await rehearsal.upload("minio", **after)) == {}


@pytest.mark.parametrize("scale", [0, 1])
async def test_a_pod_spec_charm_becomes_a_sidecar_only_without_units(
    rehearsal: Rehearsal, scale: int
) -> None:
    await rehearsal.upload_and_deploy("minio", units=1, bases=[], series=["kubernetes"])
    rehearsal.settle()
    rehearsal.model.topology.scale(rehearsal.model.applications["minio"], scale)
    rehearsal.settle()
    url = await rehearsal.upload("minio", **_SIDECAR)
    if scale:
        found = await _refused(rehearsal, url)
        assert found == (f"{_CANNOT}application should not have units", HAS_UNITS)
    else:
        assert await _set_charm(rehearsal, url) == {}


@pytest.mark.parametrize("series", [["focal"], []])
async def test_only_pod_spec_charms_must_have_no_units(
    rehearsal: Rehearsal, series: list[str]
) -> None:
    keys: dict[str, Any] = {"bases": [], "series": series} if series else {}
    url = await _refreshed(rehearsal, keys, _SIDECAR)
    assert await _set_charm(rehearsal, url) == {}


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ({"subordinate": True}, "cannot change an application's subordinacy"),
        ({"provides": {}}, 'would break relation "web:backend minio:http"'),
        (
            {"provides": {"http": {"interface": "https"}}},
            'would break relation "web:backend minio:http"',
        ),
        (
            {"requires": {"http": {"interface": "http"}}, "provides": {}},
            'would break relation "web:backend minio:http"',
        ),
        (
            {"provides": {"http": {"interface": "http", "scope": "container"}}},
            'would break relation "web:backend minio:http"',
        ),
    ],
)
async def test_an_endpoint_in_use_must_stay_what_it_is(
    rehearsal: Rehearsal, after: dict[str, Any], message: str
) -> None:
    provides = {"provides": {"http": {"interface": "http"}}}
    url = await _refreshed(rehearsal, provides, provides | after)
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    relation = rehearsal.model.topology.add_relation(["web", "minio"])
    assert await _refused(rehearsal, url) == (_CANNOT + message, "")
    if "subordinate" not in after:
        rehearsal.model.topology.remove_relation(relation)
        rehearsal.settle()
        assert await _set_charm(rehearsal, url) == {}


async def test_the_limit_of_an_endpoint_is_checked_unless_forced(rehearsal: Rehearsal) -> None:
    before = {"requires": {"db": {"interface": "sql"}}}
    after = {"requires": {"db": {"interface": "sql", "limit": 1}}}
    url = await _refreshed(rehearsal, before, after)
    for name in ("one", "two"):
        await rehearsal.upload_and_deploy(name, provides={"db": {"interface": "sql"}})
        rehearsal.model.topology.add_relation(["minio", name])
        if name == "one":
            assert await _set_charm(rehearsal, url) == {}
            assert await _set_charm(rehearsal, "local:minio-0") == {}
    message, code = await _refused(rehearsal, url)
    assert message == (
        f"{_CANNOT}new charm version imposes a maximum relation limit of 1 for minio:db which "
        "cannot be satisfied by the number of already established relations (2)"
    )
    assert code == QUOTA_EXCEEDED
    assert await _set_charm(rehearsal, url, force=True) == {}


@pytest.mark.parametrize(
    ("origin", "message", "code"),
    [
        ({}, "charm origin source required", BAD_REQUEST),
        ({"source": "zip"}, '"zip" not a valid charm origin source', BAD_REQUEST),
        (
            {**LOCAL, "id": "x"},
            (
                f"{_CANNOT}programming error, SetCharm, neither CharmOrigin ID nor Hash can be set "
                "before a charm is downloaded. See CharmHubRepository GetDownloadURL."
            ),
            BAD_REQUEST,
        ),
        (
            {"source": "local", "base": {"name": "ubuntu", "channel": ""}},
            "missing base os or channel not valid",
            NOT_VALID,
        ),
        (
            {"source": "local", "base": {"name": "", "channel": "22.04"}},
            "missing base os or channel not valid",
            NOT_VALID,
        ),
    ],
)
async def test_the_origin_of_a_charm_is_checked(
    rehearsal: Rehearsal, origin: dict[str, Any], message: str, code: str
) -> None:
    url = await _refreshed(rehearsal, {}, {})
    assert await _refused(rehearsal, url, origin=origin) == (message, code)


async def test_unknown_charms_and_applications_are_not_found(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    assert await _refused(rehearsal, "local:minio-9") == (
        'charm "local:minio-9" not found',
        NOT_FOUND,
    )
    assert await _refused(rehearsal, "local:minio-0", application="nobody") == (
        'application "nobody" not found',
        NOT_FOUND,
    )


async def test_a_refresh_takes_the_base_of_its_origin(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR)
    noble = {"name": "ubuntu", "channel": "24.04/stable"}
    await _set_charm(rehearsal, url, origin={"source": "local", "base": noble})
    assert (await _status(rehearsal))["base"] == noble
    await _set_charm(rehearsal, url, origin={"source": "local"})
    assert (await _status(rehearsal))["base"] == {"name": "", "channel": ""}
    info = await rehearsal.call(
        Application, "ApplicationsInfo", {"entities": [{"tag": "application-minio"}]}
    )
    assert info["results"][0]["result"]["base"] == {"name": "", "channel": ""}
    assert "minio" in (await rehearsal.call(Bundle, "ExportBundle", {}))["result"]


async def test_options_that_the_charm_has_not_or_that_do_not_fit_are_dropped(
    rehearsal: Rehearsal,
) -> None:
    options: dict[str, Any] = {
        "port": {"type": "string"},
        "name": {"type": "string", "default": "a"},
        "gone": {"type": "int"},
        "ratio": {"type": "int"},
    }
    url = await rehearsal.upload("minio", options=options)
    given = {"port": "x", "name": "b", "gone": "1", "ratio": "2"}
    application = rehearsal.deploy("minio", url, config=given)
    after: dict[str, Any] = {
        "port": {"type": "int"},
        "name": {"type": "string"},
        "ratio": {"type": "float"},
        "new": {"type": "boolean"},
    }
    new = await rehearsal.upload("minio", options=after)
    await _set_charm(rehearsal, new, **{"config-settings": {"new": "true"}})
    assert application.settings == {"name": "b", "ratio": 2.0, "new": True}


async def test_an_option_that_the_charm_lacks_is_refused(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, {"options": {"old": {"type": "int"}}}, {})
    assert await _refused(rehearsal, url, **{"config-settings": {"old": "1"}}) == (
        'parsing config settings: unknown option "old"',
        "",
    )
    text = "minio:\n  older: 1\n"
    assert (await _refused(rehearsal, url, **{"config-settings-yaml": text}))[0] == (
        'parsing config settings: unknown option "older"'
    )


async def test_options_of_the_same_charm_are_not_set_by_a_refresh(rehearsal: Rehearsal) -> None:
    options = {"port": {"type": "int", "default": 1}}
    storage = {"storage": {"data": {"type": "filesystem", "minimum-size": "1G"}}}
    await _refreshed(rehearsal, {"options": options, **storage}, {})
    application = rehearsal.model.applications["minio"]
    changes: dict[str, Any] = {
        "config-settings": {"port": "2", "trust": "true"},
        "storage-constraints": {"data": {"size": 4096, "count": 1}},
    }
    await _set_charm(rehearsal, "local:minio-0", **changes)
    assert application.settings == {}
    assert application.own_settings == {"trust": True}
    assert application.storage_constraints["data"].size_mib == 1024
    rehearsal.clock.advance(1)
    assert rehearsal.agent("minio/0") == "executing running config-changed hook"
    url = await rehearsal.upload("minio", options=options, **storage)
    await _set_charm(rehearsal, url, **changes)
    assert application.settings == {"port": 2}
    assert application.storage_constraints["data"] == StorageConstraints(
        pool="kubernetes", size_mib=4096, count=1
    )


async def test_bindings_follow_the_endpoints_of_the_charm(rehearsal: Rehearsal) -> None:
    before = {"provides": {"a": {"interface": "x"}, "b": {"interface": "x"}}}
    after = {"provides": {"b": {"interface": "x"}, "c": {"interface": "x"}}}
    url = await _refreshed(rehearsal, before, after)
    assert (await _refused(rehearsal, url, **{"endpoint-bindings": {"b": "dmz"}}))[0] == (
        f"{_CANNOT}space not found"
    )
    await _set_charm(rehearsal, url, **{"endpoint-bindings": {"b": "alpha"}})
    assert (await _status(rehearsal))["endpoint-bindings"] == dict.fromkeys(("", "b", "c"), "alpha")


async def test_peer_relations_come_and_go_with_the_charm(rehearsal: Rehearsal) -> None:
    before = {"peers": {"a": {"interface": "p"}, "b": {"interface": "p"}}}
    after = {"peers": {"b": {"interface": "p"}, "c": {"interface": "p"}}}
    url = await _refreshed(rehearsal, before, after, units=2)
    await _set_charm(rehearsal, url)
    assert [relation.key for relation in rehearsal.model.relations] == ["minio:b", "minio:c"]
    rehearsal.settle()
    units = {"minio/0", "minio/1"}
    assert [set(relation.in_scope) for relation in rehearsal.model.relations] == [units, units]


async def test_resources_given_in_a_refresh_replace_the_old_ones(rehearsal: Rehearsal) -> None:
    resources = {name: {"type": "oci-image"} for name in ("a", "b")}
    url = await rehearsal.upload("minio", resources=resources)
    ids = {name: await rehearsal.image("minio", name, f"r/{name}:1") for name in resources}
    application = rehearsal.deploy("minio", url, resources=ids)
    rehearsal.settle()
    assert (await _refused(rehearsal, url, **{"resource-ids": {"a": ""}}))[0] == (
        'updating charm config: cannot upgrade application "minio" to charm "local:minio-0": '
        "missing pending ID"
    )
    wrong = await _refused(rehearsal, url, **{"resource-ids": {"a": "nothing"}})
    assert wrong[0].endswith('pending resource "minio/a" (nothing) not found')
    assert wrong[1] == NOT_FOUND
    pending = await rehearsal.image("minio", "a", "r/a:2")
    await _set_charm(rehearsal, url, **{"resource-ids": {"a": pending}})
    images = {name: known.registrypath for name, known in application.resources.items()}
    assert images == {"a": "r/a:2", "b": "r/b:1"}
    assert len(rehearsal.model.pending) == 0
    rehearsal.clock.advance(2)
    assert rehearsal.agent("minio/0") == "executing running stop hook"


async def test_a_refused_refresh_changes_nothing(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, {}, {"resources": {"a": {"type": "oci-image"}}})
    pending = await rehearsal.image("minio", "a", "r/a:1")
    await _refused(
        rehearsal,
        url,
        **{"resource-ids": {"a": pending}, "endpoint-bindings": {"": "dmz"}},
    )
    application = rehearsal.model.applications["minio"]
    assert (application.charm_url, application.resources) == ("local:minio-0", {})
    assert len(rehearsal.model.pending) == 1
    assert application.modified_version == 0


async def test_units_get_the_charm_one_after_another_the_highest_number_first(
    rehearsal: Rehearsal,
) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR, units=3)
    old = "local:minio-0"
    addresses = {unit.address for unit in rehearsal.model.applications["minio"].units.values()}
    await _set_charm(rehearsal, url)
    assert (await _status(rehearsal))["charm"] == "local:minio-1"
    assert await _charms(rehearsal) == {f"minio/{number}": old for number in range(3)}
    order: list[dict[str, str]] = []
    for _ in range(1000):
        rehearsal.clock.advance(0.25)
        charms = await _charms(rehearsal)
        if not order or charms != order[-1]:
            order.append(charms)
        busy = [
            name
            for name, unit in rehearsal.model.applications["minio"].units.items()
            if unit.is_lost or "stop" in unit.agent.message
        ]
        assert len(busy) <= 1
    assert order == [
        {"minio/0": old, "minio/1": old, "minio/2": old},
        {"minio/0": old, "minio/1": old},
        {"minio/0": old},
        {},
    ]
    assert rehearsal.states() == {f"minio/{number}": "active" for number in range(3)}
    units = rehearsal.model.applications["minio"].units.values()
    assert addresses.isdisjoint({unit.address for unit in units})


async def test_a_unit_shows_what_real_ones_show_while_its_pod_is_replaced(
    rehearsal: Rehearsal,
) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR)
    await _set_charm(rehearsal, url)
    seen: list[tuple[str, str]] = []
    for _ in range(400):
        unit = (await _status(rehearsal))["units"]["minio/0"]
        shown = (
            f"{unit['agent-status']['status']} {unit['agent-status']['info']}".strip(),
            f"{unit['workload-status']['status']} {unit['workload-status']['info']}".strip(),
        )
        if not seen or shown != seen[-1]:
            seen.append(shown)
        rehearsal.clock.advance(0.25)
    waiting = "waiting Waiting for container minio"
    assert seen == [
        ("idle", "active"),
        ("executing running stop hook", "maintenance stopping charm software"),
        (
            "lost agent is not communicating with the server",
            "unknown agent lost, see 'juju show-status-log minio/0'",
        ),
        ("executing running upgrade-charm hook", "maintenance"),
        ("executing running config-changed hook", waiting),
        ("executing running start hook", waiting),
        ("executing running minio-pebble-ready hook", waiting),
        ("idle", "active"),
    ]


async def test_a_unit_in_error_keeps_its_charm_until_it_is_resolved_or_units_are_forced(
    rehearsal: Rehearsal,
) -> None:
    url = await _refreshed(rehearsal, {}, {})
    rehearsal.script.set_course(
        Course(steps=(Step.hook_failed("config-changed"),)), application="minio"
    )
    await _set_charm(rehearsal, url)
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == 'error hook failed: "config-changed"'
    assert await _charms(rehearsal) == {"minio/0": "local:minio-0"}
    newer = await rehearsal.upload("minio")
    await _set_charm(rehearsal, newer, **{"force-units": True})
    rehearsal.settle()
    assert await _charms(rehearsal) == {}
    assert rehearsal.workload("minio/0") == 'error hook failed: "config-changed"'


async def test_a_scripted_upgrade_replaces_the_hook_and_holds_up_the_other_units(
    rehearsal: Rehearsal,
) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR, units=2)
    failing = Course(steps=(Step.hook_failed("upgrade-charm"),), begins="upgrade")
    rehearsal.script.set_course(failing, application="minio")
    assert rehearsal.workload("minio/1") == "active"
    await _set_charm(rehearsal, url)
    rehearsal.settle()
    assert rehearsal.states() == {
        "minio/0": "active",
        "minio/1": 'error hook failed: "upgrade-charm"',
    }
    assert await _charms(rehearsal) == {"minio/0": "local:minio-0"}
    rehearsal.script.set_course(None, application="minio")
    rehearsal.settle()
    assert rehearsal.states() == {"minio/0": "active", "minio/1": "active"}
    assert await _charms(rehearsal) == {}


async def test_another_refresh_replaces_a_pod_that_never_became_ready(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR, units=2)
    stuck = Course(
        steps=(Step(workload="waiting", message="Migrating"),), begins="upgrade", ends="stay"
    )
    rehearsal.script.set_course(stuck, charm="minio")
    await _set_charm(rehearsal, url)
    rehearsal.settle()
    assert rehearsal.workload("minio/1") == "waiting Migrating"
    rehearsal.script.set_course(None, charm="minio")
    newer = await rehearsal.upload("minio", **_SIDECAR)
    await _set_charm(rehearsal, newer)
    rehearsal.settle()
    assert rehearsal.states() == {"minio/0": "active", "minio/1": "active"}


@pytest.mark.parametrize("after_s", [0, 1, 4, 6, 20, 32, 37, 41, 60])
async def test_refreshes_at_any_time_end_with_the_last_charm(
    rehearsal: Rehearsal, after_s: float
) -> None:
    await rehearsal.upload_and_deploy("minio", units=2, **_SIDECAR)
    for _ in range(4):
        rehearsal.clock.advance(after_s)
        url = await rehearsal.upload("minio", **_SIDECAR)
        await _set_charm(rehearsal, url)
    rehearsal.settle()
    assert rehearsal.states() == {"minio/0": "active", "minio/1": "active"}
    assert await _charms(rehearsal) == {}
    units = rehearsal.model.applications["minio"].units.values()
    assert {unit.charm_url for unit in units} == {"local:minio-4"}


@pytest.mark.parametrize("after_s", [0, 1, 3, 7, 20, 36, 40, 48])
async def test_an_application_can_be_removed_while_it_is_refreshed(
    rehearsal: Rehearsal, after_s: float
) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR, units=3)
    await _set_charm(rehearsal, url)
    rehearsal.clock.advance(after_s)
    rehearsal.model.topology.scale(rehearsal.model.applications["minio"], 2)
    rehearsal.clock.advance(after_s)
    topology = rehearsal.model.topology
    topology.remove_application(topology.application("minio"))
    rehearsal.settle()
    assert not rehearsal.model.applications


async def test_a_relation_to_a_new_endpoint_waits_for_the_charm(rehearsal: Rehearsal) -> None:
    after = {"requires": {"backend": {"interface": "http"}}}
    url = await _refreshed(rehearsal, {}, after)
    await rehearsal.upload_and_deploy("web", provides={"http": {"interface": "http"}})
    rehearsal.settle()
    await _set_charm(rehearsal, url)
    relation = rehearsal.model.topology.add_relation(["minio", "web"])
    rehearsal.clock.advance(6)
    assert list(relation.in_scope) == ["web/0"]
    rehearsal.settle()
    assert set(relation.in_scope) == {"web/0", "minio/0"}


async def _unit_resources(rehearsal: Rehearsal) -> dict[str, dict[str, Any]]:
    entities = [{"tag": "application-minio"}]
    reply: Any = await rehearsal.call(Resources, "ListResources", {"entities": entities})
    return {
        unit["tag"]: {known["name"]: known["fingerprint"] for known in unit["resources"]}
        for unit in reply["results"][0]["unit-resources"]
    }


async def test_units_list_the_files_that_they_have_until_they_have_rolled(
    rehearsal: Rehearsal,
) -> None:
    resources = {
        "conf": {"type": "file", "filename": "conf.yaml"},
        "oci-image": {"type": "oci-image"},
    }
    url = await rehearsal.upload("minio", resources=resources, **_SIDECAR)
    (conf,) = rehearsal.announce("minio", "conf", kind="file")
    await rehearsal.put("minio", "conf", conf, "a: 1\n")
    image = await rehearsal.image("minio", "oci-image", "r/minio:1")
    rehearsal.deploy("minio", url, units=2, resources={"conf": conf, "oci-image": image})
    assert await _unit_resources(rehearsal) == {"unit-minio-0": {}, "unit-minio-1": {}}
    rehearsal.settle()
    before = await _unit_resources(rehearsal)
    assert set(before["unit-minio-0"]) == set(before["unit-minio-1"]) == {"conf"}
    await rehearsal.put("minio", "conf", None, "a: 2\n")
    assert await _unit_resources(rehearsal) == before
    seen = [before]
    for _ in range(600):
        rehearsal.clock.advance(0.25)
        now = await _unit_resources(rehearsal)
        if now != seen[-1]:
            seen.append(now)
    old = before["unit-minio-0"]
    assert [known["unit-minio-0"] == old for known in seen] == [True, True, False]
    assert [known["unit-minio-1"] == old for known in seen] == [True, False, False]


async def test_a_charm_without_containers_has_a_record_of_its_images(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources={"oci-image": {"type": "oci-image"}})
    image = await rehearsal.image("minio", "oci-image", "r/minio:1")
    rehearsal.deploy("minio", url, resources={"oci-image": image})
    rehearsal.settle()
    assert set((await _unit_resources(rehearsal))["unit-minio-0"]) == {"oci-image"}


def _hooks(rehearsal: Rehearsal, unit: str, *, seconds: int = 200) -> list[str]:
    """Return the hooks that a unit runs from now on, in order."""
    seen: list[str] = []
    for _ in range(seconds * 4):
        message = rehearsal.model.topology.unit(unit).agent.message
        if message and (not seen or seen[-1] != message):
            seen.append(message)
        rehearsal.clock.advance(0.25)
    return [message.removeprefix("running ").removesuffix(" hook") for message in seen]


_HOOKS: Final = ["stop", "upgrade-charm", "config-changed", "start", "minio-pebble-ready"]


@pytest.mark.parametrize("after_s", [40, 44, 48, 50])
async def test_the_agent_of_another_pod_begins_the_upgrade_anew(
    rehearsal: Rehearsal, after_s: float
) -> None:
    await rehearsal.upload_and_deploy("minio", **_SIDECAR)
    url = await rehearsal.upload("minio", **_SIDECAR)
    newer = await rehearsal.upload("minio", **_SIDECAR)
    rehearsal.settle()
    await _set_charm(rehearsal, url)
    assert _hooks(rehearsal, "minio/0") == _HOOKS
    await _set_charm(rehearsal, newer)
    rehearsal.clock.advance(after_s)
    await _set_charm(rehearsal, url)
    again = _hooks(rehearsal, "minio/0")
    assert again[again.index("stop") :] == _HOOKS


async def test_a_killed_pod_leaves_no_hook_of_its_upgrade_behind(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR)
    failing = Course(steps=(Step.hook_failed("upgrade-charm"),), begins="upgrade")
    rehearsal.script.set_course(failing, application="minio")
    await _set_charm(rehearsal, url)
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == 'error hook failed: "upgrade-charm"'
    await _set_charm(rehearsal, await rehearsal.upload("minio", **_SIDECAR))
    rehearsal.clock.advance(3)
    rehearsal.script.set_course(None, application="minio")
    assert _hooks(rehearsal, "minio/0") == _HOOKS[1:]


async def test_what_happens_while_a_pod_is_replaced_is_made_up_for_afterwards(
    rehearsal: Rehearsal,
) -> None:
    peers = {"peers": {"members": {"interface": "members"}}}
    url = await _refreshed(rehearsal, {**_SIDECAR, **peers}, {**_SIDECAR, **peers}, units=2)
    await _set_charm(rehearsal, url)
    rehearsal.clock.advance(10)
    topology = rehearsal.model.topology
    topology.config_changed(topology.application("minio"))
    topology.scale(topology.application("minio"), 3)
    rehearsal.settle()
    (relation,) = rehearsal.model.relations
    assert set(relation.in_scope) == {"minio/0", "minio/1", "minio/2"}
    assert set(rehearsal.states().values()) == {"active"}
    assert await _charms(rehearsal) == {}


async def test_a_new_unit_gets_the_new_charm_and_is_waited_for(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, _SIDECAR, _SIDECAR, units=1)
    await _set_charm(rehearsal, url)
    rehearsal.model.topology.scale(rehearsal.model.applications["minio"], 2)
    rehearsal.clock.advance(20)
    assert rehearsal.agent("minio/1") == "allocating"
    assert rehearsal.agent("minio/0") == "idle"
    rehearsal.settle()
    assert await _charms(rehearsal) == {}
    assert rehearsal.states() == {"minio/0": "active", "minio/1": "active"}


async def test_a_refresh_runs_no_hook_of_relations_that_stay(rehearsal: Rehearsal) -> None:
    peers = {"peers": {"members": {"interface": "members"}}}
    url = await _refreshed(rehearsal, {**_SIDECAR, **peers}, {**_SIDECAR, **peers})
    await _set_charm(rehearsal, url)
    assert _hooks(rehearsal, "minio/0") == _HOOKS


async def test_a_sidecar_is_one_without_bases_too(rehearsal: Rehearsal) -> None:
    pod_spec = {"bases": [], "series": ["kubernetes"]}
    url = await _refreshed(rehearsal, pod_spec, {"bases": [], **_SIDECAR})
    found = await _refused(rehearsal, url)
    assert found == (f"{_CANNOT}application should not have units", HAS_UNITS)


async def test_a_scripted_busy_agent_runs_no_hook_meanwhile(rehearsal: Rehearsal) -> None:
    options = {"port": {"type": "int"}}
    await _refreshed(rehearsal, {"options": options}, {})
    busy = Course(steps=(Step(workload="active", agent="executing", duration_s=60),))
    rehearsal.script.set_course(busy, application="minio")
    application = rehearsal.model.applications["minio"]
    application.settings["port"] = 1
    rehearsal.model.topology.config_changed(application)
    rehearsal.clock.advance(30)
    assert rehearsal.agent("minio/0") == "executing"
    rehearsal.clock.advance(31)
    assert rehearsal.agent("minio/0") == "executing running config-changed hook"


async def test_a_charm_of_the_first_format_needs_the_base_of_its_application(
    rehearsal: Rehearsal,
) -> None:
    noble = [{"name": "ubuntu", "channel": "24.04"}]
    url = await _refreshed(rehearsal, {}, {"bases": noble})
    message, _ = await _refused(rehearsal, url)
    assert message == (
        f'{_CANNOT}base "ubuntu@22.04" not supported by charm, the charm supported bases are: '
        "ubuntu@24.04"
    )


async def test_what_a_charm_assumes_is_checked_unless_forced(rehearsal: Rehearsal) -> None:
    url = await _refreshed(rehearsal, {}, {"assumes": ["juju >= 99.0", "k8s-api"]})
    message, code = await _refused(rehearsal, url)
    assert message.startswith("Charm cannot be deployed because:\n")
    assert "charm requires Juju version >= 99.0.0, model has version 3.6" in message
    assert code == NOT_SUPPORTED
    assert await _set_charm(rehearsal, url, force=True) == {}
    fits = await rehearsal.upload("minio", assumes=["juju >= 3.1", "k8s-api"])
    assert await _set_charm(rehearsal, fits) == {}
