"""What all tests share: property tests without deadlines, what runs on one worker, and the witness
that hears every answer of a rehearsal controller."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.witness import watching

# Deadlines would measure how busy the machine is: the tests run side by side.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

ON_ONE_WORKER = {
    "engine_server": "docker",
    "node": "mirrors",
    "oracle": "oracle",
    "packages": "javascript",
    "packs": "since",
}
"""Fixtures that are dear to make, and the group of their tests.

`make test` spreads the tests over workers (``--dist loadgroup``). A worker makes each fixture of a
session or module for itself, so that workers share no server, directory or port; the tests of a
group go to one worker together, so that what they share is made once.
"""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own hook of this name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that share such a fixture into one group."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in ON_ONE_WORKER:
                item.add_marker(pytest.mark.xdist_group(ON_ONE_WORKER[name]))


def pytest_sessionstart() -> None:
    """Hold every answer of a controller against the facts from now on."""
    watching.install()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Fail for what the fixtures of a test made a controller answer."""
    yield
    _fail_for_deviations()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Fail a test in which a controller answered what Juju would not."""
    yield
    _fail_for_deviations()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Fail for what came last, or in a test that has failed already."""
    yield
    _fail_for_deviations()


def _fail_for_deviations() -> None:
    if deviations := watching.WITNESS.take():
        shown = "\n".join(deviations)
        pytest.fail(f"a controller answered what Juju's does not:\n{shown}", pytrace=False)
