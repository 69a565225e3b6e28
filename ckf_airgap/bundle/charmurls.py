"""The charm that an application of a bundle names: a name in the store, or a path. Pure.

As ``url.go`` of ``github.com/juju/charm/v12`` reads it: ``pets``, ``ch:amd64/jammy/pets``, and
``local:pets-3``, which ``juju export-bundle`` writes for a charm that was uploaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.charms.bases import ARCHITECTURES
from ckf_airgap.charms.charm import CHARM_NAME, charm_name_of_path
from ckf_airgap.errors import BundleError

_URL_ARCHITECTURES: Final = (*ARCHITECTURES, "armhf", "i386")

_SERIES: Final = re.compile(r"[a-z]+[a-z0-9]*\Z")
_REVISION: Final = re.compile(r"(?P<name>.+)-(?P<revision>[0-9]{1,18})\Z", re.DOTALL)
_SCHEME: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):(?P<rest>.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmURL:
    """A charm's URL.

    Attributes:
        name: The charm's name.
        is_local: Whether it is of a charm that was uploaded, not of one in the store.
        revision: The revision; the store's URLs have none in a bundle.
        series: The series, if it names one.
    """

    name: str
    is_local: bool = False
    revision: int | None = None
    series: str | None = None

    @classmethod
    def parse(cls, text: str) -> CharmURL:
        """Return the URL that a text is.

        Raises:
            BundleError: when it is not a charm URL, in Juju's words, with what to write instead.
        """
        if "?" in text or "#" in text:
            raise BundleError(f'charm or bundle URL "{text}" has unrecognized parts')
        scheme = _SCHEME.match(text)
        kind, path = (scheme["scheme"], scheme["rest"]) if scheme else ("ch", text)
        if kind == "local":
            return cls._local(text, path)
        if kind in ("http", "https") and path.startswith("//"):
            # The address of a charm's page is the charm, as Juju's own reader has it.
            kind, path = "ch", path[2:].partition("/")[2]
        if kind != "ch":
            raise BundleError(
                f'cannot parse URL "{text}": schema "{kind}" not valid', fix=_fix(text)
            )
        parts = path.strip("/").split("/")
        if parts[0].startswith("~"):
            raise BundleError(
                f'charmhub charm or bundle URL with user name: "{text}" not valid', fix=_fix(text)
            )
        if len(parts) > 3:
            raise BundleError(f'charm or bundle URL "{text}" malformed')
        if len(parts) == 3 and parts[0] not in _URL_ARCHITECTURES:
            raise BundleError(f'in URL "{text}": architecture name "{parts[0]}" not valid')
        series = parts[-2] if len(parts) > 1 and parts[-2] not in _URL_ARCHITECTURES else None
        name, revision = _split(parts[-1])
        if not CHARM_NAME.match(name):
            raise BundleError(
                f'cannot parse name and/or revision in URL "{text}": name "{name}" not valid',
                fix=_fix(text),
            )
        if series is not None and not _SERIES.match(series):
            raise BundleError(f'in URL "{text}": series name "{series}" not valid')
        return cls(name=name, revision=revision, series=series)

    @classmethod
    def _local(cls, text: str, path: str) -> CharmURL:
        parts = path.split("/")
        if parts[0].startswith("~"):
            raise BundleError(f'local charm or bundle URL with user name: "{text}"')
        if len(parts) > 2:
            raise BundleError(f'charm or bundle URL has invalid form: "{text}"')
        if len(parts) == 2 and not _SERIES.match(parts[0]):
            raise BundleError(f'cannot parse URL "{text}": series name "{parts[0]}" not valid')
        name, revision = _split(parts[-1])
        if not CHARM_NAME.match(name):
            raise BundleError(f'cannot parse URL "{text}": name "{name}" not valid')
        series = parts[0] if len(parts) == 2 else None
        return cls(name=name, is_local=True, revision=revision, series=series)


def is_path(charm: str) -> bool:
    """Whether a bundle's ``charm:`` is a path: only ``.`` and ``/`` begin one (Juju 3.x)."""
    return charm.startswith((".", "/"))


def is_local_charm(charm: str) -> bool:
    """Whether a bundle's ``charm:`` is a file or was uploaded: the store does not have it."""
    return is_path(charm) or charm.startswith("local:")


def charm_name(charm: str) -> str:
    """Return the charm's name in a URL or path, whether it is a valid one or not.

    ``minio`` for ``ch:amd64/minio``, ``local:minio-3`` and ``./minio_r7.charm``.
    """
    if is_path(charm):
        return charm_name_of_path(charm)
    name = charm.rpartition(":")[2].rpartition("/")[2]
    return _split(name)[0] if charm.startswith("local:") else name


def _split(name: str) -> tuple[str, int | None]:
    match = _REVISION.match(name)
    return (match["name"], int(match["revision"])) if match else (name, None)


def _fix(text: str) -> str:
    """Return what to write instead of a URL that Juju does not take."""
    last = text.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    name, revision = _split(last)
    if text.endswith(".charm"):
        return "a path must begin with ./ or /"
    if not CHARM_NAME.match(name):
        return ""
    write = f"write charm: {name}, with its channel"
    if text.startswith(("cs:", "~")) or "~" in text:
        gone = "the charm store (cs:) is gone, and charms on Charmhub have no user names: "
        number = f"; revision {revision} was one of the charm store" if revision is not None else ""
        return f"{gone}{write}{number}"
    return write
