"""Option values as text: for Juju, which parses them by the option's type, and for people. Pure."""

from __future__ import annotations

import contextlib
import re
from typing import Final

from ckf_airgap.bundle.optionvalues import convert, trust_of
from ckf_airgap.charms.charm import Charm, OptionValue
from ckf_airgap.documents import JSONValue

HIDDEN: Final = "(hidden)"
"""What is shown instead of the value of an option that may hold a secret."""

_SENSITIVE: Final = re.compile(r"pass(word|phrase|wd)|secret|token|credential|private|api-?key")
_SHOWN_CHARACTERS: Final = 80

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""The texts of a boolean (``strconv.ParseBool``)."""


def juju_text(value: OptionValue) -> str:
    """Return a value as Juju's parsers read it back: ``true``, ``8080``, ``0.5``, text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def option_text(charm: Charm, name: str, value: OptionValue) -> str:
    """Return the value of an option as text in one form: ``True`` of a boolean is ``true``.

    Raises:
        ValueError: when the value does not have the option's type.
    """
    if name == "trust":
        return juju_text(trust_of(value))
    option = charm.options.get(name)
    return juju_text(convert(option, value) if option is not None else value)


def same_value(live: JSONValue, text: str) -> bool:
    """Whether an option has a value in a model, in whatever form the controller tells it.

    JSON knows no difference between ``1`` and ``1.0``, and what Juju keeps as a mapping may be in
    any order.

    Args:
        live: The value in force; ``None`` when the option has none.
        text: The value as `option_text` returns it.
    """
    match live:
        case bool():
            return text in (_TRUE if live else _FALSE)
        case int() | float():
            with contextlib.suppress(ValueError):
                return int(text) == live
            with contextlib.suppress(ValueError):
                return float(text) == live
            return False
        case str():
            return live == text
        case dict():  # kubernetes-service-annotations
            return {f"{key}={item}" for key, item in live.items()} == {*text.split()}
        case list():
            return [str(item) for item in live] == [*filter(None, re.split(r"[,\s]+", text))]
        case _:
            return False


def live_text(live: JSONValue) -> str | None:
    """Return the value of an option in a model as a bundle would write it."""
    match live:
        case None:
            return None
        case dict():
            return " ".join(f"{key}={item}" for key, item in live.items())
        case list():
            return ",".join(str(item) for item in live)
        case _:
            return juju_text(live)


def is_sensitive(name: str) -> bool:
    """Whether an option of that name may hold a secret."""
    return _SENSITIVE.search(name.lower().replace("_", "-")) is not None


def shown(name: str, value: str) -> str:
    """Return an option's value for one line: hidden where it may be secret."""
    if is_sensitive(name):
        return HIDDEN
    line = " ".join(value.split())
    short = line[: _SHOWN_CHARACTERS - 3] + "..."
    return line if len(line) <= _SHOWN_CHARACTERS else short


def shown_fully(name: str, value: str) -> str:
    """Return an option's value whole, or hidden where it may be secret."""
    return HIDDEN if is_sensitive(name) else value
