from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.rehearsal.harness import Rehearsal


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    """A model in which kfp-api needs its relations object-storage and relational-db."""
    needed = frozenset({"object-storage", "relational-db"})
    return Rehearsal(tmp_path, needed={"kfp-api": needed})
