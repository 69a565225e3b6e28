"""Challenges, refusals, retries and proxies: what is read from headers, answers and variables."""

from __future__ import annotations

import email.utils
import time

import pytest
from yarl import URL

from ckf_airgap.errors import AirgapError, InputError, StorageFullError, TransferError
from ckf_airgap.net.limits import Limits, Retries
from ckf_airgap.net.patience import Health, Patience, TransientError, retry_after_s
from ckf_airgap.net.proxies import Proxies
from ckf_airgap.transfer.registry.answers import Refusal, error_codes
from ckf_airgap.transfer.registry.auth import Challenge, parse_challenges
from ckf_airgap.transfer.registry.endpoint import ClientOptions, Endpoint


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ()),
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


def refusal(status: int, body: str, *, writing: bool = True) -> Refusal:
    return Refusal(
        status=status,
        body=body.encode(),
        registry="reg:5",
        repository="a/b",
        what="the blob x of a/b",
        writing=writing,
    )


def test_a_refusal_tells_the_registrys_words_on_one_line_without_secrets() -> None:
    body = (
        '{"errors":[{"code":"DENIED","message":"no\\nway","detail":"Bearer abcdefghijkl at '
        'https://user:secret@host"},{"code":"OTHER"}]}'
    )
    words = refusal(403, body).words
    assert words.startswith("status 403, DENIED: no way (")
    assert words.endswith("; OTHER")
    assert "secret" not in words
    assert "abcdefghijkl" not in words
    assert error_codes(body.encode()) == {"DENIED", "OTHER"}


@pytest.mark.parametrize(
    "body", ["<html><body>long</body></html>", "", '{"errors": 3}', "\x1b[31m"]
)
def test_a_page_that_says_nothing_is_not_repeated(body: str) -> None:
    assert "html" not in refusal(502, body).words
    assert "\x1b" not in refusal(502, body).words


def test_a_long_answer_is_cut() -> None:
    assert len(refusal(400, "x" * 10_000).words) < 400


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_statuses_that_may_not_repeat_are_transient_unless_the_disk_is_full(status: int) -> None:
    assert refusal(status, "oops").is_transient
    full = refusal(status, "write: no space left on device")
    assert not full.is_transient
    assert isinstance(full.error(), StorageFullError)


def test_the_same_words_mean_nothing_while_reading() -> None:
    error = refusal(404, '{"errors":[{"code":"NAME_UNKNOWN"}]}', writing=False).error()
    assert type(error).__name__ == "AbsentError"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("soon", None), ("5", 5.0), ("-3", 0.0), ("1.5", 1.5)],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    found = retry_after_s(email.utils.formatdate(time.time() + 30, usegmt=True))
    assert found is not None
    assert 25 < found <= 31


def test_delays_double_up_to_a_limit_and_are_spread() -> None:
    retries = Retries(first_delay_s=1, longest_delay_s=8, longest_retry_after_s=20)
    for attempt, middle in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 8)]:
        delays = {retries.delay_s(attempt) for _ in range(50)}
        assert 0.75 * middle <= min(delays) < max(delays) <= 1.25 * middle
    assert 3 <= retries.delay_s(1, 3) < 4
    assert 20 <= retries.delay_s(1, 3600) < 23


async def test_patience_ends_after_the_attempts_and_progress_renews_it() -> None:
    patience = Patience(
        "a thing", "reg:5", Retries(attempts=3, first_delay_s=0), Health(), lambda _event: None
    )
    for _ in range(2):
        await patience.wait(TransientError("no"))
        await patience.wait(TransientError("no"))
        patience.progressed()
    await patience.wait(TransientError("no"))
    await patience.wait(TransientError("no"))
    with pytest.raises(TransferError, match="reg:5 failed at a thing in 3 attempts: why"):
        await patience.wait(TransientError("why"))


async def test_when_one_has_given_up_the_others_do_not_wait_as_long_again() -> None:
    health = Health()
    retries = Retries(attempts=2, first_delay_s=0)
    first, second = (Patience("x", "reg:5", retries, health, lambda _e: None) for _ in range(2))
    gone = TransientError("refused", unreachable=True)
    await first.wait(gone)
    with pytest.raises(AirgapError, match="in 2 attempts"):
        await first.wait(gone)
    with pytest.raises(AirgapError, match="in 1 attempt:"):
        await second.wait(gone)


@pytest.mark.parametrize("field", ["jobs", "requests", "chunk_bytes"])
def test_limits_are_at_least_one(field: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limits(**{field: 0})


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://ghcr.io/v2/", True),
        ("https://reg.corp.example/v2/", False),
        ("https://corp.example/v2/", False),
        ("https://notcorp.example/v2/", True),
        ("https://10.1.2.3:5000/v2/", False),
        ("https://11.1.2.3:5000/v2/", True),
        ("https://ported.example:5000/v2/", False),
        ("https://ported.example/v2/", True),
        ("https://a.star.example/", False),
        ("https://localhost:5000/v2/", False),
        ("https://127.0.0.1:5000/v2/", False),
        ("https://[fd00::1]:5000/v2/", False),
    ],
)
def test_exceptions_of_proxies_are_read_as_docker_reads_them(url: str, proxied: bool) -> None:
    proxies = Proxies.from_environment(
        {
            "HTTPS_PROXY": "proxy.example:3128",
            "no_proxy": ".corp.example, 10.0.0.0/8,ported.example:5000,*.star.example,fd00::/8",
        }
    )
    assert (proxies.for_url(URL(url)) is not None) == proxied


def test_proxies_are_by_scheme_and_a_star_turns_them_off() -> None:
    one = Proxies.from_environment({"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:2"})
    assert one.for_url(URL("http://a.example/")) == URL("http://p:1")
    assert one.for_url(URL("https://a.example/")) is None
    off = Proxies.from_environment({"HTTP_PROXY": "p:1", "NO_PROXY": "*"})
    assert off.for_url(URL("http://a.example/")) is None


@pytest.mark.parametrize("proxy", ["http://[bad", "socks5://p:1", "http://u:secret@p:port", "://"])
def test_what_is_no_proxy_is_refused_without_telling_its_password(proxy: str) -> None:
    with pytest.raises(InputError, match="HTTPS_PROXY does not name an HTTP proxy") as caught:
        Proxies.from_environment({"https_proxy": proxy})
    assert "secret" not in str(caught.value)


def test_addresses_of_registries() -> None:
    options = ClientOptions(
        plain_http=frozenset({"reg:5"}), mirrors={"docker.io": ("reg:5/hub", "m.example")}
    )
    assert Endpoint("docker.io").base == "https://registry-1.docker.io"
    assert options.endpoint("reg:5").base == "http://reg:5"
    assert [str(one) for one in options.locations("docker.io", "library/a")] == [
        "reg:5/hub/library/a",
        "m.example/library/a",
        "docker.io/library/a",
    ]
    with pytest.raises(InputError, match="without scheme and path"):
        ClientOptions(plain_http=frozenset({"http://reg:5"}))
