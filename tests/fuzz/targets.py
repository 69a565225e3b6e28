"""What strangers can hand to ckf-airgap, each as a function of some bytes.

A target raises for a defect only: an exception that is not declared, or a promise that does not
hold. `make fuzz` drives them with atheris, and the tests with the inputs in ``corpus/``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import io
import json
import logging
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import aiohttp
from yarl import URL

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.bundlefile import load_bundle, load_overlays
from ckf_airgap.bundle.checks import with_overlays
from ckf_airgap.charmhub.refresh import WantedCharm, read_error_list, read_refresh
from ckf_airgap.charms.charm import Charm, Option
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.documents import dump_yaml, load_all_yaml
from ckf_airgap.errors import AirgapError
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.mentions import find_mentions, may_mention
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import ImageReference, Registry, retag, retag_candidates
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText
from ckf_airgap.juju.planning.live import live_model
from ckf_airgap.juju.snapshots.tables import ModelTables, snapshot_of_status
from ckf_airgap.logins.credentials import Credentials, CredentialStore, check_config
from ckf_airgap.net.patience import TransientError, retry_after_s
from ckf_airgap.operations.lock import Lock
from ckf_airgap.packing.checksums import Checksums
from ckf_airgap.packing.since import Assumes
from ckf_airgap.packing.tarstream import open_tar
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.archives.reading import read_archive
from ckf_airgap.rehearsal.units.scriptfile import parse_script
from ckf_airgap.rehearsal.wire import ApiError
from ckf_airgap.transfer.oci import Descriptor, Digest, parse_manifest
from ckf_airgap.transfer.registry import download
from ckf_airgap.transfer.registry.answers import error_codes
from ckf_airgap.transfer.registry.auth import parse_challenges
from ckf_airgap.transfer.registry.endpoint import Endpoint
from ckf_airgap.transfer.registry.origins import Origins
from ckf_airgap.transfer.stores.tarindex import TarIndex
from ckf_airgap.transfer.stores.volume import open_volume
from tests.unit.rehearsal.controllers import RehearsedController

Target = Callable[[bytes], None]

REGISTRY: Final = Registry.parse("registry.example.com:5000/kubeflow")
WANTED: Final = WantedCharm(name="pets")
BUNDLE: Final = "applications: {pets: {charm: pets, scale: 1, options: {a: b}}}\n"
_HUGE: Final = 1 << 20
"""Bytes of the longest file that is unpacked here: limits of the product are for real files."""


def text_of(data: bytes) -> str:
    """Return bytes as the text of a file or header, whatever they are."""
    return data.decode("utf-8", "replace")


def json_of(data: bytes) -> Any:
    """Return the JSON document that bytes are, or ``None``; readers catch the rest."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@contextlib.contextmanager
def file_of(data: bytes, name: str) -> Iterator[Path]:
    """Yield a file with some bytes."""
    with tempfile.TemporaryDirectory(prefix="ckf-airgap-fuzz-") as directory:
        path = Path(directory) / name
        path.write_bytes(data)
        yield path


def bundle(data: bytes) -> None:
    """A bundle file: it is read, or refused; what is read can be written and read again."""
    with file_of(data, "bundle.yaml") as path, contextlib.suppress(AirgapError):
        found = load_bundle(path)
        written = found.to_yaml()
        path.write_text(written, encoding="utf-8")
        assert load_bundle(path).applications == found.applications, written


def overlay(data: bytes) -> None:
    """An overlay file over a small bundle."""
    with file_of(data, "overlay.yaml") as path, contextlib.suppress(AirgapError):
        with_overlays(_small_bundle(), load_overlays([path]).documents)


@functools.cache
def _small_bundle() -> Bundle:
    with file_of(BUNDLE.encode(), "bundle.yaml") as path:
        return load_bundle(path)


def charm_documents(data: bytes) -> None:
    """The documents of a charm, separated by NUL: metadata, config, manifest and actions."""
    names = ("metadata.yaml", "config.yaml", "manifest.yaml", "actions.yaml", "charmcraft.yaml")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in zip(names, data.split(b"\0"), strict=False):
            archive.writestr(name, content)
    charm_archive(buffer.getvalue())


def charm_archive(data: bytes) -> None:
    """A ``.charm`` file, as our commands read it."""
    with file_of(data, "pets.charm") as path, contextlib.suppress(AirgapError):
        read_charm(path)


def charm_upload(data: bytes) -> None:
    """An archive that is uploaded to a rehearsal, in both ways."""
    with file_of(data, "upload") as path:
        for method in ("POST", "PUT"):
            with contextlib.suppress(ApiError, AirgapError):
                read_archive(path, method=cast("Any", method))


def yaml_text(data: bytes) -> None:
    """Any YAML: what was read is written as YAML that reads the same."""
    with contextlib.suppress(AirgapError):
        documents = load_all_yaml(text_of(data), where="it", allow_duplicate_keys=True)
        for document in documents:
            written = dump_yaml(document)
            assert _same(load_all_yaml(written, where="it"), [document]), written


def _same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)


