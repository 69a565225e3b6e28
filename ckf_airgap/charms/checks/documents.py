"""The documents of a charm, read as the controller reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ckf_airgap.charms.checks import actions, config, others
from ckf_airgap.charms.checks.manifest import manifest_problems
from ckf_airgap.charms.checks.metadata import metadata_problems
from ckf_airgap.documents import Document, JSONValue, Shape, load_shaped
from ckf_airgap.errors import CharmError

_SHAPES: Final[dict[str, Shape]] = {
    "config.yaml": config.SHAPE,
    "metrics.yaml": others.METRICS,
    "actions.yaml": actions.SHAPE,
    "lxd-profile.yaml": others.LXD_PROFILE,
}


def load_typed(text: str, name: str, where: str) -> JSONValue:
    """Return ``config.yaml`` or another document whose fields have declared types.

    Only the first document of the text is read, and of two equal keys the last one counts.

    Raises:
        CharmError: with every field of a wrong type, or when it is not YAML.
    """
    shaped = load_shaped(
        text,
        _SHAPES[name],
        where=f"{where}: {name}",
        error=CharmError,
        allow_duplicate_keys=True,
        only_first=True,
    )
    return shaped.documents[0] if shaped.documents else None


def document_problems(
    metadata: Document,
    manifest: Document | None,
    settings: JSONValue,
    read: Callable[[str], str | None],
    where: str,
) -> list[str]:
    """Return everything that the controller refuses in the documents of a charm, in its words.

    Args:
        metadata: ``metadata.yaml``.
        manifest: ``manifest.yaml``, if there is one with something in it.
        settings: ``config.yaml`` as `load_typed` gives it; ``{"options": None}`` when there is
            none.
        read: Returns the text of a member, or ``None`` when it is not there.
        where: The file, for messages.

    Raises:
        CharmError: when one of the other documents is not YAML, or has fields of a wrong type.
    """
    found = metadata_problems(metadata)
    found += manifest_problems(manifest) if manifest is not None else []
    found += config.config_problems(settings)
    return found + list(_others(str(metadata.get("name")), read, where))


def _others(charm: str, read: Callable[[str], str | None], where: str) -> Iterator[str]:
    for name in ("metrics.yaml", "actions.yaml", "lxd-profile.yaml"):
        text = read(name)
        if text is None:
            continue
        document = load_typed(text, name, where)
        if not isinstance(document, dict):
            continue
        if name == "metrics.yaml":
            yield from others.metrics_problems(document)
        elif name == "actions.yaml":
            yield from actions.actions_problems(charm, document)
    revision, version = read("revision"), read("version")
    if revision is not None:
        yield from others.revision_problems(revision)
    if version is not None:
        yield from others.version_problems(version)
