from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import EndpointRef, Relation
from ckf_airgap.bundle.endpoints import ResolvedRelation, exceeded_limits, resolve_relation
from ckf_airgap.errors import Problem
from tests.unit.juju.samples import KFP, MINIO, MYSQL, charm

AGENT = charm(
    """
    name: grafana-agent
    requires: {juju-info: {interface: juju-info}, cos: {interface: object-storage}}
    """
)
CHARMS = {
    "minio": MINIO,
    "kfp-api": KFP,
    "kfp-db": MYSQL,
    "agent": AGENT,
    "katib-api": KFP,
}


def resolve(left: str, right: str) -> ResolvedRelation | Problem:
    relation = Relation(EndpointRef.parse(left), EndpointRef.parse(right))
    return resolve_relation(relation, CHARMS)


@pytest.mark.parametrize(
    ("left", "right", "key"),
    [
        ("minio", "kfp-api", "kfp-api:object-storage minio:object-storage"),
        ("minio:object-storage", "kfp-api", "kfp-api:object-storage minio:object-storage"),
        ("kfp-api:mysql", "kfp-db", "kfp-api:mysql kfp-db:mysql"),
        ("kfp-db", "kfp-api:relational-db", "kfp-api:relational-db kfp-db:database"),
        ("agent", "kfp-db", "agent:juju-info kfp-db:juju-info"),
        ("agent", "minio", "agent:cos minio:object-storage"),  # juju-info gives way
        ("minio:juju-info", "agent", "agent:juju-info minio:juju-info"),
    ],
)
def test_endpoints_are_found_as_the_controller_finds_them(left: str, right: str, key: str) -> None:
    for found in (resolve(left, right), resolve(right, left)):
        assert isinstance(found, ResolvedRelation)
        assert found.key == key


@pytest.mark.parametrize(
    ("left", "right", "message", "fix"),
    [
        (
            "kfp-api",
            "kfp-db",
            (
                'ambiguous relation: "kfp-api kfp-db" could refer to '
                '"kfp-api:mysql kfp-db:mysql"; "kfp-api:relational-db kfp-db:database"'
            ),
            "name the",
        ),
        (
            "minio:object-stor",
            "kfp-api",
            'application "minio" has no "object-stor" relation',
            "did you mean 'object-storage'?",
        ),
        ("minio:zzz", "kfp-api", 'has no "zzz" relation', "charm minio has: logging, object-"),
        ("minio", "kfp-db", "no relations found", ""),
        ("minio", "kfp-api:mysql", "no relations found", ""),
        (
            "kfp-db:database",
            "kfp-api:mysql",
            (
                "kfp-db:database is a provider of mysql_client and "
                "kfp-api:mysql is a requirer of mysql"
            ),
            "",
        ),
        ("kfp-api:mysql", "katib-api:mysql", "endpoints do not relate", ""),
        ("kfp-db:database-peers", "kfp-api", 'has no "database-peers" relation', ""),
        ("minio", "mini", 'application "mini" is not deployed', "did you mean 'minio'?"),
    ],
)
def test_what_does_not_relate_is_explained(left: str, right: str, message: str, fix: str) -> None:
    found = resolve(left, right)
    assert isinstance(found, Problem)
    assert message in found.what
    assert fix in found.fix
    assert found.where == f"relation {left} {right}"


def test_limits_count_all_relations_of_an_endpoint() -> None:
    made = [resolve("kfp-api:mysql", "kfp-db"), resolve("katib-api:mysql", "kfp-db")]
    relations = [item for item in made if isinstance(item, ResolvedRelation)]
    assert len(relations) == 2
    (problem,) = exceeded_limits(relations, CHARMS)
    assert str(problem) == (
        "endpoint kfp-db:mysql: 2 relations would exceed its maximum relation limit of 1: "
        "katib-api:mysql, kfp-api:mysql"
    )
    assert exceeded_limits(relations[:1], CHARMS) == []
