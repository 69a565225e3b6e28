"""The names of users, and their tags. Pure."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.rehearsal.wire import ApiError

_LOCAL: Final = "@local"
_NAME: Final = r"[a-zA-Z0-9][a-zA-Z0-9.+-]*[a-zA-Z0-9]"
_USER_NAME: Final = re.compile(rf"{_NAME}")
_USER_ID: Final = re.compile(rf"{_NAME}(?:@{_NAME})?")


def user_name(tag: str) -> str:
    """Return the name in a user tag or name, without checking it; ``@local`` is dropped."""
    return tag.removeprefix("user-").removesuffix(_LOCAL)


def parse_user_tag(tag: str) -> str:
    """Return the id of a user tag: ``bob``, or ``bob@domain``; the domain ``local`` is dropped.

    Raises:
        ApiError: ``"x" is not a valid user tag``, and the like.
    """
    kind, dash, user_id = tag.partition("-")
    if not dash or not user_id:
        raise ApiError(f'"{tag}" is not a valid tag')
    if kind != "user" or not _USER_ID.fullmatch(user_id):
        raise ApiError(f'"{tag}" is not a valid user tag')
    return user_id.removesuffix(_LOCAL)


def is_user_id(text: str) -> bool:
    """Whether a text is a valid user id, with or without a domain."""
    return _USER_ID.fullmatch(text) is not None


def is_local(user_id: str) -> bool:
    """Whether a user id is local, without a domain; others come from identity providers."""
    return "@" not in user_id.removesuffix(_LOCAL)


def is_user_name(text: str) -> bool:
    """Whether a text is a valid name of a local user."""
    return _USER_NAME.fullmatch(text) is not None
