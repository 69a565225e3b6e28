"""How a registry wants to be asked: challenges, tokens, and the ``Authorization`` header.

Distribution's token specification: a registry answers 401 with ``WWW-Authenticate``; ``Basic``
wants the login with each request, ``Bearer`` a short-lived token of the realm that it names, for
scopes such as ``repository:kubeflow/notebook:pull,push``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from yarl import URL

from ckf_airgap.errors import LoginError
from ckf_airgap.transfer.registry.credentials import Credentials, CredentialStore

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
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
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


@dataclass(frozen=True, slots=True)
class _Token:
    header: str = field(repr=False)
    expires_at: float


class Authorizer:
    """Gives each request to one registry its ``Authorization`` header.

    Args:
        host: The registry, as its login is named.
        store: The logins.
        fetch: Makes requests to token servers.
        plain_http: Whether credentials may go to a token server over plain HTTP.
    """

    def __init__(
        self, host: str, store: CredentialStore, fetch: TokenFetcher, *, plain_http: bool
    ) -> None:
        self._host = host
        self._store = store
        self._fetch = fetch
        self._plain_http = plain_http
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[str], _Token] = {}
        self._locks: dict[frozenset[str], asyncio.Lock] = {}
        self._named: dict[frozenset[str], str] = {}

    async def header(self, scopes: Sequence[str]) -> str | None:
        """Return the header for a request that needs `scopes`, from a token that still lasts.

        Raises:
            LoginError: when the token server refuses the login.
        """
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            login = await self._store.find(self._host)
            return login.basic() if login is not None and login.username else None
        wanted = frozenset(scopes)
        async with self._locks.setdefault(wanted, asyncio.Lock()):
            token = self._tokens.get(wanted)
            if token is None or token.expires_at <= time.monotonic():
                token = await self._token(self._challenge, wanted)
                self._tokens[wanted] = token
            return token.header

    async def challenged(
        self, headers: Iterable[str], scopes: Sequence[str], used: str | None
    ) -> bool:
        """Take note of a 401, and say whether asking again may help.

        Args:
            headers: The ``WWW-Authenticate`` headers of the answer.
            scopes: What the request needed.
            used: The header that was refused.

        Raises:
            LoginError: when the registry wants something that is not understood.
        """
        known = parse_challenges(headers)
        chosen = next((one for one in known if one.scheme == "bearer"), None) or next(
            (one for one in known if one.scheme == "basic"), None
        )
        if chosen is None:
            schemes = ", ".join(one.scheme for one in known) or "nothing that it names"
            raise LoginError(f"{self._host} wants a login by {schemes}, which is not supported")
        repeated = used is not None and chosen.scheme == "basic"
        self._challenge = chosen
        wanted = frozenset(scopes)
        if chosen.parameters.get("scope"):
            # Registries behind one name may know a repository by another.
            self._named[wanted] = chosen.parameters["scope"]
        token = self._tokens.get(wanted)
        if token is not None and token.header == used:
            del self._tokens[wanted]
        return not repeated

    async def refusal(self, message: str) -> LoginError:
        """Return the error of a refused login, with what is known about the credentials."""
        credentials = await self._store.find(self._host)
        where = f" with the login of {credentials.origin}" if credentials else " without a login"
        trouble = "".join(f"; {text}" for text in self._store.troubles)
        return LoginError(
            f"{message}{where if not credentials or credentials.origin else ''}{trouble}",
            fix=f"Log in with `docker login {self._host}` or `podman login {self._host}`, or name"
            " the file with the login: --docker-config FILE.",
        )

    async def credentials(self) -> Credentials | None:
        """Return the login for this registry, or ``None``."""
        return await self._store.find(self._host)

    async def _token(self, challenge: Challenge, scopes: frozenset[str]) -> _Token:
        realm = URL(challenge.parameters.get("realm", ""))
        if realm.scheme not in ("http", "https") or not realm.host:
            raise LoginError(f"{self._host} names the token server {str(realm)[:200]!r}")
        asked = sorted(scopes | frozenset(self._named.get(scopes, "").split()))
        credentials = await self._store.find(self._host)
        if credentials is not None and realm.scheme == "http" and not self._plain_http:
            raise LoginError(
                f"{self._host} would have its credentials sent to {realm.host} unencrypted",
                fix=f"If that is meant, allow it with --plain-http {self._host}.",
            )
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
                f"the token server {realm.host} of {self._host} answered {status}"
            )
        if status != 200 or not isinstance(text, str) or not text:
            raise LoginError(
                f"the token server {realm.host} of {self._host} gave no token (status {status})"
            )
        lasts = answer.get("expires_in")
        lifetime = (
            float(lasts) if isinstance(lasts, int | float) and lasts > 0 else (DEFAULT_LIFETIME_S)
        )
        margin = min(10.0, lifetime / 5)
        return _Token(f"Bearer {text}", started + lifetime - margin)
