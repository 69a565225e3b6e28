"""Releases deployed one over the other on one controller, and what a model is made of then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ckf_airgap.facts.defaults import DEFAULT_MODEL
from ckf_airgap.facts.releases import common_needed_endpoints, common_needed_options
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.operations.deploying import Deployment, Manner, deploy_rendering
from ckf_airgap.operations.observer import Observer
from ckf_airgap.operations.rendering import Inputs, find_bundle, render_by_rule
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rendering.overlay import Rendering

REGISTRY = "registry.example:5000"
FRESH = "fresh"
SPEED = 600.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """A controller, and what is deployed on it.

    Attributes:
        controller: The controller, with the models `DEFAULT_MODEL` and `FRESH`.
        renderings: Releases, rendered for stand-ins of their charms.
    """

    controller: RehearsalController
    renderings: Mapping[str, Rendering] = field(repr=False)

    async def deploy(
        self,
        release: str,
        model: str = DEFAULT_MODEL,
        *,
        observer: Observer | None = None,
        policy: Policy | None = None,
        **manner: Any,
    ) -> Deployment:
        """Deploy a release, and wait until it is active."""
        policy = policy or Policy(release=release)
        given: dict[str, Any] = {
            "timeout_s": 60,
            "jobs": 8,
            "idle_period_s": 0.1,
            "error_grace_s": 0.5,
            "policy": policy,
            "manual_steps_done": True,
        }
        return await deploy_rendering(
            self.renderings[release],
            JujuTarget(model=model, juju_data=self.controller.juju_data),
            Manner(**{**given, **manner}),
            observer or Observer(),
            {},
        )

    def calls(self, model: str = DEFAULT_MODEL) -> list[str]:
        """Return the calls that change something, in order."""
        quiet = ("AllWatcher", "Client", "Pinger", "ModelConfig", "Charms", "Bundle", "Storage")
        return [
            f"{request.facade}.{request.method}"
            for request in self.controller.models[model].requests
            if request.facade not in quiet
            and not request.method.lower().startswith(("get", "list", "watch"))
        ]

    def applications(self, model: str = DEFAULT_MODEL) -> dict[str, dict[str, Any]]:
        """Return what a model's applications are made of, apart from revisions and history."""
        held = self.controller.models[model]
        received = {upload.made: upload.sha256 for upload in held.uploads}
        found = {}
        for name, application in held.applications.items():
            annotations = dict(held.annotations.get(f"application-{name}", {}))
            record = DeploymentRecord.parse(annotations.pop(RECORD_KEY, None))
            assert record is not None, name
            assert record.charm_url == application.charm_url
            assert record.charm_sha256 == received[application.charm_url], name
            found[name] = {
                "charm": record.charm_sha256,
                "release": record.release,
                "owned": record.owned,
                "base": str(application.base),
                "scale": application.scale,
                "units": len(application.units),
                "options": application.config,  # in force: a default may be set or not
                "own options": application.own_settings,
                "constraints": application.constraints,
                "exposed": application.exposed_endpoints,
                "annotations": annotations,
                "resources": {
                    resource.name: resource.fingerprint
                    for resource in application.resources.values()
                    if resource.name in application.charm.resources
                },
            }
        return found

    def relations(self, model: str = DEFAULT_MODEL) -> set[str]:
        """Return the keys of a model's relations."""
        held = self.controller.models[model]
        return {
            relation.key
            for application in held.applications.values()
            for relation in application.relations.values()
        }

    def storage(self, model: str = DEFAULT_MODEL) -> dict[str, str]:
        """Return the unit of each storage of a model, by the storage's id."""
        instances = self.controller.models[model].storage.instances
        return {instance.id: instance.unit for instance in instances.values()}


class Releases:
    """Releases, rendered once for stand-ins of their charms.

    Args:
        directory: Where the stand-ins are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rendered: dict[str, Rendering] = {}

    def rendering(self, release: str) -> Rendering:
        """Return a release, rendered; blocks."""
        if release not in self._rendered:
            named = find_bundle(release)
            assert named.release is not None
            charms = self._directory / release
            write_standins(named.release, charms)
            inputs = Inputs(bundle=release, charms=charms).for_model(DEFAULT_MODEL)
            self._rendered[release] = render_by_rule(inputs, named, Registry.parse(REGISTRY))
        return self._rendered[release]


@asynccontextmanager
async def site(known: Releases, *releases: str) -> AsyncIterator[Site]:
    """Run a controller for releases."""
    renderings: dict[str, Rendering] = {}
    for release in releases:
        renderings[release] = await asyncio.to_thread(known.rendering, release)
    # A unit must not wait for what only the release before asked for.
    script = Script(
        needed_endpoints=common_needed_endpoints(), needed_options=common_needed_options()
    )
    async with RehearsalController(
        models=[DEFAULT_MODEL, FRESH], speed=SPEED, script=script, registry=REGISTRY
    ) as controller:
        yield Site(controller=controller, renderings=renderings)
