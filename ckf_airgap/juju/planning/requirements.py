"""What a controller would refuse of an application, found before the first step. Pure.

The rules are those of ``state`` and ``apiserver/facades/client/application`` of Juju 3.6 for a
model on Kubernetes, which would refuse the application after its charm and resources are uploaded,
or an offer after everything else stands. Messages are Juju's where it has one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from ckf_airgap.bundle.bundle import Application
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem, nearest
from ckf_airgap.juju.planning.assumes import unmet_assumptions

ALPHA: Final = "alpha"
"""The only space of a model on Kubernetes."""

HOSTNAME: Final = "juju-external-hostname"
"""The option without which the controller exposes no application of such a model."""

BUILT_IN_POOLS: Final = frozenset({"kubernetes", "rootfs", "tmpfs"})
"""The providers that are pools of their own name."""

_IMPLICIT: Final = "juju-info"
_RANGE: Final = re.compile(r"([0-9]+)(?:([+-])([0-9]*))?\Z")
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([MGTPEZY])?(?:i?B)?\Z")
_MEBIBYTES: Final = {letter: 1024**power for power, letter in enumerate("MGTPEZY")}


def layout_problems(application: Application, charm: Charm) -> Iterator[Problem]:
    """Yield why only we can read a charm: Juju never looks at its ``charmcraft.yaml``."""
    place = charm.path.name if charm.path is not None else ""
    packed = "pack it with 'charmcraft pack', which writes metadata.yaml and config.yaml"
    if charm.documents is not None and "metadata.yaml" not in charm.documents:
        yield Problem(
            f"charm {charm.name} has everything in charmcraft.yaml, but the controller refuses a "
            "charm without metadata.yaml",
            place,
            packed,
        )
    elif charm.documents is not None and "config.yaml" not in charm.documents:
        unseen = [name for name in application.options if name in charm.options]
        if unseen:
            yield Problem(
                f"charm {charm.name} has its options only in charmcraft.yaml, and without "
                f"config.yaml the controller does not know them: {', '.join(unseen)}",
                place,
                packed,
            )
    if not charm.has_code:
        yield Problem(
            f"charm {charm.name} has neither dispatch nor a file in hooks/, so none of its units "
            "would ever run",
            place,
            "fetch the file again, or pack the charm again",
        )


def assumption_problems(charm: Charm, features: Mapping[str, str] | None) -> Iterator[Problem]:
    """Yield why a charm cannot be deployed in a model with some features, if they are known."""
    text = unmet_assumptions(charm.metadata.get("assumes"), features or {})
    malformed = text.startswith(("malformed", "parsing"))
    if text and (features is not None or malformed):
        yield Problem(
            f"charm {charm.name} cannot be deployed: {text}",
            "assumes",
            "pack the charm again"
            if malformed
            else "take another revision of the charm, or upgrade the controller or the cluster",
        )


def storage_problems(
    charm: Charm, storage: Mapping[str, Document], pools: Collection[str] | None
) -> Iterator[Problem]:
    """Yield what is wrong with what an application asks for of the storages of its charm.

    Args:
        charm: The charm.
        storage: What is asked for, as `parse_storage` returns it.
        pools: The pools of the model's controller; ``None`` when they are not known.
    """
    for name, declared in _section(charm, "storage").items():
        asked = storage.get(name)
        where = f'charm "{charm.name}" store "{name}"'
        if declared.get("shared") is True:
            yield Problem(
                f'no constraints specified for shared charm storage "{name}"'
                if asked is None
                else f"{where}: shared storage support not implemented",
                "storage",
                "no Juju deploys a charm with shared storage",
            )
            continue
        if asked is None:
            continue
        least, most = storage_counts(declared)
        count = asked.get("Count")
        count = count if isinstance(count, int) else least
        if least == most == 1 and count != 1:
            yield Problem(f"{where}: storage is singular, {count} specified", "storage")
        elif count < least:
            yield Problem(f"{where}: {least} instances required, {count} specified", "storage")
        elif most is not None and count > most:
            yield Problem(
                f"{where}: at most {most} instances supported, {count} specified", "storage"
            )
        size, minimum = asked.get("Size"), mebibytes(declared.get("minimum-size"))
        if isinstance(size, int) and 0 < size < minimum:
            yield Problem(
                f"{where}: minimum storage size is {minimum}M, {size}M specified", "storage"
            )
        pool = asked.get("Pool")
        if isinstance(pool, str) and pool and pools is not None:
            known = {*pools, *BUILT_IN_POOLS}
            if pool not in known:
                yield Problem(
                    f'pool "{pool}" not found',
                    f"storage {name}",
                    f"{nearest(pool, known)} Make it (juju create-storage-pool {pool} kubernetes "
                    f"storage-class=CLASS), or name one of {', '.join(sorted(known))}".strip(),
                )


def device_problems(
    charm: Charm, devices: Mapping[str, Document], wanted: Collection[str]
) -> Iterator[Problem]:
    """Yield what is wrong with what an application asks for of the devices of its charm.

    Args:
        charm: The charm.
        devices: What is asked for of the devices that the charm has, as `parse_device` returns it.
        wanted: The name of everything that is asked for.
    """
    declarations = _section(charm, "devices")
    misnamed = any(name not in declarations for name in wanted)  # reported already
    for name, declared in declarations.items():
        least = declared.get("countmin")
        least = least if isinstance(least, int) else 1
        asked = devices.get(name)
        if asked is None:
            if least > 0 and not misnamed:
                yield Problem(
                    f'no constraints specified for device "{name}"',
                    "devices",
                    f"write devices: {{{name}: '{least},TYPE'}}",
                )
            continue
        count = asked.get("Count")
        if isinstance(count, int) and count < least:
            yield Problem(
                f'charm "{charm.name}" device "{name}": minimum device size is {least}, '
                f"{count} specified",
                "devices",
            )


def binding_problems(application: Application, charm: Charm) -> Iterator[Problem]:
    """Yield what is wrong with the bindings of an application."""
    known = _bindable(charm)
    for endpoint, space in application.bindings.items():
        if endpoint and endpoint not in known:
            yield Problem(f'binding of unknown endpoint "{endpoint}"', fix=nearest(endpoint, known))
        if space not in ("", ALPHA):
            yield _unknown_space(space, "bindings")


def exposure_problems(
    application: Application, charm: Charm, options: Mapping[str, object]
) -> Iterator[Problem]:
    """Yield what keeps an application from being exposed as the bundle says.

    Args:
        application: The application, which is to be exposed.
        charm: Its charm.
        options: The values in force of its options, in the bundle and in the model.
    """
    if not options.get(HOSTNAME):
        yield Problem(
            f'cannot expose a container application without a "{HOSTNAME}" value set',
            "exposed-endpoints" if application.exposed_endpoints else "expose",
            f"set it in the bundle: options: {{{HOSTNAME}: HOST}}",
        )
    known = _bindable(charm)
    for endpoint, details in application.exposed_endpoints.items():
        if endpoint and endpoint not in known:
            yield Problem(
                f'endpoint "{endpoint}" not found', "exposed-endpoints", nearest(endpoint, known)
            )
        for space in details.spaces:
            if space != ALPHA:
                yield _unknown_space(space, f"exposed-endpoints, {endpoint or 'all endpoints'}")


def _unknown_space(space: str, where: str) -> Problem:
    return Problem(
        f'space "{space}" not found', where, f"a model on Kubernetes has one space: {ALPHA}"
    )


def _bindable(charm: Charm) -> set[str]:
    extra = charm.metadata.get("extra-bindings")
    return {*charm.endpoints, *(extra if isinstance(extra, dict) else ()), _IMPLICIT}


def _section(charm: Charm, key: str) -> dict[str, Document]:
    section = charm.metadata.get(key)
    return {
        name: fields if isinstance(fields, dict) else {}
        for name, fields in (section.items() if isinstance(section, dict) else ())
    }


def storage_counts(declared: Document) -> tuple[int, int | None]:
    """Return how many of a storage there are at least and at most; ``None`` is any number.

    Args:
        declared: What the metadata of a charm says of the storage.
    """
    multiple = declared.get("multiple")
    match = _RANGE.match(str(multiple.get("range"))) if isinstance(multiple, dict) else None
    if match is None:
        return 1, 1
    least = int(match[1])
    if not match[2]:
        return least, least
    return least, int(match[3]) if match[3] else None


def mebibytes(size: JSONValue) -> int:
    """Return a size of the metadata of a charm in MiB; 0 when there is none that can be read."""
    match = _SIZE.match(str(size or ""))
    if match is None:
        return 0
    return math.ceil(float(match[1]) * float(_MEBIBYTES[match[2] or "M"]))
