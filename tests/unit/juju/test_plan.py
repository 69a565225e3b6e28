from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.bundle.bases import choose_base
from ckf_airgap.bundle.constraints import architecture_of
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import BundleError, CharmError
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.juju.planning.identity import HeldIdentity
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation, live_model
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    DeployApplication,
    Expose,
    Scale,
    SetConstraints,
    SetOptions,
    UploadCharm,
    WriteRecord,
)
from ckf_airgap.juju.snapshots.charmurl import charm_name_of_url
from tests.unit.juju.samples import KFP, MINIO, MYSQL, bare, bundle, charm

EMPTY = LiveModel(name="kubeflow")
CHARMS = {"minio": MINIO, "kfp-api": KFP, "kfp-db": MYSQL, "katib-db": MYSQL}
BUNDLE = """
bundle: kubernetes
applications:
  minio:
    charm: ./minio_r278.charm
    trust: true
    scale: 2
    options:
      juju-external-hostname: m.example
      port: "9001"
      secret-key: hunter2
      debug: true
      ratio: 1
    resources: {oci-image: "reg:5000/minio:1"}
    constraints: mem=2.5G
    expose: true
  kfp-db:
    charm: ./mysql-k8s_r99.charm
    resources: {mysql-image: "reg:5000/mysql:8", tuning: /etc/tuning.cnf}
    storage: {database: "fast,10G"}
  katib-db:
    charm: ./mysql-k8s_r99.charm
    resources: {mysql-image: "reg:5000/mysql:8"}
  kfp-api:
    charm: ./kfp-api_r1.charm
    series: focal
    resources: {oci-image: "reg:5000/kfp:1"}
relations:
- [kfp-api, minio]
- ["kfp-db:database", kfp-api]
"""


def plan(text: str, live: LiveModel = EMPTY, charms: dict[str, Charm] | None = None) -> Plan:
    return plan_deployment(bundle(text), CHARMS if charms is None else charms, live)


def problems(text: str, live: LiveModel = EMPTY, charms: dict[str, Charm] | None = None) -> str:
    with pytest.raises(BundleError) as caught:
        plan(text, live, charms)
    return str(caught.value)


def one(fields: str, charm_: Charm = MINIO) -> str:
    images = ", ".join(f"{resource.name}: reg/x:1" for resource in charm_.images)
    resources = "" if "resources:" in fields else f"resources: {{{images}}}, "
    return f"applications: {{app: {{charm: ./x.charm, {resources}{fields}}}}}"


def test_an_empty_model_gets_everything_in_order() -> None:
    steps = plan(BUNDLE).steps
    assert [type(step) for step in steps] == [
        *[UploadCharm] * 3,
        *[DeployApplication] * 4,
        *[WriteRecord] * 4,
        *[AddRelation] * 2,
    ]


def test_a_charm_that_two_applications_share_is_uploaded_once() -> None:
    uploads = plan(BUNDLE).uploads
    assert {step.size_bytes for step in uploads} == {1_500_000}
    assert [(step.path.name, step.applications) for step in uploads] == [
        ("minio_r278.charm", ("minio",)),
        ("mysql-k8s_r99.charm", ("kfp-db", "katib-db")),
        ("kfp-api_r1.charm", ("kfp-api",)),
    ]


def test_a_deploy_step_holds_what_the_controller_must_be_told() -> None:
    minio, kfp_db, _, kfp_api = plan(BUNDLE).deploys
    assert minio.options == {
        "port": "9001",
        "secret-key": "hunter2",
        "debug": "true",
        "ratio": "1.0",
        "juju-external-hostname": "m.example",
    }
    assert (minio.trust, minio.scale, minio.expose) == (True, 2, True)
    assert minio.constraints == {"mem": 2560}
    assert minio.base == Base(name="ubuntu", channel="22.04")
    assert kfp_db.trust is False
    assert [(r.name, r.type, r.value) for r in kfp_db.resources] == [
        ("mysql-image", "oci-image", "reg:5000/mysql:8"),
        ("tuning", "file", "/etc/tuning.cnf"),
    ]
    assert kfp_db.storage == {"database": {"Pool": "fast", "Size": 10240, "Count": 1}}
    assert kfp_api.base.track == "20.04"


