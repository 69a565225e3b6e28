"""Bundles: what a bundle document says, checked as Juju checks it.

A bundle is kept twice: as the original document, which overlays merge into and which is written
back, and as frozen values, which everything else works with.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.charmchannels import channel_problem
from ckf_airgap.bundle.charmurls import CharmURL, charm_name, is_local_charm, is_path
from ckf_airgap.bundle.exposure import (
    ENDPOINT,
    NAME,
    ExposedEndpoint,
    Offer,
    exposure_problems,
    read_exposed_endpoints,
    read_offers,
    saas_problems,
)
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.bundle.parts import bundle_yaml
from ckf_airgap.bundle.shape import as_bundle_document
from ckf_airgap.bundle.verification import (
    application_problems,
    part_problems,
    placement_problems,
)
from ckf_airgap.charms.charm import SERIES_CHANNELS, Base, OptionValue
from ckf_airgap.documents import Document, JSONValue, type_name
from ckf_airgap.errors import BundleError, CharmError, Problem, nearest

APPLICATION_NAME: Final = NAME
"""The application name grammar of Juju (``names.IsValidApplication``)."""

_INT64: Final = range(-(2**63), 2**63)
_SERIES: Final = re.compile(r"^[a-z]+[a-z0-9]*\Z")


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
        if not APPLICATION_NAME.match(application) or (colon and not ENDPOINT.match(endpoint)):
            raise BundleError(f'invalid relation syntax "{text}"', fix="write APPLICATION:ENDPOINT")
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
    """A charm's URL, or a path that starts with ``.`` or ``/``; see `CharmURL`."""
    channel: str | None = None
    revision: int | None = None
    scale: int = 0
    """Its units; a bundle that leaves it out asks for none, as in Juju."""
    trust: bool = False
    series: str | None = None
    base: Base | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    resources: Mapping[str, str | int] = field(default_factory=dict)
    logins: Mapping[str, ImageLogin] = field(default_factory=dict, repr=False)
    """The login of each image resource that has one of its own."""
    constraints: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    storage: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    expose: bool = False
    exposed_endpoints: Mapping[str, ExposedEndpoint] = field(default_factory=dict)
    offers: Mapping[str, Offer] = field(default_factory=dict)
    placement: tuple[str, ...] = ()
    stated: frozenset[str] = frozenset()
    """The fields that the bundle writes, empty or ``false`` as they may be: what it does not write
    is left to whoever has set it in the model."""

    @property
    def is_local(self) -> bool:
        """Whether the charm is a file rather than a name in the store."""
        return is_local_charm(self.charm)

    @property
    def charm_name(self) -> str:
        """The charm's name, or the path's file name without ``.charm``, revision or hash."""
        return charm_name(self.charm)


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
    directory: Path | None = field(default=None, repr=False, compare=False)
    """Where the paths in the document start."""
    warnings: tuple[Problem, ...] = field(default=(), repr=False, compare=False)
    """What Juju would not do although its files say so."""

    @classmethod
    def from_document(
        cls,
        document: Document,
        *,
        where: str,
        directory: Path | None = None,
        warnings: Iterable[Problem] = (),
    ) -> Bundle:
        """Return the bundle that a merged document describes.

        Args:
            document: The document; keys that Juju does not know are kept and ignored.
            where: The file, for messages.
            directory: Where the paths in it start.
            warnings: What was found while it was read and merged.

        Raises:
            BundleError: with every value of a wrong type, or else with every problem of the
                document, in the wording of ``juju deploy`` where that has one.
        """
        bundle = _Reader(where).read(as_bundle_document(document, where=where))
        return dataclasses.replace(bundle, directory=directory, warnings=tuple(warnings))

    def to_yaml(self) -> str:
        """Return the document as YAML, with a second one for what only an overlay may have."""
        return bundle_yaml(self.document)


