"""Errors tell every problem, within reason."""

from __future__ import annotations

from ckf_airgap.errors import InputError, Problem


def test_problems_beyond_the_first_thousand_are_counted() -> None:
    problems = [Problem(f"wrong {number}") for number in range(1003)]
    error = InputError("x", problems=problems)
    assert error.problems[:1000] == tuple(problems[:1000])
    assert [str(problem) for problem in error.problems[1000:]] == ["and 3 more"]
    assert str(error).endswith("  - wrong 999\n  - and 3 more")
    again = InputError("y", problems=error.problems[1:])
    assert again.problems == error.problems[1:]
    assert InputError("x", problems=problems[:1000]).problems == tuple(problems[:1000])