def test_relations_name_both_endpoints() -> None:
    assert [step.describe() for step in plan(BUNDLE).relations] == [
        "relate kfp-api:object-storage with minio:object-storage",
        "relate kfp-api:relational-db with kfp-db:database",
    ]


def live_of(done: Plan) -> LiveModel:
    """Return the model that a plan leaves behind."""
    return LiveModel(
        name=done.model,
        applications={
            step.application: LiveApplication(
                name=step.application,
                charm=step.charm,
                scale=step.scale,
                exposed=step.expose,
                trust=step.trust,
                options={
                    "port": 9001,
                    "secret-key": "hunter2",
                    "debug": True,
                    "ratio": 1.0,
                    "mode": "server",
                },
                own_options={"juju-external-hostname": step.options.get("juju-external-hostname")},
                constraints={**step.constraints, "arch": "amd64"},
            )
            for step in done.deploys
        },
        relations=tuple(
            LiveRelation(requirer=str(step.requirer), provider=str(step.provider))
            for step in done.relations
        ),
    )


def test_a_second_deployment_has_nothing_to_do() -> None:
    live = live_of(plan(BUNDLE))
    again = plan(BUNDLE, live)
    assert again.steps == ()
    assert again.unchanged == ("minio", "kfp-db", "katib-db", "kfp-api")
    assert again.kept_relations == 2
    assert "nothing to do for 4 applications and 2 relations" in "\n".join(again.describe())


def test_a_resumed_deployment_does_what_is_missing() -> None:
    full = live_of(plan(BUNDLE))
    live = LiveModel(
        name=full.name,
        applications={n: a for n, a in full.applications.items() if n != "katib-db"},
        relations=tuple(r for r in full.relations if "minio:object-storage" not in r.ends),
    )
    steps = plan(BUNDLE, live).steps
    assert [step.describe().split(" (")[0] for step in steps] == [
        "upload charm mysql-k8s_r99.charm",
        "deploy katib-db",
        "note what katib-db was deployed from",
        "relate kfp-api:object-storage with minio:object-storage",
    ]


def test_an_application_that_differs_is_brought_in_line() -> None:
    live = LiveModel(
        name="m",
        applications={
            "app": LiveApplication(
                name="app",
                charm="minio",
                scale=1,
                options={"port": 9000, "debug": False},
                own_options={"juju-external-hostname": "app.example"},
                constraints={"arch": "amd64", "mem": 1024},
            )
        },
    )
    text = one(
        "scale: 3, trust: true, expose: true, constraints: mem=1G cores=2, "
        "options: {port: 9001, debug: false}"
    )
    assert bare(plan(text, live, {"app": MINIO}).steps) == (
        SetOptions(application="app", options={"port": "9001", "trust": "true"}),
        SetConstraints(application="app", constraints={"mem": 1024, "cores": 2, "arch": "amd64"}),
        Scale(application="app", scale=3, was=1),
        Expose(application="app"),
    )


def test_what_the_bundle_does_not_say_stays_as_it_is() -> None:
    live = LiveModel(
        name="m",
        applications={
            "app": LiveApplication(
                name="app",
                charm="minio",
                scale=1,
                trust=True,
                exposed=True,
                options={"port": 1},
                constraints={"mem": 5},
            ),
            "other": LiveApplication(name="other", charm="postgresql"),
        },
    )
    assert plan(one("scale: 1"), live, {"app": MINIO}).steps == ()


def test_another_charm_under_the_name_is_reported() -> None:
    live = LiveModel(
        name="m", applications={"app": LiveApplication(name="app", charm="minio-operator")}
    )
    (refusal,) = plan(one("scale: 1"), live, {"app": MINIO}).refused
    assert refusal.what.endswith("with another charm: minio-operator, not minio")
    assert "--replace app" in refusal.fix
    assert "deploy into another model" in refusal.fix


