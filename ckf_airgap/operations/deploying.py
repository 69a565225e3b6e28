"""Deploying a bundle: from what a person names to a model in which everything is active.

As every operation, it takes names, does everything, and returns what came of it::

    inputs = Inputs(bundle="1.11", charms=Path("charms"), images=Path("retagged-images.txt"))
    deployment = await deploy(inputs, JujuTarget(model="kubeflow"), timeout_s=3600)

An `Observer` is notified of progress.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import (
    Problem,
)
from ckf_airgap.facts.defaults import (
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_IDLE_PERIOD_S,
    DEFAULT_MODEL,
)
from ckf_airgap.facts.releases import release_upgrades
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.juju.applying.converge import Conduct, converge, refuse_haste
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import RegistryLogin
from ckf_airgap.juju.planning.differences import Difference, Policy
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.watching.obstacles import marks_of
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.watch import (
    CALLS_OUTLAST_S,
    DEFAULT_TIMEOUT_S,
    WaitReport,
    wait_active_idle,
)
from ckf_airgap.net.limits import DEFAULT_LIMIT
from ckf_airgap.operations.confirming import ImageInModel, images_in_model
from ckf_airgap.operations.hidden import HiddenImages, looking_for_hidden
from ckf_airgap.operations.modelplan import (
    ModelPlanner,
    check_new_model,
    ordering_of,
    plan_of,
    remaining_of,
)
from ckf_airgap.operations.observer import Observer
from ckf_airgap.operations.preparing import acting_of, check_files, image_places
from ckf_airgap.operations.pulllogins import find_pull_logins
from ckf_airgap.operations.rendering import (
    Inputs,
    release_name,
    render_release,
)
from ckf_airgap.operations.upgrading import Upgrade, upgrade_of
from ckf_airgap.rendering.overlay import Rendering

Review: TypeAlias = Callable[[Plan], Awaitable[None]]
"""Is shown a plan before the first change, and may refuse it by raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What came of a deployment.

    Attributes:
        rendering: What was to be deployed.
        plan: What had to be done for that.
        report: What was done; ``None`` after a dry run.
        waited: The wait and the model after it; ``None`` when it was not waited for.
        images: Each image of the rendering, as read back from the model; none after a dry run.
        remaining: In what the model still differs from the bundle after the deployment.
        upgrade: From which releases the plan leads to the one that is deployed.
        outages: Each time that the connection to the controller was lost and restored.
        hidden: Images that only files of the charms name; ``None`` when they were not searched,
            as stand-ins are not.
        seconds: How long each part took: ``render``, ``connect``, ``deploy``, ``wait``.
    """

    rendering: Rendering
    plan: Plan
    report: DeployReport | None = None
    waited: WaitReport | None = None
    images: tuple[ImageInModel, ...] = field(default=(), repr=False)
    remaining: tuple[Difference, ...] = field(default=(), repr=False)
    upgrade: Upgrade = field(default_factory=Upgrade)
    outages: tuple[Problem, ...] = ()
    hidden: HiddenImages | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a person should look at, in the rendering, in the model and in the charms."""
        hidden = self.hidden.warnings if self.hidden is not None else ()
        return (
            *self.rendering.warnings,
            *self.plan.warnings,
            *self.upgrade.warnings,
            *self.outages,
            *hidden,
        )


