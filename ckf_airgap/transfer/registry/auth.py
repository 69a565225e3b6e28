"""How requests to a registry are authorised: challenges, tokens, and the ``Authorization`` header.

Distribution's token specification: a registry answers 401 with ``WWW-Authenticate``; ``Basic``
wants the login with each request, ``Bearer`` a short-lived token of the realm that it names, for
scopes such as ``repository:kubeflow/notebook:pull,push``.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from yarl import URL

from ckf_airgap.errors import LoginError
from ckf_airgap.logins.credentials import Credentials, CredentialStore
from ckf_airgap.transfer.registry.origins import Origins, address_of, how_to_allow

CLIENT_ID: Final = "ckf-airgap"

DEFAULT_LIFETIME_S: Final = 60.0
"""Seconds that a token lasts when its answer does not say (token specification)."""

_PARAMETER: Final = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME: Final = re.compile(
    r"(?:^|,)\s*([A-Za-z][A-Za-z0-9_-]*)(?=\s+[A-Za-z0-9_-]+\s*=|\s*(?:,|$))"
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry wants: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of ``WWW-Authenticate`` headers, which may have several each."""
    challenges = []
    for header in headers:
        text = header.strip()
        bare = _PARAMETER.sub(lambda match: match[0].replace(",", "\0"), text)
        starts = [match.start(1) for match in _SCHEME.finditer(bare)]
        ends = [*starts[1:], len(text)]
        for start, end in zip(starts, ends, strict=False):  # a header may name no scheme at all
            part = text[start:end]
            scheme = re.split(r"[\s,]", part, maxsplit=1)[0]
            parameters = {
                match[1].lower(): re.sub(r"\\(.)", r"\1", match[2])
                if match[2] is not None
                else match[3]
                for match in _PARAMETER.finditer(part[len(scheme) :])
            }
            challenges.append(Challenge(scheme.lower(), parameters))
    return tuple(challenges)


def pull_scope(repository: str) -> str:
    """Return the scope to read a repository."""
    return f"repository:{repository}:pull"


def push_scope(repository: str) -> str:
    """Return the scope to write a repository."""
    return f"repository:{repository}:pull,push"


class TokenFetcher(Protocol):
    """Makes a request to a token server; the session does, with its retries and its TLS."""

    async def __call__(
        self, method: str, url: URL, *, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, object]]:
        """Return the status and the JSON object of the answer."""


MOST_REFUSALS: Final = 20
"""Refused tokens after which one request is given up, whatever became of them."""

MOST_FUTILE: Final = 3
"""Refused tokens after which one request is given up when no request at all got on with them."""


@dataclass(slots=True, eq=False)
class _Token:
    """A token, or a login that goes along itself, and what became of the requests with it.

    Attributes:
        header: The ``Authorization`` header.
        expires_at: When it is not used any more.
        worked: Whether a request was accepted with it, or its time was over.
        unanswered: How many requests with it have no answer yet.
    """

    header: str = field(repr=False)
    expires_at: float = math.inf
    worked: bool = False
    unanswered: int = 0

    @property
    def is_futile(self) -> bool:
        """Whether it was never good for anything."""
        return not self.worked and not self.unanswered


class Attempts:
    """The attempts at one request: a header for each, and whether a refusal is worth another one.

    A token that is refused may have been used up by others before this request had its turn, or
    have expired on the way. So a request asks for a new one as long as the refused ones were good
    for something, to a limit. A login that may not do what is asked gets new tokens without
    end, and each is refused from the first; that is given up soon.

    Args:
        authorizer: Gives the tokens.
        scopes: What the request needs.
        repository: The repository that it is for, by which its login is chosen.
    """

    def __init__(self, authorizer: Authorizer, scopes: Sequence[str], repository: str = "") -> None:
        self._authorizer = authorizer
        self._repository = repository
        self._scopes = frozenset(scopes)
        self._sent: _Token | None = None
        self._refused: list[_Token] = []
        self._went_without = False

    async def header(self) -> str | None:
        """Return the header of the next attempt.

        Raises:
            LoginError: when the token server refuses the login.
        """
        self._sent = await self._authorizer.token(self._scopes, self._repository)
        if self._sent is None:
            return None
        self._sent.unanswered += 1
        return self._sent.header

    def accepted(self) -> None:
        """Note that the registry accepted the header."""
        if self._sent is not None:
            self._sent.worked = True
        self.end()

    def refused(self, headers: Iterable[str]) -> bool:
        """Note a 401, and return whether another attempt may help.

        Args:
            headers: The ``WWW-Authenticate`` headers of the answer.

        Raises:
            LoginError: when the registry wants something that is not understood.
        """
        token = self._sent
        self.end()
        self._authorizer.challenged(headers, self._scopes, token)
        if token is None:
            again, self._went_without = not self._went_without, True
            return again
        token.worked |= token.expires_at <= time.monotonic()
        known = {one.header for one in self._refused}
        self._refused.append(token)
        futile = sum(one.is_futile for one in self._refused)
        return (
            token.header not in known
            and not self._authorizer.is_basic(token)
            and futile < MOST_FUTILE
            and len(self._refused) < MOST_REFUSALS
        )

    def end(self) -> None:
        """End an attempt, answered or not."""
        if self._sent is not None:
            self._sent.unanswered -= 1
            self._sent = None


