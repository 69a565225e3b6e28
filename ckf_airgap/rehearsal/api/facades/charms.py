"""Charms: what they declare, and which of them the store has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from ckf_airgap.charms.charm import SERIES_CHANNELS, Base, Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.api.notplayed import other_version
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.entities import StoredCharm
from ckf_airgap.rehearsal.entities.repository import (
    SCHEMA,
    CharmRepository,
    Wanted,
    base_channel,
)
from ckf_airgap.rehearsal.entities.storage import (
    StorageDeclaration,
    deployment_of,
    storage_declarations,
)
from ckf_airgap.rehearsal.entities.storeresources import store_resource
from ckf_airgap.rehearsal.model.nostore import store_unreachable
from ckf_airgap.rehearsal.views.deltas import endpoint_document
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    mapping_field,
    mappings_field,
    text_field,
    texts_field,
)

_SERIES: Final = 6
"""The last version that names series rather than bases."""

_AUTHORIZES: Final = 5
"""The last version with ``AddCharmWithAuthorization``."""


class Charms(Facade):
    """The charms of a model."""

    name: ClassVar[str] = "Charms"
    versions: ClassVar[tuple[int, ...]] = (5, 6, 7)

    @rpc_method
    async def charm_info(self, params: Document) -> Document:
        """Return everything that a charm declares."""
        url = text_field(params, "url")
        CharmURL.parse(url)
        return charm_info(self.session.model.charms.get(url))

    @rpc_method
    async def list(self, params: Document) -> Document:
        """Return the URLs of all charms, or of those with the given names."""
        names = texts_field(params, "names")
        urls: list[JSONValue] = [
            str(stored.url)
            for stored in self.session.model.charms
            if not names or stored.url.name in names
        ]
        return {"charm-urls": urls}

    @rpc_method
    async def is_metered(self, params: Document) -> Document:
        """Return that a charm is not metered."""
        self.session.model.charms.get(text_field(params, "url"))
        return {"metered": False}

    @rpc_method
    async def add_charm(self, params: Document) -> Document:
        """Add a charm from the store to the model; local charms are uploaded."""
        url, origin = (
            CharmURL.parse(text_field(params, "url")),
            mapping_field(params, "charm-origin"),
        )
        if url.schema == "local":
            raise ApiError(f'unknown schema for charm URL "{url}"')
        repository = self._repository(str(url))
        base = mapping_field(origin, "base")
        if not (text_field(base, "name") and text_field(base, "channel")):
            raise ApiError("base required for Charmhub charms", BAD_REQUEST)
        resolved = repository.resolve(self._wanted(url, origin))
        stored = await self.session.model.add_store_charm(resolved)
        return {"charm-origin": resolved.origin(stored.sha256)}

    @rpc_method
    async def add_charm_with_authorization(self, params: Document) -> Document:
        """Do what `add_charm` does: the oldest version has both."""
        if self.version > _AUTHORIZES:
            have = f"up to version {_AUTHORIZES}"
            raise other_version(self.name, self.version, "AddCharmWithAuthorization", has=have)
        return await self.add_charm(params)

    @rpc_method
    async def resolve_charms(self, params: Document) -> Document:
        """Return the charm of the store that each reference resolves to, under ``Results``."""
        results: list[JSONValue] = []
        for item in mappings_field(params, "resolve"):
            try:
                results.append(self._resolve(item))
            except ApiError as error:
                results.append({"url": "", self._bases_key: [], "error": error.as_document()})
        return {"Results": results}

    @rpc_method
    async def get_download_infos(self, params: Document) -> Document:
        """Refuse the whole call, since entries have no error: there is no URL to download from."""
        for item in mappings_field(params, "entities"):
            reference = text_field(item, "charm-url")
            self._repository(reference)
            raise ApiError(
                f"a rehearsal gives no address to download {reference} from: its charms are files "
                "in the directory that the controller was started with",
                NOT_SUPPORTED,
            )
        return {"results": []}

    @rpc_method
    async def list_charm_resources(self, params: Document) -> Document:
        """Return the resources that the store has for charms."""
        results: list[JSONValue] = []
        for item in mappings_field(params, "entities"):
            reference = text_field(item, "charm-url")
            url = CharmURL.parse(reference)
            if url.schema == "local":
                raise ApiError(f'charm "{url.name}" not valid', NOT_VALID)
            try:
                repository = self._repository(reference)
                resolved = repository.resolve(
                    self._wanted(url, mapping_field(item, "charm-origin"))
                )
            except ApiError as error:
                results.append([{"error": error.as_document()}])
                continue
            file, now = resolved.file, self.session.model.clock.now()
            results.append(
                [
                    store_resource(
                        "",
                        declared,
                        charm=file.name,
                        known=file.resources.get(declared.name, ()),
                        revision=None,
                        now=now,
                    ).charm_document()
                    for declared in file.charm.resources.values()
                ]
            )
        return {"results": results}

    @rpc_method
    async def check_charm_placement(self, params: Document) -> Document:
        """Return no objection: units of a Kubernetes model are not placed."""
        return {"results": [{} for _ in mappings_field(params, "placements")]}

    @property
    def _bases_key(self) -> str:
        return "supported-series" if self.version <= _SERIES else "supported-bases"

    def _repository(self, reference: str) -> CharmRepository:
        repository = self.session.model.charms.repository
        if repository is None:
            raise store_unreachable(reference)
        return repository

    def _wanted(self, url: CharmURL, origin: Document) -> Wanted:
        architecture = str(self.session.model.constraints.get("arch") or "amd64")
        wanted = Wanted.from_origin(url.name, origin, architecture=url.series or architecture)
        return replace(wanted, revision=url.revision) if url.revision >= 0 else wanted

    def _resolve(self, item: Document) -> Document:
        reference = text_field(item, "reference")
        repository = self._repository(reference)
        url = CharmURL.parse(reference if ":" in reference else f"{SCHEMA}:{reference}")
        if url.schema == "local":
            raise ApiError(f'unknown schema for charm URL "{url}"')
        asked = mapping_field(item, "charm-origin")
        resolved = repository.resolve(self._wanted(replace(url, revision=-1), asked))
        bases: list[JSONValue] = [
            {"name": base.name, "channel": base_channel(base)} for base in resolved.bases
        ]
        if self.version <= _SERIES:
            bases = [series for base in resolved.bases if (series := _series(base))]
        return {
            "url": str(resolved.url),
            "charm-origin": {
                **resolved.origin(),
                "id": text_field(asked, "id"),
                "hash": text_field(asked, "hash"),
            },
            self._bases_key: bases,
        }


def _series(base: Base) -> str:
    return next((name for name, track in SERIES_CHANNELS.items() if track == base.track), "")


def charm_info(stored: StoredCharm) -> Document:
    """Return the reply of ``CharmInfo``: options, metadata, actions and manifest."""
    charm = stored.charm
    info: Document = {
        "revision": stored.url.revision,
        "url": str(stored.url),
        "config": _options(charm),
        "meta": _meta(charm),
    }
    if stored.archive.actions:
        specs: Document = {
            name: spec.as_document() for name, spec in stored.archive.actions.items()
        }
        info["actions"] = {"specs": specs}
    if charm.bases:
        bases: list[JSONValue] = [
            {
                "name": base.name,
                "channel": base.channel if "/" in base.channel else f"{base.channel}/stable",
                "architectures": [*base.architectures],
            }
            for base in charm.bases
        ]
        info["manifest"] = {"bases": bases}
    return info


def _options(charm: Charm) -> Document:
    options: Document = {}
    for name, option in charm.options.items():
        shown: Document = {"type": option.type}
        if option.description:
            shown["description"] = option.description
        if option.default is not None:
            shown["default"] = option.default
        options[name] = shown
    return options


def _meta(charm: Charm) -> Document:
    metadata = charm.metadata
    meta: Document = {
        "name": charm.name,
        "summary": charm.summary,
        "description": str(metadata.get("description") or ""),
        "subordinate": charm.subordinate,
        "min-juju-version": str(metadata.get("min-juju-version") or "0.0.0"),
    }
    for section, role in (("provides", "provider"), ("requires", "requirer"), ("peers", "peer")):
        endpoints: Document = {
            endpoint.name: endpoint_document(endpoint)
            for endpoint in charm.endpoints.values()
            if endpoint.role == role
        }
        if endpoints:
            meta[section] = endpoints
    if charm.series:
        meta["series"] = [*charm.series]
    storage = {name: _storage(found) for name, found in storage_declarations(charm).items()}
    devices = {name: _device(name, fields) for name, fields in _entries(metadata, "devices")}
    containers = {name: _container(fields) for name, fields in _entries(metadata, "containers")}
    resources: Document = {
        resource.name: {
            "name": resource.name,
            "type": resource.type,
            "path": resource.filename or "",
            "description": resource.description,
        }
        for resource in charm.resources.values()
    }
    bindings: Document = {name: name for name, _ in _entries(metadata, "extra-bindings")}
    payloads: Document = {
        name: {"name": name, "type": str(fields.get("type") or "")}
        for name, fields in _entries(metadata, "payloads")
    }
    for section, found in (
        ("storage", storage),
        ("devices", devices),
        ("containers", containers),
        ("resources", resources),
        ("extra-bindings", bindings),
        ("payload-classes", payloads),
    ):
        if found:
            meta[section] = {**found}
    for section in ("categories", "tags", "terms"):
        texts = metadata.get(section)
        if isinstance(texts, list) and texts:
            meta[section] = [str(text) for text in texts]
    deployment = deployment_of(charm)
    if deployment is not None:
        keys = ("type", "mode", "service", "min-version")
        meta["deployment"] = {**dict(zip(keys, deployment, strict=True))}
    if metadata.get("assumes"):
        meta["assumes-expr"] = metadata["assumes"]
    if metadata.get("charm-user"):
        meta["charm-user"] = metadata["charm-user"]
    return meta


def _entries(metadata: Mapping[str, JSONValue], section: str) -> Iterator[tuple[str, Document]]:
    """Yield the name and fields of each entry of a section; the fields may be missing."""
    found = metadata.get(section)
    for name, fields in (found if isinstance(found, dict) else {}).items():
        yield name, fields if isinstance(fields, dict) else {}


def _storage(declared: StorageDeclaration) -> Document:
    shown: Document = {
        "name": declared.name,
        "description": declared.description,
        "type": declared.type,
        "shared": declared.shared,
        "read-only": declared.read_only,
        "count-min": declared.least,
        "count-max": declared.most,
        "minimum-size": declared.minimum_size_mib,
    }
    if declared.location:
        shown["location"] = declared.location
    if declared.properties:
        shown["properties"] = [*declared.properties]
    return shown


def _device(name: str, fields: Document) -> Document:
    """Return a device; its keys are capitalised, since Juju gives them no names in JSON."""
    return {
        "Name": name,
        "Description": str(fields.get("description") or ""),
        "Type": str(fields.get("type") or ""),
        "CountMin": fields.get("countmin", 1),
        "CountMax": fields.get("countmax", 1),
    }


def _container(fields: Document) -> Document:
    mounts = fields.get("mounts")
    shown: Document = {
        "resource": str(fields.get("resource") or ""),
        "mounts": [
            {
                "storage": str(mount.get("storage") or ""),
                "location": str(mount.get("location") or ""),
            }
            for mount in (mounts if isinstance(mounts, list) else [])
            if isinstance(mount, dict)
        ],
    }
    for key in ("uid", "gid"):
        if fields.get(key) is not None:
            shown[key] = fields[key]
    return shown
