"""What is changed by hand or in the bundle: what a plan lists, repairs, or must be asked for."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.errors import BundleError
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.upload import RegistryAuth
from ckf_airgap.juju.planning.differences import Difference, Foreign, Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord, RecordedResource
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import charms_to_read, plan_deployment
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    DeployApplication,
    RefreshApplication,
    UploadCharm,
    WriteRecord,
)
from tests.unit.juju.samples import bundle, charm
from tests.unit.juju.simulated import ALL, SimulatedApplication, SimulatedModel, identities_of

DB = """
name: db
containers: {c: }
resources: {image: {type: oci-image}, conf: {type: file, filename: c.cnf}}
provides: {sql: {interface: sql}}
storage: {data: {type: filesystem}}
devices: {gpu: {type: g, countmin: 0}}
options: {size: {type: int, default: 1}, note: {type: string}}
"""
CHARMS = {
    "db": charm(DB, file="db_r1"),
    "api": charm(
        "{name: api, containers: {c: }, resources: {image: {type: oci-image}},"
        " requires: {sql: {interface: sql}, more: {interface: sql}},"
        " options: {image: {type: string, default: r:5000/x:0}}}",
        file="api_r1",
    ),
}
TEXT = """
bundle: kubernetes
applications:
  db:
    charm: ./db.charm
    scale: 1
    trust: true
    expose: true
    options: {size: 2, note: ours, juju-external-hostname: db.example}
    resources: {image: "r:5000/db:1", conf: /srv/c.cnf}
    constraints: mem=1G
    annotations: {gui-x: '1'}
    storage: {data: 'kubernetes,1G'}
    devices: {gpu: '1,g'}
  api:
    charm: ./api.charm
    scale: 2
    options: {image: "r:5000/x:1"}
    resources: {image: "r:5000/api:1"}