def test_all_problems_are_in_one_error() -> None:
    text = problems(
        """
        applications:
          minio:
            charm: ./minio.charm
            options: {port: many, prot: 1}
            resources: {oci-imag: x}
          kfp-db:
            charm: ./mysql.charm
            base: ubuntu@24.04
            resources: {mysql-image: 12, tuning: x}
            storage: {databse: 1G}
          kfp-api: {charm: ./kfp.charm, resources: {oci-image: ""}}
          lost: {charm: ./lost.charm}
        relations:
        - [kfp-api, kfp-db]
        - ["minio:object-store", kfp-api]
        - [lost, minio]
        """
    )
    for expected in (
        "the bundle cannot be deployed into model kubeflow:",
        "application minio, option port: expected int, got 'many'",
        "application minio, option prot: charm minio has no option prot (did you mean 'port'?)",
        (
            "application minio, resource oci-imag: charm minio has no such resource "
            "(did you mean 'oci-image'?)"
        ),
        'application minio: charm minio needs an image for its resource "oci-image"',
        (
            'application kfp-db: base "ubuntu@24.04" is not supported by charm mysql-k8s, '
            "supported bases are: ubuntu@22.04"
        ),
        "application kfp-db, resource mysql-image: 12 is a revision in the store",
        'application kfp-db, storage: charm mysql-k8s has no storage "databse"',
        "application kfp-api, resource oci-image: the value is empty",
        "application lost: no charm was given for it",
        "relation kfp-api kfp-db: ambiguous relation",
        'relation minio:object-store kfp-api: application "minio" has no "object-store" relation',
    ):
        assert expected in text
    assert text.count("\n  - ") == 11


def test_a_charm_without_file_cannot_be_deployed() -> None:
    facts = charm("{name: minio}")
    text = problems(one("scale: 1", facts), charms={"app": dataclasses.replace(facts, path=None)})
    assert "there is no .charm file for charm minio" in text


@pytest.mark.parametrize(
    ("fields", "top", "bases", "expected"),
    [
        ("scale: 1", "", "[ubuntu@20.04, ubuntu@22.04]", "ubuntu@20.04"),
        ("base: ubuntu@22.04/stable", "", "[ubuntu@20.04, ubuntu@22.04]", "ubuntu@22.04"),
        ("series: jammy", "series: focal", "[ubuntu@20.04, ubuntu@22.04]", "ubuntu@22.04"),
        ("scale: 1", "series: jammy", "[ubuntu@20.04, ubuntu@22.04]", "ubuntu@22.04"),
        ("scale: 1", "default-base: ubuntu@22.04", "[ubuntu@20.04, ubuntu@22.04]", "ubuntu@22.04"),
        (
            "series: kubernetes",
            "default-base: ubuntu@24.04",
            "[ubuntu@22.04, ubuntu@20.04]",
            "ubuntu@20.04",
        ),
        ("scale: 1", "series: kubernetes", "[ubuntu@22.04]", "ubuntu@22.04"),
        ("scale: 1", "series: kubernetes", "[]", "ubuntu@20.04"),
    ],
)
def test_the_base_follows_the_bundle_and_then_the_manifest(
    fields: str, top: str, bases: str, expected: str
) -> None:
    subject = charm("{name: x, series: [kubernetes, focal]}", bases=bases)
    text = f"{{applications: {{app: {{charm: ./x.charm, {fields}}}}}, {top}}}"
    parsed = bundle(text)
    assert str(choose_base(parsed.applications["app"], parsed, subject)) == expected


def test_a_charm_without_bases_and_an_unknown_series_are_refused() -> None:
    parsed = bundle("applications: {app: {charm: ./x.charm}}")
    with pytest.raises(CharmError, match="does not define any bases"):
        choose_base(parsed.applications["app"], parsed, charm("{name: x}", bases="[]"))
    assert 'series "warty" is not known' in problems(one("series: warty"), charms={"app": MINIO})


def test_the_architecture_is_amd64_where_the_base_has_it() -> None:
    def base(*architectures: str) -> Base:
        return Base(name="ubuntu", channel="22.04", architectures=architectures)

    assert architecture_of(base(), {}) == "amd64"
    assert architecture_of(base("arm64", "amd64"), {}) == "amd64"
    assert architecture_of(base("arm64"), {}) == "arm64"
    assert architecture_of(base("all"), {}) == "amd64"
    assert architecture_of(base("amd64"), {"arch": "s390x"}) == "s390x"


