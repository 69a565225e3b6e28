"""What is left when the process dies, is cancelled, or has no disk any more; and the next run."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.errors import StorageFullError, TransferError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import ImageStatus
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, push
from ckf_airgap.transfer.stores.archivewriter import ArchiveWriter
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES, PART_SUFFIX, file_size
from tests.integration.transfer.conftest import make_client
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import Published, image, layer, publish, publish_big
from tests.integration.transfer.servers import RegistryServer

CARRIER = Path(__file__).with_name("carrier.py")


async def carrier(*arguments: str) -> asyncio.subprocess.Process:
    """Start a process that carries images."""
    root = str(Path(__file__).parents[3])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(CARRIER),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )


async def killed(seed: int, proxy: FaultProxy, *arguments: str) -> AsyncIterator[None]:
    """Start a process that carries images and kill it, three times; yield after each.

    It is killed some time after it began to move blobs through the proxy.
    """
    moment = random.Random(seed)  # noqa: S311 - the same moments for a seed
    kills = 0
    for _ in range(3):
        before = proxy.downloaded + proxy.uploaded
        process = await carrier(*arguments)
        while proxy.downloaded + proxy.uploaded == before:
            if process.returncode is not None:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(moment.uniform(0, 0.8))
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        await process.communicate()
        yield
    assert kills


async def finish(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return what a process that carries images has to say at its end."""
    output, _ = await process.communicate()
    document: dict[str, Any] = json.loads(output)
    assert process.returncode == 0, document
    return document


async def publish_some(public: RegistryServer) -> list[Published]:
    """Publish six images with shared layers, about 12 MB in 21 blobs."""
    shared = [layer("base", 3_000_000), layer("python", 1_500_000)]
    published = []
    for number in range(6):
        one = image([*shared[: number % 3], layer(f"own-{number}", 1_000_000), layer(f"x{number}")])
        reference = ImageReference(public.host, f"some/image-{number}", "1")
        await publish(f"http://{public.host}", reference.repository, "1", one)
        published.append(Published(reference, one))
    return published


def unfinished(layout: Path) -> list[int]:
    """Return the bytes of each blob that a layout has in part."""
    sizes = map(file_size, layout.rglob(f"*{PART_SUFFIX}"))
    return [size for size in sizes if size is not None]  # one may be whole by now


def on_disk(layout: Path) -> dict[str, int]:
    """Return the bytes of each blob in a layout, finished or not."""
    directory = layout / "blobs" / "sha256"
    if not directory.is_dir():
        return {}
    return {
        f"sha256:{path.name.removesuffix(PART_SUFFIX)}": path.stat().st_size
        for path in directory.iterdir()
    }


@pytest.mark.parametrize("seed", range(3))
async def test_a_pull_that_was_killed_fetches_only_what_is_not_on_the_disk(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path, seed: int
) -> None:
    images = await publish_some(public)
    blobs = {digest: len(blob) for one in images for digest, blob in one.sample.blobs.items()}
    references = [f"{public_proxy.host}/{one.reference.repository}:1" for one in images]
    arguments = ("pull", str(tmp_path / "layout"), "3", public_proxy.host, "--", *references)

    async def slow(exchange: Exchange) -> None:
        if exchange.is_blob_get:
            exchange.rate = 2_000_000

    public_proxy.faults.append(slow)
    async for _ in killed(seed, public_proxy, *arguments):
        for digest in blobs:
            path = tmp_path / "layout" / "blobs" / "sha256" / digest[7:]
            if path.exists():
                assert Digest.of(path.read_bytes()) == Digest.parse(digest)
    before = on_disk(tmp_path / "layout")
    missing = sum(size - before.get(digest, 0) for digest, size in blobs.items())
    public_proxy.faults.clear()
    public_proxy.records.clear()
    document = await finish(await carrier(*arguments))
    assert public_proxy.downloaded == missing
    assert [one["digest"] for one in document["results"]] == [str(i.sample.digest) for i in images]
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        for one in images:
            for digest, blob in one.sample.blobs.items():
                await layout.verify(Descriptor("", Digest.parse(digest), len(blob)))
        assert len(await layout.references()) == len(images)
    assert not list((tmp_path / "layout").rglob(f"*{PART_SUFFIX}"))


