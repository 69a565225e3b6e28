"""``ckf-airgap pack``."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charmhub.download import CharmEvent
from ckf_airgap.charmhub.store import StoreOptions
from ckf_airgap.cli.charms.options import charm_options, store_options
from ckf_airgap.cli.charms.view import DownloadView
from ckf_airgap.cli.diskview import DiskView
from ckf_airgap.cli.images.transferoptions import transfer_options
from ckf_airgap.cli.images.transferview import TransferView
from ckf_airgap.cli.options import (
    Size,
    UserPath,
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
from ckf_airgap.cli.runner import run
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.errors import InterruptedRunError, UsageError
from ckf_airgap.images.lists import Need
from ckf_airgap.images.reference import Registry
from ckf_airgap.operations.charms import CharmSources
from ckf_airgap.operations.imagesettings import TransferSettings
from ckf_airgap.operations.lock import Lock
from ckf_airgap.packing.build import pack
from ckf_airgap.packing.names import LEFT_OUT
from ckf_airgap.packing.plan import Packed, PackObserver, PackPlan
from ckf_airgap.packing.tool import PYTHONS, ToolTarget
from ckf_airgap.transfer.events import Event, Status

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
        Setting.parse(value)
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
    max_depth_option,
    click.option(
        "--split",
        "part_bytes",
        type=Size(),
        metavar="SIZE",
        help="Cut archives into parts of this size, such as 4.7GB or 32GiB.",
    ),
    click.option(
        "--since",
        type=UserPath(),
        metavar="LOCK",
        help="Leave out what the pack of this lock has brought to the other side.",
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
        default=ToolTarget().python,
        show_default=True,
        help="The Python on the other side.",
    ),
    click.option(
        "--machine",
        default=platform.machine(),
        show_default=True,
        metavar="NAME",
        help="The machine on the other side, as `uname -m` says it.",
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
    need: Need,
    settings_: tuple[str, ...],
    rules: Path | None,
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
    the merged bundle, a lock of everything, checksums, a page for the other side, and ckf-airgap
    itself with an install script that needs no index. A run that was stopped or killed is continued
    by the next one. --lock makes the pack of a lock again, byte for byte.
    """
    terminal = Terminal.current()
    plan = PackPlan(
        charms=replace(sources, store=store, jobs=settings.jobs),
        registry=Registry.parse(registry),
        output=output,
        transfer=settings,
        need=need,
        gzip=form == "tar.gz",
        append=append,
        juju_version=juju_version,
        rules=rules,
        settings=settings_,
        max_depth=max_depth,
        part_bytes=part_bytes,
        since=Lock.read(since) if since is not None else None,
        signing_key=signing_key,
        tool=ToolTarget(python=python, machine=machine) if tool else None,
    )
    view = _View(terminal)
    plan = replace(plan, transfer=replace(settings, listener=view.listen))
    with view:
        try:
            packed = run(pack(plan, view), on_stop=view.on_stop)
        except InterruptedRunError as exc:
            raise InterruptedRunError(
                f"{exc.message}; what was done stands",
                fix="Run the same command again: it fetches only what is missing.",
            ) from None
    for warning in packed.warnings:
        terminal.warn(str(warning))
    terminal.result(_summary(packed), document=_document(packed))


class _View(PackObserver):
    """Shows the steps, and the charms and images within them; use it as ``with``."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._charms: DownloadView | None = None
        self._images: TransferView | None = None
        self._disk = DiskView(terminal, "working on the disk")

    def __enter__(self) -> _View:  # noqa: PYI034 - a leaf
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()

    def on_step(self, text: str) -> None:
        """Tell what is done now, and draw what belongs to it."""
        self._end()
        self._terminal.note(text)
        if text.startswith("fetching charms"):
            self._charms = DownloadView(self._terminal).__enter__()
        elif text.startswith("saving"):
            self._images = TransferView(self._terminal, "saving", "saved").__enter__()

    def on_charm(self, event: CharmEvent) -> None:
        """Take an event of the download."""
        if self._charms is not None:
            self._charms.listen(event)

    def on_bytes(self, count: int) -> None:
        """Stop the work of a thread when a signal was heard."""
        self._disk.watch(count)

    def on_stop(self, name: str) -> None:
        """Tell that a signal was heard."""
        self._disk.stop()
        self._terminal.stopping(name)

    def listen(self, event: Event) -> None:
        """Take an event of a transfer."""
        if self._images is not None:
            self._images.listen(event)
        elif self._charms is not None:
            self._charms.retrying(event)

    def _end(self) -> None:
        for view in (self._charms, self._images):
            if view is not None:
                view.__exit__(None, None, None)
        self._charms = self._images = None


def _summary(packed: Packed) -> str:
    lock = packed.lock
    text = (
        f"{packed.directory} is ready: {len(lock.charms)} charms, {len(lock.images)} images,"
        f" {packed.files} files of {size_text(packed.size)}\n"
        f"fetched in this run: {packed.charms_fetched} charms,"
        f" {packed.images.count(Status.COPIED)} images ({size_text(packed.images.bytes_moved)})"
    )
    if packed.left_out:
        text += (
            f"\nleft out: {len(packed.left_out)} images, listed in {LEFT_OUT}; the overlay names"
            " these, too"
        )
    if packed.assumes is not None:
        text += (
            f"\nonly what is new since {packed.assumes}:"
            f" {len(packed.assumes.charms)} charms and {len(packed.assumes.blobs)} blobs are taken"
            " to be on the other side"
        )
    return text


def _document(packed: Packed) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "directory": str(packed.directory),
        "files": packed.files,
        "size": packed.size,
        "lock-sha256": packed.lock.sha256,
        "charms": len(packed.lock.charms),
        "charms-fetched": packed.charms_fetched,
        "need": packed.lock.need,
        "images": len(packed.lock.images),
        "images-left-out": len(packed.left_out),
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