def test_secrets_are_hidden_in_what_people_and_files_get() -> None:
    done = plan(BUNDLE)
    text = "\n".join(done.describe())
    document = json.dumps(done.to_json())
    assert "hunter2" not in text + document
    assert "secret-key=(hidden)" in text
    assert "deploy minio (minio_r278.charm) on ubuntu@22.04, 2 units, trusted, exposed; " in text
    assert '"port": "9001"' in document
    assert len(done.to_json()["steps"]) == len(done.steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("local:minio-0", "minio"),
        ("local:focal/mysql-k8s-12", "mysql-k8s"),
        ("ch:amd64/jammy/istio-pilot-3", "istio-pilot"),
        ("kfp-api", "kfp-api"),
    ],
)
def test_charm_names_in_urls(url: str, name: str) -> None:
    assert charm_name_of_url(url) == name


def test_the_live_model_is_read_from_the_controllers_documents() -> None:
    model = live_model(
        "kubeflow",
        {
            "applications": {
                "minio": {"charm": "local:minio-3", "int": 2, "exposed": True, "units": {}},
                "other": {"charm": "ch:amd64/postgresql-k8s-9", "units": {"other/0": {}}},
            },
            "relations": [
                {
                    "id": 1,
                    "key": "kfp-api:object-storage minio:object-storage",
                    "interface": "object-storage",
                    "status": {"life": "dying"},
                },
                {"id": 2, "key": "minio:peers", "status": {"life": ""}},
            ],
        },
        {
            "minio": {
                "config": {
                    "port": {"type": "int", "value": 9001, "source": "user"},
                    "mode": {"type": "string", "default": "server", "source": "default"},
                    "key": {"type": "string", "source": "unset"},
                },
                "application-config": {"trust": {"value": True, "source": "user"}},
                "constraints": {"arch": "amd64"},
            }
        },
    )
    assert model.applications["minio"] == LiveApplication(
        name="minio",
        charm="minio",
        scale=2,
        exposed=True,
        trust=True,
        options={"port": 9001, "mode": "server", "key": None},
        own_options={"trust": True},
        user_set=frozenset({"port", "trust"}),
        constraints={"arch": "amd64"},
        identity=HeldIdentity(
            charm_url="local:minio-3",
            option_types={"port": "int", "mode": "string", "key": "string"},
        ),
    )
    assert model.applications["other"].scale == 0  # units without a scale are going
    assert model.applications["other"].charm == "postgresql-k8s"
    assert model.relations == (
        LiveRelation(
            requirer="kfp-api:object-storage",
            provider="minio:object-storage",
            interface="object-storage",
            life="dying",
        ),
        LiveRelation(requirer="minio:peers"),
    )


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"name": "ubuntu", "channel": "22.04/stable"}, "ubuntu@22.04"),
        ({"name": "ubuntu", "channel": 22.04}, "None"),
        ({"name": 1, "channel": "22.04/stable"}, "None"),
        ({"name": "", "channel": "22.04/stable"}, "None"),
        ({"name": "ubuntu", "channel": ""}, "None"),
        ({"name": "ubuntu"}, "None"),
        ("ubuntu", "None"),
        (None, "None"),
    ],
)
def test_a_base_that_is_none_is_not_known(base: Any, expected: str) -> None:
    status: Document = {"applications": {"a": {"charm": "local:a-0"}}}
    live = live_model("m", status, {"a": {"base": base}}).applications["a"]
    assert str(live.base) == expected
    assert (live.life, live.bindings, live.storage) == ("alive", None, None)


@pytest.mark.parametrize(
    ("encoded", "digest"), [("q80=", "abcd"), ("?", ""), ("x", ""), (None, ""), (7, "")]
)
def test_a_fingerprint_that_is_none_is_empty(encoded: Any, digest: str) -> None:
    status: Document = {"applications": {"a": {"charm": "local:a-0"}}}
    listed: Document = {"resources": [{"name": "r", "fingerprint": encoded}, 7]}
    live = live_model("m", status, resources={"a": listed}).applications["a"]
    assert live.identity.fingerprints == {"r": digest}


def test_what_is_wrong_with_a_refused_application_is_a_problem_with_its_place() -> None:
    live = LiveModel(
        name="m", applications={"app": LiveApplication(name="app", charm="minio-operator")}
    )
    found = listed(one("storage: {data: '1G'}"), live, {"app": MINIO})
    assert [problem.partition(": ")[0] for problem in found] == ["application app, storage"]


