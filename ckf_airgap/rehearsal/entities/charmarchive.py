"""What the controller has read from an uploaded ``.charm`` archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.charms.charm import Charm
from ckf_airgap.rehearsal.entities.actionspecs import ActionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmArchive:
    """What the controller reads from an archive."""

    path: Path
    charm: Charm
    actions: Mapping[str, ActionSpec] = field(default_factory=dict, repr=False)
    version: str = ""
    """The file ``version``: a VCS revision, shown in the status."""
    revision: int = 0
    """The file ``revision``; 0 when there is none."""
    sets_status: bool = True
    """Whether its code sets the status of its units."""
