"""Operations on the applications of a model: deploy, refresh, configure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckf_airgap.rehearsal.entities.entities import Application, StatusInfo, StoredCharm
from ckf_airgap.rehearsal.entities.repository import downloaded_origin, origin_channel
from ckf_airgap.rehearsal.entities.resources import STORE, LiveResource
from ckf_airgap.rehearsal.entities.storage import StorageConstraints, storage_id
from ckf_airgap.rehearsal.model.applicationoptions import APPLICATION_OPTIONS
from ckf_airgap.rehearsal.model.bindings import initial_bindings, merge_bindings
from ckf_airgap.rehearsal.model.constraints import parse_constraints, with_architecture
from ckf_airgap.rehearsal.model.deployment import (
    Deployment,
    base_for,
    charm_to_deploy,
    check_charm,
    check_model,
    check_name,
    check_origin,
    check_placement,
)
from ckf_airgap.rehearsal.model.findings import (
    image_findings,
    option_findings,
    revision_finding,
    upload_finding,
)
from ckf_airgap.rehearsal.model.lookups import service_address
from ckf_airgap.rehearsal.model.optionvalues import (
    Settings,
    kept_settings,
    parse_settings,
    unknown_option,
)
from ckf_airgap.rehearsal.model.refresh import (
    Refresh,
    check_assumptions,
    check_limits,
    check_relations,
    check_sections,
    check_target,
    check_units,
    new_base,
)
from ckf_airgap.rehearsal.model.storagechecks import (
    check_devices,
    complete_constraints,
    refreshed_constraints,
)
from ckf_airgap.rehearsal.model.storageoperations import check_attachable
from ckf_airgap.rehearsal.wire import ApiError

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.model.model import Model


def deploy(model: Model, request: Deployment) -> Application:
    """Deploy an application; on failure its pending resources are dropped.

    Raises:
        ApiError: for the first thing that a real controller would object to.
    """
    try:
        application = _checked_application(model, request)
    finally:
        model.pending.drop(request.resources.values())
    units = 0 if application.charm.subordinate else request.units
    attach = [storage_id(tag) for tag in request.attach_storage]
    model.topology.add_application(application, units=units, attach=attach)
    _report_resources(model, application)
    return application


def refresh(model: Model, request: Refresh) -> Application:
    """Refresh an application: to another charm, with other resources, or on another base.

    What the other charm can keep is kept: settings whose option it has and whose value fits,
    storage constraints, resources, bindings. As in Juju, settings of the charm and storage
    constraints in a request that does not change the charm's URL have no effect.

    Raises:
        ApiError: for the first thing that a real controller would object to.
    """
    check_origin(request.origin)
    application = model.topology.application(request.application)
    stored = model.charms.get(request.charm_url)
    base = new_base(request)
    before, charm = application.charm, stored.charm
    check_sections(before, charm)
    try:
        settings = parse_settings(
            charm.options,
            application=application.name,
            strings=request.settings,
            yaml_text=request.settings_yaml,
        )
    except ApiError as exc:
        raise exc.annotated("parsing config settings") from exc
    check_assumptions(request, before, charm, model.facts)
    try:
        change = _checked_change(model, application, stored, request)
    except ApiError as exc:
        raise exc.annotated(
            f'updating charm config: cannot upgrade application "{application.name}" to charm '
            f'"{request.charm_url}"'
        ) from exc
    model.pending.drop(request.resources.values())
    application.force_units = request.force_units
    application.origin = downloaded_origin(request.origin, stored.url.name, sha256=stored.sha256)
    application.channel = origin_channel(request.origin)
    application.base = base
    application.bindings = change.bindings
    application.resources = change.resources
    if change.changes_charm:
        application.stored = stored
        application.storage_constraints = change.storage
        application.settings = kept_settings(charm.options, application.settings)
        _apply(application, Settings(charm=settings.charm))
        model.topology.add_peers(application)
    if change.changes_charm or request.resources:
        model.topology.roll_out(application)
    else:
        model.topology.application_changed(application)
    _change(
        model, application, lambda: _apply(application, Settings(application=settings.application))
    )
    _report_resources(model, application)
    return application


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a refresh makes of an application, once it is known to be possible."""

    changes_charm: bool
    storage: dict[str, StorageConstraints]
    resources: dict[str, LiveResource]
    bindings: dict[str, str]


def _checked_change(
    model: Model, application: Application, stored: StoredCharm, request: Refresh
) -> _Change:
    """Return what a refresh comes to; `ApiError` for the first thing that the state refuses."""
    charm = stored.charm
    check_target(request, application=application, charm=charm)
    changes_charm = request.charm_url != application.charm_url
    storage = application.storage_constraints
    if changes_charm:
        if not request.force:
            check_limits(application, charm)
        storage = refreshed_constraints(
            charm, storage, request.storage, pools=model.storage.pools, config=model.config
        )
        check_relations(application, charm)
    resources = {**application.resources, **_taken(model, application.name, request.resources)}
    check_units(application, charm)
    return _Change(
        changes_charm=changes_charm,
        storage=storage,
        resources=resources,
        bindings=merge_bindings(application.bindings, request.bindings, charm),
    )