def test_the_uuid_of_a_model_goes_with_its_plan() -> None:
    assert live_model("m", {}).uuid == ""
    live = live_model("m", {}, uuid="u-1")
    assert live.uuid == "u-1"
    assert plan(one("scale: 1"), live, {"app": MINIO}).uuid == "u-1"


def test_what_is_wrong_is_told_with_its_place() -> None:
    parsed = bundle(one("scale: 1, annotations: {ckf-airgap: x}"))
    application = dataclasses.replace(
        parsed.applications["app"], constraints="mem=x", storage={"data": "-"}
    )
    parsed = dataclasses.replace(parsed, applications={"app": application})
    stored = dataclasses.replace(MINIO, metadata={**MINIO.metadata, "storage": {"data": {}}})
    with pytest.raises(BundleError) as caught:
        plan_deployment(parsed, {"app": stored}, EMPTY)
    assert "mem" in caught.value.problems[0].what
    assert [(item.where, item.fix) for item in caught.value.problems] == [
        ("application app, constraints", ""),
        ("application app, storage", ""),
        ("application app, annotations", "give it another name"),
    ]


def test_bindings_and_storage_are_read() -> None:
    status: Document = {"applications": {"a": {"charm": "local:a-0", "life": "dying"}}}
    live = live_model(
        "m",
        status,
        {"a": {"endpoint-bindings": {"": "alpha"}}},
        exported={"a": {"storage": {"data": "fast,1,1M"}}},
    ).applications["a"]
    assert (live.life, live.is_going) == ("dying", True)
    assert live.bindings == {"": "alpha"}
    assert live.storage == {"data": "fast,1,1M"}


@pytest.mark.parametrize("name", release_names())
def test_every_shipped_release_can_be_planned(name: str) -> None:
    release = load_release(name)
    charms = {
        application.name: dataclasses.replace(
            release.charms[application.charm_name],
            path=Path(f"/charms/{application.charm_name}.charm"),
        )
        for application in release.bundle.applications.values()
    }
    filled = dataclasses.replace(
        release.bundle,
        applications={
            name: dataclasses.replace(
                application, resources={r.name: "reg:5000/x:1" for r in charms[name].images}
            )
            for name, application in release.bundle.applications.items()
        },
    )
    done = plan_deployment(filled, charms, EMPTY)
    assert len(done.deploys) == len(release.bundle.applications)
    assert len(done.relations) == len(release.bundle.relations)
    assert len(done.uploads) == len({charm.name for charm in charms.values()})


def filed(*documents: str, has_code: bool = True) -> dict[str, Charm]:
    """Return the charms, with minio's from a file that has these documents."""
    minio = dataclasses.replace(MINIO, documents=frozenset(documents), has_code=has_code)
    return CHARMS | {"minio": minio}


def test_a_charm_with_charmcraft_yaml_alone_is_refused_before_the_controller_does() -> None:
    text = problems(BUNDLE, charms=filed("charmcraft.yaml", "manifest.yaml"))
    assert text.count("\n  - ") == 1
    assert "minio_r278.charm: charm minio has everything in charmcraft.yaml" in text
    assert "charmcraft pack" in text


def test_options_that_only_charmcraft_yaml_declares_cannot_be_set() -> None:
    charms = filed("metadata.yaml", "charmcraft.yaml")
    text = problems(BUNDLE, charms=charms)
    assert text.count("\n  - ") == 1
    assert "does not know them: port, secret-key, debug, ratio" in text
    options = '      port: "9001"\n      secret-key: hunter2\n      debug: true\n      ratio: 1\n'
    assert options in BUNDLE
    assert plan(BUNDLE.replace(options, "      trust: true\n"), charms=charms).deploys


def test_a_charm_without_code_is_refused() -> None:
    text = problems(BUNDLE, charms=filed("metadata.yaml", "config.yaml", has_code=False))
    assert text.count("\n  - ") == 1
    assert "charm minio has neither dispatch nor a file in hooks/" in text
    assert "application minio, minio_r278.charm: charm minio" in text
    assert "fetch the file again, or pack the charm again" in text


def test_the_file_of_a_charm_that_is_deployed_already_does_not_matter() -> None:
    present = LiveModel(
        name="kubeflow",
        applications={"minio": LiveApplication(name="minio", charm="minio", scale=2)},
    )
    assert plan(BUNDLE, present, filed("charmcraft.yaml", has_code=False)).deploys


