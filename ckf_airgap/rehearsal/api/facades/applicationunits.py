"""The part of the ``Application`` facade that scales, removes and gives storage to units."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationinfo import ApplicationInfo
from ckf_airgap.rehearsal.api.notplayed import other_version
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.storage import is_storage_id
from ckf_airgap.rehearsal.model import forcing, storageoperations
from ckf_airgap.rehearsal.views.storage import unit_tag
from ckf_airgap.rehearsal.wire import (
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    int_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    texts_field,
)

ATTACHES_STORAGE: Final = 21
"""The first version that accepts ``attach-storage`` on Kubernetes."""

_DRY_RUNS: Final = 16
_STORAGE_CONSTRAINTS: Final = 22
_SINGLE_REMOVALS: Final = 16
"""The last version with ``Destroy`` and ``DestroyUnits``."""

_HAVE_REMOVALS: Final = f"up to version {_SINGLE_REMOVALS}"


class ApplicationUnits(ApplicationInfo):
    """The methods of the ``Application`` facade for units and their storage."""

    @rpc_method
    async def scale_applications(self, params: Document) -> Document:
        """Scale applications to a number of units."""

        async def one(document: Document) -> Document:
            scale, change = int_field(document, "scale"), int_field(document, "scale-change")
            if scale < 0 and not change:
                raise ApiError("scale < 0 not valid", NOT_VALID)
            if scale and change:
                raise ApiError("requesting both scale and scale-change not valid", NOT_VALID)
            name = tag_id(text_field(document, "application-tag"), "application")
            application = self.session.model.applications.get(name)
            if application is None:
                raise ApiError(f'application "{name}" does not exist')
            _check_scalable(application)
            attach: list[str] = []
            if self.version >= ATTACHES_STORAGE:
                attach = texts_field(document, "attach-storage")
            _check_attached_storage(attach, change)
            units = application.scale + change if change else scale
            if units < 0:
                raise ApiError("cannot remove more units than currently exist not valid", NOT_VALID)
            self._scale(application, units, attach)
            return {"info": {"num-units": units}}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def add_units(self, _params: Document) -> Document:
        """Refuse: units of a Kubernetes model are added and removed by scaling."""
        raise ApiError("adding units to a container-based model not supported", NOT_SUPPORTED)

    @rpc_method
    async def destroy_unit(self, _params: Document) -> Document:
        """Refuse with a real controller's error (which should say "container model")."""
        raise ApiError("removing units on a non-container model not supported", NOT_SUPPORTED)

    @rpc_method
    async def destroy_units(self, params: Document) -> Document:
        """Refuse as `destroy_unit` does; newer versions lack this method."""
        if self.version > _SINGLE_REMOVALS:
            raise other_version(self.name, self.version, "DestroyUnits", has=_HAVE_REMOVALS)
        return await self.destroy_unit(params)

    @rpc_method
    async def destroy_application(self, params: Document) -> Document:
        """Remove applications; report which units go and what happens to their storage."""

        async def one(document: Document) -> Document:
            return {"info": self._destroy(document)}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def destroy(self, params: Document) -> Document:
        """Remove one application; newer versions lack this method."""
        if self.version > _SINGLE_REMOVALS:
            raise other_version(self.name, self.version, "Destroy", has=_HAVE_REMOVALS)
        self._destroy({"application-tag": f"application-{text_field(params, 'application')}"})
        return {}

    @rpc_method
    async def get_application_storage(self, params: Document) -> Document:
        """Return the storage constraints of applications."""
        self._check_has_constraints("GetApplicationStorage")
        results: list[JSONValue] = []
        for tag in tags_field(params):
            try:
                application = self._application(tag_id(tag, "application"))
            except ApiError as error:
                results.append({"storage-constraints": None, "Error": error.as_document()})
                continue
            shown: Document = {
                name: asked.as_document() for name, asked in application.storage_constraints.items()
            }
            results.append({"storage-constraints": shown, "Error": None})
        return {"results": results}

    @rpc_method
    async def update_application_storage(self, params: Document) -> Document:
        """Change the storage constraints that apply to future units."""
        self._check_has_constraints("UpdateApplicationStorage")

        async def one(document: Document) -> Document:
            tag = text_field(document, "application-tag")
            application = self._application(tag_id(tag, "application"))
            storageoperations.update_constraints(
                self.session.model, application, mapping_field(document, "storage-constraints")
            )
            return {}

        return await results_of(mappings_field(params, "storage-updates"), one)

    def _scale(self, application: Application, units: int, attach: list[str]) -> None:
        """Scale an application whose request is well formed."""
        model = self.session.model
        where = f'cannot set scale for application "{application.name}" to {units}'
        if application.life != "alive":
            raise ApiError(f"{where}: application is not found or not alive")
        unit = f"{application.name}/{len(application.units)}"
        for instance_id in attach:
            try:
                instance = model.storage.instance(instance_id)
                storageoperations.check_attachable(instance, application, unit)
            except ApiError as error:
                raise ApiError(f"{where}: {error.message}") from error
        model.topology.scale(application, units, attach=attach)

    def _destroy(self, document: Document) -> Document:
        """Remove an application, or only report what would be removed with it."""
        tag = text_field(document, "application-tag")
        application = self._application(tag_id(tag, "application"))
        model = self.session.model
        if not bool_field(document, "force"):
            model.offers.check_unused(application.name)
        destroy_storage = bool_field(document, "destroy-storage")
        units: list[JSONValue] = []
        destroyed: list[JSONValue] = []
        detached: list[JSONValue] = []
        for name in application.units:
            units.append({"tag": unit_tag(name)})
            for instance in model.storage.of_unit(name):
                goes = destroy_storage or not instance.filesystem.detachable
                (destroyed if goes else detached).append({"tag": instance.tag})
        if not (self.version >= _DRY_RUNS and bool_field(document, "dry-run")):
            forcing.remove_application(
                model.topology,
                application,
                forcing.forced_after_s(document),
                destroy_storage=destroy_storage,
            )
        info: Document = {}
        for key, entities in (
            ("detached-storage", detached),
            ("destroyed-storage", destroyed),
            ("destroyed-units", units),
        ):
            if entities:
                info[key] = entities
        return info

    def _check_has_constraints(self, method: str) -> None:
        if self.version < _STORAGE_CONSTRAINTS:
            have = f"from version {_STORAGE_CONSTRAINTS} on"
            raise other_version(self.name, self.version, method, has=have)


def _check_scalable(application: Application) -> None:
    """Raise `ApiError` for an application that runs as a single unit or one unit per node."""
    deployment = application.charm.metadata.get("deployment")
    fields = deployment if isinstance(deployment, dict) else {}
    if fields.get("mode") == "operator":
        raise ApiError('scale an "operator" application not supported', NOT_SUPPORTED)
    if fields.get("type") == "daemon":
        raise ApiError('scale a "daemon" application not supported', NOT_SUPPORTED)


def _check_attached_storage(attach: list[str], units: int) -> None:
    """Raise `ApiError` unless the names are storage ids and exactly one unit is added."""
    if not attach:
        return
    wrong = [f'storage name "{name}" not valid' for name in attach if not is_storage_id(name)]
    if units != 1:
        wrong = [f"AttachStorage is non-empty, but NumUnits is {units}"]
    if wrong:
        raise ApiError(f"failed to scale a application: {', '.join(wrong)}")
