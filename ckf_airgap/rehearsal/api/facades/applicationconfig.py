"""The options of applications: read, set, unset. Part of the facade ``Application``."""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.charms.charm import OptionValue
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.applicationoptions import APPLICATION_OPTIONS
from ckf_airgap.rehearsal.model.deployment import APPLICATION_NAME, string_map
from ckf_airgap.rehearsal.wire import (
    ApiError,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    texts_field,
)


class ApplicationConfig(Facade):
    """The methods of the facade ``Application`` for options."""

    @rpc_method
    async def get(self, params: Document) -> Document:
        """Return the options, constraints, base and charm of an application."""
        application = self._application(text_field(params, "application"))
        bindings: Document = {**application.bindings}
        return {
            "application": application.name,
            "charm": application.charm.name,
            "config": charm_options(application),
            "application-config": own_options(application),
            "constraints": {} if application.charm.subordinate else application.constraints,
            "base": {"name": application.base.name, "channel": application.base.channel},
            "channel": application.channel,
            "endpoint-bindings": bindings,
        }

    @rpc_method
    async def charm_config(self, params: Document) -> Document:
        """Return the charm options of applications, under a capital ``Results``."""

        async def one(document: Document) -> Document:
            application = self._application(text_field(document, "application"))
            return {"config": charm_options(application)}

        found = await results_of(mappings_field(params, "args"), one)
        return {"Results": found["results"]}

    @rpc_method
    async def get_config(self, params: Document) -> Document:
        """Return the charm options of applications, under a capital ``Results`` as well."""

        async def one(tag: str) -> Document:
            return {"config": charm_options(self._application(tag_id(tag, "application")))}

        found = await results_of(tags_field(params), one)
        return {"Results": found["results"]}

    @rpc_method
    async def set_configs(self, params: Document) -> Document:
        """Set options of applications."""

        async def one(document: Document) -> Document:
            applications.configure(
                self.session.model,
                self._application(text_field(document, "application")),
                strings=string_map(document, "config"),
                yaml_text=text_field(document, "config-yaml"),
            )
            return {}

        return await results_of(mappings_field(params, "Args"), one)

    @rpc_method
    async def unset_applications_config(self, params: Document) -> Document:
        """Reset options of applications to their defaults."""

        async def one(document: Document) -> Document:
            application = self._application(text_field(document, "application"))
            applications.unset(self.session.model, application, texts_field(document, "options"))
            return {}

        return await results_of(mappings_field(params, "Args"), one)

    def _application(self, name: str) -> Application:
        """Return an application; `ApiError` when it does not exist, or its name is invalid."""
        if not APPLICATION_NAME.match(name):
            raise ApiError(f'"{name}" is not a valid application name')
        return self.session.model.topology.application(name)


def charm_options(application: Application) -> Document:
    """Return the charm's options, each with its value and the source of the value."""
    options: Document = {}
    for name, option in application.charm.options.items():
        options[name] = _option(
            option.type, option.description, option.default, application.settings, name
        )
    return options


def own_options(application: Application) -> Document:
    """Return the application's own options, such as ``trust``."""
    options: Document = {}
    for name, option in APPLICATION_OPTIONS.items():
        options[name] = _option(
            option.type, option.description, option.default, application.own_settings, name
        )
    return options


def _option(
    kind: str,
    description: str,
    default: OptionValue | None,
    settings: Mapping[str, JSONValue],
    name: str,
) -> Document:
    value = settings.get(name, default)
    shown: dict[str, JSONValue] = {"description": description, "type": kind}
    shown["source"] = "unset" if value is None else "default" if value == default else "user"
    if value is not None:
        shown["value"] = value
    if default is not None:
        shown["default"] = default
    return shown
