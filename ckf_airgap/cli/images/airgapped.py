"""``ckf-airgap images load``, ``push`` and ``verify``: the side behind the air gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import ckf_airgap
from ckf_airgap.cli.images.transferoptions import (
    engine_option,
    library_option,
    needed,
    one_registry,
    place_options,
    read_list,
    transfer_options,
)
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Mapper, TransferSettings


@click.command(
    "load",
    epilog="""\b
Examples:
  ckf-airgap images load images.tar.gz -o images
  ckf-airgap images load images.tar.gz --engine docker --registry 172.17.0.2:5000
""",
)
@click.argument("archive", metavar="ARCHIVE", type=UserPath())
@click.option(
    "-o",
    "--output",
    type=UserPath("directory"),
    default="images",
    show_default=True,
    metavar="DIR",
    help="The OCI image layout to load into.",
)
@place_options
@engine_option
@transfer_options(platforms=True)
@json_option
@verbosity_options
def load_command(
    archive: Path, output: Path, mapper: Mapper | None, engine: str, settings: TransferSettings
) -> None:
    """Load the images of an archive into a directory, or into a Docker Engine.

    ARCHIVE is what `images save` wrote, an archive of `docker save`, the images.tar.gz of the
    guide's scripts or the directory it was unpacked to, or an OCI image layout. `images push`
    works without loading first.
    """
    from ckf_airgap.cli.images.transferview import carry

    directory = None if engine == "docker" else output
    carry(
        Terminal.current(),
        settings,
        "loading",
        "loaded",
        lambda how: ckf_airgap.load_images(archive, directory, how, mapping=mapper),
    )


@click.command(
    "push",
    epilog="""\b
Example:
  ckf-airgap images push images.tar.gz --registry 172.17.0.2:5000
""",
)
@click.argument("source", metavar="SOURCE", type=UserPath())
@place_options
@click.option("--create-project", is_flag=True, help="Create projects that are missing (Harbor).")
@library_option("--library when a directory mirrors lies beside SOURCE")
@engine_option
@transfer_options()
@json_option
@verbosity_options
def push_command(
    *,
    source: Path,
    mapper: Mapper | None,
    create_project: bool,
    library: bool | None,
    engine: str,
    settings: TransferSettings,
) -> None:
    """Push the images of an archive to the private registry, under their retagged names.

    SOURCE is an archive or directory, as for `images load`. It is read in place, never
    unpacked. An image that charms name by digest can then be pulled by that digest, and by a tag
    made of its digits. With --engine docker, SOURCE is a list of images that the engine has.
    """
    from ckf_airgap.cli.images.transferview import carry

    places = needed(mapper)
    settings = settings.with_projects(create=create_project).with_library(library=library)
    if engine == "docker":
        references = read_list(source, takes_need=False)
        carry(
            Terminal.current(),
            settings,
            "pushing",
            "pushed",
            lambda how: ckf_airgap.push_from_engine(references, places, how),
        )
        return
    carry(
        Terminal.current(),
        settings,
        "pushing",
        "pushed",
        lambda how: ckf_airgap.push_images(source, places, how),
    )


@click.command(
    "verify",
    epilog="""\b
Examples:
  ckf-airgap images verify retagged-images.txt
  ckf-airgap images verify --from images.tar.gz --registry 172.17.0.2:5000
""",
)
@click.argument("images", metavar="[IMAGES]", type=UserPath(), required=False)
@click.option(
    "--from",
    "source",
    type=UserPath(),
    metavar="ARCHIVE",
    help="What was pushed; its digests must be those in the registry.",
)
@place_options
@library_option("--library when a directory mirrors lies beside ARCHIVE")
@transfer_options(recheck=False)
@json_option
@verbosity_options
def verify_command(
    *,
    images: Path | None,
    source: Path | None,
    mapper: Mapper | None,
    library: bool | None,
    settings: TransferSettings,
) -> None:
    """Check that all images are in the private registry, by digest and with all their layers.

    IMAGES lists them by their names there (retagged-images.txt); with --registry or --mapping also
    as charms name them.
    """
    from ckf_airgap.cli.images.transferview import carry

    if images is None and source is None:
        raise UsageError("neither a list of images nor --from is given")
    if source is not None:
        needed(mapper)
    references = () if images is None else read_list(images, takes_need=False)
    if images is not None and mapper is None:
        one_registry(images, references)
    carry(
        Terminal.current(),
        settings.with_library(library=library),
        "verifying",
        "verified",
        lambda how: ckf_airgap.verify_images(references, how, source=source, mapping=mapper),
    )
