"""Options in which a part of references may stay public, as a person says. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import Problem, UsageError, nearest
from ckf_airgap.images.needs import Place
from ckf_airgap.rendering.proof import Proof

FLAG: Final = "--allow-public"


def parse_place(text: str) -> Place:
    """Return application and option of ``APP.OPTION``.

    Raises:
        UsageError: when the text has another form.
    """
    application, dot, option = text.strip().partition(".")
    if not (application and dot and option) or "=" in option:
        raise UsageError(
            f"{text!r} is not an option of an application",
            fix=f"Write {FLAG} APP.OPTION, such as {FLAG} calico.image-registry.",
        )
    return application, option


def allowed_places(
    places: Iterable[Place], bundle: Bundle, charms: Mapping[str, Charm]
) -> tuple[frozenset[Place], list[Problem]]:
    """Return the options that may stay public, and what is wrong with those that do not exist."""
    found = frozenset(places)
    problems = []
    for name, option in sorted(found):
        where = f"{FLAG} {name}.{option}"
        if name not in bundle.applications:
            what = f"there is no application {name}"
            problems.append(Problem(what, where, nearest(name, bundle.applications)))
        elif option not in charms[name].options:
            what = f"charm {charms[name].name} has no option {option}"
            problems.append(Problem(what, where, nearest(option, charms[name].options)))
    return found, problems


def still_in_doubt(
    doubts: Iterable[Problem], proof: Proof, allowed: Container[Place]
) -> list[Problem]:
    """Return the doubts about options that neither a person nor the proof has settled.

    Of a part that stays public and that the proof tells of, one warning is enough.
    """
    told = {warning.where for warning in proof.warnings if FLAG in warning.fix}
    return [doubt for doubt in doubts if doubt.where not in told and _place(doubt) not in allowed]


def _place(doubt: Problem) -> Place:
    """Return application and option of a place in words (``application a, option b, key c``)."""
    application, _, rest = doubt.where.removeprefix("application ").partition(", option ")
    return application, rest.partition(", ")[0]
