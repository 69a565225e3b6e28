"""Projects of Harbor, which must be there before a repository can be pushed into them."""

from __future__ import annotations

import json

from ckf_airgap.errors import AbsentError, LoginError, TransferError
from ckf_airgap.transfer.registry.remote import RemoteRegistry
from ckf_airgap.transfer.registry.session import Request


async def create_project(registry: RemoteRegistry, name: str) -> None:
    """Create a project in a Harbor, unless it is there (Harbor's API 2.0, ``/projects``).

    It is private, so that who may pull from it is decided there.

    Args:
        registry: The registry.
        name: The project: the first part of a repository's name.

    Raises:
        LoginError: without a login, or when it may not create projects.
        TransferError: when the registry is not Harbor, or refuses.
    """
    what = f"the project {name!r}"
    request = Request(
        method="POST",
        url="/api/v2.0/projects",
        what=what,
        repository=name,
        accept=frozenset({200, 201, 404, 405, 409}),
        headers={"Content-Type": "application/json"},
        body=json.dumps({"project_name": name, "metadata": {"public": "false"}}).encode(),
        writing=True,
    )
    try:
        answer = await registry.session.ask_as_user(request)
    except LoginError as exc:
        raise LoginError(
            f"{what} cannot be created: {exc.message}",
            fix=f"{exc.fix} If the project is there, leave out --create-project.".lstrip(),
        ) from exc
    if answer.status in (404, 405):
        raise TransferError(
            f"{registry.host} is not Harbor: it has no API to create {what}",
            fix="Create it there by other means, and leave out --create-project.",
        ) from AbsentError(f"status {answer.status}")
