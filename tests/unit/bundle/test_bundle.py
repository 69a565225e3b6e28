"""Bundles are checked in Juju's words, all at once, and merged by Juju's rules."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import (
    Application,
    Bundle,
    EndpointRef,
    Relation,
)
from ckf_airgap.bundle.bundlefile import load_bundle, load_document
from ckf_airgap.bundle.exposure import ExposedEndpoint, Offer
from ckf_airgap.bundle.merge import merge, merge_documents, without_strays
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.errors import BundleError, ExitCode, MissingError


def doc(text: str) -> Document:
    return load_mapping(text, where="test")


def bundle(text: str) -> Bundle:
    return Bundle.from_document(doc(text), where="x.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(BundleError) as raised:
        bundle(text)
    assert raised.value.exit_code is ExitCode.INPUT
    assert str(raised.value).startswith("the bundle x.yaml cannot be used:\n")
    return [str(problem) for problem in raised.value.problems]


# What a bundle says

WHOLE = """
bundle: kubernetes
name: kubeflow
series: jammy
default-base: ubuntu@22.04
docs: https://discourse.example
applications:
  minio:
    charm: minio
    channel: ckf-1.9/stable
    revision: 5
    scale: 2
    trust: true
    series: focal
    options: {port: 9000, name: x, ratio: 0.5, debug: false}
    resources: {oci-image: a/b:1, other: 7}
    constraints: mem=2G
    annotations: {gui-x: 5, note: }
    storage: {database: 1G}
    devices: {gpu: 1}
    bindings: {'': alpha}
    expose: true
    to: ['a=b,c=d']
    _github_repo_name: minio-operator
  db: {charm: ./mysql-k8s_r5.charm, num_units: 3, base: ubuntu@22.04/stable}
