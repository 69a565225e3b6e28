"""What the real client asked when it was recorded is answered in the same way today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.transcripts.replay import replay
from tests.transcripts.scenes import SETTLE, Scene, scenes


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_recorded_requests_are_answered_as_they_were(scene: Scene, tmp_path: Path) -> None:
    assert replay(scene, tmp_path) == []


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_a_transcript_is_of_the_commands_that_are_listed(scene: Scene) -> None:
    steps = json.loads(scene.transcript.read_text())["steps"]
    recorded = [step.get("run") for step in steps]
    assert recorded == [None if step.outcome == SETTLE else step.command for step in scene.steps]


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_the_client_ended_as_the_list_says(scene: Scene) -> None:
    recorded = json.loads(scene.transcript.read_text())["steps"]
    for step, entry in zip(scene.steps, recorded, strict=True):
        if step.outcome != SETTLE:
            assert (entry["exit"] == 0) is (step.outcome == "works"), entry
            assert "not implemented" not in str(entry), entry
