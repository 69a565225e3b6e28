"""A small bundle, deployed through faults and kills until nothing fails any more.

What is compared in the end is the model of a rehearsal controller with that of one that nothing has
disturbed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import Self

from ckf_airgap.documents import Document, dump_yaml
from ckf_airgap.errors import AirgapError
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY, UploadNotes
from ckf_airgap.operations import deploying
from ckf_airgap.operations.deploying import Deployment, deploy
from ckf_airgap.operations.rendering import Inputs
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.model.model import Model
from tests.charms import write_charm
from tests.faultproxy import FaultProxy

MODEL: Final = "shop"
REGISTRY: Final = "registry.test:5000"
SPEED: Final = 6000.0
TIMEOUT_S: Final = 30.0
QUICK: Final = JujuTimeouts(
    connect_s=2.0,
    call_s=4.0,
    upload_s=2.0,
    reconnect_s=5.0,
    ping_s=0.3,
    silence_s=0.7,
    close_s=0.5,
)
_BETWEEN_RUNS_S: Final = 0.5
MOST_RUNS: Final = 6
"""How often a deployment may be run until it succeeds: a fault happens once."""

IMAGES: Final = ("database", "service", "store", "gateway", "database-2", "service-2", "store-2")

_OLD_BUNDLE: Final = f"""
bundle: kubernetes
name: shop
applications:
  orders-db:
    charm: database
    scale: 1
    trust: true
    options: {{profile: testing}}
    resources: {{database-image: {REGISTRY}/database:1}}
    storage: {{data: 1G}}
  users-db:
    charm: database
    scale: 1
    trust: true
    resources: {{database-image: {REGISTRY}/database:1}}
    storage: {{data: 1G}}
  orders:
    charm: service
    scale: 1
    options: {{port: 8000, motto: "one"}}
    resources: {{service-image: {REGISTRY}/service:1, catalogue: ./catalogue-1.csv}}
  users:
    charm: service
    scale: 1
    options: {{port: 8001}}
    resources: {{service-image: {REGISTRY}/service:1, catalogue: ./catalogue-1.csv}}
    annotations: {{gui-x: "1", gui-y: "2"}}
  store:
    charm: store
    scale: 3
    constraints: mem=1G
    resources: {{store-image: {REGISTRY}/store:1}}
    storage: {{data: 2G}}
  gateway:
    charm: gateway
    scale: 1
    trust: true
    expose: true
    options: {{juju-external-hostname: shop.test}}
    resources: {{gateway-image: {REGISTRY}/gateway:1}}
