"""Read everything that a plan is made from: the model, its conditions, the files of the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.juju.controller.conditions import with_conditions
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.identities import read_identities
from ckf_airgap.juju.controller.status import read_live_model, with_charms
from ckf_airgap.juju.controller.uploadnotes import read_notes
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import WantedIdentity
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.planner import charms_to_read
from ckf_airgap.juju.planning.uploadnotes import UploadNotes, with_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """What a plan is made from.

    Attributes:
        live: What the model has.
        identities: The charms and resources that the bundle gives to its applications.
        notes: What earlier deployments noted of their uploads.
    """

    live: LiveModel
    identities: Mapping[str, WantedIdentity] = field(default_factory=dict, repr=False)
    notes: UploadNotes = field(default_factory=UploadNotes, repr=False)


async def read_for_plan(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    registry_auth: PullLogins | None = None,
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
) -> KnownModel:
    """Return what a plan for the model of a session is made from.

    Args:
        session: The model.
        bundle: The merged bundle.
        charms: The charm of each application.
        registry_auth: The login that images of the private registry are deployed with.
        policy: How far the plan may go.

    Raises:
        MissingError: when the file of a charm or a resource cannot be read.
        ControllerError: when the controller cannot be called.
    """
    live = await read_live_model(
        session.api, session.model_name, bundle.applications, uuid=session.uuid
    )
    live = await with_conditions(session, bundle, live)
    notes = await read_notes(session.api, session.uuid)
    live = with_notes(live, notes)
    identities = await read_identities(bundle, charms, live, registry_auth)
    changing = charms_to_read(bundle, charms, live, identities, policy)
    live = await with_charms(session.api, live, changing)
    return KnownModel(live=live, identities=identities, notes=notes)
