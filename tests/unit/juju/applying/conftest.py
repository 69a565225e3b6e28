from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "x.charm"
    path.write_bytes(b"a charm")
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "y.charm"
    path.write_bytes(b"another charm")
    return path