relations:
- [orders:database, orders-db:database]
- [users:database, users-db:database]
- [orders:objects, store:objects]
"""

_BUNDLE: Final = f"""
bundle: kubernetes
name: shop
applications:
  orders-db:
    charm: database
    scale: 1
    trust: true
    resources: {{database-image: {REGISTRY}/database-2:1}}
    storage: {{data: 1G}}
  users-db:
    charm: database
    scale: 1
    trust: true
    options: {{profile: testing}}
    resources: {{database-image: {REGISTRY}/database-2:1}}
    storage: {{data: 1G}}
  orders:
    charm: service
    scale: 2
    options: {{port: 9000, motto: "line one\\nnull\\n"}}
    resources: {{service-image: {REGISTRY}/service-2:1, catalogue: ./catalogue-2.csv}}
    annotations: {{gui-x: "10", note: "with = and \\" in it"}}
  users:
    charm: service
    scale: 1
    resources: {{service-image: {REGISTRY}/service-2:1, catalogue: ./catalogue-1.csv}}
    annotations: {{gui-x: "10"}}
  store:
    charm: store
    scale: 3
    trust: true
    constraints: mem=1536M cores=2
    options: {{secret-key: hunter2}}
    resources: {{store-image: {REGISTRY}/store-2:1}}
    storage: {{data: 2G}}
  gateway:
    charm: gateway
    scale: 1
    expose: true
    options: {{juju-external-hostname: www.shop.test}}
    resources: {{gateway-image: {REGISTRY}/gateway:1}}
  dashboard:
    charm: dashboard
    scale: 1
    expose: true
    options: {{juju-external-hostname: dashboard.shop.test}}
  accounts:
    charm: accounts
    scale: 2
    constraints: mem=512M
relations:
- [orders:database, orders-db:database]
- [users:database, users-db:database]
- [orders:objects, store:objects]
- [users:objects, store:objects]
- [dashboard:services, orders:api]
- [dashboard:services, users:api]
- [gateway:routes, dashboard:web]
---
applications:
  store:
    offers: {{objects: {{endpoints: [objects], acl: {{admin: admin}}}}}}
"""


_DATA: Final[Document] = {"data": {"type": "filesystem", "location": "/data"}}

_CHARMS: Final[Mapping[str, tuple[int, Document, dict[str, dict[str, Any]]]]] = {
    "database": (
        60_000,
        {
            "resources": {"database-image": {"type": "oci-image"}},
            "provides": {"database": {"interface": "mysql"}},
            "peers": {"peers": {"interface": "mysql-peers"}},
            "storage": _DATA,
        },
        {"profile": {"type": "string", "default": "production"}},
    ),
    "service": (
        90_000,
        {
            "resources": {
                "service-image": {"type": "oci-image"},
                "catalogue": {"type": "file", "filename": "catalogue.csv"},
            },
            "requires": {"database": {"interface": "mysql"}, "objects": {"interface": "s3"}},
            "provides": {"api": {"interface": "http"}},
        },
        {
            "port": {"type": "int", "default": 80},
            "motto": {"type": "string", "default": ""},
        },
    ),
    "store": (
        30_000,
        {
            "resources": {"store-image": {"type": "oci-image"}},
            "provides": {"objects": {"interface": "s3"}},
            "peers": {"cluster": {"interface": "store-cluster"}},
            "storage": _DATA,
        },
        {"secret-key": {"type": "string"}},
    ),
    "gateway": (
        20_000,
        {
            "resources": {"gateway-image": {"type": "oci-image"}},
            "requires": {"routes": {"interface": "ingress"}},
        },
        {},
    ),
    "dashboard": (
        8_000,
        {
            "requires": {"services": {"interface": "http"}},
            "provides": {"web": {"interface": "ingress"}},
        },
        {},
    ),
    "accounts": (4_000, {}, {}),
}
"""By charm: the bytes of its code, its metadata and its options."""


def write_shop(directory: Path) -> None:
    """Write the old bundle and the new one, with their charms and files."""
    for revision in (1, 2):
        _write_charms(directory / f"charms-{revision}", revision)
        (directory / f"catalogue-{revision}.csv").write_text(f"apple,{revision}\n" * 2000)
    (directory / "old.yaml").write_text(_OLD_BUNDLE)
    (directory / "new.yaml").write_text(_BUNDLE)
    (directory / "images.txt").write_text("".join(f"{REGISTRY}/{name}:1\n" for name in IMAGES))


def _write_charms(directory: Path, revision: int) -> None:
    directory.mkdir()
    pick = random.Random(revision)  # noqa: S311 - the same in each run
    for name, (size_bytes, metadata, options) in _CHARMS.items():
        document = {"name": name, "summary": name, "description": name, **metadata}
        later = {"added": {"type": "int", "default": 1}} if revision == 2 else {}
        write_charm(
            directory,
            name,
            filename=f"{name}_r{revision}.charm",
            options={**options, **later},
            # What is random does not become smaller.
            members={
                "metadata.yaml": dump_yaml(document),
                "venv/code": pick.randbytes(size_bytes),
            },
        )


def inputs(directory: Path, bundle: str) -> Inputs:
    """Return what the bundle ``old`` or ``new`` is rendered from."""
    return Inputs(
        bundle=directory / f"{bundle}.yaml",
        charms=directory / ("charms-1" if bundle == "old" else "charms-2"),
        images=directory / "images.txt",
    )


@dataclass(kw_only=True)
class Shop:
    """A controller with the shop's model, and what was tried there.

    Attributes:
        controller: The controller; its model is empty, or has the old bundle.
        directory: The bundles, charms and files.
        target: Where clients find the model.
        errors: Why each run failed that did.
        sent_again: The charms that a run has sent although the run before had left them known.
        done: What came of the last run.
        calls_before: How many calls and uploads there were before anything was tried.
        uploads_before: As above.
    """

    controller: RehearsalController
    directory: Path
    target: JujuTarget
    errors: list[str] = field(default_factory=list)
    sent_again: list[str] = field(default_factory=list)
    done: Deployment | None = None
    calls_before: int = 0
    uploads_before: int = 0

    @property
    def model(self) -> Model:
        """The model."""
        return self.controller.models[MODEL]

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return len(self.errors) + (self.done is not None)

    async def deploy(self, bundle: str = "new") -> Deployment:
        """Run a deployment once, and wait until all is active."""
        return await deploy(
            inputs(self.directory, bundle),
            self.target,
            timeout_s=TIMEOUT_S,
            idle_period_s=0.05,
            error_grace_s=1.0,
        )

    async def deploy_until_done(self, most: int = MOST_RUNS) -> None:
        """Run it again until it succeeds."""
        for number in range(most):
            if number:
                await asyncio.sleep(_BETWEEN_RUNS_S)
            known, before = self.in_use_or_noted(), self.charms()
            try:
                self.done = await self.deploy()
            except AirgapError as exc:
                self.errors.append(f"{type(exc).__name__}: {exc}")
            sent = self.charms() - before
            self.sent_again += [f"{sha256} was known, and sent again" for sha256 in known & {*sent}]
            if self.done is not None:
                return
        raise AssertionError("it never succeeded: " + "\n".join(self.errors))

    def through(self, proxy: FaultProxy) -> Self:
        """Reach the controller by way of a proxy from now on."""
        store = proxy.client_store(self.controller.juju_data, self.controller.juju_data.parent)
        self.target = dataclasses.replace(self.target, juju_data=store)
        return self

    def problems(self, kind: Kind, expected: Course) -> Iterator[str]:
        """Yield in what the model, or how it came about, is not as if nothing had happened."""
        found = self.made_of()
        for key, value in expected.made_of.items():
            if found[key] != value:
                yield f"{key}: {found[key]}, not {value}"
        for name, times in self.deployed().items():
            if times > 1:
                yield f"{name} was deployed {times} times"
        again = self.charms().total() - len(self.charms())
        if again > kind.repeats:
            yield f"{again} charms were received again"
        yield from self.sent_again
        if len(self.model.pending) > kind.stays:
            yield f"{len(self.model.pending)} announced resources are left over"

    def begin(self) -> None:
        """Count from now on: what was before has prepared the model."""
        self.calls_before = len(self.model.requests)
        self.uploads_before = len(self.model.uploads)

    def deployed(self) -> Counter[str]:
        """Return how often each application was asked to be deployed."""
        return Counter(
            str(item["application"])
            for request in list(self.model.requests)[self.calls_before :]
            if (request.facade, request.method) == ("Application", "Deploy")
            for item in request.params["applications"]  # type: ignore[union-attr]
            if isinstance(item, dict)
        )

    def charms(self) -> Counter[str]:
        """Return how often each charm was received, by its checksum."""
        return Counter(
            upload.sha256
            for upload in list(self.model.uploads)[self.uploads_before :]
            if upload.made.startswith("local:")
        )

    def in_use_or_noted(self) -> set[str]:
        """Return the checksums of the charms that another run must know of."""
        model = self.model
        notes = UploadNotes.parse(model.annotations.get(f"model-{model.uuid}", {}).get(NOTES_KEY))
        used = {application.charm_url for application in model.applications.values()}
        return {
            upload.sha256
            for upload in model.uploads
            if upload.made.startswith("local:")
            and (upload.made in used or upload.sha256 in notes.charms)
        }

    def made_of(self) -> Any:
        """Return all that the model is made of, apart from revisions and history."""
        return made_of(self.model)


def made_of(model: Model) -> Any:
    """Return all that a model is made of, apart from revisions and history."""
    checksums = {
        upload.made: upload.sha256 for upload in model.uploads if upload.made.startswith("local:")
    }
    applications = {}
    for name, application in sorted(model.applications.items()):
        annotations = dict(model.annotations.get(f"application-{name}", {}))
        record = DeploymentRecord.parse(annotations.pop(RECORD_KEY, None))
        assert record is not None, f"nobody noted what {name} was deployed from"
        assert record.charm_url == application.charm_url, name
        applications[name] = {
            "charm": checksums[application.charm_url],
            "record": dataclasses.replace(record, charm_url=""),
            "base": str(application.base),
            "scale": application.scale,
            "units": {
                unit: (checksums[held.charm_url], held.workload.current)
                for unit, held in sorted(application.units.items())
            },
            "options": application.settings,
            "own options": application.own_settings,
            "constraints": application.constraints,
            "storage": application.storage_constraints,
            "bindings": application.bindings,
            "exposed": (application.exposed, application.exposed_endpoints),
            "annotations": annotations,
            "resources": {
                resource.name: (resource.type, resource.uploaded, resource.fingerprint)
                for resource in application.resources.values()
            },
        }
    return {
        "applications": applications,
        "relations": sorted(relation.key for relation in model.relations),
        "offers": sorted((offer.name, sorted(offer.endpoints)) for offer in model.offers),
        "notes": model.annotations.get(f"model-{model.uuid}", {}),
        "storage": sorted(model.storage.instances),
        "next units": dict(sorted(model.topology.next_unit.items())),
        "findings": model.findings,
    }


@contextlib.asynccontextmanager
async def shop(directory: Path, *, with_old: bool = False) -> AsyncIterator[Shop]:
    """Run a controller for the bundles in a directory.

    Args:
        directory: What `write_shop` has written.
        with_old: Whether the old bundle is deployed there.
    """
    async with RehearsalController(models=[MODEL], speed=SPEED, registry=REGISTRY) as controller:
        target = JujuTarget(model=MODEL, juju_data=controller.juju_data)
        made = Shop(controller=controller, directory=directory, target=target)
        if with_old:
            await made.deploy("old")
            made.begin()
        yield made


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happens in a deployment that nothing disturbs.

    Attributes:
        requests: How many calls there are.
        uploads: How many charms and resources are sent.
        sent_bytes: How many bytes pass in both directions.
        made_of: What the model is made of in the end.
    """

    requests: int
    uploads: int
    sent_bytes: int
    made_of: Any = field(repr=False)


async def undisturbed(directory: Path, *, with_old: bool) -> Course:
    """Deploy the new bundle, with no fault."""
    async with shop(directory, with_old=with_old) as made:
        faults = made.controller.faults
        before = Counter(faults.counts)
        async with FaultProxy(made.controller.endpoint) as proxy:
            await made.through(proxy).deploy()
        counts = Counter(faults.counts) - before
        return Course(
            requests=counts["request"],
            uploads=counts["upload"],
            sent_bytes=proxy.total_bytes,
            made_of=made.made_of(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of disturbance.

    Attributes:
        name: What it is called.
        faults: Faults of a rehearsal controller, with ``{n}`` for the number of the call or upload
            and ``{byte}`` for a byte of an upload; or ``cut``, ``away``, ``freeze`` of the network.
        repeats: How many charms that were received may be received again, since nobody knew.
        stays: How many announced resources may be left over, since nobody knows their ids.
        is_refusal: Whether it is an answer that ends a step or the run.
        several: How many of the faults happen in one deployment; otherwise, all.
    """

    name: str
    faults: tuple[str, ...]
    repeats: int = 0
    stays: int = 0
    is_refusal: bool = False
    several: int = 0

    @property
    def is_of_network(self) -> bool:
        """Whether it is a proxy that disturbs."""
        return bool({*self.faults} & {"cut", "away", "freeze"})

    def begin(self, made: Shop, course: Course, pick: random.Random, proxy: FaultProxy) -> str:
        """Let it happen at a place that is picked, and return what happens."""
        if self.is_of_network:
            return _disturb_network(self.faults[0], course, pick, proxy)
        faults = pick.sample(self.faults, self.several) if self.several else self.faults
        placed = []
        for fault in faults:
            most = course.uploads if "@upload" in fault else course.requests
            text = fault.format(n=pick.randint(1, most), byte=pick.randint(0, 60_000))
            placed.append(str(made.controller.faults.add_next(text)))
        return " ".join(placed)


def _disturb_network(how: str, course: Course, pick: random.Random, proxy: FaultProxy) -> str:
    after = pick.randint(1, int(0.95 * course.sent_bytes))
    if how == "freeze":
        proxy.freeze_after(after, _AWAY_S)
    elif how == "away":
        proxy.cut_after(after, functools.partial(proxy.away_for, _AWAY_S))
    else:
        proxy.cut_after(after)
    return f"{how} after {after} bytes"


_AWAY_S: Final = 1.0

NETWORK_CUT: Final = Kind(name="network-cut", faults=("cut",), repeats=8, stays=16)

# An answer that is lost takes all others with it that are under way on the same connection.
_ONE_BY_ONE: Final = (
    Kind(name="close", faults=("close@request={n}",), stays=16),
    Kind(name="lose-reply", faults=("lose-reply@request={n}",), stays=16),
    Kind(
        name="busy",
        faults=("error@request={n},code=not yet available; try again later,message=later",),
    ),
    Kind(
        name="error",
        faults=("error@request={n},message=cannot do that now",),
        is_refusal=True,
    ),
    Kind(name="delay", faults=("delay@request={n},for=300ms",)),
    Kind(name="silence", faults=("silence@request={n}",), stays=16),
    Kind(name="hang", faults=("hang@request={n},for=1500ms",), repeats=8, stays=16),
    Kind(name="restart", faults=("restart@request={n},for=1s",), repeats=8, stays=16),
    Kind(name="upload-cut", faults=("cut@upload={n},byte={byte}",)),
    Kind(name="upload-freeze", faults=("freeze@upload={n},byte={byte}",)),
    Kind(name="upload-delay", faults=("delay@upload={n},for=300ms",)),
    Kind(name="upload-lost-reply", faults=("lose-reply@upload={n}",), repeats=1),
    Kind(name="upload-busy", faults=("refuse@upload={n}",)),
    Kind(name="upload-busy-late", faults=("refuse@upload={n},body=after",)),
    Kind(name="upload-failed", faults=("refuse@upload={n},status=500",)),
    Kind(
        name="upload-refused",
        faults=("refuse@upload={n},status=400,body=after",),
        is_refusal=True,
    ),
    Kind(
        name="upload-hang",
        faults=("hang@upload={n},byte={byte},for=1500ms",),
        repeats=8,
        stays=16,
    ),
    Kind(
        name="upload-restart",
        faults=("restart@upload={n},byte={byte},for=1s",),
        repeats=8,
        stays=16,
    ),
)

KINDS: Final = (
    *_ONE_BY_ONE,
    Kind(name="network-away", faults=("away",), repeats=8, stays=16),
    Kind(name="network-freeze", faults=("freeze",), repeats=8, stays=16),
    Kind(
        name="several",
        faults=tuple(fault for kind in _ONE_BY_ONE for fault in kind.faults),
        several=4,
        repeats=16,
        stays=32,
        is_refusal=True,
    ),
)
"""All but `NETWORK_CUT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a disturbed deployment.

    Attributes:
        label: The kind, the seed and the place, to do it again.
        happened: What happened; empty when the place was not reached.
        runs: How many runs it took.
        errors: How each failed run ended.
        again: How many charms were received more than once.
        left: How many announced resources nobody uses.
        problems: In what it did not end as if nothing had happened.
    """

    label: str
    happened: str
    runs: int
    errors: tuple[str, ...]
    again: int
    left: int
    problems: tuple[str, ...]


async def disturb(directory: Path, kind: Kind, seed: int, course: Mapping[bool, Course]) -> Outcome:
    """Deploy the new bundle through one fault until a run succeeds, and compare.

    Even seeds deploy it afresh, odd ones over the old bundle.
    """
    with_old = bool(seed % 2)
    pick = random.Random(f"{kind.name} {seed}")  # noqa: S311 - to be repeated
    expected = course[with_old]
    async with shop(directory, with_old=with_old) as made:
        async with FaultProxy(made.controller.endpoint) as proxy:
            if kind.is_of_network:
                made.through(proxy)
            place = kind.begin(made, expected, pick, proxy)
            await made.deploy_until_done()
        fired = made.controller.faults.fired
        happened = place if kind.is_of_network else " ".join(fired)
        return Outcome(
            label=f"{kind.name} seed {seed} ({place}, {'upgrade' if with_old else 'fresh'})",
            happened=happened,
            runs=made.runs,
            errors=tuple(made.errors),
            again=made.charms().total() - len(made.charms()),
            left=len(made.model.pending),
            problems=tuple(made.problems(kind, expected)),
        )


@contextlib.contextmanager
def short_limits() -> Iterator[None]:
    """Let deployments wait for a silent controller for a moment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploying, "connect", functools.partial(connect, timeouts=QUICK))
        yield