def present(**changes: Any) -> LiveModel:
    """Return a model that has minio already, as ``app``, with one unit."""
    application = LiveApplication(name="app", charm="minio", scale=1, **changes)
    return LiveModel(name="m", applications={"app": application})


@pytest.mark.parametrize("fields", ["trust: true", "options: {trust: true}"])
@pytest.mark.parametrize("trusted", [False, True])
def test_trust_is_given_to_an_application_that_is_there_however_the_bundle_says_it(
    fields: str, trusted: bool
) -> None:
    steps = plan(one(f"scale: 1, {fields}"), present(trust=trusted), {"app": MINIO}).steps
    wanted = SetOptions(application="app", options={"trust": "true"})
    assert bare(steps) == (() if trusted else (wanted,))


def test_every_charm_has_the_endpoint_juju_info_to_bind() -> None:
    (step,) = plan(
        one("bindings: {juju-info: alpha, object-storage: '', '': alpha}"), charms={"app": MINIO}
    ).deploys
    assert step.bindings == {"juju-info": "alpha", "object-storage": "", "": "alpha"}
    text = problems(one("bindings: {juju-inf: alpha}"), charms={"app": MINIO})
    assert 'binding of unknown endpoint "juju-inf"' in text


def test_juju_refuses_placement_on_kubernetes() -> None:
    top = "bundle: kubernetes\n"
    for there in (EMPTY, present()):
        (problem,) = listed(top + one("scale: 1, to: [a=b]"), there, {"app": MINIO})
        assert problem.startswith("application app, to: placement directives on k8s models not val")
        assert "constraint tags" in problem
    text = problems(top + one("scale: 2, to: [a=b, c=d]"), charms={"app": MINIO})
    assert 'too many placement directives for application "app"' in text


def test_the_path_of_an_image_is_its_reference_and_that_of_a_file_its_name_in_the_charm() -> None:
    subject = charm(
        """
        name: x
        resources:
          image: {type: oci-image, filename: image.json}
          named: {type: file, filename: tuning.cnf}
          bare: {type: file}
        """
    )
    text = one("resources: {image: reg/x:1, named: /etc/a.cnf, bare: /etc/b.cnf}", subject)
    (step,) = plan(text, charms={"app": subject}).deploys
    assert {resource.name: resource.path for resource in step.resources} == {
        "image": "reg/x:1",
        "named": "tuning.cnf",
        "bare": "/etc/b.cnf",
    }


def test_an_architecture_that_the_bundle_names_is_not_overwritten_by_the_live_one() -> None:
    model = present(constraints={"arch": "amd64", "mem": 1024})
    same = plan(one("scale: 1, constraints: arch=amd64 mem=1G"), model, {"app": MINIO})
    other = plan(one("scale: 1, constraints: arch=arm64 mem=1G"), model, {"app": MINIO})
    assert same.steps == ()
    assert [refusal.what for refusal in other.refused] == ["its architecture is amd64, not arm64"]


def listed(text: str, live: LiveModel = EMPTY, charms: dict[str, Charm] | None = None) -> list[str]:
    """Return each problem with its place and its fix."""
    with pytest.raises(BundleError) as caught:
        plan(text, live, charms)
    return [f"{one.where}: {one.what} ({one.fix})" for one in caught.value.problems]


DEVICED = charm("{name: gpu, devices: {gpu: {type: nvidia.com/gpu}}, storage: {data: {}}}")


@pytest.mark.parametrize(
    ("fields", "charm_", "expected"),
    [
        (
            "resources: {oci-image: ''}",
            MINIO,
            (
                "application app, resource oci-image: the value is empty, which the controller "
                "would accept without an error (give an image reference)"
            ),
        ),
        (
            "resources: {mysql-image: reg/x:1, tuning: 5}",
            MYSQL,
            (
                "application app, resource tuning: 5 is a revision in the store, which a local "
                "charm cannot use (give a file)"
            ),
        ),
        (
            "resources: {}",
            MINIO,
            (
                'application app: charm minio needs an image for its resource "oci-image" (add it '
                "under resources:)"
            ),
        ),
        (
            "bindings: {object-storag: alpha}",
            MINIO,
            (
                'application app: binding of unknown endpoint "object-storag" (did you mean '
                "'object-storage'?)"
            ),
        ),
        (
            "devices: {gpus: nvidia.com/gpu}",
            DEVICED,
            "application app, devices: charm gpu has no device \"gpus\" (did you mean 'gpu'?)",
        ),
        (
            "offers: {o: {endpoints: [object-storag]}}",
            MINIO,
            (
                'application app, offer o: charm minio has no endpoint "object-storag" (did you '
                "mean 'object-storage'?)"
            ),
        ),
    ],
)
def test_each_problem_says_where_it_is_and_what_to_do(
    fields: str, charm_: Charm, expected: str
) -> None:
    (problem,) = listed(one(fields, charm_), charms={"app": charm_})
    assert problem.startswith(expected)


