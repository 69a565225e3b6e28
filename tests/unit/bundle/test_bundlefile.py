"""Files that a bundle includes, and what only an overlay may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundlefile import load_bundle, load_document, load_overlay
from ckf_airgap.errors import BundleError

INCLUDING = """\
applications:
  dex-auth:
    charm: dex-auth
    options:
      static-password: include-file://secrets/password.txt
    annotations:
      icon: include-base64://icon.bin
"""


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_included_file_is_read_beside_the_bundle(tmp_path: Path) -> None:
    write(tmp_path / "secrets" / "password.txt", "gehe\u00efm\n")
    write(tmp_path / "icon.bin", b"\x00\xff")

    application = load_bundle(write(tmp_path / "bundle.yaml", INCLUDING)).applications["dex-auth"]

    assert application.options == {"static-password": "gehe\u00efm\n"}
    assert application.annotations == {"icon": "AP8="}


def test_every_file_that_cannot_be_included_is_named(tmp_path: Path) -> None:
    write(tmp_path / "secrets" / "password.txt", b"\xff\xfe")

    with pytest.raises(BundleError) as caught:
        load_overlay(write(tmp_path / "overlay.yaml", INCLUDING))

    places = [problem.where for problem in caught.value.problems]
    assert places == [
        "application dex-auth, option static-password",
        "application dex-auth, annotation icon",
    ]


def test_offers_are_for_overlays(tmp_path: Path) -> None:
    text = "applications: {minio: {charm: minio, offers: {store: {endpoints: [object-storage]}}}}"
    file = write(tmp_path / "some.yaml", text)

    with pytest.raises(BundleError, match="can only appear in an overlay section"):
        load_document(file)
    applications = load_overlay(file)[0]["applications"]
    assert isinstance(applications, dict)
    assert "minio" in applications
