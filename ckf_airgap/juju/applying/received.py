"""What a controller has received for a deployment, in this run and in those before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.juju.controller.upload import UploadedCharm
from ckf_airgap.juju.planning.steps import ResourceUpload, UploadCharm
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from ckf_airgap.juju.snapshots.charmurl import charm_name_of_url


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What tells that a file is still the one that was read.

    Attributes:
        size_bytes: Its size.
        modified_ns: When it was written last.
    """

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return the state of a file; `OSError` when it cannot be read; blocks."""
        found = path.stat()
        return cls(size_bytes=found.st_size, modified_ns=found.st_mtime_ns)


@dataclass(slots=True)
class _Announced:
    pending_id: str
    sent: ResourceUpload | None = field(default=None, repr=False)
    """What was uploaded under that id in this run."""


class Received:
    """The charms and resources that a controller has, and that are not to be sent again.

    Args:
        notes: What an earlier run noted in the model.
        release: The release that this run deploys; empty when it is none.
    """

    def __init__(self, notes: UploadNotes, release: str = "") -> None:
        self._release = release
        self._noted = dict(notes.charms)
        self._charms: dict[Path, tuple[FileState, UploadedCharm]] = {}
        self._users: dict[str, frozenset[str]] = {}
        self._announced: dict[tuple[str, str], _Announced] = {
            (application, resource): _Announced(pending_id)
            for name, pending_id in notes.resources.items()
            for application, _, resource in [name.partition("/")]
        }
        self._recorded: set[str] = set()
        self.is_noted = bool(notes.charms or notes.resources)
        """Whether the model has notes."""

    @property
    def noted(self) -> Mapping[str, str]:
        """The URL of each charm that an earlier run noted, by its checksum."""
        return self._noted

    def confirm(self, urls: Iterable[str]) -> None:
        """Forget the noted charms that the controller does not have any more."""
        known = {*urls}
        self._noted = {sha256: url for sha256, url in self._noted.items() if url in known}

    def charm(self, path: Path, state: FileState) -> UploadedCharm | None:
        """Return the charm that was received from a file in this run, if the file is the same."""
        found = self._charms.get(path)
        return found[1] if found is not None and found[0] == state else None

    def noted_charm(self, step: UploadCharm, sha256: str) -> UploadedCharm | None:
        """Return the charm of a file with that checksum, if an earlier run has sent it."""
        url = self._noted.get(sha256, "")
        # Whoever may write to the model may have written the note.
        if charm_name_of_url(url) != step.charm:
            return None
        return UploadedCharm(url=url, sha256=sha256)

    def is_from_before(self, charm: UploadedCharm) -> bool:
        """Whether it was an earlier run that sent a charm."""
        return self._noted.get(charm.sha256) == charm.url

    def add_charm(self, step: UploadCharm, state: FileState, charm: UploadedCharm) -> None:
        """Remember a charm that the controller has."""
        self._charms[step.path] = (state, charm)
        self._users[charm.sha256] = self._users.get(charm.sha256, frozenset()) | {
            *step.applications
        }

    def url_of(self, path: Path) -> UploadedCharm | None:
        """Return the charm of a file, as far as it was received in this run."""
        found = self._charms.get(path)
        return found[1] if found is not None else None

    def pending_id(self, application: str, resource: str) -> str:
        """Return the id under which a resource was announced; empty when it was not."""
        announced = self._announced.get((application, resource))
        return announced.pending_id if announced is not None else ""

    def was_sent(self, application: str, resource: ResourceUpload) -> bool:
        """Whether a resource was uploaded in this run, under the id that it has."""
        announced = self._announced.get((application, resource.name))
        return announced is not None and announced.sent == resource

    def announce(self, application: str, resource: str, pending_id: str) -> None:
        """Remember the id under which a resource was announced."""
        self._announced[application, resource] = _Announced(pending_id)

    def sent(self, application: str, resource: ResourceUpload) -> None:
        """Remember that a resource was uploaded."""
        self._announced[application, resource.name].sent = resource

    def forget_resources(self, application: str) -> None:
        """The announced resources of an application were used, or dropped by the controller."""
        for key in [key for key in self._announced if key[0] == application]:
            del self._announced[key]

    def recorded(self, application: str) -> None:
        """It was noted what an application was deployed from: its charm is in use."""
        self._recorded.add(application)

    def forget(self) -> None:
        """Everything is as it should be: what is noted and not in use, nobody needs."""
        self._noted = {}
        self._charms = {}
        self._announced = {}

    def notes(self) -> UploadNotes:
        """Return what the next run needs to know, if this one ends now."""
        charms = {sha256: url for sha256, url in self._noted.items() if sha256 not in self._users}
        for _, charm in self._charms.values():
            if not self._users[charm.sha256] <= self._recorded:
                charms[charm.sha256] = charm.url
        return UploadNotes(
            release=self._release,
            charms=charms,
            resources={
                f"{application}/{resource}": announced.pending_id
                for (application, resource), announced in self._announced.items()
            },
        )
