"""What the commands do, for other programs: deploy a bundle, rehearse it, look at a model, wait.

Each operation takes what a person would name, does everything, and returns what came of it::

    inputs = Inputs(bundle="1.11", charms=Path("charms"), images=Path("retagged-images.txt"))
    deployment = await deploy(inputs, JujuTarget(model="kubeflow"), timeout_s=3600)

An `Observer` is notified of progress.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import check_members
from ckf_airgap.concurrency import bounded_map, in_thread
from ckf_airgap.errors import (
    CharmError,
    ModelNotFoundError,
    Problem,
    RefusedError,
    UsageError,
    raise_all,
)
from ckf_airgap.facts.defaults import (
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_IDLE_PERIOD_S,
    DEFAULT_MODEL,
    DEFAULT_SPEED,
)
from ckf_airgap.facts.releases import needed_endpoints
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.architecture import model_architecture
from ckf_airgap.juju.conditions import new_model
from ckf_airgap.juju.connection import Session, connect
from ckf_airgap.juju.deploy import DeployEvent, DeployReport, plan_for
from ckf_airgap.juju.live import LiveModel
from ckf_airgap.juju.plan import plan_deployment
from ckf_airgap.juju.snapshot import Change, ModelSnapshot
from ckf_airgap.juju.stages import execute_in_stages
from ckf_airgap.juju.status import read_status
from ckf_airgap.juju.steps import DeployApplication, Plan
from ckf_airgap.juju.store import JujuTarget
from ckf_airgap.juju.upload import RegistryAuth, RegistryLogin
from ckf_airgap.juju.watch import DEFAULT_TIMEOUT_S, Progress, WaitReport, wait_active_idle, watch
from ckf_airgap.net.limits import DEFAULT_LIMIT
from ckf_airgap.operations.confirming import ImageInModel, images_in_model
from ckf_airgap.operations.rendering import (
    Inputs,
    NamedBundle,
    find_bundle,
    parse_registry,
    read_and_render,
    render_by_rule,
    render_release,
)
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.model.model import Finding
from ckf_airgap.rehearsal.privatedir import PrivateDirectory
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rendering.overlay import Rendering

DEFAULT_REHEARSAL_TIMEOUT_S: Final = 300.0

DEFAULT_REGISTRY: Final = "registry.airgap.internal:5000"
"""The registry of a rehearsal that names none; nothing is fetched from it."""

MIN_REHEARSED_IDLE_S: Final = 1.0
"""The idle period of a rehearsal is as much shorter as its clock is faster, down to this."""


_READERS: Final = 4
"""How many charm files are read at once: unpacking takes a processor each."""


class Observer:
    """Is notified of the progress of an operation. A subclass overrides what it wants to know.

    Its methods are called on the event loop and must not block.
    """

    def on_rendered(self, rendering: Rendering) -> None:
        """The bundle has been rendered."""

    def on_connected(self, session: Session) -> None:
        """There is a connection to the model."""

    def on_planned(self, plan: Plan) -> None:
        """It is known what has to be done; nothing has been done yet."""

    def on_step(self, event: DeployEvent) -> None:
        """A step of the plan has begun or is over."""

    def on_progress(self, progress: Progress) -> None:
        """The model has changed, or time has passed, while it is waited for."""

    def on_change(self, change: Change) -> None:
        """The status of a unit or application has changed while it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What came of a deployment.

    Attributes:
        rendering: What was to be deployed.
        plan: What had to be done for that.
        report: What was done; ``None`` after a dry run.
        waited: The wait and the model after it; ``None`` when it was not waited for.
        images: Each image of the rendering, as read back from the model; none after a dry run.
        seconds: How long each part took: ``render``, ``connect``, ``deploy``, ``wait``.
    """

    rendering: Rendering
    plan: Plan
    report: DeployReport | None = None
    waited: WaitReport | None = None
    images: tuple[ImageInModel, ...] = field(default=(), repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a person should look at, in the rendering and in the model."""
        return (*self.rendering.warnings, *self.plan.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of a rehearsal.

    Attributes:
        deployment: What was deployed, and the model in the end.
        findings: What a real controller would have accepted without an error, although it
            causes trouble later.
    """

    deployment: Deployment
    findings: tuple[Finding, ...] = ()


async def deploy(
    inputs: Inputs,
    target: JujuTarget | None = None,
    *,
    create_model: bool = False,
    dry_run: bool = False,
    wait_idle: bool = True,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    jobs: int = DEFAULT_LIMIT,
    registry_login: RegistryLogin | None = None,
    observer: Observer | None = None,
) -> Deployment:
    """Render a bundle, deploy what is missing of it in a model, wait until everything is active.

    Args:
        inputs: What to render.
        target: The model; ``None`` is `DEFAULT_MODEL` of the current controller.
        create_model: Make the model when it does not exist.
        dry_run: Find out what would be done, and do nothing.
        wait_idle: Wait until all applications of the bundle are active and idle.
        timeout_s: How long to wait for that, in seconds.
        idle_period_s: How long all must stay active and idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        jobs: How many charms are uploaded and deployed at once.
        registry_login: The login that the cluster needs to pull from the registry; it goes to the
            controller with the images of the registry that the bundle is rendered for, and with
            no other image.
        observer: Is notified of progress.

    Raises:
        InputError: when a file or value is wrong; before anything is done.
        MissingError: when a charm or an image is missing; before anything is done.
        ControllerError: when the controller or model cannot be used.
        RefusedError: when applications of the model have other charms, images or logins than the
            bundle gives them, before anything is done; or when the controller refused steps, and
            the others are done.
        WorkloadError: when an application stays in error.
        WaitTimeoutError: when not everything was active and idle in time.
    """
    observer = observer or Observer()
    seconds: dict[str, float] = {}
    target = target or JujuTarget(model=DEFAULT_MODEL)
    with _timed(seconds, "render"):
        rendering = await render_release(_for_model(inputs, target.model))
    observer.on_rendered(rendering)
    return await _deploy(
        rendering,
        target,
        _Manner(
            create_model=create_model,
            dry_run=dry_run,
            wait_idle=wait_idle,
            timeout_s=timeout_s,
            idle_period_s=idle_period_s,
            error_grace_s=error_grace_s,
            jobs=jobs,
            registry_login=registry_login,
        ),
        observer,
        seconds,
    )


async def rehearse(
    inputs: Inputs,
    *,
    model: str = DEFAULT_MODEL,
    speed: float = DEFAULT_SPEED,
    timeout_s: float = DEFAULT_REHEARSAL_TIMEOUT_S,
    jobs: int = DEFAULT_LIMIT,
    script_file: Path | None = None,
    observer: Observer | None = None,
) -> Rehearsal:
    """Deploy a bundle on an embedded controller that lives as long as the rehearsal.

    Args:
        inputs: What to render. Without charms, stand-ins are made of what the release says about
            its charms; without a list of images, all are taken to be in the registry.
        model: The name of the model.
        speed: Seconds of the deployment that pass in one second.
        timeout_s: How long to wait until everything is active and idle, in real seconds.
        jobs: How many charms are uploaded and deployed at once.
        script_file: What units do, as a YAML file (docs/testing.md); read again when it changes.
        observer: Is notified of progress.

    Raises:
        UsageError: when there are no charms, and no release to make stand-ins from; or when Juju
            refuses the name of the model.
        AirgapError: what `deploy` raises.
    """
    observer = observer or Observer()
    seconds: dict[str, float] = {}
    with PrivateDirectory() as directory:
        with _timed(seconds, "render"):
            named, rendering = await in_thread(
                _render_rehearsal, _for_model(inputs, model), directory.path
            )
        observer.on_rendered(rendering)
        controller = RehearsalController(
            models=[model],
            speed=speed,
            script=Script(
                needed_endpoints=_needed(named, rendering),
                needed_options=named.site.needed_options,
            ),
            script_file=script_file,
            registry=str(rendering.registry),
        )
        async with controller:
            deployment = await _deploy(
                rendering,
                JujuTarget(model=model, juju_data=controller.juju_data),
                _Manner(
                    timeout_s=timeout_s,
                    jobs=jobs,
                    idle_period_s=max(MIN_REHEARSED_IDLE_S, DEFAULT_IDLE_PERIOD_S / speed),
                    error_grace_s=max(MIN_REHEARSED_IDLE_S, DEFAULT_ERROR_GRACE_S / speed),
                ),
                observer,
                seconds,
            )
            findings = tuple(controller.models[model].findings)
    return Rehearsal(deployment=deployment, findings=findings)


async def read_model(target: JujuTarget) -> ModelSnapshot:
    """Return the current state of a model.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target) as session:
        return await read_status(session.api, session.model_name)


