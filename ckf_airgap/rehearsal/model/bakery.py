"""Macaroons of local users, which let in a user who has given a password before.

Two bakeries, as ``apiserver/stateauthenticator/context.go`` has them. The first mints a login
macaroon with a third-party caveat, "declare that this is an authenticated user", which is addressed
to this same controller. The second discharges that caveat for a user with a password, or with the
short-lived macaroon issued by registration. Keys live as long as the process.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

from macaroonbakery import bakery, checkers
from pymacaroons import Macaroon as RawMacaroon
from pymacaroons.serializers.json_serializer import JsonSerializer

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.wire import DISCHARGE_REQUIRED, ApiError

LOGIN_LIFETIME: Final = timedelta(hours=24)
"""How long a login macaroon is valid."""

INTERACTION_LIFETIME: Final = timedelta(minutes=2)
"""How long a user who has just registered may log in without a password."""

_USERNAME: Final = "username"
_IS_AUTHENTICATED: Final = "is-authenticated-user"
_NAMESPACE: Final = "github.com/juju/juju"
_MAX_TOKENS: Final = 1024
_MAX_MACAROONS: Final = 128
"""The maximum number of macaroons per request, discharges included: verifying them blocks."""

Macaroons: TypeAlias = list[Any]
"""A macaroon with its discharges, as the library represents them."""


class DischargeRequiredError(ApiError):
    """A refusal that carries the macaroon to discharge in order to log in.

    Args:
        message: What is wrong with the macaroons in the request, if there were any.
        legacy: The macaroon in the form that clients of the old bakery read.
        current: The same for current clients, with the caveat's content alongside.
    """

    def __init__(self, message: str, *, legacy: Document, current: Document) -> None:
        info: Document = {"macaroon": legacy, "bakery-macaroon": current, "macaroon-path": "/"}
        super().__init__(message, DISCHARGE_REQUIRED, info)
        self.legacy = legacy
        self.current = current


class InteractionRequiredError(Exception):
    """A caveat that cannot be discharged until the user gives a password."""


class DischargeRefusedError(Exception):
    """A caveat that cannot be discharged, with the reason."""


@dataclass(frozen=True, slots=True)
class _Locator:
    """Locates third parties and their keys: the third party is always this controller."""

    key: Any

    def third_party_info(self, _location: str) -> Any:
        return bakery.ThirdPartyInfo(version=bakery.LATEST_VERSION, public_key=self.key.public_key)


class LocalBakery:
    """Mints, checks and discharges the macaroons of one controller's local users.

    Args:
        clock: Returns the time, in UTC.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._clock = clock
        self._discharge_key = bakery.generate_key()
        self._logins = bakery.Oven(
            key=bakery.generate_key(),
            location="juju",
            locator=_Locator(self._discharge_key),
            namespace=checkers.Checker().namespace(),
        )
        self._registrations = bakery.Oven(
            key=self._discharge_key, location="juju", namespace=checkers.Checker().namespace()
        )
        self._tokens: dict[str, str] = {}

    @property
    def public_key(self) -> str:
        """The public key that caveats for this controller are encrypted to, in base64."""
        return str(self._discharge_key.public_key)

    def login_macaroon(
        self, user_id: str, *, identity_url: str, version: int, why: str
    ) -> DischargeRequiredError:
        """Return the error that asks a client to discharge a macaroon.

        Args:
            user_id: The user who wants to log in.
            identity_url: Where to request the discharge.
            version: The bakery protocol version that the client speaks.
            why: What is wrong with the macaroons in the request.
        """
        condition = f"{_IS_AUTHENTICATED} {user_id}"
        caveat = checkers.Caveat(condition=condition, location=identity_url)
        macaroon = self._logins.macaroon(
            _understood(version),
            self._clock() + LOGIN_LIFETIME,
            [checkers.need_declared_caveat(caveat, [_USERNAME])],
            [bakery.LOGIN_OP],
        )
        return DischargeRequiredError(
            why, legacy=_to_document(macaroon.macaroon), current=macaroon.to_dict()
        )

    def user_of(self, macaroons: Sequence[Macaroons]) -> str:
        """Return the user that the first valid login macaroon belongs to.

        Raises:
            ApiError: when none is valid, with the reason; ``permission denied`` without macaroons.
        """
        reason = "permission denied"
        for index, slice_ in enumerate(macaroons):
            try:
                declared = self._verified(self._logins, slice_, {})
            except _InvalidError as error:
                reason = str(error) if index == 0 else reason
                continue
            return declared.get(_USERNAME, "")
        raise ApiError(reason)

    def registration_macaroons(self, user_id: str, *, version: int) -> Macaroons:
        """Return a macaroon that proves, for two minutes, that a user has just registered."""
        macaroon = self._registrations.macaroon(
            _understood(version),
            self._clock() + INTERACTION_LIFETIME,
            [checkers.Caveat(condition=f"{_IS_AUTHENTICATED} {user_id}")],
            [bakery.LOGIN_OP],
        )
        return [macaroon.macaroon]

    def new_token(self, user_id: str) -> str:
        """Return a token that discharges one caveat for a user who has given a password."""
        while len(self._tokens) >= _MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        token = secrets.token_hex(12)
        self._tokens[token] = user_id
        return token

    def discharge(
        self,
        caveat_id: bytes,
        caveat: bytes | None,
        *,
        token: tuple[str, str] | None,
        macaroons: Sequence[Macaroons],
    ) -> Document:
        """Return the discharge macaroon for a caveat of a login macaroon.

        Args:
            caveat_id: The caveat's id; also its encrypted content unless that is sent separately.
            caveat: The encrypted content.
            token: Kind and value of the token issued by the login form.
            macaroons: The macaroons the client presents instead.

        Raises:
            InteractionRequiredError: when the client has to give a password first.
            DischargeRefusedError: when the caveat cannot be discharged.
        """
        checker = _CaveatChecker(lambda user_id: self._check_user(user_id, token, macaroons))
        try:
            discharged = bakery.discharge(
                checkers.AuthContext(),
                id=caveat_id,
                caveat=caveat,
                key=self._discharge_key,
                checker=checker,
                locator=None,
            )
        except (InteractionRequiredError, DischargeRefusedError):
            raise
        except Exception as error:
            raise DischargeRefusedError(f"cannot discharge: {error}") from error
        document: Document = discharged.to_dict()
        return document

    def _check_user(
        self, user_id: str, token: tuple[str, str] | None, macaroons: Sequence[Macaroons]
    ) -> list[Any]:
        """Return what to declare about a user; raise unless the requester has proved identity."""
        if token is None:
            if not self._has_registered(user_id, macaroons):
                raise InteractionRequiredError
        else:
            kind, value = token
            owner = self._tokens.pop(value, None)
            if kind != "juju_userpass" or owner is None:
                raise DischargeRefusedError("cannot discharge: invalid token")
            if owner != user_id:
                raise DischargeRefusedError(
                    f'cannot discharge: discharge token for user "{owner}" does not match '
                    f'declared user "{user_id}"'
                )
        return [
            checkers.declared_caveat(_USERNAME, user_id),
            checkers.time_before_caveat(self._clock() + LOGIN_LIFETIME),
        ]

    def _has_registered(self, user_id: str, macaroons: Sequence[Macaroons]) -> bool:
        allowed = {_IS_AUTHENTICATED: user_id}
        for slice_ in macaroons:
            try:
                self._verified(self._registrations, slice_, allowed)
            except _InvalidError:
                continue
            return True
        return False

    def _verified(self, oven: Any, slice_: Macaroons, allowed: dict[str, str]) -> dict[str, str]:
        """Return what a macaroon and its discharges declare, after checking their conditions."""
        try:
            operations, conditions = oven.macaroon_ops(slice_)
        except Exception as error:
            raise _InvalidError(str(error)) from error
        if bakery.LOGIN_OP not in operations or not conditions:
            raise _InvalidError("invalid login macaroon")
        declared: dict[str, str] = checkers.infer_declared(slice_, checkers.Checker().namespace())
        context = checkers.context_with_declared(checkers.AuthContext(), declared)
        context = checkers.context_with_clock(context, _Clock(self._clock))
        checker = checkers.Checker()
        checker.namespace().register(_NAMESPACE, "")
        if allowed:
            checker.register(
                _IS_AUTHENTICATED,
                _NAMESPACE,
                lambda _context, name, argument: (
                    None if allowed[name] == argument else "another user"
                ),
            )
        for condition in conditions:
            problem = checker.check_first_party_caveat(context, condition)
            if problem is not None:
                raise _InvalidError(problem)
        return declared


