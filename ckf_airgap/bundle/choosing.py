"""Which file of a charm each application is deployed from. Pure, but for files that claim the same.

A charm may be there in several files: revisions of the store, builds for other bases or
architectures. The file of an application is one that it can run on; of several, the one of the
highest revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.bundle.bases import requested_base
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.charmpaths import local_files
from ckf_airgap.charms.bases import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    declared_bases,
    described,
    runs_on,
    select_base,
)
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.charms.directory import CharmDirectory, contradiction
from ckf_airgap.errors import CharmError, CharmNotFoundError, Problem, raise_all


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCharms:
    """The charm file of each application of a bundle.

    Attributes:
        charms: The charm of each application, by the application's name.
        architecture: What was taken for applications that have no constraint ``arch``.
        otherwise: Of such an application, the file for each architecture for which it would be
            another one; ``None`` when no file fits.
        warnings: Files that were passed over for their architecture, when nobody named one.
    """

    charms: dict[str, Charm]
    architecture: str = DEFAULT_ARCHITECTURE
    otherwise: Mapping[str, Mapping[str, Charm | None]] = field(default_factory=dict, repr=False)
    warnings: tuple[Problem, ...] = ()


def architecture_constraint(constraints: str) -> str | None:
    """Return the architecture in a text of constraints, if it names one: ``arch=arm64``."""
    words = [word.partition("=") for word in constraints.split()]
    return next((value for name, _, value in words if name == "arch" and value), None)


def fits(charm: Charm, requested: Base | None, architecture: str) -> bool:
    """Whether a charm can be deployed on a base and an architecture.

    Args:
        charm: The charm. One that declares no base at all fits: it is refused where that counts.
        requested: The base that is asked for; ``None`` takes the charm's first.
        architecture: The architecture.
    """
    try:
        return not declared_bases(charm) or runs_on(select_base(charm, requested), architecture)
    except CharmError:
        return False


def best(files: Sequence[Charm], requested: Base | None, architecture: str) -> tuple[Charm, ...]:
    """Return the files of the highest revision that fit; several when several claim to be it.

    Args:
        files: Files of one charm.
        requested: The base that is asked for, if one is.
        architecture: The architecture.
    """
    fitting = [charm for charm in files if fits(charm, requested, architecture)]
    newest = max((_age(charm) for charm in fitting), default=-1)
    return tuple(charm for charm in fitting if _age(charm) == newest)


def choose_charms(
    bundle: Bundle, charms: CharmDirectory, *, architecture: str | None = None
) -> ChosenCharms:
    """Return the file of each application: one for its base and architecture, the newest of those.

    A path names its file (`CharmDirectory.file_at`), which must fit, too. Where there is no such
    file, or the bundle names a charm of the store, it is a file of the charm; a revision that the
    bundle gives must be there.

    Args:
        bundle: The merged bundle.
        charms: The files at hand.
        architecture: The architecture for applications without a constraint ``arch``; ``None``
            takes `DEFAULT_ARCHITECTURE`, and warns where another one would have another file.

    Raises:
        CharmNotFoundError: naming every application without a file, with the files of the charm
            that are for something else.
        CharmError: when files claim to be the same revision of a charm that is needed, and differ,
            or the bundle names a series that Juju does not know.
    """
    return _Choice(bundle, charms, architecture).made()


class _Choice:
    """Gathers files and problems."""

    def __init__(self, bundle: Bundle, charms: CharmDirectory, architecture: str | None) -> None:
        self.bundle = bundle
        self.directory = charms
        self.named = architecture is not None
        self.architecture = architecture or DEFAULT_ARCHITECTURE
        self.missing: list[Problem] = []
        self.wrong: list[Problem] = []
        self.unclear: dict[Problem, None] = {}
        self.charms: dict[str, Charm] = {}
        self.otherwise: dict[str, Mapping[str, Charm | None]] = {}
        self.compared: dict[frozenset[Path | None], Problem | None] = {}

    def made(self) -> ChosenCharms:
        for application in self.bundle.applications.values():
            self.choose(application)
        raise_all(CharmError, "bases of the bundle cannot be used", self.wrong)
        if self.missing:
            told = all(problem.fix for problem in self.missing)
            raise CharmNotFoundError(
                "applications have no charm file",
                problems=self.missing,
                fix="" if told else self.directory.contents,
            )
        where = self.directory.path
        raise_all(CharmError, f"charm files in {where} cannot be used", list(self.unclear))
        return ChosenCharms(
            charms=self.charms,
            architecture=self.architecture,
            otherwise=self.otherwise,
            warnings=() if self.named else self.passed_over(),
        )

    def choose(self, application: Application) -> None:
        where = f"application {application.name}"
        try:
            requested = requested_base(application, self.bundle)
        except CharmError as exc:
            self.wrong.append(Problem(exc.message, where, exc.fix))
            return
        files = self.candidates(application)
        if files is None:
            return
        constraint = architecture_constraint(application.constraints)
        found = best(files, requested, constraint or self.architecture)
        if not found:
            self.missing.append(self.misfit(application, files, requested, constraint))
            return
        problem = self.contradiction(found)
        if problem is not None:
            self.unclear[problem] = None
            return
        chosen = self.charms[application.name] = found[-1]
        if constraint is None:
            others = {
                name: next(iter(best(files, requested, name)[-1:]), None) for name in ARCHITECTURES
            }
            different = {name: file for name, file in others.items() if file is not chosen}
            if different:
                self.otherwise[application.name] = different

    def candidates(self, application: Application) -> Sequence[Charm] | None:
        """Return the files that may be meant; ``None`` when there is none, which is noted."""
        if application.is_local:
            file = self.directory.file_at(application.charm, application.name)
            if file is not None:
                return [file]
        name = application.charm_name
        revision = None if application.is_local else application.revision
        files = self.directory.files_of(name, revision=revision)
        if files:
            return files
        what = f"charm {name}" + (f" revision {revision}" if revision is not None else "")
        named = local_files(self.bundle).get(application.name)
        here = f"there is no file {named}, and " if named is not None else ""
        self.missing.append(
            Problem(
                f"{here}{self.directory.path} has no file of the {what}",
                f"application {application.name}",
                self.directory.hint(name),
            )
        )
        return None

    def contradiction(self, files: tuple[Charm, ...]) -> Problem | None:
        if len(files) < 2:
            return None
        key = frozenset(charm.path for charm in files)
        if key not in self.compared:
            self.compared[key] = contradiction(files)
        return self.compared[key]

    def misfit(
        self,
        application: Application,
        files: Sequence[Charm],
        requested: Base | None,
        constraint: str | None,
    ) -> Problem:
        """Return the problem of an application whose charm is there for something else only."""
        architecture = constraint or self.architecture
        others = [name for name in ARCHITECTURES if best(files, requested, name)]
        listed = ", ".join(f"{_file(charm)} ({described(charm)})" for charm in files)
        if not others:
            reasons = dict.fromkeys(_reason(charm, requested) for charm in files)
            return Problem(
                f"no file of charm {files[0].name} fits: {'; '.join(reasons)}",
                f"application {application.name}",
                f"there is {listed}: fetch one that fits, or name another base in the bundle",
            )
        if constraint is not None:
            why = "as its constraints ask"
        elif self.named:
            why = "as --arch says"
        else:
            why = "which is assumed when neither --arch nor its constraints name another"
        on = f"{requested} on {architecture}" if requested is not None else architecture
        names = " or ".join(others)
        fix = (
            f"there is {listed}: fetch one for {architecture}"
            if constraint is not None
            else f"there is {listed}: fetch one for {architecture}, or name that of the "
            f"cluster: --arch {names}, and constraints: arch={names} in the bundle or the model"
        )
        return Problem(
            f"no file of charm {files[0].name} is for {on}, {why}",
            f"application {application.name}",
            fix,
        )

    def runs_here(self, charm: Charm) -> bool:
        return not charm.bases or any(runs_on(base, self.architecture) for base in charm.bases)

    def passed_over(self) -> tuple[Problem, ...]:
        """Return a warning when newer files are for another architecture, and nobody named one."""
        files: dict[str, set[str]] = {}
        for others in self.otherwise.values():
            for architecture, charm in others.items():
                if charm is not None and not self.runs_here(charm):
                    files.setdefault(architecture, set()).add(_file(charm))
        if not files:
            return ()
        listed = "; ".join(f"{', '.join(sorted(names))} for {key}" for key, names in files.items())
        return (
            Problem(
                f"charms for {self.architecture} are taken, and there are others: {listed}",
                fix="give --arch when the cluster has another architecture",
            ),
        )


def _age(charm: Charm) -> int:
    """Order files of one charm: one without revision is the oldest."""
    return -1 if charm.revision is None else charm.revision


def _file(charm: Charm) -> str:
    return charm.path.name if charm.path is not None else charm.name


def _reason(charm: Charm, requested: Base | None) -> str:
    try:
        select_base(charm, requested)
    except CharmError as exc:
        return exc.message
    return f"{_file(charm)} is for no architecture that Juju knows"
