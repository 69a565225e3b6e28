"""Every saved input of every fuzz target is taken or refused, within a time and within memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())

SECONDS = 10
"""What an input may take on a busy machine; the slowest takes a tenth of a second."""

BYTES = 500 * 1024 * 1024
"""Memory that an input may need."""


def test_every_target_has_inputs() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert {path.parent.name for path in INPUTS} == set(TARGETS)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_saved_input_is_taken_or_refused(path: Path) -> None:
    data = path.read_bytes()
    begun = time.monotonic()

    TARGETS[path.parent.name](data)

    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_saved_inputs_of_a_target_need_little_memory(target: str) -> None:
    largest = max((path for path in INPUTS if path.parent.name == target), key=_size)
    tracemalloc.start()
    try:
        TARGETS[target](largest.read_bytes())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < BYTES


def _size(path: Path) -> int:
    return path.stat().st_size
