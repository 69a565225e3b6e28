"""A script file: what units do, as YAML for those who cannot call Python in the controller.

For example::

    applications:
      minio:
        begins: install
        steps:
        - hook-failed: install
          for: 2m
        - {workload: waiting, message: Waiting for storage, for: 90s}
      mysql:
        stays: {workload: unknown}
    units:
      web/1:
        stays: blocked
    charms:
      my-charm:
        needs: {object-storage: Please relate to minio}
        actions:
          get-password: {results: {password: x}, after: 3s}
        exec: {stdout: hello}

Everything in it is optional. A unit's entry takes precedence over its application's, and that over
its charm's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar, cast, get_args

from ckf_airgap.documents import Document, JSONValue, load_mapping, type_name
from ckf_airgap.errors import InputError, Problem, nearest, raise_all
from ckf_airgap.rehearsal.units.actionresults import ActionResult, ActionScript, FinalStatus
from ckf_airgap.rehearsal.units.course import AgentStatus, Begins, Course, Scene, Step

_T = TypeVar("_T")

MAX_BYTES: Final = 1024 * 1024
"""The size of the largest script file that is read."""

WORKLOADS: Final = (
    "active",
    "blocked",
    "error",
    "maintenance",
    "terminated",
    "unknown",
    "waiting",
)
AGENTS: Final[tuple[str, ...]] = get_args(AgentStatus)
FOREVER: Final = "forever"

_SECTIONS: Final = ("applications", "charms", "units")
_COURSE_KEYS: Final = ("begins", "steps", "stays", "then")
_SUBJECT_KEYS: Final = (*_COURSE_KEYS, "actions", "exec", "needs")
_STEP_KEYS: Final = (
    "agent",
    "agent-message",
    "for",
    "hook-failed",
    "message",
    "until-option",
    "until-relation",
    "workload",
)
_ACTION_KEYS: Final = ("after", "log", "message", "results", "status")
_EXEC_KEYS: Final = ("after", "return-code", "stderr", "stdout")
ALLOWED_KEYS: Final = frozenset((*_SUBJECT_KEYS, *_STEP_KEYS, *_ACTION_KEYS, *_EXEC_KEYS))
"""Every key that has a meaning of its own, for the documentation's tests."""

_THEN: Final = ("settle", "stay", "repeat")
_BEGINS: Final[tuple[str, ...]] = get_args(Begins)
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_UNIT: Final = re.compile(r"[a-z][a-z0-9-]*/[0-9]+")


def parse_script(text: str, *, where: str) -> Scene:
    """Return what a script file says.

    Args:
        text: The file's content: YAML; nothing at all is a script that says nothing.
        where: The file, for messages.

    Raises:
        InputError: naming the file, and for everything that is wrong the key and what is allowed.
    """
    reader = _Reader(where)
    document = load_mapping(text, where=where)
    reader.known(document, "", _SECTIONS)
    courses: dict[str, dict[str, Course]] = {section: {} for section in _SECTIONS}
    needs: dict[str, dict[str, Mapping[str, str]]] = {section: {} for section in _SECTIONS}
    actions = ActionScript()
    for section in _SECTIONS:
        for name, value in reader.mapping(document.get(section), section).items():
            key = f"{section}.{name}"
            fields = reader.mapping(value, key)
            is_unit = section == "units"
            reader.known(fields, key, _COURSE_KEYS if is_unit else _SUBJECT_KEYS)
            if is_unit and not _UNIT.fullmatch(name):
                reader.problem(key, f"{name!r} is no unit such as minio/0")
            course = _course(reader, fields, key)
            if course is not None:
                courses[section][name] = course
            if is_unit:
                continue
            if "needs" in fields:
                needs[section][name] = _needs(reader, fields["needs"], f"{key}.needs")
            subject = {"application" if section == "applications" else "charm": name}
            for action, result in _results(reader, fields, key).items():
                actions.set_result(action, result, **subject)
            if "exec" in fields:
                actions.set_exec(_exec(reader, fields["exec"], f"{key}.exec"), **subject)
    reader.finish()
    return Scene(
        units=courses["units"],
        applications=courses["applications"],
        charms=courses["charms"],
        needed_by_application=needs["applications"],
        needed_by_charm=needs["charms"],
        actions=actions,
    )


