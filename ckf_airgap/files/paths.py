"""Paths as callers give them: as `Path`s, or as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from ckf_airgap.errors import UsageError

StrPath: TypeAlias = str | os.PathLike[str]
"""What functions take as a path."""


_SEVERAL: Final[Mapping[object, Callable[[Iterable[Any]], object]]] = {
    "tuple[Path, ...]": lambda values: tuple(map(Path, values)),
    "tuple[str, ...]": tuple,
    "frozenset[str]": frozenset,
}


def settle(owner: Any) -> None:
    """Turn what a frozen dataclass was given for its fields into what they are declared as.

    To be called in ``__post_init__``. What is declared as a path may be given as text, and what is
    declared as a tuple or set of paths or texts as any sequence.

    Raises:
        UsageError: when a single text was given for several, which would be taken apart.
    """
    for field in fields(owner):
        value = getattr(owner, field.name)
        if value is None:
            continue
        if field.type in ("Path", "Path | None"):
            object.__setattr__(owner, field.name, Path(value))
        elif field.type in _SEVERAL:
            if isinstance(value, str | os.PathLike):
                raise UsageError(
                    f"{type(owner).__name__} takes several {field.name}, not {value!r} alone",
                    fix=f"Put it into a list: {field.name}=[{str(value)!r}].",
                )
            object.__setattr__(owner, field.name, _SEVERAL[field.type](value))


def optional_path(path: StrPath | None) -> Path | None:
    """Return a path that may be missing as a `Path`."""
    return None if path is None else Path(path)
