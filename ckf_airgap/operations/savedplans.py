"""A plan in a file, which is carried out later as it is, or not at all.

The file has what the plan was made from and each change with its old and new value, so that it can
be read and kept. It has no secret, see `ckf_airgap.operations.savedchanges`. When the plan is
carried out it is made again from the same inputs, and every difference to the file ends it before
the first change.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap._version import __version__
from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import Document, JSONValue, parse_json
from ckf_airgap.errors import InputError, Problem, RefusedError, raise_all, unreadable
from ckf_airgap.files import read_small_text, write_text
from ckf_airgap.files.paths import StrPath
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.hiding import masked
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.operations.rendering import Inputs
from ckf_airgap.operations.savedchanges import (
    SavedChange,
    changes_of,
    files_of,
    how_it_differs,
)

SCHEMA: Final = "ckf-airgap/saved-plan/v1"

MAX_PLAN_BYTES: Final = 64 * 1024 * 1024
"""Size of a plan's file; that of a release has some hundred thousand bytes."""

_AGAIN: Final = "Look at it again, and make a new one: ckf-airgap plan BUNDLE ... -o FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan as it is kept.

    Attributes:
        inputs: What was rendered; ``settings`` without those whose value may be a secret.
        again: The settings that are not kept, ``APP.OPTION``.
        target: The model.
        policy: How far the plan may go.
        create_model: Whether the model is made when it does not exist.
        skip_releases: Whether releases may be left out.
        changes: The steps in their order, and what they change.
        files: The SHA-384 of each charm and each file of a resource that is sent.
        uuid: The model's UUID; empty when it was not there.
        salt: The salt of digests.
        version: The version of ckf-airgap that made it.
    """

    inputs: Inputs
    again: tuple[str, ...] = ()
    target: JujuTarget
    policy: Policy = field(default_factory=Policy)
    create_model: bool = False
    skip_releases: bool = False
    changes: tuple[SavedChange, ...] = field(default=(), repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    uuid: str = ""
    salt: str = field(repr=False)
    version: str = __version__

    def to_text(self) -> str:
        """Return the file's text."""
        inputs, policy, target = self.inputs, self.policy, self.target
        document: Document = {
            "schema": SCHEMA,
            "version": self.version,
            "inputs": {
                "bundle": str(inputs.bundle),
                "charms": _optional(inputs.charms),
                "images": _optional(inputs.images),
                "mapping": _optional(inputs.mapping),
                "registry": inputs.registry,
                "set": [*inputs.settings],
                "set-again": [*self.again],
                "overlays": [str(path) for path in inputs.overlays],
                "rules": _optional(inputs.rules),
                "architecture": inputs.architecture,
                "allow-public": [*inputs.allow_public],
            },
            "target": {
                "model": target.model,
                "uuid": self.uuid,
                "controller": target.controller,
                "juju-data": _optional(target.juju_data),
                "create-model": self.create_model,
            },
            "policy": {
                "prune": policy.prune,
                "reset-foreign": policy.reset_foreign,
                "replace": [*sorted(policy.replace)],
                "application": None if policy.only is None else [*sorted(policy.only)],
                "skip-releases": self.skip_releases,
            },
            "changes": [
                {"what": one.what, **one.shown, **({"hidden": one.hidden} if one.hidden else {})}
                for one in self.changes
            ],
            "files": {**self.files},
            "salt": self.salt,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    async def check(self, plan: Plan) -> None:
        """Return when a plan is the one that was kept.

        Args:
            plan: What would be done now.

        Raises:
            RefusedError: naming everything that differs.
            MissingError: when the file of a charm or a resource cannot be read.
        """
        problems = await in_thread(lambda: [*self._differing(plan)])
        raise_all(
            RefusedError,
            "the plan that was kept is not what would be done now; nothing was changed",
            problems,
            fix=_AGAIN,
        )

    def _differing(self, plan: Plan) -> Iterator[Problem]:
        if self.version != __version__:
            yield Problem(
                f"it was made by ckf-airgap {self.version}, and this is {__version__}", "the plan"
            )
            return
        if self.uuid and self.uuid != plan.uuid:
            yield Problem("it is another model of that name now", f"model {plan.model}")
        now = changes_of(plan, bytes.fromhex(self.salt))
        kept, found = {one.what: one for one in self.changes}, {one.what: one for one in now}
        for what in kept:
            if what not in found:
                yield Problem("it would not be done any more", what)
        for what, one in found.items():
            if what not in kept:
                yield Problem("it would be done, too", what)
            elif one.shown != kept[what].shown:
                yield Problem(how_it_differs(kept[what].shown, one.shown), what)
            elif not hmac.compare_digest(one.hidden, kept[what].hidden):
                yield Problem("a value that is hidden is another one now", what)
        if [*kept] != [*found] and kept.keys() == found.keys():
            yield Problem("the steps would be done in another order", "the plan")
        files = files_of(plan)
        for path, digest in files.items():
            if path in self.files and self.files[path] != digest:
                yield Problem("its content is another one now", path)


async def save_plan(
    path: StrPath,
    plan: Plan,
    *,
    inputs: Inputs,
    target: JujuTarget,
    policy: Policy | None = None,
    create_model: bool = False,
    skip_releases: bool = False,
) -> SavedPlan:
    """Write a plan to a file that nobody else may read, whole or not at all.

    Args:
        path: The file.
        plan: The plan.
        inputs: What was rendered for it, with absolute paths (`Inputs.absolute`).
        target: The model.
        policy: How far it may go.
        create_model: Whether the model is made when it does not exist.
        skip_releases: Whether releases may be left out.

    Raises:
        InputError: when the file cannot be written where it should be.
        MissingError: when the file of a charm or a resource cannot be read.
    """
    salt = secrets.token_bytes(16)
    hidden = [text for text in inputs.settings if _is_secret(text)]
    kept = tuple(text for text in inputs.settings if text not in hidden)
    saved = SavedPlan(
        inputs=dataclasses.replace(inputs, settings=kept),
        again=tuple(text.partition("=")[0] for text in hidden),
        target=target,
        policy=policy or Policy(),
        create_model=create_model,
        skip_releases=skip_releases,
        changes=await in_thread(lambda: tuple(changes_of(plan, salt))),
        files=await in_thread(files_of, plan),
        uuid=plan.uuid,
        salt=salt.hex(),
    )
    await in_thread(lambda: write_text(Path(path), saved.to_text(), is_private=True))
    return saved


def load_plan(path: StrPath) -> SavedPlan:
    """Read a plan that `save_plan` wrote; blocks on the disk.

    Raises:
        MissingError: when the file is not there.
        InputError: when it is not such a plan.
    """
    path = Path(path)
    try:
        text = read_small_text(path, MAX_PLAN_BYTES, what="a plan", pipes=True)
        document = parse_json(text)
    except UnicodeDecodeError as exc:
        raise InputError(f"{path} is not a plan: it is not UTF-8 text") from exc
    except OSError as exc:
        raise unreadable(exc, f"the plan {path}") from exc
    except ValueError as exc:
        raise InputError(f"{path} is not a plan: {exc}") from exc
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is not a plan: its schema is not {SCHEMA}",
            fix="Name a file that ckf-airgap plan -o wrote.",
        )
    try:
        return _plan_of(document)
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(
            f"{path} is damaged: {type(exc).__name__} {exc}", fix="Make the plan again."
        ) from exc