class _InvalidError(Exception):
    """A macaroon that is not valid for a login."""


@dataclass(frozen=True, slots=True)
class _Clock:
    """The clock in the form the library expects: naive, without a time zone."""

    clock: Callable[[], datetime]

    def utcnow(self) -> datetime:
        return self.clock().astimezone(timezone.utc).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class _CaveatChecker:
    """Parses a caveat's condition and leaves the decision to `check`."""

    check: Callable[[str], list[Any]]

    def check_third_party_caveat(self, _context: Any, info: Any) -> list[Any]:
        name, user_id = checkers.parse_caveat(info.condition)
        if name != _IS_AUTHENTICATED:
            raise DischargeRefusedError("cannot discharge: caveat not recognized")
        return self.check(user_id)


def _understood(version: int) -> int:
    """Return the bakery version to speak to a client; the oldest if it names none."""
    spoken: int = max(bakery.VERSION_1, min(version, bakery.LATEST_VERSION))
    return spoken


def macaroons_from_documents(documents: Sequence[JSONValue]) -> list[Macaroons]:
    """Return the macaroons of a login request: a list of lists of macaroons in JSON.

    Raises:
        ApiError: when the documents are malformed, or there are too many macaroons.
    """
    found = []
    count = 0
    for slice_ in documents:
        if not isinstance(slice_, list):
            raise ApiError("json: cannot unmarshal macaroons")
        count += len(slice_)
        if count > _MAX_MACAROONS:
            raise ApiError(f"more than {_MAX_MACAROONS} macaroons in one request")
        found.append([_from_document(item) for item in slice_])
    return [slice_ for slice_ in found if slice_]


