"""Plans in stages: what must wait for others, and what need not."""

from __future__ import annotations

from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.documents import load_mapping
from ckf_airgap.juju.applying.stages import in_stages
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from tests.charms import write_charm


def plan(tmp_path: Path, *names: str) -> Plan:
    charm = read_charm(
        write_charm(tmp_path, "pet", provides={"food": "food"}, requires={"bowl": "food"})
    )
    applications = ", ".join(f"{name}: {{charm: ./pet.charm, scale: 1}}" for name in names)
    relations = f"relations: [['{names[0]}:food', '{names[-1]}:bowl']]"
    text = f"{{bundle: kubernetes, applications: {{{applications}}}, {relations}}}"
    bundle = Bundle.from_document(load_mapping(text, where="bundle"), where="bundle")
    return plan_deployment(bundle, dict.fromkeys(names, charm), LiveModel(name="m"))


def names(stages: list[Plan]) -> list[list[str]]:
    return [sorted(step.application for step in stage.deploys) for stage in stages]


def test_one_stage_as_a_rule(tmp_path: Path) -> None:
    whole = plan(tmp_path, "a", "b")
    (stage,) = in_stages(whole, {})
    assert stage.plan is whole
    assert not stage.active_before


def test_what_waits_is_deployed_and_related_later(tmp_path: Path) -> None:
    whole = plan(tmp_path, "a", "b", "c")
    first, second = in_stages(whole, {"c": frozenset({"b"})})
    assert names([first.plan, second.plan]) == [["a", "b"], ["c"]]
    assert not first.active_before
    assert second.active_before == {"b"}
    assert not first.plan.relations
    assert second.plan.relations == whole.relations
    assert len(first.plan.steps) + len(second.plan.steps) == len(whole.steps)


def test_chains_and_circles(tmp_path: Path) -> None:
    whole = plan(tmp_path, "a", "b", "c")
    chain = in_stages(whole, {"c": frozenset({"b"}), "b": frozenset({"a"})})
    assert names([stage.plan for stage in chain]) == [["a"], ["b"], ["c"]]
    assert [stage.active_before for stage in chain] == [set(), {"a"}, {"b"}]
    circle = in_stages(whole, {"a": frozenset({"b"}), "b": frozenset({"a"})})
    deployed = [name for stage in circle for name in names([stage.plan])[0]]
    assert sorted(deployed) == ["a", "b", "c"]


def test_what_is_in_the_model_already_must_be_active_too(tmp_path: Path) -> None:
    whole = plan(tmp_path, "a", "b")
    first, second = in_stages(whole, {"b": frozenset({"elsewhere"})})
    assert names([first.plan, second.plan]) == [["a"], ["b"]]
    assert second.active_before == {"elsewhere"}
