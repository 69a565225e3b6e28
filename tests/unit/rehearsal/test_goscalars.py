from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.model.goscalars import (
    duration_text,
    is_cidr,
    key_values,
    parse_duration,
    parse_size_mib,
    to_bool,
    to_int,
)
from ckf_airgap.rehearsal.wire import ApiError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("5m", 300),
        ("1h30m", 5400),
        ("-1.5s", -1.5),
        ("+250ms", 0.25),
        (".5h", 1800),
        ("1µs", 0.000001),
        ("24h0m0s", 86_400),
    ],
)
def test_durations_are_read_as_go_does(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("abc", 'time: invalid duration "abc"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5d", 'time: unknown unit "d" in duration "5d"'),
        ("1h 2m", 'time: unknown unit "h " in duration "1h 2m"'),
        ("-", 'time: invalid duration "-"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_what_is_no_duration_is_refused_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_duration(text)
    assert caught.value.message == message


@given(st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    assert abs(parse_duration(duration_text(duration)) - duration) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (90, "1m30s"), (3600, "1h0m0s"), (1.5, "1.5s"), (-60, "-1m0s")],
)
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "mib"), [("5", 5), ("5M", 5), ("1.5G", 1536), ("1GiB", 1024), ("0.1MB", 1), ("0", 0)]
)
def test_sizes_are_read_in_mebibytes(text: str, mib: int) -> None:
    assert parse_size_mib(text) == mib


@pytest.mark.parametrize("text", ["", "G", "-1M", "5K", "1.2.3M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ApiError):
        parse_size_mib(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [("0x10", 16), ("010", 8), ("1_000", 1000), ("1e3", 1000), ("-7", -7), (3.9, 3), (4, 4)],
)
def test_numbers_are_read_with_the_bases_of_go(value: JSONValue, number: int) -> None:
    assert to_int(value, "x") == number


@pytest.mark.parametrize("value", ["", "many", "\u0661", "inf", True, None, [1], "9" * 100])
def test_what_is_no_number_is_refused(value: JSONValue) -> None:
    with pytest.raises(ApiError, match="x: expected number, got"):
        to_int(value, "x")


@pytest.mark.parametrize("value", ["yes", "", 1, None, {}])
def test_what_is_no_boolean_is_refused(value: JSONValue) -> None:
    with pytest.raises(ApiError, match="x: expected bool, got"):
        to_bool(value, "x")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("10.0.0.0/8", True),
        ("10.1.2.3/8", True),
        ("::/0", True),
        ("10.0.0.0", False),
        ("10.0.0.0/33", False),
        ("10.0.0.0/255.0.0.0", False),
        ("x/8", False),
    ],
)
def test_a_network_is_an_address_with_a_prefix_length(text: str, is_one: bool) -> None:
    assert is_cidr(text) is is_one


def test_attributes_are_given_once() -> None:
    assert key_values(["a=1", "b=x=y"], "tags") == {"a": "1", "b": "x=y"}
    with pytest.raises(ApiError, match='tags: key "a" specified more than once'):
        key_values(["a=1", "a=2"], "tags")
    with pytest.raises(ApiError, match='tags: expected "key=value", got "=1"'):
        key_values(["=1"], "tags")
