"""Questions to the store: what is asked, and what becomes of each kind of answer."""

from __future__ import annotations

import dataclasses
import json

import pytest
from aiohttp import web

from ckf_airgap.charmhub.channel import Channel
from ckf_airgap.charmhub.refresh import WantedCharm
from ckf_airgap.charmhub.store import CharmStore, StoreOptions
from ckf_airgap.charms.charm import Base
from ckf_airgap.errors import (
    AbsentError,
    CharmNotFoundError,
    ConnectionFailedError,
    InputError,
    TransferError,
)
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.events import TransferEvent
from tests.integration.charmhub.store import CharmStoreServer, Offer, busy, error_list

CAT = Offer("cat", 12, b"cat", channel="2/stable", base="24.04")
DOG = Offer("dog", 7, b"dog", base="20.04")


def wanted(name: str, channel: str = "stable", **rest: object) -> WantedCharm:
    return dataclasses.replace(
        WantedCharm(name=name, channel=Channel.parse(channel)),
        **rest,  # type: ignore[arg-type]
    )


async def test_charms_are_asked_for_together_and_answers_found_by_their_key(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(CAT, Offer("cow", 3, b"cow", base="24.04"))

    async with CharmStore(options) as store:
        found = await store.resolve([wanted("cat", "2/stable"), wanted("cow")])

    assert [one.file_name for one in found] == ["cat_r12.charm", "cow_r3.charm"]
    assert len(server.requests) == 1
    assert server.questions[0]["base"] == {
        "architecture": "amd64",
        "name": "ubuntu",
        "channel": "24.04",
    }


async def test_a_charm_for_another_base_is_asked_for_again_on_that_base(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(DOG, dataclasses.replace(DOG, revision=9, base="22.04", architecture="arm64"))

    async with CharmStore(options) as store:
        (found,) = await store.resolve([wanted("dog")])

    assert found.revision == 7, "the newer base is there for another architecture only"
    assert [one["base"]["channel"] for one in server.questions] == ["24.04", "20.04"]


async def test_the_newest_base_of_a_channel_is_taken(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(DOG, dataclasses.replace(DOG, revision=9, base="22.04"))

    async with CharmStore(options) as store:
        (found,) = await store.resolve([wanted("dog")])

    assert found.revision == 9


async def test_a_base_that_is_given_is_not_exchanged_for_another(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(DOG)

    async with CharmStore(options) as store:
        with pytest.raises(CharmNotFoundError) as caught:
            await store.resolve([wanted("dog", base=Base(name="ubuntu", channel="22.04"))])

    assert caught.value.problems[0].fix == "it is available for ubuntu@20.04"


async def test_a_revision_is_asked_for_without_channel_and_base(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(CAT, dataclasses.replace(CAT, revision=13))

    async with CharmStore(options) as store:
        (found,) = await store.resolve([wanted("cat", revision=12)])

    assert found.revision == 12
    assert server.questions[0] == {
        "action": "install",
        "instance-key": "0",
        "name": "cat",
        "revision": 12,
        "base": None,
    }


async def test_a_revision_for_another_architecture_is_refused(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(dataclasses.replace(CAT, architecture="arm64"))

    async with CharmStore(options) as store:
        with pytest.raises(CharmNotFoundError, match="built for arm64, not amd64"):
            await store.resolve([wanted("cat", revision=12)])


async def test_everything_that_the_store_lacks_is_named_at_once(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(CAT)

    async with CharmStore(options) as store:
        with pytest.raises(CharmNotFoundError) as caught:
            await store.resolve(
                [
                    wanted("cat", "2/stable"),
                    wanted("cat", "3/stable"),
                    wanted("cta"),
                    wanted("cat", revision=99),
                ]
            )

    assert [problem.where for problem in caught.value.problems] == [
        "cat 3/stable",
        "cta stable",
        "cat revision 99",
    ]
    assert caught.value.problems[0].fix == "it has 2/stable"


async def test_a_default_base_of_the_store_is_taken_when_it_names_no_releases(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(DOG)
    proposed = {"architecture": "amd64", "name": "ubuntu", "channel": "20.04"}
    error = {"code": "invalid-charm-base", "message": "bad", "extra": {"default-bases": [proposed]}}

    def answer(_request: web.Request) -> web.Response:
        return web.json_response(
            {"error-list": [], "results": [{"instance-key": "0", "charm": None, "error": error}]}
        )

    server.fail_next(1, answer)
    async with CharmStore(options) as store:
        (found,) = await store.resolve([wanted("dog")])

    assert found.revision == 7


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_busy_store_is_asked_again_with_the_same_question(
    server: CharmStoreServer, options: StoreOptions, status: int
) -> None:
    server.offer(CAT)
    server.fail_next(2, busy(status))
    events: list[TransferEvent] = []

    async with CharmStore(options, events.append) as store:
        (found,) = await store.resolve([wanted("cat", "2/stable")])

    assert found.revision == 12
    assert [event.why for event in events if isinstance(event, Retrying)] == [
        f"status {status}",
        f"status {status}",
    ]


async def test_retry_after_is_waited_for(server: CharmStoreServer, options: StoreOptions) -> None:
    server.offer(CAT)
    server.fail_next(1, busy(429, "0.3"))
    events: list[TransferEvent] = []

    async with CharmStore(options, events.append) as store:
        await store.resolve([wanted("cat", "2/stable")])

    (event,) = [event for event in events if isinstance(event, Retrying)]
    assert event.delay_s >= 0.3


async def test_an_action_that_the_store_was_too_busy_for_is_asked_again_alone(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.offer(CAT, Offer("cow", 3, b"cow", base="24.04"))
    fine = {
        "instance-key": "0",
        "name": "cat",
        "charm": {
            "name": "cat",
            "revision": 12,
            "download": {"url": "https://x/y", "size": 3, "hash-sha-256": "0" * 64},
        },
    }
    late = {"instance-key": "1", "error": {"code": "rate-limit-exceeded", "message": "later"}}
    server.fail_next(1, lambda _request: web.json_response({"results": [late, fine]}))

    async with CharmStore(options) as store:
        found = await store.resolve([wanted("cat", "2/stable"), wanted("cow")])

    assert [one.revision for one in found] == [12, 3]
    assert [one["name"] for one in server.questions] == ["cow"]


async def test_a_store_that_stays_busy_is_given_up(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.fail_next(9, busy(503))

    async with CharmStore(options) as store:
        with pytest.raises(TransferError, match="after 4 attempts: status 503"):
            await store.resolve([wanted("cat")])


async def test_an_error_about_the_whole_question_is_told_in_the_words_of_the_store(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    server.fail_next(
        1, lambda _request: error_list("invalid-channel", "no such channel", status=400)
    )

    async with CharmStore(options) as store:
        with pytest.raises(TransferError, match="status 400, no such channel"):
            await store.resolve([wanted("cat")])


async def test_an_address_without_the_api_is_told(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    elsewhere = dataclasses.replace(options, url=f"{server.url}/elsewhere/")

    async with CharmStore(elsewhere) as store:
        with pytest.raises(AbsentError, match="/elsewhere/v2/charms/refresh does not exist"):
            await store.resolve([wanted("cat")])


async def test_a_store_that_is_away_is_told(options: StoreOptions) -> None:
    away = dataclasses.replace(options, url="https://localhost:9")

    async with CharmStore(away) as store:
        with pytest.raises(ConnectionFailedError, match="localhost:9 could not be reached"):
            await store.resolve([wanted("cat")])


async def test_a_certificate_of_a_stranger_is_refused_at_once(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    async with CharmStore(dataclasses.replace(options, ca_file=None)) as store:
        with pytest.raises(TransferError, match="certificate of localhost is not trusted"):
            await store.resolve([wanted("cat")])


@pytest.mark.parametrize("url", ["", "charmhub.io", "ftp://x", "https://u:p@x", "https://x?y=1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="not the address of a store"):
        CharmStore(StoreOptions(url=url))


@pytest.mark.parametrize(
    ("charm", "message"),
    [
        ({}, "neither charm nor error"),
        ({"name": "../../etc", "revision": 1}, "answered '../../etc'"),
        ({"name": "cat", "type": "bundle"}, "is a bundle in the store"),
        ({"name": "cat", "revision": "1"}, "has no revision of cat stable"),
        ({"name": "cat", "revision": 1, "download": {"url": "x"}}, "no address or size"),
        (
            {
                "name": "cat",
                "revision": 1,
                "download": {"url": "x", "size": 1, "hash-sha-256": "0"},
            },
            "no checksum",
        ),
    ],
)
async def test_an_answer_that_makes_no_sense_is_refused(
    server: CharmStoreServer, options: StoreOptions, charm: object, message: str
) -> None:
    answer = {"results": [{"instance-key": "0", "charm": charm}]}
    server.fail_next(1, lambda _request: web.json_response(answer))

    async with CharmStore(options) as store:
        with pytest.raises(TransferError, match=message):
            await store.resolve([wanted("cat")])


async def test_an_answer_of_any_json_media_type_is_read(
    server: CharmStoreServer, options: StoreOptions
) -> None:
    body = {
        "results": [
            {
                "instance-key": "0",
                "effective-channel": "stable",
                "charm": {
                    "name": "cat",
                    "revision": 5,
                    "bases": [{"architecture": "all", "name": "all", "channel": "all"}],
                    "download": {"url": "https://x/y", "size": 3, "hash-sha-512": "0" * 128},
                },
            }
        ]
    }
    server.fail_next(
        1,
        lambda _request: web.Response(
            text=json.dumps(body), content_type="application/vnd.charmhub+json"
        ),
    )

    async with CharmStore(options) as store:
        (found,) = await store.resolve([wanted("cat")])

    assert found.revision == 5
    assert found.channel is not None
    assert found.channel.matches(Channel.parse("latest/stable"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stable", (None, "stable", None)),
        ("1.10", ("1.10", "stable", None)),
        ("1.10/edge", ("1.10", "edge", None)),
        ("edge/fix", (None, "edge", "fix")),
        ("latest/edge/fix", ("latest", "edge", "fix")),
    ],
)
def test_channels_are_read_as_juju_reads_them(
    text: str, parts: tuple[str | None, str, str | None]
) -> None:
    channel = Channel.parse(text)

    assert (channel.track, channel.risk, channel.branch) == parts


@pytest.mark.parametrize("text", ["", "/", "a/b", "a/stable/c/d", "a//b", "1.0/ stable"])
def test_what_is_no_channel_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a channel"):
        Channel.parse(text)
