"""The mirrors in a pack: for nodes of every kind, with the registry that the pack is for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from ckf_airgap.errors import AirgapError, InputError, Problem, UsageError
from ckf_airgap.files import reads_once
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.mirrors.official import library_images
from ckf_airgap.operations.mirrors import mirror_warnings, plan_mirrors, replace_mirrors
from ckf_airgap.packing.names import MIRRORS
from ckf_airgap.packing.plan import PackPlan


def second_names(mapping: RetagMapping) -> Mapping[ImageReference, str]:
    """Return the second names of official images by the canonical form of their sources.

    There are none when there can be no mirrors for the images, which `write_pack_mirrors` reports.
    """
    try:
        return {one.source.canonical(): str(one.target) for one in library_images(mapping)}
    except InputError:
        return {}


def write_pack_mirrors(plan: PackPlan, mapping: RetagMapping) -> tuple[Problem, ...]:
    """Write the mirrors of a pack, and return what a person should know; blocks on the disk.

    Where there can be none, the pack is made without: its overlay reaches all images but those that
    no option of a charm reaches.
    """
    directory = plan.output / MIRRORS
    ca_file = plan.transfer.ca_file
    try:
        mirrors = plan_mirrors(
            plan.registry,
            mapping=mapping,
            ca_file=None if ca_file is None or reads_once(ca_file) else ca_file,
            plain_http=plan.transfer.plain_http,
        )
    except (UsageError, InputError) as exc:
        shutil.rmtree(directory, ignore_errors=True)
        return (_without(exc),)
    replace_mirrors(mirrors, directory)
    return mirror_warnings(mirrors)


def _without(error: AirgapError) -> Problem:
    why = "; ".join([error.message, *(problem.what for problem in error.problems[:3])])
    return Problem(f"the pack has no mirrors for nodes: {why}")