def reference(data: bytes) -> None:
    """An image's reference: it is written as it was read, and retagged twice as once."""
    text = text_of(data)
    with contextlib.suppress(AirgapError):
        found = ImageReference.parse(text)
        assert str(found) == text
        once = retag(found, REGISTRY)
        assert retag(once, REGISTRY) == once
        assert once in retag_candidates(found, REGISTRY)
        assert found.canonical().canonical() == found.canonical()


def option_images(data: bytes) -> None:
    """The value of an option: the images in it are found, and exchanged in a value of its type."""
    text = text_of(data)
    option = Option(name="custom_images", type="string", default="")
    charm = Charm(name="pets", options={"custom_images": option})
    with contextlib.suppress(AirgapError):
        for plan in plan_options(charm, {"custom_images": text}, ImageRules()):
            plan.render(lambda image: retag(image, REGISTRY))


def option_edit(data: bytes) -> None:
    """The value of an option, in which a scalar is exchanged and then found there."""
    text = text_of(data)
    given = ValueText.parse(text)
    if not given.scalars or len(text) > 20_000:
        return
    wanted = {scalar.path: "registry.example.com/new:1" for scalar in given.scalars[:3]}
    edited = ValueText.parse(given.edit(wanted))
    found = {scalar.path: scalar.value for scalar in edited.scalars}
    for path, value in wanted.items():
        assert found.get(path) == value, (text, edited.text)


def image_list(data: bytes) -> None:
    """A list of retagged images, or the JSON of `images list`."""
    with contextlib.suppress(AirgapError):
        images = ImageList.parse(text_of(data), where="images.txt")
        found = RetaggedImages.from_list(images)
        for entry in images.entries[:5]:
            found.find(entry.reference)


def mentions(data: bytes) -> None:
    """A file of a charm that may name images."""
    name, _, content = data.partition(b"\n")
    path = {b"py": "src/charm.py", b"md": "README.md"}.get(name, "src/files/x.yaml.j2")
    if may_mention(path, content):
        find_mentions(path, text_of(content))


def manifest(data: bytes) -> None:
    """The manifest of an image."""
    with contextlib.suppress(AirgapError):
        parse_manifest(data)


def tar_index(data: bytes) -> None:
    """An archive of images, plain or gzipped: indexed, and some of its files read."""
    with file_of(data, "images.tar.gz") as path, contextlib.suppress(AirgapError):
        volume = open_volume(path)
        try:
            index = TarIndex.scan(volume, str(path))
            for name in ("index.json", "manifest.json", "oci-layout"):
                if index.find(name) is not None:
                    index.read(name, _HUGE)
        finally:
            volume.close()


def tar_plain(data: bytes) -> None:
    """The charms' archive of a pack, as a stream."""
    _read_tar(data, gzipped=False)


def tar_gzip(data: bytes) -> None:
    """The same, gzipped; what is no gzip file is gzipped first, so that its content is reached."""
    packed = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1, mtime=0)
    _read_tar(packed, gzipped=True)


def _read_tar(data: bytes, *, gzipped: bool) -> None:
    with contextlib.suppress(AirgapError):
        reader = open_tar(io.BytesIO(data), "charms.tar.gz", gzip=gzipped, max_bytes=_HUGE)
        for _ in reader:
            for _ in reader.chunks():
                pass


def gzip_volume(data: bytes) -> None:
    """A gzipped archive that is read at any place: all of its bytes are the same as in one go."""
    with file_of(data, "images.tar.gz") as path, contextlib.suppress(AirgapError):
        volume = open_volume(path)
        try:
            size = volume.size
            if size < _HUGE:
                whole = volume.pread(0, size)
                half = size // 2
                assert volume.pread(half, size) == whole[half:]
        finally:
            volume.close()


def lock(data: bytes) -> None:
    """The lock of a pack: what was read is written and read again."""
    with contextlib.suppress(AirgapError):
        found = Lock.from_text(text_of(data), where="ckf.lock")
        assert Lock.from_text(found.to_text(), where="it").to_text() == found.to_text()


def assumes(data: bytes) -> None:
    """What a pack without the charms that were there before says of them."""
    with contextlib.suppress(AirgapError):
        Assumes.from_text(text_of(data), where="assumes.json")


def checksums(data: bytes) -> None:
    """The sums of a pack."""
    with contextlib.suppress(AirgapError):
        Checksums.parse(text_of(data), where="SHA256SUMS")


def challenge(data: bytes) -> None:
    """The ``WWW-Authenticate`` headers of a registry, one a line."""
    for found in parse_challenges(text_of(data).split("\n")):
        assert found.scheme == found.scheme.lower()


def registry_headers(data: bytes) -> None:
    """``Content-Range``, ``Retry-After`` and ``Location`` of a registry, a line each."""
    lines = [*text_of(data).split("\n"), "", "", ""]
    blob = Descriptor("application/octet-stream", Digest.of(b"x"), 10)
    response = SimpleNamespace(status=206, headers={"Content-Range": lines[0]}, content_length=None)
    with contextlib.suppress(TransientError):
        download._skip(cast("aiohttp.ClientResponse", response), blob, 5)
    seconds = retry_after_s(lines[1])
    assert seconds is None or seconds >= 0
    origins = Origins(Endpoint("registry.example.com"), [])
    base = URL("https://registry.example.com/v2/a/blobs/uploads/")
    with contextlib.suppress(AirgapError):
        assert origins.upload(base, lines[2]).startswith("https://")
    with contextlib.suppress(AirgapError):
        assert origins.follow(base, lines[2], "a blob").scheme == "https"
    error_codes(data)


