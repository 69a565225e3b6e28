"""A script file that is read again when it changes, while the controller runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from ckf_airgap.errors import AirgapError, InputError, unreadable
from ckf_airgap.files import read_small_text
from ckf_airgap.rehearsal.units.course import Scene, Script
from ckf_airgap.rehearsal.units.scriptfile import MAX_BYTES, parse_script

POLL_S: Final = 0.25
"""How often the file is looked at, in seconds of the wall clock."""

_Stamp: TypeAlias = "tuple[int, int, int] | None"


def read_script(path: Path) -> Scene:
    """Return what a script file says.

    Raises:
        MissingError: when there is no such file.
        InputError: when it cannot be read, is too large, or is not a script.
    """
    try:
        text = read_small_text(path, MAX_BYTES, what="a script")
    except OSError as error:
        raise unreadable(error, f"the script {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the script {path} is not UTF-8 text: {error}") from error
    return parse_script(text, where=str(path))


class ScriptWatch:
    """Plays a script file, and plays it again when it changes.

    A file that can no longer be read, or is no script any more, leaves the last good one in force.

    Args:
        path: The file.
        script: The script of the controller that plays it.
        changed: Called after the file was read again: with what is wrong with it, or ``None``.
    """

    def __init__(
        self, path: Path, script: Script, changed: Callable[[AirgapError | None], None]
    ) -> None:
        self._path = path
        self._script = script
        self._changed = changed
        self._stamp: _Stamp = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Play the file as it is now, and begin to look for changes.

        Raises:
            AirgapError: as `read_script`.
        """
        self._stamp = await asyncio.to_thread(_stamp, self._path)
        self._script.play(await asyncio.to_thread(read_script, self._path))
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look for changes no longer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        before = self._stamp
        while True:
            await asyncio.sleep(POLL_S)
            stamp = await asyncio.to_thread(_stamp, self._path)
            # A file that is being written is empty or half for a moment: it must stay as it is for
            # one look before it is read.
            is_settled, before = stamp == before, stamp
            if stamp == self._stamp or not is_settled:
                continue
            self._stamp = stamp
            try:
                self._script.play(await asyncio.to_thread(read_script, self._path))
            except AirgapError as error:
                self._changed(error)
            else:
                self._changed(None)


def _stamp(path: Path) -> _Stamp:
    """Return what changes when a file does; ``None`` while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
