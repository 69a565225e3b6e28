from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.juju.snapshots.clock import ControllerClock, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("1970-01-01T00:00:01.123456789Z", 1.123456789),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T00:00:00-01:30", 5400.0),
        ("1970-01-01t00:00:00z", 0.0),
    ],
)
def test_times_as_juju_writes_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "t0", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T00:00:00", "None"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert seconds_of(text) is None
    assert ControllerClock.read(text, received_at=1) is None


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_a_time_is_the_same_in_every_zone(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert seconds_of(zoned.isoformat()) == pytest.approx(zoned.timestamp(), abs=1e-5)


def test_an_age_is_told_by_the_controllers_clock_alone() -> None:
    clock = ControllerClock.read("2030-01-01T12:00:00Z", received_at=500.0)
    assert clock is not None
    assert clock.monotonic_of("2030-01-01T11:59:30Z") == 470.0
    assert clock.monotonic_of("2030-01-01T12:00:02Z") == 502.0
    assert clock.monotonic_of("") is None
