"""Option values as text: for Juju, which parses them by the option's type, and for people. Pure."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.bundle.optionvalues import convert, trust_of
from ckf_airgap.charms.charm import Charm, OptionValue

HIDDEN: Final = "(hidden)"
"""What is shown instead of the value of an option that may hold a secret."""

_SENSITIVE: Final = re.compile(r"pass(word|phrase|wd)|secret|token|credential|private|api-?key")
_SHOWN_CHARACTERS: Final = 80


def juju_text(value: OptionValue) -> str:
    """Return a value as Juju's parsers read it back: ``true``, ``8080``, ``0.5``, text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def option_text(charm: Charm, name: str, value: OptionValue) -> str:
    """Return the value of an option as text in one form: ``True`` of a boolean is ``true``.

    Raises:
        ValueError: when the value does not have the option's type.
    """
    if name == "trust":
        return juju_text(trust_of(value))
    option = charm.options.get(name)
    return juju_text(convert(option, value) if option is not None else value)


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
