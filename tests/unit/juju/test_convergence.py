"""Whatever a model has become: after one plan it is what the bundle says, and a second is empty."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document, JSONValue, dump_yaml
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.upload import RegistryAuth
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from tests.unit.juju.samples import bundle, charm
from tests.unit.juju.simulated import (
    ALL,
    SimulatedApplication,
    SimulatedModel,
    identities_of,
    sha256_of,
)

HOST = "juju-external-hostname"
CHARMS: dict[str, tuple[Charm, Charm]] = {
    "db": (
        charm(
            """
            name: db
            resources: {image: {type: oci-image}, tuning: {type: file, filename: t.cnf}}
            provides: {database: {interface: sql, limit: 1}}
            requires: {logging: {interface: loki}}
            options:
              level: {type: int, default: 3}
              mode: {type: string, default: fast}
              old: {type: string}
              ratio: {type: float, default: 1.0}
            """,
            file="db_r1",
        ),
        charm(
            """
            name: db
            resources: {image: {type: oci-image}, tuning: {type: file, filename: t.cnf}}
            provides: {database: {interface: sql, limit: 1}}
            options:
              level: {type: string, default: '3'}
              mode: {type: string, default: safe}
              new: {type: boolean, default: true}
              ratio: {type: float, default: 2.0}
            """,
            bases="[ubuntu@24.04]",
            file="db_r2",
        ),
    ),
    "api": (
        charm(
            """
            name: api
            resources: {image: {type: oci-image}}
            requires: {database: {interface: sql}, other: {interface: sql}}
            provides: {rest: {interface: http}}
            options: {debug: {type: boolean, default: false}}
            """,
            file="api_r1",
        ),
        charm(
            """
            name: api
            resources: {image: {type: oci-image}, extra: {type: oci-image}}
            requires: {database: {interface: sql}}
            provides: {rest: {interface: http}, grpc: {interface: http}}
            options: {debug: {type: boolean, default: true}}
            """,
            file="api_r2",
        ),
    ),
    "ui": (
        charm(
            """
            name: ui
            requires: {backend: {interface: http}}
            storage: {data: {type: filesystem, location: /data}}
            """,
            file="ui_r1",
        ),
        charm(
            """
            name: ui
            requires: {backend: {interface: http}}
            storage: {data: {type: filesystem}}
            options: {title: {type: string, default: ''}}
            """,
            file="ui_r2",
        ),
    ),
}
VALUES: dict[str, list[Any]] = {
    "level": [3, 4, 7],
    "mode": ["fast", "safe", "", "a\nb"],
    "old": ["x", ""],
    "ratio": [1, 2.0, 2.5],
    "new": [True, False],
    "debug": [True, False],
    "title": ["", "Hello"],
    HOST: ["db.example"],
    "kubernetes-service-type": ["NodePort", "ClusterIP"],
}
ENDS = [
    ("api:database", "db:database"),
    ("api:other", "db:database"),
    ("ui:backend", "api:rest"),
    ("ui:backend", "api:grpc"),
]
AUTH = RegistryAuth(username="me", password="secret", registry=Registry.parse("r:5000"))


def is_known(end: str, charms: Mapping[str, Charm]) -> bool:
    name, _, endpoint = end.partition(":")
    return name in charms and endpoint in charms[name].endpoints


@st.composite
def applications(draw: st.DrawFn, name: str, subject: Charm) -> Document:
    """Return an application of a bundle, as its document."""
    known = [*subject.options, HOST, "kubernetes-service-type"]
    options: Document = {
        option: str(draw(st.sampled_from(VALUES[option])))
        if option == "level" and subject.options["level"].type == "string"
        else draw(st.sampled_from(VALUES[option]))
        for option in draw(st.lists(st.sampled_from(known), unique=True))
    }
    if draw(st.integers(0, 3)) == 3:
        options["trust"] = draw(st.sampled_from([True, False, "false"]))
    resources: Document = {
        image.name: draw(st.sampled_from([f"r:5000/{name}:1", f"r:5000/{name}:2"]))
        for image in subject.images
    }
    if "tuning" in subject.resources and draw(st.booleans()):
        resources["tuning"] = draw(st.sampled_from(["/a/t.cnf", "/b/t.cnf"]))
    fields: Document = {
        "charm": f"./{name}.charm",
        "scale": draw(st.integers(0, 2)),
        "options": options,
        "resources": resources,
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "trust": st.booleans(),
        "constraints": st.sampled_from(["", "mem=1G", "mem=2G cores=1", "tags=a,b"]),
        "annotations": st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", ""])),
        "expose": st.booleans(),
    }
    for key, values in optional.items():
        if draw(st.integers(0, 2)) == 2:
            fields[key] = draw(values)
    if "data" in (subject.metadata.get("storage") or {}) and draw(st.booleans()):  # type: ignore[operator]
        fields["storage"] = {"data": draw(st.sampled_from(["kubernetes,1G", "2G"]))}
    if not options.get(HOST):
        fields.pop("expose", None)
    elif "expose" not in fields and draw(st.booleans()):
        endpoints = draw(st.sets(st.sampled_from(["", *subject.endpoints]), min_size=1))
        nets: list[Document] = [{}, {"expose-to-cidrs": ["10.0.0.0/8"]}]
        exposed: Document = {name: draw(st.sampled_from(nets)) for name in sorted(endpoints)}
        fields["exposed-endpoints"] = exposed
    return fields


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Bundle, dict[str, Charm]]:
    """Return a bundle and the charms of its applications."""
    names = draw(st.lists(st.sampled_from(sorted(CHARMS)), min_size=1, unique=True))
    charms = {name: CHARMS[name][draw(st.integers(0, 1))] for name in names}
    pairs: list[JSONValue] = []
    taken: set[str] = set()
    for one, other in draw(st.lists(st.sampled_from(ENDS), unique=True)):
        if is_known(one, charms) and is_known(other, charms):
            pairs += [] if other in taken and other == "db:database" else [[one, other]]
            taken.add(other)
    described: Document = {}
    for name in names:
        described[name] = draw(applications(name, charms[name]))
    document: Document = {
        "bundle": "kubernetes",
        "applications": described,
        "relations": pairs,
    }
    return bundle(dump_yaml(document)), charms


def by_hand(model: SimulatedModel, name: str, change: str) -> None:
    """Change something of an application as people do."""
    application = model.applications.get(name)
    if application is None:
        return
    changes: dict[str, Callable[[SimulatedApplication], object]] = {
        "option": lambda it: it.settings.update(
            {name: value for name, value in ODD.items() if name in it.charm.options}
        ),
        "unset": lambda it: it.settings.clear(),
        "trust": lambda it: it.own.update(trust="true"),
        "distrust": lambda it: it.own.pop("trust", None),
        "constraints": lambda it: it.constraints.update(mem=77, cores=2),
        "no constraints": lambda it: setattr(it, "constraints", {"arch": "amd64"}),
        "scale": lambda it: setattr(it, "scale", 5),
        "annotation": lambda it: it.annotations.update(x="odd", z="odd"),
        "no record": lambda it: it.annotations.pop(RECORD_KEY, None),
        "refresh": lambda it: setattr(it, "url", f"local:{it.charm.name}-{100 + model.uploads}"),
        "attach": lambda it: it.resources.update(image=b"odd", tuning=b"odd"),
        "host": lambda it: it.own.update({HOST: "odd", "kubernetes-ingress-class": "odd"}),
        "expose": lambda it: it.exposed.update(ALL) if it.own.get(HOST) else None,
        "unexpose": lambda it: it.exposed.clear(),
        "base": lambda it: setattr(it, "base", Base(name="ubuntu", channel="20.04")),
    }
    changes[change](application)
    application.resources = {
        name: body
        for name, body in application.resources.items()
        if name in application.charm.resources
    }


ODD: Document = {"mode": "odd", "title": "odd", "debug": True}
HAND = [
    "option", "unset", "trust", "distrust", "constraints", "no constraints", "scale", "annotation",
    "no record", "refresh", "attach", "host", "expose", "unexpose", "base",
]  # fmt: skip


def planned(model: SimulatedModel, wanted: tuple[Bundle, dict[str, Charm]], policy: Policy) -> Plan:
    parsed, charms = wanted
    identities = identities_of(parsed, charms, model.auth)
    return plan_deployment(parsed, charms, model.live(), identities, policy)


def everything(model: SimulatedModel) -> dict[str, Any]:
    """Return a model without what a fresh deployment has otherwise: URLs and who wrote records."""
    found: dict[str, Any] = {"relations": model.relations}
    for name, application in model.applications.items():
        settings_ = {
            option: value
            for option, value in application.settings.items()
            if value != application.charm.options[option].default
        }
        own = {
            key: text for key, text in application.own.items() if (key, text) != ("trust", "false")
        }
        exposed = {
            key: {*item.cidrs} or {*ALL[""].cidrs} for key, item in application.exposed.items()
        }
        kept = {key: text for key, text in application.annotations.items() if key != RECORD_KEY}
        record = DeploymentRecord.parse(application.annotations[RECORD_KEY])
        assert record is not None
        assert record.charm_url == application.url
        found[name] = {
            "charm": sha256_of(application.charm),
            "base": application.base.track,
            "scale": application.scale,
            "settings": settings_,
            "own": own,
            "constraints": application.constraints,
            "annotations": kept,
            "exposed": exposed,
            "resources": application.resources,
            "owned": record.owned,
        }
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=bundles(),
    second=bundles(),
    drift=st.lists(st.tuples(st.sampled_from(sorted(CHARMS)), st.sampled_from(HAND)), max_size=6),
    extra=st.lists(st.sampled_from(ENDS), max_size=2),
    resets=st.booleans(),
    prunes=st.booleans(),
    logs_in=st.booleans(),
)
def test_after_one_plan_there_is_nothing_to_do(
    *,
    first: tuple[Bundle, dict[str, Charm]],
    second: tuple[Bundle, dict[str, Charm]],
    drift: list[tuple[str, str]],
    extra: list[tuple[str, str]],
    resets: bool,
    prunes: bool,
    logs_in: bool,
) -> None:
    model = SimulatedModel()
    model.apply(planned(model, first, Policy()), first[1])
    assert planned(model, first, Policy()).steps == ()
    for name, change in drift:
        by_hand(model, name, change)
    for ends in extra:
        if all(is_known(end, {n: a.charm for n, a in model.applications.items()}) for end in ends):
            model.relations.add(ends)
    model.auth = AUTH if logs_in else None
    policy = Policy(prune=prunes, reset_foreign=resets, release="1.11")
    before = copy.deepcopy(model)
    plan = planned(model, second, policy)
    if plan.refused:
        assert plan.refused == planned(model, second, policy).refused
        names = frozenset(refusal.application for refusal in plan.refused)
        policy = Policy(prune=True, reset_foreign=resets, replace=names, release="1.11")
        plan = planned(model, second, policy)
    assert before == model  # a plan changes nothing
    model.apply(plan, second[1])
    again = planned(model, second, policy)
    assert again.steps == ()
    assert again.refused == ()
    if policy.prune and policy.reset_foreign:
        fresh = SimulatedModel(auth=model.auth)
        fresh.apply(planned(fresh, second, Policy(release="1.11")), second[1])
        if not any(item.kind in ("storage", "resource") for item in again.foreign):
            assert again.foreign == ()
            assert everything(model) == everything(fresh)
