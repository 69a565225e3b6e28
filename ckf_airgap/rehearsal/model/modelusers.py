"""Who may use which model, and when they last connected to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ckf_airgap.rehearsal.model.permission import (
    ADMIN,
    MODEL_ACCESS,
    NO_ACCESS,
    READ,
    WRITE,
    at_least,
)
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError

_LEFT_AFTER: Final = {WRITE: READ, ADMIN: WRITE}
"""The access left after revoking each level, whatever was held before."""


@dataclass(slots=True, kw_only=True)
class ModelUser:
    """A user's access to one model.

    Attributes:
        name: The user's id: a name, with ``@domain`` unless it is local.
        display_name: The user's name for people, when access was first granted.
        access: One of `MODEL_ACCESS` but the empty one.
        last_connection: When the user last logged in to the model.
    """

    name: str
    display_name: str
    access: str
    last_connection: datetime | None = None


class ModelUsers:
    """The users of all of a controller's models, in the order they were added."""

    def __init__(self) -> None:
        self._of_model: dict[str, dict[str, ModelUser]] = {}

    def of(self, model_uuid: str) -> list[ModelUser]:
        """Return the users of a model."""
        return list(self._of_model.get(model_uuid, {}).values())

    def find(self, model_uuid: str, name: str) -> ModelUser | None:
        """Return a user's entry for a model, or ``None``."""
        return self._of_model.get(model_uuid, {}).get(name.lower())

    def access(self, model_uuid: str, name: str) -> str:
        """Return a user's access to a model; empty when there is none."""
        held = self.find(model_uuid, name)
        return held.access if held else NO_ACCESS

    def add(self, model_uuid: str, name: str, *, display_name: str, access: str) -> None:
        """Give a user access to a model."""
        users = self._of_model.setdefault(model_uuid, {})
        users[name.lower()] = ModelUser(name=name, display_name=display_name, access=access)

    def grant(self, model_uuid: str, name: str, *, display_name: str, access: str) -> None:
        """Give a user access to a model, or more of it.

        Raises:
            ApiError: when the user has it already.
        """
        held = self.find(model_uuid, name)
        if held is None:
            self.add(model_uuid, name, display_name=display_name, access=access)
            return
        if at_least(MODEL_ACCESS, held.access, access):
            raise ApiError(f'user already has "{access}" access or greater')
        held.access = access

    def revoke(self, model_uuid: str, name: str, *, access: str) -> None:
        """Revoke access: revoking ``read`` removes it all, any other level leaves the next lower.

        Raises:
            ApiError: when the user has no access to the model.
        """
        held = self.find(model_uuid, name)
        if access == READ:
            if held is None:
                raise ApiError(
                    f'could not revoke model access: model user "{name}" does not exist', NOT_FOUND
                )
            del self._of_model[model_uuid][name.lower()]
            return
        if held is None:
            raise ApiError(
                f'could not look up model access for user: model user "{name.lower()}" not found',
                NOT_FOUND,
            )
        held.access = _LEFT_AFTER[access]

    def forget_user(self, name: str) -> None:
        """Forget a user in every model."""
        for users in self._of_model.values():
            users.pop(name.lower(), None)

    def forget_model(self, model_uuid: str) -> None:
        """Forget everybody's access to a model that is gone."""
        self._of_model.pop(model_uuid, None)