@pytest.mark.parametrize("seed", range(3))
async def test_a_push_that_was_killed_sends_only_what_the_registry_has_not(
    public: RegistryServer,
    private: RegistryServer,
    proxy: FaultProxy,
    tmp_path: Path,
    seed: int,
) -> None:
    images = await publish_some(public)
    blobs = {digest: len(blob) for one in images for digest, blob in one.sample.blobs.items()}
    async with make_client(public.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            await pull(client, [one.reference for one in images], layout)
    pairs = [f"{one.reference}={proxy.host}/{one.reference.repository}:1" for one in images]
    arguments = ("push", str(tmp_path / "layout"), "3", proxy.host, "--", *pairs)

    async def slow(exchange: Exchange) -> None:
        if exchange.is_data:
            exchange.rate = 2_000_000

    proxy.faults.append(slow)
    async for _ in killed(seed, proxy, *arguments):
        pass
    await asyncio.sleep(0.3)
    there = private.stored_blobs()
    missing = sum(size for digest, size in blobs.items() if digest not in there)
    proxy.faults.clear()
    proxy.records.clear()
    document = await finish(await carrier(*arguments))
    assert proxy.uploaded == missing
    assert [one["digest"] for one in document["results"]] == [str(i.sample.digest) for i in images]
    assert private.stored_blobs() == set().union(*(one.sample.digests for one in images))


async def test_a_layer_of_two_gigabytes_needs_little_memory(
    public: RegistryServer, private: RegistryServer, storage: Path
) -> None:
    size = 2 * 1024**3
    digest = await publish_big(public, "big/layer", "1", size)
    layout = storage / "big-layout"
    try:
        reference = f"{public.host}/big/layer:1"
        pulled = await finish(await carrier("pull", str(layout), "4", public.host, "--", reference))
        assert pulled["results"][0]["digest"] == digest
        assert pulled["results"][0]["bytes_sent"] > size
        public.empty()
        pair = f"{reference}={private.host}/big/layer:1"
        pushed = await finish(await carrier("push", str(layout), "4", private.host, "--", pair))
        assert pushed["results"][0]["status"] == "copied"
        assert pushed["results"][0]["bytes_sent"] > size
        assert max(pulled["rss_kib"], pushed["rss_kib"]) < 150 * 1024
        assert digest in private.stored_blobs()
    finally:
        shutil.rmtree(layout, ignore_errors=True)
        public.empty()
        private.empty()


async def test_a_cancelled_pull_leaves_no_task_and_can_be_continued(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    images = await publish_some(public)
    references = [
        ImageReference(public_proxy.host, one.reference.repository, "1") for one in images
    ]

    async def slow(exchange: Exchange) -> None:
        if exchange.is_blob_get:
            exchange.rate = 3_000_000

    public_proxy.faults.append(slow)
    async with make_client(public_proxy.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            before = asyncio.all_tasks()
            running = asyncio.ensure_future(pull(client, references, layout))
            # The shared layers take several writes: one with the first of them is not soon whole.
            while not any(
                CHUNK_BYTES <= size < 1_400_000 for size in unfinished(tmp_path / "layout")
            ):
                assert not running.done()
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            ours = [
                task
                for task in asyncio.all_tasks() - before
                if "ckf_airgap" in repr(task.get_coro())
            ]
            assert ours == []
        assert unfinished(tmp_path / "layout")
        public_proxy.faults.clear()
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            results = await pull(client, references, layout)
    assert [result.error for result in results] == [None] * len(images)
    assert [result.digest for result in results] == [one.sample.digest for one in images]


class _FullDisk(io.FileIO):
    """A file on a disk with room for some bytes more."""

    room = 0

    def write(self, data: Any, /) -> int:
        taken = min(len(data), _FullDisk.room)
        if taken == 0:
            raise OSError(28, "No space left on device")
        _FullDisk.room -= taken
        return super().write(bytes(data)[:taken])


async def test_a_disk_that_fills_up_keeps_what_is_whole_and_the_next_run_goes_on(
    public: RegistryServer,
    public_proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = await publish_some(public)
    references = [
        ImageReference(public_proxy.host, one.reference.repository, "1") for one in images
    ]
    usual = Path.open

    def open_file(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path.suffix == PART_SUFFIX:
            return _FullDisk(path, "a+")
        return usual(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_file)
    _FullDisk.room = 4_700_000
    async with make_client(public_proxy.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            results = await pull(client, references, layout)
    failed = [result for result in results if result.status is ImageStatus.FAILED]
    assert failed
    assert all(isinstance(result.error, StorageFullError) for result in failed)
    assert "no room left on the disk" in str(failed[0].error)
    monkeypatch.undo()
    for digest, size in on_disk(tmp_path / "layout").items():
        path = tmp_path / "layout" / "blobs" / "sha256" / digest[7:]
        if path.exists():
            assert Digest.of(path.read_bytes()) == Digest.parse(digest), size
    blobs = {digest: len(blob) for one in images for digest, blob in one.sample.blobs.items()}
    before = on_disk(tmp_path / "layout")
    missing = sum(size - before.get(digest, 0) for digest, size in blobs.items())
    public_proxy.records.clear()
    async with make_client(public_proxy.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            results = await pull(client, references, layout)
    assert all(result.error is None for result in results)
    assert public_proxy.downloaded == missing
    assert before, "nothing of the first run was kept"


async def test_too_little_room_is_told_before_anything_is_fetched(
    public: RegistryServer,
    public_proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = await publish_some(public)
    reference = ImageReference(public_proxy.host, images[0].reference.repository, "1")
    usage = type(shutil.disk_usage("/"))(10**12, 10**12, 500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    async with make_client(public_proxy.host) as client:
        layout = LayoutDirectory.create(tmp_path / "layout")
        with layout, pytest.raises(StorageFullError, match="B more"):
            await pull(client, [reference], layout)
    assert public_proxy.downloaded == 0


async def test_two_runs_do_not_write_to_one_layout(tmp_path: Path) -> None:
    first = LayoutDirectory.create(tmp_path / "layout")
    with first, pytest.raises(TransferError, match="in use by another run"):
        LayoutDirectory.create(tmp_path / "layout")
    LayoutDirectory.create(tmp_path / "layout").close()


async def test_a_part_that_is_damaged_is_thrown_away(
    public: RegistryServer, tmp_path: Path
) -> None:
    large = layer("large", 3_000_000)
    await publish(f"http://{public.host}", "some/image", "1", image([large]))
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    with LayoutDirectory.create(tmp_path / "layout") as layout:
        part = blobs / (large.digest[7:] + PART_SUFFIX)
        part.write_bytes(b"other bytes" * 100_000)
        async with make_client(public.host) as client:
            (result,) = await pull(client, [ImageReference(public.host, "some/image", "1")], layout)
    assert result.status is ImageStatus.COPIED
    assert (blobs / large.digest[7:]).read_bytes() == large.blob
    assert len(large.blob) > CHUNK_BYTES


async def test_pushing_what_was_never_carried_is_an_error_of_that_image(
    private: RegistryServer, tmp_path: Path
) -> None:
    LayoutDirectory.create(tmp_path / "layout").close()
    item = PushItem(source="some/image:1", target=ImageReference(private.host, "some/image", "1"))
    async with make_client(private.host) as client:
        with LayoutDirectory.open(tmp_path / "layout") as layout:
            (result,) = await push(client, layout, [item])
    assert "some/image:1 is not among the images" in str(result.error)


class SlowHash:
    """A hash that takes its bytes when it is let, as a disk may do that is slow."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.ended = False

    def update(self, _chunk: bytes) -> None:
        self.begun.set()
        assert self.let_go.wait(10)
        self.ended = True

    def hexdigest(self) -> str:
        return "0" * 64


@pytest.mark.parametrize("kind", [LayoutDirectory, ArchiveWriter])
async def test_a_run_that_is_cancelled_twice_closes_no_file_that_a_thread_writes_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[LayoutDirectory | ArchiveWriter],
) -> None:
    slow = SlowHash()
    monkeypatch.setattr(Digest, "hasher", lambda _digest: slow)
    blob = Descriptor("application/octet-stream", Digest("sha256", "0" * 64), 1000)
    ended_when_it_was_closed: list[bool] = []

    async def write(store: LayoutDirectory | ArchiveWriter) -> None:
        async with store.writer(blob) as writer:
            try:
                await writer.write(bytes(1000))
            finally:
                ended_when_it_was_closed.append(slow.ended)

    with kind.create(tmp_path / "images.tar") as store:
        task = asyncio.ensure_future(write(store))
        assert await asyncio.to_thread(slow.begun.wait, 10)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.02)
        asyncio.get_running_loop().call_later(0.05, slow.let_go.set)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended_when_it_was_closed == [True]
