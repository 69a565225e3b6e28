"""Users: add, describe, disable and remove them, as ``facades/client/usermanager`` does."""

from __future__ import annotations

import base64
from typing import ClassVar

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modelaccess import model_user_info
from ckf_airgap.rehearsal.model.permission import NO_ACCESS, READ
from ckf_airgap.rehearsal.model.usernames import is_local, parse_user_tag
from ckf_airgap.rehearsal.model.users import User, timestamp
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    bool_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)


class UserManager(Facade):
    """The users of a controller."""

    name: ClassVar[str] = "UserManager"
    versions: ClassVar[tuple[int, ...]] = (3,)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def user_info(self, params: Document) -> Document:
        """Return the named users, or all that the caller may see when none is named."""
        users, caller = self.session.controller.users, self.session.user
        tags = tags_field(params)
        if not tags:
            disabled_too = bool_field(params, "include-disabled")
            return {
                "results": [
                    {"result": _describe(user)}
                    for user in users
                    if (disabled_too or not user.disabled)
                    and (caller.is_superuser or user is caller)
                ]
            }

        async def info(tag: str) -> Document:
            user_id = parse_user_tag(tag)
            if not caller.is_superuser and user_id != caller.name:
                raise unauthorized()
            if not is_local(user_id):
                return {"result": self._describe_external(user_id)}
            return {"result": _describe(users.find(tag))}

        return await results_of(tags, info)

    @rpc_method
    async def add_user(self, params: Document) -> Document:
        """Add users; those without a password get a secret key to register with."""
        items = mappings_field(params, "users")
        if not items:
            return {"results": []}
        self._check_superuser()

        async def add(item: Document) -> Document:
            try:
                user = self.session.controller.users.add(
                    text_field(item, "username"),
                    password=text_field(item, "password"),
                    display_name=text_field(item, "display-name"),
                    created_by=self.session.user.name,
                )
            except ApiError as error:
                raise error.annotated("failed to create user") from error
            added: Document = {"tag": user.tag}
            if user.secret_key:
                added["secret-key"] = _base64(user.secret_key)
            return added

        return await results_of(items, add)

    @rpc_method
    async def remove_user(self, params: Document) -> Document:
        """Remove users permanently."""
        self._check_superuser()

        async def remove(tag: str) -> Document:
            self.session.controller.remove_user(parse_user_tag(tag))
            return {}

        return await results_of(tags_field(params), remove)

    @rpc_method
    async def set_password(self, params: Document) -> Document:
        """Set passwords; only superusers may set those of other users."""

        async def change(item: Document) -> Document:
            user = self.session.controller.users.find(text_field(item, "tag"))
            if user is not self.session.user:
                self._check_superuser()
            password = text_field(item, "password")
            if not password:
                raise ApiError("cannot use an empty password")
            user.set_password(password)
            return {}

        return await results_of(mappings_field(params, "changes"), change)

    @rpc_method
    async def reset_password(self, params: Document) -> Document:
        """Clear the passwords of other users and return secret keys to register with."""
        caller = self.session.user
        results: list[JSONValue] = []
        for tag in tags_field(params):
            result: Document = {"tag": tag}
            try:
                user = self.session.controller.users.find(tag)
                if not caller.is_superuser or user is caller:
                    raise unauthorized()
                result["secret-key"] = _base64(user.reset_password())
            except ApiError as error:
                result["error"] = error.as_document()
            results.append(result)
        return {"results": results}

    @rpc_method
    async def disable_user(self, params: Document) -> Document:
        """Disable users, who cannot log in then."""
        self._check_superuser()
        users = self.session.controller.users

        async def disable(tag: str) -> Document:
            users.disable(users.find(tag))
            return {}

        return await results_of(tags_field(params), disable)

    @rpc_method
    async def enable_user(self, params: Document) -> Document:
        """Enable disabled users."""
        self._check_superuser()
        users = self.session.controller.users

        async def enable(tag: str) -> Document:
            users.find(tag).disabled = False
            return {}

        return await results_of(tags_field(params), enable)

    @rpc_method
    async def model_user_info(self, params: Document) -> Document:
        """Return the users of models, for everybody with read access to them."""
        controller = self.session.controller
        results: list[JSONValue] = []
        for tag in tags_field(params):
            uuid = tag_id(tag, "model")
            if controller.model(uuid) is None:
                raise ApiError(f'model "{uuid}" not found', NOT_FOUND)
            if not controller.has_permission(self.session.user, READ, model_uuid=uuid):
                raise unauthorized()
            results += [
                {"result": {**model_user_info(user), "model-tag": tag}}
                for user in controller.users.of_models.of(uuid)
            ]
        return {"results": results}

    def _describe_external(self, user_id: str) -> Document:
        try:
            access = self.session.controller.users.controller_access(user_id)
        except ApiError:
            access = NO_ACCESS
        return {
            "username": user_id,
            "display-name": "",
            "access": access,
            "created-by": "",
            "date-created": "0001-01-01T00:00:00Z",
            "disabled": False,
        }

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()


def _describe(user: User) -> Document:
    info: Document = {
        "username": user.name,
        "display-name": user.display_name,
        "access": NO_ACCESS if user.disabled else user.access,
        "created-by": user.created_by,
        "date-created": timestamp(user.created_at),
        "disabled": user.disabled,
    }
    if user.last_connection is not None:
        info["last-connection"] = timestamp(user.last_connection)
    return info


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")
