"""The one cloud of a rehearsal: a Kubernetes cluster, and the credentials for it."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.model.state import CLOUD
from ckf_airgap.rehearsal.model.users import user_name
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)

_DESCRIPTION: Final[Document] = {
    "type": "kubernetes",
    "auth-types": ["certificate", "oauth2", "oauth2withcert", "userpass"],
    "endpoint": "https://kubernetes.rehearsal.invalid",
    "regions": [{"name": "default"}],
}


class Cloud(Facade):
    """Clouds and credentials."""

    name: ClassVar[str] = "Cloud"
    versions: ClassVar[tuple[int, ...]] = (7,)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def clouds(self, _params: Document) -> Document:
        """Return all clouds."""
        return {"clouds": {f"cloud-{CLOUD}": _DESCRIPTION}}

    @rpc_method
    async def cloud(self, params: Document) -> Document:
        """Return the clouds of ``entities``."""

        async def describe(tag: str) -> Document:
            name = tag_id(tag, "cloud")
            if name != CLOUD:
                raise ApiError(f'cloud "{name}" not found', NOT_FOUND)
            return {"cloud": _DESCRIPTION}

        return await results_of(tags_field(params), describe)

    @rpc_method
    async def list_cloud_info(self, _params: Document) -> Document:
        """Return the clouds that a user may use, and how."""
        access = "admin" if self.session.user.is_superuser else "add-model"
        return {"results": [{"result": {**_DESCRIPTION, "access": access}}]}

    @rpc_method
    async def user_credentials(self, params: Document) -> Document:
        """Return the tags of users' credentials for clouds."""

        async def tags(item: Document) -> Document:
            owner = self._owner(text_field(item, "user-tag"))
            cloud = tag_id(text_field(item, "cloud-tag"), "cloud")
            own = f"cloudcred-{cloud}_{owner}_"
            found = [tag for tag in self._credentials if tag.startswith(own)]
            return {"result": [*found]}

        return await results_of(mappings_field(params, "user-clouds"), tags)

    @rpc_method
    async def credential(self, params: Document) -> Document:
        """Return credentials, without anything secret in them."""

        async def find(tag: str) -> Document:
            self._check_credential(tag)
            if tag not in self._credentials:
                raise ApiError(f'credential "{tag_id(tag, "cloudcred")}" not found', NOT_FOUND)
            held = self._credentials[tag]
            return {
                "result": {
                    "auth-type": text_field(held, "auth-type"),
                    "attrs": {},
                    "redacted": [*mapping_field(held, "attrs")],
                }
            }

        return await results_of(tags_field(params), find)

    @rpc_method
    async def update_credentials_check_models(self, params: Document) -> Document:
        """Add or replace credentials."""

        async def update(item: Document) -> Document:
            tag = text_field(item, "tag")
            self._check_credential(tag)
            self._credentials[tag] = mapping_field(item, "credential")
            return {"tag": tag}

        return await results_of(mappings_field(params, "credentials"), update)

    @rpc_method
    async def add_credentials(self, params: Document) -> Document:
        """Add credentials."""
        return await self.update_credentials_check_models(params)

    @rpc_method
    async def revoke_credentials_check_models(self, params: Document) -> Document:
        """Forget credentials."""

        async def revoke(item: Document) -> Document:
            tag = text_field(item, "tag")
            self._check_credential(tag)
            if self._credentials.pop(tag, None) is None:
                raise ApiError(f'credential "{tag_id(tag, "cloudcred")}" not found', NOT_FOUND)
            return {}

        return await results_of(mappings_field(params, "credentials"), revoke)

    @rpc_method
    async def credential_contents(self, params: Document) -> Document:
        """Return credentials by cloud and name, without anything secret in them."""
        wanted = [
            f"{text_field(item, 'cloud-name')}_{self.session.user.name}_"
            f"{text_field(item, 'credential-name')}"
            for item in mappings_field(params, "credentials")
        ]
        results: list[JSONValue] = []
        for tag, held in self._credentials.items():
            cloud, owner, name = tag_id(tag, "cloudcred").split("_", 2)
            if owner != self.session.user.name or (
                wanted and f"{cloud}_{owner}_{name}" not in wanted
            ):
                continue
            content: Document = {
                "name": name,
                "cloud": cloud,
                "auth-type": text_field(held, "auth-type"),
                "attrs": {},
                "valid": True,
            }
            results.append({"result": {"content": content, "models": []}})
        return {"results": results}

    @property
    def _credentials(self) -> dict[str, Document]:
        return self.session.controller.credentials

    def _owner(self, tag: str) -> str:
        owner = user_name(tag)
        if owner != self.session.user.name and not self.session.user.is_superuser:
            raise unauthorized()
        return owner

    def _check_credential(self, tag: str) -> None:
        parts = tag_id(tag, "cloudcred").split("_", 2)
        if len(parts) != 3:
            raise ApiError(f'"{tag}" is not a valid cloudcred tag')
        self._owner(parts[1])


class CredentialManager(Facade):
    """The credential of a model: refused on Kubernetes, whose facades do not have it."""

    name: ClassVar[str] = "CredentialManager"
    versions: ClassVar[tuple[int, ...]] = (1,)
    refused_on_containers: ClassVar[bool] = True
