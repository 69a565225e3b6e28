"""YAML as it is written, and scalars that readers of YAML are known to disagree about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypothesis import strategies as st

Written: TypeAlias = "Raw | Mapping[str, Written] | Sequence[Written]"
"""A document whose keys and scalars are put into the text as they are."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The characters of a scalar, or of anything else in its place."""

    text: str


_WORDS: Final = r"""
y Y n N yes Yes YES no No on On ON off Off true True TRUE false tRUE ~ null Null NULL
1.10 0.10 010 0o17 0o8 0x1F 0X1f 0b101 0b2 1_000 1__0 _1 1_ +1 -1 -0 +0 00 08 0 7
1e+3 1e-5 1e5 1E5 +.5 -.5 .5 1. 1.0 -1.50 1.e3 .e3 . + - .inf -.Inf +.INF .nan .NaN
inf nan 1e400 -1e400 0x 0b 0o +_1 -_5 1_0.5 1.5_0 0x_1 0b_1 0o_7 -0x1F -0b11 -0o7
12:30 12:30:45 -1:30 190:20:30.15 2024-01-01 2001-12-14t21:59:43.10-05:00
2001-12-14 9223372036854775807 9223372036854775808 -9223372036854775808
-9223372036854775809 18446744073709551615 18446744073709551616 = << <
'' "" 'y' "1.10" 'it''s' "a\tb" "\x41" "\u263a" "\e[1m" !!str !!null
"""

ODD: Final = (
    *_WORDS.split(),
    "2001-12-14 21:59:43.10",
    "!!str 5",
    "!!int '5'",
    "!!float 1",
    "!!bool y",
    "!!binary eA==",
    "!local x",
    "! 5",
    "&a 1",
    "a b",
    "a # b",
    "a#b",
    "a: b",
    "[a, b]",
    "{a: 1}",
    "[]",
    "{}",
    "|\n      two\n      lines",
    ">-\n      two\n      lines",
    "\u00e9",
    "a\u00a0b",
    "a\u0085b",
    "",
)
"""What the readers of YAML have disagreed about, and what stands near to it."""

_TYPED = st.text("0123456789+-._eExXobnyYNaf~:", min_size=1, max_size=9)

odd = st.sampled_from(ODD).map(Raw)
"""A scalar that readers have disagreed about."""

scalars = odd | _TYPED.map(Raw)
"""Any scalar that may have an implicit type, quoted, tagged or not."""

texts = st.sampled_from(ODD) | _TYPED | st.text(max_size=12)
"""A text that a writer must not turn into something else."""


def mostly(usual: st.SearchStrategy[Raw], *, one_in: int = 6) -> st.SearchStrategy[Raw]:
    """Return what is usual for a field, and at times an odd scalar."""
    return st.integers(1, one_in).flatmap(lambda number: scalars if number == 1 else usual)


def render(value: Written, indent: int = 0) -> str:
    """Return a document as text: a line for each key, item and scalar."""
    if isinstance(value, Raw):
        return f" {value.text}\n" if value.text else "\n"
    blanks = " " * indent
    if not value:
        return " {}\n" if isinstance(value, Mapping) else " []\n"
    if isinstance(value, Sequence):
        return "\n" + "".join(f"{blanks}-{_item(item, indent + 2)}" for item in value)
    body = "".join(f"{blanks}{key}:{render(item, indent + 2)}" for key, item in value.items())
    return f"\n{body}"


def document(value: Written) -> str:
    """Return a document as a text of its own."""
    return render(value).lstrip("\n") or "{}\n"


def _item(value: Written, indent: int) -> str:
    return render(value, indent)
