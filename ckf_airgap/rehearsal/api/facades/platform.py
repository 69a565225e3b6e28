"""Facades that a Kubernetes model advertises, and that do next to nothing there.

Some are refused on every such model, as a real controller does.
"""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method


class MachineManager(Facade):
    """Machines: refused."""

    name: ClassVar[str] = "MachineManager"
    versions: ClassVar[tuple[int, ...]] = (9, 10)
    refused_on_containers: ClassVar[bool] = True


class Spaces(Facade):
    """Network spaces: refused."""

    name: ClassVar[str] = "Spaces"
    versions: ClassVar[tuple[int, ...]] = (6,)
    refused_on_containers: ClassVar[bool] = True


class Subnets(Facade):
    """Subnets: refused."""

    name: ClassVar[str] = "Subnets"
    versions: ClassVar[tuple[int, ...]] = (5,)
    refused_on_containers: ClassVar[bool] = True


class KeyManager(Facade):
    """SSH keys of machines: refused."""

    name: ClassVar[str] = "KeyManager"
    versions: ClassVar[tuple[int, ...]] = (1,)
    refused_on_containers: ClassVar[bool] = True


class HighAvailability(Facade):
    """High availability: there is only a single controller."""

    name: ClassVar[str] = "HighAvailability"
    versions: ClassVar[tuple[int, ...]] = (2,)
    scope: ClassVar[Scope] = "both"


class Payloads(Facade):
    """Payloads: charm code registers them, and a rehearsal does not run any."""

    name: ClassVar[str] = "Payloads"
    versions: ClassVar[tuple[int, ...]] = (1,)

    @rpc_method
    async def list(self, _params: Document) -> Document:
        """Return no payloads; Juju's own answer leaves out the list then, too."""
        return {"results": None}


class SSHClient(Facade):
    """SSH to units: their addresses are not reachable in a rehearsal."""

    name: ClassVar[str] = "SSHClient"
    versions: ClassVar[tuple[int, ...]] = (4,)


class ModelSummaryWatcher(Facade):
    """Watches model summaries; no call returns such a watcher."""

    name: ClassVar[str] = "ModelSummaryWatcher"
    versions: ClassVar[tuple[int, ...]] = (1,)
    scope: ClassVar[Scope] = "controller"


PLATFORM: tuple[type[Facade], ...] = (
    HighAvailability,
    KeyManager,
    MachineManager,
    ModelSummaryWatcher,
    Payloads,
    SSHClient,
    Spaces,
    Subnets,
)
