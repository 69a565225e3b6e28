"""The facades of the controller, one module per family; `FACADES` is what is advertised."""

from __future__ import annotations

from typing import Final

from ckf_airgap.rehearsal.facades.admin import Pinger
from ckf_airgap.rehearsal.facades.annotations import Annotations
from ckf_airgap.rehearsal.facades.application import Application
from ckf_airgap.rehearsal.facades.bundle import Bundle
from ckf_airgap.rehearsal.facades.charms import Charms
from ckf_airgap.rehearsal.facades.client import AllWatcher, Client
from ckf_airgap.rehearsal.facades.cloud import Cloud, CredentialManager
from ckf_airgap.rehearsal.facades.controller import Controller
from ckf_airgap.rehearsal.facades.modelconfig import ModelConfig
from ckf_airgap.rehearsal.facades.modelmanager import ModelManager
from ckf_airgap.rehearsal.facades.platform import PLATFORM
from ckf_airgap.rehearsal.facades.resources import Resources
from ckf_airgap.rehearsal.facades.usermanager import UserManager
from ckf_airgap.rehearsal.rpc import Facade

FACADES: Final[tuple[type[Facade], ...]] = (
    AllWatcher,
    Annotations,
    Application,
    Bundle,
    Charms,
    Client,
    Cloud,
    Controller,
    CredentialManager,
    ModelConfig,
    ModelManager,
    Pinger,
    Resources,
    UserManager,
    *PLATFORM,
)
"""Every facade that a logged-in client can reach; the session narrows them by connection."""
