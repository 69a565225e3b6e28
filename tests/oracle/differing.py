"""Both witnesses asked about a case."""

from __future__ import annotations

from ckf_airgap.errors import AirgapError
from tests.oracle import ours
from tests.oracle.asking import Oracle
from tests.oracle.comparing import Case, Deviation, Outcome, compare, outcome


def deviation(oracle: Oracle, case: Case) -> Deviation | None:
    """Return what the two do not agree about, or ``None``.

    Of a case of writing, ours writes the text that the oracle reads. A value that ours refuses to
    write is no difference: Juju has no say in that.
    """
    if case.kind in ours.WRITERS:
        try:
            case = ours.with_text(case)
        except AirgapError:
            return None
    given = outcome(oracle.ask({"kind": case.asked, **case.request}))
    if not given.refused:
        notes = ours.notes(case, given.value)
        given = Outcome(value=ours.theirs(case, given.value), notes=notes)
    return compare(case, given, ours.answer(case))
