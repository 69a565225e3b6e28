"""What is missing of a rendering in a model: planned before, meanwhile and afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ckf_airgap.bundle.login import PullLogins
from ckf_airgap.errors import ModelNotFoundError, Problem, RefusedError, raise_all
from ckf_airgap.facts.upgrades import ReleaseUpgrade
from ckf_airgap.juju.applying.stages import Ordering
from ckf_airgap.juju.controller.architecture import model_architecture
from ckf_airgap.juju.controller.conditions import new_model
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.identities import read_identities
from ckf_airgap.juju.controller.planreading import KnownModel, read_for_plan
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.differences import Difference, Policy
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import DeployApplication, Step, UploadCharm
from ckf_airgap.rendering.overlay import Rendering


class ModelPlanner:
    """Plans what is missing of a rendering in the model of a session, as often as it is asked.

    Args:
        session: The model.
        rendering: What it is to have.
        logins: The logins that images are pulled with.
        policy: How far a plan may go.

    Attributes:
        known: The model as it was read last; ``None`` before it was.
    """

    def __init__(
        self, session: Session, rendering: Rendering, logins: PullLogins | None, policy: Policy
    ) -> None:
        self._session = session
        self._rendering = rendering
        self._logins = logins
        self._policy = policy
        self.known: KnownModel | None = None

    async def plan(self) -> Plan:
        """Read the model, and return the plan for it.

        Raises:
            BundleError: with everything that is wrong with the bundle.
            MissingError: when the file of a charm or a resource cannot be read.
            RefusedError: when the model puts applications on another architecture than that for
                which their charms were chosen.
            ControllerError: when the controller cannot be called.
        """
        session, rendering = self._session, self._rendering
        bundle, charms, policy = rendering.bundle, rendering.charms, self._policy
        known = await read_for_plan(
            session, bundle, charms, registry_auth=self._logins, policy=policy
        )
        self.known = known
        plan = plan_deployment(bundle, charms, known.live, known.identities, policy)
        await _check_architecture(session, rendering, plan)
        return plan


async def plan_of(
    rendering: Rendering,
    target: JujuTarget,
    logins: PullLogins | None,
    policy: Policy,
    *,
    create_model: bool = False,
) -> Plan:
    """Return the plan for a model, or for the one that would be made when there is none yet.

    Args:
        rendering: What it is to have.
        target: The model.
        logins: The logins that images are pulled with.
        policy: How far the plan may go.
        create_model: Whether the model would be made.

    Raises:
        AirgapError: what `ModelPlanner.plan` raises.
        ModelNotFoundError: when there is no such model, and it would not be made.
    """
    try:
        async with connect(target, watch=False) as session:
            return await ModelPlanner(session, rendering, logins, policy).plan()
    except ModelNotFoundError:
        if not create_model:
            raise
        live = await new_model(target)
        identities = await read_identities(rendering.bundle, rendering.charms, live, logins)
        return plan_deployment(rendering.bundle, rendering.charms, live, identities, policy)


async def check_new_model(rendering: Rendering, target: JujuTarget, policy: Policy) -> None:
    """Find what the controller would refuse before the model is made, which would stay behind.

    Raises:
        BundleError: with everything that is wrong with the bundle.
    """
    try:
        async with connect(target, watch=False):
            return  # the plan for it is made, and checked, with its own connection
    except ModelNotFoundError:
        live = await new_model(target)
        plan_deployment(rendering.bundle, rendering.charms, live, policy=policy)


def ordering_of(
    rendering: Rendering, release: str, upgrades: Mapping[str, ReleaseUpgrade]
) -> Ordering:
    """Return what must come before what when a rendering is deployed.

    Args:
        rendering: What is deployed.
        release: The release that it is; empty when it is none.
        upgrades: What is known of upgrades, by the release that each leads to.
    """
    upgrade = upgrades.get(release)
    first = [
        name
        for charm in (upgrade.first if upgrade is not None else ())
        for name, taken in rendering.charms.items()
        if taken.name == charm
    ]
    return Ordering(prerequisites=rendering.after, first=tuple(first))


def remaining_of(plan: Plan, before: Plan) -> tuple[Difference, ...]:
    """Return in what a model still differs from the bundle after a deployment.

    Args:
        plan: What is planned for the model now.
        before: What was planned, and carried out.
    """
    meant = {
        (difference.application, difference.kind, difference.name)
        for step in before.steps
        for difference in _differences(step)
    }
    return (
        *(difference for step in plan.steps for difference in _differences(step)),
        *(
            Difference(
                application=foreign.application,
                kind=foreign.kind,
                name=foreign.name,
                old=foreign.value,
                reason="it was reset, and is still there",
            )
            for foreign in plan.foreign
            if (foreign.application, foreign.kind, foreign.name) in meant
        ),
        *(
            Difference(
                application=refusal.application,
                kind=refusal.kind,
                name=refusal.name,
                reason=refusal.what,
                is_known=False,
            )
            for refusal in plan.refused
        ),
    )


def _differences(step: Step) -> Iterator[Difference]:
    match step:
        case UploadCharm():
            return
        case MakeOffer() | GrantOffer():
            yield Difference(
                application=step.application,
                kind="offer",
                name=step.offer,
                new=step.describe(),
                is_known=False,
            )
        case _:
            yield from step.differences


async def _check_architecture(session: Session, rendering: Rendering, plan: Plan) -> None:
    """Check that the model has the architecture for which charms were chosen.

    Raises:
        RefusedError: naming each application whose charm is another one there.
    """
    deployed = [step.application for step in plan.steps if isinstance(step, DeployApplication)]
    if not any(name in rendering.otherwise for name in deployed):
        return
    architecture = await model_architecture(session.api)
    raise_all(
        RefusedError,
        f"model {session.model_name} puts applications on {architecture}, as its constraints say, "
        f"and charms were chosen for {rendering.architecture}; nothing was changed",
        [*_otherwise(rendering, architecture, deployed)],
        fix=f"Give --arch {architecture} (to render, too), or change the model: "
        f"juju set-model-constraints -m {session.model_name} arch={rendering.architecture}",
    )


def _otherwise(
    rendering: Rendering, architecture: str | None, deployed: Iterable[str]
) -> Iterator[Problem]:
    for name in deployed:
        others = rendering.otherwise.get(name, {})
        if architecture is None or architecture not in others:
            continue
        other = others[architecture]
        file = other.path.name if other is not None and other.path is not None else "none"
        taken = rendering.charms[name].path
        yield Problem(
            f"{taken.name if taken else 'its charm'} was chosen for {rendering.architecture}; "
            f"for {architecture} it is {file}",
            f"application {name}",
        )
