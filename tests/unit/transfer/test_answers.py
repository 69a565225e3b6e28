"""What a registry's refusals mean, and where registries are."""

from __future__ import annotations

import pytest

from ckf_airgap.errors import InputError, StorageFullError
from ckf_airgap.transfer.registry.answers import Refusal, error_codes
from ckf_airgap.transfer.registry.endpoint import ClientOptions, Endpoint


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
