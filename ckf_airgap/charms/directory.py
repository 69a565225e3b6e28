"""The ``.charm`` files that are at hand: those of a directory, and those that a bundle names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.charms.charm import Charm, charm_name_of_path
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.errors import (
    AirgapError,
    CharmError,
    CharmNotFoundError,
    Problem,
    capitalised,
    nearest,
)
from ckf_airgap.files import open_regular
from ckf_airgap.files.paths import StrPath


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmDirectory:
    """The charms in a directory, by the names inside the files.

    Attributes:
        path: The directory.
        charms: The newest file of each charm, by charm name.
        all_files: Every file that was read, in the order of name and revision.
        named: The files that a bundle names by their paths, wherever they are, by application.
    """

    path: Path
    charms: Mapping[str, Charm] = field(repr=False)
    all_files: tuple[Charm, ...] = field(default=(), repr=False)
    named: Mapping[str, Charm] = field(default_factory=dict, repr=False)

    @classmethod
    def scan(cls, path: StrPath, *, wanted: Iterable[str] | None = None) -> CharmDirectory:
        """Read the ``.charm`` files of a directory (not hidden ones, and not its subdirectories).

        Args:
            path: The directory.
            wanted: Names of charms that are needed; a broken file whose name says that it is some
                other charm is ignored. ``None`` means that every file must be intact.

        Raises:
            CharmNotFoundError: when the directory does not exist.
            CharmError: when it is not a directory, or files are broken; all findings are reported
                together.
        """
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise CharmError(f"{path} is not a directory", fix="Name one with --charms DIR.")
        if not path.is_dir():
            raise CharmNotFoundError(
                f"there is no charms directory {path}",
                fix="Name it with --charms DIR; it holds the files of charms.tar.gz.",
            )
        found: list[Charm] = []
        broken: list[tuple[str, Problem]] = []
        for file in sorted(path.glob("*.charm")):
            if file.name.startswith("."):
                continue
            try:
                found.append(read_charm(file))
            except AirgapError as exc:
                named = charm_name_of_path(file.name)
                what = "; ".join([exc.message, *map(str, exc.problems)])
                broken.append((named, Problem(what, fix=exc.fix.rstrip("."))))
        needed = None if wanted is None else frozenset(wanted)
        missing = needed is not None and not needed <= {charm.name for charm in found}
        problems = [
            problem for named, problem in broken if needed is None or missing or named in needed
        ]
        if problems:
            raise CharmError(f"charm files in {path} cannot be used", problems=problems)
        return cls.of(found, path=path)

    @classmethod
    def of(
        cls, charms: Iterable[Charm], *, path: Path, named: Mapping[str, Charm] | None = None
    ) -> CharmDirectory:
        """Return a directory of charms that have been read already."""
        ordered = sorted(charms, key=_age)
        return cls(
            path=path,
            charms={charm.name: charm for charm in ordered},
            all_files=tuple(ordered),
            named=named or {},
        )

    def files_of(self, name: str, *, revision: int | None = None) -> tuple[Charm, ...]:
        """Return the files of the charm with exactly this name, the oldest first.

        Args:
            name: The charm's name.
            revision: Only those of this revision of the store.
        """
        return tuple(
            charm
            for charm in self.all_files
            if charm.name == name and revision in (None, charm.revision)
        )

    def file_at(self, path: str, application: str) -> Charm | None:
        """Return the file that a bundle names by its path.

        That is the file itself, or one of the same name in the directory: the path may be that of
        another machine, such as the one where the bundle was rendered.
        """
        if application in self.named:
            return self.named[application]
        name = Path(path).name
        return next((one for one in self.all_files if one.path and one.path.name == name), None)

    def find(self, name: str, *, revision: int | None = None) -> Charm:
        """Return the newest file of the charm with exactly this name, or the given revision.

        Raises:
            CharmNotFoundError: when there is none; the message names the nearest.
        """
        files = self.files_of(name, revision=revision)
        if files:
            return files[-1]
        what = f"charm {name}" + (f" revision {revision}" if revision is not None else "")
        hint = self.hint(name)
        raise CharmNotFoundError(
            f"{self.path} has no file of the {what}",
            fix=capitalised(hint) if hint else self.contents,
        )

    def hint(self, name: str) -> str:
        """Return what is close to a missing charm: its other revisions, or a similar name.

        An empty string when nothing is.
        """
        others = [charm.revision for charm in self.all_files if charm.name == name]
        if not others:
            return nearest(name, self.charms)
        had = ", ".join(str(other) if other is not None else "one unknown" for other in others)
        return f"it has revision {had}"

    @property
    def contents(self) -> str:
        """Which charms the directory has, as a sentence."""
        if not self.charms:
            return (
                f"{self.path} has no charm file at all: put the files of charms.tar.gz there, or "
                "name their directory with --charms DIR."
            )
        return f"{self.path} has: {', '.join(sorted(self.charms))}."

    def __iter__(self) -> Iterator[Charm]:
        """Yield the newest charm of each name."""
        return iter(self.charms.values())


def _age(charm: Charm) -> tuple[str, bool, int, str]:
    """Order files of one charm: without revision first, then by revision, then by file name."""
    known = charm.revision is not None
    return (charm.name, known, charm.revision or 0, charm.path.name if charm.path else "")


def contradiction(charms: Sequence[Charm]) -> Problem | None:
    """Return a problem when files that claim one charm and revision differ; reads all of them."""
    if len(charms) < 2 or len({_content(charm) for charm in charms}) < 2:
        return None
    files = ", ".join(charm.path.name for charm in charms if charm.path)
    first = charms[0]
    claim = f"revision {first.revision}" if first.revision is not None else "no revision"
    return Problem(
        f"{files} differ, and each claims to be the charm {first.name} with {claim}",
        fix="keep the right one, or name its path in the bundle",
    )


def _content(charm: Charm) -> str:
    """Return the SHA-256 of a file; read only when two files claim the same."""
    digest = hashlib.sha256()
    if charm.path is not None:
        with open_regular(charm.path, error=CharmError) as stream:
            while chunk := stream.read(1024 * 1024):
                digest.update(chunk)
    return digest.hexdigest()
