"""Which messages a model keeps in its log: ``logging-config``, as ``juju/loggo`` parses it."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.wire import ApiError

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""The levels of log messages, in ascending order."""


def parse_level(text: str) -> str | None:
    """Return a log level as loggo writes it, or ``UNSPECIFIED``; ``None`` when it is invalid."""
    level = "WARNING" if text.upper() == "WARN" else text.upper()
    return level if level in LEVELS or level == "UNSPECIFIED" else None


def parse_logging_config(text: str) -> dict[str, str]:
    """Return the level of each module of a specification such as ``<root>=INFO;unit=DEBUG``.

    Raises:
        ApiError: when a part of it is not ``module=LEVEL``.
    """
    text = text.strip()
    if not text:
        return {}
    level = parse_level(text)
    if level is not None:
        return {"<root>": level}
    levels: dict[str, str] = {}
    for part in filter(None, re.split("[;:]", text)):
        name, equals, given = part.partition("=")
        name = name.strip()
        if not equals:
            raise ApiError(f"config value expected '=', found {go_value(part)}")
        if not name:
            raise ApiError(f"config value {go_value(part)} has missing module name")
        if name.startswith("#") and "." in name:
            raise ApiError(f"config label should not contain '.', found {go_value(name)}")
        level = parse_level(given.strip())
        if level is None:
            raise ApiError(f"unknown severity level {go_value(given.strip())}")
        levels[name.lower() if name.startswith("#") else name] = level
    return levels