class _WithoutHelpers(CredentialStore):
    """Logins of files alone: no program is run here."""

    async def _ask_helper(self, program: str, host: str, path: Path) -> Credentials | None:
        return None


def docker_config(data: bytes) -> None:
    """A file of logins."""
    with file_of(data, "config.json") as path:
        with contextlib.suppress(AirgapError):
            check_config(path)
        store = _WithoutHelpers([path])
        for host in ("registry.example.com:5000", "docker.io"):
            with contextlib.suppress(AirgapError):
                asyncio.run(store.find(host, "kubeflow/pets"))


def store_answer(data: bytes) -> None:
    """What Charmhub answers."""
    document = json_of(data)
    with contextlib.suppress(AirgapError):
        for answer in read_refresh(document, [WANTED]):
            str(answer)
    with contextlib.suppress(AirgapError):
        read_error_list(document)


def juju_deltas(data: bytes) -> None:
    """The deltas of Juju's watcher: a list of kind, operation and fields."""
    tables = ModelTables("kubeflow")
    deltas = json_of(data)
    for delta in deltas if isinstance(deltas, list) else []:
        if isinstance(delta, list) and len(delta) == 3 and isinstance(delta[2], dict):
            with contextlib.suppress(AirgapError):
                tables.apply(str(delta[0]), delta[2], removed=delta[1] == "remove")
    tables.snapshot().to_json()


def juju_status(data: bytes) -> None:
    """The full status of a model."""
    status = json_of(data)
    if not isinstance(status, dict):
        return
    with contextlib.suppress(AirgapError):
        found = snapshot_of_status("kubeflow", status)
        found.to_json()
        tables = ModelTables("kubeflow")
        tables.apply_status(status, asked_at=tables.snapshot())
        live_model("kubeflow", status, {"pets": status}, resources={"pets": status})


class _Controller:
    """A controller without a server, made anew now and then: its state grows."""

    def __init__(self) -> None:
        self.left = 0

    def session(self) -> Session:
        if self.left == 0:
            self.left = 500
            self.directory = tempfile.TemporaryDirectory(prefix="ckf-airgap-fuzz-")
            self.controller = RehearsedController(Path(self.directory.name))
            self.model = self.controller.add_model("kubeflow").model
        self.left -= 1
        session = Session(
            controller=self.controller.state,
            model=self.model,
            model_uuid=self.model.uuid,
            host="127.0.0.1:17070",
            disconnect=lambda: None,
        )
        session.logged_in_user = self.controller.admin
        return session


_CONTROLLER: Final = _Controller()


def frames(data: bytes) -> None:
    """A frame of a client that has logged in: ``{...}`` itself, or a call and its parameters."""
    text = text_of(data)
    call, newline, params = text.partition("\n")
    words = call.split()
    if newline and len(words) == 3 and isinstance(json_of(params.encode("utf-8", "replace")), dict):
        version = int(words[1]) if words[1].isdecimal() and len(words[1]) < 4 else 1
        envelope = {"request-id": 1, "type": words[0], "version": version, "request": words[2]}
        text = json.dumps(envelope)[:-1] + f', "params": {params}}}'

    async def handle() -> str:
        return await asyncio.wait_for(_CONTROLLER.session().handle(text), 0.05)

    logging.disable(logging.CRITICAL)
    try:
        answer = asyncio.run(handle())
    except (ValueError, asyncio.TimeoutError):  # the connection is closed; a watcher waits
        return
    finally:
        logging.disable(logging.NOTSET)
    assert "panic serving" not in answer, answer


def script(data: bytes) -> None:
    """The script of a rehearsal."""
    with contextlib.suppress(AirgapError):
        parse_script(text_of(data), where="script.yaml")


TARGETS: Final[Mapping[str, Target]] = {
    "assumes": assumes,
    "bundle": bundle,
    "challenge": challenge,
    "charm-archive": charm_archive,
    "charm-documents": charm_documents,
    "charm-upload": charm_upload,
    "checksums": checksums,
    "docker-config": docker_config,
    "frames": frames,
    "gzip-volume": gzip_volume,
    "image-list": image_list,
    "juju-deltas": juju_deltas,
    "juju-status": juju_status,
    "lock": lock,
    "manifest": manifest,
    "mentions": mentions,
    "option-edit": option_edit,
    "option-images": option_images,
    "overlay": overlay,
    "reference": reference,
    "registry-headers": registry_headers,
    "script": script,
    "store-answer": store_answer,
    "tar-gzip": tar_gzip,
    "tar-index": tar_index,
    "tar-plain": tar_plain,
    "yaml": yaml_text,
}
"""All of them by the names of their directories in ``corpus/``."""
