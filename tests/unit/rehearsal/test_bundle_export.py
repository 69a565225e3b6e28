from __future__ import annotations

from typing import Any

import pytest
import yaml

from ckf_airgap.documents import load_all_yaml
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.model.bundleexport import Exported, export_bundle
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal

NOBLE = {"name": "ubuntu", "channel": "24.04/stable"}


async def export(rehearsal: Rehearsal, **params: Any) -> str:
    reply = await rehearsal.call(Bundle, "ExportBundle", params)
    result: str = reply["result"]
    return result


async def deployed(rehearsal: Rehearsal) -> Application:
    await rehearsal.upload_and_deploy(
        "db", provides={"db": {"interface": "mysql"}}, peers={"p": {"interface": "p"}}
    )
    options = {"port": {"type": "int", "default": 1}, "name": {"type": "string"}}
    url = await rehearsal.upload("web", requires={"db": {"interface": "mysql"}}, options=options)
    web = rehearsal.deploy("web", url, units=2, constraints={"arch": "arm64", "mem": 2048})
    web.settings["port"] = 8080
    web.own_settings["trust"] = True
    web.channel = "stable"
    rehearsal.model.topology.add_relation(["web", "db"])
    rehearsal.model.annotate("application-web", {"gui-x": "3"})
    return web


