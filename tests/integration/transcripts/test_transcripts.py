"""What the real client asked when it was recorded is answered in the same way today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.transcripts.replay import replay
from tests.transcripts.scenes import SETTLE, Scene, scenes
from tests.witness.facts import FACTS


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_recorded_requests_are_answered_as_they_were(scene: Scene, tmp_path: Path) -> None:
    assert replay(scene.transcript, tmp_path) == []


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


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_the_facts_hold_for_what_the_client_asks(scene: Scene) -> None:
    """The client marshals the same structs as the server, so it is a witness of the table."""
    faults = []
    for step in json.loads(scene.transcript.read_text())["steps"]:
        for event in step["events"]:
            if "ask" in event:
                facade, version, method = re.split(r"[()]\.?", event["ask"])
                if version == "0":
                    continue  # of a facade that is not advertised, so no version is agreed on
                signature = FACTS.signature(facade, int(version), method)
                assert signature is not None, event
                found = FACTS.faults(signature[0], event["params"])
                faults += [f"{event['ask']} {fault}" for fault in found]
    assert sorted(set(faults)) == []
