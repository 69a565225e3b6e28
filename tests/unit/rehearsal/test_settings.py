from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Option
from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.optionvalues import Settings, parse_settings, parse_value
from ckf_airgap.rehearsal.wire import ApiError

SECRET = "secret:cvj0v7k2l3m4n5o6p7q0"

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
    settings = parse(port="-12", ratio="1e-3", debug="True", name="007", key=SECRET)
    assert settings.charm == {
        "port": -12,
        "ratio": 0.001,
        "debug": True,
        "name": "007",
        "key": SECRET,
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
    for text in ("app: [1]", "app: ", "[]", "app: x"):
        assert "settings" in refusal(text)
    assert refusal("app: [1]") == 'no settings found for "app"'
    assert refusal("[]") == (
        "cannot parse settings data: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq "
        "into map[string]interface {}"
    )


def test_unknown_option_is_refused() -> None:
    assert refusal(prot="1") == 'unknown option "prot"'


def test_strings_beat_the_yaml() -> None:
    assert parse("app: {port: 1}", port="2").charm == {"port": 2}


def test_trust_is_an_option_of_the_application() -> None:
    settings = parse("app: {trust: 'True', port: 1}")
    assert (settings.application, settings.charm) == ({"trust": True}, {"port": 1})
    assert parse(trust="false").application == {"trust": False}


ANNOTATIONS = "kubernetes-service-annotations"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trust", "3", "trust: expected bool, got int(3)"),
        ("trust", "'1'", "trust: expected bool, got int(1)"),
        ("trust", "", "trust: expected bool, got nothing"),
        ("trust", "''", "trust: expected bool, got nothing"),
        ("trust", "maybe", 'trust: expected bool, got string("maybe")'),
        ("juju-external-hostname", "", "juju-external-hostname: expected string, got nothing"),
        ("juju-external-hostname", "1", "juju-external-hostname: expected string, got int(1)"),
        (ANNOTATIONS, "foo", f'{ANNOTATIONS}: expected "key=value", got "foo"'),
        (ANNOTATIONS, "'8080'", f"{ANNOTATIONS}: unexpected type for value, got int(8080)"),
        (ANNOTATIONS, "true", f"{ANNOTATIONS}: unexpected type for value, got bool(true)"),
        (ANNOTATIONS, "{a: 1}", f"{ANNOTATIONS}.a: expected string, got int(1)"),
        (ANNOTATIONS, "[1]", f"{ANNOTATIONS}[0]: expected string, got int(1)"),
        (ANNOTATIONS, "a=b a=c", f'{ANNOTATIONS}: key "a" specified more than once'),
        (ANNOTATIONS, "=b", f'{ANNOTATIONS}: expected "key=value", got "=b"'),
    ],
)
def test_options_of_the_application_are_typed_too(name: str, value: str, message: str) -> None:
    assert refusal(f"app: {{{name}: {value}}}") == message


@pytest.mark.parametrize("text", ["yes", "y", "on", "'yes'", "'t'", "true"])
def test_trust_is_read_as_yaml(text: str) -> None:
    assert parse(f"app: {{trust: {text}}}").application == {"trust": True}


@pytest.mark.parametrize("text", ["{a: b, c: ''}", "a=b c=", "'{a: b, c: \"\"}'", "[a=b, c=]"])
def test_service_annotations_are_a_mapping(text: str) -> None:
    settings = parse(f"app: {{{ANNOTATIONS}: {text}}}")
    assert settings.application == {ANNOTATIONS: {"a": "b", "c": ""}}


@pytest.mark.parametrize("text", ["foo", "secret:foo", "my-secret", "secret:", "secret://x/y"])
def test_an_option_of_the_type_secret_needs_the_uri_of_one(text: str) -> None:
    for error in (refusal_of_secret(key=text), refusal_of_secret(f"app: {{key: '{text}'}}")):
        assert error.startswith('invalid secret URI for option "key": ')
    assert refusal_of_secret(key="secret:foo").endswith(': secret URI "secret:foo" not valid')
    assert refusal_of_secret(key="http://x").endswith(': secret URI scheme "http" not valid')


def refusal_of_secret(yaml_text: str = "", **strings: str) -> str:
    with pytest.raises(ApiError) as caught:
        parse(yaml_text, **strings)
    return caught.value.message


@pytest.mark.parametrize("text", ["", SECRET, SECRET.removeprefix("secret:")])
def test_the_uri_of_a_secret_may_be_empty_or_bare(text: str) -> None:
    assert parse(key=text).charm == {"key": text}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("name", "y", 'option "name" expected string, got true'),
        ("name", "1e+3", 'option "name" expected string, got 1000'),
        ("name", "+.5", 'option "name" expected string, got 0.5'),
        ("name", "0o17", 'option "name" expected string, got 15'),
        ("port", "9223372036854775808", 'option "port" expected int, got 0x8000000000000000'),
        ("ratio", "'1e400'", 'option "ratio" expected float, got "1e400"'),
        ("ratio", "1e400", 'option "ratio" expected float, got "1e400"'),
        ("ratio", "'-nan'", 'option "ratio" expected float, got "-nan"'),
        ("ratio", '"1\\n"', 'option "ratio" expected float, got "1\\n"'),
        ("name", '"\\u2028"\n  port: x', 'option "port" expected int, got "x"'),
    ],
)
def test_values_are_those_of_yaml_v2(option: str, value: str, message: str) -> None:
    assert refusal(f"app:\n  {option}: {value}") == message


@pytest.mark.parametrize(
    ("text", "number"),
    [("inf", math.inf), ("0x1p4", 16.0), ("1_000", 1000.0), ("+Infinity", math.inf), (".5", 0.5)],
)
def test_floats_have_the_forms_of_go(text: str, number: float) -> None:
    assert parse(ratio=text).charm == {"ratio": number}


def test_what_juju_config_shows_is_taken_back() -> None:
    text = "application: app\nsettings: {port: {value: 9, type: int}, debug: {default: false}}"
    assert parse(text, name="z").charm == {"port": 9, "name": "z"}
    assert refusal("settings: {port: {value: x}}") == 'option "port" expected int, got "x"'


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
