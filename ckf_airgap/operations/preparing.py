"""What a deployment checks and notes of its rendering and its plan before the first change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import check_members
from ckf_airgap.concurrency import bounded_map, in_thread
from ckf_airgap.errors import CharmError, Problem, raise_all
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    RefreshApplication,
    ResetOptions,
    SetOptions,
)
from ckf_airgap.rendering.overlay import Rendering

_READERS: Final = 4
"""How many charm files are read at once: unpacking takes a processor each."""


def acting_of(plan: Plan) -> set[str]:
    """Return the applications that are there and whose units have to act on their steps."""
    kinds = RefreshApplication | AttachResources | SetOptions | ResetOptions
    return {step.application for step in plan.steps if isinstance(step, kinds)}


def image_places(rendering: Rendering) -> dict[str, str]:
    """Return which resource or option each image comes from, where it is the same everywhere."""
    found: dict[str, set[str]] = {}
    for replacement in rendering.replacements:
        found.setdefault(str(replacement.target), set()).add(replacement.need.where)
    return {image: next(iter(places)) for image, places in found.items() if len(places) == 1}


async def check_files(charms: Mapping[str, Charm]) -> None:
    """Read every byte of the charm files, which the controller does, too.

    Raises:
        CharmError: naming every damaged file.
    """
    files = {charm.path: None for charm in charms.values() if charm.path is not None}
    problems: list[Problem] = []

    async def check(path: Path) -> None:
        try:
            await in_thread(check_members, path)
        except CharmError as exc:
            problems.append(Problem(exc.message))

    await bounded_map(check, files, _READERS)
    problems.sort(key=lambda problem: problem.what)
    fix = "Fetch them again, and compare their checksums."
    raise_all(CharmError, "charm files are damaged", problems, fix=fix)
