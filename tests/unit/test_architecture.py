"""The map is the house: its paths exist, every room is on it, and the picture is current."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.documents import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "ckf_airgap"


def test_every_path_on_the_page_exists() -> None:
    paths = set(re.findall(r"`((?:ckf_airgap|bundles|tests|tools)/[\w./-]*)`", PAGE))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_room_and_every_module_of_the_ground_is_on_the_page() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    ground = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("_")}
    expected = {f"`ckf_airgap/{room}/`" for room in rooms}
    expected |= {f"`ckf_airgap/{module}`" for module in ground}
    assert sorted(name for name in expected if name not in PAGE) == []


def test_the_root_of_the_package_holds_only_rooms_and_the_ground() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    ground = {"errors", "concurrency"}
    assert modules == {"__init__", "__main__", "_version", *ground}


@pytest.mark.parametrize("name", re.findall(r"`(ckf_airgap/[\w/]+\.py)`, `(\w+)`", PAGE))
def test_the_walk_names_what_is_there(name: tuple[str, str]) -> None:
    path, function = name
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?(?:def|class) {function}\b", text, re.MULTILINE)


def test_the_picture_is_what_the_imports_give() -> None:
    command = [sys.executable, str(ROOT / "tools" / "draw-rooms"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
