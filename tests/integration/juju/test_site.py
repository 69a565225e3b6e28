"""What a release needs of its site, from the files to the model."""

from __future__ import annotations

import pytest

from ckf_airgap import (
    BlockedError,
    DeployEvent,
    DeployEventKind,
    Inputs,
    Observer,
    rehearse,
)
from ckf_airgap.juju.watching.watch import Progress


class Watching(Observer):
    """Keeps what happens, in order."""

    def __init__(self) -> None:
        self.events: list[DeployEvent | str] = []

    def on_step(self, event: DeployEvent) -> None:
        self.events.append(event)

    def on_progress(self, progress: Progress) -> None:
        self.events.append("waited")


async def test_knative_eventing_is_deployed_once_the_operator_is_active() -> None:
    seen = Watching()
    rehearsal = await rehearse(Inputs(bundle="1.8"), speed=600, model="ml", observer=seen)
    deployment = rehearsal.deployment
    assert not rehearsal.findings
    steps = [event for event in seen.events if isinstance(event, DeployEvent)]
    assert [step.subject for step in steps if step.kind is DeployEventKind.DEPLOYED][-1] == (
        "knative-eventing"
    )
    assert steps[-1].done == steps[-1].total == len(deployment.plan.steps)
    deployed = [
        position
        for position, event in enumerate(seen.events)
        if isinstance(event, DeployEvent) and event.subject == "knative-eventing"
    ]
    assert "waited" in seen.events[: deployed[0]]
    assert deployment.report is not None
    assert set(deployment.report.deployed) == set(deployment.rendering.charms)
    applications = deployment.rendering.bundle.applications
    for name in ("dex-auth", "oidc-gatekeeper"):
        assert applications[name].options["public-url"] == "http://dex-auth.ml.svc:5556"
    assert any("log in" in warning.what for warning in deployment.warnings)


async def test_a_unit_without_what_its_site_must_set_stays_blocked() -> None:
    inputs = Inputs(bundle="1.8", settings=("oidc-gatekeeper.public-url=",))
    with pytest.raises(BlockedError) as raised:
        await rehearse(inputs, speed=600, timeout_s=8)
    (problem,) = raised.value.problems
    assert "public-url config required" in str(problem)
