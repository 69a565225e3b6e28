from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.documents import load_all_yaml
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from tests.unit.rehearsal.harness import Rehearsal

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
            "requires": ["consumeOffer-2", "deploy-1"],
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
            load_all_yaml(wrong, where="bundle")
