from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.facts.releases import load_release, needed_endpoints, release_names
from ckf_airgap.rehearsal.standin import write_standins
from tests.unit.rehearsal.harness import Rehearsal


@pytest.mark.parametrize("name", release_names())
async def test_a_release_is_active_once_its_relations_are_made(tmp_path: Path, name: str) -> None:
    release = load_release(name)
    rehearsal = Rehearsal(tmp_path, needed=dict(needed_endpoints(release)))
    urls = {}
    for path in write_standins(release, tmp_path / "charms"):
        url = await rehearsal.model.add_charm(path)
        urls[rehearsal.model.charms.get(url).charm.name] = url
    for application in release.bundle.applications.values():
        charm = release.charms[application.charm_name]
        images = {
            resource.name: await rehearsal.image(application.name, resource.name, "r/x:1")
            for resource in charm.images
        }
        rehearsal.deploy(
            application.name,
            urls[application.charm_name],
            units=application.scale,
            resources=images,
            config={key: str(value) for key, value in application.options.items()},
        )
    rehearsal.settle()
    blocked = {unit for unit, state in rehearsal.states().items() if state.startswith("blocked")}
    related = {end.application for rel in release.bundle.relations for end in rel.ends}
    assert blocked
    assert {unit.partition("/")[0] for unit in blocked} <= related
    for relation in release.bundle.relations:
        rehearsal.model.topology.add_relation([str(end) for end in relation.ends])
    rehearsal.settle()
    assert set(rehearsal.states().values()) == {"active"}
    assert len(rehearsal.states()) == sum(app.scale for app in release.bundle.applications.values())
    assert rehearsal.clock.elapsed_s < 300
    assert not rehearsal.model.findings
