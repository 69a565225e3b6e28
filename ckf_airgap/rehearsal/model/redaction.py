"""Redaction of recorded requests: removes content that nobody may see later. Pure."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document, JSONValue

HIDDEN: Final = "<hidden>"
"""The placeholder for a value that is not recorded."""

_SECRET_CALLS: Final = ("Secrets.CreateSecrets", "Secrets.UpdateSecrets")
_SECRET_KEYS: Final = frozenset(
    {
        "password",
        "credentials",
        "macaroon",
        "macaroons",
        "attrs",
        "private-key",
        "token",
        "secret-key",
    }
)
_ARGUMENTS: Final = frozenset({"config", "options", "parameters"})
"""Keys below which names are a charm's own, and say nothing about what they hold."""


def redacted(facade: str, method: str, params: Document) -> Document:
    """Return the parameters of a request without content, passwords and tokens.

    The values of a secret's ``data`` are replaced, its keys stay; values of the keys by which
    Juju's own requests carry passwords are replaced wherever they are.
    """
    if f"{facade}.{method}" in _SECRET_CALLS:
        return {key: _hidden_data(value) for key, value in params.items()}
    return {key: _hidden(key, value) for key, value in params.items()}


def _hidden(key: str, value: JSONValue) -> JSONValue:
    if key.lower() in _ARGUMENTS:
        return value
    if key.lower() in _SECRET_KEYS and value not in (None, "", [], {}):
        return HIDDEN
    if isinstance(value, dict):
        return {inner: _hidden(inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_hidden("", item) for item in value]
    return value


def _hidden_data(value: JSONValue) -> JSONValue:
    if isinstance(value, list):
        return [_hidden_data(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: dict.fromkeys(item, HIDDEN)
        if key.lower() == "data" and isinstance(item, dict)
        else _hidden_data(item)
        for key, item in value.items()
    }
