"""What a controller would refuse after the uploads is found before the first step."""

from __future__ import annotations

import pytest

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, Problem
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.requirements import mebibytes, storage_problems
from tests.unit.juju.samples import MINIO, bundle, charm

STORED = charm(
    """
    name: pets
    storage:
      data: {type: filesystem, minimum-size: 2G}
      logs: {type: filesystem, multiple: {range: 1-3}}
      many: {type: filesystem, multiple: {range: 2+}}
    devices: {gpu: {type: nvidia.com/gpu, countmin: 2}}
    provides: {website: {interface: http}}
    extra-bindings: {admin-api: }
    """
)
SHARED = charm("{name: pets, storage: {data: {type: filesystem, shared: true}}}")
FILED = charm(
    "{name: pets, resources: {policy: {type: file, filename: p.tar.gz}, tune: {type: file, "
    "filename: t.cnf}}}"
)
GPU = "devices: {gpu: '2,nvidia.com/gpu'}"


def plan(fields: str, live: LiveModel, charm_: object = STORED) -> Plan:
    text = (
        f"bundle: kubernetes\napplications: {{pets: {{charm: ./pets.charm, scale: 1, {fields}}}}}"
    )
    return plan_deployment(bundle(text), {"pets": charm_}, live)  # type: ignore[dict-item]


def problems(fields: str, live: LiveModel | None = None, charm_: object = STORED) -> list[str]:
    try:
        plan(fields, live or LiveModel(name="m"), charm_)
    except BundleError as exc:
        return [str(problem) for problem in exc.problems]
    return []


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("data: 1G", 'charm "pets" store "data": minimum storage size is 2048M, 1024M specified'),
        ("data: 1M", 'charm "pets" store "data": minimum storage size is 2048M, 1M specified'),
        ("data: '2,3G'", 'charm "pets" store "data": storage is singular, 2 specified'),
        ("logs: 4", 'charm "pets" store "logs": at most 3 instances supported, 4 specified'),
        ("many: '1,1G'", 'charm "pets" store "many": 2 instances required, 1 specified'),
    ],
)
def test_storage_that_the_charm_does_not_allow(storage: str, expected: str) -> None:
    assert problems(f"{GPU}, storage: {{{storage}}}") == [f"application pets, storage: {expected}"]


@pytest.mark.parametrize("storage", ["data: 2G", "logs: '3,1G'", "many: 9", "data: 'tmpfs,2G'"])
def test_storage_that_the_charm_allows(storage: str) -> None:
    live = LiveModel(name="m", pools=frozenset())
    assert problems(f"{GPU}, storage: {{{storage}}}", live) == []


def test_storage_without_a_size_has_the_one_that_the_charm_asks_for() -> None:
    assert problems(f"{GPU}, storage: {{data: kubernetes}}") == []


def test_storage_without_a_count_has_the_one_that_the_charm_asks_for() -> None:
    asked: dict[str, Document] = {"many": {"Size": 1}, "logs": {}, "data": {}}
    assert [*storage_problems(STORED, asked, None)] == []


@pytest.mark.parametrize(
    ("storage", "what"),
    [
        ("", 'no constraints specified for shared charm storage "data"'),
        ("data: 1G", 'charm "pets" store "data": shared storage support not implemented'),
    ],
)
def test_shared_storage_is_refused(storage: str, what: str) -> None:
    two = charm("{name: pets, storage: {data: {shared: true}, more: {minimum-size: 2G}}}")
    fix = "no Juju deploys a charm with shared storage"
    assert problems(f"storage: {{{storage}}}", charm_=two) == [
        f"application pets, storage: {what} ({fix})"
    ]
    more = ", ".join(filter(None, (storage, "more: 1G")))
    assert len(problems(f"storage: {{{more}}}", charm_=two)) == 2


def test_a_pool_that_the_controller_does_not_have() -> None:
    live = LiveModel(name="m", pools=frozenset({"kubernetes", "fast"}))
    for name, nearest in (("fats", "did you mean 'fast'? "), ("zzzzzz", "")):
        assert problems(f"{GPU}, storage: {{data: '{name},2G'}}", live) == [
            (
                f'application pets, storage data: pool "{name}" not found ({nearest}Make it '
                f"(juju create-storage-pool {name} kubernetes storage-class=CLASS), or name one of "
                "fast, kubernetes, rootfs, tmpfs)"
            )
        ]
    assert problems(f"{GPU}, storage: {{data: 'fast,2G'}}", live) == []
    assert problems(f"{GPU}, storage: {{data: 'fats,2G'}}") == []  # the controller was not asked


def test_devices_that_are_too_few_or_not_given() -> None:
    assert problems("devices: {gpu: nvidia.com/gpu}") == [
        (
            'application pets, devices: charm "pets" device "gpu": minimum device size is 2, '
            "1 specified"
        )
    ]
    assert problems("trust: true") == [
        (
            'application pets, devices: no constraints specified for device "gpu" (write devices: '
            "{gpu: '2,TYPE'})"
        )
    ]
    assert len(problems("devices: {gup: '2,x'}")) == 1  # which names the device
    any_number = charm("{name: pets, devices: {a: {type: t, countmin: 0}, b: {countmin: x}, c: }}")
    assert problems("trust: true", charm_=any_number) == [
        (
            f'application pets, devices: no constraints specified for device "{name}" (write '
            f"devices: {{{name}: '1,TYPE'}})"
        )
        for name in ("b", "c")
    ]