class Authorizer:
    """Gives each request to one registry its ``Authorization`` header.

    Args:
        host: The registry, as its login is named.
        store: The logins.
        fetch: Makes requests to token servers.
        origins: Says which token servers may be asked.
    """

    def __init__(
        self, host: str, store: CredentialStore, fetch: TokenFetcher, origins: Origins
    ) -> None:
        self._host = host
        self._store = store
        self._fetch = fetch
        self._origins = origins
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[str], _Token] = {}
        self._locks: dict[frozenset[str], asyncio.Lock] = {}
        self._named: dict[frozenset[str], str] = {}

    def attempts(self, scopes: Sequence[str], repository: str = "") -> Attempts:
        """Return the attempts at a request for `repository` that needs `scopes`."""
        return Attempts(self, scopes, repository)

    async def token(self, wanted: frozenset[str], repository: str = "") -> _Token | None:
        """Return what goes along with a request that needs some scopes, and still lasts.

        Raises:
            LoginError: when the token server refuses the login.
        """
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            login = await self._store.find(self._host, repository)
            return _Token(login.basic()) if login is not None and login.username else None
        async with self._locks.setdefault(wanted, asyncio.Lock()):
            token = self._tokens.get(wanted)
            if token is None or token.expires_at <= time.monotonic():
                token = await self._fetched(self._challenge, wanted, repository)
                self._tokens[wanted] = token
            return token

    def is_basic(self, token: _Token) -> bool:
        """Whether the registry would be given the same login again."""
        basic = self._challenge is not None and self._challenge.scheme == "basic"
        return basic and token.header.startswith("Basic ")

    def challenged(
        self, headers: Iterable[str], wanted: frozenset[str], used: _Token | None = None
    ) -> None:
        """Learn how requests are to be authorised, and forget the token that was refused.

        Args:
            headers: The ``WWW-Authenticate`` headers of the answer.
            wanted: What the request needed.
            used: What went along with it.

        Raises:
            LoginError: when the registry wants something that is not understood.
        """
        known = parse_challenges(headers)
        chosen = next((one for one in known if one.scheme == "bearer"), None) or next(
            (one for one in known if one.scheme == "basic"), None
        )
        if chosen is None:
            schemes = ", ".join(one.scheme for one in known) or "an unnamed scheme"
            raise LoginError(f"{self._host} wants a login by {schemes}, which is not supported")
        self._challenge = chosen
        if chosen.parameters.get("scope"):
            # Registries behind one name may know a repository by another.
            self._named[wanted] = chosen.parameters["scope"]
        if used is not None and self._tokens.get(wanted) is used:
            del self._tokens[wanted]

    async def refusal(self, message: str, repository: str = "") -> LoginError:
        """Return the error of a refused login, with what is known about the credentials."""
        credentials = await self._store.find(self._host, repository)
        where = f" with the login of {credentials.origin}" if credentials else " without a login"
        trouble = "".join(f"; {text}" for text in self._store.troubles)
        return LoginError(
            f"{message}{where if not credentials or credentials.origin else ''}{trouble}",
            fix=f"Log in with `docker login {self._host}` or `podman login {self._host}`, or name"
            " the file with the login: --docker-config FILE.",
        )

    async def credentials(self, repository: str = "") -> Credentials | None:
        """Return the login for a repository of this registry, or ``None``."""
        return await self._store.find(self._host, repository)

    def _realm(self, challenge: Challenge) -> URL:
        """Return the token server that the registry names."""
        named = challenge.parameters.get("realm", "")
        try:
            realm = URL(named).with_user(None)
        except ValueError:
            realm = URL()
        if realm.scheme not in ("http", "https") or not realm.host:
            raise LoginError(f"{self._host} names an invalid token server: {named[:200]!r}")
        if not self._origins.allows(realm):
            raise LoginError(
                f"{self._host} asks for its login and tokens to be sent unencrypted, to its token"
                f" server {address_of(realm)}",
                fix=how_to_allow(realm),
            )
        return realm

    async def _fetched(
        self, challenge: Challenge, scopes: frozenset[str], repository: str
    ) -> _Token:
        realm = self._realm(challenge)
        asked = sorted(scopes | frozenset(self._named.get(scopes, "").split()))
        credentials = await self._store.find(self._host, repository)
        parameters = [("service", challenge.parameters.get("service", ""))]
        parameters += [("scope", scope) for scope in asked]
        started = time.monotonic()
        if credentials is not None and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": challenge.parameters.get("service", ""),
                "scope": " ".join(asked),
                "client_id": CLIENT_ID,
                "refresh_token": credentials.identity_token,
            }
            status, answer = await self._fetch("POST", realm, headers={}, form=form)
        else:
            headers = {"Authorization": credentials.basic()} if credentials else {}
            url = realm.update_query([*realm.query.items(), *(one for one in parameters if one[1])])
            status, answer = await self._fetch("GET", url, headers=headers, form=None)
        text = answer.get("token") or answer.get("access_token")
        if status in (400, 401, 403):
            raise await self.refusal(
                f"the token server {realm.host} of {self._host} answered {status}", repository
            )
        if status != 200 or not isinstance(text, str) or not text:
            raise LoginError(
                f"the token server {realm.host} of {self._host} sent no token (status {status})"
            )
        lasts = answer.get("expires_in")
        lifetime = (
            float(lasts) if isinstance(lasts, int | float) and lasts > 0 else (DEFAULT_LIFETIME_S)
        )
        margin = min(10.0, lifetime / 5)
        return _Token(f"Bearer {text}", started + lifetime - margin)
