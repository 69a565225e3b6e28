"""The actions that a charm declares in ``actions.yaml``, as Juju's library reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.paramschema import schema_violations, with_defaults
from ckf_airgap.rehearsal.entities.schemachecks import schema_error
from ckf_airgap.rehearsal.golang.formatting import GoValue
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import ANY, GoMap, GoYamlError

_ACTIONS: Final = GoMap(GoMap(ANY))
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_PROHIBITED: Final = ("$ref", "$schema")
_NO_DESCRIPTION: Final = "No description"
_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "description": (str, "a string"),
    "title": (str, "a string"),
    "execution-group": (str, "a string"),
    "required": (list, "a YAML list"),
    "parallel": (bool, "a bool"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action of a charm.

    Attributes:
        description: What it does.
        parallel: Whether it may run while others run on the unit.
        execution_group: The group within which tasks run one at a time.
        schema: The JSON schema of its parameters, with ``title`` and ``description``.
    """

    description: str = _NO_DESCRIPTION
    parallel: bool = False
    execution_group: str = ""
    schema: Document

    def violations(self, params: Document) -> list[str]:
        """Return what is wrong with parameters."""
        return schema_violations(self.schema, params)

    def filled(self, params: Document) -> Document:
        """Return parameters completed with the defaults of those not given."""
        return with_defaults(self.schema, params)

    def as_document(self) -> Document:
        """Return the action as the API shows it."""
        return {"description": self.description, "params": self.schema}


EXEC_SPEC: Final = ActionSpec(
    description="predefined juju-exec action",
    parallel=True,
    schema={
        "type": "object",
        "title": "juju-exec",
        "description": "predefined juju-exec action params",
        "required": ["command", "timeout"],
        "properties": {
            "command": {"type": "string", "description": "command to be ran under juju-exec"},
            "timeout": {"type": "number", "description": "timeout for command execution"},
            "workload-context": {
                "type": "boolean",
                "description": "run the command in k8s workload context",
            },
        },
    },
)
"""The action that ``juju exec`` runs on every unit."""


class ActionsError(ValueError):
    """What is wrong with ``actions.yaml``, in the words of Juju's charm library."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def action_specs(charm: str, text: str) -> dict[str, ActionSpec]:
    """Return the actions of a charm.

    Args:
        charm: The charm's name: ``juju-`` charms may use reserved names.
        text: The content of ``actions.yaml``.

    Raises:
        ActionsError: when the file is invalid.
    """
    try:
        actions = unmarshal(text, _ACTIONS, where="actions.yaml") or {}
    except GoYamlError as exc:
        raise ActionsError(exc.message) from exc
    return {name: _spec(charm, name, fields or {}) for name, fields in actions.items()}


def _spec(charm: str, name: str, given: Mapping[str, GoValue]) -> ActionSpec:
    if not _NAME.match(name):
        raise ActionsError(f"bad action name {name}")
    if not charm.startswith("juju-"):
        reason = '"juju" is a reserved name' if name == "juju" else ""
        if name.startswith("juju-"):
            reason = 'the "juju-" prefix is reserved'
        if reason:
            raise ActionsError(f"cannot use action name {name}: {reason}")
    schema: Document = {
        "description": _NO_DESCRIPTION,
        "type": "object",
        "title": name,
        "properties": {},
    }
    for key, value in given.items():
        wanted = _KINDS.get(key)
        if wanted is not None and not isinstance(value, wanted[0]):
            raise ActionsError(f'value for schema key "{key}" must be {wanted[1]}')
        if key == "params":
            cleansed = _cleansed(value)
            if not isinstance(cleansed, dict):
                raise ActionsError("params failed to parse as a map")
            schema["properties"] = cleansed
        elif key not in ("parallel", "execution-group"):
            schema[key] = _cleansed(value)
    problem = schema_error(schema)
    if problem:
        raise ActionsError(f"invalid params schema for action schema {name}: {problem}")
    return ActionSpec(
        description=str(schema["description"]),
        parallel=given.get("parallel") is True,
        execution_group=str(given.get("execution-group") or ""),
        schema=schema,
    )


def _cleansed(value: GoValue) -> JSONValue:
    """Return a value as JSON; `ActionsError` for keys that are not text, and for references."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ActionsError("map keyed with non-string value")
        for key in _PROHIBITED:
            if key in value:
                raise ActionsError(f'schema key "{key}" not compatible with this version of juju')
        return {str(key): _cleansed(item) for key, item in value.items()}
    if isinstance(value, list):
        try:
            return [_cleansed(item) for item in value]
        except ActionsError:
            raise ActionsError("map keyed with non-string value") from None
    return value
