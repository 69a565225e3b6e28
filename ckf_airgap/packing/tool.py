"""ckf-airgap itself, as wheels that can be installed where there is no package index."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import csv
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import signal
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ckf_airgap._version import __version__
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import AirgapError, InputError
from ckf_airgap.facts.defaults import PYTHONS
from ckf_airgap.files import write_text

STAMP: Final = "wheels.json"
"""Lists the wheels, once all are there; it is stored with them."""

_SCHEMA: Final = "ckf-airgap/wheels/v1"
_CREATED: Final = (1980, 1, 1, 0, 0, 0)
_SKIPPED: Final = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")
_GLIBC_MINORS: Final = range(28, 4, -1)
"""Versions of glibc whose wheels run on Ubuntu 20.04 and later."""

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_CHECKOUT: Final = _PACKAGE.parent

_MARKED: Final = ("async-timeout>=4.0.3,<6", "typing-extensions", "exceptiongroup", "tomli")
"""What Python 3.10 needs and later ones do not: pip looks at its own Python for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTarget:
    """The machine that ckf-airgap is installed on.

    Attributes:
        python: Its Python, ``3.12``.
        machine: What ``uname -m`` says there.
    """

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine: str = platform.machine()

    def __post_init__(self) -> None:
        if self.python not in PYTHONS:
            raise InputError(
                f"ckf-airgap does not run on Python {self.python}",
                fix=f"It runs on {', '.join(PYTHONS)}.",
            )

    @property
    def pip_options(self) -> list[str]:
        """Pip's options to fetch for this machine."""
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in _GLIBC_MINORS]
        tags += [f"manylinux{old}_{self.machine}" for old in ("2014", "2010", "1")]
        options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}"]
        return options + [f"--platform={tag}" for tag in tags]


async def collect_wheels(target: ToolTarget, directory: Path, work: Path) -> int:
    """Bring the wheels of ckf-airgap, of all that it needs, and of pip; return how many there are.

    They come from the index that pip is configured for. Wheels of an earlier run for the same
    target and version are left as they are.

    Args:
        target: The machine that they are for.
        directory: Where they go.
        work: A directory for what is not finished.

    Raises:
        AirgapError: when pip fails, with its output.
    """
    names = await in_thread(_stamped, directory, target)
    if names is not None:
        return len(names)
    fresh = work / "wheels"
    await in_thread(shutil.rmtree, fresh, ignore_errors=True)
    await in_thread(fresh.mkdir, parents=True)
    own = await in_thread(repack_installed, fresh)
    if own is None:
        root = _CHECKOUT
        await _pip(["wheel", "--no-deps", f"--wheel-dir={fresh}", str(root)])
        own = await in_thread(lambda: next(fresh.glob("ckf_airgap-*.whl")))
    extra = _MARKED if target.python == "3.10" else ()
    await _pip(["download", *target.pip_options, f"--dest={fresh}", str(own), "pip", *extra])
    return await in_thread(_install, fresh, directory, target)


def repack_installed(directory: Path) -> Path | None:
    """Write the wheel that the running ckf-airgap was installed from; blocks on the disk.

    Returns:
        The wheel; ``None`` when it runs from a checkout.
    """
    try:
        distribution = importlib.metadata.distribution("ckf-airgap")
    except importlib.metadata.PackageNotFoundError:
        return None
    here = _PACKAGE / "__init__.py"
    files = {str(path): Path(str(path.locate())) for path in distribution.files or ()}
    if here not in {path.resolve() for path in files.values()}:
        return None
    kept = {
        name: path
        for name, path in files.items()
        if not name.startswith("..")
        and "__pycache__" not in name
        and not (".dist-info/" in name and name.rpartition("/")[2] in _SKIPPED)
    }
    version = distribution.version
    wheel = directory / f"ckf_airgap-{version}-py3-none-any.whl"
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    name_of_record = f"ckf_airgap-{version}.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(kept.items()):
            content = path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.writerow([name, f"sha256={digest.decode()}", len(content)])
            archive.writestr(_member(name), content)
        rows.writerow([name_of_record, "", ""])
        archive.writestr(_member(name_of_record), record.getvalue())
    return wheel


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, date_time=_CREATED)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o100644 << 16
    return member


def _stamped(directory: Path, target: ToolTarget) -> list[str] | None:
    """Return the wheels that are there, when they are whole and for the target."""
    try:
        stamp = json.loads((directory / STAMP).read_text(encoding="utf-8"))
        wanted = {key: stamp[key] for key in ("schema", "version", "python", "machine")}
        sums = {str(name): str(value) for name, value in stamp["wheels"].items()}
        found = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in directory.glob("*.whl")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return sorted(sums) if wanted == _about(target) and found == sums else None


def _about(target: ToolTarget) -> dict[str, str]:
    return {
        "schema": _SCHEMA,
        "version": __version__,
        "python": target.python,
        "machine": target.machine,
    }


def _install(fresh: Path, directory: Path, target: ToolTarget) -> int:
    """Put the new wheels in the place of the old ones."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    sums: dict[str, str] = {}
    for path in sorted(fresh.glob("*.whl")):
        shutil.move(path, directory / path.name)
        sums[path.name] = hashlib.sha256((directory / path.name).read_bytes()).hexdigest()
    document = {**_about(target), "wheels": sums}
    write_text(directory / STAMP, json.dumps(document, indent=1) + "\n")
    shutil.rmtree(fresh, ignore_errors=True)
    return len(sums)


async def _pip(arguments: Sequence[str]) -> None:
    """Run pip; it has ended when this returns, cancelled or not."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        raise
    if process.returncode:
        lines = output.decode(errors="replace").strip().splitlines()
        why = next((line for line in lines if "ERROR" in line or "No module" in line), "")
        raise AirgapError(
            f"pip {arguments[0]} failed: {why or (lines[-1] if lines else 'it gave no reason')}",
            fix="Check pip's index and proxy, or leave the tool out with --no-tool.",
        )
