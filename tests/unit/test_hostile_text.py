"""Texts of others that are nearly numbers or JSON: no error of Python itself comes out of them."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ckf_airgap.charmhub.refresh import _version
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import decimal, natural, parse_json
from ckf_airgap.errors import IntegrityError
from ckf_airgap.juju.controller.dialling import _dial
from ckf_airgap.packing.checksums import HEADER, Checksums
from ckf_airgap.packing.names import whole_of
from ckf_airgap.packing.tarstream import open_tar
from ckf_airgap.rehearsal.wire import Request
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.registry.download import _skip
from ckf_airgap.transfer.registry.session import _json_object
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from tests.documents import ROOT

LONG = "9" * 5000
DEEP = "[" * 100_000
BLOB = Descriptor(media_type="x", digest=Digest.of(b"x"), size=1)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        (LONG, None),
        ("²", None),
        ("\u0663", None),
        ("\uff11", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("1\n", None),
        ("", None),
    ],
)
def test_a_number_is_one_of_ascii_digits_that_fits(text: str, number: int | None) -> None:
    assert decimal(text) == number


@pytest.mark.parametrize("text", [DEEP, '{"a":' * 9000, f"[{LONG}]", "", "nul", b"\xff\xff"])
def test_json_that_cannot_be_read_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    content = text.encode() if isinstance(text, str) else text
    assert _json_object(content) == {}


def test_names_are_ordered_by_numbers_of_any_length() -> None:
    names = [f"a/{LONG}", "a/10", "a/²", "a/9", "a/0", "a/10b2", "a/10b10"]
    ordered = ["a/0", "a/9", "a/10", "a/10b2", "a/10b10", f"a/{LONG}", "a/²"]
    assert sorted(names, key=natural) == ordered


def pax(records: bytes) -> bytes:
    """Return a tar with an extended header of these records."""
    info = tarfile.TarInfo("h")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    header = info.tobuf(tarfile.USTAR_FORMAT)
    return header + records + b"\0" * (-len(records) % 512) + b"\0" * 1024


def read_tar(content: bytes) -> object:
    return list(open_tar(io.BytesIO(content), "x.tar", gzip=False))


def sums(*lines: str) -> object:
    return Checksums.parse("\n".join([HEADER, *lines, ""]), where="SHA256SUMS")


@pytest.mark.parametrize(
    "read",
    [
        lambda: sums(f"{'0' * 64}  a", f"# size {LONG} a"),
        lambda: sums(f"# whole {'0' * 64} {LONG} a"),
        lambda: read_tar(pax(f"{LONG} path=x\n".encode())),
        lambda: read_tar(pax(f"{LONG[:4400]} size=1\n".encode())),
        lambda: read_tar(pax("20 size=²²²²\n".encode())),
        lambda: read_tar(pax(f"{LONG[:100]}".encode())),
    ],
)
def test_sizes_that_are_none_are_damage(read: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError):
        read()


def test_a_part_of_a_number_without_end_belongs_to_nothing() -> None:
    assert whole_of("images.tar.gz.001") == ("images.tar.gz", 1)
    for number in (LONG, LONG[:4000], "\u0660\u0660\u0661", "000"):
        assert whole_of(f"images.tar.gz.{number}") is None


@pytest.mark.parametrize("index", [DEEP, f"[{LONG}]", '{"manifests": 7}', "7"])
def test_an_index_of_a_layout_that_cannot_be_read_is_damaged(tmp_path: Path, index: str) -> None:
    (tmp_path / "oci-layout").write_text("{}")
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(IntegrityError, match=r"index\.json is damaged"):
        LayoutDirectory.open(tmp_path)


@pytest.mark.parametrize("part", [f"bytes {LONG}-{LONG}/7", "bytes \u0660-1/1", "bytes 0-1/²"])
def test_a_range_of_an_answer_that_is_none_is_another_range(part: str) -> None:
    response: Any = SimpleNamespace(status=206, headers={"Content-Range": part})
    with pytest.raises(Exception, match=r"another range|bytes there") as caught:
        _skip(response, BLOB, 0)
    assert not isinstance(caught.value, ValueError)


@pytest.mark.parametrize("track", ["²", LONG, "22.²", ""])
def test_a_base_whose_version_is_none_comes_first(track: str) -> None:
    odd = cast("Any", SimpleNamespace(track=track, name="ubuntu"))
    assert _version(odd) < _version(Base.parse("ubuntu@22.04"))


@pytest.mark.parametrize("port", ["²", "99999", LONG, "", "-1"])
def test_an_address_whose_port_is_none_is_told(port: str) -> None:
    dialled = asyncio.run(_dial(f"127.0.0.1:{port}", 0, 1))
    assert dialled.sock is None
    assert dialled.why == "is not host:port"


@pytest.mark.parametrize(
    "frame",
    [
        DEEP,
        json.dumps({"request-id": 1, "version": []}),
        json.dumps({"request-id": 1, "version": "x"}),
    ],
)
def test_a_frame_that_is_no_request_ends_its_connection(frame: str) -> None:
    """What is raised is what closes it; anything else would leave it open without an answer."""
    with pytest.raises(ValueError, match=r"."):
        Request.parse(frame)


def test_json_is_read_where_its_depth_is_minded() -> None:
    """Python reads nested JSON until its stack ends, which is no ValueError."""
    allowed = {
        "documents/values.py",  # here it is minded
        "images/scalars.py",  # the tokens of a document that was read before
        "packing/directory.py",  # these three read what this tool wrote for itself
        "packing/tool.py",
        "transfer/docker/dockerimport.py",
        "rehearsal/model/bakery.py",  # macaroons that it wrote itself
        "transfer/names.py",  # manifests, which were read before
    }
    careless = []
    for path in sorted((ROOT / "ckf_airgap").rglob("*.py")):
        name = path.relative_to(ROOT / "ckf_airgap").as_posix()
        if name in allowed:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        minded = {
            node
            for attempt in ast.walk(tree)
            if isinstance(attempt, ast.Try)
            and any("RecursionError" in ast.dump(handler) for handler in attempt.handlers)
            for node in ast.walk(attempt)
        }
        careless += [
            f"{name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "json.loads"
            and node not in minded
        ]
    assert careless == []
