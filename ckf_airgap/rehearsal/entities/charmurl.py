"""Charm URLs, as the controller reads and allocates them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.charms.charm import CHARM_NAME
from ckf_airgap.rehearsal.wire import ApiError

_SERIES: Final = re.compile(r"^[a-z]+([a-z0-9]+)?$")
_URL: Final = re.compile(
    r"^(?P<schema>[a-z]+):(?P<before>(?:[^/]+/){0,2})(?P<name>[^/]+?)(?:-(?P<revision>[0-9]{1,18}))?$"
)
_ARCHITECTURES: Final = ("amd64", "arm64", "ppc64el", "riscv64", "s390x")


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmURL:
    """``local:[<series>/]<name>[-<revision>]``, or ``ch:[<architecture>/]...`` for the store.

    Attributes:
        series: The series of a local charm, or the architecture of a store charm.
    """

    schema: str
    name: str
    series: str = ""
    revision: int = -1

    def __str__(self) -> str:
        """Return the URL."""
        return self.base if self.revision < 0 else f"{self.base}-{self.revision}"

    @property
    def base(self) -> str:
        """The URL without its revision; revisions are counted for each such URL."""
        series = f"{self.series}/" if self.series else ""
        return f"{self.schema}:{series}{self.name}"

    @classmethod
    def parse(cls, text: str) -> CharmURL:
        """Return the charm URL in a text.

        A store URL may name a series after the architecture, or instead of it, as python-libjuju
        does. The store goes by bases, so the series is checked and dropped.

        Raises:
            ApiError: saying what is wrong with it.
        """
        match = _URL.match(text)
        if match is None:
            raise ApiError(f'cannot parse name and/or revision in URL "{text}": name "" not valid')
        before = match["before"].split("/")[:-1]
        if match["schema"] == "ch":
            architecture = before[:1] if len(before) > 1 or _is_architecture(before) else []
            series, before = before[len(architecture) :], architecture
            if architecture and not _is_architecture(architecture):
                raise ApiError(f'in URL "{text}": architecture name "{before[0]}" not valid')
            if series and not _SERIES.match(series[0]):
                raise ApiError(f'in URL "{text}": series name "{series[0]}" not valid')
        if len(before) > 1:
            raise ApiError(f'charm or bundle URL has invalid form: "{text}"')
        url = cls(
            schema=match["schema"],
            name=match["name"],
            series="".join(before),
            revision=-1 if match["revision"] is None else int(match["revision"]),
        )
        if url.schema not in ("local", "ch"):
            raise ApiError(f'cannot parse URL "{text}": schema "{url.schema}" not valid')
        url.check()
        return url

    def check(self) -> None:
        """Raise `ApiError` unless series and name follow their grammar."""
        if self.series and not _SERIES.match(self.series):
            raise ApiError(f'series name "{self.series}" not valid')
        if not CHARM_NAME.match(self.name):
            raise ApiError(f'charm name "{self.name}" not valid')


def _is_architecture(before: list[str]) -> bool:
    return bool(before) and before[0] in _ARCHITECTURES
