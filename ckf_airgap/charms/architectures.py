"""The names of architectures (``utils/arch`` of Juju)."""

from __future__ import annotations

import re
from typing import Final

BUILT_FOR: Final = frozenset({"amd64", "i386", "armhf", "arm64", "ppc64el", "s390x", "riscv64"})
"""The architectures that the manifest of a charm may name."""

_PATTERNS: Final = (
    (re.compile("amd64|x86_64"), "amd64"),
    (re.compile("i?[3-9]86"), "i386"),
    (re.compile("(arm$)|(armv.*)"), "armhf"),
    (re.compile("aarch64"), "arm64"),
    (re.compile("ppc64|ppc64el|ppc64le"), "ppc64el"),
    (re.compile("s390x"), "s390x"),
    (re.compile("riscv64|risc$|risc-[vV]64"), "riscv64"),
)
"""What machines call themselves, and what Juju calls that."""


def normal_architecture(name: str) -> str:
    """Return what Juju calls an architecture; a name that it does not know stays."""
    stripped = name.strip()
    return next((known for pattern, known in _PATTERNS if pattern.search(stripped)), stripped)
