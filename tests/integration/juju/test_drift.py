"""What somebody changed in a model by hand: what a plan lists, what a deployment repairs.

Everything goes through the API, as another client would change it.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.juju.applying.deploy import execute, plan_for
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import Uploader
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.integration.juju.world import BUNDLE, QUICK

Hand: TypeAlias = Callable[["Site"], Awaitable[object]]

EVERYTHING = Policy(prune=True, reset_foreign=True)
EVIL = "docker.io/evil/minio:666"


def document(**changes: Document) -> Document:
    """Return the bundle, with fields of applications added or replaced; ``None`` takes one out."""
    found: dict[str, Any] = copy.deepcopy(load_mapping(BUNDLE, where="bundle"))
    found["applications"]["minio"] |= {
        "expose": True,
        "options": {
            **found["applications"]["minio"]["options"],
            "juju-external-hostname": "minio.example",
        },
    }
    for name, fields in changes.items():
        application = found["applications"][name.replace("_", "-")]
        for key, value in fields.items():
            if value is None:
                del application[key]
            else:
                application[key] = value
    return found


@dataclass
class Site:
    """A model in which `document` is deployed."""

    session: Session
    controller: RehearsalController
    charms: Mapping[str, Charm]
    document: Document = field(default_factory=document)

    @property
    def bundle(self) -> Bundle:
        return Bundle.from_document(copy.deepcopy(self.document), where="bundle")

    @property
    def model(self) -> Any:
        return self.controller.models[self.session.model_name]

    async def plan(self, policy: Policy = Policy()) -> Plan:  # noqa: B008
        return await plan_for(self.session, self.bundle, self.charms, policy=policy)

    async def deploy(self, policy: Policy = Policy()) -> Plan:  # noqa: B008
        """Deploy what is missing; return what it was."""
        plan = await self.plan(policy)
        await execute(self.session, plan)
        return plan

    async def settled(self) -> None:
        """Return when applications and relations that go are gone."""
        for _ in range(500):
            going = [*self.model.applications.values(), *self.model.topology.relations.values()]
            if all(it.life == "alive" for it in going):
                return
            await asyncio.sleep(0.01)
        raise AssertionError([it for it in going if it.life != "alive"])

    async def call(self, facade: str, method: str, params: Document) -> None:
        await self.session.api.call(facade, method, params)
        await self.settled()

    def state(self) -> dict[str, object]:
        """What the model is made of, without what Juju alone numbers."""
        received = {upload.made: upload.sha256 for upload in self.model.uploads}
        found: dict[str, object] = {}
        for name, it in self.model.applications.items():
            annotations = dict(self.model.annotations.get(f"application-{name}", {}))
            annotations.pop(RECORD_KEY, None)
            found[name] = {
                "charm": received[it.charm_url],
                "options": dict(it.settings),
                "own": {k: v for k, v in it.own_settings.items() if v not in (False, None, "")},
                "constraints": dict(it.constraints),
                "scale": it.scale,
                "exposed": it.exposed,
                "resources": {k: r.fingerprint for k, r in it.resources.items()},
                "annotations": annotations,
            }
        found["relations"] = sorted(
            relation.key for relation in self.model.topology.relations.values()
        )
        return found


def kinds(plan: Plan) -> set[str]:
    """Return what a plan changes."""
    return {
        difference.kind for step in plan.steps for difference in getattr(step, "differences", ())
    }


@pytest.fixture
async def site(
    kubeflow: JujuTarget, controller: RehearsalController, charms: dict[str, Charm]
) -> AsyncIterator[Site]:
    async with connect(kubeflow, timeouts=QUICK) as session:
        site = Site(session, controller, charms)
        await site.deploy()
        assert not (await site.plan()).steps
        yield site


def options(application: str, **values: str) -> Hand:
    change: Document = {
        "application": application,
        "generation": "",
        "config": {name.replace("_", "-"): value for name, value in values.items()},
        "config-yaml": "",
    }
    return lambda site: site.call("Application", "SetConfigs", {"Args": [change]})


def unset(application: str, *names: str) -> Hand:
    change: Document = {"application": application, "branch": "", "options": [*names]}
    return lambda site: site.call("Application", "UnsetApplicationsConfig", {"Args": [change]})


def scale(application: str, count: int) -> Hand:
    change: Document = {
        "application-tag": f"application-{application}",
        "scale": count,
        "force": False,
    }
    return lambda site: site.call("Application", "ScaleApplications", {"applications": [change]})


def constraints(application: str, **values: int | str) -> Hand:
    params: Document = {"application": application, "constraints": {**values}}
    return lambda site: site.call("Application", "SetConstraints", params)


def annotate(application: str, **values: str) -> Hand:
    entity: Document = {
        "entity": f"application-{application}",
        "annotations": {name.replace("_", "-"): value for name, value in values.items()},
    }
    return lambda site: site.call("Annotations", "Set", {"annotations": [entity]})


def forget(application: str) -> Hand:
    return annotate(application, **{RECORD_KEY: ""})


def attach(application: str, resource: str, value: str) -> Hand:
    async def by_hand(site: Site) -> None:
        upload = ResourceUpload(name=resource, type="oci-image", value=value, path=value)
        session = site.session
        async with session.uploader(1) as uploader:
            assert isinstance(uploader, Uploader)
            await uploader.upload_resource(application, upload, None)

    return by_hand


def expose(application: str) -> Hand:
    async def by_hand(site: Site) -> None:
        await options(application, juju_external_hostname="x.example")(site)
        await site.call("Application", "Expose", {"application": application})

    return by_hand


def unexpose(application: str) -> Hand:
    return lambda site: site.call("Application", "Unexpose", {"application": application})


def unrelate(*ends: str) -> Hand:
    params: Document = {"endpoints": [*ends], "relation-id": 0}
    return lambda site: site.call("Application", "DestroyRelation", params)


def relate(*ends: str) -> Hand:
    return lambda site: site.call("Application", "AddRelation", {"endpoints": [*ends]})


def remove(application: str) -> Hand:
    change: Document = {"application-tag": f"application-{application}", "force": False}
    return lambda site: site.call("Application", "DestroyApplication", {"applications": [change]})


def add(application: str, charm_of: str) -> Hand:
    """Deploy one more application with a charm that is there."""

    async def by_hand(site: Site) -> None:
        present = site.model.applications[charm_of]
        deployed: Document = {
            "application": application,
            "charm-url": str(present.stored.url),
            "charm-origin": {
                "source": "local",
                "type": "",
                "id": "",
                "base": {"name": "ubuntu", "channel": present.base.channel},
            },
            "channel": "",
            "num-units": 1,
            "config-yaml": "",
            "constraints": {},
            "Force": False,
        }
        await site.call("Application", "Deploy", {"applications": [deployed]})

    return by_hand


REPAIRED: dict[str, tuple[Hand, str]] = {
    "an option of the bundle is changed": (options("minio", port="1"), "option"),
    "an option of the bundle is unset": (unset("minio", "port", "mode"), "option"),
    "a secret is changed": (options("minio", secret_key="changed"), "option"),
    "an application is scaled up": (scale("kfp-db", 3), "scale"),
    "an application is scaled down": (scale("minio", 1), "scale"),
    "an application is scaled to nothing": (scale("kfp-api", 0), "scale"),
    "a relation is removed": (
        unrelate("kfp-api:object-storage", "minio:object-storage"),
        "relation",
    ),
    "an application is removed": (remove("katib-db"), "application"),
    "constraints are changed": (constraints("minio", mem=4096), "constraints"),
    "constraints are removed": (constraints("minio"), "constraints"),
    "trust is revoked": (options("minio", trust="false"), "trust"),
    "it is no longer exposed": (unexpose("minio"), "expose"),
    "an image resource is replaced": (attach("minio", "oci-image", EVIL), "resource"),
    "an annotation is changed": (annotate("minio", gui_x="99"), "annotation"),
    "an annotation is removed": (annotate("minio", gui_x=""), "annotation"),
    "the record is lost": (forget("kfp-db"), "charm"),
}

FOREIGN: dict[str, tuple[Hand, str]] = {
    "an option of Juju is set": (
        options("kfp-db", kubernetes_service_type="loadbalancer"),
        "option",
    ),
    "constraints are set": (constraints("kfp-api", mem=2048), "constraints"),
    "trust is granted": (options("kfp-api", trust="true"), "trust"),
    "an annotation is added": (annotate("kfp-api", note="by hand"), "annotation"),
    "it is exposed": (expose("kfp-api"), "expose"),
}

EXTRA: dict[str, tuple[Hand, str]] = {
    "an application is added": (add("kfp-extra", "kfp-db"), "application"),
    "a relation is added": (
        relate("katib-db:database", "kfp-api:relational-db"),
        "relation",
    ),
}


@pytest.mark.parametrize("name", REPAIRED)
async def test_what_the_bundle_sets_is_listed_and_repaired(site: Site, name: str) -> None:
    by_hand, kind = REPAIRED[name]
    before = site.state()
    await by_hand(site)
    plan = await site.plan()
    assert kind in kinds(plan)
    await site.deploy()
    assert site.state() == before
    assert not (await site.plan()).steps


@pytest.mark.parametrize("name", FOREIGN)
async def test_what_somebody_else_set_stays_and_is_reset_on_request(site: Site, name: str) -> None:
    by_hand, kind = FOREIGN[name]
    before = site.state()
    await by_hand(site)
    changed = site.state()
    assert changed != before
    plan = await site.deploy()
    assert not plan.steps
    assert kind in {foreign.kind for foreign in plan.foreign}
    assert site.state() == changed
    await site.deploy(Policy(reset_foreign=True))
    assert site.state() == before
    assert not (await site.plan()).foreign


@pytest.mark.parametrize("name", EXTRA)
async def test_what_the_bundle_does_not_have_stays_and_is_pruned_on_request(
    site: Site, name: str
) -> None:
    by_hand, kind = EXTRA[name]
    before = site.state()
    await by_hand(site)
    changed = site.state()
    plan = await site.deploy(Policy(reset_foreign=True))
    assert not plan.steps
    assert kind in {foreign.kind for foreign in plan.foreign}
    assert site.state() == changed
    await site.deploy(Policy(prune=True))
    await site.settled()
    assert site.state() == before


DROPPED: dict[str, Document] = {
    "options": document(minio={"options": {"port": 9001, "juju-external-hostname": "m.example"}}),
    "constraints": document(minio={"constraints": None}),
    "trust": document(minio={"trust": None}),
    "exposure": document(minio={"expose": None}),
    "annotations": document(minio={"annotations": None}),
    "trust, with the word": document(minio={"trust": False}),
}


@pytest.mark.parametrize("name", DROPPED)
async def test_what_an_earlier_deployment_set_and_the_bundle_dropped_is_reset(
    site: Site, target: Callable[[str], JujuTarget], name: str
) -> None:
    site.document = DROPPED[name]
    await site.deploy()
    assert not (await site.plan()).steps
    async with connect(target("other"), timeouts=QUICK) as session:
        fresh = Site(session, site.controller, site.charms, DROPPED[name])
        await fresh.deploy()
        assert site.state() == fresh.state()


async def test_an_explicit_no_to_trust_wins_over_what_somebody_granted(site: Site) -> None:
    site.document = document(kfp_api={"trust": False})
    await site.deploy()
    await options("kfp-api", trust="true")(site)
    plan = await site.deploy()
    assert kinds(plan) - {"record"} == {"trust"}
    assert not site.model.applications["kfp-api"].own_settings.get("trust")


async def test_an_application_that_is_being_removed_is_told_at_once(site: Site) -> None:
    change: Document = {"application-tag": "application-minio", "force": False}
    await site.session.api.call("Application", "DestroyApplication", {"applications": [change]})
    assert site.model.applications["minio"].life == "dying"
    plan = await site.plan()
    told = [*(refusal.what for refusal in plan.refused), *map(str, plan.warnings)]
    assert any("being removed" in text for text in told)


@pytest.mark.parametrize("seed", range(3))
async def test_any_ten_combinations_are_repaired(site: Site, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    before = site.state()
    hands = {**REPAIRED, **FOREIGN, **EXTRA}
    for _ in range(10):
        names = rng.sample(sorted(hands), rng.randint(2, 5))
        for name in names:
            if name == "an application is removed" and "a relation is added" in names:
                continue  # the relation is one of that application's
            await hands[name][0](site)
        await site.deploy(EVERYTHING)
        await site.settled()
        assert site.state() == before, names
        assert not (await site.plan(EVERYTHING)).steps, names