class _Reader:
    """Reads values of a document and collects what is wrong with them, to report it all at once."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._problems: list[Problem] = []

    def problem(self, key: str, what: str) -> None:
        self._problems.append(Problem(what, where=key))

    def finish(self) -> None:
        raise_all(
            InputError,
            f"{self._where} is not a script",
            self._problems,
            fix="See docs/testing.md for what a script file may say.",
        )

    def known(self, fields: Document, key: str, allowed: Iterable[str]) -> None:
        allowed = sorted(allowed)
        for name in fields:
            if name not in allowed:
                hint = nearest(name, allowed)
                self.problem(
                    f"{key}.{name}" if key else name,
                    f"unknown key, {hint or 'allowed are ' + ', '.join(allowed)}",
                )

    def mapping(self, value: JSONValue, key: str) -> Document:
        return self._typed(value, key, dict, "a mapping", {})

    def text(self, fields: Document, name: str, key: str) -> str:
        return self._typed(fields.get(name), f"{key}.{name}", str, "text", "")

    def choice(self, fields: Document, name: str, key: str, allowed: Iterable[str]) -> str | None:
        value = fields.get(name)
        if value is None:
            return None
        if value not in (allowed := tuple(allowed)):
            self.problem(f"{key}.{name}", f"{value!r} is none of {', '.join(allowed)}")
            return None
        return value

    def duration(self, fields: Document, name: str, key: str, default: float) -> float:
        """Return seconds of the deployment: of a number, ``90s``, ``2m``, or ``forever``."""
        value = fields.get(name)
        if value is None:
            return default
        if value == FOREVER:
            return math.inf
        match = None if isinstance(value, bool) else _DURATION.fullmatch(str(value))
        if match is None:
            self.problem(f"{key}.{name}", f"{value!r} is no duration such as 90s, 2m or {FOREVER}")
            return default
        return float(match[1]) * _SECONDS[match[2]]

    def build(self, key: str, make: Callable[[], _T]) -> _T | None:
        """Return what `make` makes; its ``ValueError`` is what is wrong with the key."""
        try:
            return make()
        except ValueError as error:
            self.problem(key, str(error))
            return None

    def _typed(self, value: JSONValue, key: str, kind: type[_T], name: str, default: _T) -> _T:
        if value is None:
            return default
        if not isinstance(value, kind):
            self.problem(key, f"must be {name}, not {type_name(value)}")
            return default
        return value


def _course(reader: _Reader, fields: Document, key: str) -> Course | None:
    begins = reader.choice(fields, "begins", key, _BEGINS) or "start"
    then = reader.choice(fields, "then", key, _THEN) or "settle"
    if "stays" in fields:
        for name in ("steps", "then"):
            if name in fields:
                reader.problem(f"{key}.{name}", "cannot be beside stays")
        value = fields["stays"]
        shown: Document = {"workload": value} if isinstance(value, str) else {}
        shown = shown or reader.mapping(value, f"{key}.stays")
        reader.known(shown, f"{key}.stays", [name for name in _STEP_KEYS if name != "for"])
        steps, then = [_step(reader, shown, f"{key}.stays")], "stay"
    elif "steps" in fields:
        listed = fields["steps"]
        if not isinstance(listed, list):
            reader.problem(f"{key}.steps", f"must be a list, not {type_name(listed)}")
            return None
        steps = []
        for number, item in enumerate(listed):
            where = f"{key}.steps[{number}]"
            step_fields = reader.mapping(item, where)
            reader.known(step_fields, where, _STEP_KEYS)
            steps.append(_step(reader, step_fields, where))
    else:
        for name in ("begins", "then"):
            if name in fields:
                reader.problem(f"{key}.{name}", "needs steps or stays")
        return None
    if any(step is None for step in steps):
        return None
    return reader.build(
        key,
        lambda: Course(
            steps=tuple(step for step in steps if step is not None),
            begins=cast("Begins", begins),
            ends="stay" if then == "stay" else "settle",
            repeat=then == "repeat",
        ),
    )


def _step(reader: _Reader, fields: Document, key: str) -> Step | None:
    hook = reader.text(fields, "hook-failed", key)
    until_option = reader.text(fields, "until-option", key) or None
    until_relation = reader.text(fields, "until-relation", key) or None
    seconds = reader.duration(fields, "for", key, math.inf if hook else 1.0)
    if hook:
        for name in ("workload", "message", "agent", "agent-message", "until-relation"):
            if name in fields:
                reader.problem(f"{key}.{name}", "cannot be beside hook-failed")
        return Step.hook_failed(hook, duration_s=seconds, until_option=until_option)
    agent = reader.choice(fields, "agent", key, AGENTS) or "idle"
    return Step(
        workload=reader.choice(fields, "workload", key, WORKLOADS),
        message=reader.text(fields, "message", key),
        agent=cast("AgentStatus", agent),
        agent_message=reader.text(fields, "agent-message", key),
        duration_s=seconds,
        until_relation=until_relation,
        until_option=until_option,
    )


def _needs(reader: _Reader, value: JSONValue, key: str) -> dict[str, str]:
    """Return endpoints and messages: of a list of endpoints, or of a mapping to messages."""
    if isinstance(value, list):
        value = {str(endpoint): None for endpoint in value}
    messages = reader.mapping(value, key)
    return {endpoint: reader.text(messages, endpoint, key) for endpoint in messages}


def _results(reader: _Reader, fields: Document, key: str) -> dict[str, ActionResult | None]:
    results: dict[str, ActionResult | None] = {}
    for action, value in reader.mapping(fields.get("actions"), f"{key}.actions").items():
        where = f"{key}.actions.{action}"
        given = reader.mapping(value, where)
        reader.known(given, where, _ACTION_KEYS)
        log = given.get("log")
        lines = log if isinstance(log, list) else [] if log is None else [log]
        results[action] = ActionResult(
            status=cast(
                "FinalStatus",
                reader.choice(given, "status", where, get_args(FinalStatus)) or "completed",
            ),
            results=reader.mapping(given.get("results"), f"{where}.results"),
            message=reader.text(given, "message", where),
            after_s=reader.duration(given, "after", where, 1.0),
            log=tuple(str(line) for line in lines),
        )
    return results


def _exec(reader: _Reader, value: JSONValue, key: str) -> ActionResult:
    fields = reader.mapping(value, key)
    reader.known(fields, key, _EXEC_KEYS)
    code = fields.get("return-code", 0)
    if not isinstance(code, int) or isinstance(code, bool):
        reader.problem(f"{key}.return-code", f"must be an integer, not {type_name(code)}")
        code = 0
    return ActionResult.of_command(
        stdout=reader.text(fields, "stdout", key),
        stderr=reader.text(fields, "stderr", key),
        return_code=code,
        after_s=reader.duration(fields, "after", key, 1.0),
    )
