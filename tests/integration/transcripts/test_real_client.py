"""The real client, when there is one: each command comes to what the list says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts import running
from tests.transcripts.recording import SPEED
from tests.transcripts.scenes import Scene, scenes

JUJU = running.client_on_path()

pytestmark = [
    pytest.mark.juju_client,
    pytest.mark.timeout(600),
    pytest.mark.skipif(JUJU is None, reason="there is no juju on the PATH"),
]


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_commands_come_to_what_is_expected(scene: Scene, tmp_path: Path) -> None:
    assert JUJU is not None
    faults = []
    with running.stage(tmp_path, speed=SPEED) as controller:
        for step, outcome in running.run_scene(JUJU, scene, controller, tmp_path):
            if outcome is not None:
                faults += [f"juju {step.command}: {fault}" for fault in outcome.faults(step)]
    assert faults == []
