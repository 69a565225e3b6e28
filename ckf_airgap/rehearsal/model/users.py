"""Users of the rehearsal controller: who may log in, and what they may do.

Names are case-insensitive, and ``bob@local`` is ``bob``. Removed users are kept, as in
``state/user.go``, so that records still refer to them and the name can be used again.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from ckf_airgap.rehearsal.model.modelusers import ModelUsers
from ckf_airgap.rehearsal.model.permission import (
    ADMIN,
    CONTROLLER_ACCESS,
    LOGIN,
    NO_ACCESS,
    READ,
    SUPERUSER,
    at_least,
    check_access,
)
from ckf_airgap.rehearsal.model.usernames import is_local, is_user_name, parse_user_tag
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, NOT_FOUND, ApiError, unauthorized

BAD_CREDENTIALS: Final = "invalid entity name or password"
"""Juju's error for both a wrong user and a wrong password."""

SECRET_KEY_BYTES: Final = 32
"""The length of the key with which a user registers."""


def now() -> datetime:
    """Return the time in UTC, to the second, which is the precision of a controller's state."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def timestamp(moment: datetime) -> str:
    """Return a time as Juju writes it: RFC 3339 with ``Z``, without a zero fraction."""
    text = moment.astimezone(timezone.utc).isoformat()
    return text.removesuffix("+00:00").rstrip("0" if "." in text else "") + "Z"


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the controller.

    Attributes:
        name: The name as given when the user was added.
        display_name: The display name.
        password: The password; nobody can log in with an empty one.
        secret_key: The key with which the user registers, until a password is set.
        access: Access to the controller, one of `CONTROLLER_ACCESS`.
        created_by: The name of the user who added this one.
        created_at: When the user was added.
        last_connection: When the user last logged in.
        disabled: Whether the user is disabled and may not log in.
        removed: Whether the user was removed.
    """

    name: str
    display_name: str = ""
    password: str = field(default="", repr=False)
    secret_key: bytes = field(default=b"", repr=False)
    access: str = LOGIN
    created_by: str = "admin"
    created_at: datetime = field(default_factory=now)
    last_connection: datetime | None = None
    disabled: bool = False
    removed: bool = False

    @property
    def tag(self) -> str:
        """The user's tag, ``user-admin``."""
        return f"user-{self.name}"

    @property
    def is_superuser(self) -> bool:
        """Whether the user may do everything on the controller."""
        return self.access == SUPERUSER

    def password_valid(self, password: str) -> bool:
        """Whether this is the password of a user who may log in."""
        matches = hmac.compare_digest(self.password.encode(), password.encode())
        return matches and bool(self.password) and not self.disabled and not self.removed

    def set_password(self, password: str) -> None:
        """Set the password, which invalidates the secret key."""
        self.password, self.secret_key = password, b""

    def reset_password(self) -> bytes:
        """Clear the password; return the new secret key.

        Raises:
            ApiError: for a disabled user.
        """
        if self.disabled:
            raise ApiError(f'cannot reset password for user "{self.name}": user deactivated')
        self.password, self.secret_key = "", secrets.token_bytes(SECRET_KEY_BYTES)
        return self.secret_key

    def check_may_have_access(self) -> None:
        """Check that the user is neither removed nor disabled.

        Raises:
            ApiError: when the user is, without a code.
        """
        if self.removed:
            raise ApiError(f'user "{self.name}" is permanently deleted')
        if self.disabled:
            raise ApiError(f'user "{self.name}" is disabled')


