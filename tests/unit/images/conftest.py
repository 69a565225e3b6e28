"""Names are judged anew in each test of this room."""

from __future__ import annotations

import pytest

from ckf_airgap.images import keys


@pytest.fixture(autouse=True)
def fresh_meanings() -> None:
    """Forget what names were found to say, so that each test judges them as a new process does."""
    keys._meaning.cache_clear()
