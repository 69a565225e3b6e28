"""``ckf-airgap pack``."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.charms.options import charm_options, store_options
from ckf_airgap.cli.images.transferoptions import transfer_options
from ckf_airgap.cli.options import (
    Size,
    UserPath,
    allow_public_option,
    append_option,
    apply,
    json_option,
    juju_version_option,
    max_depth_option,
    need_for,
    need_option,
    registry_option,
    rules_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.errors import InterruptedRunError, UsageError
from ckf_airgap.facts.defaults import PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import CharmSources, Packed, StoreOptions, TransferSettings
    from ckf_airgap.images.lists import Need

SCHEMA: Final = "ckf-airgap/pack/v1"


def _settings(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what is not a setting before anything is fetched."""
    for value in values:
        if value in ("required", "optional", "later", "all"):
            raise UsageError(
                f"--set takes APP.OPTION=VALUE, not {value!r}",
                fix=f"To choose images, give {need_for(value)}.",
            )
        ckf_airgap.Setting.parse(value)
    return values


_OPTIONS: Final = [
    registry_option(required=True),
    click.option(
        "-o",
        "--output",
        type=UserPath("directory"),
        required=True,
        metavar="DIR",
        help="The directory that will be carried.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["tar.gz", "tar"]),
        default="tar.gz",
        show_default=True,
        help="The archive of images. Layers are compressed in either.",
    ),
    append_option,
    juju_version_option,
    need_option,
    click.option(
        "--set",
        "settings_",
        multiple=True,
        callback=_settings,
        metavar="APP.OPTION=VALUE",
        help="Set an option of an application in the overlay; may be repeated.",
    ),
    rules_option,
    allow_public_option,
    max_depth_option,
    click.option(
        "--split",
        "part_bytes",
        type=Size(),
        metavar="SIZE",
        help="Split archives into parts of this size, such as 4.7GB or 32GiB.",
    ),
    click.option(
        "--since",
        type=UserPath(),
        metavar="LOCK",
        help="Leave out what the pack with this lock already carried to the other side.",
    ),
    click.option(
        "--sign",
        "signing_key",
        type=UserPath(),
        metavar="KEY",
        help="Sign the checksums with this Ed25519 key (PEM).",
    ),
    click.option(
        "--tool/--no-tool",
        default=True,
        help="Whether to carry ckf-airgap itself, as wheels.  [default: --tool]",
    ),
    click.option(
        "--python",
        type=click.Choice(PYTHONS),
        default=f"{sys.version_info.major}.{sys.version_info.minor}",
        show_default=True,
        help="The Python on the other side.",
    ),
    click.option(
        "--machine",
        default=platform.machine(),
        show_default=True,
        metavar="NAME",
        help="The machine on the other side, as reported by `uname -m`.",
    ),
]


@click.command(
    "pack",
    epilog="""\b
Examples:
  ckf-airgap pack 1.11 --registry 172.17.0.2:5000 -o kubeflow-1.11
  ckf-airgap pack 1.11 --registry 172.17.0.2:5000 -o update --since kubeflow-1.10/ckf-airgap.lock
""",
)
@charm_options(bundle_required=True)
@store_options
@transfer_options(platforms=True, only=False)
@(lambda function: apply(list(_OPTIONS), function))
@json_option
@verbosity_options
def command(
    *,
    sources: CharmSources,
    store: StoreOptions,
    settings: TransferSettings,
    registry: str,
    output: Path,
    form: str,
    append: tuple[Path, ...],
    juju_version: str | None,
    need: Need | None,
    settings_: tuple[str, ...],
    rules: Path | None,
    allow_public: tuple[str, ...],
    max_depth: int | None,
    part_bytes: int | None,
    since: Path | None,
    signing_key: Path | None,
    tool: bool,
    python: str,
    machine: str,
) -> None:
    """Make the directory that is carried across the gap.

    It fetches the charms, finds and saves their images, and writes the retagged list, the overlay,
    the merged bundle, mirrors for nodes, a lock of everything, checksums, a page for the other
    side, and ckf-airgap itself with an install script that needs no index. A run that was
    stopped or killed is continued by the next one. --lock rebuilds the pack of a lock, byte for
    byte.
    """
    from ckf_airgap.cli.packview import PackView
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    plan = ckf_airgap.PackPlan(
        charms=replace(sources, store=store, jobs=settings.jobs),
        registry=ckf_airgap.Registry.parse(registry),
        output=output,
        transfer=settings,
        need=need,
        gzip=form == "tar.gz",
        append=append,
        juju_version=juju_version,
        rules=rules,
        allow_public=allow_public,
        settings=settings_,
        max_depth=max_depth,
        part_bytes=part_bytes,
        since=ckf_airgap.Lock.read(since) if since is not None else None,
        signing_key=signing_key,
        tool=ckf_airgap.ToolTarget(python=python, machine=machine) if tool else None,
    )
    view = PackView(terminal)
    plan = replace(plan, transfer=replace(settings, listener=view.listen))
    with view:
        try:
            packed = run(ckf_airgap.pack_release(plan, view), on_stop=view.on_stop)
        except InterruptedRunError as exc:
            raise InterruptedRunError(
                f"{exc.message}; completed steps are kept",
                fix="Run the same command again: it fetches only what is missing.",
            ) from None
    for warning in packed.warnings:
        terminal.warn(str(warning))
    terminal.result(_summary(packed), document=_document(packed))


def _summary(packed: Packed) -> list[str]:
    lock, images = packed.lock, packed.images
    copied = images.count(ckf_airgap.ImageStatus.COPIED)
    ready = f"{len(lock.charms)} charms, {len(lock.images)} images, {packed.files} files"
    fetched = f"{packed.charms_fetched} charms, {copied} images ({size_text(images.bytes_moved)})"
    lines = [
        f"{packed.directory} is ready: {ready} of {size_text(packed.size)}",
        f"fetched in this run: {fetched}",
    ]
    if packed.left_out:
        from ckf_airgap.packing.names import LEFT_OUT

        lines.append(
            f"left out: {len(packed.left_out)} images, listed in {LEFT_OUT}; the overlay names"
            " these, too"
        )
    if packed.user_tagged:
        names = ", ".join(packed.user_tagged)
        lines.append(
            f"not packed, since its users choose the tag: {names}; name tags with --append, or"
            " give --need all to take latest"
        )
    if packed.assumes is not None:
        lines.append(
            f"only what is new since {packed.assumes}:"
            f" {len(packed.assumes.charms)} charms and {len(packed.assumes.blobs)} blobs are"
            " assumed to be on the other side"
        )
    return lines


def _document(packed: Packed) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "directory": str(packed.directory),
        "files": packed.files,
        "size": packed.size,
        "lock-sha256": packed.lock.sha256,
        "charms": len(packed.lock.charms),
        "charms-fetched": packed.charms_fetched,
        "need": packed.lock.need or "all",
        "images": len(packed.lock.images),
        "images-left-out": len(packed.left_out),
        "user-tagged": list(packed.user_tagged),
        "image-bytes-received": packed.images.bytes_moved,
        "assumes": None
        if packed.assumes is None
        else {
            "bundle": packed.assumes.bundle,
            "lock-sha256": packed.assumes.lock_sha256,
            "charms": sorted(packed.assumes.charms),
            "blobs": sorted(packed.assumes.blobs),
        },
        "warnings": [warning.to_json() for warning in packed.warnings],
    }
