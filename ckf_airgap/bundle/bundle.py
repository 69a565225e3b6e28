"""Bundles: what a bundle document says, checked as Juju checks it.

A bundle is kept twice: as the original document, which overlays merge into and which is written
back, and as frozen values, which everything else works with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.bundle.shape import as_bundle_document
from ckf_airgap.charms.charm import (
    CHARM_NAME,
    SERIES_CHANNELS,
    Base,
    OptionValue,
    charm_name_of_path,
)
from ckf_airgap.documents import Document, JSONValue, dump_yaml, type_name
from ckf_airgap.errors import BundleError, CharmError, Problem, nearest

APPLICATION_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*\Z")
"""The application name grammar of Juju (``names.IsValidApplication``)."""

_ENDPOINT_NAME: Final = re.compile(r"^[a-zA-Z][a-zA-Z0-9._-]*\Z")

_SERIES: Final = re.compile(r"^[a-z]+[a-z0-9]*\Z")
_STORE_URL: Final = re.compile(
    r"^(?:ch:|local:|https?://[^/?#@]+/)?(?:[a-z0-9]+/){0,2}(?P<name>[a-z0-9-]+)\Z"
)
_URL_REVISION: Final = re.compile(r"^(?P<url>.*[a-z].*)-[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """One end of a relation: an application, and one of its endpoints if the bundle says which."""

    application: str
    endpoint: str | None = None

    @classmethod
    def parse(cls, text: str) -> EndpointRef:
        """Return the end that ``app`` or ``app:endpoint`` names.

        Raises:
            BundleError: when it is neither.
        """
        application, colon, endpoint = text.partition(":")
        if not APPLICATION_NAME.match(application) or (
            colon and not _ENDPOINT_NAME.match(endpoint)
        ):
            raise BundleError(f"invalid relation syntax {text!r}, expected application:endpoint")
        return cls(application, endpoint or None)

    def __str__(self) -> str:
        """Return ``app:endpoint``, or ``app``."""
        return f"{self.application}:{self.endpoint}" if self.endpoint else self.application


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation (integration) that a bundle asks for."""

    left: EndpointRef
    right: EndpointRef

    def __str__(self) -> str:
        """Return both ends, separated by a blank."""
        return f"{self.left} {self.right}"

    @property
    def ends(self) -> tuple[EndpointRef, EndpointRef]:
        """Both ends, in the bundle's order."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application of a bundle."""

    name: str
    charm: str
    """A charm's name in the store, or a path that starts with ``.`` or ``/``."""
    channel: str | None = None
    revision: int | None = None
    scale: int = 1
    trust: bool = False
    series: str | None = None
    base: Base | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    resources: Mapping[str, str | int] = field(default_factory=dict)
    constraints: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    storage: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    expose: bool = False
    placement: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether the charm is a file rather than a name in the store."""
        return is_local_charm(self.charm)

    @property
    def charm_name(self) -> str:
        """The store name, or the path's file name without ``.charm``, revision or hash."""
        return charm_name_of_path(self.charm) if self.is_local else store_name(self.charm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle, after the merge of all its overlays."""

    name: str | None = None
    kind: str | None = None
    """The bundle's type: ``kubernetes``, or ``None``."""
    series: str | None = None
    default_base: Base | None = None
    applications: Mapping[str, Application] = field(default_factory=dict, repr=False)
    relations: tuple[Relation, ...] = field(default=(), repr=False)
    document: Document = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Document, *, where: str) -> Bundle:
        """Return the bundle that a merged document describes.

        Args:
            document: The document; keys that Juju does not know are kept and ignored.
            where: The file, for messages.

        Raises:
            BundleError: with every value of a wrong type, or else with every problem of the
                document, in the wording of ``juju deploy`` where that has one.
        """
        return _Reader(where).read(as_bundle_document(document, where=where))

    def to_yaml(self) -> str:
        """Return the document as YAML."""
        return dump_yaml(self.document)


def is_local_charm(charm: str) -> bool:
    """Whether a bundle's ``charm:`` is a path: only ``.`` and ``/`` begin one (Juju 3.x)."""
    return charm.startswith((".", "/"))