class Users:
    """All users of one controller, and their access to it.

    Attributes:
        of_models: Their access to models.
    """

    def __init__(self, admin: User) -> None:
        self._admin = admin
        self._users = {admin.name.lower(): admin}
        self._external_access: dict[str, str] = {}
        self.of_models = ModelUsers()

    def __iter__(self) -> Iterator[User]:
        """Iterate over the users who were not removed, by name."""
        found = [user for user in self._users.values() if not user.removed]
        return iter(sorted(found, key=lambda user: user.name))

    def get(self, user_id: str) -> User:
        """Return a local user.

        Raises:
            ApiError: ``user "x" not found``, or without a code when the user was removed.
        """
        user = self._users.get(user_id.lower()) if is_local(user_id) else None
        if user is None:
            raise ApiError(f'user "{user_id.lower()}" not found', NOT_FOUND)
        if user.removed:
            raise ApiError(f'user "{user.name}" is permanently deleted')
        return user

    def find(self, tag: str) -> User:
        """Return the user that a tag names.

        Raises:
            ApiError: ``permission denied``, which is how Juju hides who exists.
        """
        user_id = parse_user_tag(tag)
        try:
            return self.get(user_id)
        except ApiError:
            raise unauthorized() from None

    def login_entity(self, user_id: str, *, model_uuid: str) -> User:
        """Return the user who logs in to a model, or to the controller through its own model.

        Raises:
            ApiError: when the user does not exist or may not have access, as in
                ``stateauthenticator/modeluser.go``.
        """
        user = self._users.get(user_id.lower())
        if user is None:
            raise unauthorized(BAD_CREDENTIALS)
        try:
            user.check_may_have_access()
        except ApiError as error:
            raise unauthorized(error.message) from error
        if not user.access and not self.of_models.find(model_uuid, user.name):
            raise unauthorized(BAD_CREDENTIALS)
        return user

    def logged_in(self, user: User, *, model_uuid: str) -> None:
        """Record that a user has connected to a model."""
        user.last_connection = now()
        held = self.of_models.find(model_uuid, user.name)
        if held is not None:
            held.last_connection = user.last_connection

    def add(
        self, name: str, *, password: str = "", display_name: str = "", created_by: str = "admin"
    ) -> User:
        """Add a user with a password, or with a secret key when the password is empty.

        Raises:
            ApiError: when the name is invalid, or taken.
        """
        if not is_user_name(name):
            raise ApiError(f'invalid user name "{name}"')
        before = self._users.get(name.lower())
        if before is not None and not before.removed:
            raise ApiError(f"user {name} already exists", ALREADY_EXISTS)
        user = User(
            name=name,
            display_name=display_name,
            password=password,
            secret_key=b"" if password else secrets.token_bytes(SECRET_KEY_BYTES),
            created_by=created_by,
        )
        self._users[name.lower()] = user
        return user

    def remove(self, user_id: str) -> User:
        """Remove a user from the controller and from every model; return the user.

        Raises:
            ApiError: when the user does not exist, or owns the controller.
        """
        if user_id.lower() == self._admin.name.lower():
            raise ApiError(f'cannot delete controller owner "{user_id}"')
        try:
            user = self.get(user_id)
        except ApiError as error:
            raise error.annotated(f'failed to delete user "{user_id}"') from error
        user.removed, user.access = True, NO_ACCESS
        self.of_models.forget_user(user.name)
        return user

    def disable(self, user: User) -> None:
        """Disable a user, who cannot log in then.

        Raises:
            ApiError: when the user owns the controller.
        """
        if user is self._admin:
            raise ApiError("failed to disable user: cannot disable controller model owner")
        user.disabled = True

    def controller_access(self, user_id: str) -> str:
        """Return a user's access to the controller.

        Raises:
            ApiError: when the user has no access, or is disabled or removed.
        """
        if not is_local(user_id):
            access = self._external_access.get(user_id.lower(), NO_ACCESS)
        else:
            user = self.get(user_id)
            user.check_may_have_access()
            access = user.access
        if not access:
            raise ApiError(f'controller user "{user_id}" not found', NOT_FOUND)
        return access

    def change_controller_access(self, user_id: str, *, action: str, access: str) -> None:
        """Grant or revoke access to the controller, as ``ChangeControllerAccess`` does.

        Args:
            user_id: The user; users of other domains need not be known.
            action: ``grant`` or ``revoke``.
            access: ``login`` or ``superuser``.

        Raises:
            ApiError: when there is nothing to change.
        """
        check_access(CONTROLLER_ACCESS, access)
        if action == "grant":
            try:
                self._grant(user_id, access)
            except ApiError as error:
                raise error.annotated("could not grant controller access") from error
        elif action == "revoke":
            self._revoke(user_id, access)
        else:
            raise ApiError(f'unknown action "{action}"')

    def own_model(self, owner: str, *, model_uuid: str) -> None:
        """Grant the owner of a new model admin access to it."""
        user = self._users.get(owner.lower())
        display_name = user.display_name if user else ""
        self.of_models.add(model_uuid, owner, display_name=display_name, access=ADMIN)

    def model_access(self, user: User, *, model_uuid: str) -> str:
        """Return a user's access to a model, one of `MODEL_ACCESS`; superusers have full access."""
        return ADMIN if user.is_superuser else self.of_models.access(model_uuid, user.name)

    def change_model_access(
        self, user_id: str, *, model_uuid: str, action: str, access: str
    ) -> None:
        """Grant or revoke access to a model, as ``changeModelAccess`` does.

        Args:
            user_id: The user; users of other domains need not be known.
            model_uuid: The model.
            action: ``grant`` or ``revoke``.
            access: ``read``, ``write`` or ``admin``.

        Raises:
            ApiError: when there is nothing to change.
        """
        if action == "grant":
            self._grant_on_model(user_id, model_uuid, access)
        elif action == "revoke":
            if access != READ:
                self._check_lookup(user_id, "could not look up model access for user")
            self.of_models.revoke(model_uuid, user_id, access=access)
        else:
            raise ApiError(f'unknown action "{action}"')

    def _grant_on_model(self, user_id: str, model_uuid: str, access: str) -> None:
        known = self.of_models.find(model_uuid, user_id) is not None
        try:
            self.check_grantee(user_id)
        except ApiError as error:
            raise error.annotated("could not grant model access") from error
        if known:
            self._check_lookup(user_id, "could not look up model access for user")
        display_name = self.get(user_id).display_name if is_local(user_id) else ""
        name = self.get(user_id).name if is_local(user_id) else user_id
        self.of_models.grant(model_uuid, name, display_name=display_name, access=access)

    def _check_lookup(self, user_id: str, prefix: str) -> None:
        """Check that the access of a user may be looked up."""
        if is_local(user_id):
            try:
                self.get(user_id).check_may_have_access()
            except ApiError as error:
                raise error.annotated(prefix) from error

    def _grant(self, user_id: str, access: str) -> None:
        self.check_grantee(user_id)
        try:
            held = self.controller_access(user_id)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise error.annotated("could not look up controller access for user") from error
            held = NO_ACCESS
        if at_least(CONTROLLER_ACCESS, held, access):
            raise ApiError(f'user already has "{access}" access or greater')
        self._set_controller_access(user_id, access)

    def _revoke(self, user_id: str, access: str) -> None:
        if access == LOGIN:
            if not self._held_access(user_id):
                raise ApiError(
                    "could not revoke controller access: "
                    f'controller user "{user_id}" does not exist',
                    NOT_FOUND,
                )
            self._set_controller_access(user_id, NO_ACCESS)
            return
        try:
            self.controller_access(user_id)
        except ApiError as error:
            raise error.annotated("could not look up controller access for user") from error
        self._set_controller_access(user_id, LOGIN)

    def check_grantee(self, user_id: str) -> None:
        """Check that access can be granted to a user: local users must exist.

        Raises:
            ApiError: ``user "x" does not exist locally: ...``.
        """
        if is_local(user_id):
            try:
                self.get(user_id)
            except ApiError as error:
                raise error.annotated(f'user "{user_id}" does not exist locally') from error

    def _held_access(self, user_id: str) -> str:
        """Return a user's access to the controller, even if the user is disabled."""
        if not is_local(user_id):
            return self._external_access.get(user_id.lower(), NO_ACCESS)
        user = self._users.get(user_id.lower())
        return user.access if user else NO_ACCESS

    def _set_controller_access(self, user_id: str, access: str) -> None:
        if is_local(user_id):
            self.get(user_id).access = access
        else:
            self._external_access[user_id.lower()] = access
