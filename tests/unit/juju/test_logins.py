"""The macaroons that the juju client has kept as cookies."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.logins import as_header, as_login_field, read_macaroons

UUID = "e1bfbb6f-2a2d-449d-aee5-87c7c011ddfc"
NOW = datetime(2026, 11, 25, 16, 0, tzinfo=timezone.utc)


def cookie(**changes: Any) -> dict[str, Any]:
    kept = {"Name": "macaroon-a", "Value": "W10=", "Domain": UUID, "Path": "/"}
    return {**kept, "Expires": "2026-11-25T16:00:01.5Z", **changes}


def jar(directory: Path, content: str) -> Path:
    (directory / "cookies").mkdir()
    (directory / "cookies" / "prod.json").write_text(content)
    return directory


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"Expires": None}, True),
        ({"Expires": "2026-11-25T18:00:01+02:00"}, True),
        ({"Expires": "2026-11-25T16:00:00Z"}, False),
        ({"Expires": "2026-11-25T17:59:59.123456789+02:00"}, False),
        ({"Domain": "elsewhere.example"}, False),
        ({"Name": "session"}, False),
        ({"Name": None}, False),
    ],
)
def test_which_cookies_let_in(tmp_path: Path, changes: dict[str, Any], counts: bool) -> None:
    directory = jar(tmp_path, json.dumps([cookie(**changes), None, "x"]))
    found = read_macaroons(directory, "prod", UUID, now=NOW)
    assert found == ({"macaroon-a": "W10="} if counts else {})


@pytest.mark.parametrize("content", ["null", "[]", "{}"])
def test_a_jar_with_nothing_in_it(tmp_path: Path, content: str) -> None:
    assert read_macaroons(jar(tmp_path, content), "prod", UUID) == {}


def test_no_jar(tmp_path: Path) -> None:
    assert read_macaroons(tmp_path, "prod", UUID) == {}


def test_a_jar_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match=r"cannot read the logins in .*prod\.json") as caught:
        read_macaroons(jar(tmp_path, "["), "prod", UUID)
    assert "juju login -c prod" in caught.value.fix


def test_a_jar_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="too large for a cookie jar"):
        read_macaroons(jar(tmp_path, " " * (4 * 1024 * 1024 + 1)), "prod", UUID)


def test_what_requests_hold() -> None:
    macaroons = [{"i": "x"}]
    value = base64.b64encode(json.dumps(macaroons).encode()).decode().rstrip("=")
    cookies = {"macaroon-a": value, "macaroon-b": "!", "macaroon-c": "A"}
    assert as_login_field(cookies) == [macaroons]
    assert as_header({"macaroon-a": "x", "macaroon-b": "y"}) == "macaroon-a=x; macaroon-b=y"
    assert as_header({}) == ""
