"""Faults on request: what goes wrong, and at which call or upload. Pure.

A fault is written as ``KIND@PLACE[=NUMBER][,KEY=VALUE...]``::

    close@Application.Deploy=3
    lose-reply@request=40
    error@Application.AddRelation,code=not yet available; try again later
    cut@upload=2,byte=1000
    restart@request=25,for=5s
    random@seed=7

docs/rehearsal.md has the grammar.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ckf_airgap.errors import UsageError, nearest

REQUEST: Final = "request"
UPLOAD: Final = "upload"

CALL_KINDS: Final = (
    "close",
    "delay",
    "error",
    "hang",
    "ignore",
    "lose-reply",
    "restart",
    "silence",
)
"""The kinds of faults of a call."""

UPLOAD_KINDS: Final = (
    "cut",
    "delay",
    "freeze",
    "hang",
    "ignore",
    "lose-reply",
    "refuse",
    "restart",
)
"""The kinds of faults of an upload."""

IGNORABLE: Final = frozenset(
    {
        "Annotations.Set",
        "Application.AddRelation",
        "Application.Deploy",
        "Application.DestroyApplication",
        "Application.DestroyRelation",
        "Application.Expose",
        "Application.MergeBindings",
        "Application.ScaleApplications",
        "Application.SetCharm",
        "Application.SetConfigs",
        "Application.SetConstraints",
        "Application.Unexpose",
        "Application.UnsetApplicationsConfig",
        "Application.UpdateApplicationStorage",
        "ModelConfig.ModelSet",
        "ModelConfig.SetModelConstraints",
    }
)
"""The calls that can be ignored: they change something, and what they answer is known."""

TIMED_CALLS: Final = frozenset({("AllWatcher", "Next"), ("Pinger", "Ping")})
"""Calls that ``request=N`` does not count: how many there are depends on time alone."""

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "close": (),
    "cut": ("byte",),
    "delay": ("for",),
    "error": ("code", "message"),
    "freeze": ("byte", "for"),
    "hang": ("byte", "for"),
    "ignore": (),
    "lose-reply": (),
    "refuse": ("body", "status"),
    "restart": ("byte", "for"),
    "silence": ("for",),
}
"""The keys of each kind, besides ``times``, which all have."""

_DEFAULT_FOR_S: Final[Mapping[str, float]] = {"delay": 1.0, "restart": 2.0}

_METHOD: Final = re.compile(r"[A-Z][A-Za-z0-9]*\.[A-Z][A-Za-z0-9]*")
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
_NO_LIMIT: Final = "*"
_STATUSES: Final = range(400, 600)

_RANDOM: Final = "random"
_WITHIN: Final = 60
"""Among how many calls (and uploads) a random fault is, when it does not say."""

_LARGEST_BYTE: Final = 4000
"""Up to which byte of an upload a random fault is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at a certain call or upload.

    Attributes:
        kind: One of `CALL_KINDS` or `UPLOAD_KINDS`.
        place: What is counted: ``request``, ``upload``, or a method, ``Application.Deploy``.
        number: At which of them it begins, from 1.
        times: At how many of them it happens from there on; ``None`` for all.
        for_s: How long it lasts, in real seconds; ``None`` for ever.
        byte: After how many bytes of an upload's body.
        code: The code of an error.
        message: The text of an error.
        status: The HTTP status of a refused upload.
        after_body: Whether an upload is refused only after its body was taken.
    """

    kind: str
    place: str
    number: int = 1
    times: int | None = 1
    for_s: float | None = None
    byte: int = 0
    code: str = ""
    message: str = ""
    status: int = 503
    after_body: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return the fault that a text describes; one with a seed is chosen by it.

        Raises:
            UsageError: saying what is wrong with the text, and what is allowed there.
        """
        kind, at, rest = text.partition("@")
        place, *pairs = _split(rest)
        name, _, number = place.partition("=")
        if kind == _RANDOM:
            return _random_fault(text, [place, *pairs])
        allowed = UPLOAD_KINDS if name == UPLOAD else CALL_KINDS
        if not at or kind not in _KEYS:
            raise _wrong(text, f"there is no kind {kind!r}", kind, [*_KEYS, _RANDOM])
        if name not in (REQUEST, UPLOAD) and _METHOD.fullmatch(name) is None:
            raise _wrong(text, f"{name!r} is neither request, upload nor a Facade.Method")
        if kind not in allowed:
            where = "an upload" if name == UPLOAD else "a call"
            raise _wrong(text, f"{kind} is no fault of {where}", kind, allowed)
        if kind == "ignore" and name not in {*IGNORABLE, UPLOAD}:
            raise _wrong(text, f"{name} cannot be ignored", name, sorted(IGNORABLE))
        fault = cls(
            kind=kind,
            place=name,
            number=_natural(text, "the number", number, least=1) if "=" in place else 1,
            for_s=_DEFAULT_FOR_S.get(kind),
            message="a fault was asked for" if kind == "error" else "",
        )
        for pair in pairs:
            fault = fault._with(text, pair)
        return fault

    def __str__(self) -> str:
        """Return the text that describes it."""
        parts = [f"{self.kind}@{self.place}={self.number}"]
        if self.times != 1:
            parts.append(f"times={_NO_LIMIT if self.times is None else self.times}")
        keys = _KEYS[self.kind]
        if "byte" in keys and self.byte:
            parts.append(f"byte={self.byte}")
        if "for" in keys and self.for_s is not None:
            parts.append(f"for={self.for_s:g}s")
        if "status" in keys:
            parts += [f"status={self.status}", f"body={'after' if self.after_body else 'before'}"]
        if "code" in keys and self.code:
            parts.append(f"code={self.code}")
        if "message" in keys and self.message:
            parts.append(f"message={self.message}")
        return ",".join(parts)

    def happens_at(self, number: int) -> bool:
        """Whether it happens at the call or upload with that number."""
        if number < self.number:
            return False
        return self.times is None or number < self.number + self.times

    def _with(self, text: str, pair: str) -> Fault:
        """Return the fault with one more key."""
        key, equals, value = pair.partition("=")
        keys = ("times", *_KEYS[self.kind])
        if key not in keys or not equals:
            raise _wrong(text, f"{self.kind} has no {key!r}", key, keys)
        if key == "byte" and self.place != UPLOAD:
            raise _wrong(text, "byte is for uploads")
        if key == "times":
            limit = None if value == _NO_LIMIT else _natural(text, key, value, least=1)
            return replace(self, times=limit)
        if key == "for":
            return replace(self, for_s=_duration(text, value))
        if key == "byte":
            return replace(self, byte=_natural(text, key, value))
        if key == "status":
            status = _natural(text, key, value)
            if status not in _STATUSES:
                raise _wrong(text, f"status is an HTTP error, 400 to 599, not {value}")
            return replace(self, status=status)
        if key == "body":
            if value not in ("after", "before"):
                raise _wrong(text, f"body is before or after, not {value!r}")
            return replace(self, after_body=value == "after")
        return replace(self, code=value) if key == "code" else replace(self, message=value)


