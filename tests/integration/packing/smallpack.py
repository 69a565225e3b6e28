"""A pack of three wheels, made within a second: a stand-in for the tool, a dependency, and pip."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ckf_airgap._version import __version__
from ckf_airgap.packing.checksums import Checksums, FileSum
from ckf_airgap.packing.texts import install_script

TOOL = f"ckf_airgap-{__version__}-py3-none-any.whl"

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes | str],
    *,
    requires: str = "",
    build: str = "",
    scripts: str = "",
) -> Path:
    """Write a wheel; its ``dist-info`` comes first, so that an installation can break off in it."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members: dict[str, bytes | str] = {
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        + (f"Build: {build}\n" if build else ""),
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{scripts}\n"} if scripts else {}),
        **files,
    }
    middle = f"-{build}" if build else ""
    return _write(folder / f"{name}-{version}{middle}-py3-none-any.whl", members, info)


def write_tool(folder: Path, *, says: str = "meow", version: str = __version__) -> Path:
    """Write the wheel of a ``ckf-airgap`` that says a word, and what its dependency adds."""
    code = f"import petlib\n\ndef main():\n    print({says!r}, petlib.NAME)\n"
    return write_wheel(
        folder,
        "ckf_airgap",
        version,
        {"ckf_airgap/__init__.py": code},
        requires="petlib>=1",
        scripts="ckf-airgap = ckf_airgap:main",
    )


def write_petlib(folder: Path, version: str = "1.0", *, padding: int = 0) -> Path:
    """Write the wheel of the dependency, whose last file may be large."""
    files: dict[str, bytes | str] = {
        "petlib/__init__.py": f"NAME = 'petlib {version}'\n",
        f"petlib/only_in_{version[0]}.py": "",
    }
    if padding:
        files["petlib/zeros.bin"] = bytes(padding)
    return write_wheel(folder, "petlib", version, files)


def write_pip(folder: Path) -> Path:
    """Write the wheel that the pip of these tests was installed from."""
    pip = importlib.metadata.distribution("pip")
    files = {
        str(path): path.read_binary()
        for path in pip.files or ()
        if path.parts[0] in ("pip", f"pip-{pip.version}.dist-info")
        and path.suffix != ".pyc"
        and path.name not in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    }
    name = f"pip-{pip.version}-py3-none-any.whl"
    return _write(folder / name, files, f"pip-{pip.version}.dist-info")


def _write(wheel: Path, members: Mapping[str, bytes | str], info: str) -> Path:
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            rows.writerow([name, f"sha256={digest.decode()}", len(data)])
            archive.writestr(name, data)
        rows.writerow([f"{info}/RECORD", "", ""])
        archive.writestr(f"{info}/RECORD", record.getvalue())
    return wheel


def write_small_pack(pack: Path) -> Path:
    """Write a pack that only its tool can be installed from."""
    wheels = pack / "wheels"
    wheels.mkdir(parents=True)
    write_tool(wheels)
    write_petlib(wheels)
    write_pip(wheels)
    (wheels / "wheels.json").write_text("{}\n")
    script = install_script(
        version=__version__, python=PYTHON, machine=platform.machine(), wheels="wheels"
    )
    (pack / "install.sh").write_text(script)
    return seal(pack)


def seal(pack: Path) -> Path:
    """Write the checksums of what is there."""
    files = {
        path.relative_to(pack).as_posix(): FileSum(
            hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
        )
        for path in pack.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    (pack / "SHA256SUMS").write_text(Checksums(files=files).to_text())
    return pack


@dataclass
class Far:
    """The other side: a pack on a disk, and the home directory of somebody."""

    pack: Path
    home: Path

    @property
    def script(self) -> Path:
        return self.pack / "install.sh"

    def install(
        self, *args: object, shell: str = "dash", cwd: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script with nothing on PATH; the Python is named."""
        return subprocess.run(
            [shutil.which(shell) or shell, self.script, *map(str, args)],
            env={"HOME": str(self.home), "PATH": "/nowhere", "PYTHON": sys.executable, **env},
            cwd=cwd or self.home,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def tree(self) -> dict[str, str]:
        """Return all that is there, but for what lies in the pack."""
        top = self.home.parent
        return {
            str(path.relative_to(top)): _content(path)
            for path in sorted(top.rglob("*"))
            if self.pack not in path.parents
        }


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return path.read_bytes().hex() if path.is_file() else "directory"


def packages(target: Path) -> list[str]:
    """Return what is installed in a virtual environment."""
    return sorted(path.stem for path in target.glob("lib/python*/site-packages/*.dist-info"))


def says(target: Path) -> str:
    """Return the words of the tool that was installed."""
    run = subprocess.run([target / "bin" / "ckf-airgap"], check=True, capture_output=True)
    return run.stdout.decode().strip()
