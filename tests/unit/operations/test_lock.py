"""The lock: one text for one content, and nothing else is read as one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.errors import InputError, MissingError
from ckf_airgap.operations.lock import Lock, LockedCharm, LockedImage, document_sha256

CHARM = LockedCharm(
    name="cat",
    channel="2/stable",
    revision=3,
    file="cat_r3.charm",
    size=10,
    sha384="a" * 96,
    bases=("ubuntu@24.04",),
)
IMAGE = LockedImage(
    source="docker.io/pets/cat:1",
    target="registry.test/pets/cat:1",
    digest="sha256:" + "1" * 64,
    media_type="application/vnd.oci.image.manifest.v1+json",
    platforms=("linux/amd64",),
    blobs=("sha256:" + "2" * 64,),
)
LOCK = Lock(
    tool="1.0",
    bundle="1.11",
    bundle_sha256="b" * 64,
    architecture="amd64",
    registry="registry.test",
    charms=(CHARM,),
    images=(IMAGE,),
    blobs={"sha256:" + "2" * 64: 77},
)


def test_a_lock_is_read_as_it_was_written() -> None:
    assert Lock.from_text(LOCK.to_text(), where="lock") == LOCK


def test_a_second_name_is_in_the_lock_of_images_that_have_one_only() -> None:
    official = replace(IMAGE, library="registry.test/library/cat:1")
    lock = replace(LOCK, images=(official,))
    assert Lock.from_text(lock.to_text(), where="lock") == lock
    assert json.loads(lock.to_text())["images"][0]["library"] == official.library
    assert "library" not in LOCK.to_text()


@given(st.permutations("abcd"))
def test_the_order_in_which_things_were_found_does_not_show(order: list[str]) -> None:
    def text(names: Iterable[str]) -> str:
        return Lock(
            tool="1",
            bundle="x",
            bundle_sha256="0" * 64,
            architecture="amd64",
            charms=tuple(replace(CHARM, name=name, file=f"{name}_r1.charm") for name in names),
            images=tuple(replace(IMAGE, source=name) for name in names),
            blobs={f"sha256:{name * 64}": 1 for name in names} | dict(LOCK.blobs),
        ).to_text()

    assert text(order) == text("abcd")


def test_the_order_of_keys_does_not_change_what_a_bundle_is() -> None:
    assert document_sha256({"a": 1, "b": [2]}) == document_sha256({"b": [2], "a": 1})
    assert document_sha256({"a": 1}) != document_sha256({"a": "1"})


def changed(path: str, value: Any) -> str:
    document = json.loads(LOCK.to_text())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = document
    for part in parents:
        place = place[part]
    place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", "ckf-airgap/lock/v9", "is not a lock in the format ckf-airgap/lock/v1"),
        ("more", 1, "unknown or missing keys: more"),
        ("tool", 7, "tool: must be text"),
        ("charms", {}, "charms: must be a list"),
        ("charms.0.file", "../../etc/passwd.charm", "file: '../../etc"),
        ("charms.0.file", "-rf.charm", "file: '-rf"),
        ("charms.0.size", -1, "size: must be a number"),
        ("charms.0.size", True, "size: must be a number"),
        ("charms.0.sha384", "b" * 64, "sha384: "),
        ("charms.0.revision", "3", "revision: must be a number"),
        ("images.0.digest", "sha256:zz", "digest: "),
        ("images.0.library", "", "library: must be text"),
        ("images.0.library", None, "library: must be text"),
        ("images.0.blobs", ["sha256:" + "3" * 64], "blobs lacks the size"),
        ("blobs", {"x": 1}, "'x' is not a digest"),
        ("bundle.sha256", "x", "sha256: "),
    ],
)
def test_what_is_no_lock_is_refused_with_its_place(path: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Lock.from_text(changed(path, value), where="my.lock")

    assert "my.lock" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 1, "schema": 2}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="lock"):
        Lock.from_text(text, where="my.lock")


def test_a_lock_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="cannot read the lock"):
        Lock.read(tmp_path / "none")


def test_two_charms_of_one_file_are_refused() -> None:
    document = json.loads(LOCK.to_text())
    document["charms"] *= 2

    with pytest.raises(InputError, match="two have the same file"):
        Lock.from_text(json.dumps(document), where="lock")