relations:
- [minio:object-storage, db:s3]
- [minio, db]
"""


def test_every_field_of_a_bundle_is_read() -> None:
    found = bundle(WHOLE)
    assert (found.name, found.kind, found.series) == ("kubeflow", "kubernetes", "jammy")
    assert str(found.default_base) == "ubuntu@22.04"
    stated = found.applications["minio"].stated
    assert stated > {"charm", "scale", "trust", "expose", "constraints"}
    assert not stated & {"base", "exposed-endpoints", "offers"}
    assert found.applications["minio"] == Application(
        name="minio",
        charm="minio",
        channel="ckf-1.9/stable",
        revision=5,
        scale=2,
        trust=True,
        series="focal",
        options={"port": 9000, "name": "x", "ratio": 0.5, "debug": False},
        resources={"oci-image": "a/b:1", "other": 7},
        constraints="mem=2G",
        annotations={"gui-x": "5", "note": ""},
        storage={"database": "1G"},
        devices={"gpu": "1"},
        bindings={"": "alpha"},
        expose=True,
        placement=("a=b,c=d",),
        stated=stated,
    )
    assert found.applications["db"].scale == 3
    assert found.applications["db"].base == Base(name="ubuntu", channel="22.04/stable")
    assert [str(relation) for relation in found.relations] == [
        "minio:object-storage db:s3",
        "minio db",
    ]
    assert found.relations[0].ends == (
        EndpointRef("minio", "object-storage"),
        EndpointRef("db", "s3"),
    )


def test_what_is_left_out_has_its_default() -> None:
    found = bundle("applications: {a: {charm: a}}")
    assert found.applications["a"] == Application(
        name="a", charm="a", scale=0, stated=frozenset({"charm"})
    )
    assert (found.name, found.kind, found.relations) == (None, None, ())


def test_null_fields_count_as_left_out() -> None:
    fields = "channel: , revision: , scale: , trust: , series: , options: , resources: , to: "
    found = bundle(f"{{applications: {{a: {{charm: a, {fields}}}}}, relations: , series: }}")
    assert found.applications["a"] == Application(name="a", charm="a", stated=frozenset({"charm"}))


def test_numbers_that_are_meant_as_text_are_text() -> None:
    found = bundle("{name: 1.9, applications: {a: {charm: a, channel: 1.9}}}")
    assert (found.name, found.applications["a"].channel) == ("1.9", "1.9")


def test_unknown_keys_are_kept_and_written_back() -> None:
    found = bundle(WHOLE)
    assert doc(found.to_yaml()) == found.document
    assert found.document["docs"] == "https://discourse.example"
    written = doc(WHOLE)
    assert list(found.document) == list(written)


def test_the_old_name_of_applications_is_refused_with_the_new_one() -> None:
    assert problems("services: {a: {charm: a}}") == [
        (
            "at least one application must be specified "
            "(services is a name of long ago: write applications)"
        )
    ]


@pytest.mark.parametrize(
    ("charm", "name", "local"),
    [
        ("minio", "minio", False),
        ("ch:minio", "minio", False),
        ("ch:amd64/minio", "minio", False),
        ("ch:amd64/jammy/minio", "minio", False),
        ("https://charmhub.io/minio", "minio", False),
        ("./minio_r5.charm", "minio", True),
        ("../charms/minio.charm", "minio", True),
        ("/charms/mysql-k8s_abc.charm", "mysql-k8s", True),
        ("local:mysql-k8s-3", "mysql-k8s", True),
        ("local:jammy/minio-0", "minio", True),
        ("local:minio", "minio", True),
    ],
)
def test_a_charm_is_a_name_in_the_store_or_a_path(charm: str, name: str, local: bool) -> None:
    found = bundle(f"applications: {{a: {{charm: '{charm}'}}}}").applications["a"]
    assert (found.charm_name, found.is_local) == (name, local)


@pytest.mark.parametrize("text", ["a", "a:b", "katib-db:db-admin", "a:b_c-d2"])
def test_an_end_of_a_relation_is_written_back(text: str) -> None:
    assert str(EndpointRef.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", ":", "a:", ":b", "a:b:c", "A:b", "a b", "a:b c", "a:b\n", "a:B", "a:p.q", "a:b--c"]
)
def test_what_is_no_end_of_a_relation_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="invalid relation syntax"):
        EndpointRef.parse(text)


# What is wrong


@pytest.mark.parametrize("text", ["{}", "applications: ", "applications: {}"])
def test_a_bundle_has_applications(text: str) -> None:
    assert problems(text) == ["at least one application must be specified"]


def application(fields: str) -> str:
    return f"{{applications: {{a: {{charm: a, {fields}}}, b: {{charm: b}}}}}}"


def kubernetes(fields: str) -> str:
    return f"{{bundle: kubernetes, {application(fields)[1:]}"


def saas(text: str) -> str:
    return f"{{applications: {{a: {{charm: a}}}}, saas: {text}}}"


def relations(text: str) -> str:
    return f"{{applications: {{a: {{charm: a}}, b: {{charm: b}}}}, relations: {text}}}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{bundle: openstack, applications: {a: {charm: a}}}",
            'bundle has an invalid type "openstack"',
        ),
        (
            "{bundle: kubernetes, machines: {'0': {}}, applications: {a: {charm: a}}}",
            "bundle machines not valid for Kubernetes bundles",
        ),
        (
            "{series: JAMMY, applications: {a: {charm: a}}}",
            'bundle declares an invalid series "JAMMY"',
        ),
        (
            "{default-base: jam, applications: {a: {charm: a}}}",
            'bundle declares an invalid base "jam" (write NAME@VERSION, such as ubuntu@22.04)',
        ),
        (
            "{series: jammy, default-base: ubuntu@24.04, applications: {a: {charm: a}}}",
            'bundle series "jammy" and base "ubuntu@24.04" must match if both supplied',
        ),
        (
            "{description: [a], applications: {a: {charm: a}}}",
            "description: expected text, got a list",
        ),
        ("{applications: [a]}", "applications: expected a mapping, got a list"),
        ("{applications: {A_b: {charm: a}}}", 'invalid application name "A_b" in bundle'),
        ("{applications: {a: minio}}", "applications.a: expected a mapping, got 'minio'"),
        ("{applications: {a: }}", 'bundle application for key "a" is undefined'),
        ("{applications: {a: {}}}", "application a: empty charm path"),
        ("{applications: {a: {charm: ''}}}", "application a: empty charm path"),
        ("{applications: {a: {charm: [b]}}}", "applications.a.charm: expected text, got a list"),
        (
            "{applications: {a: {charm: 'ch:minio-5'}}}",
            'application a: cannot specify revision in "ch:minio-5", please use revision',
        ),
        (
            "{applications: {a: {charm: minio_r5.charm}}}",
            (
                'invalid charm URL in application "a": cannot parse name and/or revision in URL '
                '"minio_r5.charm": name "minio_r5.charm" not valid (a path must begin with ./ or /)'
            ),
        ),
        (
            "{applications: {a: {charm: 'cs:~u/minio'}}}",
            (
                'invalid charm URL in application "a": cannot parse URL "cs:~u/minio": schema "cs" '
                "not valid (the charm store (cs:) is gone, and charms on Charmhub have no user "
                "names: write charm: minio, with its channel)"
            ),
        ),
        (
            "{applications: {a: {charm: 'cs:minio-3'}}}",
            ("write charm: minio, with its channel; revision 3 was one of the charm store)"),
        ),
        (
            "{applications: {a: {charm: 'ch:jammy/amd64/minio'}}}",
            'in URL "ch:jammy/amd64/minio": architecture name "jammy" not valid',
        ),
        (
            "{applications: {a: {charm: 'local:a/b/c'}}}",
            'charm or bundle URL has invalid form: "local:a/b/c"',
        ),
        (
            "{applications: {a: {charm: 'ch:focal/minio', series: jammy}}}",
            'the charm URL for application "a" has a series which does not match',
        ),
        (
            "{applications: {a: {charm: Minio}}}",
            'URL "Minio": name "Minio" not valid',
        ),
        (
            application("revision: 5"),
            (
                'application "a" with a revision requires a channel for future upgrades, '
                "please use channel"
            ),
        ),
        (
            application("channel: x, revision: -1"),
            "application a: the revision must be zero or greater, not -1",
        ),
        (
            application("channel: x, revision: '5'"),
            "applications.a.revision: expected an integer, got '5'",
        ),
        (
            application("channel: x, revision: true"),
            "applications.a.revision: expected an integer, got a boolean (true)",
        ),
        (application("scale: -1"), "application a: negative number of units specified"),
        (application("scale: two"), "applications.a.scale: expected an integer, got 'two'"),
        (
            application("num_units: []"),
            "applications.a.num_units: expected an integer, got a list",
        ),
        (
            application("scale: 1, num_units: 2"),
            'cannot specify both scale and num_units for application "a"',
        ),
        (kubernetes("to: [x=y, u=v]"), 'too many placement directives for application "a"'),
        (kubernetes("to: ['0']"), 'expected "key=value", got "0" for application "a"'),
        (kubernetes("to: ['lxd:1']"), 'expected "key=value", got "lxd:1" for application "a"'),
        (kubernetes("placement: x"), 'expected "key=value", got "x" for application "a"'),
        (kubernetes("placement: x="), 'expected "key=value", got "x=" for application "a"'),
        (kubernetes("to: ['x=1,x=2']"), 'key "x" specified more than once for application "a"'),
        (
            kubernetes("to: [x=y], placement: u=v"),
            'cannot specify both placement and to for application "a"',
        ),
        (application("to: ['0']"), 'placement "0" of application "a" is on machines'),
        (application("to: [a=b]"), 'invalid placement syntax "a=b" for application "a"'),
        (application("to: {x: y}"), "applications.a.to: expected a list, got a mapping"),
        (application("to: disk=ssd"), "applications.a.to: expected a list, got 'disk=ssd'"),
        (application("trust: 'yes'"), "applications.a.trust: expected true or false, got 'yes'"),
        (
            application("expose: 1"),
            "applications.a.expose: expected true or false, got an integer (1)",
        ),
        (application("series: A"), 'application "a" declares an invalid series "A"'),
        (application("base: A"), 'application "a" declares an invalid base "A"'),
        (application("base: jammy"), 'invalid base "jammy" (write ubuntu@22.04)'),
        (application("base: ubuntu@22.04/foo"), 'declares an invalid base "ubuntu@22.04/foo"'),
        (application("base: ubuntu@22.04/edge/x"), "declares an invalid base"),
        (application("base: ubuntu@22.04/"), "declares an invalid base"),
        (application("base: debian@12"), "declares an invalid base"),
        (
            "{default-base: foo@9, applications: {a: {charm: a}}}",
            'bundle declares an invalid base "foo@9"',
        ),
        (
            application("series: focal, base: ubuntu@22.04"),
            'application "a" series "focal" and base "ubuntu@22.04" must match if both supplied',
        ),
        (application("options: [x]"), "applications.a.options: expected a mapping, got a list"),
        (
            application("options: {x: [y]}"),
            (
                "application a, option x: the value must be a scalar, not a list "
                "(write YAML inside an option as text: option: |)"
            ),
        ),
        (application("resources: x"), "applications.a.resources: expected a mapping, got 'x'"),
        (
            application("resources: {x: [y]}"),
            'application a: resource revision "x" is not int or string',
        ),
        (
            application("resources: {x: 9223372036854775808}"),
            'application a: resource revision "x" is not int or string',
        ),
        (
            application("resources: {x: true}"),
            'application a: resource revision "x" is not int or string',
        ),
        (application("resources: {'': x}"), 'missing resource name on application "a"'),
        (application("storage: {'1x': 1G}"), 'invalid storage name "1x" in application "a"'),
        (
            application("storage: {data: }"),
            (
                'invalid storage "data" in application "a": storage constraints require at least '
                "one field to be specified"
            ),
        ),
        (
            application("storage: {data: 10Gi}"),
            'invalid storage "data" in application "a": unrecognized storage constraint "10Gi"',
        ),
        (application("devices: {D_x: gpu}"), 'invalid device name "D_x" in application "a"'),
        (
            application("devices: {gpu: 'gpu,1'}"),
            'invalid device "gpu" in application "a": count must be greater than zero, got "gpu"',
        ),
        (
            application("constraints: mem=1Gi"),
            'invalid constraints "mem=1Gi" in application "a": bad "mem" constraint',
        ),
        (
            application('constraints: "mem=1G\\tcores=2"'),
            'application "a": bad "mem" constraint: must be a non-negative float',
        ),
        (
            application("expose: true, exposed-endpoints: {x: {expose-to-cidrs: [10.0.0.0/8]}}"),
            'exposed-endpoints cannot be specified together with "exposed:true" in application',
        ),
        (
            application("exposed-endpoints: {x: {expose-to-cidrs: [10.0.0.0]}}"),
            'invalid CIDR "10.0.0.0" for expose to CIDRs field for endpoint "x" in application "a"',
        ),
        (application("offers: {O: {endpoints: [x]}}"), 'invalid offer name "O" in application'),
        (
            application("offers: {o: {endpoints: [X.y]}}"),
            'invalid endpoint name "X.y" for offer "o" in application "a"',
        ),
        (saas("{s: {url: admin}}"), 'invalid offer URL "admin" for SAAS s'),
        (saas("{s: {url: 'Admin x/m.o'}}"), 'invalid offer URL "Admin x/m.o" for SAAS s'),
        (saas("{S: {url: admin/m.o}}"), 'invalid SAAS name "S" found'),
        (saas("{a: {url: admin/m.o}}"), 'application "a" already exists with SAAS "a" name'),
        (
            application("constraints: [mem]"),
            "applications.a.constraints: expected text, got a list",
        ),
        (application("plan: []"), "applications.a.plan: expected text, got a list"),
        (application("annotations: {x: []}"), "annotations.x: expected text, got a list"),
        (application("bindings: {x: {}}"), "bindings.x: expected text, got a mapping"),
        ("{tags: x, applications: {a: {charm: a}}}", "tags: expected a list, got 'x'"),
        ("{saas: x, applications: {a: {charm: a}}}", "saas: expected a mapping, got 'x'"),
        ("{saas: {s: x}, applications: {a: {charm: a}}}", "saas.s: expected a mapping, got 'x'"),
        ("{machines: 0, applications: {a: {charm: a}}}", "machines: expected a mapping, got an i"),
        ("{description: [], applications: {a: {charm: a}}}", "description: expected text, got a"),
        (relations("{a: b}"), "relations: expected a list, got a mapping"),
        (relations("[[a, [b, a]]]"), "relations[0][1]: expected text, got a list"),
        (relations("[[a, 5]]"), 'invalid relation syntax "5"'),
        (relations("[['a:R', b]]"), 'invalid relation syntax "a:R"'),
        (relations("['a:x b:y']"), "relations[0]: expected a list, got 'a:x b:y'"),
        (relations("[[a]]"), 'relation ["a"] has 1 endpoint(s), not 2'),
        (relations("[[a, b, a]]"), 'relation ["a" "b" "a"] has 3 endpoint(s), not 2'),
        (
            relations("[['a:x', 'bb:y']]"),
            (
                'relation ["a:x" "bb:y"] refers to application "bb" not defined in this bundle '
                "(did you mean 'b'?)"
            ),
        ),
        (relations("[['a:x', 'a:y']]"), 'relation ["a:x" "a:y"] relates an application to itself'),
        (
            relations("[['a:x', 'b:y'], ['b:y', 'a:x']]"),
            'relation ["b:y" "a:x"] is defined more than once',
        ),
        (relations("[['a::x', b]]"), 'invalid relation syntax "a::x"'),
    ],
)
def test_what_is_wrong_is_said_in_jujus_words(text: str, problem: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert problem in found[0]


def test_all_problems_are_reported_together() -> None:
    found = problems(
        "{bundle: x, applications: {A: {}, a: {scale: -1, options: {x: {}}}},"
        " relations: [[a], [b, c]]}"
    )
    assert len(found) == 7
    wrong = problems("{bundle: [x], applications: {a: {scale: x, trust: 5, to: x}}, tags: 5}")
    assert len(wrong) == 5


@pytest.mark.parametrize(
    "fields", ["to: [disk=ssd]", "placement: disk=ssd", "scale: 0, to: [disk=ssd]"]
)
def test_placement_has_two_spellings_and_is_a_node_selector(fields: str) -> None:
    assert bundle(kubernetes(fields)).applications["a"].placement == ("disk=ssd",)


@pytest.mark.parametrize(
    "url", ["admin/cos.prometheus", "ctl:admin/cos.grafana:dashboards", "cos.x", "ab@ext/m.o:rel"]
)
def test_urls_of_offers_are_those_of_juju(url: str) -> None:
    assert bundle(saas(f"{{s: {{url: '{url}'}}}}")).applications


def test_offers_and_exposed_endpoints_are_read() -> None:
    found = bundle(
        application(
            "offers: {o: {endpoints: [x, z], acl: {admin: admin}}}, "
            "exposed-endpoints: {'': {expose-to-cidrs: [0.0.0.0/0]}, x: {expose-to-spaces: [s]}}"
        )
    ).applications["a"]
    assert found.offers == {"o": Offer(name="o", endpoints=("x", "z"), access={"admin": "admin"})}
    assert found.exposed_endpoints == {
        "": ExposedEndpoint(cidrs=("0.0.0.0/0",)),
        "x": ExposedEndpoint(spaces=("s",)),
    }


def test_a_relation_to_another_model_is_known_by_its_saas_entry() -> None:
    found = bundle(
        "{applications: {a: {charm: a}}, saas: {b: {url: admin/m.b}}, relations: [['a:x', 'b:y']]}"
    )
    assert found.relations == (Relation(EndpointRef("a", "x"), EndpointRef("b", "y")),)


# Files


def test_a_bundle_is_a_file_or_a_directory_with_one(tmp_path: Path) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text("applications: {a: {charm: a}}")
    assert load_bundle(file) == load_bundle(tmp_path)


def test_further_documents_in_the_file_are_overlays(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text("applications: {a: {charm: a}, b: {charm: b}}\n---\napplications: {b: }\n")
    assert set(load_bundle(file).applications) == {"a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a bundle"),
        (b"---\n", "at least one application must be specified"),
        (b"- a", "line 1: expected a mapping, got a list"),
        (b"a: [", "is not valid YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"applications: {a: {charm: a}, a: {charm: b}}", "has the key 'a' twice"),
        (
            b"applications: {a: {charm: a, offers: {o: {endpoints: [x]}}, exposed-endpoints: {}}}",
            "applications.a.offers can only appear in an overlay section",
        ),
        (b"applications: {a: {charm: a}}\n---\nservices: {a: {scale: 2}}", "deprecated 'services'"),
        (b"applications: {}", "at least one application must be specified"),
    ],
)
def test_a_bad_file_is_refused_by_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "b.yaml"
    file.write_bytes(content)
    with pytest.raises(BundleError) as raised:
        load_bundle(file)
    assert message in str(raised.value)
    assert raised.value.exit_code is ExitCode.INPUT


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.yaml: No such file"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(BundleError, match=r"is a directory without a bundle"):
        load_document(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    with file.open("wb") as stream:
        stream.truncate(1024**3)
    with pytest.raises(BundleError, match="too large"):
        load_document(file)


def test_offers_that_are_null_are_none(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text("applications: {a: {charm: a, offers: , exposed-endpoints: ~}}")
    assert set(load_bundle(file).applications) == {"a"}
    file.write_text("applications: {a: {charm: a, exposed-endpoints: {}}}")
    with pytest.raises(BundleError, match="exposed-endpoints can only appear in an overlay"):
        load_bundle(file)


def test_offers_are_taken_from_an_overlay(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(
        "applications: {a: {charm: a}}\n---\napplications: {a: {offers: {o: {endpoints: [x]}}}}\n"
    )
    applications = load_bundle(file).document["applications"]
    assert applications == {"a": {"charm": "a", "offers": {"o": {"endpoints": ["x"]}}}}


# Merging

BASE = """
bundle: kubernetes
description: before
series: focal
default-base: ubuntu@20.04
machines: {'0': {}}
saas: {s: {url: x}}
applications:
  a:
    charm: a
    channel: 1/stable
    scale: 1
    trust: true
    to: [x]
    constraints: mem=1G cores=2
    options: {x: 1, y: text}
    resources: {i: a/b:1, j: c/d:1}
    annotations: {gui-x: '1', gui-y: '2'}
    storage: {db: 1G}
    devices: {gpu: '1'}
    bindings: {'': alpha}
  b: {charm: b, num_units: 2}
