"""The files of a bundle's resources, once they are found, and the bundle with them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.images.needs import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A file that names an image.

    Attributes:
        path: The file.
        image: The image.
        login: The login to its registry; ``None`` when the file has none.
    """

    path: Path
    image: str
    login: ImageLogin | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFiles:
    """The files of a bundle's resources.

    Attributes:
        files: The file of each file resource.
        images: The file of each image resource that is not a reference.
        images_only: Whether the images of those files are written in place of the files.
    """

    files: Mapping[Place, Path] = field(default_factory=dict)
    images: Mapping[Place, ImageFile] = field(default_factory=dict)
    images_only: bool = False

    def path(self, place: Place) -> Path | None:
        """Return the file of a resource, whichever kind it is."""
        found = self.images.get(place)
        return found.path if found is not None else self.files.get(place)


def with_resources(bundle: Bundle, found: ResourceFiles) -> Bundle:
    """Return the bundle with the images and logins of its files, and file resources in full.

    The document keeps what the bundle has.
    """

    def settled(application: Application) -> Application:
        resources, logins = dict(application.resources), dict(application.logins)
        for resource in application.resources:
            place = (application.name, resource)
            if place in found.files:
                resources[resource] = str(found.files[place])
            elif place in found.images:
                resources[resource] = found.images[place].image
                login = found.images[place].login
                if login is not None:
                    logins[resource] = login
        return dataclasses.replace(application, resources=resources, logins=logins)

    applications = {name: settled(one) for name, one in bundle.applications.items()}
    return dataclasses.replace(bundle, applications=applications)
