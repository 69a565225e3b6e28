"""Keys of a bundle that Juju does not know: without a word, they have no effect. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ckf_airgap.documents import UnknownKey
from ckf_airgap.errors import Problem, nearest

_OF_THE_STORE: Final = frozenset(
    {
        "assumes",
        "charm-libs",
        "docs",
        "issues",
        "links",
        "maintainer",
        "maintainers",
        "parts",
        "source",
        "summary",
        "title",
        "type",
        "website",
    }
)
"""Keys at the top of a bundle that Charmhub and charmcraft read, and Juju does not."""

_MEANT: Final = {
    "config": "options",
    "configuration": "options",
    "image": "resources",
    "images": "resources",
    "replicas": "scale",
    "units": "scale",
    "cidrs": "expose-to-cidrs",
    "spaces": "expose-to-spaces",
}
"""What is meant by keys that are not spelled like what is meant."""


def unknown_keys(keys: Iterable[UnknownKey], where: str) -> Iterator[Problem]:
    """Yield a warning for each key that Juju leaves out; not for those that are meant for others.

    These are what Charmhub reads, and keys that begin with ``_`` or ``x-``.

    Args:
        keys: The keys.
        where: The file.
    """
    for key in keys:
        if key.name.startswith(("_", "x-")) or (len(key.path) == 1 and key.name in _OF_THE_STORE):
            continue
        meant = _MEANT.get(key.name)
        fix = f"did you mean {meant!r}?" if meant in key.known else nearest(key.name, key.known)
        line = f"{where}, line {key.line}" if key.line else where
        yield Problem(f"Juju does not know the key {key.place}, which has no effect", line, fix)
