"""Users of the rehearsal controller: who may log in, and what they may do."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, BAD_REQUEST, NOT_FOUND, ApiError, unauthorized

ANY_LOCAL: Final = "@local"
BAD_CREDENTIALS: Final = "invalid entity name or password"
"""What Juju answers to a wrong user, a wrong password and an unknown model alike."""

CONTROLLER_ACCESS: Final = ("", "login", "add-model", "superuser")
"""Access to the controller, in growing order."""

MODEL_ACCESS: Final = ("", "read", "write", "admin")
"""Access to a model, in growing order."""

_USER_NAME: Final = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9.+-]*[a-zA-Z0-9]$|^[a-zA-Z0-9]$")

_READING: Final = re.compile(
    r"^(Get|List|Watch|Find|Show|Full|Status|Check|Next|Stop|Ping|Sequences|SLALevel)"
    r"|^(?!Set|Unset|Add|Update|Reset|Remove).*(Info|Details|Config|History)$"
    r"|^(ModelGet|ExportBundle|Actions|Operations|ResolveCharms|IsMetered|CharmRelations|Leader)$"
)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(timezone.utc)


def timestamp(moment: datetime) -> str:
    """Return a time as Juju writes it: RFC 3339 with a fraction and ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"


def only_reads(method: str) -> bool:
    """Whether an RPC method reads only, judged by its name as Juju chooses names."""
    return _READING.search(method) is not None


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the controller."""

    name: str
    display_name: str = ""
    password: str = field(repr=False)
    access: str = "login"
    created_by: str = "admin"
    created_at: datetime = field(default_factory=now)
    last_connection: datetime | None = None
    disabled: bool = False

    @property
    def tag(self) -> str:
        """The user's tag, ``user-admin``."""
        return f"user-{self.name}"

    @property
    def is_superuser(self) -> bool:
        """Whether the user may do everything on the controller."""
        return self.access == "superuser"


class Users:
    """All users of one controller, and their access to models."""

    def __init__(self, admin: User) -> None:
        self._users = {admin.name: admin}
        self._model_access: dict[tuple[str, str], str] = {}

    def __iter__(self) -> Iterator[User]:
        return iter(list(self._users.values()))

    def find(self, tag: str) -> User:
        """Return the user that a tag names.

        Raises:
            ApiError: ``permission denied``, which is how Juju hides who exists.
        """
        user = self._users.get(user_name(tag))
        if user is None:
            raise unauthorized()
        return user

    def authenticate(self, tag: str, password: str) -> User:
        """Return the user whose password this is.

        Raises:
            ApiError: ``invalid entity name or password``, whatever is wrong.
        """
        user = self._users.get(user_name(tag)) if tag.startswith("user-") else None
        expected = user.password if user else secrets.token_urlsafe()
        matches = hmac.compare_digest(expected.encode(), password.encode())
        if user is None or not matches or user.disabled:
            raise unauthorized(BAD_CREDENTIALS)
        user.last_connection = now()
        return user

    def add(
        self, name: str, *, password: str, display_name: str = "", created_by: str = "admin"
    ) -> User:
        """Add a user who may log in; an empty password is replaced by a generated one.

        Raises:
            ApiError: when the name is not a valid user name, or taken.
        """
        if not _USER_NAME.match(name):
            raise ApiError(f'creating user: invalid user name "{name}"', BAD_REQUEST)
        if name in self._users:
            raise ApiError("failed to create user: username unavailable", ALREADY_EXISTS)
        user = User(
            name=name,
            display_name=display_name,
            password=password or secrets.token_urlsafe(18),
            created_by=created_by,
        )
        self._users[name] = user
        return user

    def remove(self, tag: str) -> None:
        """Remove a user.

        Raises:
            ApiError: when the user does not exist, or owns the controller.
        """
        name = user_name(tag)
        if name not in self._users:
            raise ApiError(f'failed to delete user "{name}": user "{name}" not found', NOT_FOUND)
        if name == next(iter(self._users)):
            raise ApiError(f'cannot delete controller owner "{name}"', BAD_REQUEST)
        del self._users[name]

    def model_access(self, user: User, *, model_uuid: str, owner: str) -> str:
        """Return a user's access to a model, one of `MODEL_ACCESS`."""
        if user.is_superuser or user.name == owner:
            return "admin"
        return self._model_access.get((model_uuid, user.name), "")

    def set_model_access(self, user: User, *, model_uuid: str, access: str) -> None:
        """Set what a user may do on a model; an empty access takes all away."""
        self._model_access[model_uuid, user.name] = access


def user_name(tag: str) -> str:
    """Return the name of a user tag; ``@local`` is dropped, as Juju does."""
    return tag.removeprefix("user-").removesuffix(ANY_LOCAL)
