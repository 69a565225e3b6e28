"""The logins with which a cluster pulls the images of a deployment, from what a person names.

They are found for each image before the first step, by the rules of the image commands, and are
kept in memory alone: no file, no log and no record of an application has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.bundle.login import ImageLogin, PullLogins
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import InputError, Problem
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.juju.controller.upload import RegistryLogin
from ckf_airgap.logins.credentials import Credentials, CredentialStore, check_config
from ckf_airgap.rendering.overlay import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLogins:
    """The login of each image of a deployment.

    Attributes:
        first: Is asked before the others: the login to the private registry.
        by_image: By reference, the login of each other image.
        warnings: What a person should know about the file of logins.
    """

    first: PullLogins | None = None
    by_image: Mapping[str, ImageLogin] = field(default_factory=dict, repr=False)
    warnings: tuple[Problem, ...] = ()

    def login_for(self, reference: str) -> ImageLogin | None:
        """Return the login for an image; see `PullLogins`."""
        found = self.first.login_for(reference) if self.first is not None else None
        return found or self.by_image.get(reference)


async def find_pull_logins(
    rendering: Rendering, login: RegistryLogin | None = None, config: Path | None = None
) -> FoundLogins:
    """Find the login of each image that a rendering gives to an application as a resource.

    Args:
        rendering: What will be deployed.
        login: The login to the private registry; goes before those of the file.
        config: A ``config.json`` of Docker, or an ``auth.json`` of podman: the login for an image
            is found in it, or by the helper that it names, as ``images push`` does it.

    Raises:
        MissingError: when the file is not there.
        InputError: when it cannot be read or is something else.
    """
    first = login.at(rendering.registry) if login is not None else None
    if config is None:
        return FoundLogins(first=first)
    await in_thread(check_config, config)
    store = CredentialStore((config,))
    found: dict[str, ImageLogin] = {}
    images = dict.fromkeys(_pulled(rendering))
    for image in images:
        reference = ImageReference.parse(image).canonical()
        credentials = await store.find(str(reference.registry), reference.repository)
        if credentials is not None:
            found[image] = image_login(credentials)
    return FoundLogins(
        first=first, by_image=found, warnings=tuple(_warnings(store, config, images, found))
    )


def image_login(credentials: Credentials) -> ImageLogin:
    """Return a login as Juju's description of an image has it; an identity token stays one."""
    fields = {"username": credentials.username, "password": credentials.password}
    if credentials.identity_token:
        return ImageLogin(fields={**fields, "identitytoken": {"value": credentials.identity_token}})
    return ImageLogin(fields={**fields})


def _pulled(rendering: Rendering) -> Iterator[str]:
    """Yield each image that an application gets without a login of its own."""
    for name, application in rendering.bundle.applications.items():
        declared = rendering.charms[name].resources if name in rendering.charms else {}
        for resource, value in application.resources.items():
            described = declared.get(resource)
            if described is None or not described.is_image or resource in application.logins:
                continue
            if isinstance(value, str) and _is_reference(value):
                yield value


def _is_reference(text: str) -> bool:
    try:
        ImageReference.parse(text)
    except InputError:
        return False  # the plan refuses it
    return True


def _warnings(
    store: CredentialStore,
    config: Path,
    images: Mapping[str, None],
    found: Mapping[str, ImageLogin],
) -> Iterator[Problem]:
    for trouble in store.troubles:
        yield Problem(trouble, str(config), "correct it, or leave out --registry-config")
    if images and not found and not store.troubles:
        hosts = sorted({str(ImageReference.parse(image).canonical().registry) for image in images})
        yield Problem(
            f"it has no login for any image of the bundle, which come from {', '.join(hosts)}",
            str(config),
            "log in first (docker login HOST), or leave out --registry-config",
        )
