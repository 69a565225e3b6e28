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
from tests.oracle.generating import charm_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row: which deviations are meant, and why."""

    name: str
    kinds: frozenset[str]
    refusal: str | None = None
    """What ours says where it refuses and the library does not, as a pattern."""
    is_this: Callable[[Deviation], bool] = lambda _: False
    """Recognises what is no such refusal."""
    why: str
    example: Case


def known(deviation: Deviation) -> Difference | None:
    """Return the row that a deviation belongs to.

    Where ours refuses for several problems, each has to be in the table.
    """
    rows = [row for row in DIFFERENCES if deviation.case.kind in row.kinds]
    if only_we_refuse(deviation):
        head, *problems = (deviation.ours.error or "").split("\n")
        found = [
            next((row for row in rows if row.refusal and re.search(row.refusal, problem)), None)
            for problem in problems or [head]
        ]
        if all(found):
            return found[0]
    return next((row for row in rows if row.is_this(deviation)), None)


def only_we_refuse(deviation: Deviation) -> bool:
    """Return whether ours refuses what the library takes."""
    return deviation.ours.refused and not deviation.theirs.refused


def _left_out(deviation: Deviation) -> bool:
    """Whether the library left a document out for a value of a wrong type, and ours refuses."""
    wrong = [note for note in deviation.theirs.notes if "cannot unmarshal" in note]
    return bool(wrong) and only_we_refuse(deviation)


def _path_is_not_there(deviation: Deviation) -> bool:
    """Whether the library looked for the file of a charm."""
    problems = (deviation.theirs.error or "").split("\n")
    there = [problem for problem in problems if not problem.startswith("charm path in app")]
    return not there and not deviation.ours.refused


def _bundle_alone(deviation: Deviation) -> bool:
    """Whether ours refuses the bundle for itself, before an overlay puts right what is wrong."""
    first = (deviation.ours.error or "").partition("\n")[0]
    return (
        bool(deviation.case.request.get("overlays"))
        and only_we_refuse(deviation)
        and first.endswith("bundle.yaml cannot be used:")
    )


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


def _has_endpoint_of_two_roles(deviation: Deviation) -> bool:
    """Whether nothing differs but endpoints, of which the library has one name in two roles."""
    value = deviation.theirs.value
    found = value.get("endpoints", {}) if isinstance(value, dict) else {}
    names = [key.rpartition(" ")[2] for key in found]
    return (
        len(set(names)) < len(names)
        and bool(deviation.paths)
        and all(path.startswith("endpoints.") for path in deviation.paths)
    )


def _bundle(text: str, *overlays: str) -> Case:
    return Case("bundle", "bundle", {"text": text, "overlays": list(overlays)})


_HUB_ALIAS: Final = "registry-1.docker.io/"

BUNDLE: Final = frozenset({"bundle"})
REFERENCE: Final = frozenset({"reference"})
CHARM: Final = frozenset({"charm file"})

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
        refusal=r"has the key .* twice",
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
        refusal=r"must match if both supplied",
        why="Juju means to refuse this, and loses its message when nothing else is wrong.",
        example=_bundle(
            "applications: {a: {charm: x, scale: 1, series: focal, base: ubuntu@22.04}}\n"
        ),
    ),
    Difference(
        name="a bundle that only its overlays put right",
        kinds=BUNDLE,
        is_this=_bundle_alone,
        why="A bundle is read before anybody has named an overlay, and what is wrong in it is said"
        " where it is; Juju checks only what comes of all.",
        example=_bundle(
            "applications: {a: {charm: x, scale: 1}}\nseries: '0'\n", "series: noble\n"
        ),
    ),
    Difference(
        name="a list or a mapping as the value of an option",
        kinds=BUNDLE,
        refusal=r"option .*not (a list|a mapping)|a scalar, not (a list|a mapping)",
        why="Juju keeps it, and the controller refuses it by the option's type after the uploads.",
        example=_bundle("applications: {a: {charm: x, scale: 1, options: {o: []}}}\n"),
    ),
    Difference(
        name="a negative scale",
        kinds=BUNDLE,
        refusal=r"negative number of units",
        why="Juju makes it 0 and says nothing.",
        example=_bundle("applications: {a: {charm: x, scale: -1}}\n"),
    ),
    Difference(
        name="a charm's path",
        kinds=BUNDLE,
        is_this=_path_is_not_there,
        why="Whether the file is there is looked up when charms are, with --charms.",
        example=_bundle("applications: {a: {charm: ./no.charm, scale: 1}}\n"),
    ),
    Difference(
        name="an application's name",
        kinds=BUNDLE,
        refusal=r'invalid application name "',
        why="The library does not look at names that nothing else refers to; the controller refuses"
        " them half-way.",
        example=_bundle("applications: {Pets: {charm: x, scale: 1}}\n"),
    ),
    Difference(
        name="a channel",
        kinds=BUNDLE,
        refusal=r'for application ".*": (channel|risk|track|branch) ',
        why="Juju reads channels when it resolves charms, not with this part of the library.",
        example=_bundle("applications: {a: {charm: x, scale: 1, channel: a/b/c/d}}\n"),
    ),
    Difference(
        name="constraints, storage and devices",
        kinds=BUNDLE,
        refusal=r"invalid (constraints|storage|device)",
        why="Juju reads these with its own code, not with this library.",
        example=_bundle("applications: {a: {charm: x, scale: 1, constraints: y}}\n"),
    ),
    Difference(
        name="a registry's name that no host can have",
        kinds=REFERENCE,
        refusal=r"bad registry",
        why="The library makes a path of a_b.com, and takes ports of six digits: nobody can pull"
        " from there.",
        example=Case("reference", "reference", {"text": "a_b.com/pets"}),
    ),
    Difference(
        name="another name of Docker Hub",
        kinds=REFERENCE,
        is_this=lambda deviation: deviation.case.request["text"].startswith(_HUB_ALIAS),
        why="registry-1.docker.io serves the images of Docker Hub: it is the same place here.",
        example=Case("reference", "reference", {"text": "registry-1.docker.io/nginx"}),
    ),
    Difference(
        name="an endpoint of two roles",
        kinds=CHARM | {"upload"},
        is_this=_has_endpoint_of_two_roles,
        why="Juju's client refuses it, which is warned of, and its controller takes it; here an"
        " endpoint is known by its name alone, and the last of two counts.",
        example=charm_file(
            {
                "metadata.yaml": "{name: pets, summary: s, description: d,"
                " provides: {web: {interface: a}}, requires: {web: {interface: a}}}\n"
            }
        ),
    ),
    Difference(
        name="a charm's name that no URL can have",
        kinds=CHARM,
        refusal=r"no valid charm name",
        why="The library reads any name; the controller refuses it where it makes the charm's URL.",
        example=charm_file({"metadata.yaml": "{name: Pets, summary: s, description: d}\n"}),
    ),
)
"""The table."""
