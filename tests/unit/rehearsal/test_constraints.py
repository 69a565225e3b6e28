from __future__ import annotations

import pytest

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.model.constraints import parse_constraints, with_architecture
from ckf_airgap.rehearsal.wire import ApiError


def test_known_constraints_are_taken_without_regard_to_case_and_null_is_absent() -> None:
    given: dict[str, JSONValue] = {"Mem": 2048, "tags": ["a"], "arch": None, "unheard-of": 1}
    assert parse_constraints(given) == {"mem": 2048, "tags": ["a"]}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "mem",
            "1.5G",
            (
                "json: cannot unmarshal string into Go struct field Value.constraints.mem of type "
                "uint64"
            ),
        ),
        (
            "cores",
            -1,
            (
                "json: cannot unmarshal number -1 into Go struct field Value.constraints.cores "
                "of type uint64"
            ),
        ),
        (
            "zones",
            "a",
            (
                "json: cannot unmarshal string into Go struct field Value.constraints.zones of "
                "type []string"
            ),
        ),
        ("arch", "z80", '"z80" not recognized'),
    ],
)
def test_constraints_of_the_wrong_type_are_refused(
    key: str, value: JSONValue, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        parse_constraints({key: value})
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("own", "model", "arch"),
    [({}, {}, "amd64"), ({}, {"arch": "arm64"}, "arm64"), ({"arch": "s390x"}, {}, "s390x")],
)
def test_an_application_always_has_an_architecture(
    own: dict[str, JSONValue], model: dict[str, JSONValue], arch: str
) -> None:
    assert with_architecture(own, model) == {"arch": arch}
