"""The clouds that a controller knows, and who may use them."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.cloudcredentials import CloudCredentials
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.clouds import CloudDefinition
from ckf_airgap.rehearsal.model.permission import CLOUD_ACCESS, check_access
from ckf_airgap.rehearsal.model.usernames import user_name
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    bool_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)


class Cloud(CloudCredentials):
    """Clouds and credentials."""

    name: ClassVar[str] = "Cloud"
    versions: ClassVar[tuple[int, ...]] = (7,)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def clouds(self, _params: Document) -> Document:
        """Return all clouds that the user may add models to."""
        return {
            "clouds": {
                f"cloud-{cloud.name}": self._clouds.document(cloud)
                for cloud in self._clouds
                if self._may_see(cloud.name)
            }
        }

    @rpc_method
    async def cloud(self, params: Document) -> Document:
        """Return the clouds of ``entities``."""

        async def describe(tag: str) -> Document:
            name = tag_id(tag, "cloud")
            if not self._may_see(name):
                raise ApiError(f"cloud {go_value(name)} not found", NOT_FOUND)
            return {"cloud": self._clouds.document(self._clouds.get(name))}

        return await results_of(tags_field(params), describe)

    @rpc_method
    async def cloud_info(self, params: Document) -> Document:
        """Return the clouds of ``entities``, with their users."""

        async def describe(tag: str) -> Document:
            return {"result": self._info(tag_id(tag, "cloud"))}

        return await results_of(tags_field(params), describe)

    @rpc_method
    async def list_cloud_info(self, params: Document) -> Document:
        """Return the clouds that a user may use, with the user's access to each."""
        user = user_name(text_field(params, "user-tag"))
        every = bool_field(params, "all") and self.session.user.is_superuser
        results: list[JSONValue] = [
            {"result": {**cloud.details(), "user-access": self._clouds.access(cloud.name, user)}}
            for cloud in self._clouds
            if every or self._clouds.access(cloud.name, user)
        ]
        return {"results": results}

    @rpc_method
    async def add_cloud(self, params: Document) -> Document:
        """Add a cloud other than the controller's."""
        self._check_superuser()
        name = text_field(params, "name")
        cloud = CloudDefinition.from_document(name, mapping_field(params, "cloud"))
        self._clouds.add(cloud, owner=self.session.user.name, force=bool_field(params, "force"))
        self._update_defaults(cloud)
        return {}

    @rpc_method
    async def update_cloud(self, params: Document) -> Document:
        """Replace the definitions of clouds."""
        self._check_superuser()

        async def update(item: Document) -> Document:
            name = text_field(item, "name")
            cloud = CloudDefinition.from_document(name, mapping_field(item, "cloud"))
            self._clouds.update(cloud)
            self._update_defaults(cloud)
            return {}

        return await results_of(mappings_field(params, "clouds"), update)

    @rpc_method
    async def remove_clouds(self, params: Document) -> Document:
        """Remove clouds that no model uses, together with their credentials."""
        controller = self.session.controller

        async def remove(tag: str) -> Document:
            name = tag_id(tag, "cloud")
            user = self.session.user
            if not user.is_superuser and not self._clouds.may(name, user.name, "admin"):
                raise unauthorized()
            self._clouds.remove(name, models=len(controller.models_in(name)))
            controller.defaults.forget(name)
            for held in [held for held in self._credentials if _is_for(held, name)]:
                del self._credentials[held]
            return {}

        return await results_of(tags_field(params), remove)

    @rpc_method
    async def modify_cloud_access(self, params: Document) -> Document:
        """Grant or revoke users' access to clouds."""

        async def modify(change: Document) -> Document:
            self._modify_access(change)
            return {}

        return await results_of(mappings_field(params, "changes"), modify)

    def _may_see(self, cloud: str) -> bool:
        user = self.session.user
        return user.is_superuser or self._clouds.may(cloud, user.name, "add-model")

    def _info(self, name: str) -> Document:
        user, clouds = self.session.user, self._clouds
        sees_all = user.is_superuser or clouds.access(name, user.name) == "admin"
        details = clouds.get(name).details()
        users: list[JSONValue] = [
            {
                "user": known.name,
                "display-name": known.display_name or known.name,
                "access": clouds.access(name, known.name),
            }
            for known in self.session.controller.users
            if clouds.access(name, known.name) and (sees_all or known is user)
        ]
        if not users:
            raise unauthorized()
        return {**details, "users": users}

    def _modify_access(self, change: Document) -> None:
        """Change one user's access; the checks are in Juju's order."""
        name = tag_id(text_field(change, "cloud-tag"), "cloud")
        self._clouds.get(name)
        tag = text_field(change, "user-tag")
        if tag == self.session.user.tag:
            raise ApiError("cannot change your own cloud access")
        self._check_superuser()
        access, action = text_field(change, "access"), text_field(change, "action")
        check_access(CLOUD_ACCESS, access)
        user = user_name(tag_id(tag, "user"))
        users = [known.name for known in self.session.controller.users]
        if action == "grant":
            if user not in users:
                raise ApiError(
                    f"could not grant cloud access: user {go_value(user)} does not exist locally: "
                    f"user {go_value(user)} not found",
                    NOT_FOUND,
                )
            self._clouds.grant(name, user, access)
        elif action == "revoke":
            self._clouds.revoke(name, user, access)
        else:
            raise ApiError(f"unknown action {go_value(action)}")

    def _update_defaults(self, cloud: CloudDefinition) -> None:
        """Store the model defaults that a cloud definition contains."""
        defaults = self.session.controller.defaults
        if cloud.config:
            defaults.update(cloud.name, "", cloud.config)
        for region, values in cloud.region_config.items():
            defaults.update(cloud.name, region, values)

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()


def _is_for(credential: str, cloud: str) -> bool:
    return credential.startswith(f"cloudcred-{cloud}_")
