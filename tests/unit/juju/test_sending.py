"""Uploads to a server that answers as a test says: what is tried again, and what is told."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import AirgapError, ControllerError, RefusedError
from ckf_airgap.juju.controller.access import HttpAccess
from ckf_airgap.juju.controller.api import ConnectionLostError, JujuTimeouts
from ckf_airgap.juju.controller.upload import UploadedCharm, Uploader
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.net.limits import Retries
from ckf_airgap.rehearsal.api.tls import Certificates, make_certificates
from tests.ports import free_port

QUICK = JujuTimeouts(connect_s=2, upload_s=10)
SIZE = 1_200_000


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "minio_r1.charm"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(SIZE // 4)))
    return path


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates(["127.0.0.1"])


@pytest.fixture
async def scripted(
    certificates: Certificates,
) -> AsyncIterator[Callable[..., Awaitable[HttpAccess]]]:
    """Makes a server that answers one request after the other with a status and a body."""
    servers: list[web.AppRunner] = []
    over = asyncio.Event()

    async def start(
        *answers: tuple[int, str],
        bodies: list[bytes],
        headers: Mapping[str, str] | None = None,
        requests: list[web.Request] | None = None,
    ) -> HttpAccess:
        remaining = list(answers)

        async def answer(request: web.Request) -> web.Response:
            bodies.append(await request.read())
            if requests is not None:
                requests.append(request)
            status, text = remaining.pop(0)
            if not status:
                await over.wait()
            return web.Response(status=status, text=text, headers=headers)

        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        servers.append(runner)
        port = free_port()
        await web.TCPSite(
            runner, "127.0.0.1", port, ssl_context=certificates.server_context()
        ).start()
        context = ssl.create_default_context(cadata=certificates.ca)
        context.check_hostname = False
        return HttpAccess(
            endpoint=f"127.0.0.1:{port}",
            model_uuid="u",
            authorization="Basic x",
            ssl_context=context,
        )

    yield start
    over.set()
    for runner in servers:
        await runner.cleanup()


AGAIN = Retries(attempts=3, first_delay_s=0.01)
DONE = (200, '{"charm-url": "local:minio-4"}')


@pytest.mark.parametrize(
    "before",
    [
        [(503, "starting")],
        [(502, ""), (504, "")],
        [(429, "slowly")],
        [(409, '{"error": "x", "error-code": "not yet available; try again later"}')],
        [(500, '{"error": "state changing too quickly; try again soon"}')],
    ],
)
async def test_what_may_pass_is_tried_again_from_the_start(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path, before: list[tuple[int, str]]
) -> None:
    bodies: list[bytes] = []
    sent: list[int] = []
    requests: list[web.Request] = []
    http = await scripted(*before, DONE, bodies=bodies, requests=requests)
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        made = await uploader.upload_charm(charm, sent.append)
    whole = charm.read_bytes()
    assert bodies == [whole] * (len(before) + 1)
    assert made == UploadedCharm(url="local:minio-4", sha256=hashlib.sha256(whole).hexdigest())
    assert sum(sent) == len(whole)
    for request in requests:
        assert request.headers["Content-Length"] == str(len(whole))
        assert request.headers["Content-Type"] == "application/zip"
        assert request.raw_path == "/model/u/charms?series="


@pytest.mark.parametrize(
    ("answers", "kind", "message"),
    [
        (
            [(400, '{"error": "bad charm"}')],
            RefusedError,
            "refused charm minio_r1.charm: bad charm",
        ),
        ([(409, '{"error": "exists"}')], RefusedError, "refused charm minio_r1.charm: exists"),
        ([(400, '{"error": {"message": "nested"}}')], RefusedError, r"minio_r1\.charm: nested$"),
        ([(500, '{"error": "no"}')] * 2, RefusedError, "refused charm minio_r1.charm: no"),
        ([(500, "")] * 2, RefusedError, "refused charm minio_r1.charm: HTTP status 500"),
        ([(403, "no access")], ControllerError, "refused the upload of charm .*: no access"),
        (
            [(503, "busy")] * 3,
            ConnectionLostError,
            "failed after 3 attempts in .*: it answered busy",
        ),
    ],
)
async def test_what_does_not_pass_is_told(
    scripted: Callable[..., Awaitable[HttpAccess]],
    charm: Path,
    answers: list[tuple[int, str]],
    kind: type[AirgapError],
    message: str,
) -> None:
    bodies: list[bytes] = []
    http = await scripted(*answers, bodies=bodies)
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        with pytest.raises(kind, match=message) as caught:
            await uploader.upload_charm(charm)
    assert type(caught.value) is kind
    assert len(bodies) == len(answers)


async def test_no_attempt_is_made_after_the_deadline(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    bodies: list[bytes] = []
    http = await scripted((503, "busy"), (503, "busy"), DONE, bodies=bodies)
    slowly = Retries(attempts=5, first_delay_s=5)
    started = time.monotonic()
    async with Uploader(http, QUICK, 1, retries=slowly, deadline=Deadline.after(1)) as uploader:
        with pytest.raises(ConnectionLostError, match="failed after 1 attempt in"):
            await uploader.upload_charm(charm)
    assert time.monotonic() - started < 3


async def test_where_nothing_listens_the_reason_is_told(charm: Path) -> None:
    http = HttpAccess(
        endpoint=f"127.0.0.1:{free_port()}",
        model_uuid="u",
        authorization="Basic x",
        ssl_context=ssl.create_default_context(),
    )
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        with pytest.raises(ControllerError, match=r"after 3 .*: nothing listens there") as caught:
            await uploader.upload_charm(charm)
    assert not isinstance(caught.value, ConnectionLostError)


async def test_an_answer_may_ask_for_more_time(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    bodies: list[bytes] = []
    http = await scripted((503, ""), DONE, bodies=bodies, headers={"Retry-After": "0.4"})
    started = time.monotonic()
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        await uploader.upload_charm(charm)
    assert time.monotonic() - started > 0.4


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"charm-url": ""}', '{"charm-url": 7}', "{"])
async def test_an_answer_without_a_url_is_told(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path, text: str
) -> None:
    http = await scripted((200, text), bodies=[])
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        with pytest.raises(RefusedError, match=r"accepted charm .*, but returned no"):
            await uploader.upload_charm(charm)


async def test_what_is_sent_of_a_resource(
    scripted: Callable[..., Awaitable[HttpAccess]], tmp_path: Path
) -> None:
    bodies: list[bytes] = []
    requests: list[web.Request] = []
    http = await scripted((503, ""), (200, ""), (200, ""), bodies=bodies, requests=requests)
    file = tmp_path / "a b.tgz"
    file.write_bytes(b"content")
    image = ResourceUpload(name="oci", type="oci-image", value="reg/x:1", path="reg/x:1")
    other = ResourceUpload(name="conf", type="file", value=str(file), path=str(file))
    async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
        await uploader.upload_resource("minio", image, "id 1")
        await uploader.upload_resource("minio", other, "2")
    document = b"registrypath: reg/x:1\nusername: ''\npassword: ''\n"
    assert bodies == [document, document, b"content"]
    first, last = requests[1], requests[2]
    assert first.method == last.method == "PUT"
    assert first.raw_path == "/model/u/applications/minio/resources/oci?pendingid=id%201"
    assert first.headers["Authorization"] == "Basic x"
    assert first.headers["Content-Length"] == str(len(document))
    assert first.headers["Content-Sha384"] == hashlib.sha384(document).hexdigest()
    assert last.headers["Content-Sha384"] == hashlib.sha384(b"content").hexdigest()
    assert last.headers["Content-Disposition"].endswith('a%20b.tgz"')


class Link:
    """A connection that is restored when it has been waited for."""

    def __init__(self) -> None:
        self.is_open = False
        self.waits = 0

    async def until_open(self, until: float | None = None) -> None:
        self.waits += 1
        if self.waits > 20:
            raise ControllerError("it is gone")


async def test_while_the_connection_is_away_attempts_do_not_count(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    http = await scripted(*[(503, "")] * 6, DONE, bodies=[])
    link = Link()
    async with Uploader(http, QUICK, 1, retries=AGAIN, link=link) as uploader:
        assert (await uploader.upload_charm(charm)).url == "local:minio-4"
    assert link.waits == 7
    link.is_open = True
    http = await scripted(*[(503, "")] * 6, DONE, bodies=[])
    async with Uploader(http, QUICK, 1, retries=AGAIN, link=link) as uploader:
        with pytest.raises(ConnectionLostError, match="after 3 attempts"):
            await uploader.upload_charm(charm)


async def test_the_address_may_change_between_attempts(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    before: list[bytes] = []
    after: list[bytes] = []
    old = await scripted((503, ""), bodies=before)
    new = await scripted(DONE, bodies=after)
    async with Uploader(lambda: new if before else old, QUICK, 1, retries=AGAIN) as uploader:
        await uploader.upload_charm(charm)
    assert (len(before), len(after)) == (1, 1)


async def test_an_uploader_that_is_not_open(charm: Path) -> None:
    http = HttpAccess(
        endpoint="h:1", model_uuid="u", authorization="x", ssl_context=ssl.create_default_context()
    )
    with pytest.raises(RuntimeError, match="not open"):
        await Uploader(http, QUICK, 1).upload_charm(charm)


async def test_a_certificate_that_does_not_verify_is_final(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    http = await scripted(bodies=[])
    public = HttpAccess(
        endpoint=http.endpoint,
        model_uuid="u",
        authorization="x",
        ssl_context=ssl.create_default_context(),
    )
    async with Uploader(public, QUICK, 1, retries=AGAIN) as uploader:
        with pytest.raises(
            ControllerError, match=r"upload of charm minio_r1\.charm to .* broke off: its certif"
        ):
            await uploader.upload_charm(charm)


async def test_an_upload_that_stalls_is_given_up_and_tells_the_true_time(
    scripted: Callable[..., Awaitable[HttpAccess]], charm: Path
) -> None:
    http = await scripted((0, ""), (0, ""), bodies=[])
    limits = JujuTimeouts(upload_s=0.2, upload_bytes_per_s=1e9)
    twice = Retries(attempts=2, first_delay_s=0.01)
    started = time.monotonic()
    async with Uploader(http, limits, 1, retries=twice) as uploader:
        with pytest.raises(ConnectionLostError) as caught:
            await uploader.upload_charm(charm)
    took_s = time.monotonic() - started
    told = re.fullmatch(
        rf"the upload of charm minio_r1.charm \({SIZE} bytes\) to the controller at "
        rf"{http.endpoint} failed after 2 attempts in ([\d.]+) s: it did not finish within "
        r"([\d.]+) s",
        caught.value.message,
    )
    assert told is not None, caught.value.message
    assert 0.4 <= float(told[1]) <= took_s * 1.01
    assert 0.2 <= float(told[2]) < took_s
    assert "the disk of its pod" in caught.value.fix


async def test_each_further_attempt_is_logged(
    scripted: Callable[..., Awaitable[HttpAccess]],
    charm: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    http = await scripted((503, "busy"), DONE, bodies=[])
    with caplog.at_level(logging.INFO, logger="ckf_airgap"):
        async with Uploader(http, QUICK, 1, retries=AGAIN) as uploader:
            await uploader.upload_charm(charm)
    (record,) = [one for one in caplog.records if one.name.startswith("ckf_airgap")]
    assert record.getMessage() == (
        "the upload of charm minio_r1.charm failed (it answered busy), trying again in 0.0 s"
    )