async def watch_model(target: JujuTarget) -> AsyncIterator[ModelSnapshot]:
    """Yield the state of a model, and again whenever it has changed.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target) as session:
        async for snapshot in watch(session):
            yield snapshot


async def wait_for_model(
    target: JujuTarget,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    observer: Observer | None = None,
) -> WaitReport:
    """Wait until every application of a model has been active and idle for a while.

    Args:
        target: The model.
        timeout_s: How long, in seconds.
        idle_period_s: How long all must stay active and idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        observer: Is notified of progress.

    Returns:
        How it went, and the model in the end.

    Raises:
        ControllerError: when the controller or model cannot be used.
        WorkloadError: when an application stays in error.
        WaitTimeoutError: when not everything was active and idle in time.
    """
    observer = observer or Observer()
    async with connect(target) as session:
        observer.on_connected(session)
        return await wait_active_idle(
            session,
            timeout_s=timeout_s,
            idle_period_s=idle_period_s,
            error_grace_s=error_grace_s,
            on_change=observer.on_change,
            on_progress=observer.on_progress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How a rendering is deployed."""

    create_model: bool = False
    dry_run: bool = False
    wait_idle: bool = True
    timeout_s: float
    jobs: int
    registry_login: RegistryLogin | None = None
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S
    error_grace_s: float = DEFAULT_ERROR_GRACE_S


