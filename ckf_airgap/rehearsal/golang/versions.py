"""Version numbers as ``github.com/juju/version`` parses and orders them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    r"(?P<major>[0-9]{1,9})(?:\.(?P<minor>[0-9]{1,9})"
    r"(?:-(?P<tag>[a-z]+)(?P<patch_in_tag>[0-9]{1,9})?|\.(?P<patch>[0-9]{1,9}))?"
    r"(?:\.(?P<build>[0-9]{1,9}))?)?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version such as ``3.6.12``, ``3.6-rc1`` or ``3.6.12.1``."""

    major: int = 0
    minor: int = 0
    tag: str = ""
    patch: int = 0
    build: int = 0

    def __str__(self) -> str:
        """Return the version as Juju writes it."""
        patch = f"-{self.tag}{self.patch}" if self.tag else f".{self.patch}"
        build = f".{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}{patch}{build}"

    def __lt__(self, other: Version) -> bool:
        """Whether it is older; a version with a tag is older than the same version without."""
        return self._order < other._order

    def __le__(self, other: Version) -> bool:
        """Whether it is older, or the same."""
        return self._order <= other._order

    @property
    def _order(self) -> tuple[int, int, bool, str, int, int]:
        return (self.major, self.minor, not self.tag, self.tag, self.patch, self.build)


def parse_version(text: str, *, strict: bool = True) -> Version | None:
    """Return the version in a text, or ``None`` when it is not a version.

    Args:
        text: The text.
        strict: Whether minor and patch are required; if not, ``3`` and ``3.6`` are versions too.
    """
    match = _NUMBER.match(text)
    if match is None:
        return None
    minor, patch = match["minor"], match["patch"] or match["patch_in_tag"]
    if strict and (minor is None or patch is None):
        return None
    return Version(
        major=int(match["major"]),
        minor=int(minor or 0),
        tag=match["tag"] or "",
        patch=int(patch or 0),
        build=int(match["build"] or 0),
    )