class _Reader:
    """Turns a document with typed fields into a `Bundle`, gathering problems before it raises."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []
        self.kubernetes = False

    def wrong(self, what: str, where: str = "", fix: str = "") -> None:
        self.problems.append(Problem(what, where, fix))

    def read(self, document: Document) -> Bundle:
        self.problems += part_problems(document)
        self.kubernetes = _text(document, "bundle") == "kubernetes"
        applications = self._applications(document)
        relations = self._relations(document)
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
        self.problems += saas_problems(document)
        if self.problems:
            raise BundleError(f"the bundle {self.where} cannot be used", problems=self.problems)
        return bundle

    def _applications(self, document: Document) -> dict[str, Application]:
        section = document.get("applications")
        if not isinstance(section, dict) or not section:
            old = "services is a name of long ago: write applications"
            fix = old if document.get("services") else ""
            self.wrong("at least one application must be specified", fix=fix)
            return {}
        found: dict[str, Application] = {}
        for name, fields in section.items():
            where = f"application {name}"
            if not APPLICATION_NAME.match(str(name)):
                self.wrong(f'invalid application name "{name}" in bundle')
            elif not isinstance(fields, dict):
                self.wrong(f'bundle application for key "{name}" is undefined', where)
            else:
                found[name] = self._application(name, fields, where)
        return found

    def _application(self, name: str, fields: Document, where: str) -> Application:
        charm = _text(fields, "charm") or ""
        if not charm:
            self.wrong("empty charm path", where, "name its charm: charm: NAME")
        self._check_charm(name, charm, fields, where)
        self._check_channel(_text(fields, "channel") or "", charm)
        scale = self._scale(fields, where)
        placement = tuple(str(item) for item in _list(fields, "to"))
        if not placement and _text(fields, "placement"):
            placement = (_text(fields, "placement") or "",)
        self.problems += placement_problems(name, placement, kubernetes=self.kubernetes)
        series = self._series(fields, f'application "{name}"')
        base = self._base(_text(fields, "base"), f'application "{name}"')
        self._check_match(series, base, f'application "{name}"')
        application = Application(
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
            storage=_texts(fields, "storage"),
            devices=_texts(fields, "devices"),
            bindings=_texts(fields, "bindings"),
            expose=fields.get("expose") is True,
            exposed_endpoints=read_exposed_endpoints(fields),
            offers=read_offers(fields),
            placement=placement,
            stated=frozenset(key for key, value in fields.items() if value is not None),
        )
        self.problems += application_problems(
            name,
            constraints=application.constraints,
            storage=application.storage,
            devices=application.devices,
            resources=application.resources,
        )
        self.problems += exposure_problems(
            name, application.offers, application.exposed_endpoints, expose=application.expose
        )
        return application

    def _check_charm(self, name: str, charm: str, fields: Document, where: str) -> None:
        """Check a charm's URL; a path is checked when its file is looked up."""
        if not charm or is_path(charm):
            return
        try:
            url = CharmURL.parse(charm)
        except BundleError as exc:
            what = f'invalid charm URL in application "{name}": {exc.message}'
            self.wrong(what, fix=exc.fix)
            return
        series = _text(fields, "series")
        if url.revision is not None and not url.is_local:
            self.wrong(
                f'cannot specify revision in "{charm}", please use revision',
                where,
                f"write charm: {url.name}, revision: {url.revision} and its channel",
            )
        elif not url.is_local and fields.get("revision") is not None and not fields.get("channel"):
            self.wrong(
                f'application "{name}" with a revision requires a channel for future upgrades, '
                "please use channel"
            )
        if url.series and series and url.series != series:
            self.wrong(
                f'the charm URL for application "{name}" has a series which does not match, please '
                "remove the series from the URL"
            )

    def _check_channel(self, channel: str, charm: str) -> None:
        problem = channel_problem(channel)
        if problem:
            self.wrong(
                f'for application "{charm}": {problem}', fix="write TRACK/RISK, such as 1.10/stable"
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
        return max(0, *values, 0)

    def _base(self, text: str | None, what: str) -> Base | None:
        if not text:
            return None
        try:
            return Base.parse(text)
        except CharmError as exc:
            fix = exc.fix or "write NAME@VERSION, such as ubuntu@22.04"
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
            number = isinstance(value, int) and not isinstance(value, bool)
            if isinstance(value, str) or (number and value in _INT64):
                found[name] = value  # type: ignore[assignment]
            else:  # a number beyond that is an unsigned integer or a float in Go
                self.wrong(f'resource revision "{name}" is not int or string', where)
        return found

    def _relations(self, document: Document) -> tuple[Relation, ...]:
        found: list[Relation] = []
        seen: set[frozenset[str]] = set()
        saas = _section(document, "saas")
        known = {*_section(document, "applications"), *saas}
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
            self.wrong(exc.message, fix=exc.fix)
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
