"""What all tests share: property tests without deadlines, and what runs on one worker."""

from __future__ import annotations

import pytest
from hypothesis import settings

# Deadlines would measure how busy the machine is: the tests run side by side.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

ON_ONE_WORKER = {"engine_server": "docker", "packages": "javascript", "packs": "since"}
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
