"""``manifest.yaml``: the bases that a charm was built for (``ReadManifest``)."""

from __future__ import annotations

from typing import Final

from ckf_airgap.charms.architectures import BUILT_FOR, normal_architecture
from ckf_airgap.charms.charm import RISKS, SYSTEMS
from ckf_airgap.charms.checks.gotext import quoted
from ckf_airgap.charms.checks.schema import FieldMap, MismatchError, list_of, text
from ckf_airgap.documents import Document, JSONValue

_BASES: Final = list_of(
    FieldMap(
        {"name": text, "channel": text, "architectures": list_of(text)},
        left_out=frozenset({"name", "channel", "architectures"}),
    )
)


def manifest_problems(document: Document) -> list[str]:
    """Return everything that the controller refuses in a charm's manifest, in its words."""
    try:
        bases = _BASES(document.get("bases"), "")
    except MismatchError as exc:
        found = [f"coerce: {text}" for text in exc.texts]
    else:
        items = bases if isinstance(bases, list) else []
        found = [problem for item in items if (problem := _base_problem(item))]
    return [f'parsing "manifest.yaml" file: manifest: {problem}' for problem in found]


def _base_problem(base: JSONValue) -> str:
    fields = base if isinstance(base, dict) else {}
    name, channel = fields.get("name") or "", fields.get("channel")
    if isinstance(channel, str):
        problem = _channel_problem(channel)
        if problem:
            return f"parsing channel {quoted(channel)}: {problem}"
    if not name:
        return "base without name not valid"
    if name not in SYSTEMS:
        return f"os {quoted(str(name))} not valid"
    if channel is None:
        return "channel not valid"
    architectures = fields.get("architectures")
    for architecture in architectures if isinstance(architectures, list) else []:
        known = normal_architecture(str(architecture))
        if known not in BUILT_FOR:
            return f"architecture {quoted(known)} not valid"
    return ""


def _channel_problem(channel: str) -> str:
    """Return what is wrong with a channel (``ParseChannel``): a risk may be alone in it."""
    if not channel:
        return "empty channel not valid"
    parts = channel.split("/")
    if len(parts) > 3:
        return f"channel is malformed and has too many components {quoted(channel)}"
    if parts[0] in RISKS and len(parts) < 3:
        parts = ["latest", *parts]
    if len(parts) > 1 and parts[1] not in RISKS:
        return f"risk in channel {quoted(channel)} not valid"
    if not parts[0]:
        return f"track in channel {quoted(channel)} not valid"
    if len(parts) == 3 and not parts[2]:
        return f"branch in channel {quoted(channel)} not valid"
    return ""