def configure(
    model: Model, application: Application, *, strings: Mapping[str, str], yaml_text: str = ""
) -> None:
    """Set options of an application; its units are notified when a value changes.

    Raises:
        ApiError: ``parsing settings for application: ...``.
    """
    try:
        settings = parse_settings(
            application.charm.options,
            application=application.name,
            strings=strings,
            yaml_text=yaml_text,
        )
    except ApiError as exc:
        raise exc.annotated("parsing settings for application") from exc
    _change(model, application, lambda: _apply(application, settings))


def unset(model: Model, application: Application, names: Sequence[str]) -> None:
    """Reset options to their defaults.

    Raises:
        ApiError: when the charm does not have an option; of the rest, the application's own are
            reset all the same, as in Juju.
    """
    own = [name for name in names if name in APPLICATION_OPTIONS]
    others = [name for name in names if name not in APPLICATION_OPTIONS]
    unknown = [name for name in others if name not in application.charm.options]

    def forget() -> None:
        for name in own:
            application.own_settings.pop(name, None)
        for name in () if unknown else others:
            application.settings.pop(name, None)

    _change(model, application, forget)
    if unknown:
        raise unknown_option(unknown[0]).annotated("updating application charm settings")


def _change(model: Model, application: Application, change: Callable[[], None]) -> None:
    before = (application.config, dict(application.own_settings))
    change()
    if (application.config, application.own_settings) != before:
        _report_options(model, application)
        model.topology.config_changed(application)


def _apply(application: Application, settings: Settings) -> None:
    for name, value in settings.charm.items():
        if value is None:
            application.settings.pop(name, None)
        else:
            application.settings[name] = value
    application.own_settings.update(settings.application)


def _checked_application(model: Model, request: Deployment) -> Application:
    """Return the application that a request asks for, not yet in the model."""
    stored = model.charms.get(str(charm_to_deploy(request)))
    settings = check_charm(request, stored.charm, model.facts)
    constraints = parse_constraints(request.constraints)
    check_name(request, exists=request.application in model.applications)
    check_model(request, model.facts)
    try:
        storage = complete_constraints(
            stored.charm, request.storage, pools=model.storage.pools, config=model.config
        )
        check_devices(stored.charm, request.devices)
        base = base_for(request, stored.charm)
        check_placement(request)
        bindings = initial_bindings(stored.charm, request.bindings)
        resources = _taken(model, request.application, request.resources)
    except ApiError as exc:
        raise exc.annotated(f'cannot add application "{request.application}"') from exc
    application = Application(
        name=request.application,
        stored=stored,
        origin=downloaded_origin(request.origin or {}, stored.url.name, sha256=stored.sha256),
        base=base,
        status=StatusInfo(current="unset", since=model.clock.now()),
        provider_id=f"{model.name}-{request.application}",
        public_address=service_address(request.application),
        channel=origin_channel(request.origin or {}) or request.channel,
        constraints=with_architecture(constraints, model.constraints),
        storage=request.storage,
        storage_constraints=storage,
        storage_prefix=secrets.token_hex(3),
        devices=request.devices,
        bindings=bindings,
        resources=resources,
    )
    _apply(application, settings)
    for instance_id in map(storage_id, request.attach_storage):
        try:
            check_attachable(
                model.storage.instance(instance_id), application, f"{application.name}/0"
            )
        except ApiError as exc:
            raise exc.annotated(f'cannot add application "{request.application}"') from exc
    return application


def _taken(model: Model, name: str, pending_ids: Mapping[str, str]) -> dict[str, LiveResource]:
    """Return the pending resources that an application is given.

    What its charm declares beyond them has no record at all, as in Juju, until a client registers
    it: it is not listed, and nothing can be attached to it.
    """
    taken: dict[str, LiveResource] = {}
    for resource, pending_id in pending_ids.items():
        if not pending_id:
            raise ApiError("missing pending ID")
        taken[resource] = model.pending.find(
            name, resource, pending_id, shown_as=f"{name}/{resource}"
        )
    return taken


def _report_resources(model: Model, application: Application) -> None:
    for resource in application.resources.values():
        model.report(revision_finding(resource))
        if resource.origin == STORE:
            model.report(upload_finding(resource, registry=model.registry))
    for finding in image_findings(application):
        model.report(finding)
    _report_options(model, application)


def _report_options(model: Model, application: Application) -> None:
    for finding in option_findings(application, registry=model.registry):
        model.report(finding)
