"""Carrying images across an air gap: the guide's way, skopeo, and ckf-airgap, in one run.

    python benchmarks/images.py                  the whole set: 24 images, 1.6 GB of raw layers
    python benchmarks/images.py --scale 0.1      a tenth of it
    python benchmarks/images.py --routes ours    without Docker and skopeo

Needs root, and docker.io, docker-registry, skopeo and pigz of Debian. Both registries keep their
storage in memory; everything else is on the disk of --work. The Docker Engine is one of its own,
fresh for each side of the gap. Nothing outside of --work is touched.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import hashlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_2 = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
CONFIGS = {
    SCHEMA_2: "application/vnd.docker.container.image.v1+json",
    OCI: "application/vnd.oci.image.config.v1+json",
}
LAYERS = {
    SCHEMA_2: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    OCI: "application/vnd.oci.image.layer.v1.tar+gzip",
}
ACCEPT = f"{SCHEMA_2}, {DOCKER_LIST}, {OCI}, application/vnd.oci.image.index.v1+json"
MEGA = 1_000_000


# --- the images ------------------------------------------------------------------------------


@dataclass
class Image:
    """An image of the set: its repository, its tag, and whether it is named by digest."""

    repository: str
    tag: str
    kind: str
    layers: list[str]
    by_digest: bool = False
    other: list[str] = field(default_factory=list)
    digest: str = ""

    def reference(self, host: str) -> str:
        """Return what a charm would call it."""
        mark = f"@{self.digest}" if self.by_digest else f":{self.tag}"
        return f"{host}/{self.repository}{mark}"

    @property
    def target_tag(self) -> str:
        """The tag that it gets in the private registry."""
        return self.digest.partition(":")[2] if self.by_digest else self.tag


def image_set() -> tuple[dict[str, float], list[Image]]:
    """Return the sizes of the raw layers in MB, and the images."""
    sizes = {"rootfs": 131.0, "python": 47.0, "jupyter": 146.0, "science": 219.0, "certs": 2.8}
    images = []
    for number in range(9):
        sizes[f"rock-{number}"] = 16
        layers = ["rootfs", "python", f"rock-{number}"]
        images.append(Image(f"charmedkubeflow/rock-{number}", "1.0", OCI, layers))
    for number in range(5):
        sizes[f"notebook-{number}"] = 4
        layers = ["rootfs", "python", "jupyter", "science", f"notebook-{number}"]
        images.append(Image(f"charmedkubeflow/notebook-{number}", "v1.9", OCI, layers))
    for number in range(5):
        sizes[f"knative-{number}"] = 40
        layers = ["certs", f"knative-{number}"]
        path = f"knative-releases/knative.dev/serving/cmd/part-{number}"
        images.append(Image(path, "v1.12", SCHEMA_2, layers, by_digest=number > 0))
    for number, name in enumerate(("argo", "minio", "mysql", "java")):
        sizes[f"other-{number}"] = 140
        images.append(Image(f"{name}/{name}", "v3", SCHEMA_2, ["rootfs", f"other-{number}"]))
    sizes["go-amd64"] = sizes["go-arm64"] = 50
    images.append(
        Image("tools/multi", "1", DOCKER_LIST, ["certs", "go-amd64"], other=["certs", "go-arm64"])
    )
    return sizes, images


def material() -> bytes:
    """Return 64 MB of programs and libraries of this machine: they compress as images do."""
    found, size = [], 0
    for path in sorted(Path("/usr").glob("bin/*")) + sorted(Path("/usr/lib").glob("**/*.so*")):
        if size >= 64 << 20:
            break
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size > 50_000:
                found.append(path.read_bytes()[: 4 << 20])
                size += len(found[-1])
    return b"".join(found)


def make_layer(name: str, size: int, directory: str) -> tuple[str, str, str, int, int]:
    """Write a compressed layer; return its name, diff ID, digest, size, and raw size."""
    pool, pick = material(), random.Random(name)  # noqa: S311
    path = Path(directory) / f"{name}.gz"
    raw, packed = hashlib.sha256(), hashlib.sha256()
    total = raw_total = 0
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 31)
    with path.open("wb") as stream:

        def put(data: bytes, *, last: bool = False) -> None:
            nonlocal total, raw_total
            raw.update(data)
            raw_total += len(data)
            out = squeeze.compress(data) + (squeeze.flush() if last else b"")
            packed.update(out)
            total += len(out)
            stream.write(out)

        left, number = size, 0
        while left > 0:
            length = min(left, pick.randrange(20_000, 800_000))
            start = pick.randrange(len(pool) - length)
            info = tarfile.TarInfo(f"opt/{name}/{number // 100}/{number}")
            info.size, info.mode = length, 0o755
            put(info.tobuf() + pool[start : start + length] + bytes(-length % 512))
            left -= length
            number += 1
        put(bytes(1024), last=True)
    return name, f"sha256:{raw.hexdigest()}", f"sha256:{packed.hexdigest()}", total, raw_total


def request(method: str, url: str, data: bytes | None = None, **headers: str) -> dict[str, str]:
    call = urllib.request.Request(url, data=data, method=method)  # noqa: S310
    for key, value in headers.items():
        call.add_header(key.replace("_", "-"), value)
    with urllib.request.urlopen(call, timeout=600) as answer:  # noqa: S310
        return {key.lower(): value for key, value in answer.headers.items()}


def put_blob(host: str, repository: str, digest: str, content: bytes) -> None:
    with contextlib.suppress(urllib.error.HTTPError):
        request("HEAD", f"http://{host}/v2/{repository}/blobs/{digest}")
        return
    place = request("POST", f"http://{host}/v2/{repository}/blobs/uploads/", b"")["location"]
    mark = "&" if "?" in place else "?"
    kind = {"Content_Type": "application/octet-stream"}
    request("PUT", f"{place}{mark}digest={digest}", content, **kind)


def publish(host: str, images: list[Image], made: dict[str, tuple[str, str, int, Path]]) -> None:
    def put_image(one: Image, kind: str, layers: list[str], arch: str, tag: str) -> tuple[str, int]:
        config = json.dumps(
            {
                "architecture": arch,
                "os": "linux",
                "config": {"Labels": {"of": one.repository}},
                "rootfs": {"type": "layers", "diff_ids": [made[name][0] for name in layers]},
            }
        ).encode()
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        put_blob(host, one.repository, digest, config)
        for name in layers:
            put_blob(host, one.repository, made[name][1], made[name][3].read_bytes())
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": CONFIGS[kind], "size": len(config), "digest": digest},
            "layers": [
                {"mediaType": LAYERS[kind], "size": made[name][2], "digest": made[name][1]}
                for name in layers
            ],
        }
        return put_manifest(one.repository, kind, document, tag)

    def put_manifest(
        repository: str, kind: str, document: dict[str, object], tag: str
    ) -> tuple[str, int]:
        content = json.dumps(document, indent=3).encode()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        url = f"http://{host}/v2/{repository}/manifests/{tag or digest}"
        request("PUT", url, content, Content_Type=kind)
        return digest, len(content)

    for one in images:
        if one.kind != DOCKER_LIST:
            one.digest, _ = put_image(one, one.kind, one.layers, "amd64", one.tag)
            continue
        children = []
        for arch, layers in (("amd64", one.layers), ("arm64", one.other)):
            digest, size = put_image(one, SCHEMA_2, layers, arch, "")
            children.append(
                {
                    "mediaType": SCHEMA_2,
                    "size": size,
                    "digest": digest,
                    "platform": {"os": "linux", "architecture": arch},
                }
            )
        listed = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children}
        one.digest, _ = put_manifest(one.repository, DOCKER_LIST, listed, one.tag)


# --- servers ---------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Registry:
    """A registry of distribution, with its storage in a directory."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage
        self.host = f"localhost:{free_port()}"
        storage.mkdir(parents=True)
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(storage)}},
            "http": {"addr": f"127.0.0.1:{self.host.partition(':')[2]}", "secret": "benchmark"},
        }
        (storage / "config.yml").write_text(json.dumps(config))
        self.process = subprocess.Popen(
            ["docker-registry", "serve", storage / "config.yml"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(self.process.terminate)
        wait_for(lambda: request("GET", f"http://{self.host}/v2/"))

    def stop(self) -> None:
        """Stop it, and remove what it stored."""
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.storage, ignore_errors=True)


class Engine:
    """A Docker Engine of our own, with nothing in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.url = f"unix://{directory}/docker.sock"
        with (directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd",
                    f"--data-root={directory}/data",
                    f"--exec-root={directory}/exec",
                    f"--pidfile={directory}/pid",
                    f"--host={self.url}",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip6tables=false",
                ],
                stdout=log,
                stderr=log,
            )
        atexit.register(self.process.terminate)
        wait_for(self.ask, seconds=60)

    def ask(self) -> None:
        """Ask it for its version; it fails while the engine starts."""
        subprocess.run(["docker", "-H", self.url, "version"], capture_output=True, check=True)

    def stop(self) -> None:
        """Stop it, and remove what it stored."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def wait_for(check: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            check()
        except (OSError, subprocess.CalledProcessError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def docker(engine: Engine, *words: str) -> None:
    run(["docker", "-H", engine.url, *words])


# --- measuring -------------------------------------------------------------------------------


@dataclass
class Phase:
    """What one side of a route took."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    disk_mb: float = 0.0
    memory_mb: float = 0.0


_PEAK = [0.0]


def run(
    command: list[str | Path],
    *,
    stdout: IO[bytes] | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> None:
    """Run a program, and remember the most memory that one used."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env,
    )
    watcher = threading.Thread(target=watch_memory, args=(process.pid,))
    watcher.start()
    _, said = process.communicate()
    watcher.join()
    if process.returncode:
        print(said.decode(errors="replace")[-3000:], file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, command)


def watch_memory(pid: int) -> None:
    """Remember the most memory that a process has, until it ends."""
    with contextlib.suppress(OSError):
        while "VmHWM" in (status := Path(f"/proc/{pid}/status").read_text()):
            peak = status.partition("VmHWM:")[2].split()[0]
            _PEAK[0] = max(_PEAK[0], int(peak) / 1000)
            time.sleep(0.05)


def ticks(pids: list[int]) -> float:
    """Return the CPU seconds of servers and of all their children, ended or running."""
    total = 0.0
    for pid in with_children(pids):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def with_children(pids: list[int]) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


@contextlib.contextmanager
def measured(work: Path, pids: list[int]) -> Iterator[Phase]:
    """Measure a block: time with a sync of the disk, CPU of all that takes part, peak disk."""
    phase, stop = Phase(), threading.Event()

    def used() -> float:
        state = os.statvfs(work)
        return (state.f_blocks - state.f_bfree) * state.f_frsize / MEGA

    run(["sync", "-f", work])
    before, peak = used(), [0.0]

    def sample() -> None:
        while not stop.wait(0.1):
            peak[0] = max(peak[0], used() - before)

    watcher = threading.Thread(target=sample)
    watcher.start()
    _PEAK[0] = 0.0
    cpu, own, started = ticks(pids), os.times(), time.monotonic()
    try:
        yield phase
        run(["sync", "-f", work])
    finally:
        phase.seconds = time.monotonic() - started
        now = os.times()
        phase.cpu_s = ticks(pids) - cpu + sum(now[:4]) - sum(own[:4])
        stop.set()
        watcher.join()
        phase.disk_mb = max(peak[0], used() - before)
        phase.memory_mb = _PEAK[0]


@dataclass
class Result:
    """What a route took."""

    route: str
    out: Phase
    into: Phase
    file_mb: float
    digests: int
    platforms: bool

    @property
    def seconds(self) -> float:
        """Both sides."""
        return self.out.seconds + self.into.seconds


# --- the routes ------------------------------------------------------------------------------


@dataclass
class Bench:
    """What all routes share."""

    work: Path
    memory: Path
    source: Registry
    images: list[Image]

    def target(self, name: str) -> Registry:
        """Return an empty private registry."""
        return Registry(self.memory / f"target-{name}")

    def fresh(self, name: str) -> Path:
        """Return an empty directory on the disk."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def kept(self, target: Registry) -> tuple[int, bool]:
        """Return how many images the target has by their digests, and whether all platforms."""
        kept, platforms = 0, False
        for one in self.images:
            url = f"http://{target.host}/v2/{one.repository}/manifests/"
            tagged = request("HEAD", url + one.target_tag, Accept=ACCEPT)
            if one.kind == DOCKER_LIST:
                platforms = "index" in tagged["content-type"] or "list" in tagged["content-type"]
            with contextlib.suppress(urllib.error.HTTPError):
                request("HEAD", url + one.digest, Accept=ACCEPT)
                kept += tagged["docker-content-digest"] == one.digest
        return kept, platforms


def old_way(bench: Bench) -> Result:
    """Do what the guide says: pull, tag, save each, pigz over all; untar, load, push."""
    target = bench.target("old")
    here = bench.fresh("old")
    engine = Engine(bench.work / "engine-a")
    names, files = [], []
    with measured(bench.work, [engine.process.pid, bench.source.process.pid]) as out:
        for one in bench.images:
            docker(engine, "pull", "-q", one.reference(bench.source.host))
            name = f"{target.host}/{one.repository}:{one.target_tag}"
            docker(engine, "tag", one.reference(bench.source.host), name)
            names.append(name)
        for name in names:
            files.append(name.replace("/", "-").replace(":", "-") + ".tar")
            with (here / files[-1]).open("wb") as stream:
                run(["docker", "-H", engine.url, "save", name], stdout=stream)
        run(["tar", "-c", "-I", "pigz", "-f", "images.tar.gz", *files], cwd=here)
        for file in files:
            (here / file).unlink()
    engine.stop()
    size = (here / "images.tar.gz").stat().st_size / MEGA
    engine = Engine(bench.work / "engine-b")
    with measured(bench.work, [engine.process.pid, target.process.pid]) as into:
        run(["tar", "-xf", "images.tar.gz"], cwd=here)
        for file in files:
            docker(engine, "load", "-q", "-i", str(here / file))
        for name in names:
            docker(engine, "push", "-q", name)
    engine.stop()
    into.disk_mb += size
    return finish(bench, "old way", (out, into), size=size, target=target, here=here)


def skopeo(bench: Bench) -> Result:
    """Copy with skopeo into a shared blob directory, tar it, and back."""
    target = bench.target("skopeo")
    here = bench.fresh("skopeo")
    (here / "out").mkdir()
    names = [f"image-{number}" for number in range(len(bench.images))]
    # Its record of where a blob is known to be is in the home directory.
    env = {**os.environ, "HOME": str(here), "XDG_DATA_HOME": str(here)}
    policy = ["skopeo", "--insecure-policy", "copy", "-q", "--all"]
    with measured(bench.work, [bench.source.process.pid]) as out:
        for one, name in zip(bench.images, names, strict=True):
            shared = [f"--dest-shared-blob-dir={here}/out/blobs", "--src-tls-verify=false"]
            origin = f"docker://{one.reference(bench.source.host)}"
            run([*policy, *shared, origin, f"oci:{here}/out/{name}:{name}"], env=env)
        run(["tar", "-cf", "images.tar", "-C", "out", "."], cwd=here)
        shutil.rmtree(here / "out")
    size = (here / "images.tar").stat().st_size / MEGA
    (here / "in").mkdir()
    with measured(bench.work, [target.process.pid]) as into:
        run(["tar", "-xf", "images.tar", "-C", "in"], cwd=here)
        for one, name in zip(bench.images, names, strict=True):
            shared = [f"--src-shared-blob-dir={here}/in/blobs", "--dest-tls-verify=false"]
            place = f"docker://{target.host}/{one.repository}:{one.target_tag}"
            run([*policy, *shared, f"oci:{here}/in/{name}:{name}", place], env=env)
    into.disk_mb += size
    return finish(bench, "skopeo", (out, into), size=size, target=target, here=here)


def ours(bench: Bench, suffix: str) -> Result:
    """Carry with ckf-airgap, through the command line."""
    target = bench.target(f"ours{suffix}")
    here = bench.fresh(f"ours{suffix}")
    references = [one.reference(bench.source.host) for one in bench.images]
    (here / "images.txt").write_text("\n".join(references) + "\n")
    program = [sys.executable, "-m", "ckf_airgap", "-q", "images"]
    # As installed: with its modules compiled.
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    run([*program, "--help"], env=env)
    archive = f"images{suffix}"
    with measured(bench.work, [bench.source.process.pid]) as out:
        plain = ["--plain-http", bench.source.host]
        run([*program, "save", "images.txt", "-o", archive, *plain], cwd=here, env=env)
    size = (here / archive).stat().st_size / MEGA
    with measured(bench.work, [target.process.pid]) as into:
        plain = ["--registry", target.host, "--plain-http", target.host]
        run([*program, "push", archive, *plain], cwd=here, env=env)
    into.disk_mb += size
    return finish(bench, f"ckf-airgap {suffix}", (out, into), size=size, target=target, here=here)


def floor(bench: Bench) -> tuple[float, float]:
    """Read, hash and write the unique bytes once each way; return the seconds of both."""
    here = bench.fresh("floor")
    blobs = sorted(bench.source.storage.glob("docker/registry/v2/blobs/sha256/*/*/data"))

    def move(sources: list[Path], to: Path) -> None:
        with to.open("wb") as stream:
            for source in sources:
                hasher = hashlib.sha256()
                with source.open("rb") as data:
                    while chunk := data.read(1 << 20):
                        hasher.update(chunk)
                        stream.write(chunk)

    with measured(bench.work, []) as out:
        move(blobs, here / "all")
    with measured(bench.work, []) as into:
        move([here / "all"], bench.memory / "floor")
    (bench.memory / "floor").unlink()
    shutil.rmtree(here)
    return out.seconds, into.seconds


def wire_floor(bench: Bench) -> tuple[float, float]:
    """Do the same through the registries, over as many connections as are fastest."""
    tries = [wire(bench, lines) for lines in (1, 2, 4) for _ in range(2)]
    return min(out for out, _ in tries), min(into for _, into in tries)


def wire(bench: Bench, lines: int) -> tuple[float, float]:
    """Read, hash and write all blobs through the registries, in threads and with nothing else."""
    here, target = bench.fresh("wire"), bench.target("wire")
    found = sorted(
        bench.source.storage.glob("docker/registry/v2/blobs/sha256/*/*/data"),
        key=lambda path: -path.stat().st_size,
    )
    sizes = {f"sha256:{blob.parent.name}": blob.stat().st_size for blob in found}
    root = bench.source.storage / "docker/registry/v2/repositories"
    owners = {
        f"sha256:{link.parent.name}": str(link.parents[3].relative_to(root))
        for link in root.glob("**/_layers/sha256/*/link")
    }
    blobs = [digest for digest in sizes if digest in owners]
    ends = list(itertools.accumulate(sizes[digest] for digest in blobs))
    starts = dict(zip(blobs, [0, *ends], strict=False))

    def fetch(mine: list[str]) -> None:
        line = http.client.HTTPConnection(bench.source.host)
        with (here / "all").open("r+b") as stream:
            for digest in mine:
                stream.seek(starts[digest])
                line.request("GET", f"/v2/{owners[digest]}/blobs/{digest}")
                answer, hasher = line.getresponse(), hashlib.sha256()
                while chunk := answer.read(1 << 20):
                    hasher.update(chunk)
                    stream.write(chunk)
        line.close()

    def send(mine: list[str]) -> None:
        line = http.client.HTTPConnection(target.host)
        with (here / "all").open("rb") as stream:
            for digest in mine:
                line.request("POST", f"/v2/{owners[digest]}/blobs/uploads/")
                answer = line.getresponse()
                answer.read()
                stream.seek(starts[digest])
                place = answer.headers["Location"].partition(target.host)[2]
                line.putrequest("PUT", f"{place}&digest={digest}")
                line.putheader("Content-Length", str(sizes[digest]))
                line.endheaders()
                hasher, left = hashlib.sha256(), sizes[digest]
                while left:
                    chunk = stream.read(min(left, 1 << 20))
                    hasher.update(chunk)
                    line.send(chunk)
                    left -= len(chunk)
                answer = line.getresponse()
                answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"the registry did not take {digest}: {answer.status}")
        line.close()

    shares = [blobs[first::lines] for first in range(lines)]
    with ThreadPoolExecutor(lines) as pool:
        with measured(bench.work, []) as out:
            (here / "all").touch()
            list(pool.map(fetch, shares))
        with measured(bench.work, []) as into:
            list(pool.map(send, shares))
    target.stop()
    shutil.rmtree(here)
    return out.seconds, into.seconds


def finish(
    bench: Bench,
    route: str,
    phases: tuple[Phase, Phase],
    *,
    size: float,
    target: Registry,
    here: Path,
) -> Result:
    out, into = phases
    kept, platforms = bench.kept(target)
    target.stop()
    shutil.rmtree(here, ignore_errors=True)
    result = Result(route, out, into, size, kept, platforms)
    print(f"  {route}: {out.seconds:.1f} s out, {into.seconds:.1f} s in", file=sys.stderr)
    return result


# --- the report ------------------------------------------------------------------------------


def report(
    results: list[Result], bench: Bench, limits: tuple[float, float], wire: tuple[float, float]
) -> None:
    total = len(bench.images)
    print(
        "| route | out s | in s | total s | CPU s | file MB | peak disk out / in MB | memory MB |"
        " digests kept | all platforms | times the floor, out / in"
        " | times the floor with registries, out / in |"
    )
    print("| --- |" + " --- |" * 11)
    for one in results:
        print(
            f"| {one.route} | {one.out.seconds:.1f} | {one.into.seconds:.1f} | {one.seconds:.1f}"
            f" | {one.out.cpu_s + one.into.cpu_s:.1f} | {one.file_mb:.0f}"
            f" | {one.out.disk_mb:.0f} / {one.into.disk_mb:.0f}"
            f" | {max(one.out.memory_mb, one.into.memory_mb):.0f} | {one.digests}/{total}"
            f" | {'yes' if one.platforms else 'no'}"
            f" | {one.out.seconds / limits[0]:.1f} / {one.into.seconds / limits[1]:.1f}"
            f" | {one.out.seconds / wire[0]:.1f} / {one.into.seconds / wire[1]:.1f} |"
        )
    print(
        f"\nThe floor (read, hash and write the unique bytes once each way) is {limits[0]:.2f} s"
        f" out and {limits[1]:.2f} s in; with the registries in between {wire[0]:.2f} s and"
        f" {wire[1]:.2f} s."
    )
    others = [one for one in results if not one.route.startswith("ckf")]
    for mine in (one for one in results if one.route.startswith("ckf")):
        for other in others:
            print(
                f"{mine.route} against {other.route}: {other.seconds / mine.seconds:.1f} times"
                f" faster, {other.file_mb / mine.file_mb:.2f} times smaller"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all layer sizes")
    parser.add_argument("--work", type=Path, help="a directory on a disk; a temporary one if not")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="for registries")  # noqa: S108
    parser.add_argument(
        "--routes", nargs="*", default=["old", "skopeo", "ours"], choices=["old", "skopeo", "ours"]
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of all but the old way; medians are printed"
    )
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="images-benchmark-", dir=args.work) as work,
        tempfile.TemporaryDirectory(prefix="images-benchmark-", dir=args.memory) as memory,
    ):
        sizes, images = image_set()
        layers = Path(work) / "layers"
        layers.mkdir()
        print("building the images", file=sys.stderr)
        made: dict[str, tuple[str, str, int, Path]] = {}
        raw = 0
        with ProcessPoolExecutor() as pool:
            jobs = [
                pool.submit(make_layer, name, int(size * args.scale * MEGA), str(layers))
                for name, size in sizes.items()
            ]
            for job in jobs:
                name, diff_id, digest, size, raw_size = job.result()
                made[name] = (diff_id, digest, size, layers / f"{name}.gz")
                raw += raw_size
        source = Registry(Path(memory) / "source")
        try:
            publish(source.host, images, made)
            unique = sum(entry[2] for entry in made.values())
            print(
                f"{len(images)} images: {raw / MEGA:.0f} MB of unique raw layers,"
                f" {unique / MEGA:.0f} MB compressed\n"
            )
            shutil.rmtree(layers)
            bench = Bench(Path(work), Path(memory), source, images)
            limits, wire = floor(bench), wire_floor(bench)
            quick: list[Callable[[], Result]] = []
            if "ours" in args.routes:
                quick += [lambda: ours(bench, ".tar"), lambda: ours(bench, ".tar.gz")]
            if "skopeo" in args.routes:
                quick.append(lambda: skopeo(bench))
            # In turn, so that a busy minute of the machine hits all of them.
            rounds = [[route() for route in quick] for _ in range(args.repeat)]
            results = [
                sorted(same, key=lambda one: one.seconds)[len(same) // 2]
                for same in zip(*rounds, strict=True)
            ]
            if "old" in args.routes:
                results.insert(0, old_way(bench))
            report(results, bench, limits, wire)
            if args.json:
                args.json.write_text(json.dumps([asdict(one) for one in results], indent=1))
        finally:
            source.stop()


if __name__ == "__main__":
    main()
