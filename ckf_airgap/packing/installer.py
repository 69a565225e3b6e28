"""The lower half of ``install.sh``: makes a virtual environment of the wheels of a pack.

`ckf_airgap.packing.texts.install_script` puts the text of this module into the script, so it runs
where nothing is installed yet, on whatever lies there: it imports the standard library only, never
deletes what it did not create, and trusts nothing in the pack but ``SHA256SUMS``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

CHECKSUMS: Final = "SHA256SUMS"

MARKER: Final = ".made-by-ckf-airgap"
"""Lies in a directory that this script made: the only kind with files in it that it touches."""

_MARK: Final = """\
install.sh of ckf-airgap made this virtual environment. While this file is here, another run may
install into the same directory again.
"""
_SUM: Final = re.compile(r"(?P<hex>[0-9a-f]{64}) [ *](?P<name>[^\x00-\x1f\x7f]+)")
_MAX_SUMS_BYTES: Final = 16 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_MAX_LINES: Final = 10

_PROBE: Final = """\
import os, platform, sys, sysconfig
print("%d.%d on %s" % (*sys.version_info[:2], platform.machine()))
print(int(os.path.samefile(sys.prefix, sys.argv[1])))
print(sysconfig.get_path("purelib"))
"""
_RUN_PIP: Final = """\
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
_PIP_OPTIONS: Final = (
    "--isolated",
    "--require-virtualenv",
    "--disable-pip-version-check",
    "--no-input",
    "--no-cache-dir",
    "--quiet",
)

_ELSEWHERE: Final = "Name a new directory, or an empty one: sh install.sh DIRECTORY"
_START_ANEW: Final = "Remove it yourself if you need nothing in it, or name another directory."
_COPY_AGAIN: Final = (
    "Copy the pack again. If somebody changed it on purpose, do not run anything in it."
)


def main(script: str, directory: str, wheels: str, version: str) -> None:
    """Install the wheels of a pack.

    Args:
        script: ``install.sh``, which is in the directory of the pack.
        directory: Where to install, as the user named it.
        wheels: The directory of the wheels within the pack.
        version: The version of ckf-airgap.

    Raises:
        SystemExit: with a message, when anything is not as it must be.
    """
    try:
        pack = Path(script).resolve().parent
        target = _check_target(directory, pack)
        sums = _read_sums(pack, wheels)
        _check_wheels(pack / wheels, sums, version)
        site = _make_environment(target)
        _install(pack / wheels, sums, target, site)
    except OSError as exc:
        _fail(f"{_shown(str(exc.filename or directory))}: {exc.strerror}")
    except KeyboardInterrupt:
        sys.stderr.write("install.sh: stopped; the same command continues\n")
        sys.exit(130)
    sys.stdout.buffer.write(b"installed: " + os.fsencode(target / "bin" / "ckf-airgap") + b"\n")


def _check_target(directory: str, pack: Path) -> Path:
    """Return where to install; fail for every place where something might be lost."""
    given = Path(directory).absolute()  # leaves `..` in: behind a link it is not what it looks like
    for one in (given, *given.parents):
        if one.is_symlink() and not one.exists():
            _fail(f"{_shown(one)} is a link to something that does not exist", _ELSEWHERE)
    target = given.resolve()
    if re.search("[:\n\udc80-\udcff]", str(target)):  # the last are bytes that are not UTF-8
        _fail(f"Python cannot make a virtual environment at {_shown(target)}", _ELSEWHERE)
    if _lies_in(target, pack):
        _fail(f"{_shown(target)} is in the pack", _ELSEWHERE)
    if _lies_in(pack, target):
        _fail(f"the pack is in {_shown(target)}", _ELSEWHERE)
    if not target.exists():
        return target
    if not target.is_dir():
        _fail(f"{_shown(target)} is not a directory", _ELSEWHERE)
    if _is_plain(target / MARKER):
        _check_python(target)
    elif (target / "pyvenv.cfg").exists():
        _fail(
            f"{_shown(target)} is a virtual environment that install.sh did not make",
            _START_ANEW,
        )
    elif any(target.iterdir()):
        _fail(f"{_shown(target)} is not empty, and install.sh did not make it", _ELSEWHERE)
    return target


