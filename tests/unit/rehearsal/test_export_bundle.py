from __future__ import annotations

from typing import Any

import pytest
import yaml

from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal

OPTIONS = {
    "port": {"type": "int", "default": 80},
    "tls": {"type": "boolean", "default": False},
    "name": {"type": "string", "default": "web"},
}


NOBLE: dict[str, Any] = {"name": "ubuntu", "channel": "24.04/stable"}


async def export(rehearsal: Rehearsal, **params: Any) -> str:
    reply = await rehearsal.call(Bundle, "ExportBundle", params)
    text: str = reply["result"]
    return text


async def exported(rehearsal: Rehearsal, **params: Any) -> Any:
    return yaml.safe_load(await export(rehearsal, **params))


async def test_a_model_is_exported_as_the_bundle_that_makes_it_again(rehearsal: Rehearsal) -> None:
    db = await rehearsal.upload(
        "db", provides={"data": {"interface": "sql"}}, peers={"cluster": {"interface": "db-peers"}}
    )
    web = await rehearsal.upload("web", requires={"data": {"interface": "sql"}}, options=OPTIONS)
    rehearsal.deploy("web", web, units=2, config={"port": "0", "name": "y", "trust": "true"})
    rehearsal.deploy("db", db, constraints={"mem": 2048, "tags": ["a", "b"]})
    rehearsal.model.topology.add_relation(["web:data", "db:data"])
    rehearsal.model.annotate("application-web", {"gui-y": "2", "gui-x": "1"})
    assert await exported(rehearsal) == {
        "bundle": "kubernetes",
        "applications": {
            "db": {
                "charm": "local:db-0",
                "scale": 1,
                "constraints": "arch=amd64 mem=2048 tags=a,b",
            },
            "web": {
                "charm": "local:web-0",
                "scale": 2,
                "options": {"name": "y", "port": 0},
                "annotations": {"gui-x": "1", "gui-y": "2"},
                "constraints": "arch=amd64",
                "trust": True,
            },
        },
        "relations": [["web:data", "db:data"]],
    }


async def test_defaults_of_the_charm_are_exported_when_asked_for(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("web", options=OPTIONS, units=0)
    spec = (await exported(rehearsal))["applications"]["web"]
    assert "options" not in spec
    assert "scale" not in spec
    spec = (await exported(rehearsal, **{"include-charm-defaults": True}))["applications"]["web"]
    assert spec["options"] == {"name": "web", "port": 80, "tls": False}


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("", "ubuntu@22.04/stable"),
        ("ubuntu@22.04/stable", None),
        ("ubuntu@20.04", "ubuntu@22.04/stable"),
    ],
)
async def test_the_base_of_the_model_is_not_repeated(
    rehearsal: Rehearsal, default: str, expected: str | None
) -> None:
    if default:
        rehearsal.model.settings.set({"default-base": default}, is_superuser=True)
    await rehearsal.upload_and_deploy("web")
    only = (await exported(rehearsal))["applications"]["web"]
    assert "base" not in only
    url = await rehearsal.upload("new", bases=[NOBLE])
    rehearsal.deploy("new", url, origin={"source": "local", "base": NOBLE})
    assert (await exported(rehearsal))["applications"]["web"].get("base") == expected
    spec = (await exported(rehearsal, **{"include-series": True}))["applications"]["web"]
    assert spec.get("series") == ("jammy" if expected else None)


@pytest.mark.parametrize(
    ("endpoints", "expose", "overlay"),
    [
        ({}, True, None),
        ({"": {"expose-to-cidrs": ["0.0.0.0/0", "::/0"]}}, True, None),
        (
            {"": {"expose-to-cidrs": ["10.0.0.0/8"]}},
            None,
            {"": {"expose-to-cidrs": ["10.0.0.0/8"]}},
        ),
        (
            {"http": {"expose-to-cidrs": ["::/0"], "expose-to-spaces": ["b", "a"]}},
            None,
            {"http": {"expose-to-cidrs": ["::/0"], "expose-to-spaces": ["a", "b"]}},
        ),
    ],
)
async def test_endpoints_exposed_in_their_own_way_are_in_the_overlay(
    rehearsal: Rehearsal, endpoints: Any, expose: bool | None, overlay: Any
) -> None:
    application = await rehearsal.upload_and_deploy("web")
    application.exposed, application.exposed_endpoints = True, endpoints
    text = await export(rehearsal)
    bundle, *overlays = yaml.safe_load_all(text)
    assert bundle["applications"]["web"].get("expose") == expose
    assert "exposed-endpoints" not in bundle["applications"]["web"]
    if overlay is None:
        assert not overlays
    else:
        assert overlays == [{"applications": {"web": {"exposed-endpoints": overlay}}}]
        assert "\n--- # overlay.yaml\n" in text


async def test_the_storage_that_units_get_is_exported(rehearsal: Rehearsal) -> None:
    data = {"type": "filesystem", "location": "/data", "minimum-size": "2G"}
    await rehearsal.upload_and_deploy("db", storage={"data": data})
    spec = (await exported(rehearsal))["applications"]["db"]
    assert spec["storage"] == {"data": "kubernetes,1,2048M"}


async def test_an_empty_model_has_nothing_to_export(rehearsal: Rehearsal) -> None:
    with pytest.raises(ApiError, match="nothing to export as there are no applications"):
        await export(rehearsal)