relations: [['a:x', 'b:y'], ['s:z', 'a:z'], ['b:p', 's:r']]
"""


@pytest.mark.parametrize(
    ("overlay", "path", "expected"),
    [
        ("applications: {a: {charm: ./a.charm}}", "applications a charm", "./a.charm"),
        ("applications: {a: {channel: stable}}", "applications a channel", "stable"),
        ("applications: {a: {revision: 5}}", "applications a revision", 5),
        ("applications: {a: {scale: 3}}", "applications a scale", 3),
        ("applications: {b: {scale: 3}}", "applications b", {"charm": "b", "scale": 3}),
        ("applications: {a: {trust: false}}", "applications a trust", False),
        ("applications: {a: {to: [u, z]}}", "applications a to", ["u", "z"]),
        ("applications: {a: {constraints: mem=2G}}", "applications a constraints", "mem=2G"),
        ("applications: {a: {options: {y: z}}}", "applications a options", {"x": 1, "y": "z"}),
        ("applications: {a: {options: {x: }}}", "applications a options", {"y": "text"}),
        ("applications: {a: {options: {q: }}}", "applications a options", {"x": 1, "y": "text"}),
        ("applications: {a: {options: }}", "applications a options", None),
        ("applications: {a: {options: {}}}", "applications a options", {"x": 1, "y": "text"}),
        ("applications: {b: {options: {z: 1}}}", "applications b options", {"z": 1}),
        ("applications: {a: {resources: {i: }}}", "applications a resources", {"j": "c/d:1"}),
        (
            "applications: {a: {annotations: {gui-x: , n: m}}}",
            "applications a annotations",
            {"gui-x": "", "gui-y": "2", "n": "m"},
        ),
        ("applications: {a: {storage: {db: }}}", "applications a storage", {"db": ""}),
        (
            "applications: {a: {devices: {cpu: '2'}}}",
            "applications a devices",
            {"gpu": "1", "cpu": "2"},
        ),
        ("applications: {a: {bindings: {x: beta}}}", "applications a bindings x", "beta"),
        ("applications: {a: }", "applications", {"b": {"charm": "b", "num_units": 2}}),
        ("applications: {a: }", "relations", [["b:p", "s:r"]]),
        ("applications: {b: }", "relations", [["s:z", "a:z"]]),
        ("applications: {c: {charm: c}}", "applications c", {"charm": "c"}),
        ("applications: {c: }", "applications c", None),
        ("relations: [['a:n', 'b:n']]", "relations 3", ["a:n", "b:n"]),
        ("series: jammy", "series", "jammy"),
        ("default-base: ubuntu@22.04", "default-base", "ubuntu@20.04"),
        ("bundle: other", "bundle", "kubernetes"),
        ("description: after", "description", "before"),
        ("machines: {'1': {}}", "machines", {"1": {}}),
        ("saas: {t: {url: u}}", "saas", {"s": {"url": "x"}, "t": {"url": "u"}}),
        ("saas: {s: {url: u}}", "saas", {"s": {"url": "u"}}),
        ("saas: {s: }", "relations", [["a:x", "b:y"]]),
    ],
)
def test_each_rule_of_the_merge(overlay: str, path: str, expected: object) -> None:
    merged = merge_documents(doc(BASE), doc(overlay))
    found: object = merged
    for key in path.split():
        if isinstance(found, list):
            found = found[int(key)]
        else:
            assert isinstance(found, dict)
            found = found.get(key)
    assert found == expected


@pytest.mark.parametrize(
    "overlay", ["{}", "applications: ", "applications: {a: {}}", "relations: []", "relations: "]
)
def test_what_says_nothing_changes_nothing(overlay: str) -> None:
    assert merge_documents(doc(BASE), doc(overlay)) == doc(BASE)


def test_overlays_are_merged_in_order() -> None:
    merged = merge_documents(
        doc("applications: {a: {charm: a, num_units: 1}}"),
        doc("applications: {a: {scale: 2}}"),
        doc("applications: {a: {scale: 3}}"),
    )
    assert merged == {"applications": {"a": {"charm": "a", "scale": 3}}}


@pytest.mark.parametrize(
    ("base", "overlays", "expected"),
    [
        ("applications: {a: {charm: x}}", ["applications: {a: {scale: 2}}"], []),
        ("applications: {a: {charm: x}}", ["applications: {c: {charm: u}}"], []),
        (
            "applications: {a: {charm: x}}",
            ["applications: {c: {charm: u}}", "applications: {c: {scale: 2}}"],
            [],
        ),
        ("applications: {a: {charm: x}}", ["applications: {none: }", "series: focal"], []),
        (
            "applications: {dex-auth: {charm: x}}",
            ["applications: {dex-aut: {options: {x: 1}}, dex-auth: {scale: 2}}"],
            ["overlay: there is no application dex-aut (did you mean 'dex-auth'?)"],
        ),
        (
            "applications: {a: {charm: x}, b: {charm: x}}",
            ["applications: {b: }", "applications: {b: {scale: 2}, zzz: {}}"],
            [
                "overlay 2: there is no application b (name its charm to add it)",
                "overlay 2: there is no application zzz (name its charm to add it)",
            ],
        ),
    ],
)
def test_an_overlay_changes_what_there_is_or_names_a_charm(
    base: str, overlays: list[str], expected: list[str]
) -> None:
    kept, problems = without_strays(doc(base), [doc(overlay) for overlay in overlays])
    assert [str(problem) for problem in problems] == expected
    Bundle.from_document(merge_documents(doc(base), *kept), where="x")


def test_one_overlay_may_remove_change_and_mistype_applications_at_once() -> None:
    base = "applications: {a: {charm: a}, b: {charm: b, num_units: 1}, c: {charm: c}}"
    overlay = "applications: {a: , b: {num_units: 2}, c: {}, bb: {num_units: 9}, d: {charm: d}}"
    (kept,), (problem,) = without_strays(doc(base), [doc(overlay)])
    assert str(problem) == "overlay: there is no application bb (did you mean 'b'?)"
    assert kept == doc("applications: {a: , b: {num_units: 2}, c: {}, d: {charm: d}}")
    assert merge_documents(doc(base), kept) == doc(
        "applications: {b: {charm: b, num_units: 2}, c: {charm: c}, d: {charm: d}}"
    )


def test_an_overlay_without_strays_is_kept_as_it_is() -> None:
    overlay = doc("series: focal")
    (kept,), problems = without_strays(doc("applications: {a: {charm: a}}"), [overlay])
    assert (kept, problems) == (overlay, [])
    assert kept is overlay


@pytest.mark.parametrize(
    ("relations", "left"),
    [
        ("[['a:x:y', b]]", []),
        ("[['aa:x', b]]", [["aa:x", "b"]]),
        ("[['c:x', 'a:x'], [b, c]]", [["b", "c"]]),
        ("[text, [b, c]]", ["text", ["b", "c"]]),
        ("[3]", [3]),
    ],
)
def test_relations_go_with_the_application_that_is_removed(relations: str, left: object) -> None:
    base = doc(f"{{applications: {{a: {{charm: a}}}}, relations: {relations}}}")
    assert merge_documents(base, doc("applications: {a: }"))["relations"] == left


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        ("text", "{scale: 2}", {"scale": 2}),
        ("{charm: a}", "text", "text"),
        ("text", "{}", "text"),
        ("{charm: a, options: {x: 1}}", "{options: text}", {"charm": "a", "options": "text"}),
        ("{charm: a}", "{options: }", {"charm": "a"}),
        ("{charm: a}", "{storage: [x]}", {"charm": "a", "storage": ["x"]}),
    ],
)
def test_what_has_another_form_is_overwritten_for_the_parser_to_name(
    base: str, overlay: str, expected: object
) -> None:
    merged = merge_documents(
        doc(f"applications: {{a: {base}}}"), doc(f"applications: {{a: {overlay}}}")
    )
    assert merged == {"applications": {"a": expected}}


def test_the_old_name_of_applications_is_merged_only_where_the_new_one_is_missing() -> None:
    both = doc("{applications: {a: {charm: a}}, services: {b: {charm: b}}}")
    assert merge_documents(both, doc("applications: {a: {scale: 2}}")) == doc(
        "{applications: {a: {charm: a, scale: 2}}, services: {b: {charm: b}}}"
    )
    with pytest.raises(BundleError, match="deprecated 'services' key") as raised:
        merge_documents(both, doc("services: {a: {scale: 2}}"))
    assert raised.value.fix == "Write applications."


def test_both_names_of_scale_in_an_overlay_are_still_an_error() -> None:
    with pytest.raises(BundleError, match="cannot specify both scale and num_units"):
        merge_documents(doc(BASE), doc("applications: {a: {scale: 2, num_units: 3}}"))


PETS = "bundle: kubernetes\napplications: {pets: {charm: pets, scale: 1}}"


@pytest.mark.parametrize(
    ("fields", "scale", "ignored"),
    [
        ("scale: 0", 1, "scale: 0 in an overlay changes nothing in Juju (write num_units: 0)"),
        ("scale: ", 1, "scale: null in an overlay changes nothing in Juju (write num_units: 0)"),
        ("num_units: 0", 0, ""),
        ("num_units: ", 0, ""),
        ("scale: 0, num_units: 3", 3, ""),
        ("scale: 3, num_units: 0", 3, ""),
        ("scale: 4", 4, ""),
    ],
)
def test_a_scale_of_zero_in_an_overlay_changes_nothing_and_that_is_said(
    fields: str, scale: int, ignored: str
) -> None:
    found = merge(doc(PETS), [doc(f"applications: {{pets: {{{fields}}}}}")])
    assert Bundle.from_document(found.document, where="x").applications["pets"].scale == scale
    expected = [f"application pets: {ignored}"] if ignored else []
    assert [str(problem) for problem in found.ignored] == expected


def test_placement_in_an_overlay_is_for_new_applications_alone() -> None:
    placed = doc(
        "bundle: kubernetes\n"
        "applications: {pets: {placement: a=b}, fleas: {charm: fleas, placement: c=d}}"
    )
    found = merge(doc(PETS), [placed])
    applications = Bundle.from_document(found.document, where="x").applications
    assert (applications["pets"].placement, applications["fleas"].placement) == ((), ("c=d",))
    assert [str(problem) for problem in found.ignored] == [
        "application pets: placement: a=b in an overlay changes nothing in Juju (write to: [a=b])"
    ]
    beside = merge(
        doc(PETS), [doc("bundle: kubernetes\napplications: {pets: {placement: a=b, to: }}")]
    )
    assert Bundle.from_document(beside.document, where="x").applications["pets"].placement == (
        "a=b",
    )
    assert beside.ignored == []
    replaced = merge(
        doc(PETS.replace("scale: 1", "scale: 1, placement: a=b")),
        [doc("applications: {pets: {to: [e=f]}}")],
    )
    merged = Bundle.from_document(replaced.document, where="x")
    assert merged.applications["pets"].placement == ("e=f",)
    with pytest.raises(BundleError, match=r"placement \(a=b\) not valid for non-Kubernetes"):
        merge(doc(PETS), [doc("applications: {pets: {placement: a=b}}")])


@pytest.mark.parametrize("nothing", ["", "{}", "{expose-to-cidrs: }"])
def test_offers_and_exposed_endpoints_are_merged_by_name(nothing: str) -> None:
    first = doc(
        "applications: {pets: {offers: {o: {endpoints: [x]}, u: {endpoints: [z]}}, "
        "exposed-endpoints: {x: {expose-to-cidrs: [10.0.0.0/8]}, z: {expose-to-spaces: [s]}}}}"
    )
    second = doc(
        f"applications: {{pets: {{offers: {{o: }}, exposed-endpoints: {{x: {nothing}}}}}}}"
    )
    pets = merge_documents(doc(PETS), first, second)["applications"]
    assert pets == {
        "pets": {
            "charm": "pets",
            "scale": 1,
            "offers": {"u": {"endpoints": ["z"]}},
            "exposed-endpoints": {"z": {"expose-to-spaces": ["s"]}},
        }
    }


@pytest.mark.parametrize("old", ["scale", "num_units"])
@pytest.mark.parametrize("new", ["scale", "num_units"])
def test_the_scale_of_an_overlay_replaces_that_of_the_bundle_under_either_name(
    old: str, new: str
) -> None:
    merged = merge_documents(
        doc(f"applications: {{a: {{charm: a, {old}: 1}}}}"),
        doc(f"applications: {{a: {{{new}: 3}}}}"),
    )
    assert merged == {"applications": {"a": {"charm": "a", new: 3}}}
    assert Bundle.from_document(merged, where="x").applications["a"].scale == 3


def test_a_series_that_is_null_in_an_overlay_leaves_that_of_the_bundle() -> None:
    base = doc("{series: focal, applications: {a: {charm: a}}}")
    assert merge_documents(base, doc("series: "))["series"] == "focal"
    assert merge_documents(base, doc("series: jammy"))["series"] == "jammy"


def test_what_is_merged_can_be_changed_without_changing_the_overlays() -> None:
    overlay = doc("{applications: {c: {charm: c, to: [a], options: {x: 1}}}, relations: [[a, b]]}")
    again = doc("applications: {c: {options: {x: 2}, annotations: {k: v}}}")
    copies = copy.deepcopy((overlay, again))
    merged = merge_documents({}, overlay, again)
    assert merged == doc(
        "{applications: {c: {charm: c, to: [a], options: {x: 2}, annotations: {k: v}}},"
        " relations: [[a, b]]}"
    )
    assert (overlay, again) == copies
    applications, relations = merged["applications"], merged["relations"]
    assert isinstance(applications, dict)
    assert isinstance(relations, list)
    application, relation = applications["c"], relations[0]
    assert isinstance(application, dict)
    assert isinstance(relation, list)
    application.clear()
    relation.clear()
    assert (overlay, again) == copies


def test_nothing_that_is_given_is_changed_or_shared() -> None:
    base, overlay = doc(BASE), doc("applications: {c: {options: {x: 1}}}")
    copies = copy.deepcopy((base, overlay))
    merged = merge_documents(base, overlay)
    merge_into = merged["applications"]
    assert isinstance(merge_into, dict)
    merge_into.clear()
    assert (base, overlay) == copies


keys = st.sampled_from(["x", "y"])
values = st.sampled_from([1, "text", True])
fields = st.fixed_dictionaries(
    {},
    optional={
        "charm": st.sampled_from(["a", "./a.charm"]),
        "scale": st.integers(0, 3),
        "options": st.dictionaries(keys, values, max_size=2),
        "annotations": st.dictionaries(keys, values, max_size=2),
        "to": st.lists(keys, max_size=2),
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "applications": st.dictionaries(st.sampled_from(["a", "b", "c"]), fields, max_size=3),
        "relations": st.lists(st.lists(keys, min_size=2, max_size=2), max_size=2),
        "series": st.sampled_from(["jammy", "focal"]),
    },
)


@given(documents)
def test_an_empty_overlay_changes_nothing(base: Document) -> None:
    assert merge_documents(base, {}) == base
    assert merge_documents({}, base) == base


@given(documents, documents, documents)
def test_overlays_without_nulls_may_be_merged_first(
    base: Document, one: Document, other: Document
) -> None:
    assert merge_documents(base, merge_documents(one, other)) == merge_documents(base, one, other)


@given(documents, documents)
def test_merging_an_overlay_twice_differs_in_relations_only(
    base: Document, overlay: Document
) -> None:
    once, twice = merge_documents(base, overlay), merge_documents(base, overlay, overlay)
    once.pop("relations", None)
    twice.pop("relations", None)
    assert once == twice


@pytest.mark.parametrize(
    ("name", "expected"),
    [("[a, b]", None), ("{a: b}", None), ("~", None), ("1.10", "1.10"), ("x", "x")],
)
def test_the_name_of_a_bundle_which_juju_does_not_read_may_be_anything(
    name: str, expected: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text(f"name: {name}\napplications: {{a: {{charm: x, scale: 1}}}}\n")
    assert load_bundle(path).name == expected
