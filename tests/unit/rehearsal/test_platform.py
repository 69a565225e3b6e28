"""What a controller claims to be, and the facades that have next to nothing to say."""

from __future__ import annotations

from ckf_airgap.rehearsal.api.facades.platform import Payloads
from ckf_airgap.rehearsal.entities.versions import AGENT_VERSION
from tests.unit.rehearsal.harness import Rehearsal
from tests.witness.facts import FACTS


async def test_a_model_has_no_payloads(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("db", payloads={"monitor": {"type": "docker"}})
    assert await rehearsal.call(Payloads, "List", {"patterns": ["db"]}) == {"results": None}


def test_the_juju_that_is_rehearsed_is_the_one_that_answers_are_compared_with(
    rehearsal: Rehearsal,
) -> None:
    assert FACTS.juju == AGENT_VERSION
    assert rehearsal.model.full_status()["model"]["version"] == FACTS.juju  # type: ignore[index, call-overload]
