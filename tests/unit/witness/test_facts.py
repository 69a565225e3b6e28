"""The witness notices: each kind of deviation is one, and what Juju may answer is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades import FACADES
from tests.witness.facts import FACTS
from tests.witness.watching import Witness

ENTITY = {"tag": "application-minio"}
BASE = {"name": "ubuntu", "channel": "22.04/stable"}


def frames(answer: dict[str, Any], *, method: str = "Leader", version: int = 22) -> list[str]:
    """Return what the witness says of an answer to a call of the facade Application."""
    witness = Witness()
    request = {"request-id": 1, "type": "Application", "version": version, "request": method}
    witness.frame(json.dumps(request), json.dumps({"request-id": 1, **answer}))
    return witness.take()


@pytest.mark.parametrize(
    ("kind", "value", "faults"),
    [
        ("Entity", ENTITY, []),
        ("Entity", {}, [".tag: is missing; Entity always has it"]),
        ("Entity", {**ENTITY, "Tag": ""}, [".Tag: Entity has no such field"]),
        ("Entity", {"tag": None}, [".tag: a text is wanted, found None"]),
        ("Entity", [], [": Entity is wanted, found []"]),
        ("Entities", {"entities": None}, []),
        ("Entities", {"entities": [ENTITY, 1]}, [".entities[1]: Entity is wanted, found 1"]),
        ("Entities", {"entities": {}}, [".entities: a list is wanted, found {}"]),
        ("{int}", {"a": True}, [".a: an integer is wanted, found True"]),
        ("{int}", [], [": a map is wanted, found []"]),
        ("uint", -1, [": an unsigned integer is wanted, found -1"]),
        ("float", 1, []),
        ("*time", None, []),
        ("time", "2026-01-02T03:04:05Z", []),
        ("time", "2026-01-02 03:04:05", [": a time is wanted, found '2026-01-02 03:04:05'"]),
        ("bytes", "YQ==", []),
        ("bytes", "a", [": base64 is wanted, found 'a'"]),
        ("any", object(), []),
        ("", {}, []),
        ("", {"results": []}, [": nothing is answered here, found {'results': []}"]),
        (
            "StringResult",
            {"result": "x", "error": None},
            [".error: null, where StringResult leaves it out"],
        ),
        ("StringResult", {"error": {"message": "x", "code": ""}}, []),
        (
            "StringResult",
            {"error": {"message": "x", "code": "odd"}},
            [".error.code: code 'odd' is none of Juju's"],
        ),
        (
            "delta",
            ["unit", "change"],
            [": [kind, change, entity] is wanted, found ['unit', 'change']"],
        ),
        ("delta", ["pod", "change", {}], [": no delta of 'pod', 'change'"]),
        (
            "delta",
            ["annotation", "change", {"model-uuid": "", "tag": ""}],
            ["(annotation).annotations: is missing; AnnotationInfo always has it"],
        ),
    ],
)
def test_a_value_is_held_against_its_type(kind: str, value: Any, faults: list[str]) -> None:
    assert list(FACTS.faults(kind, value)) == faults


def test_an_answer_is_held_against_its_method() -> None:
    assert frames({"response": {"result": "minio/0"}}) == []
    assert frames({"response": {"result": 0}}) == [
        "Application(22).Leader .result: a text is wanted, found 0"
    ]


def test_methods_come_and_go_with_versions() -> None:
    assert frames({"response": {}}, method="DestroyUnits", version=22) == [
        "Application(22).DestroyUnits: Juju 3.6.28 has no such method"
    ]
    assert frames({"response": {}}, method="DestroyUnits", version=16) == []


def test_a_refusal_has_a_code_of_juju() -> None:
    assert frames({"error": "no", "error-code": "not found", "response": {}}) == []
    assert frames({"error": "no", "response": {}}) == []
    (advice,) = frames({"error": "no", "error-code": "not implemented", "response": {}})
    assert "re-install" in advice


def test_every_struct_that_a_table_names_is_there() -> None:
    """A dangling name would make a check fail only once such an answer is heard."""
    for facade in FACTS.facades.values():
        for found in facade["methods"].values():
            for signature in found.values() if isinstance(found, dict) else [found]:
                for kind in signature.split("->"):
                    FACTS.check_of(kind.strip())
    for fields in FACTS.structs.values():
        for kind in fields.values():
            FACTS.check_of(kind)
    for endpoint in FACTS.endpoints:
        for key in ("ok", "refused"):
            FACTS.check_of(endpoint.get(key, "any"))


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        (("POST", "/model/x/charms", 200, "application/json", b'{"charm-url": "local:a-0"}'), []),
        (
            ("POST", "/model/x/charms", 200, "application/json; charset=utf-8", b"{}"),
            ["application/json; charset=utf-8; clients want application/json alone"],
        ),
        (
            ("PUT", "/model/x/charms", 200, "application/json", b"{}"),
            ["Juju 3.6.28 serves no such path"],
        ),
        (
            (
                "POST",
                "/charms",
                500,
                "application/json",
                b'{"error": "x", "error-code": "not found"}',
            ),
            ["the status of 'not found' is 404"],
        ),
        (
            ("GET", "/charms", 404, "application/json", b'{"error": {"message": "", "code": ""}}'),
            [
                ".error: a text is wanted, found {'message': '', 'code': ''}",
                "the status of '' is 500",
            ],
        ),
        (("GET", "/nowhere", 404, "text/plain", b""), []),
    ],
)
def test_a_reply_is_held_against_its_endpoint(
    reply: tuple[str, str, int, str, bytes], faults: list[str]
) -> None:
    witness = Witness()
    witness.reply(*reply)
    heard = witness.take()
    assert len(heard) == len(faults)
    for found, fault in zip(heard, faults, strict=True):
        assert found.endswith(fault)


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: str(facade.name))
def test_what_is_advertised_is_what_juju_has(facade: Any) -> None:
    known = FACTS.facades[facade.name]
    assert (list(facade.versions), facade.scope) == (known["versions"], known["on"])
    assert facade.refused_on_containers is (known.get("on_kubernetes") is False)


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: str(facade.name))
def test_every_method_that_is_played_is_one_of_juju(facade: Any) -> None:
    played = {
        method
        for method in facade.methods
        if not any(FACTS.signature(facade.name, version, method) for version in facade.versions)
    }
    assert played == set()
