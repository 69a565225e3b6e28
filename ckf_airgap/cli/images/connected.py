"""``ckf-airgap images pull``, ``save`` and ``copy``: the side with the public registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import ckf_airgap
from ckf_airgap.cli.images.transferoptions import (
    engine_option,
    library_option,
    needed,
    place_options,
    read_list,
    transfer_options,
)
from ckf_airgap.cli.options import (
    UserPath,
    json_option,
    need_option,
    no_set_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Mapper, TransferReport, TransferSettings
    from ckf_airgap.images.lists import Need


def _refuse_dash(_ctx: click.Context, _param: click.Parameter, value: Path) -> Path:
    if str(value) == "-":
        raise UsageError(
            "an archive of images cannot be written to standard output: it is written in places",
            fix="Name a file, such as images.tar.gz.",
        )
    return value


@click.command(
    "pull",
    epilog="""\b
Example:
  ckf-airgap images pull images.txt -o images
""",
)
@click.argument("images", metavar="IMAGES", type=UserPath())
@click.option(
    "-o",
    "--output",
    type=UserPath("directory"),
    default="images",
    show_default=True,
    metavar="DIR",
    help="The OCI image layout to pull into.",
)
@need_option
@no_set_option
@engine_option
@transfer_options(platforms=True)
@json_option
@verbosity_options
def pull_command(
    images: Path, output: Path, need: Need | None, engine: str, settings: TransferSettings
) -> None:
    """Pull images from their registries into a directory, or into a Docker Engine.

    The directory is an OCI image layout: each layer once, manifests byte for byte. Every tag is
    looked up again, and only what is missing is fetched. `images save` works without it.
    """
    from ckf_airgap.cli.images.transferview import carry

    references = read_list(images, need)
    directory = None if engine == "docker" else output
    carry(
        Terminal.current(),
        settings,
        "pulling",
        "pulled",
        lambda how: ckf_airgap.pull_images(references, directory, how),
    )


@click.command(
    "save",
    epilog="""\b
Examples:
  ckf-airgap images save images.txt -o images.tar.gz
  ckf-airgap images save --from images -o images.tar
""",
)
@click.argument("images", metavar="[IMAGES]", type=UserPath(), required=False)
@click.option(
    "-o",
    "--output",
    type=UserPath(),
    callback=_refuse_dash,
    default="images.tar.gz",
    show_default=True,
    metavar="FILE",
    help="The archive; not gzipped when its name ends in .tar.",
)
@click.option(
    "--from",
    "source",
    type=UserPath("directory"),
    metavar="DIR",
    help="What `images pull` wrote.  [default: straight from the registries]",
)
@click.option(
    "--per-image",
    is_flag=True,
    help="One tar for each image, as the guide's scripts; several times larger. Needs --from.",
)
@need_option
@no_set_option
@place_options
@engine_option
@transfer_options(platforms=True)
@json_option
@verbosity_options
def save_command(
    *,
    images: Path | None,
    output: Path,
    source: Path | None,
    per_image: bool,
    need: Need | None,
    mapper: Mapper | None,
    engine: str,
    settings: TransferSettings,
) -> None:
    """Write the archive of images that crosses the gap.

    It is an OCI image layout in a tar, with each layer once, and what `docker load` needs. It is
    written as FILE.part and renamed once all images are in; a run that was stopped or failed
    is continued by the next one. With --registry, `docker load` gives the images their names in
    that registry, too. --need required and later take a list that says what each image is needed
    for: the output of `images list --json`.
    """
    from ckf_airgap.cli.images.transferview import carry

    if images is None and source is None:
        raise UsageError("neither a list of images nor --from is given")
    if engine == "docker" and (source is not None or images is None):
        raise UsageError("--engine docker takes a list of images, and no --from")
    if images is None and need not in (None, "all"):
        raise UsageError(
            f"{source} does not say which of its images are {need}",
            fix="Also give the output of `ckf-airgap images list BUNDLE --json`.",
        )
    if engine == "docker" and settings.platforms:
        raise UsageError("--engine docker saves what the engine has, and takes no --platform")
    references = None if images is None else read_list(images, need)

    async def save(how: TransferSettings) -> TransferReport:
        if not per_image:
            return await ckf_airgap.save_images(
                references,
                output,
                how,
                source=source,
                engine=engine == "docker",
                mapping=mapper,
            )
        if source is None:
            raise UsageError(
                "--per-image needs --from", fix="Pull first: ckf-airgap images pull IMAGES -o DIR"
            )
        return await ckf_airgap.save_per_image(
            references, output, how, source=source, mapping=mapper
        )

    carry(Terminal.current(), settings, "saving", "saved", save)


@click.command(
    "copy",
    epilog="""\b
Example, on a machine that can reach both sides:
  ckf-airgap images copy images.txt --registry 172.17.0.2:5000
""",
)
@click.argument("images", metavar="IMAGES", type=UserPath())
@need_option
@no_set_option
@place_options
@click.option("--create-project", is_flag=True, help="Create projects that are missing (Harbor).")
@library_option("--no-library")
@transfer_options(platforms=True)
@json_option
@verbosity_options
def copy_command(
    *,
    images: Path,
    need: Need | None,
    mapper: Mapper | None,
    create_project: bool,
    library: bool | None,
    settings: TransferSettings,
) -> None:
    """Copy images from their registries straight into the private one.

    For a machine that can reach both. Nothing is written to its disk.
    """
    from ckf_airgap.cli.images.transferview import carry

    mapping = needed(mapper)(read_list(images, need))
    carry(
        Terminal.current(),
        settings.with_projects(create=create_project).with_library(library=library),
        "copying",
        "copied",
        lambda how: ckf_airgap.copy_images(mapping, how),
    )
