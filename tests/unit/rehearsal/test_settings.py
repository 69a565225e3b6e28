from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Option
from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.model.optionvalues import Settings, go_value, parse_settings, parse_value
from ckf_airgap.rehearsal.wire import ApiError

OPTIONS = {
    "port": Option(name="port", type="int", default=8080),
    "ratio": Option(name="ratio", type="float"),
    "debug": Option(name="debug", type="boolean", default=False),
    "name": Option(name="name", type="string", default="x"),
    "key": Option(name="key", type="secret"),
}


def parse(yaml_text: str = "", **strings: str) -> Settings:
    return parse_settings(OPTIONS, application="app", strings=strings, yaml_text=yaml_text)


def refusal(yaml_text: str = "", **strings: str) -> str:
    with pytest.raises(ApiError) as caught:
        parse(yaml_text, **strings)
    assert caught.value.code == ""
    return caught.value.message


def test_text_is_parsed_by_the_type_of_the_option() -> None:
    settings = parse(port="-12", ratio="1e-3", debug="True", name="007", key="secret:abc")
    assert settings.charm == {
        "port": -12,
        "ratio": 0.001,
        "debug": True,
        "name": "007",
        "key": "secret:abc",
    }


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_go_takes_six_words_for_true(text: str) -> None:
    assert parse(debug=text).charm == {"debug": True}


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("port", "abc", 'option "port" expected int, got "abc"'),
        ("port", "1_000", 'option "port" expected int, got "1_000"'),
        ("port", " 1", 'option "port" expected int, got " 1"'),
        ("port", "9223372036854775808", 'option "port" expected int, got "9223372036854775808"'),
        ("port", "9" * 5000, f'option "port" expected int, got "{"9" * 5000}"'),
        ("port", "", 'option "port" expected int, got ""'),
        ("ratio", "a\nb", 'option "ratio" expected float, got "a\\nb"'),
        ("debug", "yes", 'option "debug" expected boolean, got "yes"'),
    ],
)
def test_text_of_the_wrong_type_is_refused(option: str, text: str, message: str) -> None:
    assert refusal(**{option: text}) == message


@pytest.mark.parametrize(
    ("yaml_value", "shown"),
    [
        ("1.5", "1.5"),
        ("1.0e+6", "1e+06"),
        ("0.00001", "1e-05"),
        ("true", "true"),
        ("[a, 1]", '[]interface {}{"a", 1}'),
        ("{a: 1}", 'map[interface {}]interface {}{"a":1}'),
    ],
)
def test_yaml_of_the_wrong_type_is_refused_in_go_words(yaml_value: str, shown: str) -> None:
    message = refusal(f"app: {{port: {yaml_value}}}")
    assert message == f'option "port" expected int, got {shown}'


def test_yaml_values_keep_their_type_and_integers_are_floats_too() -> None:
    settings = parse("app: {port: 1, ratio: 2, debug: false, name: '1'}")
    assert settings.charm == {"port": 1, "ratio": 2.0, "debug": False, "name": "1"}
    assert isinstance(settings.charm["ratio"], float)


def test_a_number_is_no_text() -> None:
    assert refusal("app: {name: 1}") == 'option "name" expected string, got 1'


def test_null_in_yaml_means_the_default() -> None:
    assert parse("app: {port: null}").charm == {"port": None}


def test_yaml_without_the_application_is_refused() -> None:
    assert refusal("other: {}") == 'no settings found for "app"'


def test_yaml_that_is_none_is_refused() -> None:
    assert refusal("app: {").startswith("cannot parse settings data: ")
    assert refusal("app: [1]") == 'cannot parse settings data: "app" is not a mapping'


def test_unknown_option_is_refused() -> None:
    assert refusal(prot="1") == 'unknown option "prot"'


def test_strings_beat_the_yaml() -> None:
    assert parse("app: {port: 1}", port="2").charm == {"port": 2}


def test_trust_is_an_option_of_the_application() -> None:
    settings = parse("app: {trust: 'True', port: 1}")
    assert (settings.application, settings.charm) == ({"trust": True}, {"port": 1})
    assert parse(trust="false").application == {"trust": False}


def test_options_of_the_application_are_typed_too() -> None:
    assert refusal(trust="maybe") == 'trust: expected bool, got string("maybe")'
    assert refusal("app: {trust: 3}") == "trust: expected bool, got int(3)"


def test_service_annotations_may_be_a_mapping() -> None:
    settings = parse("app: {kubernetes-service-annotations: {a: b, c: d}}")
    assert settings.application == {"kubernetes-service-annotations": "a=b c=d"}


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_int64_is_an_int(number: int) -> None:
    assert parse_value(OPTIONS["port"], str(number)) == number
    assert parse_value(OPTIONS["port"], number) == number


@given(st.floats(allow_nan=False))
def test_a_float_in_go_words_is_the_same_float(number: float) -> None:
    written = go_value(number).replace("Inf", "inf")
    assert float(written) == number
    assert math.isinf(number) or parse_value(OPTIONS["ratio"], written) == number


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_every_value_has_go_words(value: JSONValue) -> None:
    assert go_value(value)
