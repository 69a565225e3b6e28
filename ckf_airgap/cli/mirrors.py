"""``ckf-airgap mirrors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    UserPath,
    json_option,
    max_depth_option,
    registry_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import MirrorFormat, WrittenMirrors

SCHEMA: Final = "ckf-airgap/mirrors-written/v1"


@click.command(
    "mirrors",
    epilog="""\b
Examples:
  ckf-airgap mirrors --registry registry.example.com:5000/ckf --ca ca.crt -o mirrors
  ckf-airgap mirrors --registry 172.17.0.2:5000 --plain-http 172.17.0.2:5000 \\
      --images images.txt --format microk8s -o mirrors
""",
)
@registry_option(required=True)
@click.option(
    "--images",
    type=UserPath(),
    multiple=True,
    metavar="FILE",
    help="A list of images, whose registries are mirrored besides the usual ones; may be repeated.",
)
@click.option(
    "--mapping",
    type=UserPath(),
    metavar="FILE",
    help="Where images go, as `images retag --mapping` wrote it: names those that no mirror gives.",
)
@max_depth_option
@click.option(
    "--format",
    "formats",
    type=click.Choice(ckf_airgap.MIRROR_FORMATS),
    multiple=True,
    help="A kind of node; k3s is RKE2, too, and crio is podman, too. May be repeated."
    "  [default: all]",
)
@click.option(
    "--ca",
    type=UserPath(),
    envvar="CKF_AIRGAP_CA",
    show_envvar=True,
    metavar="FILE",
    help="The registry's CA certificate, which nodes are to trust.",
)
@click.option(
    "--plain-http",
    metavar="HOST[:PORT]",
    help="The registry, when it has no TLS.",
)
@click.option(
    "-o",
    "--output",
    type=UserPath("directory"),
    required=True,
    metavar="DIR",
    help="The directory to write; called mirrors beside an archive of images, it makes "
    "`images push` add what mirrors need.",
)
@json_option
@verbosity_options
def command(
    *,
    registry: str,
    images: tuple[Path, ...],
    mapping: Path | None,
    max_depth: int | None,
    formats: tuple[MirrorFormat, ...],
    ca: Path | None,
    plain_http: str | None,
    output: Path,
) -> None:
    """Write what nodes need to find public images in a private registry.

    For images that no option of a charm reaches: those that users name in notebooks and pipelines,
    those of pods in their namespaces, and those written in a charm's code. Nodes with these files
    take docker.io/a/b:1, and images of gcr.io, ghcr.io, quay.io and others, from REGISTRY/a/b:1,
    and do not ask the public registry. README.txt in DIR says where each file goes.
    """
    from ckf_airgap.cli.runner import run
    from ckf_airgap.concurrency import in_thread

    terminal = Terminal.current()
    private = ckf_airgap.Registry.parse(registry)
    if plain_http is not None and plain_http != private.host:
        raise UsageError(
            f"--plain-http names {plain_http}, and the registry is {private.host}",
            fix=f"Give --plain-http {private.host}, or leave it out.",
        )

    if max_depth is not None and (mapping is not None or not images):
        raise UsageError(
            "--max-depth needs --images; a mapping has its own",
            fix="Give the list that is retagged with it: images whose paths are folded are named.",
        )

    def write() -> WrittenMirrors:
        places = None if mapping is None else ckf_airgap.RetagMapping.read(mapping)
        if places is not None and places.registry != private:
            raise UsageError(
                f"{mapping} is for the registry {places.registry}, not {private}",
                fix=f"Give --registry {places.registry}, or retag for it.",
            )
        listed = [image for path in images for image in ckf_airgap.ImageList.read(path)]
        if max_depth is not None:
            places = ckf_airgap.retag_images(listed, private, max_depth=max_depth)
        plan = ckf_airgap.plan_mirrors(
            private,
            listed,
            mapping=places,
            ca_file=ca,
            plain_http=() if plain_http is None else (plain_http,),
        )
        return ckf_airgap.write_mirrors(plan, output, formats or ckf_airgap.MIRROR_FORMATS)

    written = run(in_thread(write))
    for warning in written.warnings:
        terminal.warn(str(warning))
    plan = written.plan
    terminal.result(
        f"{written.directory}: {len(plan.hosts)} registries are looked for in {plan.registry},"
        f" for {', '.join(written.formats)}; {written.changed} of {len(written.files)} files"
        " written",
        document={
            "schema": SCHEMA,
            "directory": str(written.directory),
            "registry": str(plan.registry),
            "plain-http": plan.plain_http,
            "formats": list(written.formats),
            "hosts": list(plan.hosts),
            "unreachable": [str(image) for image in plan.unreachable],
            "files": list(written.files),
            "written": written.changed,
            "warnings": [warning.to_json() for warning in written.warnings],
        },
    )
    terminal.note(f"next: {written.directory / 'README.txt'} says where each file goes on a node")
