"""The texts of faults, and which call or upload each happens at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.errors import ExitCode, UsageError
from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.api.faults import (
    CALL_KINDS,
    IGNORABLE,
    TIMED_CALLS,
    UPLOAD_KINDS,
    Fault,
    Faults,
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("close@request=12", Fault(kind="close", place="request", number=12)),
        ("close@request", Fault(kind="close", place="request", number=1)),
        (
            "lose-reply@Application.Deploy=3,times=2",
            Fault(kind="lose-reply", place="Application.Deploy", number=3, times=2),
        ),
        (
            "ignore@Application.SetCharm,times=*",
            Fault(kind="ignore", place="Application.SetCharm", times=None),
        ),
        (
            "error@request=2,code=not found,message=no, not here",
            Fault(
                kind="error", place="request", number=2, code="not found", message="no, not here"
            ),
        ),
        (
            "error@request",
            Fault(kind="error", place="request", message="a fault was asked for"),
        ),
        ("delay@request", Fault(kind="delay", place="request", for_s=1.0)),
        ("delay@upload,for=250ms", Fault(kind="delay", place="upload", for_s=0.25)),
        ("silence@request=5", Fault(kind="silence", place="request", number=5)),
        ("silence@request,for=2m", Fault(kind="silence", place="request", for_s=120.0)),
        ("hang@request,for=1.5", Fault(kind="hang", place="request", for_s=1.5)),
        ("restart@request", Fault(kind="restart", place="request", for_s=2.0)),
        (
            "restart@upload=4,byte=10,for=5s",
            Fault(kind="restart", place="upload", number=4, byte=10, for_s=5.0),
        ),
        ("ignore@upload=3", Fault(kind="ignore", place="upload", number=3)),
        ("cut@upload=2,byte=1000", Fault(kind="cut", place="upload", number=2, byte=1000)),
        ("freeze@upload,byte=0", Fault(kind="freeze", place="upload")),
        ("refuse@upload", Fault(kind="refuse", place="upload", status=503)),
        (
            "refuse@upload,status=400,body=after",
            Fault(kind="refuse", place="upload", status=400, after_body=True),
        ),
        (
            "refuse@upload,status=599,body=before",
            Fault(kind="refuse", place="upload", status=599),
        ),
    ],
)
def test_a_text_says_what_goes_wrong_and_where(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("close", "there is no kind 'close': did you mean 'close'?"),
        ("clos@request", "there is no kind 'clos': did you mean 'close'?"),
        ("@request", "there is no kind '': there are close, cut, delay, error, freeze, hang,"),
        ("close@somewhere", "'somewhere' is neither request, upload nor a Facade.Method"),
        ("close@application.deploy", "is neither request, upload nor a Facade.Method"),
        ("close@upload", "close is no fault of an upload"),
        ("cut@request", "cut is no fault of a call"),
        ("cut@Application.Deploy", "cut is no fault of a call"),
        ("ignore@request", "request cannot be ignored"),
        ("ignore@Client.FullStatus", "Client.FullStatus cannot be ignored"),
        ("ignore@Application.SetCharms", "did you mean 'Application.SetCharm'?"),
        ("close@request=0", "the number is a number from 1 on, not '0'"),
        ("close@request=", "the number is a number from 1 on, not ''"),
        ("close@request=x", "the number is a number from 1 on, not 'x'"),
        ("close@request=1234567890123", "is a number from 1 on"),
        ("close@request=\N{SUPERSCRIPT TWO}", "is a number from 1 on"),
        ("close@request,times=0", "times is a number from 1 on, not '0'"),
        ("close@request,for=3s", "close has no 'for'"),
        ("close@request,times", "close has no 'times'"),
        ("delay@request,for=3h", "'3h' is no duration such as 500ms, 5s or 2m"),
        ("hang@request,byte=3", "byte is for uploads"),
        ("cut@upload,byte=-1", "byte is a number from 0 on, not '-1'"),
        ("refuse@upload,status=399", "status is an HTTP error, 400 to 599, not 399"),
        ("refuse@upload,status=600", "status is an HTTP error, 400 to 599, not 600"),
        ("refuse@upload,body=never", "body is before or after, not 'never'"),
        ("random@request", "random has no 'request'"),
        ("random@sed=7", "random has no 'sed': did you mean 'seed'?"),
        ("random@within=3", "random needs a seed, random@seed=7"),
        ("random@seed=x", "seed is a number from 0 on, not 'x'"),
        ("random@seed=1,within=0", "within is a number from 1 on, not '0'"),
    ],
)
def test_a_text_that_is_no_fault_is_refused_with_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Fault.parse(text)
    assert why in caught.value.message
    assert repr(text) in caught.value.message
    assert "KIND@PLACE" in caught.value.fix
    assert caught.value.exit_code is ExitCode.USAGE


_DURATIONS = st.integers(1, 500).map(lambda tenths: tenths / 10)


@given(st.integers(0, 10**6), st.integers(1, 200))
def test_a_seed_always_chooses_the_same_fault_and_its_text_says_which(
    seed: int, within: int
) -> None:
    text = f"random@seed={seed},within={within}"
    fault = Fault.parse(text)
    assert fault == Fault.parse(text) == Fault.parse(str(fault))
    assert 1 <= fault.number <= within
    assert fault.kind not in ("ignore", "hang")
    assert fault.for_s is None or fault.for_s <= 2


def test_seeds_choose_every_kind_that_a_client_can_get_over() -> None:
    found = [Fault.parse(f"random@seed={seed}") for seed in range(400)]
    assert {fault.kind for fault in found} == {*CALL_KINDS, *UPLOAD_KINDS} - {"ignore", "hang"}
    assert {fault.place for fault in found} == {"request", "upload"}
    for fault in found:
        assert (fault.kind in CALL_KINDS) or fault.place == "upload"
        assert (fault.for_s is not None) == (
            fault.kind in ("delay", "freeze", "restart", "silence")
        )
        assert bool(fault.code) == bool(fault.message) == (fault.kind == "error")
        assert fault.byte in range(4001)
    assert {fault.code for fault in found} == {"", "not yet available; try again later"}
    assert {fault.after_body for fault in found if fault.kind == "refuse"} == {True, False}
    for kind in ("cut", "freeze", "restart"):
        bytes_ = {one.byte for one in found if (one.kind, one.place) == (kind, "upload")}
        assert len(bytes_) > 5, kind
    assert max(fault.number for fault in found) == 60
    assert min(fault.number for fault in found) == 1


@given(
    st.sampled_from(["request", "Application.Deploy", "upload"]),
    st.integers(1, 99),
    st.none() | st.integers(1, 9),
    _DURATIONS,
    st.data(),
)
def test_every_fault_can_be_written(
    place: str, number: int, times: int | None, for_s: float, data: st.DataObject
) -> None:
    kinds = set(UPLOAD_KINDS if place == "upload" else CALL_KINDS) - {"ignore"}
    kind = data.draw(st.sampled_from(sorted(kinds)))
    fault = Fault(
        kind=kind,
        place=place,
        number=number,
        times=times,
        for_s=for_s if kind in ("delay", "freeze", "hang", "restart", "silence") else None,
        message="m, n" if kind == "error" else "",
    )
    assert Fault.parse(str(fault)) == fault


def _calls(faults: Faults, *names: str) -> list[str | None]:
    found = [faults.at_call(*name.split(".")) for name in names]
    return [None if fault is None else fault.kind for fault in found]


def test_calls_are_counted_by_method_and_all_together() -> None:
    faults = Faults()
    faults.add("close@Application.Deploy=2")
    faults.add("delay@request=4")
    deploy, status = "Application.Deploy", "Client.FullStatus"
    assert _calls(faults, deploy, status, deploy, status, deploy) == [
        None,
        None,
        "close",
        "delay",
        None,
    ]
    assert faults.counts == {deploy: 3, status: 2, "request": 5}


def test_calls_whose_number_depends_on_time_are_counted_only_by_their_name() -> None:
    faults = Faults()
    faults.add("close@request=1")
    faults.add("delay@Pinger.Ping=2")
    assert _calls(faults, "Pinger.Ping", "AllWatcher.Next", "Pinger.Ping", "Client.FullStatus") == [
        None,
        None,
        "delay",
        "close",
    ]


def test_a_fault_happens_as_often_as_it_says() -> None:
    faults = Faults()
    faults.add("close@request=2,times=2")
    faults.add("error@request=6,times=*")
    names = ["Client.FullStatus"] * 8
    assert _calls(faults, *names) == [
        *(None, "close", "close", None, None),
        *("error", "error", "error"),
    ]


def test_the_first_of_two_faults_at_one_call_happens() -> None:
    faults = Faults()
    faults.add("error@Application.Deploy")
    faults.add("close@request=1,times=2")
    assert _calls(faults, "Application.Deploy", "Application.Deploy") == ["error", "close"]


def test_uploads_are_counted_apart() -> None:
    lines: list[str] = []
    faults = Faults(lines.append)
    faults.add("cut@upload=2,byte=5")
    faults.add("close@request=1")
    assert faults.at_upload("/a") is None
    fault = faults.at_upload("/b")
    assert fault is not None
    assert fault.kind == "cut"
    assert _calls(faults, "Application.Deploy") == ["close"]
    assert (
        tuple(lines)
        == faults.fired
        == (
            "fault cut@upload=2,byte=5 at /b, upload 2",
            "fault close@request=1 at Application.Deploy, request 1",
        )
    )


def test_a_fault_can_count_from_now_on() -> None:
    faults = Faults()
    assert _calls(faults, *["Client.FullStatus"] * 3) == [None, None, None]
    assert faults.add_next("close@request=2").number == 5
    faults.add_next(Fault(kind="error", place="Application.Deploy"))
    assert len(faults) == 2
    assert _calls(faults, "Client.FullStatus", "Client.FullStatus", "Application.Deploy") == [
        None,
        "close",
        "error",
    ]
    faults.add("close@request,times=*")
    faults.clear()
    assert _calls(faults, "Client.FullStatus") == [None]
    assert len(faults.fired) == 2


def test_what_can_be_ignored_is_called_so_by_a_facade() -> None:
    known = {f"{facade.name}.{method}" for facade in FACADES for method in facade.methods}
    assert known >= IGNORABLE
    assert known >= {f"{facade}.{method}" for facade, method in TIMED_CALLS}