async def deploy(
    inputs: Inputs,
    target: JujuTarget | None = None,
    *,
    create_model: bool = False,
    dry_run: bool = False,
    wait_idle: bool = True,
    hurries: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    patience: Patience | None = None,
    jobs: int = DEFAULT_LIMIT,
    registry_login: RegistryLogin | None = None,
    registry_config: StrPath | None = None,
    policy: Policy | None = None,
    skip_releases: bool = False,
    manual_steps_done: bool = False,
    review: Review | None = None,
    observer: Observer | None = None,
) -> Deployment:
    """Render a bundle, deploy what is missing of it in a model, wait until everything is active.

    Args:
        inputs: What to render.
        target: The model; ``None`` is `DEFAULT_MODEL` of the current controller.
        create_model: Make the model when it does not exist.
        dry_run: Find out what would be done, and do nothing.
        wait_idle: Wait until all applications of the bundle are active and idle.
        hurries: Without waiting, refresh groups of applications all the same that should come
            one after the other; otherwise that is refused.
        timeout_s: How long to wait for that, in seconds.
        idle_period_s: How long all must stay active and idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        patience: How long other things are waited for that may need a person.
        jobs: How many charms are uploaded and deployed at once.
        registry_login: The login that the cluster needs to pull from the registry; it goes to the
            controller with the images of the registry that the bundle is rendered for, and with
            no other image.
        registry_config: A ``config.json`` of Docker with logins, each of which goes to the
            controller with the images that it is for, unless `registry_login` is for them.
        policy: How far the plan may go: what is removed, reset, replaced or left out. The release
            is that of the bundle.
        skip_releases: Deploy over a release that is not the one before.
        manual_steps_done: A person has done what the release says is to be done by hand.
        review: Is shown the plan before the first change, and may refuse it by raising.
        observer: Is notified of progress.

    Raises:
        InputError: when a file or value is wrong; before anything is done.
        MissingError: when a charm or an image is missing; before anything is done.
        ControllerError: when the controller or model cannot be used.
        RefusedError: when the plan has something that Juju does not change in place, leaves out a
            release or needs work by hand, before anything is done; or when the controller refused
            steps, and what does not depend on them is done.
        WorkloadError: when an application stays in error.
        WaitTimeoutError: when not everything was active and idle in time.
    """
    observer = observer or Observer()
    seconds: dict[str, float] = {}
    target = target or JujuTarget(model=DEFAULT_MODEL)
    with timed(seconds, "render"):
        rendering = await render_release(inputs.for_model(target.model))
    observer.on_rendered(rendering)
    return await deploy_rendering(
        rendering,
        target,
        Manner(
            create_model=create_model,
            dry_run=dry_run,
            wait_idle=wait_idle,
            hurries=hurries,
            timeout_s=timeout_s,
            idle_period_s=idle_period_s,
            error_grace_s=error_grace_s,
            patience=patience,
            jobs=jobs,
            registry_login=registry_login,
            registry_config=optional_path(registry_config),
            policy=dataclasses.replace(policy or Policy(), release=release_name(inputs, rendering)),
            skip_releases=skip_releases,
            manual_steps_done=manual_steps_done,
            review=review,
        ),
        observer,
        seconds,
        searched=inputs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a rendering is deployed."""

    create_model: bool = False
    dry_run: bool = False
    wait_idle: bool = True
    hurries: bool = False
    timeout_s: float
    jobs: int
    registry_login: RegistryLogin | None = None
    registry_config: Path | None = None
    policy: Policy = field(default_factory=Policy)
    skip_releases: bool = False
    manual_steps_done: bool = False
    review: Review | None = None
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S
    error_grace_s: float = DEFAULT_ERROR_GRACE_S
    patience: Patience | None = None


async def deploy_rendering(
    rendering: Rendering,
    target: JujuTarget,
    manner: Manner,
    observer: Observer,
    seconds: dict[str, float],
    *,
    searched: Inputs | None = None,
) -> Deployment:
    """Deploy what has been rendered.

    Args:
        rendering: What to deploy.
        target: The model.
        manner: How.
        observer: Is notified of progress.
        seconds: How long each part took; gets those of this one.
        searched: What was rendered, to search the files of its charms for images meanwhile;
            ``None`` does not, since they are stand-ins.

    Raises:
        AirgapError: what `deploy` raises once it has rendered.
    """
    async with looking_for_hidden(rendering, searched, observer.on_hidden) as hidden:
        done = await _deploy(rendering, target, manner, observer, seconds)
        return dataclasses.replace(done, hidden=await hidden)


async def _deploy(
    rendering: Rendering,
    target: JujuTarget,
    manner: Manner,
    observer: Observer,
    seconds: dict[str, float],
) -> Deployment:
    bundle, charms = rendering.bundle, rendering.charms
    auth = await find_pull_logins(rendering, manner.registry_login, manner.registry_config)
    rendering = dataclasses.replace(rendering, warnings=(*rendering.warnings, *auth.warnings))
    observer.on_warnings(auth.warnings)
    # What is wrong with the bundle itself is reported before a controller is asked or changed.
    plan_deployment(bundle, charms, LiveModel(name=target.model))
    await check_files(charms)
    upgrades = release_upgrades()
    if manner.dry_run:
        plan = await plan_of(
            rendering, target, auth, manner.policy, create_model=manner.create_model
        )
        observer.on_planned(plan)
        upgrade = upgrade_of(plan, manner.policy.release, upgrades)
        observer.on_warnings(upgrade.warnings)
        if manner.review is not None:
            await manner.review(plan)
        return Deployment(rendering=rendering, plan=plan, upgrade=upgrade, seconds=seconds)
    started = time.monotonic()
    if manner.create_model:
        await check_new_model(rendering, target, manner.policy)
    async with connect(
        target,
        create_model=manner.create_model,
        deadline=Deadline.after(manner.timeout_s),
        on_notice=observer.on_notice,
    ) as session:
        seconds["connect"] = time.monotonic() - started
        observer.on_connected(session)
        marks: dict[str, dict[str, str]] = {}
        wait = functools.partial(
            wait_active_idle,
            session,
            marks=marks,
            timeout_s=manner.timeout_s,
            idle_period_s=manner.idle_period_s,
            error_grace_s=manner.error_grace_s,
            patience=manner.patience,
            image_places=image_places(rendering),
            on_change=observer.on_change,
            on_progress=observer.on_progress,
        )

        async def settle(applications: frozenset[str]) -> None:
            left_s = session.deadline.left_s(manner.timeout_s)
            await wait(applications=applications, timeout_s=left_s or 0.0)

        planner = ModelPlanner(session, rendering, auth, manner.policy)
        ordering = ordering_of(rendering, manner.policy.release, upgrades)
        with timed(seconds, "deploy"):
            plan = await planner.plan()
            observer.on_planned(plan)
            upgrade = upgrade_of(plan, manner.policy.release, upgrades)
            observer.on_upgrade(upgrade)
            plan.raise_refused()
            upgrade.check(
                skip_releases=manner.skip_releases, manual_steps_done=manner.manual_steps_done
            )
            if not manner.wait_idle and not manner.hurries:
                refuse_haste(plan, ordering)
            if manner.review is not None:
                await manner.review(plan)
            marks |= marks_of(session.feed.snapshot(), acting_of(plan))
            conduct = Conduct(
                ordering=ordering,
                wait=settle,
                waits_for_groups=manner.wait_idle,
                replan=planner.plan,
                notes=planner.known.notes if planner.known is not None else None,
                release=manner.policy.release,
                jobs=manner.jobs,
                logins=auth,
                on_event=observer.on_step,
            )
            report = await converge(session, plan, conduct)
        done = Deployment(
            rendering=rendering, plan=plan, report=report, upgrade=upgrade, seconds=seconds
        )
        if manner.wait_idle:
            session.deadline.until = time.monotonic() + manner.timeout_s + CALLS_OUTLAST_S
            if marks:
                # Units do nothing about a change that the controller has not made.
                for difference in remaining_of(await planner.plan(), plan):
                    marks.pop(difference.application, None)
            with timed(seconds, "wait"):
                scales = {
                    name: application.scale
                    for name, application in bundle.applications.items()
                    if manner.policy.only is None or name in manner.policy.only
                }
                waited = await wait(
                    applications=scales,
                    expected_scale=scales,
                    counts_earlier_idle=not plan.steps,
                )
            done = dataclasses.replace(done, waited=waited)
        # What was asked for may not be what is: nobody but the model knows.
        remaining = remaining_of(await planner.plan(), plan) if plan.steps else ()
        known = planner.known
        images = () if known is None else images_in_model(rendering, known, manner.policy.only)
        return dataclasses.replace(
            done, images=images, remaining=remaining, outages=session.outages
        )


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note under `part` how long the block took, in seconds."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = time.monotonic() - started
