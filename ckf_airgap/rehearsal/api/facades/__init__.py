"""The controller's facades, one module per family; `FACADES` lists those advertised."""

from __future__ import annotations

from typing import Final

from ckf_airgap.rehearsal.api.facade import Facade
from ckf_airgap.rehearsal.api.facades.action import Action, StringsWatcher
from ckf_airgap.rehearsal.api.facades.admin import Pinger
from ckf_airgap.rehearsal.api.facades.annotations import Annotations
from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.applicationoffers import ApplicationOffers
from ckf_airgap.rehearsal.api.facades.block import Block
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.api.facades.charms import Charms
from ckf_airgap.rehearsal.api.facades.client import AllWatcher, Client
from ckf_airgap.rehearsal.api.facades.cloud import Cloud
from ckf_airgap.rehearsal.api.facades.cloudcredentials import CredentialManager
from ckf_airgap.rehearsal.api.facades.controller import Controller
from ckf_airgap.rehearsal.api.facades.modelconfig import ModelConfig
from ckf_airgap.rehearsal.api.facades.modelmanager import ModelManager
from ckf_airgap.rehearsal.api.facades.platform import PLATFORM
from ckf_airgap.rehearsal.api.facades.resources import Resources
from ckf_airgap.rehearsal.api.facades.secrets import SecretBackends, Secrets
from ckf_airgap.rehearsal.api.facades.storage import Storage
from ckf_airgap.rehearsal.api.facades.usermanager import UserManager

FACADES: Final[tuple[type[Facade], ...]] = (
    Action,
    AllWatcher,
    Annotations,
    Application,
    ApplicationOffers,
    Block,
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
    SecretBackends,
    Secrets,
    Storage,
    StringsWatcher,
    UserManager,
    *PLATFORM,
)
"""Every facade a logged-in client can reach; the session narrows them down by connection."""
