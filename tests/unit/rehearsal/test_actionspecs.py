from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.documents import dump_yaml
from ckf_airgap.rehearsal.entities.actionspecs import ActionsError, action_specs
from ckf_airgap.rehearsal.entities.paramschema import schema_violations, with_defaults
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("Back", {}, "bad action name Back"),
        ("juju-x", {}, 'cannot use action name juju-x: the "juju-" prefix is reserved'),
        ("juju", {}, 'cannot use action name juju: "juju" is a reserved name'),
        ("a", {"description": 1}, 'value for schema key "description" must be a string'),
        ("a", {"parallel": "y"}, 'value for schema key "parallel" must be a bool'),
        ("a", {"required": "x"}, 'value for schema key "required" must be a YAML list'),
        ("a", {"params": 1}, "params failed to parse as a map"),
        (
            "a",
            {"params": {"x": {"$ref": "y"}}},
            'schema key "$ref" not compatible with this version of juju',
        ),
        (
            "a",
            {"params": {"x": {"type": "text"}}},
            "invalid params schema for action schema a: text is not a valid type",
        ),
    ],
)
def test_actions_that_the_charm_library_refuses(name: str, fields: Any, message: str) -> None:
    with pytest.raises(ActionsError) as refused:
        action_specs("minio", dump_yaml({name: fields}))
    assert refused.value.message == message


def test_jujus_own_charms_may_use_reserved_names() -> None:
    assert "juju-x" in action_specs("juju-controller", "juju-x: {}")


async def test_a_charm_with_a_bad_action_is_not_taken(rehearsal: Rehearsal) -> None:
    with pytest.raises(ApiError, match="bad action name Back"):
        await rehearsal.upload("minio", members={"actions.yaml": "Back: {}"})


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": ["string", "null"]}, 1, "must be of type [string,null], given 1"),
        ({"enum": ["a", "b"]}, "c", 'must match one of the enum values ["a","b"], given "c"'),
        ({"maximum": 3}, 4, 'must be lower than 3, given "4"'),
        ({"minimum": 3}, 2.5, 'must be greater than 3, given "2.5"'),
        (
            {"minimum": 3, "exclusiveMinimum": True},
            3,
            'must be greater than or equal to 3, given "3"',
        ),
        ({"multipleOf": 2}, 3, 'must be a multiple of 2, given "3"'),
        ({"minLength": 2}, "a", 'string length must be greater or equal to 2, given "a"'),
        ({"maxLength": 1}, "ab", 'string length must be lower or equal to 1, given "ab"'),
        ({"pattern": "^a"}, "b", "does not match pattern '^a', given \"b\""),
        ({"minItems": 1}, [], "array must have at least 1 items, given []"),
        ({"maxItems": 1}, [1, 2], "array must have at the most 1 items, given [1,2]"),
        ({"uniqueItems": True}, [1, 1], "array items must be unique, given [1,1]"),
        ({"minProperties": 1}, {}, "must have at least 1 properties, given {}"),
        ({"maxProperties": 0}, {"a": 1}, 'must have at the most 0 properties, given {"a":1}'),
        ({"not": {"type": "string"}}, "a", 'must not validate the schema (not), given "a"'),
        (
            {"dependencies": {"a": ["b"]}},
            {"a": 1},
            'has a dependency on b, given {"a":1}',
        ),
        (
            {"items": [{"type": "string"}], "additionalItems": False},
            ["a", "b"],
            'no additional item allowed on array, given ["a","b"]',
        ),
    ],
)
def test_violations_are_worded_as_jujus_library_does(schema: Any, value: Any, message: str) -> None:
    assert schema_violations(schema, value) == [f"(root) : {message}"]


def test_alternatives_name_the_nearest_one() -> None:
    schema: Any = {"anyOf": [{"type": "string"}, {"type": "integer", "maximum": 1}]}
    assert schema_violations(schema, "x") == schema_violations(schema, 1) == []
    assert schema_violations(schema, True)[0].startswith("(root) : must validate at least one")
    one: Any = {"oneOf": [{"type": "integer"}, {"type": "number"}]}
    assert schema_violations(one, 1.5) == []
    assert "must validate one and only one schema (oneOf)" in schema_violations(one, 1)[0]
    both: Any = {"allOf": [{"minimum": 1}, {"maximum": 2}]}
    assert schema_violations(both, 2) == []
    assert "must validate all the schemas (allOf)" in schema_violations(both, 3)[-1]


def test_nested_values_are_checked_where_they_are() -> None:
    schema: Any = {
        "properties": {"list": {"items": {"type": "string"}}},
        "patternProperties": {"^x-": {"type": "boolean"}},
        "additionalProperties": {"type": "integer"},
    }
    assert schema_violations(schema, {"list": ["a", 1], "x-a": 1, "y": True}) == [
        "(root).x-a : must be of type boolean, given 1",
        "(root) : must be of type integer, given true",
        "(root).list.1 : must be of type string, given 1",
    ]


def test_defaults_are_filled_in_at_every_depth() -> None:
    schema: Any = {
        "properties": {
            "a": {"default": 1},
            "b": {"properties": {"c": {"default": 2}, "d": {}}},
            "e": {},
        }
    }
    assert with_defaults(schema, {}) == {"a": 1, "b": {"c": 2}}
    assert with_defaults(schema, {"a": 5, "b": {"d": 6}}) == {"a": 5, "b": {"c": 2, "d": 6}}