@pytest.mark.parametrize("space", ["beta", "alph"])
def test_a_space_that_is_not_there(space: str) -> None:
    assert problems(f"{GPU}, bindings: {{website: {space}}}") == [
        (
            f'application pets, bindings: space "{space}" not found (a model on Kubernetes has one '
            "space: alpha)"
        )
    ]


@pytest.mark.parametrize("endpoint", ["admin-api", "website", "juju-info", "''"])
def test_extra_bindings_are_bound_as_endpoints_are(endpoint: str) -> None:
    assert problems(f"{GPU}, bindings: {{{endpoint}: alpha}}") == []


@pytest.mark.parametrize(
    "fields",
    [
        "expose: true",
        "exposed-endpoints: {website: {expose-to-cidrs: [10.0.0.0/24]}}",
        "expose: true, options: {juju-external-hostname: ''}",
    ],
)
def test_nothing_is_exposed_without_a_host_name(fields: str) -> None:
    where = fields.partition(":")[0]
    assert problems(f"{GPU}, {fields}") == [
        (
            f"application pets, {where}: cannot expose a container application without a "
            '"juju-external-hostname" value set (set it in the bundle: options: '
            "{juju-external-hostname: HOST})"
        )
    ]


def test_a_host_name_that_the_model_has_is_enough() -> None:
    application = LiveApplication(
        name="pets", charm="pets", scale=1, own_options={"juju-external-hostname": "a.example"}
    )
    live = LiveModel(name="m", applications={"pets": application})
    assert [step.describe() for step in plan("expose: true", live).steps] == ["expose pets"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("web", "endpoint \"web\" not found (did you mean 'website'?)"),
        ("website: {expose-to-spaces: [dmz]}, x", 'endpoint "x" not found'),
    ],
)
def test_an_endpoint_that_the_charm_does_not_have_is_not_exposed(
    endpoint: str, expected: str
) -> None:
    found = problems(
        f"{GPU}, options: {{juju-external-hostname: h}}, exposed-endpoints: {{{endpoint}: {{}}}}"
    )
    assert f"application pets, exposed-endpoints: {expected}" in found


def test_a_space_that_is_not_there_is_not_exposed_to() -> None:
    for endpoint, told in (
        ("website", "website"),
        ("''", "all endpoints"),
        ("admin-api", "admin-api"),
    ):
        assert problems(
            f"{GPU}, options: {{juju-external-hostname: h}}, "
            f"exposed-endpoints: {{{endpoint}: {{expose-to-spaces: [dmz, alpha]}}}}"
        ) == [
            (
                f'application pets, exposed-endpoints, {told}: space "dmz" not found (a model on '
                "Kubernetes has one space: alpha)"
            )
        ]


def test_assumptions_are_checked_against_the_model_where_it_is_known() -> None:
    picky = charm("{name: pets, assumes: [juju >= 3.7]}")
    live = LiveModel(name="m", features={"juju": "3.6.1"})
    assert problems("trust: true", live, picky) == [
        (
            "application pets, assumes: charm pets cannot be deployed: charm requires Juju version "
            ">= 3.7.0, model has version 3.6.1 (take another revision of the charm, or upgrade the "
            "controller or the cluster)"
        )
    ]
    assert problems("trust: true", charm_=picky) == []


@pytest.mark.parametrize(
    ("assumes", "text"),
    [
        (
            "[juju > 3.4]",
            (
                'parsing expression 1 in top level "assumes" block: malformed feature expression '
                '"juju > 3.4"'
            ),
        ),
        ("juju", 'malformed "assumes" block; expected an expression list'),
    ],
)
def test_malformed_assumptions_are_refused_without_a_model(assumes: str, text: str) -> None:
    for features in (None, {"juju": "3.6.1"}):
        assert problems(
            "trust: true",
            LiveModel(name="m", features=features),
            charm(f"{{name: pets, assumes: {assumes}}}"),
        ) == [
            (
                f"application pets, assumes: charm pets cannot be deployed: {text} "
                "(pack the charm again)"
            )
        ]


def test_a_file_that_nobody_gives_is_a_warning() -> None:
    found = plan("resources: {tune: /etc/t.cnf}", LiveModel(name="m"), FILED).warnings
    assert found == (
        Problem(
            "charm pets declares the file policy, and nobody gives it: a charm that needs it stays "
            "blocked",
            "application pets, resource policy",
            "add it to the bundle, resources: {policy: ./FILE}, or run juju attach-resource pets "
            "policy=FILE",
        ),
    )


def test_all_problems_are_told_together() -> None:
    found = problems(
        "expose: true, storage: {data: 1G}, bindings: {x: beta}",
        charm_=STORED,
    )
    assert len(found) == 5


def test_a_charm_of_which_nothing_is_asked_has_no_problem() -> None:
    assert problems("resources: {oci-image: reg/x:1}", charm_=MINIO) == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("2G", 2048),
        ("1.5G", 1536),
        ("512M", 512),
        ("7", 7),
        ("1GiB", 1024),
        ("1GB", 1024),
        ("1T", 1024**2),
        ("2P", 2 * 1024**3),
        ("1E", 1024**4),
        ("1Z", 1024**5),
        ("1Y", 1024**6),
        ("0.1M", 1),
        (1024, 1024),
        ("1K", 0),
        ("x", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_sizes_are_in_mebibytes(size: JSONValue, expected: int) -> None:
    assert mebibytes(size) == expected
