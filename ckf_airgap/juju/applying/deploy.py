"""Plan what is missing of a bundle in a model, and carry it out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.juju.applying.converge import Conduct, converge
from ckf_airgap.juju.applying.events import OnEvent
from ckf_airgap.juju.applying.notes import UploadNotes
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.applying.uploads import read_notes
from ckf_airgap.juju.controller.conditions import with_conditions
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.identities import read_identities
from ckf_airgap.juju.controller.status import read_live_model
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import DeploymentRecord, HeldIdentity, WantedIdentity
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.net.limits import DEFAULT_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReading:
    """What a plan is made of, besides the bundle.

    Attributes:
        live: The model.
        identities: The charms and resources that the bundle gives to applications of the model.
        notes: What earlier runs noted of their uploads.
    """

    live: LiveModel
    identities: Mapping[str, WantedIdentity] = field(repr=False)
    notes: UploadNotes = field(repr=False)


async def read_model(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    registry_auth: PullLogins | None = None,
) -> ModelReading:
    """Read what a plan for the model of a session needs to know; nothing is changed.

    Raises:
        MissingError: when the file of a charm or a resource cannot be read.
        ControllerError: when the controller cannot be called.
    """
    live = await read_live_model(session.api, session.model_name, bundle.applications)
    live = await with_conditions(session, bundle, live)
    notes = await read_notes(session.api, session.uuid)
    live = with_notes(live, notes)
    identities = await read_identities(bundle, charms, live, registry_auth)
    return ModelReading(live=live, identities=identities, notes=notes)


def with_notes(live: LiveModel, notes: UploadNotes) -> LiveModel:
    """Return a model in which the charms are known that an interrupted run has sent.

    It noted them before it used them, and could not note any more what it had deployed.
    """
    known = {
        name: dataclasses.replace(application, identity=_noted(application.identity, sha256))
        for name, application in live.applications.items()
        if application.identity.record is None
        for sha256 in [notes.sha256_of(application.identity.charm_url)]
        if sha256
    }
    return dataclasses.replace(live, applications={**live.applications, **known})


def _noted(held: HeldIdentity, sha256: str) -> HeldIdentity:
    record = DeploymentRecord(charm_url=held.charm_url, charm_sha256=sha256, owned=held.owned)
    return dataclasses.replace(held, record=record)


async def plan_for(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    registry_auth: PullLogins | None = None,
    policy: Policy | None = None,
) -> Plan:
    """Return what is missing of a bundle in the model of a session; nothing is changed.

    Args:
        session: The model.
        bundle: The merged bundle, with every option and resource as it must be.
        charms: The charm of each application; two may share one file, which is uploaded once.
        registry_auth: The logins that images are pulled with.
        policy: How far the plan may go.

    Raises:
        BundleError: with everything that is wrong with the bundle.
        MissingError: when the file of a charm or a resource cannot be read.
        ControllerError: when the controller cannot be called.
    """
    read = await read_model(session, bundle, charms, registry_auth)
    return plan_deployment(bundle, charms, read.live, read.identities, policy or Policy())


async def execute(
    session: Session,
    plan: Plan,
    *,
    jobs: int = DEFAULT_LIMIT,
    registry_auth: PullLogins | None = None,
    on_event: OnEvent | None = None,
) -> DeployReport:
    """Carry out a plan in the model of a session, without waiting for anything.

    Args:
        session: The model.
        plan: What `plan_for` returned.
        jobs: How many charms are uploaded at once.
        registry_auth: The logins that images are pulled with.
        on_event: Called with each completed step; must not block.

    Raises:
        RefusedError: with every refusal of the controller, and what was done; or before anything
            is done, when the plan has changes that Juju does not make.
        ControllerError: when the controller can no longer be used.
    """
    conduct = Conduct(jobs=jobs, logins=registry_auth, on_event=on_event)
    return await converge(session, plan, conduct)
