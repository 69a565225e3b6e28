"""Programs of others: a Docker Engine of the tests' own, skopeo, and our command line."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Finished:
    """A program that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document that it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


async def run(*words: str | Path, cwd: Path | None = None, check: bool = True) -> Finished:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    out, err = await process.communicate()
    finished = Finished(process.returncode or 0, out.decode(), err.decode())
    assert not check or finished.code == 0, (words, finished.err, finished.out)
    return finished


async def images(*words: str | Path, cwd: Path, check: bool = True) -> Finished:
    """Run ``ckf-airgap images``."""
    return await run(*program(*words), cwd=cwd, check=check)


def names_in(directory: Path, pattern: str = "*") -> list[str]:
    """Return the names in a directory that match a pattern."""
    return sorted(path.name for path in directory.glob(pattern))


def program(*words: str | Path) -> list[str]:
    """Return the command line of ``ckf-airgap images``."""
    return [sys.executable, "-m", "ckf_airgap", "images", *map(str, words)]


async def skopeo(*words: str | Path) -> Finished:
    """Run skopeo, which must be installed."""
    assert shutil.which("skopeo"), "skopeo is not installed: apt-get install skopeo"
    return await run("skopeo", "--insecure-policy", *words)


class Engine:
    """A Docker Engine with a socket and storage of its own.

    Args:
        directory: Where these are; short, since the path of a socket must be.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"unix://{directory}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert shutil.which("dockerd"), "dockerd is not installed: apt-get install docker.io"
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd",
                    f"--data-root={self.directory}/data",
                    f"--exec-root={self.directory}/exec",
                    f"--pidfile={self.directory}/pid",
                    f"--host={self.url}",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip6tables=false",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            said = (self.directory / "log").read_text()[-3000:]
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)

    def _answers(self) -> bool:
        asked = subprocess.run(
            ["docker", "-H", self.url, "version"], capture_output=True, check=False
        )
        return asked.returncode == 0

    def stop(self) -> None:
        """Stop it, and remove what it stored."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def docker(self, *words: str | Path, check: bool = True) -> Finished:
        """Run the docker client with it."""
        return await run("docker", "-H", self.url, *words, check=check)

    async def image_id(self, name: str) -> str:
        """Return the ID of an image, or an empty text."""
        found = await self.docker("image", "inspect", "-f", "{{.Id}}", name, check=False)
        return found.out.strip()

    async def forget_all(self) -> None:
        """Remove all images."""
        names = (await self.docker("images", "-q", "--no-trunc")).out.split()
        for name in set(names):
            await self.docker("rmi", "-f", name)
