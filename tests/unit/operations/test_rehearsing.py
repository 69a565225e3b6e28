from __future__ import annotations

from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.operations.rehearsing import rehearsed_patience


def test_a_rehearsal_is_as_impatient_as_its_clock_is_fast_down_to_a_limit() -> None:
    assert rehearsed_patience(1) == Patience()
    assert rehearsed_patience(30) == Patience(pull_s=2, blocked_s=10, stall_s=30)
    assert rehearsed_patience(1e6) == Patience(pull_s=1, blocked_s=5, stall_s=5)