def _is_secret(setting: str) -> bool:
    """Whether the value of ``APP.OPTION=VALUE`` may be a secret."""
    place, _, value = setting.partition("=")
    return masked(place.partition(".")[2], value) != value


def _plan_of(document: Document) -> SavedPlan:
    """Return the plan that a document is.

    Raises:
        KeyError: when something is missing.
        TypeError: when something has another type.
        ValueError: when the salt is not hexadecimal.
    """
    inputs, target = _mapping(document["inputs"]), _mapping(document["target"])
    policy, salt = _mapping(document["policy"]), _text(document["salt"])
    bytes.fromhex(salt)
    only = policy["application"]
    return SavedPlan(
        inputs=Inputs(
            bundle=_text(inputs["bundle"]),
            charms=_path(inputs["charms"]),
            images=_path(inputs["images"]),
            mapping=_path(inputs["mapping"]),
            registry=_optional_text(inputs["registry"]),
            settings=_texts(inputs["set"]),
            overlays=tuple(Path(path) for path in _texts(inputs["overlays"])),
            rules=_path(inputs["rules"]),
            architecture=_optional_text(inputs["architecture"]),
            allow_public=_texts(inputs["allow-public"]),
        ),
        again=_texts(inputs["set-again"]),
        target=JujuTarget(
            model=_text(target["model"]),
            controller=_optional_text(target["controller"]),
            juju_data=_path(target["juju-data"]),
        ),
        policy=Policy(
            prune=_flag(policy["prune"]),
            reset_foreign=_flag(policy["reset-foreign"]),
            replace=frozenset(_texts(policy["replace"])),
            only=None if only is None else frozenset(_texts(only)),
        ),
        create_model=_flag(target["create-model"]),
        skip_releases=_flag(policy["skip-releases"]),
        changes=tuple(_change(item) for item in _list(document["changes"])),
        files={path: _text(digest) for path, digest in _mapping(document["files"]).items()},
        uuid=_text(target["uuid"]),
        salt=salt,
        version=_text(document["version"]),
    )


def _change(value: JSONValue) -> SavedChange:
    fields = _mapping(value)
    return SavedChange(
        what=_text(fields["what"]),
        shown={key: item for key, item in fields.items() if key not in ("what", "hidden")},
        hidden=_text(fields.get("hidden", "")),
    )


def _optional(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _mapping(value: JSONValue) -> Document:
    if not isinstance(value, dict):
        raise TypeError("a mapping is missing")
    return value


def _list(value: JSONValue) -> list[JSONValue]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _texts(value: JSONValue) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _text(value: JSONValue) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _optional_text(value: JSONValue) -> str | None:
    return None if value is None else _text(value)


def _path(value: JSONValue) -> Path | None:
    return None if value is None else Path(_text(value))


def _flag(value: JSONValue) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a flag is missing")
    return value
