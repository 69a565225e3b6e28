"""What a charm sees in a text: Python's ``yaml.safe_load``, with which charms read their options.

It differs from Juju's yaml.v2 in types (``12:30`` is a number to Python alone), and from the parser
in C that reads all else here in syntax (it takes no tabs in JSON).
"""

from __future__ import annotations

from typing import Final

import yaml

from ckf_airgap.documents.composing import EventLoader
from ckf_airgap.documents.reading import load_yaml, one_line
from ckf_airgap.errors import InputError

_MAX_SLOW: Final = 64 * 1024
"""Characters that are read with the parser in Python, which takes half a second for them."""

_REFUSALS: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What the constructors of PyYAML raise at a scalar that is not what its tag or its form says."""


def load_as_charm(text: str, *, where: str) -> object:
    """Return what ``yaml.safe_load`` makes of a text; keys may be of any type.

    Texts of more than 64 KiB are read with the parser in C where there is one.

    Args:
        text: The value of an option.
        where: What it is, for messages.

    Raises:
        InputError: when it is no YAML to a charm, or is beyond the limits of documents; the message
            says in one line what is wrong, and in which line of the text.
    """
    load_yaml(text, where=where, allow_duplicate_keys=True)  # the limits hold before all else
    try:
        return _load(text)
    except yaml.YAMLError as exc:
        raise InputError(f"{where} is not valid YAML: {one_line(exc)}") from exc
    except _REFUSALS as exc:
        raise InputError(f"{where} is not valid YAML: {exc}") from exc


def _load(text: str) -> object:
    loader = yaml.SafeLoader if len(text) <= _MAX_SLOW else EventLoader
    value: object = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe ones
    return value
