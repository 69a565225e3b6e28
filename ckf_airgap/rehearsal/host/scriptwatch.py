"""A script file that is reloaded when it changes while the controller runs."""

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
"""How often the file is checked, in wall-clock seconds."""

_Stamp: TypeAlias = "tuple[int, int, int] | None"


def read_script(path: Path) -> Scene:
    """Read and parse a script file.

    Raises:
        MissingError: when there is no such file.
        InputError: when it cannot be read, is too large, or is not a valid script.
    """
    try:
        text = read_small_text(path, MAX_BYTES, what="a script")
    except OSError as error:
        raise unreadable(error, f"the script {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the script {path} is not UTF-8 text: {error}") from error
    return parse_script(text, where=str(path))


class ScriptWatch:
    """Applies a script file to a controller, and reapplies it when it changes.

    When the file becomes unreadable or invalid, the last valid script stays in force.

    Args:
        path: The file.
        script: The script of the controller that plays it.
        changed: Called after each reload, with what is wrong with the file or ``None``.
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
        """Apply the current file and start watching for changes.

        Raises:
            AirgapError: as `read_script`.
        """
        self._stamp = await asyncio.to_thread(_stamp, self._path)
        self._script.play(await asyncio.to_thread(read_script, self._path))
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching for changes."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        before = self._stamp
        while True:
            await asyncio.sleep(POLL_S)
            stamp = await asyncio.to_thread(_stamp, self._path)
            # A file that is being written may be empty or incomplete for a moment, so it is read
            # only after one check has found it unchanged.
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
    """Return a stamp that changes when the file does; ``None`` if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
