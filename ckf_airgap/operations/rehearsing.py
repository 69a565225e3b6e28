"""Deploying a bundle on an embedded controller that lives as long as the rehearsal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import UsageError
from ckf_airgap.facts.defaults import (
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_IDLE_PERIOD_S,
    DEFAULT_MODEL,
    DEFAULT_SPEED,
)
from ckf_airgap.facts.releases import needed_endpoints
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import RegistryLogin
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.net.limits import DEFAULT_LIMIT
from ckf_airgap.operations.deploying import Deployment, Manner, deploy_rendering, timed
from ckf_airgap.operations.observer import Observer
from ckf_airgap.operations.rendering import (
    Inputs,
    NamedBundle,
    find_bundle,
    parse_registry,
    read_and_render,
    release_name,
    render_by_rule,
)
from ckf_airgap.rehearsal.entities.entities import Finding
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.privatedir import PrivateDirectory
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rendering.overlay import Rendering

DEFAULT_REHEARSAL_TIMEOUT_S: Final = 300.0

DEFAULT_REGISTRY: Final = "registry.airgap.internal:5000"
"""The registry of a rehearsal that names none; nothing is fetched from it."""

MIN_REHEARSED_IDLE_S: Final = 1.0
"""The idle period of a rehearsal is as much shorter as its clock is faster, down to this."""


_MIN_STALL_S: Final = 5.0
"""How long nothing may change in a rehearsal at least: it may be this machine that is slow."""


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


async def rehearse(
    inputs: Inputs,
    *,
    model: str = DEFAULT_MODEL,
    speed: float = DEFAULT_SPEED,
    timeout_s: float = DEFAULT_REHEARSAL_TIMEOUT_S,
    jobs: int = DEFAULT_LIMIT,
    script_file: Path | None = None,
    registry_login: RegistryLogin | None = None,
    registry_config: StrPath | None = None,
    only: Iterable[str] | None = None,
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
        registry_login: The login with which images of the registry are pulled, as for `deploy`.
        registry_config: A ``config.json`` of Docker with logins, as for `deploy`.
        only: The applications of the bundle to deploy; all of them when omitted.
        observer: Is notified of progress.

    Raises:
        UsageError: when there are no charms, and no release to make stand-ins from; or when Juju
            refuses the name of the model.
        AirgapError: what `deploy` raises.
    """
    observer = observer or Observer()
    seconds: dict[str, float] = {}
    with PrivateDirectory() as directory:
        with timed(seconds, "render"):
            named, rendering = await in_thread(
                _render_rehearsal, inputs.for_model(model), directory.path
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
            deployment = await deploy_rendering(
                rendering,
                JujuTarget(model=model, juju_data=controller.juju_data),
                Manner(
                    timeout_s=timeout_s,
                    jobs=jobs,
                    idle_period_s=max(MIN_REHEARSED_IDLE_S, DEFAULT_IDLE_PERIOD_S / speed),
                    error_grace_s=max(MIN_REHEARSED_IDLE_S, DEFAULT_ERROR_GRACE_S / speed),
                    patience=rehearsed_patience(speed),
                    registry_login=registry_login,
                    registry_config=optional_path(registry_config),
                    policy=Policy(
                        release=release_name(inputs, rendering),
                        only=None if only is None else frozenset(only),
                    ),
                ),
                observer,
                seconds,
                searched=inputs if inputs.charms is not None else None,
            )
            findings = tuple(controller.models[model].findings)
    return Rehearsal(deployment=deployment, findings=findings)


def rehearsed_patience(speed: float) -> Patience:
    """Return how long is waited for what may need a person, on a clock of that speed."""
    usual = Patience()
    return Patience(
        pull_s=max(MIN_REHEARSED_IDLE_S, usual.pull_s / speed),
        blocked_s=max(_MIN_STALL_S, usual.blocked_s / speed),
        stall_s=max(_MIN_STALL_S, usual.stall_s / speed),
    )


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
