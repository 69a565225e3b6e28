"""Find where an image comes from that cannot be pulled: the resource or option that has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document, mappings
from ckf_airgap.errors import AirgapError
from ckf_airgap.juju.controller.api import Api
from ckf_airgap.juju.watching.obstacles import Obstacle
from ckf_airgap.juju.watching.resources import read_resources

ASK_S: Final = 5.0
"""How long the controller may take to say it: the wait has ended, and a person waits."""


async def find_places(
    api: Api, obstacles: Iterable[Obstacle], known: Mapping[str, str], *, ask_s: float = ASK_S
) -> dict[Obstacle, str]:
    """Return where the images come from that cannot be pulled, as far as that can be told.

    Args:
        api: A connection to the model.
        obstacles: What is in the way; those that are about something else are left out.
        known: Where images come from, by their reference; others are looked for in the options
            and the resources of the application in the model.
        ask_s: How long to ask the model for each of them.
    """
    found: dict[Obstacle, str] = {}
    for one in obstacles:
        if not one.is_pull:
            continue
        place = known.get(one.image, "")
        if not place:
            try:
                async with timeout(ask_s):
                    place = await _ask(api, one)
            except (AirgapError, TimeoutError):
                continue  # the message is of use without it
        if place:
            found[one] = place
    return found


async def _ask(api: Api, obstacle: Obstacle) -> str:
    name = obstacle.application
    reply = await api.call("Application", "Get", {"application": name, "branch": ""})
    options = options_with(reply, obstacle.image)
    if options:
        return _named("option", options)
    resources = (await read_resources(api, [name])).images.get(name, ())
    return _named("resource", resources)


def options_with(reply: Document, image: str) -> list[str]:
    """Return the options whose value has an image, from the reply of ``Application.Get``. Pure."""
    if not image:
        return []
    return [
        option
        for option, fields in mappings(reply.get("config"))
        if image in str(fields.get("value", ""))
    ]


def _named(kind: str, names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return ""
    if len(listed) == 1:
        return f"{kind} {listed[0]}"
    return f"one of the {kind}s {', '.join(listed)}"
