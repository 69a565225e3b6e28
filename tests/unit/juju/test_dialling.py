"""The first address of a controller that answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ckf_airgap.juju.controller import dialling
from ckf_airgap.juju.controller.dialling import UnreachableError, dial
from ckf_airgap.juju.controller.store import StoredController
from tests.ports import free_port

Listening = Callable[[], str]


def controller(*endpoints: str) -> StoredController:
    return StoredController(
        name="c",
        uuid="u",
        endpoints=endpoints,
        ca_cert=None,
        user="admin",
        password="p",
        juju_data=Path("/store"),
    )


@pytest.fixture
def listening() -> Iterator[Listening]:
    """Makes addresses at which something listens; the kernel takes the connections."""
    with contextlib.ExitStack() as servers:

        def listen() -> str:
            port = free_port()
            servers.enter_context(socket.create_server(("127.0.0.1", port)))
            return f"127.0.0.1:{port}"

        yield listen


async def test_the_first_address_is_preferred_and_the_others_closed(
    listening: Listening,
) -> None:
    first = listening()
    second = listening()
    sock, endpoint = await dial(controller(first, second), 5)
    assert endpoint == first
    assert sock.getpeername() == ("127.0.0.1", int(first.rpartition(":")[2]))
    assert not sock.getblocking()
    sock.close()


async def test_a_later_address_is_taken_when_the_first_ones_do_not_answer(
    listening: Listening,
) -> None:
    good = listening()
    sock, endpoint = await dial(controller("nonsense", f"127.0.0.1:{free_port()}", good), 5)
    assert endpoint == good
    sock.close()


async def test_an_address_may_have_a_path_and_brackets(listening: Listening) -> None:
    good = listening()
    sock, endpoint = await dial(controller(f"{good}/some/path"), 5)
    assert endpoint == f"{good}/some/path"
    sock.close()
    with pytest.raises(UnreachableError, match=r"\(\[::1\]:1: "):
        await dial(controller("[::1]:1"), 1)


async def test_each_address_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = f"127.0.0.1:{free_port()}"

    async def hang(host: str, port: int) -> socket.socket:
        if port == 7:
            await asyncio.sleep(30)
        return await real(host, port)

    real = dialling._open
    monkeypatch.setattr(dialling, "_open", hang)
    started = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        await dial(controller("x", closed, "127.0.0.1:7", ":9"), 0.2)
    assert time.monotonic() - started < 3
    assert caught.value.because == (
        f"x: is not host:port; {closed}: nothing listens there; 127.0.0.1:7: no answer within "
        "0.2 s; :9: is not host:port"
    )
    assert caught.value.message == f"controller c cannot be reached ({caught.value.because})"
    assert "/store/controllers.yaml" in caught.value.fix


async def test_a_name_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_args: object, **_named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(UnreachableError, match="host:1: its name cannot be resolved"):
        await dial(controller("host:1"), 1)


async def test_all_addresses_of_a_name_are_tried(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = listening()
    port = int(good.rpartition(":")[2])
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")

    async def two(*_args: object, **_named: object) -> list[object]:
        return [(*kind, ("127.0.0.1", free_port())), (*kind, ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    sock, endpoint = await dial(controller("host:1"), 1)
    assert endpoint == "host:1"
    assert sock.getpeername()[1] == port
    sock.close()


@pytest.mark.parametrize("delay_s", [0, 0.001, 0.005, 0.02])
async def test_dialling_can_be_cancelled_and_leaves_no_socket(
    listening: Listening, delay_s: float
) -> None:
    good = listening()
    task = asyncio.ensure_future(dial(controller(good, good, "127.0.0.1:1"), 5))
    await asyncio.sleep(delay_s)
    task.cancel()
    try:
        sock, _ = await task
    except asyncio.CancelledError:
        pass
    else:
        sock.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
