"""Juju's libraries, built once and kept running for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle.asking import Oracle, build


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = Oracle(build(tmp_path_factory.mktemp("oracle")))
    yield running
    running.close()