def macaroons_from_text(text: str) -> Macaroons | None:
    """Parse the macaroons in a cookie or header; ``None`` if it holds no list of macaroons."""
    padded = text.replace("-", "+").replace("_", "/")
    try:
        decoded = json.loads(base64.b64decode(padded + "=" * (-len(padded) % 4)))
        (found,) = macaroons_from_documents([decoded])
    except (binascii.Error, ValueError, RecursionError, ApiError):
        return None
    return found


def macaroons_as_text(macaroons: Macaroons) -> str:
    """Return macaroons in the form cookies hold: a base64-encoded JSON list."""
    text = json.dumps([_to_document(macaroon) for macaroon in macaroons], separators=(",", ":"))
    return base64.b64encode(text.encode()).decode("ascii")


def signature_of(macaroons: Macaroons) -> str:
    """Return the signature of the first macaroon in hex, which cookies are named after."""
    return str(macaroons[0].signature)


def _to_document(macaroon: Any) -> Document:
    document: Document = json.loads(macaroon.serialize(JsonSerializer()))
    return document


def _from_document(document: JSONValue) -> Any:
    try:
        return RawMacaroon.deserialize(json.dumps(document), JsonSerializer())
    except Exception as error:
        raise ApiError("json: cannot unmarshal macaroon") from error
