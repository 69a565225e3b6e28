"""The directory of a pack: one run at a time, begun without what it ended with, ended with sums."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import InputError, Problem, UsageError, raise_all
from ckf_airgap.files import open_locked, require_directory, write_text
from ckf_airgap.packing import names
from ckf_airgap.packing.checksums import Checksums, FileSum, sign
from ckf_airgap.packing.parts import PartsReader, Watch, find_parts, ignore, join_in_place, split
from ckf_airgap.packing.plan import PackPlan

_SPLIT_PLAN: Final = ".split.json"


@asynccontextmanager
async def locked(plan: PackPlan) -> AsyncIterator[None]:
    """Make the directories, and keep other runs away from them.

    Raises:
        InputError: when something other than a directory is there.
        UsageError: when another run is at work there.
    """

    def lock() -> int:
        require_directory(plan.output, may_be_missing=True)
        plan.output.mkdir(parents=True, exist_ok=True)
        plan.work.mkdir(parents=True, exist_ok=True)
        fd = open_locked(plan.output, os.O_RDONLY | os.O_DIRECTORY)
        if fd is None:
            raise UsageError(f"{plan.output} is being written by another run", fix="Wait for it.")
        return fd

    fd = await in_thread(lock)
    try:
        yield
    finally:
        os.close(fd)


def begin(plan: PackPlan, watch: Watch = ignore) -> None:
    """Make a pack unfinished: without checksums, and with archives in one piece; blocks.

    Raises:
        InputError: when the directory holds something else.
    """
    out = plan.output
    strangers = [
        Problem("it is not part of a pack", name)
        for name in sorted(path.name for path in out.iterdir())
        if not _is_ours(name)
    ]
    raise_all(InputError, f"{out} is not the directory of a pack", strangers)
    for name in (names.CHECKSUMS, names.SIGNATURE):
        (out / name).unlink(missing_ok=True)
    for name in (*names.IMAGES, names.CHARMS):
        _restore(out / name, plan.work, watch)
    other = next(name for name in names.IMAGES if name != plan.images_name)
    for suffix in ("", ".part", ".part.journal"):
        (out / f"{other}{suffix}").unlink(missing_ok=True)


def cut(plan: PackPlan, name: str, watch: Watch = ignore) -> None:
    """Split an archive into parts if it is larger than one; blocks."""
    path = plan.output / name
    if plan.part_bytes is None or path.stat().st_size <= plan.part_bytes:
        return
    _plan_split(path, plan.work, plan.part_bytes)
    split(path, plan.part_bytes, watch)


def finish(plan: PackPlan, watch: Watch = ignore) -> tuple[int, int]:
    """Write the checksums and sign them; return bytes and number of the files. Blocks."""
    out = plan.output
    files: dict[str, FileSum] = {}
    wholes: dict[str, FileSum] = {}
    for name in (names.CHARMS, plan.images_name):
        parts = find_parts(out, name)
        for path in out.glob(f"{name}.*"):
            if path not in parts:
                path.unlink()  # of an earlier pack
        found = _read(parts, watch)
        files |= {path.name: one for path, one in found.sums.items()}
        if len(parts) > 1:
            wholes[name] = found.whole
    for path in out.glob(".*"):
        path.unlink()  # what a killed run was writing
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_file() and name not in files:
            files[name] = _read([path], watch).whole
    text = Checksums(files=files, wholes=wholes).to_text()
    if plan.signing_key is not None:
        write_text(out / names.SIGNATURE, sign(text.encode(), plan.signing_key))
    write_text(out / names.CHECKSUMS, text)
    shutil.rmtree(plan.work, ignore_errors=True)
    return sum(one.size for one in files.values()), len(files) + 1


def _read(paths: list[Path], watch: Watch) -> PartsReader:
    with contextlib.closing(PartsReader(paths, watch)) as reader:
        reader.drain()
    return reader


def _is_ours(name: str) -> bool:
    """Whether a file may be in a pack, finished or not."""
    known = {
        *names.LAID_OUT,
        *names.IMAGES,
        names.CHARMS,
        names.CHECKSUMS,
        names.SIGNATURE,
        names.ASSUMES,
        names.README,
        names.INSTALL,
        names.WHEELS,
        names.RESOURCES,
        names.MIRRORS,
    }
    if names.whole_of(name) is not None or name in known:
        return True
    return any(name.removeprefix(".").startswith(f"{one}.") for one in known)  # being written


def _plan_split(path: Path, work: Path, size: int) -> None:
    """Record how an archive is split, before it is."""
    write_text(work / f"{path.name}{_SPLIT_PLAN}", json.dumps({"size": size}))


def _restore(path: Path, work: Path, watch: Watch) -> None:
    """Join an archive that an earlier run split, or began to split."""
    parts = [part for part in find_parts(path.parent, path.name) if part != path]
    plan = work / f"{path.name}{_SPLIT_PLAN}"
    if plan.is_file():
        size = int(json.loads(plan.read_text(encoding="utf-8"))["size"])
    elif parts:
        size = parts[0].stat().st_size
        _plan_split(path, work, size)
    else:
        return
    join_in_place(path, size, watch)
    plan.unlink(missing_ok=True)
