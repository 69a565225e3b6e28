"""What is put into a mapping of images that a person set: the keys that it lacks. Pure.

A value that somebody gives with ``--set`` or an overlay stays as it is. A mapping of images
(``custom_images``) would lose by that what it does not name, since a missing key means the public
default, as in the bundle; so missing keys are put in. A key that is set to nothing, or an option
that is, asks for the default in so many words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from ckf_airgap.charms.charm import OptionValue
from ckf_airgap.images.optionrules import OptionRule
from ckf_airgap.images.plans import ImageUse, OptionPlan
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import ValueText

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def completed(plan: OptionPlan, given: OptionValue | None) -> OptionPlan | None:
    """Return the plan that puts in what a mapping lacks, or ``None`` when it lacks nothing.

    Args:
        plan: The plan of the whole option.
        given: What a person set.
    """
    keys = _keys(given)
    if keys is None or plan.value != given or plan.composite or plan.composition:
        return None
    uses = tuple(use for use in plan.uses if len(use.path) == 1 and use.path[0] not in keys)
    return dataclasses.replace(plan, uses=uses, warnings=()) if uses else None


def left_empty(
    plan: OptionPlan, given: OptionValue | None, rule: OptionRule | None
) -> Iterator[ImageUse]:
    """Yield each image that is pulled because a person set its key, or the option, to nothing.

    Args:
        plan: The plan of the whole option.
        given: What a person set.
        rule: The rule of the option, which may know what is pulled then.
    """
    whole = str(given).strip() in _NULLS
    empty = {
        scalar.path
        for scalar in (ValueText.parse(str(given)).scalars if _keys(given) is not None else ())
        if not (scalar.value or "").strip()
    }
    for use in plan.uses:
        if use.origin in ("file", "rule") and (whole or use.path in empty):
            yield dataclasses.replace(use, reference=_pulled(use, rule))


def _pulled(use: ImageUse, rule: OptionRule | None) -> ImageReference:
    if rule is None or use.origin != "rule":
        return use.reference
    named = rule.images.get(str(use.path[0])) if use.path else None
    otherwise = named.otherwise if named is not None else rule.otherwise
    return ImageReference.parse(otherwise) if otherwise else use.reference


def _keys(given: OptionValue | None) -> frozenset[str] | None:
    """Return the keys of a mapping; ``None`` of anything else."""
    keys = ValueText.parse(given).keys if isinstance(given, str) else None
    return None if keys is None else frozenset(keys)