class Faults:
    """The faults that a controller has been asked for, and what has come of them.

    Calls and uploads are counted over all connections and models, from the controller's start.
    When several faults are due at the same call, the one that was added first happens.

    Args:
        happened: Called with a line for each fault that happens.
    """

    def __init__(self, happened: Callable[[str], None] | None = None) -> None:
        self._happened = happened
        self._faults: list[Fault] = []
        self._counts: Counter[str] = Counter()
        self._fired: list[str] = []

    def __len__(self) -> int:
        return len(self._faults)

    @property
    def fired(self) -> tuple[str, ...]:
        """A line for each fault that has happened: the fault, and at what it happened."""
        return tuple(self._fired)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many requests, uploads and calls of each method there have been so far."""
        return dict(self._counts)

    def add(self, fault: Fault | str) -> Fault:
        """Ask for a fault, by its text or as it is; return it.

        Numbers count from the controller's start, so one below what has been counted never
        happens: `add_next` counts from now.

        Raises:
            UsageError: when the text describes no fault.
        """
        wanted = Fault.parse(fault) if isinstance(fault, str) else fault
        self._faults.append(wanted)
        return wanted

    def add_next(self, fault: Fault | str) -> Fault:
        """Ask for a fault whose number counts from now on: 1 is the next call or upload.

        Raises:
            UsageError: when the text describes no fault.
        """
        wanted = Fault.parse(fault) if isinstance(fault, str) else fault
        return self.add(replace(wanted, number=wanted.number + self._counts[wanted.place]))

    def clear(self) -> None:
        """Drop the faults that have not happened yet."""
        self._faults.clear()

    def at_call(self, facade: str, method: str) -> Fault | None:
        """Count a call; return the fault that is due at it, if any."""
        name = f"{facade}.{method}"
        self._counts[name] += 1
        places = {name}
        if (facade, method) not in TIMED_CALLS:
            self._counts[REQUEST] += 1
            places.add(REQUEST)
        return self._due(places, f"{name}, request {self._counts[REQUEST]}")

    def at_upload(self, path: str) -> Fault | None:
        """Count an upload; return the fault that is due at it, if any."""
        self._counts[UPLOAD] += 1
        return self._due({UPLOAD}, f"{path}, upload {self._counts[UPLOAD]}")

    def _due(self, places: set[str], what: str) -> Fault | None:
        for fault in self._faults:
            if fault.place in places and fault.happens_at(self._counts[fault.place]):
                line = f"fault {fault} at {what}"
                self._fired.append(line)
                if self._happened is not None:
                    self._happened(line)
                return fault
        return None


def _split(text: str) -> list[str]:
    """Return the parts between commas; ``message``, which comes last, may have commas itself."""
    head, found, message = text.partition(",message=")
    parts = head.split(",")
    return [*parts, f"message={message}"] if found else parts


def _random_fault(text: str, pairs: list[str]) -> Fault:
    """Return the fault that a seed chooses: one that a client can get over by trying again."""
    values = {"within": _WITHIN}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key not in ("seed", "within"):
            raise _wrong(text, f"random has no {key!r}", key, ("seed", "within"))
        values[key] = _natural(text, key, value, least=int(key == "within"))
    if "seed" not in values:
        raise _wrong(text, "random needs a seed, random@seed=7")
    chosen = random.Random(values["seed"])  # noqa: S311 - no cryptography
    number = chosen.randint(1, values["within"])
    byte, for_s = chosen.randint(0, _LARGEST_BYTE), round(chosen.uniform(0.1, 2.0), 1)
    call, upload = (REQUEST, UPLOAD)
    return chosen.choice(
        (
            Fault(kind="close", place=call, number=number),
            Fault(kind="lose-reply", place=call, number=number),
            Fault(
                kind="error",
                place=call,
                number=number,
                code="not yet available; try again later",
                message="a fault was asked for",
            ),
            Fault(kind="delay", place=call, number=number, for_s=for_s),
            Fault(kind="silence", place=call, number=number, for_s=for_s),
            Fault(kind="restart", place=call, number=number, for_s=for_s),
            Fault(kind="cut", place=upload, number=number, byte=byte),
            Fault(kind="freeze", place=upload, number=number, byte=byte, for_s=for_s),
            Fault(kind="refuse", place=upload, number=number, after_body=bool(byte % 2)),
            Fault(kind="lose-reply", place=upload, number=number),
            Fault(kind="restart", place=upload, number=number, byte=byte, for_s=for_s),
        )
    )


def _natural(text: str, what: str, value: str, *, least: int = 0) -> int:
    if not (value.isascii() and value.isdecimal()) or len(value) > 12 or int(value) < least:
        raise _wrong(text, f"{what} is a number from {least} on, not {value!r}")
    return int(value)


def _duration(text: str, value: str) -> float:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise _wrong(text, f"{value!r} is no duration such as 500ms, 5s or 2m")
    return float(match[1]) * _SECONDS[match[2]]


def _wrong(
    text: str, why: str, given: str = "", known: list[str] | tuple[str, ...] = ()
) -> UsageError:
    """Return the error for a text that is no fault, with what is allowed in its place."""
    if known:
        why += f": {nearest(given, sorted(known)) or 'there are ' + ', '.join(sorted(known))}"
    return UsageError(
        f"{text!r} is no fault: {why}",
        fix="A fault is KIND@PLACE[=NUMBER][,KEY=VALUE...], such as close@Application.Deploy=3; "
        "docs/rehearsal.md has them all.",
    )
