"""Users: added, described, disabled, removed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.model.users import User, timestamp
from ckf_airgap.rehearsal.wire import (
    bool_field,
    mappings_field,
    results_of,
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
        """Return users, all of them when none is named."""
        users = self.session.controller.users
        disabled_too = bool_field(params, "include-disabled")
        tags = tags_field(params) or [
            user.tag for user in users if disabled_too or not user.disabled
        ]
        if not tags_field(params) and not self.session.user.is_superuser:
            tags = [self.session.user.tag]

        async def info(tag: str) -> Document:
            user = users.find(tag)
            if user is not self.session.user:
                self._check_superuser()
            return {"result": _describe(user)}

        return await results_of(tags, info)

    @rpc_method
    async def add_user(self, params: Document) -> Document:
        """Add users who may log in."""
        self._check_superuser()

        async def add(item: Document) -> Document:
            user = self.session.controller.users.add(
                text_field(item, "username"),
                password=text_field(item, "password"),
                display_name=text_field(item, "display-name"),
                created_by=self.session.user.name,
            )
            return {"tag": user.tag}

        return await results_of(mappings_field(params, "users"), add)

    @rpc_method
    async def remove_user(self, params: Document) -> Document:
        """Remove users."""
        self._check_superuser()

        async def remove(tag: str) -> Document:
            self.session.controller.users.remove(tag)
            return {}

        return await results_of(tags_field(params), remove)

    @rpc_method
    async def set_password(self, params: Document) -> Document:
        """Set passwords: one's own, or anybody's for a superuser."""

        async def change(item: Document) -> Document:
            user = self.session.controller.users.find(text_field(item, "tag"))
            if user is not self.session.user:
                self._check_superuser()
            user.password = text_field(item, "password")
            return {}

        return await results_of(mappings_field(params, "changes"), change)

    @rpc_method
    async def disable_user(self, params: Document) -> Document:
        """Lock users out."""
        return await self._for_each(params, lambda user: setattr(user, "disabled", True))

    @rpc_method
    async def enable_user(self, params: Document) -> Document:
        """Let users in again."""
        return await self._for_each(params, lambda user: setattr(user, "disabled", False))

    @rpc_method
    async def reset_password(self, params: Document) -> Document:
        """Make users' passwords useless until a new one is set."""
        return await self._for_each(
            params, lambda user: setattr(user, "password", secrets.token_urlsafe())
        )

    async def _for_each(self, params: Document, change: Callable[[User], None]) -> Document:
        self._check_superuser()

        async def apply(tag: str) -> Document:
            change(self.session.controller.users.find(tag))
            return {}

        return await results_of(tags_field(params), apply)

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()


def _describe(user: User) -> Document:
    info: Document = {
        "username": user.name,
        "display-name": user.display_name,
        "access": user.access,
        "created-by": user.created_by,
        "date-created": timestamp(user.created_at),
        "disabled": user.disabled,
    }
    if user.last_connection is not None:
        info["last-connection"] = timestamp(user.last_connection)
    return info
