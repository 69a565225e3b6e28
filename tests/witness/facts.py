"""What Juju's API says and how it may be said, as tables that share nothing with our answers.

``params.json`` and ``codes.json`` are data about Juju 3.6.28; their ``about`` says how to read
them. `FACTS` is both, compiled, so that a check of an answer costs little more than walking it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

Check: TypeAlias = Callable[[Any, str], Iterator[str]]
"""Takes a value and its path; yields what is wrong with it."""

_HERE: Final = Path(__file__).parent
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CHANGES: Final = ("change", "remove")


class Facts:
    """The tables: which facades there are, what their methods take and answer, and errors."""

    def __init__(self, params: Mapping[str, Any], codes: Mapping[str, Any]) -> None:
        self.juju: str = params["juju"]
        self.facades: Mapping[str, Any] = params["facades"]
        self.other_facades: Mapping[str, list[int]] = params["other_facades"]
        self.structs: Mapping[str, Mapping[str, str]] = params["structs"]
        self.deltas: Mapping[str, str] = params["deltas"]
        self.codes: frozenset[str] = frozenset(codes["codes"])
        self.statuses: Mapping[str, int] = codes["statuses"]
        self.bakery_statuses: Mapping[str, list[int]] = codes["bakery_statuses"]
        self.endpoints: list[dict[str, str]] = codes["endpoints"]
        self._checks: dict[str, Check] = {}

    @classmethod
    def load(cls) -> Facts:
        """Return the facts of the tables beside this module."""
        params, codes = (
            json.loads((_HERE / name).read_text()) for name in ("params.json", "codes.json")
        )
        return cls(params, codes)

    def signature(self, facade: str, version: int, method: str) -> tuple[str, str] | None:
        """Return the types of a method's parameters and response; ``None`` when Juju has none.

        An empty type stands for no fields.
        """
        known = self.facades.get(facade)
        if known is None or version not in known["versions"]:
            return None
        found = known["methods"].get(method)
        if isinstance(found, dict):
            found = next((text for span, text in found.items() if _holds(span, version)), None)
        if found is None:
            return None
        params, _, response = found.partition("->")
        return params.strip(), response.strip()

    def faults(self, kind: str, value: Any, path: str = "") -> Iterator[str]:
        """Yield what is wrong with a value of a type, each as ``path: what``."""
        return self.check_of(kind)(value, path)

    def check_of(self, kind: str) -> Check:
        """Return the check for a type; it is made once."""
        check = self._checks.get(kind)
        if check is None:
            self._checks[kind] = check = self._compile(kind)
        return check

    def code_fault(self, code: Any) -> str | None:
        """Return what is wrong with the code of an error, or ``None``."""
        if code == "not implemented":
            return "code 'not implemented': the juju client tells its user to re-install it"
        if code in self.codes or code == "":
            return None
        return f"code {code!r} is none of Juju's"

    def endpoint(self, method: str, path: str) -> dict[str, str] | None:
        """Return what is known of a path of the API server; HEAD is as GET."""
        method = "GET" if method == "HEAD" else method
        for pattern, endpoint in self._endpoints:
            if endpoint["method"] == method and pattern.fullmatch(path):
                return endpoint
        return None

    @cached_property
    def _endpoints(self) -> list[tuple[re.Pattern[str], dict[str, str]]]:
        return [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(endpoint["path"]))), endpoint)
            for endpoint in self.endpoints
        ]

    def _compile(self, kind: str) -> Check:
        plain = _PLAIN.get(kind)
        if plain is not None:
            return plain
        if kind == "":
            return self._nothing
        if kind == "delta":
            return self._delta
        if kind.startswith("*"):
            return self._nullable(kind[1:])
        if kind.startswith("["):
            return self._list(kind[1:-1])
        if kind.startswith("{"):
            return self._map(kind[1:-1])
        return self._struct(kind)

    @staticmethod
    def _nothing(value: Any, path: str) -> Iterator[str]:
        if value != {}:
            yield f"{path}: nothing is answered here, found {_shown(value)}"

    def _nullable(self, inner: str) -> Check:
        def check(value: Any, path: str) -> Iterator[str]:
            if value is not None:
                yield from self.check_of(inner)(value, path)

        return check

    def _list(self, inner: str) -> Check:
        def check(value: Any, path: str) -> Iterator[str]:
            if isinstance(value, list):
                item_check = self.check_of(inner)
                for index, item in enumerate(value):
                    yield from item_check(item, f"{path}[{index}]")
            elif value is not None:
                yield f"{path}: a list is wanted, found {_shown(value)}"

        return check

    def _map(self, inner: str) -> Check:
        def check(value: Any, path: str) -> Iterator[str]:
            if isinstance(value, dict):
                item_check = self.check_of(inner)
                for key, item in value.items():
                    yield from item_check(item, f"{path}.{key}")
            elif value is not None:
                yield f"{path}: a map is wanted, found {_shown(value)}"

        return check

    def _struct(self, name: str) -> Check:
        fields: dict[str, tuple[str, Check | None]] = {}
        required: list[str] = []
        for key, kind in self.structs[name].items():
            plain = key.removesuffix("?")
            fields[plain] = (kind, None)
            if plain == key:
                required.append(key)
        optional = frozenset(fields) - frozenset(required)

        def check(value: Any, path: str) -> Iterator[str]:
            if not isinstance(value, dict):
                yield f"{path}: {name} is wanted, found {_shown(value)}"
                return
            # Go fills up the rest of an entry with an error; whoever reads it stops at the error.
            is_refusal = value.get("error") is not None and "error" in fields
            for key in () if is_refusal else required:
                if key not in value:
                    yield f"{path}.{key}: is missing; {name} always has it"
            for key, item in value.items():
                if key not in fields:
                    yield f"{path}.{key}: {name} has no such field"
                elif item is None and key in optional:
                    yield f"{path}.{key}: null, where {name} leaves it out"
                else:
                    kind, found = fields[key]
                    if found is None:
                        found = self.check_of(kind)
                        fields[key] = (kind, found)
                    yield from found(item, f"{path}.{key}")
            if name == "Error" and (fault := self.code_fault(value.get("code"))):
                yield f"{path}.code: {fault}"

        return check

    def _delta(self, value: Any, path: str) -> Iterator[str]:
        if not (isinstance(value, list) and len(value) == 3):
            yield f"{path}: [kind, change, entity] is wanted, found {_shown(value)}"
            return
        kind, change, entity = value
        if kind not in self.deltas or change not in _CHANGES:
            yield f"{path}: no delta of {kind!r}, {change!r}"
            return
        yield from self.check_of(self.deltas[kind])(entity, f"{path}({kind})")


def _plain(wanted: str, holds: Callable[[Any], bool]) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not holds(value):
            yield f"{path}: {wanted} is wanted, found {_shown(value)}"

    return check


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_bytes(value: Any) -> bool:
    if value is None:
        return True
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return False
    return True


_PLAIN: Final[Mapping[str, Check]] = {
    "any": _plain("anything", lambda _: True),
    "string": _plain("a text", lambda value: isinstance(value, str)),
    "bool": _plain("a truth value", lambda value: isinstance(value, bool)),
    "int": _plain("an integer", _is_int),
    "uint": _plain("an unsigned integer", lambda value: _is_int(value) and value >= 0),
    "float": _plain("a number", lambda value: _is_int(value) or isinstance(value, float)),
    "time": _plain(
        "a time", lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None
    ),
    "bytes": _plain("base64", _is_bytes),
}


def _holds(span: str, version: int) -> bool:
    first, _, last = span.partition("-")
    return int(first) <= version <= int(last or first)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


FACTS: Final = Facts.load()
