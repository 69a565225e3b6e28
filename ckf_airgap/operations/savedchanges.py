"""The changes of a plan in a form that can be kept and compared, without secrets.

What may be a secret is hidden. So that it is seen nevertheless when it is another one, its digest
is kept, which is made with scrypt and a salt of its own: guessing against it is slow.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.documents import Document, parse_json
from ckf_airgap.juju.controller.upload import file_digest
from ckf_airgap.juju.planning.differences import Difference
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    AttachResources,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    Step,
    UploadCharm,
    WriteRecord,
)

_COST: Final = 2**14
"""Of scrypt with blocks of 8: 16 MiB and some 50 ms for one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedChange:
    """A step, or one thing that a step changes, as it is kept.

    Attributes:
        what: Which: the step, the application, what of it changes. No two of a plan are the same.
        shown: Everything else that is kept of it, without secrets.
        hidden: The digest of the values of which `shown` hides a part; empty when it hides nothing.
    """

    what: str
    shown: Document = field(default_factory=dict)
    hidden: str = ""


def changes_of(plan: Plan, salt: bytes) -> Iterator[SavedChange]:
    """Yield the steps of a plan in their order, each before what it changes.

    Args:
        plan: The plan.
        salt: The salt of the digests.
    """
    told: Counter[str] = Counter()

    def only(what: str) -> str:
        told[what] += 1
        return what if told[what] == 1 else f"{what} ({told[what]})"

    for step in plan.steps:
        yield SavedChange(what=only(_name_of(step)), shown=_essence(step))
        for difference in () if isinstance(step, UploadCharm) else step.differences:
            name = f"{difference.application}: {difference.kind} {difference.name}".rstrip()
            yield _saved(only(name), difference, salt)


def _name_of(step: Step) -> str:
    """Return the name of a step, which says what it is done to."""
    kind = str(step.to_json().get("step"))
    match step:
        case UploadCharm():
            return f"{kind} {step.path}"
        case AddRelation() | RemoveRelation():
            return f"{kind} {step.requirer} {step.provider}"
        case MakeOffer():
            return f"{kind} {step.offer}"
        case GrantOffer():
            return f"{kind} {step.offer} {step.user}"
        case _:
            return f"{kind} {step.application}"


def _essence(step: Step) -> Document:
    """Return what is kept of a step beside what it changes."""
    match step:
        case DeployApplication():
            return {"path": str(step.charm_path), "architecture": step.architecture}
        case RefreshApplication():
            return {
                "path": str(step.charm_path),
                "base": str(step.base),
                "architecture": step.architecture,
                "options": [*sorted(step.options)],
                "resources": {resource.name: resource.value for resource in step.resources},
            }
        case AttachResources():
            return {"resources": {resource.name: resource.value for resource in step.resources}}
        case RemoveApplication():
            return {"deploys-again": step.deploys_again, "lost": [*step.lost]}
        case WriteRecord():
            return {"record": parse_json(step.record.to_text())}
        case MakeOffer() | GrantOffer():
            return step.to_json()
        case _:
            return {}


def _saved(what: str, difference: Difference, salt: bytes) -> SavedChange:
    document = difference.to_json()
    shown: Document = {"old": document["old"], "new": document["new"]}
    if not difference.is_known:
        shown["old-unknown"] = True
    if not difference.hides:
        return SavedChange(what=what, shown=shown)
    # What it is of is part of it, so that nobody sees which two values are the same.
    values = json.dumps([what, difference.old, difference.new], sort_keys=True)
    return SavedChange(
        what=what,
        shown=shown,
        hidden=hashlib.scrypt(values.encode(), salt=salt, n=_COST, r=8, p=1, dklen=32).hex(),
    )


def files_of(plan: Plan) -> dict[str, str]:
    """Return the SHA-384 of each file that the steps of a plan send; blocks on the disk."""
    paths: dict[Path, None] = {}
    for step in plan.steps:
        if isinstance(step, UploadCharm):
            paths[step.path] = None
        elif isinstance(step, DeployApplication | RefreshApplication | AttachResources):
            paths |= {Path(item.value): None for item in step.resources if item.type == "file"}
    return {str(path): file_digest(path)[0] for path in paths}


def how_it_differs(was: Document, now: Document) -> str:
    """Return how what is kept of a change differs from what it is now."""
    parts = []
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            before, after = (json.dumps(side.get(key), ensure_ascii=False) for side in (was, now))
            parts.append(f"{key} was {before} and is {after} now")
    return "; ".join(parts)
