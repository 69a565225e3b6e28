"""Macaroons of logins: minted, discharged, checked, expired."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from macaroonbakery import bakery, checkers

from ckf_airgap.rehearsal.model.bakery import (
    DischargeRefusedError,
    DischargeRequiredError,
    InteractionRequiredError,
    LocalBakery,
    macaroons_as_text,
    macaroons_from_documents,
    macaroons_from_text,
)
from ckf_airgap.rehearsal.wire import ApiError

WHERE = "https://127.0.0.1:17070/auth"
VERSIONS = (0, 1, 2, 3, 99)


class Time:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def local(time: Time) -> LocalBakery:
    return LocalBakery(time)


def login_macaroon(local: LocalBakery, user: str = "bob", version: int = 3) -> Any:
    error = local.login_macaroon(user, identity_url=WHERE, version=version, why="no macaroon")
    return bakery.Macaroon.from_dict(error.current)


def discharged(local: LocalBakery, macaroon: Any, **proof: Any) -> list[Any]:
    """Return the macaroon with its discharge, as a client puts them together."""

    def discharge(caveat: Any, content: bytes | None) -> Any:
        given = {"token": None, "macaroons": []} | proof
        return bakery.Macaroon.from_dict(local.discharge(caveat.caveat_id_bytes, content, **given))

    found: list[Any] = bakery.discharge_all(macaroon, discharge)
    return found


def token(local: LocalBakery, user: str = "bob") -> tuple[str, str]:
    return "juju_userpass", local.new_token(user)


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_shown_a_password_is_let_in_for_a_day(
    local: LocalBakery, time: Time, version: int
) -> None:
    found = discharged(local, login_macaroon(local, version=version), token=token(local))
    assert local.user_of([found]) == "bob"
    time.now += timedelta(hours=23, minutes=59)
    assert local.user_of([found]) == "bob"
    time.now += timedelta(minutes=1)
    with pytest.raises(ApiError, match="macaroon has expired"):
        local.user_of([found])


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_just_registered_needs_no_password(
    local: LocalBakery, time: Time, version: int
) -> None:
    shown = local.registration_macaroons("bob", version=version)
    found = discharged(local, login_macaroon(local, version=version), macaroons=[shown])
    assert local.user_of([found]) == "bob"
    time.now += timedelta(minutes=2)
    with pytest.raises(InteractionRequiredError):
        discharged(local, login_macaroon(local), macaroons=[shown])


def test_without_proof_the_client_has_to_interact(local: LocalBakery) -> None:
    with pytest.raises(InteractionRequiredError):
        discharged(local, login_macaroon(local))


def test_who_has_registered_is_nobody_else(local: LocalBakery) -> None:
    shown = local.registration_macaroons("bob", version=3)
    with pytest.raises(InteractionRequiredError):
        discharged(local, login_macaroon(local, "admin"), macaroons=[shown])


def test_a_token_is_good_once_and_for_its_user(local: LocalBakery) -> None:
    shown = token(local)
    discharged(local, login_macaroon(local), token=shown)
    with pytest.raises(DischargeRefusedError, match="invalid token"):
        discharged(local, login_macaroon(local), token=shown)
    with pytest.raises(DischargeRefusedError, match='"bob" does not match declared user "admin"'):
        discharged(local, login_macaroon(local, "admin"), token=token(local))
    with pytest.raises(DischargeRefusedError, match="invalid token"):
        discharged(local, login_macaroon(local), token=("agent", local.new_token("bob")))


def test_old_tokens_give_way(local: LocalBakery) -> None:
    first = token(local)
    for _ in range(1024):
        local.new_token("bob")
    with pytest.raises(DischargeRefusedError, match="invalid token"):
        discharged(local, login_macaroon(local), token=first)


def test_the_content_of_a_caveat_is_for_this_controller_alone(local: LocalBakery) -> None:
    with pytest.raises(DischargeRefusedError, match="cannot discharge"):
        discharged(LocalBakery(), login_macaroon(local), token=("juju_userpass", "x"))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda found: found[:1], id="undischarged"),
        pytest.param(lambda found: found[1:], id="discharge alone"),
        pytest.param(
            lambda found: [added(found[0], "declared username admin"), *found[1:]], id="two users"
        ),
        pytest.param(lambda found: [added(found[0], "shout loudly"), *found[1:]], id="unknown"),
    ],
)
def test_what_is_no_login_lets_nobody_in(
    local: LocalBakery, spoil: Callable[[list[Any]], list[Any]]
) -> None:
    found = discharged(local, login_macaroon(local), token=token(local))
    with pytest.raises(ApiError):
        local.user_of([spoil(found)])
    assert local.user_of([spoil(found), found]) == "bob"


def added(macaroon: Any, condition: str) -> Any:
    """Return a macaroon with one more condition, which everybody may add."""
    copy = macaroon.copy()
    copy.add_first_party_caveat(condition)
    return copy


def test_macaroons_of_another_controller_are_none(local: LocalBakery) -> None:
    other = LocalBakery()
    found = discharged(other, login_macaroon(other), token=token(other))
    with pytest.raises(ApiError):
        local.user_of([found])


def test_no_macaroon_at_all_is_permission_denied(local: LocalBakery) -> None:
    with pytest.raises(ApiError, match=r"^permission denied$"):
        local.user_of([])


def test_a_registration_is_no_login(local: LocalBakery) -> None:
    with pytest.raises(ApiError):
        local.user_of([local.registration_macaroons("bob", version=3)])


def test_another_caveat_is_not_recognised(local: LocalBakery) -> None:
    oven = bakery.Oven(key=bakery.generate_key(), location="x", locator=Elsewhere(local.public_key))
    caveat = checkers.Caveat(location=WHERE, condition="has-permission")
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    macaroon = oven.macaroon(3, soon, [caveat], [bakery.LOGIN_OP])
    with pytest.raises(DischargeRefusedError, match="caveat not recognized"):
        discharged(local, macaroon)


class Elsewhere:
    """Finds the key of a discharger without asking it."""

    def __init__(self, key: str) -> None:
        self.key = bakery.PublicKey.deserialize(key)

    def third_party_info(self, _location: str) -> Any:
        return bakery.ThirdPartyInfo(version=3, public_key=self.key)


def test_the_refusal_holds_the_macaroon_in_both_shapes(local: LocalBakery) -> None:
    error = local.login_macaroon("bob", identity_url=WHERE, version=3, why="macaroon has expired")
    assert isinstance(error, DischargeRequiredError)
    assert (error.message, error.code) == ("macaroon has expired", "macaroon discharge required")
    assert error.http_status == 401
    assert error.current["m"] == error.legacy
    assert error.as_document()["info"] == {
        "macaroon": error.legacy,
        "bakery-macaroon": error.current,
        "macaroon-path": "/",
    }


def test_macaroons_survive_cookies_and_requests(local: LocalBakery) -> None:
    found = discharged(local, login_macaroon(local), token=token(local))
    text = macaroons_as_text(found)
    again = macaroons_from_text(text)
    assert again is not None
    assert local.user_of([again]) == "bob"
    urlsafe = macaroons_from_text(text.replace("+", "-").replace("/", "_").rstrip("="))
    assert urlsafe is not None
    assert local.user_of([urlsafe]) == "bob"


@pytest.mark.parametrize("text", ["", "!", "e30=", "bnVsbA==", "W10=", "W251bGxd", "W3siYSI6MX1d"])
def test_what_is_no_list_of_macaroons_is_ignored(text: str) -> None:
    assert macaroons_from_text(text) is None


@pytest.mark.parametrize("documents", [["x"], [[1]], [[{"a": 1}]], [{}]])
def test_a_login_request_with_something_else_is_refused(documents: list[Any]) -> None:
    with pytest.raises(ApiError, match="cannot unmarshal"):
        macaroons_from_documents(documents)


def test_macaroons_beyond_any_need_are_not_even_read(local: LocalBakery) -> None:
    found = discharged(local, login_macaroon(local), token=token(local))
    document = json.loads(base64.b64decode(macaroons_as_text(found)))
    assert len(macaroons_from_documents([document] * 64)) == 64
    with pytest.raises(ApiError, match="more than 128 macaroons"):
        macaroons_from_documents([document] * 64 + [[None]])
