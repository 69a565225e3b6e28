"""Plan what is missing of a bundle in a model, and carry it out."""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.charms.charm import Charm
from ckf_airgap.juju.applying.converge import Conduct, converge
from ckf_airgap.juju.applying.events import OnEvent
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.controller.planreading import read_for_plan
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.net.limits import DEFAULT_LIMIT


async def plan_for(
    session: Session,
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    registry_auth: PullLogins | None = None,
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
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
    known = await read_for_plan(session, bundle, charms, registry_auth=registry_auth, policy=policy)
    return plan_deployment(bundle, charms, known.live, known.identities, policy)


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