def test_an_offer_of_another_model_is_refused_with_what_to_do() -> None:
    text = one("scale: 1") + "\nsaas: {cos: {url: admin/cos.x}}\nrelations: [[app, 'cos:x']]\n"
    assert listed(text, charms={"app": MINIO}) == [
        (
            "saas cos: the bundle consumes an offer of another model, which is not supported (take "
            "it out in an overlay (saas: {cos: }), and run juju consume and juju integrate when "
            "everything is active)"
        )
    ]


def test_a_base_that_cannot_be_chosen_is_a_problem_with_the_same_fix() -> None:
    parsed = bundle(one("series: warty"))
    with pytest.raises(CharmError) as caught:
        choose_base(parsed.applications["app"], parsed, MINIO)
    assert listed(one("series: warty"), charms={"app": MINIO}) == [
        f"application app: {caught.value.message} ({caught.value.fix})"
    ]


def test_an_application_that_cannot_be_deployed_does_not_hide_what_is_wrong_with_the_next() -> None:
    text = """
    applications:
      lost: {charm: ./lost.charm, options: {a: 1}, resources: {b: c}}
      taken: {charm: ./minio.charm, resources: {oci-image: reg/x:1}}
      gpu: {charm: ./gpu.charm, devices: {gpus: nvidia.com/gpu, gpu: '1,x'}, resources: {no: x}}
    """
    other = LiveModel(name="m", applications={"taken": LiveApplication(name="taken", charm="cat")})
    found = listed(text, other, {"taken": MINIO, "gpu": DEVICED})
    assert [problem.partition(": ")[0] for problem in found] == [
        "application gpu, resource no",
        "application lost",
        "application gpu, devices",
    ]
    assert found[1] == "application lost: no charm was given for it (add its .charm file)"


def test_options_without_config_yaml_name_the_file_and_what_to_do() -> None:
    found = listed(one("options: {port: 1}"), charms={"app": filed("metadata.yaml")["minio"]})
    (problem,) = found
    assert problem.startswith("application app, minio_r278.charm: charm minio has its options only")
    assert problem.endswith(
        "(pack it with 'charmcraft pack', which writes metadata.yaml and config.yaml)"
    )


def test_a_resource_that_the_charm_lacks_does_not_hide_an_empty_one() -> None:
    found = listed(one("resources: {oci-imag: x, oci-image: ' '}"), charms={"app": MINIO})
    assert [problem.partition(": ")[0] for problem in found] == [
        "application app, resource oci-imag",
        "application app, resource oci-image",
    ]


def test_a_deploy_step_has_what_the_bundle_and_the_charm_say() -> None:
    base = "[ubuntu@22.04:arm64]"
    subject = charm(
        "{name: x, devices: {gpu: {type: g}}, resources: {f: {type: file, description: About}}}",
        bases=base,
    )
    subject = dataclasses.replace(subject, revision=7)
    fields = "resources: {f: /f}, devices: {gpu: '2,g'}, annotations: {gui-x: '1'}"
    done = plan(one(f"{fields}, options: {{trust: true}}", subject), charms={"app": subject})
    (step,) = done.deploys
    assert step.architecture == "arm64"
    assert step.devices == {"gpu": {"Type": "g", "Count": 2, "Attributes": {}}}
    assert step.annotations == {"gui-x": "1"}
    assert (step.trust, step.options) == (True, {})
    assert [resource.description for resource in step.resources] == ["About"]
    assert [(upload.charm, upload.revision) for upload in done.uploads] == [("x", 7)]