async def test_a_model_becomes_a_bundle(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    text = await export(rehearsal)
    assert yaml.safe_load(text) == {
        "bundle": "kubernetes",
        "applications": {
            "db": {"charm": "local:db-0", "scale": 1, "constraints": "arch=amd64"},
            "web": {
                "charm": "local:web-0",
                "channel": "stable",
                "scale": 2,
                "options": {"port": 8080},
                "annotations": {"gui-x": "3"},
                "constraints": "arch=arm64 mem=2048",
                "trust": True,
            },
        },
        "relations": [["web:db", "db:db"]],
    }
    assert text.index("channel:") < text.index("options:") < text.index("trust:")
    with_defaults = yaml.safe_load(await export(rehearsal, **{"include-charm-defaults": True}))
    assert with_defaults["applications"]["web"]["options"] == {"name": None, "port": 8080}


async def test_what_is_exported_is_planned_without_errors(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    params: Any = {"yaml": await export(rehearsal), "bundleURL": ""}
    reply: Any = await rehearsal.call(Bundle, "GetChangesMapArgs", params)
    assert {change["method"] for change in reply["changes"]} == {
        "addCharm",
        "deploy",
        "addRelation",
        "setAnnotations",
    }


async def test_several_bases_are_written_unless_they_are_the_default(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("old")
    url = await rehearsal.upload("new", bases=[{"name": "ubuntu", "channel": "24.04"}])
    rehearsal.deploy("new", url, origin={"source": "local", "base": NOBLE})
    applications = yaml.safe_load(await export(rehearsal, **{"include-series": True}))[
        "applications"
    ]
    assert "base" not in applications["new"]
    assert applications["old"]["base"] == "ubuntu@22.04/stable"
    assert applications["old"]["series"] == "jammy"


async def test_what_only_overlays_hold_is_a_second_document(rehearsal: Rehearsal) -> None:
    web = await deployed(rehearsal)
    web.exposed = True
    assert yaml.safe_load(await export(rehearsal))["applications"]["web"]["expose"] is True
    web.exposed_endpoints = {"db": {"expose-to-cidrs": ["10.0.0.0/8"]}}
    offers: Any = {"db": {"mysql": {"endpoints": ["db"], "acl": {"admin": "admin"}}}}
    text = export_bundle(
        Exported(
            applications=rehearsal.model.applications,
            relations=rehearsal.model.relations,
            saas={"kafka": "admin/other.kafka"},
            offers=offers,
        )
    )
    assert "\n--- # overlay.yaml\n" in text
    bundle, overlay = yaml.safe_load_all(text)
    assert "expose" not in bundle["applications"]["web"]
    assert bundle["saas"] == {"kafka": {"url": "admin/other.kafka"}}
    assert overlay == {
        "applications": {
            "db": {"offers": offers["db"]},
            "web": {"exposed-endpoints": {"db": {"expose-to-cidrs": ["10.0.0.0/8"]}}},
        }
    }


async def test_an_empty_model_cannot_be_exported(rehearsal: Rehearsal) -> None:
    with pytest.raises(ApiError, match="nothing to export as there are no applications"):
        await export(rehearsal)


CROSS_MODEL = """
bundle: kubernetes
saas:
  kafka: {url: admin/other.kafka}
applications:
  db:
    charm: local:db-0
    base: ubuntu@22.04
    scale: 1
relations: [[db, kafka]]
--- # overlay.yaml
applications:
  db: {offers: {mysql: {endpoints: [db], acl: {bob: consume}}}}
"""


async def test_offers_and_saas_are_planned(rehearsal: Rehearsal) -> None:
    params: Any = {"yaml": CROSS_MODEL, "bundleURL": ""}
    reply: Any = await rehearsal.call(Bundle, "GetChanges", params)
    assert reply["changes"] == [
        {
            "id": "addCharm-0",
            "method": "addCharm",
            "args": ["local:db-0", "jammy", ""],
            "requires": [],
        },
        {
            "id": "deploy-1",
            "method": "deploy",
            "args": ["$addCharm-0", "jammy", "db", {}, "", {}, {}, {}, {}, 1, ""],
            "requires": ["addCharm-0"],
        },
        {
            "id": "consumeOffer-2",
            "method": "consumeOffer",
            "args": ["admin/other.kafka", "kafka"],
            "requires": [],
        },
        {
            "id": "createOffer-3",
            "method": "createOffer",
            "args": ["db", ["db"], "mysql"],
            "requires": ["deploy-1"],
        },
        {
            "id": "grantOfferAccess-4",
            "method": "grantOfferAccess",
            "args": ["bob", "consume", "mysql"],
            "requires": ["createOffer-3"],
        },
        {
            "id": "addRelation-5",
            "method": "addRelation",
            "args": ["$deploy-1", "$consumeOffer-2"],
            "requires": ["deploy-1", "consumeOffer-2"],
        },
    ]


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        ("saas: {db: {url: a.b}}", 'application "db" already exists with SAAS "db" name'),
        ("saas: {X: {url: a.b}}", 'invalid SAAS name "X" found'),
        ("saas: {x: {url: nonsense}}", 'invalid offer URL "nonsense" for SAAS x'),
        ("relations: [[db, x]]", 'refers to application "x" not defined in this bundle'),
    ],
)
async def test_wrong_saas_are_named(rehearsal: Rehearsal, bundle: str, message: str) -> None:
    params: Any = {"yaml": f"applications: {{db: {{charm: local:db-0}}}}\n{bundle}"}
    for method in ("GetChanges", "GetChangesMapArgs"):
        reply: Any = await rehearsal.call(Bundle, method, params)
        assert any(message in error for error in reply["errors"])


async def test_wrong_offers_are_named(rehearsal: Rehearsal) -> None:
    overlay = "applications: {db: {offers: {X: {endpoints: [A]}}}}"
    params: Any = {"yaml": f"applications: {{db: {{charm: local:db-0}}}}\n---\n{overlay}"}
    reply: Any = await rehearsal.call(Bundle, "GetChanges", params)
    assert reply["errors"] == [
        'invalid offer name "X" in application "db"',
        'invalid endpoint name "A" for offer "X" in application "db"',
    ]


async def test_binary_options_are_the_text_that_they_encode(rehearsal: Rehearsal) -> None:
    bundle = "applications: {db: {charm: local:db-0, options: {key: !!binary aGVsbG8=}}}"
    reply: Any = await rehearsal.call(Bundle, "GetChangesMapArgs", {"yaml": bundle})
    assert reply["changes"][1]["args"]["options"] == {"key": "hello"}
    for wrong in ("a: !!binary //8=", "a: !!binary '!'"):
        with pytest.raises(InputError, match="cannot decode binary data as text"):
            load_all_yaml(wrong, where="bundle", binary_as_text=True)