def _lies_in(inner: Path, outer: Path) -> bool:
    """Whether a path is a directory or below it, by whatever names and mounts."""
    return outer.exists() and any(
        one.exists() and one.samefile(outer) for one in (inner, *inner.parents)
    )


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _check_python(target: Path) -> None:
    """Fail when an environment of an earlier run has another Python than this one."""
    python = target / "bin" / "python"
    if not os.path.lexists(python):
        return  # the earlier run did not get that far
    found = _probe(python, target)
    if found is None:
        _fail(f"the Python of {_shown(target)} no longer runs", _START_ANEW)
    version, _, _ = found
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]} on {platform.machine()}"
    if version != wanted:
        _fail(
            f"{_shown(target)} was made with Python {version}, and the wheels are for {wanted}",
            _START_ANEW,
        )


def _probe(python: Path, target: Path) -> tuple[str, bool, Path] | None:
    """Return a Python's version, whether it is that of the environment, and its packages."""
    try:
        run = _run([python, "-I", "-c", _PROBE, target], capture=True)
        version, own, site = os.fsdecode(run.stdout).splitlines()
    except (OSError, ValueError):
        return None
    return version, own == "1", Path(site)


def _run(
    command: Sequence[str | Path],
    *,
    capture: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - no shell, and no program of the pack's choice
        command,
        stdin=subprocess.DEVNULL,  # that of this process is the text of this module
        capture_output=capture,
        env=env,
        cwd=cwd,
        check=False,
    )


def _read_sums(pack: Path, wheels: str) -> dict[str, str]:
    """Return the checksums of what is in the directory of the wheels, by name."""
    path = pack / CHECKSUMS
    if not _is_plain(path):
        _fail(
            f"there is no file {CHECKSUMS} next to install.sh",
            f"Run it in the directory of the pack. A pack without {CHECKSUMS} is unfinished.",
        )
    content = b"".join(_chunks(path, _MAX_SUMS_BYTES))
    sums: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
        if not line or line.startswith("#"):
            continue
        match = _SUM.fullmatch(line)
        if match is None:
            _fail(f"line {number} of {_shown(path)} is not a checksum", _COPY_AGAIN)
        folder, _, name = match["name"].partition("/")
        if folder == wheels and sums.setdefault(name, match["hex"]) != match["hex"]:
            _fail(f"{_shown(path)} has two checksums of {_shown(match['name'])}", _COPY_AGAIN)
    return sums


