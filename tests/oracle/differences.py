"""The differences from Juju's libraries that are meant, each with its reason.

A generated case may deviate only as one of these rows says. Each row has an example, which has to
deviate in this way still: a row that nothing needs any more fails the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.oracle.comparing import Case, Deviation
from tests.oracle.generating import charm


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row: which deviations are meant, and why."""

    name: str
    kinds: frozenset[str]
    is_this: Callable[[Deviation], bool]
    why: str
    example: Case


def known(deviation: Deviation) -> Difference | None:
    """Return the row that a deviation belongs to."""
    return next(
        (row for row in DIFFERENCES if deviation.case.kind in row.kinds and row.is_this(deviation)),
        None,
    )


def we_refuse(pattern: str) -> Callable[[Deviation], bool]:
    """Return whether only ours refuses, and every problem that it names is of this kind."""
    compiled = re.compile(pattern)

    def is_this(deviation: Deviation) -> bool:
        error = deviation.ours.error
        if error is None or deviation.theirs.refused:
            return False
        head, *problems = error.split("\n")
        return all(compiled.search(problem) for problem in problems or [head])

    return is_this


def at(pattern: str) -> Callable[[Deviation], bool]:
    """Return whether both take it, and all that differs is at places of this kind."""
    compiled = re.compile(pattern)

    def is_this(deviation: Deviation) -> bool:
        return bool(deviation.paths) and all(compiled.search(path) for path in deviation.paths)

    return is_this


def _left_out(deviation: Deviation) -> bool:
    """Whether the library left a document out for a value of a wrong type, and ours refuses."""
    wrong = [note for note in deviation.theirs.notes if "cannot unmarshal" in note]
    return bool(wrong) and deviation.ours.refused and not deviation.theirs.refused


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _has_key_that_is_no_text(deviation: Deviation) -> bool:
    return bool(deviation.paths) and any(
        key == "None" or key.startswith("('") for key in _keys(deviation.theirs.value)
    )


def _bundle(text: str, *overlays: str) -> Case:
    return Case("bundle", "bundle", {"text": text, "overlays": list(overlays)})


BUNDLE: Final = frozenset({"bundle"})
CHARM: Final = frozenset({"upload", "charm file"})

DIFFERENCES: Final = (
    Difference(
        name="keys are text",
        kinds=frozenset({"yaml"}),
        is_this=_has_key_that_is_no_text,
        why="Every key that Juju reads is a name, and taken as it is written; without a declared"
        " type, yaml.v2 makes numbers and booleans of keys.",
        example=Case("yaml", "yaml", {"text": "7: x\n"}),
    ),
    Difference(
        name="a repeated key",
        kinds=BUNDLE,
        is_this=we_refuse(r"has the key .* twice"),
        why="Juju takes the last of two and says nothing; one of them is a mistake.",
        example=_bundle("applications: {a: {charm: x, scale: 1, scale: 2}}\n"),
    ),
    Difference(
        name="a document with a value of a wrong type",
        kinds=BUNDLE,
        is_this=_left_out,
        why="Juju leaves the whole document out and says so only in a dry run.",
        example=_bundle(
            "applications: {a: {charm: x, scale: 1}}\n", "applications: {a: {scale: x}}\n"
        ),
    ),
    Difference(
        name="series and base that contradict",
        kinds=BUNDLE,
        is_this=we_refuse(r"must match if both supplied"),
        why="Juju means to refuse this, and loses its message when nothing else is wrong.",
        example=_bundle(
            "applications: {a: {charm: x, scale: 1, series: focal, base: ubuntu@22.04}}\n"
        ),
    ),
    Difference(
        name="a charm's name that no URL can have",
        kinds=CHARM,
        is_this=we_refuse(r"no valid charm name"),
        why="The library reads any name; the controller refuses it where the charm's URL is made.",
        example=charm({"metadata.yaml": "{name: Pets, summary: s, description: d}\n"}),
    ),
)
"""The table."""
