"""Collecting the charms of a bundle: which are wanted, which are there, and fetching the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from ckf_airgap._version import __version__
from ckf_airgap.bundle.bases import requested_base
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.bundlefile import load_overlays
from ckf_airgap.bundle.charmpaths import local_files
from ckf_airgap.bundle.charmurls import is_path
from ckf_airgap.bundle.checks import overlaid
from ckf_airgap.bundle.choosing import architecture_constraint, best
from ckf_airgap.charmhub.channel import Channel
from ckf_airgap.charmhub.download import (
    LOCK_HASH,
    CharmListener,
    FetchedCharm,
    fetch_charms,
    hash_file,
    ignore_charm,
)
from ckf_airgap.charmhub.refresh import WantedCharm
from ckf_airgap.charmhub.store import CharmStore, StoreOptions
from ckf_airgap.charms.bases import described
from ckf_airgap.charms.charm import Base, Charm, charm_name_of_path
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.charms.directory import contradiction
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import (
    AirgapError,
    CharmNotFoundError,
    InputError,
    IntegrityError,
    Problem,
    UsageError,
    raise_all,
)
from ckf_airgap.facts.defaults import DEFAULT_ARCHITECTURE
from ckf_airgap.files import disk_error, replacing, require_directory
from ckf_airgap.files.paths import StrPath, settle
from ckf_airgap.net.patience import OnRetry, ignore_retry
from ckf_airgap.operations.lock import FILE_NAME, Lock, LockedCharm, document_sha256
from ckf_airgap.operations.rendering import NamedBundle, find_bundle

CharmState: TypeAlias = Literal["present", "missing", "damaged", "surplus"]
"""How a charm file relates to the bundle; ``surplus`` is one that nobody asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmSources:
    """Which charms are collected, and from where.

    Attributes:
        bundle: The path of a bundle or the name of a shipped release; ``None`` for `extra` only.
        extra: Additional charms of the store.
        overlays: The user's own overlays.
        architecture: The architecture that charms must run on.
        base: The base that they must run on; ``None`` for that of the bundle, or the newest.
        lock: Take exactly the charms of this lock.
        store: How to talk to the store.
        jobs: How many files to fetch at the same time.
    """

    bundle: str | Path | None = None
    extra: tuple[WantedCharm, ...] = ()
    overlays: tuple[Path, ...] = ()
    architecture: str = DEFAULT_ARCHITECTURE
    base: Base | None = None
    lock: Lock | None = None
    store: StoreOptions = field(default_factory=StoreOptions)
    jobs: int = 4

    def __post_init__(self) -> None:
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadedCharms:
    """The charms of a bundle, all there.

    Attributes:
        charms: What they are, by the names of their files.
        lock: The lock of charms only.
        directory: Where they are.
        received: Bytes that came over the network.
        fetched: Files that were not there.
        surplus: Charm files in the directory that nobody asks for.
        warnings: What has no effect in the bundle and its overlays.
    """

    charms: tuple[LockedCharm, ...] = field(repr=False)
    lock: Lock
    directory: Path
    received: int
    fetched: int
    surplus: tuple[Path, ...] = field(repr=False)
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCharm:
    """A line of ``charms list``."""

    name: str
    state: CharmState
    asked: str = ""
    """What the bundle or the lock asks for."""
    file: str = ""
    revision: int | None = None
    size: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmListing:
    """What a bundle or a lock asks for, beside what is there; iterates over `charms`.

    Attributes:
        charms: The lines.
        warnings: What has no effect in the bundle and its overlays.
    """

    charms: tuple[ListedCharm, ...]
    warnings: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[ListedCharm]:
        """Yield the lines."""
        return iter(self.charms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked for: charms of the store, and files that the bundle brings itself."""

    name: str
    document_sha256: str
    wanted: tuple[WantedCharm, ...]
    local: tuple[Path, ...]
    warnings: tuple[Problem, ...] = ()


async def download_charms(
    sources: CharmSources,
    directory: StrPath,
    *,
    listener: CharmListener = ignore_charm,
    retrying: OnRetry = ignore_retry,
) -> DownloadedCharms:
    """Bring the charms of a bundle into a directory; intact files are left alone.

    Args:
        sources: Which charms.
        directory: Where to.
        listener: Is notified of progress.
        retrying: Is notified when something is tried again.

    Raises:
        CharmNotFoundError: when the store, or the disk, lacks some; all are named.
        IntegrityError: when a file is not what the store or the lock says.
        TransferError: when some could not be fetched.
        UsageError: when the lock is for another bundle.
        InputError: when `directory` is something else.
    """
    directory = Path(directory)
    await in_thread(lambda: require_directory(directory, may_be_missing=True))
    asked = await in_thread(_read_asked, sources, directory)
    if sources.lock is not None:
        return await _collect_locked(
            sources, sources.lock, asked, directory, listener=listener, retrying=retrying
        )
    fetched: list[FetchedCharm] = []
    if asked.wanted:
        async with CharmStore(sources.store, retrying) as store:
            fetched = await fetch_charms(
                store, asked.wanted, directory, jobs=sources.jobs, listener=listener
            )
    local = await in_thread(_copy_local, asked.local, directory)
    charms = (*(_locked(one) for one in fetched), *local)
    lock = Lock(
        tool=__version__,
        bundle=asked.name,
        bundle_sha256=asked.document_sha256,
        architecture=sources.architecture,
        charms=charms,
    )
    return await _collected(charms, lock, directory, fetched, asked.warnings)


async def list_charms(sources: CharmSources, directory: StrPath) -> CharmListing:
    """Compare the charm files of a directory with what a bundle or a lock asks for.

    Raises:
        MissingError: when the directory is not there.
        InputError: when it is something else.
    """
    directory = Path(directory)
    await in_thread(require_directory, directory)
    asked = await in_thread(_read_asked, sources, directory)
    lines = await in_thread(_list, sources, asked, directory)
    return CharmListing(charms=tuple(lines), warnings=asked.warnings)


def wanted_charms(
    bundle: Bundle, *, architecture: str = DEFAULT_ARCHITECTURE, base: Base | None = None
) -> tuple[WantedCharm, ...]:
    """Return the charms of the store that a bundle asks for, each once.

    Args:
        bundle: The bundle.
        architecture: The architecture that they must run on where constraints name none.
        base: The base; ``None`` takes the application's or the bundle's, if they name one.

    Raises:
        InputError: naming every invalid channel, and every series that Juju does not know.
    """
    wanted: dict[WantedCharm, None] = {}
    problems: list[Problem] = []
    for application in bundle.applications.values():
        if application.is_local:
            continue
        try:
            charm = _wanted(application, bundle, architecture, base)
        except InputError as exc:
            problems.append(Problem(exc.message, f"application {application.name}"))
            continue
        wanted[charm] = None
    raise_all(InputError, "channels or bases of the bundle cannot be used", problems)
    return tuple(wanted)


def _wanted(
    application: Application, bundle: Bundle, architecture: str, base: Base | None
) -> WantedCharm:
    named = base or requested_base(application, bundle)
    return WantedCharm(
        name=application.charm_name,
        channel=Channel.parse(application.channel or "stable"),
        revision=application.revision,
        architecture=architecture_constraint(application.constraints) or architecture,
        base=None if named is None else Base(name=named.name, channel=named.track),
    )


def _read_asked(sources: CharmSources, directory: Path) -> _Asked:
    """Read the bundle; blocks on the disk."""
    extra = tuple(
        replace(one, architecture=sources.architecture, base=one.base or sources.base)
        for one in sources.extra
    )
    if sources.bundle is None:
        if not extra and sources.lock is None:
            raise UsageError("neither a bundle nor a charm was given")
        names = ", ".join(str(one) for one in extra) or "charms"
        return _Asked(name=names, document_sha256=document_sha256({}), wanted=extra, local=())
    named = find_bundle(sources.bundle)
    overlays = load_overlays(sources.overlays, named.bundle.directory)
    bundle = overlaid(named.bundle, overlays.documents, overlays.names)
    wanted = wanted_charms(bundle, architecture=sources.architecture, base=sources.base)
    return _Asked(
        name=bundle_label(named, sources.bundle),
        document_sha256=document_sha256(bundle.document),
        wanted=tuple(dict.fromkeys((*wanted, *extra))),
        local=_local_files(bundle, directory),
        warnings=(*overlays.warnings, *bundle.warnings),
    )


def bundle_label(named: NamedBundle, given: str | Path) -> str:
    """Return what a bundle is called, without the directory that it happens to be in."""
    return named.release.name if named.release is not None else Path(given).name


def _local_files(bundle: Bundle, directory: Path) -> tuple[Path, ...]:
    """Return the files that a bundle names as charms: where it says, else those in a directory."""
    found: dict[Path, None] = {}
    missing = [
        Problem(
            f"{application.charm} was uploaded to a controller, and no store has it",
            f"application {name}",
            "name its file in an overlay: charm: ./NAME.charm",
        )
        for name, application in bundle.applications.items()
        if application.is_local and not is_path(application.charm)
    ]
    for name, file in local_files(bundle).items():
        carried = directory / file.name
        if file.is_file() or carried.is_file():
            found[file if file.is_file() else carried] = None
        else:
            what = f"there is no file {file}"
            missing.append(Problem(what, f"application {name}, a charm that is named as a file"))
    raise_all(CharmNotFoundError, "charm files of the bundle are missing", missing)
    names: dict[str, Path] = {}
    clashes = [
        Problem(f"{names[file.name]} and {file} would be one file in {directory}", fix="rename one")
        for file in found
        if not names.setdefault(file.name, file).samefile(file)
    ]
    raise_all(InputError, "charm files of the bundle have the same name", clashes)
    return tuple(found)


def _copy_local(files: Iterable[Path], directory: Path) -> list[LockedCharm]:
    copied = []
    for file in files:
        charm = read_charm(file)
        if not FILE_NAME.match(file.name):
            raise InputError(f"{file} cannot be carried under this name", fix="Rename it.")
        target = directory / file.name
        sha384 = hash_file(file, [LOCK_HASH])[LOCK_HASH]
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if _sha384(target) != sha384:
                with file.open("rb") as source, replacing(target) as copy:
                    shutil.copyfileobj(source, copy)
        except OSError as exc:
            raise disk_error(exc, target) from exc
        copied.append(
            LockedCharm(
                name=charm.name,
                file=file.name,
                size=file.stat().st_size,
                sha384=sha384,
                bases=tuple(map(str, charm.bases)),
            )
        )
    return copied


async def _collect_locked(
    sources: CharmSources,
    lock: Lock,
    asked: _Asked,
    directory: Path,
    *,
    listener: CharmListener,
    retrying: OnRetry,
) -> DownloadedCharms:
    """Bring exactly the charms of a lock; when all are there, the store is not asked."""
    if sources.bundle is not None and asked.document_sha256 != lock.bundle_sha256:
        raise UsageError(
            f"the lock is for {lock.bundle} as it was then, not for {asked.name} as it is now",
            fix="Name the same bundle and overlays, or make a new lock.",
        )
    await in_thread(_copy_local, asked.local, directory)
    checksums = lock.charm_checksums
    found = await in_thread(
        lambda: {one.file: _sha384(directory / one.file) for one in lock.charms}
    )
    missing = [one for one in lock.charms if found[one.file] != one.sha384]
    lost = [
        Problem("not a charm of the store", one.file) for one in missing if one.revision is None
    ]
    raise_all(CharmNotFoundError, "charms of the lock cannot be obtained", lost)
    fetched: list[FetchedCharm] = []
    if missing:
        wanted = [
            WantedCharm(name=one.name, revision=one.revision, architecture=lock.architecture)
            for one in missing
        ]
        async with CharmStore(sources.store, retrying) as store:
            fetched = await fetch_charms(
                store,
                wanted,
                directory,
                expected=checksums,
                jobs=sources.jobs,
                listener=listener,
            )
        wrong = [
            Problem(f"the store calls it {one.path.name}", one.name)
            for one in fetched
            if one.path.name not in checksums
        ]
        raise_all(IntegrityError, "the lock names files that the store does not have", wrong)
    return await _collected(lock.charms, lock, directory, fetched, asked.warnings)


async def _collected(
    charms: Sequence[LockedCharm],
    lock: Lock,
    directory: Path,
    fetched: Sequence[FetchedCharm],
    warnings: tuple[Problem, ...],
) -> DownloadedCharms:
    names = {one.file for one in charms}
    there = await in_thread(lambda: sorted(directory.glob("*.charm")))
    return DownloadedCharms(
        charms=tuple(sorted(charms, key=lambda one: one.file)),
        lock=lock,
        directory=directory,
        received=sum(one.received for one in fetched),
        fetched=sum(not one.was_there for one in fetched),
        surplus=tuple(path for path in there if path.name not in names),
        warnings=warnings,
    )


def _locked(one: FetchedCharm) -> LockedCharm:
    return LockedCharm(
        name=one.name,
        channel=one.channel,
        revision=one.revision,
        file=one.path.name,
        size=one.size,
        sha384=one.sha384,
        bases=tuple(dict.fromkeys(map(str, one.bases))),
    )


def _sha384(path: Path) -> str:
    try:
        return hash_file(path, [LOCK_HASH])[LOCK_HASH]
    except (FileNotFoundError, InputError):  # nothing, or something else than a file
        return ""


def _list(sources: CharmSources, asked: _Asked, directory: Path) -> list[ListedCharm]:
    charms: dict[Path, Charm] = {}
    files = {path: _read(path, charms) for path in sorted(directory.glob("*.charm"))}
    lines: list[ListedCharm] = []
    used: set[Path] = set()
    if sources.lock is not None:
        for one in sources.lock.charms:
            path = directory / one.file
            used.add(path)
            lines.append(_list_locked(one, path, files))
    else:
        for wanted in asked.wanted:
            candidates = [
                charm
                for charm in charms.values()
                if charm.name == wanted.name and wanted.revision in (None, charm.revision)
            ]
            chosen = best(candidates, wanted.base, wanted.architecture)
            used |= {charm.path for charm in chosen if charm.path is not None}
            lines.append(_list_wanted(wanted, chosen, candidates, files))
        for local in asked.local:
            path = directory / local.name
            used.add(path)
            there = files.get(path)
            state: CharmState = "present" if there is not None else "missing"
            name = charm_name_of_path(local.name)
            lines.append(ListedCharm(name=name, state=state, asked=str(local), file=path.name))
    for path, line in files.items():
        if path not in used:
            state = "surplus" if line.state == "present" else "damaged"
            lines.append(replace(line, state=state))
    return lines


def _read(path: Path, charms: dict[Path, Charm]) -> ListedCharm:
    """Return the line of a file, and add what it declares to `charms`."""
    try:
        charm = charms[path] = read_charm(path)
    except AirgapError as exc:
        name = charm_name_of_path(path.name)
        return ListedCharm(name=name, state="damaged", file=path.name, note=exc.message)
    return ListedCharm(
        name=charm.name,
        state="present",
        file=path.name,
        revision=charm.revision,
        size=charm.size_bytes,
    )


def _list_wanted(
    wanted: WantedCharm,
    chosen: Sequence[Charm],
    candidates: Sequence[Charm],
    files: Mapping[Path, ListedCharm],
) -> ListedCharm:
    """Return the line of a charm of the store; see `ckf_airgap.bundle.choosing.best`."""
    asked = str(wanted).removeprefix(wanted.name).strip()
    if chosen and chosen[-1].path is not None:
        return replace(files[chosen[-1].path], asked=asked, note=_clash(chosen))
    others = ", ".join(
        f"{charm.path.name} ({described(charm)})" for charm in candidates if charm.path is not None
    )
    target = f"{wanted.base} on {wanted.architecture}" if wanted.base else wanted.architecture
    note = f"none of {others} is for {target}" if others else ""
    return ListedCharm(name=wanted.name, state="missing", asked=asked, note=note)


def _clash(chosen: Sequence[Charm]) -> str:
    problem = contradiction(chosen)
    return str(problem) if problem is not None else ""


def _list_locked(one: LockedCharm, path: Path, files: Mapping[Path, ListedCharm]) -> ListedCharm:
    asked = one.channel or (f"revision {one.revision}" if one.revision is not None else "")
    if path not in files:
        return ListedCharm(name=one.name, state="missing", asked=asked, file=one.file)
    if _sha384(path) != one.sha384:
        note = "its sha384 is not the one in the lock"
        return replace(files[path], name=one.name, asked=asked, state="damaged", note=note)
    return replace(files[path], asked=asked)
