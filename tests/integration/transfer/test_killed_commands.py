"""kill -9 at any moment of save, load and push: the next run ends it, and sends nothing twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.journal import Journal
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES, PART_SUFFIX
from ckf_airgap.transfer.stores.region import NOTE_BYTES
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import Published, image, layer, publish
from tests.integration.transfer.servers import RegistryServer
from tests.integration.transfer.stored import read_image
from tests.integration.transfer.tools import ROOT, images, program

JOBS = 4


async def publish_some(host: str, name: str) -> list[Published]:
    """Publish five images with shared layers, some 12 MB."""
    shared = [layer("base", 3_000_000), layer("python", 1_500_000)]
    published = []
    for number in range(5):
        one = image([*shared[: number % 3], layer(f"own-{number}", 1_500_000)])
        await publish(f"http://{host}", f"some/image-{number}", "1", one)
        published.append(Published(ImageReference(name, f"some/image-{number}", "1"), one))
    return published


def unique(published: list[Published]) -> int:
    blobs = {digest: len(blob) for one in published for digest, blob in one.sample.blobs.items()}
    return sum(blobs.values())


async def start(*words: str | Path, cwd: Path) -> asyncio.subprocess.Process:
    """Start a command."""
    return await asyncio.create_subprocess_exec(
        *program(*words),
        cwd=cwd,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def kill_after(seconds: float, *words: str | Path, cwd: Path) -> bool:
    """Start a command and kill it; return whether it was still running."""
    process = await start(*words, cwd=cwd)
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except asyncio.TimeoutError:
        process.send_signal(signal.SIGKILL)
        await process.wait()
        return True
    return False


async def kill_when(condition: Callable[[], bool], *words: str | Path, cwd: Path) -> bool:
    """Start a command and kill it once something is so; return whether it was still running."""
    process = await start(*words, cwd=cwd)
    while process.returncode is None and not condition():  # noqa: ASYNC110 - files are watched
        await asyncio.sleep(0.001)
    if process.returncode is not None:
        return False
    process.send_signal(signal.SIGKILL)
    return await process.wait() == -signal.SIGKILL


async def slow(exchange: Exchange) -> None:
    exchange.rate = 1_000_000.0


def spare(count: int) -> int:
    """Return what a rerun may move beyond the minimum: a chunk for each blob that was open."""
    return count * (JOBS * (CHUNK_BYTES + 65_536) + 200_000)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["i.tar", "i.tar.gz"])
async def test_save_is_continued_where_it_was_killed(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path, name: str, seed: int
) -> None:
    published = await publish_some(public.host, public_proxy.host)
    (tmp_path / "images.txt").write_text("".join(f"{one}\n" for one in published))
    words = ["save", "images.txt", "-o", name, "--jobs", str(JOBS)]
    words += ["--plain-http", public_proxy.host]
    public_proxy.faults.append(slow)
    kills, pick = 0, random.Random(seed)  # noqa: S311 - the same in each run
    for _ in range(3):
        kills += await kill_after(pick.uniform(1.0, 2.5), *words, cwd=tmp_path)
    assert kills
    public_proxy.faults.clear()
    held = kept_in_archive(tmp_path / name)
    public_proxy.records.clear()
    await images(*words, cwd=tmp_path)
    fetched = sum(one.sent for one in public_proxy.records if "/blobs/" in one.path)
    assert fetched <= unique(published) - held + spare(1)
    with Archive.open(tmp_path / name) as archive:
        for one in published:
            assert await read_image(archive, str(one)) == one.sample.digests


def kept_in_archive(path: Path) -> int:
    """Return the bytes of blobs that a journal knows to be in an unfinished archive."""
    part = path.with_name(f"{path.name}.part")
    records = Journal(
        part.with_name(f"{part.name}.journal"), gzip=path.name.endswith(".gz")
    ).replay()
    return sum(
        size if checksum is not None else written for _, size, _, written, checksum in records
    )


@pytest.mark.parametrize("seed", [1, 2])
async def test_load_is_continued_where_it_was_killed(
    public: RegistryServer, tmp_path: Path, seed: int
) -> None:
    published = await publish_some(public.host, public.host)
    (tmp_path / "images.txt").write_text("".join(f"{one}\n" for one in published))
    plain = ["--plain-http", public.host]
    await images("save", "images.txt", "-o", "i.tar.gz", *plain, cwd=tmp_path)
    words = ["load", "i.tar.gz", "-o", "layout", "--jobs", str(JOBS)]
    kills, pick = 0, random.Random(seed)  # noqa: S311 - the same in each run
    for _ in range(3):
        more = len(begun(tmp_path / "layout")) + pick.randrange(1, 4)
        kills += await kill_when(
            lambda more=more: len(begun(tmp_path / "layout")) >= more,  # type: ignore[misc]
            *words,
            cwd=tmp_path,
        )
    assert kills
    held = kept_in_layout(tmp_path / "layout", published)
    done = (await images(*words, "--json", cwd=tmp_path)).document
    assert done["bytes"] <= unique(published) - held
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        for one in published:
            assert await read_image(layout, str(one)) == one.sample.digests


def begun(layout: Path) -> list[Path]:
    """Return the files of blobs in a layout, finished or not."""
    return list(layout.glob("blobs/sha256/*"))


def kept_in_layout(path: Path, published: list[Published]) -> int:
    """Return the bytes of blobs that are whole in a layout."""
    blobs = {digest: len(blob) for one in published for digest, blob in one.sample.blobs.items()}
    return sum(
        blobs.get(f"sha256:{one.name}", 0)
        for one in path.glob("blobs/sha256/*")
        if not one.name.endswith(PART_SUFFIX)
    )


@pytest.mark.parametrize("seed", [1, 2])
async def test_push_is_continued_where_it_was_killed(
    public: RegistryServer,
    private: RegistryServer,
    proxy: FaultProxy,
    tmp_path: Path,
    seed: int,
) -> None:
    published = await publish_some(public.host, public.host)
    (tmp_path / "images.txt").write_text("".join(f"{one}\n" for one in published))
    plain = ["--plain-http", public.host, "--plain-http", proxy.host]
    await images("save", "images.txt", "-o", "i.tar.gz", *plain, cwd=tmp_path)
    words = ["push", "i.tar.gz", "--registry", proxy.host, "--jobs", str(JOBS), *plain]
    proxy.faults.append(slow)
    kills, pick = 0, random.Random(seed)  # noqa: S311 - the same in each run
    for _ in range(3):
        kills += await kill_after(pick.uniform(1.0, 2.5), *words, cwd=tmp_path)
    assert kills
    proxy.faults.clear()
    there = private.stored_blobs()
    blobs = {digest: blob for one in published for digest, blob in one.sample.blobs.items()}
    missing = sum(len(blob) for digest, blob in blobs.items() if digest not in there)
    proxy.records.clear()
    await images(*words, cwd=tmp_path)
    # A blob whose upload was cut lives in no repository: it is sent from its begin.
    assert proxy.uploaded <= missing + 100_000
    place = ["--registry", private.host, "--plain-http", private.host]
    await images("verify", "--from", "i.tar.gz", *place, cwd=tmp_path)


def test_the_journal_is_told_often_enough() -> None:
    assert NOTE_BYTES <= 8 * CHUNK_BYTES