relations: [['api:sql', 'db:sql']]
"""
AUTH = RegistryAuth(username="me", password="secret", registry=Registry.parse("r:5000"))


@pytest.fixture
def model() -> SimulatedModel:
    """Return a model in which the bundle is deployed."""
    found = SimulatedModel()
    found.apply(plan(found), CHARMS)
    assert plan(found).steps == ()
    return found


def plan(
    model: SimulatedModel,
    text: str = TEXT,
    charms: dict[str, Charm] | None = None,
    **policy: Any,
) -> Plan:
    parsed, charms = bundle(text), charms or CHARMS
    identities = identities_of(parsed, charms, model.auth)
    return plan_deployment(parsed, charms, model.live(), identities, Policy(**policy))


def rows(done: Plan) -> list[str]:
    """Return what a plan changes, one line for each difference."""
    return [
        f"{item.application} {item.kind} {item.name}: {item.old} -> {item.new}"
        for step in done.steps
        if not isinstance(step, UploadCharm)
        for item in step.differences
    ]


def listed(done: Plan) -> list[str]:
    return [f"{item.application} {item.kind} {item.name}: {item.value}" for item in done.foreign]


Change = Callable[[SimulatedApplication], object]
NETWORKS = {"expose-to-spaces": [], "expose-to-cidrs": ["0.0.0.0/0", "::/0"]}
REPAIRED: dict[str, tuple[str, Change, list[str]]] = {
    "an option that the bundle sets": (
        "db",
        lambda it: it.settings.update(size=9),
        ["db option size: 9 -> 2"],
    ),
    "an image option that was unset": (
        "api",
        lambda it: it.settings.clear(),
        ["api option image: r:5000/x:0 -> r:5000/x:1"],
    ),
    "scale": ("api", lambda it: setattr(it, "scale", 0), ["api scale : 0 -> 2"]),
    "constraints changed": (
        "db",
        lambda it: it.constraints.update(mem=7),
        ["db constraints : arch=amd64 mem=7 -> mem=1024 arch=amd64"],
    ),
    "constraints removed": (
        "db",
        lambda it: it.constraints.pop("mem"),
        ["db constraints : arch=amd64 -> mem=1024 arch=amd64"],
    ),
    "trust revoked": ("db", lambda it: it.own.pop("trust"), ["db trust : false -> true"]),
    "unexposed": (
        "db",
        lambda it: it.exposed.clear(),
        ["db expose : None -> {'expose-to-spaces': [], 'expose-to-cidrs': []}"],
    ),
    "an image resource": (
        "api",
        lambda it: it.resources.update(image=b"evil"),
        ["api resource image: None -> r:5000/api:1"],
    ),
    "a file resource": (
        "db",
        lambda it: it.resources.update(conf=b"other"),
        ["db resource conf: None -> c.cnf"],
    ),
    "the charm": (
        "api",
        lambda it: setattr(it, "url", "local:api-7"),
        ["api charm : local:api-7 -> api_r1.charm"],
    ),
    "the record": (
        "api",
        lambda it: it.annotations.clear(),
        ["api charm : local:api-1 -> api_r1.charm"],
    ),
    "the base": (
        "api",
        lambda it: setattr(it, "base", Base(name="ubuntu", channel="20.04")),
        ["api base : ubuntu@20.04 -> ubuntu@22.04"],
    ),
    "an annotation changed": (
        "db",
        lambda it: it.annotations.update({"gui-x": "2"}),
        ["db annotation gui-x: 2 -> 1"],
    ),
    "an annotation removed": (
        "db",
        lambda it: it.annotations.pop("gui-x"),
        ["db annotation gui-x: None -> 1"],
    ),
    "a host name": (
        "db",
        lambda it: it.own.update({"juju-external-hostname": "evil"}),
        ["db option juju-external-hostname: evil -> db.example"],
    ),
}


@pytest.mark.parametrize("case", REPAIRED)
def test_what_is_changed_by_hand_is_repaired(model: SimulatedModel, case: str) -> None:
    name, change, expected = REPAIRED[case]
    fresh = copy.deepcopy(model)
    change(model.applications[name])
    done = plan(model)
    assert rows(done) == expected
    assert listed(done) == []
    model.apply(done, CHARMS)
    assert plan(model).steps == ()
    assert {n: it.settings for n, it in model.applications.items()} == {
        n: it.settings for n, it in fresh.applications.items()
    }


FOREIGN: dict[str, tuple[str, Change, list[str]]] = {
    "an option that the bundle does not set": (
        "api",
        lambda it: it.own.update({"kubernetes-service-type": "NodePort"}),
        ["api option kubernetes-service-type: NodePort"],
    ),
    "trust": ("api", lambda it: it.own.update(trust="true"), ["api trust : true"]),
    "constraints where the bundle has none": (
        "api",
        lambda it: it.constraints.update(mem=7),
        ["api constraints mem: 7"],
    ),
    "exposure": (
        "api",
        lambda it: (it.own.update({"juju-external-hostname": "h"}), it.exposed.update(ALL)),
        ["api option juju-external-hostname: h", f"api expose : {NETWORKS}"],
    ),
    "an annotation": (
        "api",
        lambda it: it.annotations.update(theirs="1"),
        ["api annotation theirs: 1"],
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_others_have_set_is_listed_and_reset_only_when_asked_for(
    model: SimulatedModel, case: str
) -> None:
    name, change, expected = FOREIGN[case]
    fresh = copy.deepcopy(model)
    change(model.applications[name])
    done = plan(model)
    assert done.steps == ()
    assert done.unchanged == ("db", "api")
    assert listed(done) == expected
    done = plan(model, reset_foreign=True)
    assert listed(done) == []
    model.apply(done, CHARMS)
    assert model.applications == fresh.applications


DROPPED = {
    "options: {size: 2, note: ours, juju": (
        "options: {size: 2, juju",
        ["db option note: ours -> None"],
    ),
    "    trust: true\n": ("", ["db trust : true -> false"]),
    "trust: true": ("trust: false", ["db trust : true -> false"]),
    "    constraints: mem=1G\n": ("", ["db constraints : arch=amd64 mem=1024 -> arch=amd64"]),
    "    annotations: {gui-x: '1'}\n": ("", ["db annotation gui-x: 1 -> None"]),
    "    expose: true\n": ("", [f"db expose : {NETWORKS} -> None"]),
    "expose: true": ("expose: false", [f"db expose : {NETWORKS} -> None"]),
}


@pytest.mark.parametrize("text", DROPPED)
def test_what_an_earlier_bundle_said_and_this_one_does_not_is_reset(
    model: SimulatedModel, text: str
) -> None:
    instead, expected = DROPPED[text]
    assert text in TEXT
    changed = TEXT.replace(text, instead)
    done = plan(model, changed)
    assert rows(done) == expected
    assert listed(done) == []
    assert isinstance(done.steps[-1], WriteRecord)
    model.apply(done, CHARMS)
    assert plan(model, changed).steps == ()


REFUSED = {
    "kubernetes,1G": ("kubernetes,2G", "storage"),
    "'1,g'": ("'2,g'", "device"),
    "mem=1G": ("mem=1G arch=arm64", "constraints"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_set_when_an_application_is_deployed_is_refused(
    model: SimulatedModel, text: str
) -> None:
    instead, kind = REFUSED[text]
    changed = TEXT.replace(text, instead)
    (refusal,) = plan(model, changed).refused
    assert (refusal.application, refusal.kind) == ("db", kind)
    done = plan(model, changed, replace=frozenset({"db"}))
    assert done.refused == ()
    model.apply(done, CHARMS)
    if kind != "constraints":  # the simulated model knows one architecture
        assert plan(model, changed).steps == ()


def test_a_relation_that_was_removed_is_made_again(model: SimulatedModel) -> None:
    model.relations.clear()
    done = plan(model)
    assert rows(done) == ["api relation api:sql db:sql: None -> api:sql db:sql"]


def test_what_is_noted_of_a_deployment_waits_for_the_upload() -> None:
    done = plan(SimulatedModel(), release="1.10")
    (note, _) = [step for step in done.steps if isinstance(step, WriteRecord)]
    assert note.differences == ()
    assert (note.record.charm_url, note.record.release) == ("", "1.10")
    assert note.record.charm_file == "db_r1.charm"
    assert note.record.storage == {"data": "kubernetes,1G"}
    assert note.record.devices == {"gpu": "1,g"}
    assert note.record.owned.trust
    assert note.record.owned.exposed == {""}
    assert note.record.owned.annotations == {"gui-x"}
    assert note.record.owned.constraints == {"mem"}
    assert {name: item.value for name, item in note.record.resources.items()} == {
        "image": "r:5000/db:1",
        "conf": "c.cnf",
    }


def test_each_endpoint_that_is_exposed_is_told() -> None:
    text = TEXT.replace("expose: true", "exposed-endpoints: {sql: {}}")
    assert "db expose sql: None -> {'expose-to-spaces': [], 'expose-to-cidrs': []}" in rows(
        plan(SimulatedModel(), text)
    )


def test_an_application_that_was_removed_is_deployed_again(model: SimulatedModel) -> None:
    del model.applications["api"]
    model.relations.clear()
    done = plan(model)
    assert [step.application for step in done.deploys] == ["api"]
    assert rows(done) == [
        "api application : None -> api_r1.charm",
        "api base : None -> ubuntu@22.04",
        "api resource image: None -> r:5000/api:1",
        "api option image: None -> r:5000/x:1",
        "api scale : None -> 2",
        "api relation api:sql db:sql: None -> api:sql db:sql",
    ]


def test_everything_of_an_application_that_is_deployed_is_told() -> None:
    done = plan(
        SimulatedModel(), TEXT.replace("    devices:", "    bindings: {sql: alpha}\n    devices:")
    )
    assert rows(done)[:15] == [
        "db application : None -> db_r1.charm",
        "db base : None -> ubuntu@22.04",
        "db resource image: None -> r:5000/db:1",
        "db resource conf: None -> /srv/c.cnf",
        "db option size: None -> 2",
        "db option note: None -> ours",
        "db option juju-external-hostname: None -> db.example",
        "db trust : None -> true",
        "db constraints : None -> mem=1024",
        "db scale : None -> 1",
        "db storage data: None -> kubernetes,1,1024M",
        "db device gpu: None -> 1,g",
        "db binding sql: None -> alpha",
        "db expose : None -> {'expose-to-spaces': [], 'expose-to-cidrs': []}",
        "db annotation gui-x: None -> 1",
    ]


def test_an_application_that_is_being_removed_is_told_at_once(model: SimulatedModel) -> None:
    model.applications["api"].life = "dying"
    done = plan(model)
    assert [(item.application, item.kind) for item in done.refused] == [("api", "application")]
    assert done.unchanged == ("db",)


class TestRegistry:
    def test_a_registry_that_moved_takes_every_resource_along(self, model: SimulatedModel) -> None:
        moved = TEXT.replace("r:5000", "r2:5000")
        done = plan(model, moved)
        assert rows(done) == [
            "db resource image: r:5000/db:1 -> r2:5000/db:1",
            "api resource image: r:5000/api:1 -> r2:5000/api:1",
            "api option image: r:5000/x:1 -> r2:5000/x:1",
        ]
        assert not done.uploads
        attach = [step for step in done.steps if isinstance(step, AttachResources)]
        assert [[item.name for item in step.resources] for step in attach] == [["image"], ["image"]]

    def test_a_pull_login_is_the_only_thing_that_differs(self, model: SimulatedModel) -> None:
        model.auth = AUTH
        done = plan(model)
        assert [row.partition(":")[0] for row in rows(done)] == [
            "db pull-login image",
            "api pull-login image",
        ]
        model.apply(done, CHARMS)
        assert plan(model).steps == ()
        assert "secret" not in "".join(
            text for it in model.applications.values() for text in it.annotations.values()
        )
        model.auth = dataclasses.replace(AUTH, password="other")
        assert len(rows(plan(model))) == 2
        model.auth = None
        assert {row.rpartition("-> ")[2] for row in rows(plan(model))} == {"no login"}


class TestRefresh:
    NEWER: ClassVar[dict[str, Charm]] = {
        **CHARMS,
        "db": charm(DB.replace("options: {", "options: {more: {type: int}, "), file="db_r2"),
    }

    def test_another_charm_goes_with_what_it_needs_in_one_step(self, model: SimulatedModel) -> None:
        text = TEXT.replace("db:1", "db:2").replace("size: 2", "size: 3, more: 4")
        done = plan(model, text, self.NEWER, release="1.11")
        upload, refresh, note = done.steps[:3]
        assert isinstance(upload, UploadCharm)
        assert (upload.path.name, upload.applications) == ("db_r2.charm", ("db",))
        assert isinstance(refresh, RefreshApplication)
        assert refresh.charm_path == upload.path
        assert refresh.options == {"size": "3", "more": "4"}
        assert [resource.name for resource in refresh.resources] == ["image"]
        assert (refresh.architecture, str(refresh.base)) == ("amd64", "ubuntu@22.04")
        assert rows(done)[:4] == [
            "db charm : db_r1.charm -> db_r2.charm",
            "db resource image: r:5000/db:1 -> r:5000/db:2",
            "db option size: 2 -> 3",
            "db option more: None -> 4",
        ]
        assert isinstance(note, WriteRecord)
        assert (note.record.charm_url, note.record.release) == ("", "1.11")
        assert note.record.owned.options == {"size", "note", "more", "juju-external-hostname"}
        assert done.unchanged == ()
        model.apply(done, self.NEWER)
        assert plan(model, text, self.NEWER).steps == ()

    def test_a_login_goes_with_the_charm(self, model: SimulatedModel) -> None:
        model.auth = AUTH
        done = plan(model, TEXT, self.NEWER)
        (refresh,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        assert [resource.name for resource in refresh.resources] == ["image"]

    def test_an_application_keeps_its_architecture(self, model: SimulatedModel) -> None:
        live = model.live()
        db = dataclasses.replace(live.applications["db"], constraints={"arch": "arm64", "mem": 1})
        live = dataclasses.replace(live, applications={**live.applications, "db": db})
        parsed = bundle(TEXT)
        done = plan_deployment(parsed, self.NEWER, live, identities_of(parsed, self.NEWER))
        (refresh,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        assert refresh.architecture == "arm64"

    def test_its_charm_must_be_known(self, model: SimulatedModel) -> None:
        parsed = bundle(TEXT)
        for charms, asked in ((CHARMS, ()), (self.NEWER, ("db",))):
            identities = identities_of(parsed, charms)
            assert charms_to_read(parsed, charms, model.live(), identities) == asked

    def test_one_file_is_uploaded_once_for_all_that_are_deployed_and_refreshed(self) -> None:
        text = """
        applications:
          one: {charm: ./db.charm, scale: 1, resources: {image: "r:5000/db:1", conf: /c}}
          two: {charm: ./db.charm, scale: 1, resources: {image: "r:5000/db:1", conf: /c}}
        """
        charms = {"one": CHARMS["db"], "two": CHARMS["db"]}
        model = SimulatedModel()
        model.apply(plan(model, text, charms), charms)
        del model.applications["two"]
        model.applications["one"].url = "local:db-9"
        done = plan(model, text, charms)
        assert [step.applications for step in done.uploads] == [("two", "one")]
        assert [type(step) for step in done.steps] == [
            UploadCharm,
            DeployApplication,
            RefreshApplication,
            WriteRecord,
            WriteRecord,
        ]

    def test_what_is_wrong_with_the_new_charm_is_found(self, model: SimulatedModel) -> None:
        bad = dataclasses.replace(self.NEWER["db"], has_code=False)
        bad = dataclasses.replace(bad, metadata={**bad.metadata, "assumes": ["juju ~ 3"]})
        with pytest.raises(BundleError) as caught:
            plan(model, TEXT, {**CHARMS, "db": bad})
        text = str(caught.value)
        assert "charm db has neither dispatch nor a file in hooks/" in text
        assert "malformed" in text
        with pytest.raises(BundleError, match=r"there is no \.charm file for charm db"):
            plan(model, TEXT, {**CHARMS, "db": dataclasses.replace(bad, path=None, has_code=True)})
        with pytest.raises(BundleError, match="warty"):
            plan(model, TEXT.replace("./db.charm", "./db.charm\n    series: warty"), self.NEWER)

    def test_a_charm_that_stays_is_not_checked_again(self, model: SimulatedModel) -> None:
        done = plan(
            model, TEXT, {**CHARMS, "db": dataclasses.replace(CHARMS["db"], has_code=False)}
        )
        assert done.steps == ()


class TestRecords:
    def test_a_model_that_was_deployed_by_hand_is_adopted(self, model: SimulatedModel) -> None:
        for application in model.applications.values():
            application.annotations.pop(RECORD_KEY)
        done = plan(model)
        reasons = {
            item.reason
            for step in done.steps
            if isinstance(step, RefreshApplication)
            for item in step.differences
        }
        assert reasons == {"no record says which file it was deployed from"}
        assert done.warnings == () or all("devices" in item.what for item in done.warnings)
        model.apply(done, CHARMS)
        assert plan(model).steps == ()

    def test_a_record_of_an_earlier_version_is_brought_up_to_date(
        self, model: SimulatedModel
    ) -> None:
        api = model.applications["api"]
        record = DeploymentRecord.parse(api.annotations[RECORD_KEY])
        assert record is not None
        old = (
            f'{{"charm":"{record.charm_url}","file":"api_r1.charm","sha256":"{record.charm_sha256}"'
        )
        api.annotations[RECORD_KEY] = old + ',"images":{"image":"r:5000/api:1"},"version":"0.1"}'
        api.own["kubernetes-service-type"] = "NodePort"
        done = plan(model, release="1.10")
        note = done.steps[-1]
        assert isinstance(note, WriteRecord)
        assert rows(done)[-1] == "api record : None -> 1.10"
        assert note.record.charm_url == record.charm_url
        assert note.record.charm_sha256 == record.charm_sha256
        assert note.record.owned.options == {"image"}
        assert listed(done) == ["api option kubernetes-service-type: NodePort"]
        model.apply(done, CHARMS)
        assert plan(model, release="1.10").steps == ()

    def test_the_release_is_kept_where_none_is_deployed(self, model: SimulatedModel) -> None:
        assert plan(model).releases == {}
        done = plan(model, release="1.11")
        (note, _) = done.steps
        assert isinstance(note, WriteRecord)
        assert note.differences == (
            Difference(
                application="db",
                kind="record",
                new="1.11",
                reason="what is noted of its deployment is brought up to date",
            ),
        )
        assert rows(done) == ["db record : None -> 1.11", "api record : None -> 1.11"]
        model.apply(done, CHARMS)
        assert plan(model).steps == ()
        assert plan(model).releases == {"db": "1.11", "api": "1.11"}
        url = model.applications["db"].url
        model.applications["db"].url = "local:db-9"  # refreshed by hand
        assert plan(model).releases == {"api": "1.11"}
        model.applications["db"].url = url
        assert rows(plan(model, release="1.12")) == [
            "db record : 1.11 -> 1.12",
            "api record : 1.11 -> 1.12",
        ]

    def test_what_was_set_before_a_refresh_by_hand_is_still_ours(
        self, model: SimulatedModel
    ) -> None:
        model.applications["db"].url = "local:db-9"
        done = plan(model, TEXT.replace("note: ours, ", ""))
        assert "db option note: ours -> None" in rows(done)
        assert listed(done) == []

    def test_without_identities_a_deployment_notes_what_it_knows(self) -> None:
        done = plan_deployment(bundle(TEXT), CHARMS, SimulatedModel().live())
        (note, _) = [step for step in done.steps if isinstance(step, WriteRecord)]
        assert note.record.charm_sha256 == ""
        assert note.record.resources == {
            "image": RecordedResource(value="r:5000/db:1"),
            "conf": RecordedResource(value="c.cnf", is_image=False),
        }

    def test_the_checksum_of_a_charm_that_was_not_read_is_kept(self, model: SimulatedModel) -> None:
        parsed = bundle(TEXT)
        identities = {
            name: dataclasses.replace(identity, charm_sha256="")
            for name, identity in identities_of(parsed, CHARMS).items()
        }
        done = plan_deployment(parsed, CHARMS, model.live(), identities, Policy(release="1.11"))
        notes = [step for step in done.steps if isinstance(step, WriteRecord)]
        assert {note.record.charm_sha256 for note in notes} == {
            identity.charm_sha256 for identity in identities_of(parsed, CHARMS).values()
        }
        newer = {**identities_of(parsed, TestRefresh.NEWER)}
        done = plan_deployment(parsed, TestRefresh.NEWER, model.live(), newer)
        (note,) = [step for step in done.steps if isinstance(step, WriteRecord)]
        assert note.record.charm_sha256 == newer["db"].charm_sha256

    def test_without_identities_nothing_is_noted(self, model: SimulatedModel) -> None:
        parsed = bundle(TEXT.replace("size: 2", "size: 3"))
        done = plan_deployment(parsed, CHARMS, model.live())
        assert rows(done) == ["db option size: 2 -> 3"]
        assert len(done.steps) == 1

    def test_without_an_identity_a_refresh_takes_all_resources(self, model: SimulatedModel) -> None:
        newer = TestRefresh.NEWER
        parsed = bundle(TEXT.replace("size: 2", "size: 2, more: 4"))
        done = plan_deployment(parsed, newer, model.live())
        (refresh,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        assert [resource.name for resource in refresh.resources] == ["image", "conf"]
        assert refresh.differences[0].reason == "the charm in the model has no option more"
        assert isinstance(done.steps[-1], WriteRecord)


class TestFiles:
    WITHOUT = TEXT.replace(", conf: /srv/c.cnf", "")

    def test_one_that_nobody_gives_is_a_warning(self) -> None:
        done = plan(SimulatedModel(), self.WITHOUT)
        (warning,) = done.warnings
        assert warning.where == "application db, resource conf"
        model = SimulatedModel()
        model.apply(done, CHARMS)
        assert len(plan(model, self.WITHOUT).warnings) == 1

    def test_one_that_somebody_attached_is_listed(self, model: SimulatedModel) -> None:
        done = plan(model, self.WITHOUT)
        assert done.foreign == (
            Foreign(
                application="db",
                kind="resource",
                name="conf",
                fix="give it in the bundle, resources: {conf: ./FILE}",
            ),
        )
        assert done.warnings == ()


def test_what_cannot_be_compared_is_a_warning(model: SimulatedModel) -> None:
    live = model.live()
    applications = {
        name: dataclasses.replace(
            item, storage=None, identity=dataclasses.replace(item.identity, record=None)
        )
        for name, item in live.applications.items()
    }
    parsed = bundle(TEXT)
    done = plan_deployment(
        parsed,
        CHARMS,
        dataclasses.replace(live, applications=applications),
        identities_of(parsed, CHARMS),
    )
    assert [item.where for item in done.warnings] == ["application db", "application db"]
    assert ["device" in done.warnings[0].what, "storage" in done.warnings[1].what] == [True, True]
