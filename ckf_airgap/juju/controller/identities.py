"""Read the checksums of the charm files and resources that a bundle deploys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.login import ImageLogin, PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.concurrency import bounded_map, in_thread
from ckf_airgap.errors import MissingError
from ckf_airgap.juju.controller.upload import file_digest, image_documents
from ckf_airgap.juju.planning.identity import WantedIdentity, WantedResource, sha384
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.net.limits import DEFAULT_LIMIT

_CHUNK_BYTES: Final = 1024 * 1024


async def read_identities(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    live: LiveModel,
    registry_auth: PullLogins | None,
    *,
    read_charms: bool = True,
) -> dict[str, WantedIdentity]:
    """Return the identities of the applications of a bundle.

    A charm file is read only when the model has a record to compare it with.

    Args:
        bundle: The merged bundle.
        charms: The charm of each application.
        live: The model.
        registry_auth: The logins that images are pulled with.
        read_charms: Whether charm files are read at all; resources do not need them.

    Raises:
        MissingError: when the file of a charm or of a resource cannot be read.
    """
    wanted = [application for name, application in bundle.applications.items() if name in charms]
    paths = {
        path
        for application in wanted
        if (path := charms[application.name].path) is not None
        and (present := live.applications.get(application.name)) is not None
        and present.identity.record is not None
        and read_charms
    }
    ordered = sorted(paths)
    digests = dict(
        zip(
            ordered,
            await bounded_map(lambda path: in_thread(_sha256, path), ordered, DEFAULT_LIMIT),
            strict=True,
        )
    )
    resources = await in_thread(_all_resources, wanted, charms, registry_auth)
    found: dict[str, WantedIdentity] = {}
    for application in wanted:
        charm = charms[application.name]
        found[application.name] = WantedIdentity(
            charm_file=charm.path.name if charm.path is not None else "",
            charm_sha256=digests.get(charm.path, "") if charm.path is not None else "",
            resources=resources[application.name],
        )
    return found


def _all_resources(
    applications: Iterable[Application], charms: Mapping[str, Charm], auth: PullLogins | None
) -> dict[str, dict[str, WantedResource]]:
    return {
        application.name: _resources(application, charms[application.name], auth)
        for application in applications
    }


def _resources(
    application: Application, charm: Charm, auth: PullLogins | None
) -> dict[str, WantedResource]:
    found: dict[str, WantedResource] = {}
    for name, value in application.resources.items():
        resource = charm.resources.get(name)
        if resource is None or not isinstance(value, str) or not value.strip():
            continue  # the plan refuses these
        if resource.is_image:
            bare = _fingerprints(value, None)
            wanted = _fingerprints(value, auth, application.logins.get(name))
            found[name] = WantedResource(
                value=value,
                fingerprints=wanted,
                without_login=bare - wanted,
                sha256=hashlib.sha256(image_documents(value, None)[0]).hexdigest(),
                has_login=bare.isdisjoint(wanted),
            )
        else:
            digest, _ = file_digest(Path(value))
            found[name] = WantedResource(
                value=value,
                fingerprints=frozenset({digest}),
                sha256=_sha256(Path(value)),
                is_image=False,
            )
    return found


def _fingerprints(
    reference: str, auth: PullLogins | None, own: ImageLogin | None = None
) -> frozenset[str]:
    return frozenset(sha384(document) for document in image_documents(reference, auth, own))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as exc:
        raise MissingError(f"cannot read {path}: {exc.strerror or exc}") from exc
    return digest.hexdigest()
