"""A node behind an air gap: a network with nothing but itself in it, and an ``/etc`` of its own.

In it run a registry with TLS, containerd and podman. What the page of the mirrors tells a person to
do on a node is done here, word for word.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.documents import ROOT
from tests.integration.transfer.servers import RegistryServer
from tests.ports import free_port

REGISTRY = "registry.airgap"

_SECTION = re.compile(
    r"^(?P<title>[^\n]+)\n-{3,}\n(?P<text>.*?)(?=^[^\n]+\n-{3,}\n|\Z)", re.MULTILINE | re.DOTALL
)

_OWN_ETC = """
set -e
ip link set lo up
cp -a /etc "$0/etc"
mount --bind "$0/etc" /etc
echo "127.0.0.1 localhost registry.airgap" > /etc/hosts
rm -rf /etc/containerd /etc/containers/registries.conf.d /etc/containers/certs.d
echo ready
exec sleep 600
"""


@dataclass
class Node:
    """A node, and all that runs on it.

    Attributes:
        directory: Its files.
        authority: The CA of the registries' certificates.
        servers: Its registries, which stop with it.
    """

    directory: Path
    authority: trustme.CA
    servers: list[RegistryServer] = field(default_factory=list)
    _holder: subprocess.Popen[str] | None = None
    _containerd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Separate it from every network."""
        for program in ("unshare", "nsenter", "ip", "containerd", "ctr", "podman"):
            assert shutil.which(program), f"{program} is not installed: tools/test-programs"
        self.directory.mkdir(parents=True, exist_ok=True)
        command = ["unshare", "--net", "--mount", "sh", "-c", _OWN_ETC, str(self.directory)]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.authority.cert_pem.write_to_path(self.directory / "ca.crt")

    def stop(self) -> None:
        """Stop all that runs on it."""
        for server in self.servers:
            server.stop()
        if self._containerd is not None:
            self._containerd.send_signal(signal.SIGTERM)
            self._containerd.wait(timeout=30)
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
            assert self._holder.stdout is not None
            self._holder.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def enter(self) -> tuple[str, ...]:
        """What runs a program there."""
        assert self._holder is not None
        return ("nsenter", f"--target={self._holder.pid}", "--net", "--mount")

    def serve(self, name: str, config: Mapping[str, object] | None = None) -> RegistryServer:
        """Run a registry."""
        server = RegistryServer(
            self.directory / name,
            dict(config or {}),
            self.authority,
            port=free_port(),
            name=REGISTRY,
            within=self.enter,
        )
        self.servers.append(server)
        server.start()
        return server

    def run(
        self, *words: str | Path, said: str = "", cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there to its end; `said` is what is typed."""
        done = subprocess.run(
            [*self.enter, f"--wd={cwd or self.directory}", *map(str, words)],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.directory)},
            timeout=60,
        )
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def airgap(self, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run ``ckf-airgap``."""
        return self.run(sys.executable, "-m", "ckf_airgap", *words, cwd=cwd)

    def start_containerd(self) -> None:
        """Run containerd, and wait until it answers."""
        config = self.directory / "containerd.toml"
        config.write_text(
            "version = 2\n"
            f'root = "{self.directory}/containerd/root"\n'
            f'state = "{self.directory}/containerd/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\n  address = "{self._address}"\n'
        )
        with (self.directory / "containerd.log").open("wb") as log:
            self._containerd = subprocess.Popen(
                [*self.enter, "containerd", "--config", str(config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while self._ctr("version", check=False).returncode:
            said = (self.directory / "containerd.log").read_text()[-3000:]
            assert self._containerd.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    @property
    def _address(self) -> str:
        return f"{self.directory}/containerd.sock"

    def _ctr(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("ctr", "--address", self._address, *words, check=check)

    def containerd_pulls(
        self, image: str, hosts: str = "/etc/containerd/certs.d", *, check: bool = True
    ) -> str:
        """Pull an image with containerd, and return its digest, or what went wrong."""
        options = ["--snapshotter", "native", "--hosts-dir", hosts]
        done = self._ctr("images", "pull", *options, image, check=check)
        if done.returncode:
            return done.stderr
        (line,) = self._ctr("images", "ls", f"name=={image}").stdout.splitlines()[1:]
        # Not in the background, where it may collect what the next pull takes for being there.
        self._ctr("images", "rm", "--sync", image)
        return line.split()[2]

    def podman_pulls(self, image: str, *options: str, check: bool = True) -> str:
        """Pull an image with podman, and return the digest of its config, or what went wrong."""
        own = [f"--root={self.directory}/podman", f"--runroot={self.directory}/podman.run"]
        words = ["podman", *own, "--storage-driver=vfs"]
        done = self.run(*words, "pull", "--quiet", *options, image, check=check)
        if done.returncode:
            return done.stderr
        identity = done.stdout.strip()
        self.run(*words, "rmi", "--force", identity)
        return f"sha256:{identity}"


def instructions(page: str, title: str) -> list[str]:
    """Return the commands of a section of a page, a text for each group of lines."""
    sections = {match["title"]: match["text"] for match in _SECTION.finditer(page)}
    groups = re.split(r"\n\s*\n", sections[title])
    return [
        "".join(f"{line[4:]}\n" for line in group.strip("\n").splitlines())
        for group in groups
        if all(line.startswith("    ") for line in group.strip("\n").splitlines())
    ]
