"""Making a pack: the whole connected side, step by step, each of which can be run again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from ckf_airgap._version import __version__
from ckf_airgap.bundle.bundlefile import load_overlays
from ckf_airgap.bundle.checks import with_overlays
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import (
    BundleError,
    ImagesFailedError,
    IntegrityError,
    Problem,
    StorageFullError,
    UsageError,
    raise_all,
)
from ckf_airgap.files import disk_error, reads_once, write_text
from ckf_airgap.files.sizes import size_text
from ckf_airgap.images.lists import ImageList, Need
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.resourcefiles import missing_paths
from ckf_airgap.images.retag import RetagMapping, retag_images
from ckf_airgap.operations.charms import DownloadedCharms, bundle_label, download_charms
from ckf_airgap.operations.images import save_images
from ckf_airgap.operations.imagesettings import TransferReport
from ckf_airgap.operations.inventory import Listing, ListingInputs, list_images
from ckf_airgap.operations.lock import LOCK_NAME, Lock
from ckf_airgap.operations.rendering import Inputs, added_rules, find_bundle, read_and_render
from ckf_airgap.packing import names
from ckf_airgap.packing.charmsarchive import salvage_charms, write_charms
from ckf_airgap.packing.checksums import read_private_key
from ckf_airgap.packing.directory import begin, cut, finish, locked
from ckf_airgap.packing.imagesarchive import lock_images, weigh_images
from ckf_airgap.packing.mirrors import second_names, write_pack_mirrors
from ckf_airgap.packing.plan import Packed, PackObserver, PackPlan
from ckf_airgap.packing.resources import carry_resources
from ckf_airgap.packing.since import Assumes, known_blobs, unchanged_charms
from ckf_airgap.packing.texts import Share, install_script, readme
from ckf_airgap.packing.tool import collect_wheels
from ckf_airgap.rendering.allowing import parse_place
from ckf_airgap.rendering.overlay import Rendering
from ckf_airgap.transfer.oci import Digest

_ROOM_BYTES: Final = 64 * 1024 * 1024
"""Bytes for everything that is neither a charm nor an image."""


async def pack_release(plan: PackPlan, observer: PackObserver | None = None) -> Packed:
    """Make a pack, or continue one.

    A run that was stopped or killed is continued by the next one: what is there and intact is not
    fetched again, and the result has the same bytes. ``SHA256SUMS`` is written last: a directory
    without it is not finished.

    Args:
        plan: What to pack.
        observer: Is notified of progress.

    Raises:
        MissingError: when a file that the plan names is not there, before anything is fetched.
        InputError: when one is not what it must be.
        UsageError: when the bundle has no images of `PackPlan.need`, or the lock is of others.
        AirgapError: of the kind of what failed; what was done so far is kept.
    """
    await in_thread(_check_files, plan)
    run = _Pack(plan, observer or PackObserver())
    run.check_lock()
    try:
        async with locked(plan):
            return await run.run()
    except OSError as exc:
        raise disk_error(exc, Path(exc.filename or plan.output)) from exc


def _check_files(plan: PackPlan) -> None:
    """Read the small files that a person named: hours of fetching come before some are used."""
    named = find_bundle(plan.charms.bundle or "")
    added_rules(plan.rules, named)
    overlays = load_overlays(plan.charms.overlays, named.bundle.directory)
    bundle, _ = with_overlays(named.bundle, overlays.documents, overlays.names)
    missing = missing_paths(bundle)
    raise_all(BundleError, "files of resources cannot be used", missing)
    for text in plan.allow_public:
        parse_place(text)
    for path in plan.append:
        ImageList.read(path, fix="Name an existing file with --append FILE.")
    if plan.signing_key is not None and not reads_once(plan.signing_key):
        read_private_key(plan.signing_key)
    plan.transfer.check()


class _Pack:
    """One run of `pack_release`."""

    def __init__(self, plan: PackPlan, observer: PackObserver) -> None:
        self._plan = plan
        self._observer = observer
        self._out = plan.output
        self._charms = plan.work / "charms"

    def check_lock(self) -> None:
        """Refuse a lock of a pack of other images; `UsageError`."""
        given = self._given
        if given is None:
            return
        needs = given.need, self._plan.need
        if needs[0] != needs[1]:
            theirs, mine = (f"--need {need}" if need else "no --need" for need in needs)
            raise UsageError(
                f"the lock is from a pack made with {theirs}, this one has {mine}",
                fix=f"Give {theirs}, or leave out --lock.",
            )

    async def run(self) -> Packed:
        plan, out, watch = self._plan, self._out, self._observer.on_bytes
        await in_thread(begin, plan, watch)
        await in_thread(salvage_charms, out, self._charms, watch)
        await self._weigh()
        charms = await self._collect()
        listing = await self._list()
        nameable = listing.inventory.chosen(self._nameable)
        references = tuple(image.reference for image in nameable)
        mapping = retag_images(references, plan.registry, max_depth=plan.max_depth)
        chosen = self._chosen(listing, mapping)
        report = await self._save(chosen, self._assumed(chosen))
        images, sizes, lacking = await lock_images(
            out / plan.images_name, chosen, plan.since, self._second_names(mapping)
        )
        lock = replace(
            charms.lock,
            tool=self._given.tool if self._given is not None else __version__,
            registry=str(plan.registry),
            need=plan.need,
            charms=charms.charms,
            images=images,
            blobs=sizes,
        )
        self._compare(lock)
        self._step("writing overlay, bundle and lock")
        rendering = await in_thread(self._render, mapping)
        assumes = self._assumes(lock, lacking)
        warnings = await in_thread(write_pack_mirrors, plan, mapping)
        await in_thread(self._write_documents, listing, mapping, rendering, lock, assumes)
        left_out = assumes.charms if assumes is not None else frozenset()
        carried = [one for one in lock.charms if one.file not in left_out]
        self._step(f"writing {names.CHARMS}")
        await in_thread(write_charms, carried, self._charms, out / names.CHARMS, watch)
        await self._add_tool()
        for name in (names.CHARMS, plan.images_name):
            await in_thread(cut, plan, name, watch)
        self._step("taking checksums")
        size, files = await in_thread(finish, plan, watch)
        return Packed(
            directory=out,
            lock=lock,
            size=size,
            files=files,
            charms_fetched=charms.fetched,
            images=report,
            left_out=self._left_out(mapping, lock),
            user_tagged=()
            if self._nameable == "all"
            else tuple(one.reference.name for one in listing.inventory if one.user_tagged),
            assumes=assumes,
            warnings=(*rendering.warnings, *warnings),
        )

    @property
    def _given(self) -> Lock | None:
        """The lock to reproduce, if it has images, too."""
        lock = self._plan.charms.lock
        return lock if lock is not None and lock.registry is not None else None

    @property
    def _nameable(self) -> Need | None:
        """The images that the retagged list has: names without a tag if somebody wants them."""
        return "all" if self._plan.need in ("later", "all") else None

    def _second_names(self, mapping: RetagMapping) -> Mapping[ImageReference, str]:
        """Return the second names for the lock; one to reproduce may be from before them."""
        given = self._given
        if given is not None and not any(one.library for one in given.images):
            return {}
        return second_names(mapping)

    def _step(self, text: str) -> None:
        self._observer.on_step(text)

    async def _weigh(self) -> None:
        """Report what is to be fetched, as far as that is known yet, and whether there is room."""
        plan = self._plan
        sources = plan.charms
        if sources.lock is not None:
            size = sum(one.size for one in sources.lock.charms) * 2
            size += sum(sources.lock.blobs.values())
            self._step(f"to pack: {len(sources.lock.charms)} charms and images of the lock")
        else:
            named = await in_thread(find_bundle, sources.bundle or "")
            if named.release is None:  # the images of its charms are not known before they are here
                self._step("how large the images are is known only once the charms are there")
                return
            listing = await list_images(self._listing_inputs(from_files=False))
            chosen = listing.inventory.chosen(plan.need)
            references = tuple(image.reference for image in chosen)
            mapping = retag_images(references, plan.registry, max_depth=plan.max_depth)
            found, size = await weigh_images(references, plan.transfer, self._assumed(mapping))
            self._step(
                f"to pack: {len(references)} images as far as is known, {size / 1e9:.2f} GB"
                + (f" ({len(references) - found} not found)" if found < len(references) else "")
            )
        await in_thread(self._check_room, size)

    def _check_room(self, size: int) -> None:
        there = sum(
            path.stat().st_blocks * 512
            for folder in (self._out, self._plan.work)
            for path in folder.rglob("*")
            if path.is_file()
        )
        needed = size + _ROOM_BYTES + (self._plan.part_bytes or 0) - there
        free = shutil.disk_usage(self._out).free
        if needed > free:
            raise StorageFullError(
                f"the pack needs about {size_text(needed)} more, and the disk of {self._out} has"
                f" {size_text(free)}",
                fix="Free some space there, or pack onto another disk.",
            )

    async def _collect(self) -> DownloadedCharms:
        self._step("fetching charms")
        collected = await download_charms(
            self._plan.charms,
            self._charms,
            listener=self._observer.on_charm,
            retrying=self._plan.transfer.listener,
        )
        for path in collected.surplus:  # of an earlier run, when the channel had another revision
            await in_thread(path.unlink)
        return collected

    def _listing_inputs(self, *, from_files: bool) -> ListingInputs:
        plan = self._plan
        return ListingInputs(
            bundle=plan.charms.bundle or "",
            charms=self._charms if from_files else None,
            overlays=plan.charms.overlays,
            rules=plan.rules,
            juju_version=plan.juju_version,
            append=plan.append,
            architecture=plan.charms.architecture,
        )

    async def _list(self) -> Listing:
        self._step("finding images")
        return await list_images(self._listing_inputs(from_files=True))

    def _chosen(self, listing: Listing, mapping: RetagMapping) -> RetagMapping:
        """Return the part of a mapping that is about the images to be packed."""
        chosen = {image.reference for image in listing.inventory.chosen(self._plan.need)}
        need = self._plan.need
        if not chosen and need is not None and need != "all":
            which = {"required": "required", "later": "used later"}[need]
            raise UsageError(f"no image of {listing.named.where} is {which}")
        images = tuple(image for image in mapping.images if image.source in chosen)
        return replace(mapping, images=images)

    def _left_out(self, mapping: RetagMapping, lock: Lock) -> tuple[str, ...]:
        """Return the images that the overlay names but neither this pack nor its base brings."""
        brought = {(one.source, one.target) for one in lock.images}
        if self._plan.since is not None:
            brought |= {(one.source, one.target) for one in self._plan.since.images}
        return tuple(
            str(one.source)
            for one in mapping.images
            if (str(one.source), str(one.target)) not in brought
        )

    def _assumed(self, mapping: RetagMapping) -> frozenset[Digest]:
        if self._plan.since is None:
            return frozenset()
        targets = [image.target for image in mapping.images]
        return frozenset(Digest.parse(one) for one in known_blobs(self._plan.since, targets))

    async def _save(
        self,
        mapping: RetagMapping,
        assumed: frozenset[Digest],
    ) -> TransferReport:
        plan = self._plan
        references = tuple(image.source for image in mapping.images)
        self._step(f"saving {len(references)} images")
        pins: dict[ImageReference, Digest] | None = None
        if self._given is not None:
            pins = {
                ImageReference.parse(one.source): Digest.parse(one.digest)
                for one in self._given.images
            }
        since = plan.since
        report = await save_images(
            references,
            self._out / plan.images_name,
            plan.transfer,
            mapping=lambda _references: mapping,
            assumed=assumed,
            since=f"the pack of {since.bundle} ({since.sha256[:16]})" if since else "",
            pins=pins,
        )
        if report.failed:
            raise ImagesFailedError(
                f"{len(report.failed)} of {len(report.results)} images could not be saved",
                problems=[
                    Problem(
                        result.error.message if result.error else "failed",
                        result.source,
                        result.error.fix if result.error else "",
                    )
                    for result in report.failed
                ],
                fix="Run the same command again: it fetches only what is missing.",
            )
        return report

    def _compare(self, lock: Lock) -> None:
        """Refuse what is not what the given lock says."""
        given = self._given
        if given is None or given.to_text() == lock.to_text():
            return
        before = {one.source: one for one in given.images}
        now = {one.source: one for one in lock.images}
        problems = [
            Problem("it differs from the lock", source)
            for source in sorted(before.keys() | now.keys())
            if before.get(source) != now.get(source)
        ]
        raise IntegrityError(
            "the pack of the lock cannot be made again with these options",
            problems=problems or [Problem("registry or blobs differ", LOCK_NAME)],
            fix="Give the same registry, platforms, overlays and lists as before.",
        )

    def _render(self, mapping: RetagMapping) -> Rendering:
        plan = self._plan
        path = plan.work / names.MAPPING
        write_text(path, mapping.dump(names.MAPPING))
        return read_and_render(
            Inputs(
                bundle=plan.charms.bundle or "",
                charms=self._charms,
                mapping=path,
                settings=plan.settings,
                overlays=plan.charms.overlays,
                rules=plan.rules,
                allow_public=plan.allow_public,
                relative_to=plan.work,
                architecture=plan.charms.architecture,
            ),
            carry=lambda found: carry_resources(found, self._out, plan.work),
        )

    def _assumes(self, lock: Lock, lacking: frozenset[str]) -> Assumes | None:
        since = self._plan.since
        if since is None:
            return None
        now = [(one.file, one.sha384) for one in lock.charms]
        return Assumes(
            bundle=since.bundle,
            lock_sha256=since.sha256,
            charms=unchanged_charms(since, now),
            blobs=lacking,
        )

    def _write_documents(
        self,
        listing: Listing,
        mapping: RetagMapping,
        rendering: Rendering,
        lock: Lock,
        assumes: Assumes | None,
    ) -> None:
        plan, out = self._plan, self._out
        bundle = listing.named.bundle
        label = bundle_label(listing.named, plan.charms.bundle or "")
        left_out = self._left_out(mapping, lock)
        carried = {one.source for one in lock.images}
        lines = [str(one.source) for one in mapping.images if str(one.source) in carried]
        texts = {
            names.IMAGE_LIST: "".join(f"{line}\n" for line in lines),
            names.RETAGGED: mapping.to_text(),
            names.BUNDLE: bundle.to_yaml(),
            names.OVERLAY: rendering.overlay_yaml(),
            names.MERGED: rendering.bundle_yaml(),
            names.LOCK_NAME: lock.to_text(),
            names.README: readme(
                bundle=label,
                version=lock.tool,
                registry=str(plan.registry),
                images=plan.images_name,
                split=self._is_split(),
                tool=plan.tool is not None,
                mapping=plan.max_depth is not None,
                mirrors=(out / names.MIRRORS).is_dir(),
                signed=plan.signing_key is not None,
                assumes=assumes,
                share=Share(
                    need=plan.need,
                    carried=len(lines),
                    total=len(mapping.images),
                    left_out=len(left_out),
                ),
            ),
        }
        optional = {
            names.LEFT_OUT: "".join(f"{line}\n" for line in left_out) or None,
            names.MAPPING: mapping.dump(names.MAPPING) if plan.max_depth is not None else None,
            names.ASSUMES: assumes.to_text() if assumes is not None else None,
        }
        for name, text in (texts | optional).items():
            if text is None:
                (out / name).unlink(missing_ok=True)
            else:
                write_text(out / name, text)

    def _is_split(self) -> bool:
        size = (self._out / self._plan.images_name).stat().st_size
        return self._plan.part_bytes is not None and size > self._plan.part_bytes

    async def _add_tool(self) -> None:
        target, out = self._plan.tool, self._out
        if target is None:
            await in_thread(shutil.rmtree, out / names.WHEELS, ignore_errors=True)
            await in_thread((out / names.INSTALL).unlink, missing_ok=True)
            return
        self._step("fetching the wheels of ckf-airgap")
        await collect_wheels(target, out / names.WHEELS, self._plan.work)
        script = install_script(
            version=__version__, python=target.python, machine=target.machine, wheels=names.WHEELS
        )
        await in_thread(write_text, out / names.INSTALL, script)
        await in_thread((out / names.INSTALL).chmod, 0o755)
