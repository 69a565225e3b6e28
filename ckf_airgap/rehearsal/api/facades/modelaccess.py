"""Who may use a model: how facades show and change it."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Caller
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelusers import ModelUser
from ckf_airgap.rehearsal.model.permission import ADMIN, MODEL_ACCESS, check_access
from ckf_airgap.rehearsal.model.usernames import parse_user_tag
from ckf_airgap.rehearsal.model.users import User, timestamp
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError, tag_id, text_field, unauthorized

NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which some answers use for users who never connected."""


def modify_model_access(session: Caller, change: Document) -> None:
    """Grant or revoke access to a model, as ``ModifyModelAccess`` does for a single change.

    Raises:
        ApiError: when the change is invalid, the caller does not administer the model, or
            there is nothing to change.
    """
    controller = session.controller
    access = text_field(change, "access")
    try:
        check_access(MODEL_ACCESS, access)
        uuid = tag_id(text_field(change, "model-tag"), "model")
    except ApiError as error:
        raise error.annotated("could not modify model access") from error
    if not session.user.is_superuser and not controller.has_permission(
        session.user, ADMIN, model_uuid=uuid
    ):
        raise unauthorized()
    try:
        user_id = parse_user_tag(text_field(change, "user-tag"))
    except ApiError as error:
        raise error.annotated("could not modify model access") from error
    if controller.model(uuid) is None:
        raise ApiError(f'could not lookup model: model "{uuid}" not found', NOT_FOUND)
    controller.users.change_model_access(
        user_id, model_uuid=uuid, action=text_field(change, "action"), access=access
    )


def users_of(session: Caller, model: Model) -> list[Document]:
    """Return the users of a model that a caller may see: all for administrators, else oneself."""
    caller, controller = session.user, session.controller
    all_of_them = controller.may(caller, model, ADMIN)
    return [
        model_user_info(user)
        for user in controller.users.of_models.of(model.uuid)
        if all_of_them or user.name == caller.name
    ]


def model_user_info(user: ModelUser) -> Document:
    """Return a user of a model as ``common.ModelUserInfo`` does."""
    seen = user.last_connection
    return {
        "model-tag": "",
        "user": user.name,
        "display-name": user.display_name,
        "last-connection": timestamp(seen) if seen else None,
        "access": user.access,
    }


def last_connection(session: Caller, model: Model, user: User) -> str | None:
    """Return when a user last connected to a model, ``None`` for never."""
    held = session.controller.users.of_models.find(model.uuid, user.name)
    return timestamp(held.last_connection) if held and held.last_connection else None
