from __future__ import annotations

import pytest

from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.model.users import only_reads


@pytest.mark.parametrize(
    "method",
    [
        "FullStatus",
        "WatchAll",
        "Next",
        "Get",
        "GetConfig",
        "CharmConfig",
        "CharmInfo",
        "ApplicationsInfo",
        "ModelGet",
        "ListResources",
        "Sequences",
    ],
)
def test_reading_needs_no_more_than_read_access(method: str) -> None:
    assert only_reads(method)


@pytest.mark.parametrize(
    "method",
    [
        "Deploy",
        "SetConfigs",
        "UnsetApplicationsConfig",
        "AddRelation",
        "AddPendingResources",
        "DestroyApplication",
        "ScaleApplications",
        "ModelSet",
        "SetCharm",
        "Expose",
        "ResolveUnitErrors",
    ],
)
def test_changing_needs_write_access(method: str) -> None:
    assert not only_reads(method)


def test_every_facade_has_a_name_of_its_own_and_versions_in_order() -> None:
    names = [facade.name for facade in FACADES]
    assert len(names) == len(set(names))
    for facade in FACADES:
        assert list(facade.versions) == sorted(facade.versions), facade.name
