"""Each step is told as one line for people and as JSON for programs; secrets are in neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.charms.charm import Base
from ckf_airgap.juju.planning.identity import DeploymentRecord
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    AttachResources,
    DeployApplication,
    Expose,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    ResetOptions,
    ResourceUpload,
    Scale,
    SetAnnotations,
    SetBindings,
    SetConstraints,
    SetOptions,
    Step,
    Unexpose,
    UploadCharm,
    WriteRecord,
)
from ckf_airgap.juju.planning.written import (
    written_constraints,
    written_directive,
)

JAMMY = Base(name="ubuntu", channel="22.04")
PATH = Path("/charms/db_r1.charm")
IMAGE = ResourceUpload(name="image", type="oci-image", value="r:5000/db:1", path="r:5000/db:1")
CONF = ResourceUpload(name="conf", type="file", value="/srv/c.cnf", path="c.cnf")
OFFICE = ExposedEndpoint(spaces=("alpha",), cidrs=("10.0.0.0/8", "192.168.0.0/16"))
API, DB = EndpointRef("api", "sql"), EndpointRef("db", "sql")
OFFICE_DOCUMENT = {
    "expose-to-spaces": ["alpha"],
    "expose-to-cidrs": ["10.0.0.0/8", "192.168.0.0/16"],
}
EVERYWHERE_DOCUMENT: dict[str, list[str]] = {"expose-to-spaces": [], "expose-to-cidrs": []}
LONG = "x" * 90

STEPS: dict[str, tuple[Step, str, dict[str, Any]]] = {
    "upload": (
        UploadCharm(
            charm="db", revision=7, path=PATH, size_bytes=1_250_000, applications=("db", "db2")
        ),
        "upload charm db_r1.charm (1.2 MB) for db, db2",
        {
            "step": "upload-charm",
            "charm": "db",
            "revision": 7,
            "path": "/charms/db_r1.charm",
            "size-bytes": 1_250_000,
            "applications": ["db", "db2"],
        },
    ),
    "deploy": (
        DeployApplication(
            application="db",
            charm="mysql",
            charm_path=PATH,
            base=JAMMY,
            architecture="arm64",
            scale=2,
            trust=True,
            options={"port": "1", "password": "hunter2"},
            resources=(IMAGE, CONF),
            constraints={"mem": 1024, "tags": ["a", "b"]},
            storage={"data": {"Pool": "fast", "Count": 2, "Size": 5}},
            devices={"gpu": {"Type": "g", "Count": 1, "Attributes": {"a": "b", "c": "d"}}},
            bindings={"": "alpha", "sql": "beta"},
            placement=("zone=a",),
            expose=True,
            exposed_endpoints={"sql": OFFICE, "": ExposedEndpoint()},
            annotations={"gui-x": "3"},
        ),
        (
            "deploy db (db_r1.charm) on ubuntu@22.04, 2 units, trusted, exposed "
            "(sql to alpha, 10.0.0.0/8, 192.168.0.0/16; all endpoints to all); "
            "image=r:5000/db:1, conf=/srv/c.cnf, port=1, password=(hidden), mem=1024, tags=a,b, "
            "storage data=fast,2,5M, device gpu=1,g,a=b;c=d, placed on zone=a, "
            "all endpoints bound to alpha, sql bound to beta, annotation gui-x=3"
        ),
        {
            "step": "deploy",
            "application": "db",
            "charm": "mysql",
            "path": "/charms/db_r1.charm",
            "base": "ubuntu@22.04",
            "architecture": "arm64",
            "scale": 2,
            "trust": True,
            "expose": True,
            "exposed-endpoints": {"sql": OFFICE_DOCUMENT, "": EVERYWHERE_DOCUMENT},
            "options": {"port": "1", "password": "(hidden)"},
            "resources": {"image": "r:5000/db:1", "conf": "/srv/c.cnf"},
            "constraints": {"mem": 1024, "tags": ["a", "b"]},
            "storage": {"data": {"Pool": "fast", "Count": 2, "Size": 5}},
            "devices": {"gpu": {"Type": "g", "Count": 1, "Attributes": {"a": "b", "c": "d"}}},
            "bindings": {"": "alpha", "sql": "beta"},
            "placement": ["zone=a"],
            "annotations": {"gui-x": "3"},
        },
    ),
    "deploy little": (
        DeployApplication(
            application="db",
            charm="mysql",
            charm_path=PATH,
            base=JAMMY,
            architecture="amd64",
            scale=1,
            trust=False,
        ),
        "deploy db (db_r1.charm) on ubuntu@22.04, 1 unit",
        {
            "step": "deploy",
            "application": "db",
            "charm": "mysql",
            "path": "/charms/db_r1.charm",
            "base": "ubuntu@22.04",
            "architecture": "amd64",
            "scale": 1,
            "trust": False,
            "expose": False,
            "exposed-endpoints": {},
            "options": {},
            "resources": {},
            "constraints": {},
            "storage": {},
            "devices": {},
            "bindings": {},
            "placement": [],
            "annotations": {},
        },
    ),
    "refresh": (
        RefreshApplication(
            application="db",
            charm="mysql",
            charm_path=PATH,
            base=JAMMY,
            architecture="amd64",
            options={"port": "1", "password": "hunter2"},
            resources=(IMAGE, CONF),
        ),
        "refresh db to db_r1.charm on ubuntu@22.04",
        {
            "step": "refresh",
            "application": "db",
            "path": "/charms/db_r1.charm",
            "base": "ubuntu@22.04",
            "options": {"port": "1", "password": "(hidden)"},
            "resources": {"image": "r:5000/db:1", "conf": "/srv/c.cnf"},
        },
    ),
    "attach": (
        AttachResources(application="db", resources=(IMAGE, CONF)),
        "attach to db: image=r:5000/db:1, conf=/srv/c.cnf",
        {
            "step": "attach-resources",
            "application": "db",
            "resources": {"image": "r:5000/db:1", "conf": "/srv/c.cnf"},
        },
    ),
    "reset options": (
        ResetOptions(application="db", names=("port", "trust")),
        "reset db: port, trust",
        {"step": "reset-options", "application": "db", "options": ["port", "trust"]},
    ),
    "set options": (
        SetOptions(application="db", options={"note": LONG, "token": "hunter2"}),
        f"configure db: note={LONG[:77]}..., token=(hidden)",
        {
            "step": "set-options",
            "application": "db",
            "options": {"note": LONG, "token": "(hidden)"},
        },
    ),
    "set constraints": (
        SetConstraints(application="db", constraints={"mem": 1, "allocate-public-ip": True}),
        "constrain db: mem=1, allocate-public-ip=true",
        {
            "step": "set-constraints",
            "application": "db",
            "constraints": {"mem": 1, "allocate-public-ip": True},
        },
    ),
    "scale": (
        Scale(application="db", scale=3, was=1),
        "scale db from 1 to 3",
        {"step": "scale", "application": "db", "scale": 3, "was": 1},
    ),
    "expose": (
        Expose(application="db"),
        "expose db",
        {"step": "expose", "application": "db", "exposed-endpoints": {}},
    ),
    "expose endpoints": (
        Expose(application="db", endpoints={"sql": OFFICE}),
        "expose db (sql to alpha, 10.0.0.0/8, 192.168.0.0/16)",
        {"step": "expose", "application": "db", "exposed-endpoints": {"sql": OFFICE_DOCUMENT}},
    ),
    "unexpose": (
        Unexpose(application="db", endpoints=("sql", "web")),
        "unexpose db sql web",
        {"step": "unexpose", "application": "db", "endpoints": ["sql", "web"]},
    ),
    "bind": (
        SetBindings(application="db", bindings={"": "alpha", "sql": "beta"}),
        "bind db: all endpoints to alpha, sql to beta",
        {
            "step": "set-bindings",
            "application": "db",
            "bindings": {"": "alpha", "sql": "beta"},
        },
    ),
    "annotate": (
        SetAnnotations(application="db", annotations={"gui-x": "1", "gui-y": ""}),
        "annotate db: gui-x=1, gui-y=",
        {
            "step": "set-annotations",
            "application": "db",
            "annotations": {"gui-x": "1", "gui-y": ""},
        },
    ),
    "note": (
        WriteRecord(application="db", record=DeploymentRecord(charm_url="", charm_sha256="")),
        "note what db was deployed from",
        {"step": "write-record", "application": "db"},
    ),
    "remove": (
        RemoveApplication(application="db", lost=("storage data/0",)),
        "remove db",
        {"step": "remove", "application": "db", "lost": ["storage data/0"]},
    ),
    "relate": (
        AddRelation(requirer=API, provider=DB),
        "relate api:sql with db:sql",
        {"step": "relate", "requirer": "api:sql", "provider": "db:sql"},
    ),
    "unrelate": (
        RemoveRelation(requirer=API, provider=DB),
        "remove the relation of api:sql with db:sql",
        {"step": "unrelate", "requirer": "api:sql", "provider": "db:sql"},
    ),
    "offer": (
        MakeOffer(application="db", offer="sql", endpoints=("sql", "web")),
        "offer sql, web of db as sql",
        {
            "step": "offer",
            "application": "db",
            "offer": "sql",
            "endpoints": ["sql", "web"],
            "changes": False,
        },
    ),
    "change an offer": (
        MakeOffer(application="db", offer="sql", endpoints=("sql", "web"), changes=True),
        "change offer sql of db to sql, web",
        {
            "step": "offer",
            "application": "db",
            "offer": "sql",
            "endpoints": ["sql", "web"],
            "changes": True,
        },
    ),
    "grant": (
        GrantOffer(application="db", offer="sql", user="mary", access="consume"),
        "grant mary consume access to offer sql",
        {
            "step": "grant-offer",
            "application": "db",
            "offer": "sql",
            "user": "mary",
            "access": "consume",
        },
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_told_as_a_line_and_as_json(name: str) -> None:
    step, line, document = STEPS[name]
    assert step.describe() == line
    assert step.to_json() == document


def test_a_relation_knows_its_applications() -> None:
    assert AddRelation(requirer=API, provider=DB).applications == ("api", "db")
    assert RemoveRelation(requirer=API, provider=DB).applications == ("api", "db")


@pytest.mark.parametrize(
    ("directive", "text"),
    [
        ({"Pool": "fast", "Count": 2, "Size": 1024}, "fast,2,1024M"),
        ({"Pool": "", "Count": 0, "Size": 0}, ""),
        ({"Count": 1, "Type": "g"}, "1,g"),
        ({"Type": "g", "Attributes": {}}, "g"),
        ({"Count": 1, "Type": "g", "Attributes": {"a": "b", "c": "d"}}, "1,g,a=b;c=d"),
        ({"Count": 1, "Attributes": "x"}, "1"),
    ],
)
def test_directives_are_written_as_in_a_bundle(directive: Any, text: str) -> None:
    assert written_directive(directive) == text


def test_constraints_are_written_as_in_a_bundle() -> None:
    constraints: Any = {"mem": 1024, "tags": ["a", "b"], "allocate-public-ip": False, "arch": "x"}
    assert written_constraints(constraints) == [
        "mem=1024",
        "tags=a,b",
        "allocate-public-ip=false",
        "arch=x",
    ]
    assert written_constraints({"allocate-public-ip": True}) == ["allocate-public-ip=true"]
