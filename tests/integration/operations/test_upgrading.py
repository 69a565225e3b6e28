"""A release over the one before: it ends as if it had been deployed afresh."""

from __future__ import annotations

import pytest

from ckf_airgap.errors import RefusedError
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.operations.observer import Observer
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.refresh import Refresh
from tests.integration.operations.upgrades import FRESH, Releases, site

REFUSED = {
    "1.9": {"envoy", "katib-controller", "kfp-metadata-writer", "kubeflow-volumes", "mlmd"},
    "1.10": {"minio"},
}
"""What Juju does not refresh to a release, from the metadata of both: storage, charms that become
sidecars, and relations by endpoints that have changed."""

GOES_WITH_ANOTHER = {"1.9": {"kfp-metadata-writer"}, "1.10": set[str]()}
"""Those that are refreshed in place after all when the other end of their relation is replaced."""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


async def test_an_upgrade_ends_as_a_fresh_deployment_and_a_second_one_changes_nothing(
    releases: Releases,
) -> None:
    async with site(releases, "1.10", "1.11") as place:
        await place.deploy("1.10")
        storage = place.storage()
        upgraded = await place.deploy("1.11")
        assert upgraded.report is not None
        assert upgraded.report.refreshed
        assert upgraded.report.deployed == upgraded.report.removed == ()
        assert upgraded.remaining == ()
        await place.deploy("1.11", FRESH)
        assert place.applications() == place.applications(FRESH)
        assert place.relations() == place.relations(FRESH)
        assert place.storage() == storage != {}
        before = place.calls()
        again = await place.deploy("1.11")
        assert again.plan.steps == ()
        assert again.report is not None
        assert again.report.uploads == 0
        assert place.calls() == before


@pytest.mark.parametrize(("old", "new"), [("1.8", "1.9"), ("1.9", "1.10")])
async def test_what_juju_does_not_refresh_is_named_and_replaced_on_request(
    releases: Releases, old: str, new: str
) -> None:
    refused = REFUSED[new]
    async with site(releases, old, new) as place:
        await place.deploy(old)
        before, storage = place.calls(), place.storage()
        with pytest.raises(RefusedError, match="nothing was changed") as caught:
            await place.deploy(new)
        named = {problem.where.removeprefix("application ") for problem in caught.value.problems}
        assert named == refused
        assert place.calls() == before
        gone = {*place.renderings[old].bundle.applications} - {
            *place.renderings[new].bundle.applications
        }
        policy = Policy(release=new, replace=frozenset(refused), prune=True)
        replaced = await place.deploy(new, policy=policy)
        assert replaced.report is not None
        deployed = refused - GOES_WITH_ANOTHER[new]
        assert {*replaced.report.deployed} == deployed
        assert {*replaced.report.removed} == deployed | gone
        assert replaced.remaining == ()
        await place.deploy(new, FRESH)
        assert place.applications() == place.applications(FRESH)
        assert place.relations() == place.relations(FRESH)
        kept = {
            tag: owner
            for tag, owner in storage.items()
            if owner.partition("/")[0] not in deployed | gone
        }
        assert {tag: owner for tag, owner in place.storage().items() if tag in kept} == kept
        before = place.calls()
        again = await place.deploy(new, policy=Policy(release=new, prune=True))
        assert not again.plan.steps
        assert place.calls() == before


async def test_a_controller_that_ignores_a_change_is_found_out(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(releases, "1.10", "1.11") as place:
        await place.deploy("1.10")
        refreshing = applications.refresh

        def refresh(model: Model, request: Refresh) -> None:
            if request.application != "kfp-ui":
                refreshing(model, request)

        monkeypatch.setattr(applications, "refresh", refresh)
        monkeypatch.setattr(applications, "unset", lambda *_args: None)
        upgraded = await place.deploy("1.11")
    assert upgraded.report is not None
    assert "kfp-ui" in upgraded.report.refreshed, "the controller said so"
    remaining = {(item.application, item.kind, item.name) for item in upgraded.remaining}
    assert ("kfp-ui", "charm", "") in remaining
    assert ("kfp-ui", "resource", "ml-pipeline-ui") in remaining
    ignored = {item.application for item in upgraded.remaining if item.kind == "option"}
    assert ignored == {*upgraded.report.changed} != set()


class _KilledError(Exception):
    """The process was killed."""


async def test_an_upgrade_that_ended_half_way_goes_forward_and_not_back(releases: Releases) -> None:
    class Observing(Observer):
        refreshed = 0

        def on_step(self, event: DeployEvent) -> None:
            self.refreshed += event.kind is DeployEventKind.REFRESHED
            if self.refreshed == 3:
                raise _KilledError

    async with site(releases, "1.10", "1.11") as place:
        await place.deploy("1.10")
        with pytest.raises(_KilledError):
            await place.deploy("1.11", observer=Observing())
        with pytest.raises(RefusedError, match="cannot be reached in one step") as caught:
            await place.deploy("1.10")
        assert len(caught.value.problems) >= 3
        assert all("it has release 1.11" in problem.what for problem in caught.value.problems)
        forward = await place.deploy("1.11")
        assert forward.report is not None
        assert forward.remaining == ()
        await place.deploy("1.11", FRESH)
        assert place.applications() == place.applications(FRESH)