def store_name(charm: str) -> str:
    """Return the name in a store charm's URL: ``minio`` for ``ch:amd64/minio`` and ``minio``.

    Juju reads the address of a page, ``https://charmhub.io/minio``, as the same name.
    """
    return charm.rpartition(":")[2].rpartition("/")[2]


class _Reader:
    """Turns a document with typed fields into a `Bundle`, gathering problems before it raises."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []

    def wrong(self, what: str, where: str = "", fix: str = "") -> None:
        self.problems.append(Problem(what, where, fix))

    def read(self, document: Document) -> Bundle:
        applications = self._applications(document)
        relations = self._relations(document, applications)
        kind = _text(document, "bundle")
        if kind not in (None, "", "kubernetes"):
            self.wrong(
                f'bundle has an invalid type "{kind}"', fix="use kubernetes, or leave it out"
            )
        if kind == "kubernetes" and document.get("machines"):
            self.wrong("bundle machines not valid for Kubernetes bundles")
        base = self._base(_text(document, "default-base"), "bundle")
        series = self._series(document, "bundle")
        self._check_match(series, base, "bundle")
        bundle = Bundle(
            name=_text(document, "name"),
            kind=kind or None,
            series=series,
            default_base=base,
            applications=applications,
            relations=relations,
            document=document,
        )
        if self.problems:
            raise BundleError(f"the bundle {self.where} cannot be used", problems=self.problems)
        return bundle

    def _applications(self, document: Document) -> dict[str, Application]:
        section = document.get("applications")
        if "applications" not in document and "services" in document:
            section = document.get("services")
        if not isinstance(section, dict) or not section:
            self.wrong("at least one application must be specified")
            return {}
        found: dict[str, Application] = {}
        for name, fields in section.items():
            where = f"application {name}"
            if not APPLICATION_NAME.match(str(name)):
                self.wrong(f'invalid application name "{name}" in bundle')
            elif not isinstance(fields, dict):
                self.wrong(f"expected a mapping, found {type_name(fields)}", where)
            else:
                found[name] = self._application(name, fields, where)
        return found

    def _application(self, name: str, fields: Document, where: str) -> Application:
        charm = _text(fields, "charm") or ""
        if not charm:
            self.wrong("empty charm path", where, "name its charm: charm: NAME")
        self._check_charm(name, charm, fields, where)
        scale = self._scale(fields, where)
        placement = tuple(str(item) for item in _list(fields, "to"))
        if len(placement) > scale:
            self.wrong(f'too many placement directives for application "{name}"')
        series = self._series(fields, f'application "{name}"')
        base = self._base(_text(fields, "base"), f'application "{name}"')
        self._check_match(series, base, f'application "{name}"')
        storage = _texts(fields, "storage")
        for item in storage:
            if not APPLICATION_NAME.match(item):
                self.wrong(f'invalid storage name "{item}" in application "{name}"')
        return Application(
            name=name,
            charm=charm,
            channel=_text(fields, "channel"),
            revision=self._revision(fields, where),
            scale=scale,
            trust=fields.get("trust") is True,
            series=series,
            base=base,
            options=self._options(fields, where),
            resources=self._resources(fields, where),
            constraints=_text(fields, "constraints") or "",
            annotations=_texts(fields, "annotations"),
            storage=storage,
            devices=_texts(fields, "devices"),
            bindings=_texts(fields, "bindings"),
            expose=fields.get("expose") is True,
            placement=placement,
        )

    def _check_charm(self, name: str, charm: str, fields: Document, where: str) -> None:
        """Check a charm's URL; a path is checked when its file is looked up."""
        if not charm or is_local_charm(charm):
            return
        match = _STORE_URL.match(charm)
        with_revision = _URL_REVISION.match(charm)
        if with_revision and not CHARM_NAME.match(store_name(charm)):
            self.wrong(f'cannot specify revision in "{charm}", please use revision', where)
        elif not match or not CHARM_NAME.match(match["name"]):
            fix = "a path must begin with ./ or /" if charm.endswith(".charm") else ""
            self.wrong(f'invalid charm URL in application "{name}": "{charm}"', fix=fix)
        elif fields.get("revision") is not None and not fields.get("channel"):
            self.wrong(
                f'application "{name}" with a revision requires a channel for future upgrades, '
                "please use channel"
            )

    def _series(self, fields: Document, what: str) -> str | None:
        series = _text(fields, "series")
        if series and not _SERIES.match(series):
            self.wrong(f'{what} declares an invalid series "{series}"')
        return series

    def _check_match(self, series: str | None, base: Base | None, what: str) -> None:
        version = SERIES_CHANNELS.get(series or "")
        if base is not None and version is not None and base.track != version:
            self.wrong(f'{what} series "{series}" and base "{base}" must match if both supplied')

    def _revision(self, fields: Document, where: str) -> int | None:
        value = _integer(fields, "revision")
        if value is not None and value < 0:
            self.wrong(f"the revision must be zero or greater, not {value}", where)
            return None
        return value

    def _scale(self, fields: Document, where: str) -> int:
        found = (_integer(fields, key) for key in ("scale", "num_units"))
        values = [value for value in found if value is not None]
        if any(value < 0 for value in values):
            self.wrong("negative number of units specified", where)
        elif len(values) == 2 and all(values):
            self.wrong("cannot specify both scale and num_units", where)
        return max(0, *values) if values else 1

    def _base(self, text: str | None, what: str) -> Base | None:
        if not text:
            return None
        try:
            return Base.parse(text)
        except CharmError as exc:
            fix = exc.fix or "write a base such as ubuntu@22.04, with stable, candidate, beta, edge"
            self.wrong(f'{what} declares an invalid base "{text}"', fix=fix)
            return None

    def _options(self, fields: Document, where: str) -> dict[str, OptionValue]:
        """Return the options that have a value; null stands for the charm's default, as in Juju."""
        found: dict[str, OptionValue] = {}
        for name, value in _section(fields, "options").items():
            if isinstance(value, list | dict):
                self.wrong(
                    f"the value must be a scalar, not {type_name(value)}",
                    f"{where}, option {name}",
                    "write YAML inside an option as text: option: |",
                )
            elif value is not None:
                found[name] = value
        return found

    def _resources(self, fields: Document, where: str) -> dict[str, str | int]:
        found: dict[str, str | int] = {}
        for name, value in _section(fields, "resources").items():
            if isinstance(value, bool) or not isinstance(value, str | int):
                self.wrong(f'resource revision "{name}" is not int or string', where)
            else:
                found[name] = value
        return found

    def _relations(
        self, document: Document, applications: Mapping[str, Application]
    ) -> tuple[Relation, ...]:
        found: list[Relation] = []
        seen: set[frozenset[str]] = set()
        known = {*applications, *_section(document, "saas")}
        for item in _list(document, "relations"):
            ends = [str(end) for end in item] if isinstance(item, list) else []
            relation = self._relation(ends, known)
            if relation is None:
                continue
            key = frozenset(str(end) for end in relation.ends)
            if key in seen:
                self.wrong(f"relation {_quoted(ends)} is defined more than once")
            seen.add(key)
            found.append(relation)
        return tuple(found)

    def _relation(self, ends: list[str], known: set[str]) -> Relation | None:
        if len(ends) != 2:
            self.wrong(f"relation {_quoted(ends)} has {len(ends)} endpoint(s), not 2")
            return None
        try:
            left, right = (EndpointRef.parse(end) for end in ends)
        except BundleError as exc:
            self.wrong(exc.message)
            return None
        for end in (left, right):
            if end.application not in known:
                self.wrong(
                    f'relation {_quoted(ends)} refers to application "{end.application}" '
                    "not defined in this bundle",
                    fix=nearest(end.application, known),
                )
                return None
        if left.application == right.application:
            self.wrong(f"relation {_quoted(ends)} relates an application to itself")
            return None
        return Relation(left, right)


def _text(fields: Mapping[str, JSONValue], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) else None


def _integer(fields: Mapping[str, JSONValue], key: str) -> int | None:
    value = fields.get(key)
    return value if isinstance(value, int) else None


def _list(fields: Mapping[str, JSONValue], key: str) -> list[JSONValue]:
    value = fields.get(key)
    return value if isinstance(value, list) else []


def _section(fields: Mapping[str, JSONValue], key: str) -> Document:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _texts(fields: Mapping[str, JSONValue], key: str) -> dict[str, str]:
    return {name: str(value or "") for name, value in _section(fields, key).items()}


def _quoted(ends: Iterable[str]) -> str:
    return "[" + " ".join(f'"{end}"' for end in ends) + "]"