def _chunks(path: Path, limit: int | None = None) -> Iterator[bytes]:
    """Read a plain file: neither a link, nor a pipe that never ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or (limit is not None and status.st_size > limit):
            _fail(f"{_shown(path)} is not the file that was packed", _COPY_AGAIN)
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _check_wheels(folder: Path, sums: Mapping[str, str], version: str) -> None:
    """Fail unless a directory holds what the checksums list, all of it and nothing else."""
    found = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    wrong = [f"{_shown(name)}: is missing" for name in sorted(sums.keys() - found.keys())]
    for name, path in sorted(found.items()):
        if name not in sums:
            wrong.append(f"{_shown(name)}: is not listed in {CHECKSUMS}")
        elif not _is_plain(path):
            wrong.append(f"{_shown(name)}: is not a regular file")
        elif _sha256(path) != sums[name]:
            wrong.append(f"{_shown(name)}: was altered or damaged")
    if wrong:
        more = [f"and {len(wrong) - _MAX_LINES} more"] if len(wrong) > _MAX_LINES else []
        lines = [*wrong[:_MAX_LINES], *more, _COPY_AGAIN]
        _fail("the wheels are not those that were packed", "\n  ".join(lines))
    for start in (f"ckf_airgap-{version}-", "pip-"):
        if sum(name.startswith(start) for name in _wheels(sums)) != 1:
            _fail(f"{CHECKSUMS} does not list exactly one wheel {start}*.whl", _COPY_AGAIN)


def _wheels(sums: Mapping[str, str]) -> list[str]:
    return sorted(name for name in sums if name.endswith(".whl"))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _make_environment(target: Path) -> Path:
    """Make the virtual environment, as far as it is not there; return where its packages go."""
    target.mkdir(parents=True, exist_ok=True)
    # First of all, so that a run that is stopped from here on can be continued.
    (target / MARKER).write_text(_MARK, encoding="ascii")
    python = target / "bin" / "python"
    found = _probe(python, target)
    if found is None or not found[1] or not (target / "bin" / "activate").exists():
        # Without pip: Debian's Python does not have it. What is there already is left alone.
        command = [sys.executable, "-I", "-m", "venv", "--without-pip", str(target)]
        if _run(command).returncode:
            _fail(
                f"{sys.executable} cannot make a virtual environment",
                "On Debian and Ubuntu its module is in python3-venv. PYTHON=... names another one.",
            )
        found = _probe(python, target)
    if found is None or not found[1]:
        _fail(f"the Python of {_shown(target)} does not run", _START_ANEW)
    return found[2]


def _install(folder: Path, sums: Mapping[str, str], target: Path, site: Path) -> None:
    """Have pip install the wheels that are listed, from copies that only this user can change."""
    with tempfile.TemporaryDirectory(prefix="ckf-airgap-") as name:
        copies = Path(name)
        for wheel in _wheels(sums):
            with (copies / wheel).open("wb") as copy:
                copy.writelines(_chunks(folder / wheel))
            if _sha256(copies / wheel) != sums[wheel]:
                _fail(f"{wheel} changed while it was read", _COPY_AGAIN)
        requirements = copies / "requirements.txt"
        lines = [
            f"{(copies / wheel).as_uri()} --hash=sha256:{sums[wheel]}\n" for wheel in _wheels(sums)
        ]
        requirements.write_text("".join(lines), encoding="ascii")
        _drop_halves(site, {_project(wheel) for wheel in _wheels(sums)})
        pip = next(copies.glob("pip-*.whl"))
        install = ("install", "--no-index", "--require-hashes", "--force-reinstall", "-r")
        # Nothing of the caller's may lead pip elsewhere: no settings, modules or files of the pack.
        environment = {key: one for key, one in os.environ.items() if not key.startswith("PIP_")}
        python = target / "bin" / "python"
        run = _run(
            [python, "-I", "-c", _RUN_PIP, pip, *_PIP_OPTIONS, *install, requirements],
            env={**environment, "PIP_CONFIG_FILE": os.devnull},
            cwd=copies,
        )
    if run.returncode:
        _fail(
            f"pip could not install the wheels, so {_shown(target)} is not complete",
            "See pip's message above. The same command tries again.",
        )


def _drop_halves(site: Path, projects: set[str]) -> None:
    """Forget what pip was doing when an earlier run was killed.

    A package of whose files it had not yet written the list is one that it refuses to replace. Of
    one that it was replacing it complains in every line, and leaves an entry called ``~...``.
    """
    for folder in site.glob("*.dist-info"):
        half = _project(folder.name) in projects and not (folder / "RECORD").exists()
        if half or folder.name.startswith("~"):
            shutil.rmtree(folder)


def _project(name: str) -> str:
    """Return which project a wheel or a ``dist-info`` directory is of."""
    return re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower()


def _shown(name: object) -> str:
    """Return a name that a terminal may have: files of a stranger can be called anything."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def _fail(message: str, fix: str = "") -> NoReturn:
    sys.exit(f"install.sh: {message}" + (f"\n  {fix}" if fix else ""))


if __name__ == "__main__":
    main(*sys.argv[1:])
