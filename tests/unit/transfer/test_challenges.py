"""Challenges of ``WWW-Authenticate`` (RFC 9110): whatever is written is read as it was meant."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.transfer.registry.auth import (
    Challenge,
    parse_challenges,
    pull_scope,
    push_scope,
)

names = st.text(string.ascii_letters, min_size=1, max_size=8)
tokens = st.text(string.ascii_letters + string.digits + "-._~/:", min_size=1, max_size=20)
texts = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=40)
spaces = st.sampled_from(["", " ", "  "])
parameters = st.dictionaries(names.map(str.lower), st.one_of(tokens, texts), max_size=4)
challenges = st.builds(Challenge, names.map(str.lower), parameters)


def written(challenge: Challenge, quote_all: bool, space: str) -> str:
    """Write a challenge, values in quotes where they must be or all of them."""
    parts = []
    for name, value in challenge.parameters.items():
        plain = value and not set(value) - set(string.ascii_letters + string.digits + "-._~/:")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        shown = value if plain and not quote_all else f'"{quoted}"'
        parts.append(f"{name}{space}={space}{shown}")
    separator = f"{space},{space}"
    return f"{challenge.scheme.title()} {separator.join(parts)}".strip()


@given(st.lists(challenges, max_size=3), st.booleans(), spaces)
def test_challenges_in_headers_of_their_own_are_read_as_they_were_meant(
    given_challenges: list[Challenge], quote_all: bool, space: str
) -> None:
    headers = [written(one, quote_all, space) for one in given_challenges]
    assert parse_challenges(headers) == tuple(given_challenges)


@given(st.lists(challenges, min_size=1, max_size=3), st.booleans(), spaces)
def test_challenges_in_one_header_are_told_apart(
    given_challenges: list[Challenge], quote_all: bool, space: str
) -> None:
    header = ", ".join(written(one, quote_all, space) for one in given_challenges)
    assert parse_challenges([header]) == tuple(given_challenges)


@given(st.lists(st.text(max_size=60), max_size=3))
def test_reading_never_fails_and_schemes_and_names_are_in_lower_case(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()
        assert all(name == name.lower() for name in challenge.parameters)


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="https://h/token?x=1,2",service="a, Basic realm=x",scope="r:a:pull,push"',
        'Bearer service="a, Basic realm=x", realm="https://h/token?x=1,2",scope="r:a:pull,push"',
    ],
)
def test_commas_and_schemes_within_quotes_separate_nothing(header: str) -> None:
    (challenge,) = parse_challenges([header])
    assert challenge == Challenge(
        "bearer",
        {
            "realm": "https://h/token?x=1,2",
            "service": "a, Basic realm=x",
            "scope": "r:a:pull,push",
        },
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ()),
        (["", " ", '="x"'], ()),
        (["Basic"], (Challenge("basic", {}),)),
        (['Basic realm="a, b"'], (Challenge("basic", {"realm": "a, b"}),)),
        (
            ['Bearer realm="https://h/t",service="s s",scope="repository:a/b:pull,push"'],
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://h/t",
                        "service": "s s",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        (
            ['BASIC realm=x, bearer realm="y" , service=z'],
            (
                Challenge("basic", {"realm": "x"}),
                Challenge("bearer", {"realm": "y", "service": "z"}),
            ),
        ),
        (
            ["Negotiate", 'Basic realm="a \\"quoted\\" word"'],
            (Challenge("negotiate", {}), Challenge("basic", {"realm": 'a "quoted" word'})),
        ),
        (
            ["Negotiate, Basic realm=x"],
            (Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})),
        ),
    ],
)
def test_challenges_are_read(headers: list[str], expected: tuple[Challenge, ...]) -> None:
    assert parse_challenges(headers) == expected


def test_scopes_name_the_repository_and_what_is_done() -> None:
    assert pull_scope("a/b") == "repository:a/b:pull"
    assert push_scope("a/b") == "repository:a/b:pull,push"