async def _deploy(
    rendering: Rendering,
    target: JujuTarget,
    manner: _Manner,
    observer: Observer,
    seconds: dict[str, float],
) -> Deployment:
    bundle, charms = rendering.bundle, rendering.charms
    login = manner.registry_login
    auth = login.at(rendering.registry) if login else None
    # What is wrong with the bundle itself is reported before a controller is asked or changed.
    plan_deployment(bundle, charms, LiveModel(name=target.model))
    await _check_files(charms)
    if manner.dry_run:
        plan = await _planned(rendering, target, auth, create_model=manner.create_model)
        observer.on_planned(plan)
        return Deployment(rendering=rendering, plan=plan, seconds=seconds)
    started = time.monotonic()
    async with connect(target, create_model=manner.create_model) as session:
        seconds["connect"] = time.monotonic() - started
        observer.on_connected(session)
        wait = functools.partial(
            wait_active_idle,
            session,
            timeout_s=manner.timeout_s,
            idle_period_s=manner.idle_period_s,
            error_grace_s=manner.error_grace_s,
            on_change=observer.on_change,
            on_progress=observer.on_progress,
        )
        with _timed(seconds, "deploy"):
            plan = await _plan(session, rendering, auth)
            observer.on_planned(plan)
            report = await execute_in_stages(
                session,
                plan,
                rendering.after,
                wait=lambda names: wait(applications=names),
                jobs=manner.jobs,
                registry_auth=auth,
                on_event=observer.on_step,
            )
        done = Deployment(rendering=rendering, plan=plan, report=report, seconds=seconds)
        if not manner.wait_idle:
            return dataclasses.replace(done, images=await images_in_model(session, rendering, auth))
        with _timed(seconds, "wait"):
            scales = {name: app.scale for name, app in bundle.applications.items()}
            waited = await wait(applications=scales, expected_scale=scales)
        images = await images_in_model(session, rendering, auth)
        return dataclasses.replace(done, waited=waited, images=images)


