"""How often one request asks for a token: as long as the refused ones were good for something."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest
from yarl import URL

from ckf_airgap.errors import LoginError
from ckf_airgap.logins.credentials import Credentials, CredentialStore
from ckf_airgap.transfer.registry.auth import MOST_FUTILE, MOST_REFUSALS, Authorizer
from ckf_airgap.transfer.registry.endpoint import Endpoint
from ckf_airgap.transfer.registry.origins import Origins

HOST = "reg.example"
SCOPES = ("repository:some/image:pull,push",)
BEARER = ['Bearer realm="https://tokens.example/token",service="s"']
BASIC = ['Basic realm="x"']


class Tokens:
    """A token server.

    Attributes:
        asked: How often it was asked.
        same: Whether it gives one token again and again.
        lifetime_s: Seconds that a token lasts.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.same = False
        self.lifetime_s = 300.0

    async def __call__(
        self, method: str, url: URL, *, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, object]]:
        assert (method, url.host, form) == ("GET", "tokens.example", None)
        assert set(headers) <= {"Authorization"}
        self.asked += 1
        token = "the-same" if self.same else f"token-{self.asked}"
        return 200, {"token": token, "expires_in": self.lifetime_s}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def authorizer(tokens: Tokens) -> Authorizer:
    """The authorizer of a registry that wants tokens."""
    made = authorizer_of(tokens)
    made.challenged(BEARER, frozenset())
    return made


def authorizer_of(tokens: Tokens) -> Authorizer:
    login = Credentials(username="u", password="p")
    store = CredentialStore((), given={HOST: login})
    return Authorizer(HOST, store, tokens, Origins(Endpoint(HOST), ()))


async def accept(authorizer: Authorizer) -> str | None:
    """Make another request, which is accepted."""
    attempts = authorizer.attempts(SCOPES)
    header = await attempts.header()
    attempts.accepted()
    return header


def refused_until_final(answers: Iterable[bool]) -> int:
    """Return how many refusals it takes until one is final."""
    for count, again in enumerate(answers, 1):
        if not again:
            return count
    raise AssertionError("it never ends")


async def test_tokens_that_others_used_up_are_asked_for_anew_to_a_limit(
    authorizer: Authorizer, tokens: Tokens
) -> None:
    attempts = authorizer.attempts(SCOPES)
    answers = []
    for _ in range(2 * MOST_REFUSALS):
        header = await attempts.header()
        assert await accept(authorizer) == header
        answers.append(attempts.refused(BEARER))
    assert refused_until_final(answers) == MOST_REFUSALS
    assert tokens.asked == 2 * MOST_REFUSALS


async def test_a_token_that_others_used_up_before_its_turn_counts_as_used(
    authorizer: Authorizer,
) -> None:
    attempts = authorizer.attempts(SCOPES)
    for _ in range(MOST_FUTILE + 2):
        await accept(authorizer)
        await attempts.header()
        assert attempts.refused(BEARER)
    assert await attempts.header() == await accept(authorizer)


async def test_tokens_that_are_refused_from_the_first_are_given_up_soon(
    authorizer: Authorizer, tokens: Tokens
) -> None:
    """As for a login that may not write: each token is new, and none allows it."""
    attempts = authorizer.attempts(SCOPES)
    answers = []
    for _ in range(MOST_FUTILE):
        await attempts.header()
        answers.append(attempts.refused(BEARER))
    assert refused_until_final(answers) == MOST_FUTILE == tokens.asked


async def test_what_others_get_on_a_token_is_waited_for_before_it_counts_as_futile(
    authorizer: Authorizer,
) -> None:
    """A refusal often comes before the answer to a request that the token was used up by."""
    attempts = authorizer.attempts(SCOPES)
    others = [authorizer.attempts(SCOPES) for _ in range(MOST_FUTILE + 1)]
    for other in others:
        await other.header()
        await attempts.header()
        assert attempts.refused(BEARER)
    for other in others:
        assert other.refused(BEARER)  # so that none of the tokens was good for anything
    await attempts.header()
    assert not attempts.refused(BEARER)


async def test_a_request_that_is_cut_proves_nothing_about_its_token(
    authorizer: Authorizer,
) -> None:
    attempts = authorizer.attempts(SCOPES)
    answers = []
    for _ in range(MOST_FUTILE):
        other = authorizer.attempts(SCOPES)
        assert await other.header() == await attempts.header()
        other.end()
        answers.append(attempts.refused(BEARER))
    assert refused_until_final(answers) == MOST_FUTILE


async def test_a_token_that_expired_on_the_way_is_asked_for_anew(
    authorizer: Authorizer, tokens: Tokens
) -> None:
    tokens.lifetime_s = 0.02
    attempts = authorizer.attempts(SCOPES)
    for _ in range(MOST_FUTILE + 1):
        await attempts.header()
        await asyncio.sleep(0.03)
        assert attempts.refused(BEARER)


async def test_the_same_token_again_is_final(authorizer: Authorizer, tokens: Tokens) -> None:
    tokens.same = True
    attempts = authorizer.attempts(SCOPES)
    await accept(authorizer)
    await attempts.header()
    assert attempts.refused(BEARER)
    await attempts.header()
    assert not attempts.refused(BEARER)


async def test_a_refused_login_is_not_sent_again(tokens: Tokens) -> None:
    authorizer = authorizer_of(tokens)
    attempts = authorizer.attempts(SCOPES)
    assert await attempts.header() is None  # it is not known yet that a login is wanted
    assert attempts.refused(BASIC)
    assert (await attempts.header() or "").startswith("Basic ")
    assert not attempts.refused(BASIC)


async def test_a_registry_that_wants_tokens_after_all_is_asked_once_more(tokens: Tokens) -> None:
    authorizer = authorizer_of(tokens)
    authorizer.challenged(BASIC, frozenset())
    attempts = authorizer.attempts(SCOPES)
    assert (await attempts.header() or "").startswith("Basic ")
    assert attempts.refused(BEARER)
    assert await attempts.header() == "Bearer token-1"


async def test_a_registry_that_wants_something_else_is_an_error(authorizer: Authorizer) -> None:
    attempts = authorizer.attempts(SCOPES)
    await attempts.header()
    with pytest.raises(LoginError, match="wants a login by negotiate"):
        attempts.refused(["Negotiate"])