def test_every_application_that_differs_is_changed_and_only_those() -> None:
    fields = "charm: ./x.charm, resources: {oci-image: reg/x:1}"
    text = f"""
    applications:
      a: {{{fields}, scale: 2}}
      b: {{{fields}, scale: 1}}
      c: {{{fields}, scale: 3}}
    """
    names = ("a", "b", "c")
    live = LiveModel(
        name="m",
        applications={n: LiveApplication(name=n, charm="minio", scale=1) for n in names},
    )
    done = plan(text, live, dict.fromkeys(names, MINIO))
    assert bare(done.steps) == (
        Scale(application="a", scale=2, was=1),
        Scale(application="c", scale=3, was=1),
    )
    assert (done.model, done.unchanged) == ("m", ("b",))


def test_only_relations_that_are_there_are_kept() -> None:
    full = live_of(plan(BUNDLE))
    kept = tuple(r for r in full.relations if "minio:object-storage" in r.ends)
    done = plan(BUNDLE, dataclasses.replace(full, relations=kept))
    assert (len(done.relations), done.kept_relations) == (1, 1)


def test_trust_is_no_option_that_the_charm_in_the_model_may_lack() -> None:
    live = present(trust=True, identity=HeldIdentity(option_types={"port": "int"}))
    assert plan(one("scale: 1, options: {trust: true}"), live, {"app": MINIO}).steps == ()


def test_a_deploy_step_is_described_whole() -> None:
    subject = charm(
        "{name: x, devices: {gpu: {type: g}},"
        " storage: {data: {type: filesystem, multiple: {range: 0-}}},"
        " requires: {db: {interface: db}}, extra-bindings: {outside: }}"
    )
    fields = (
        "scale: 1, constraints: 'mem=2G tags=pods-a,^b allocate-public-ip=1',"
        " storage: {data: 'kubernetes,2,1.5G'}, devices: {gpu: '2,nvidia.com/gpu,model=a;mem=4'},"
        " bindings: {'': alpha, db: alpha, outside: alpha},"
        " annotations: {x: 'y z'}"
    )
    (step,) = plan(f"bundle: kubernetes\n{one(fields, subject)}", charms={"app": subject}).deploys
    step = dataclasses.replace(step, placement=("a=b,c=d",))
    assert step.describe().split("; ", 1)[1] == (
        "mem=2048, tags=pods-a,^b, allocate-public-ip=true, storage data=kubernetes,2,1536M, "
        "device gpu=2,nvidia.com/gpu,model=a;mem=4, placed on a=b,c=d, "
        "all endpoints bound to alpha, db bound to alpha, outside bound to alpha, annotation x=y z"
    )


def test_a_binding_of_an_endpoint_that_there_is_not_is_refused_with_the_nearest() -> None:
    subject = charm("{name: x, extra-bindings: {outside: }}")
    assert listed(one("bindings: {outsite: alpha}", subject), charms={"app": subject}) == [
        "application app: binding of unknown endpoint \"outsite\" (did you mean 'outside'?)"
    ]


def test_the_login_of_an_image_goes_with_its_upload_and_is_not_shown() -> None:
    found = bundle(one("scale: 1"))
    login = ImageLogin(fields={"username": "u", "password": "s3cret"})
    application = dataclasses.replace(found.applications["app"], logins={"oci-image": login})
    found = dataclasses.replace(found, applications={"app": application})
    done = plan_deployment(found, {"app": MINIO}, EMPTY)
    (upload,) = done.deploys[0].resources
    assert upload.login == login
    assert "s3cret" not in repr(done) + repr(done.deploys) + str(done.to_json())
    assert "s3cret" not in "".join(done.describe())


@pytest.mark.parametrize(("value", "trust"), [("'yes'", True), ("on", True), ("'off'", False)])
def test_trust_among_the_options_is_read_as_juju_reads_it(value: str, *, trust: bool) -> None:
    steps = plan(one(f"scale: 1, options: {{trust: {value}}}"), charms={"app": MINIO}).steps
    (step,) = (step for step in steps if isinstance(step, DeployApplication))
    assert step.trust is trust
    assert step.options == {}


@pytest.mark.parametrize("value", ["1", "'1'", "maybe"])
def test_trust_that_is_neither_is_refused(value: str) -> None:
    found = problems(one(f"scale: 1, options: {{trust: {value}}}"), charms={"app": MINIO})
    assert "option trust: expected bool, got " in found