async def _check_files(charms: Mapping[str, Charm]) -> None:
    """Read every byte of the charm files, which the controller does, too.

    Raises:
        CharmError: naming every damaged file.
    """
    files = {charm.path: None for charm in charms.values() if charm.path is not None}
    problems: list[Problem] = []

    async def check(path: Path) -> None:
        try:
            await in_thread(check_members, path)
        except CharmError as exc:
            problems.append(Problem(exc.message))

    await bounded_map(check, files, _READERS)
    problems.sort(key=lambda problem: problem.what)
    fix = "Fetch them again, and compare their checksums."
    raise_all(CharmError, "charm files are damaged", problems, fix=fix)


def _for_model(inputs: Inputs, model: str) -> Inputs:
    """Return inputs for a model that is named as ``[CONTROLLER:][OWNER/]MODEL``."""
    return dataclasses.replace(inputs, model=model.rpartition(":")[2].rpartition("/")[2])


async def _planned(
    rendering: Rendering,
    target: JujuTarget,
    auth: RegistryAuth | None,
    *,
    create_model: bool,
) -> Plan:
    """Return the plan for a model, or for the one that would be made when there is none yet."""
    try:
        async with connect(target) as session:
            return await _plan(session, rendering, auth)
    except ModelNotFoundError:
        if not create_model:
            raise
        return plan_deployment(rendering.bundle, rendering.charms, await new_model(target))


async def _plan(session: Session, rendering: Rendering, auth: RegistryAuth | None) -> Plan:
    """Return the plan for the model of a session, which must have the architecture of the charms.

    Raises:
        RefusedError: when the model puts applications on another architecture than their charms
            were chosen for; also for what `plan_for` raises.
    """
    plan = await plan_for(session, rendering.bundle, rendering.charms, registry_auth=auth)
    deployed = [step.application for step in plan.steps if isinstance(step, DeployApplication)]
    if not any(name in rendering.otherwise for name in deployed):
        return plan
    architecture = await model_architecture(session.api)
    problems = []
    for name in deployed:
        others = rendering.otherwise.get(name, {})
        if architecture is None or architecture not in others:
            continue
        other = others[architecture]
        file = other.path.name if other is not None and other.path is not None else "none"
        taken = rendering.charms[name].path
        problems.append(
            Problem(
                f"{taken.name if taken else 'its charm'} was chosen for {rendering.architecture}; "
                f"for {architecture} it is {file}",
                f"application {name}",
            )
        )
    raise_all(
        RefusedError,
        f"model {session.model_name} puts applications on {architecture}, as its constraints say, "
        f"and charms were chosen for {rendering.architecture}; nothing was changed",
        problems,
        fix=f"Give --arch {architecture} (to render, too), or change the model: "
        f"juju set-model-constraints -m {session.model_name} arch={rendering.architecture}",
    )
    return plan


def _render_rehearsal(inputs: Inputs, directory: Path) -> tuple[NamedBundle, Rendering]:
    """Render with stand-ins and the retag rule in place of what is not given; blocks."""
    named = find_bundle(inputs.bundle)
    if inputs.charms is None:
        if named.release is None:
            raise UsageError(
                f"{named.where} is not a shipped release, so there are no stand-in charms for it",
                fix="Name the directory of its charms with --charms DIR.",
            )
        inputs = dataclasses.replace(inputs, charms=directory / "charms")
        write_standins(named.release, directory / "charms")
    if inputs.images is not None or inputs.mapping is not None:
        return named, read_and_render(inputs, named=named)
    registry = parse_registry(inputs) or Registry.parse(DEFAULT_REGISTRY)
    return named, render_by_rule(inputs, named, registry)


def _needed(named: NamedBundle, rendering: Rendering) -> Mapping[str, frozenset[str]]:
    """Return the endpoints that units wait for: as the release says, else all that are related."""
    if named.release is not None:
        return needed_endpoints(named.release)
    plan = plan_deployment(rendering.bundle, rendering.charms, LiveModel(name=DEFAULT_MODEL))
    needed: dict[str, frozenset[str]] = {}
    for relation in plan.relations:
        charm = rendering.charms[relation.requirer.application].name
        endpoint = relation.requirer.endpoint or ""
        needed[charm] = needed.get(charm, frozenset()) | {endpoint}
    return needed


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = time.monotonic() - started
