from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.bundle.bases import written
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.errors import BundleError, ControllerError, MissingError, RefusedError
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.applying.deploy import plan_for
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.status import read_live_model, read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import RegistryAuth
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.steps import AttachResources
from ckf_airgap.juju.watching.watch import wait_active_idle
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standin
from ckf_airgap.rendering.overlay import render
from tests.integration.juju.world import (
    BUNDLE,
    QUICK,
    REGISTRY,
    SCALES,
    client_tasks,
    deploy,
    parse,
)
from tests.unit.juju.samples import MINIO

QUIET = {"Client", "AllWatcher", "Pinger", "ModelConfig", "Application", "Resources", "Annotations"}
"""Facades that a deployment without anything to do may call."""

Charms = Mapping[str, Charm]


def requests(
    controller: RehearsalController, method: str, model: str = "kubeflow"
) -> list[Document]:
    """Return the parameters of each call of a method."""
    return [
        request.params
        for request in controller.models[model].requests
        if f"{request.facade}.{request.method}" == method
    ]


def deployed(controller: RehearsalController, model: str = "kubeflow") -> dict[str, Document]:
    """Return what was deployed, by application."""
    found = {}
    for params in requests(controller, "Application.Deploy", model):
        for item in params["applications"]:  # type: ignore[union-attr]
            assert isinstance(item, dict)
            found[str(item["application"])] = item
    return found


def sha256_of(charm: Charm) -> str:
    assert charm.path is not None
    return hashlib.sha256(charm.path.read_bytes()).hexdigest()


async def test_a_bundle_is_deployed_as_it_says(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    events: list[DeployEvent] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        report = await deploy(session, bundle, charms, on_event=events.append)
        found = await read_status(session.api, "kubeflow")
        live = await read_live_model(session.api, "kubeflow", bundle.applications)
    assert sorted(report.deployed) == sorted(SCALES)
    assert {name: app.scale for name, app in found.applications.items()} == SCALES
    assert {relation.key for relation in found.relations if len(relation.ends) == 2} == {
        "kfp-api:object-storage minio:object-storage",
        "kfp-api:relational-db kfp-db:database",
    }
    minio = live.applications["minio"]
    assert minio.trust
    assert not live.applications["kfp-db"].trust
    assert minio.options["port"] == 9001
    assert minio.options["mode"] == "line one\nnull\n"
    assert minio.constraints == {"arch": "amd64", "mem": 1536}
    annotations = controller.models["kubeflow"].annotations["application-minio"]
    assert annotations.pop("gui-x") == "10"
    record = DeploymentRecord.parse(annotations.pop(RECORD_KEY))
    assert annotations == {}
    assert record is not None
    assert record.charm_url == "local:minio-0"
    assert record.charm_sha256 == sha256_of(charms["minio"])
    assert record.images == {"oci-image": f"{REGISTRY}/minio:1"}
    assert minio.identity.record == record
    assert controller.findings["kubeflow"] == ()
    assert events[-1].done == events[-1].total == len(report.plan.steps)
    assert str(events[-1]).startswith("[13/13] ")
    assert any(str(event).partition("] ")[2].startswith("related ") for event in events)
    assert report.to_json()["uploads"] == 3


async def test_a_shared_charm_is_uploaded_once(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        report = await deploy(session, bundle, charms)
    assert report.uploads == 3
    uploads = [
        (upload.made, upload.sha256)
        for upload in controller.models["kubeflow"].uploads
        if upload.path.endswith("/charms")
    ]
    assert sorted(uploads) == sorted(
        (f"local:{charms[name].name}-0", sha256_of(charms[name]))
        for name in ("minio", "kfp-db", "kfp-api")
    )
    urls = {name: item["charm-url"] for name, item in deployed(controller).items()}
    assert urls["kfp-db"] == urls["katib-db"] == "local:mysql-k8s-0"


async def test_what_the_controller_is_told(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
    minio = deployed(controller)["minio"]
    assert minio["charm-origin"] == {
        "source": "local",
        "type": "",
        "id": "",
        "architecture": "amd64",
        "base": {"name": "ubuntu", "channel": "22.04/stable"},
    }
    assert yaml.safe_load(str(minio["config-yaml"])) == {
        "minio": {
            "port": "9001",
            "secret-key": "hunter2",
            "mode": "line one\nnull\n",
            "trust": "true",
        }
    }
    assert minio["num-units"] == 2
    assert deployed(controller)["kfp-db"]["storage"] == {"database": {"Size": 10240, "Count": 1}}
    (announced,) = [
        params
        for params in requests(controller, "Resources.AddPendingResources")
        if params["tag"] == "application-minio"
    ]
    assert announced["resources"][0]["path"] == f"{REGISTRY}/minio:1"  # type: ignore[index, call-overload]


def image_bodies(controller: RehearsalController, model: str = "kubeflow") -> list[str]:
    """Return what was uploaded as image resources."""
    directory = controller.state.files_of(controller.models[model])
    found = []
    for path in directory.rglob("*"):
        if path.is_file() and path.stat().st_size < 10_000:
            text = path.read_bytes()
            if text.startswith(b"registrypath:"):
                found.append(text.decode())
    return found


async def test_a_registry_with_a_login_is_told_to_the_cluster_and_to_nobody_else(
    controller: RehearsalController,
    kubeflow: JujuTarget,
    bundle: Bundle,
    charms: Charms,
    caplog: pytest.LogCaptureFixture,
) -> None:
    auth = RegistryAuth(username="puller", password="s3cr3t!", registry=Registry.parse(REGISTRY))
    assert "s3cr3t!" not in repr(auth)
    with caplog.at_level("DEBUG"):
        async with connect(kubeflow, timeouts=QUICK) as session:
            await deploy(session, bundle, charms, registry_auth=auth)
    assert "s3cr3t!" not in caplog.text
    bodies = image_bodies(controller)
    assert len(bodies) == 4
    assert {yaml.safe_load(body)["password"] for body in bodies} == {"s3cr3t!"}


async def test_a_login_is_not_sent_with_images_of_another_registry(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    auth = RegistryAuth(
        username="puller", password="s3cr3t!", registry=Registry.parse("reg.internal")
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms, registry_auth=auth)
    assert {yaml.safe_load(body)["password"] for body in image_bodies(controller)} == {""}


async def test_a_file_resource_is_uploaded(
    controller: RehearsalController, kubeflow: JujuTarget, charms: Charms, tmp_path: Path
) -> None:
    tuning = tmp_path / "tuning.cnf"
    tuning.write_bytes(b"[mysqld]\n" * 200_000)
    text = f"""
    applications:
      kfp-db:
        charm: ./mysql-k8s_r1.charm
        resources: {{mysql-image: {REGISTRY}/mysql:8, tuning: {tuning}}}
    """
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, parse(text), charms)
        tuning.unlink()
        later = parse(text.replace("kfp-db:", "katib-db:"))
        with pytest.raises(MissingError, match=r"cannot read .*tuning\.cnf"):
            await deploy(session, later, charms)
    assert set(deployed(controller)) == {"kfp-db"}


async def test_a_second_deployment_does_nothing(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        before = len(controller.models["kubeflow"].requests)
        again = await deploy(session, bundle, charms)
    assert again.plan.steps == ()
    assert again.plan.kept_relations == 2
    methods = {
        f"{request.facade}.{request.method}"
        for request in list(controller.models["kubeflow"].requests)[before:]
    }
    assert {name for name in methods if name.partition(".")[0] not in QUIET} == {
        "Bundle.ExportBundle"
    }
    assert {
        name for name in methods if name.startswith(("Application.", "Resources.", "Annotations."))
    } == {"Application.Get", "Resources.ListResources", "Annotations.Get"}


async def test_a_deployment_goes_on_where_it_was_interrupted(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        done = asyncio.Event()

        def first(event: DeployEvent) -> None:
            if event.kind is DeployEventKind.DEPLOYED:
                done.set()

        task = asyncio.ensure_future(deploy(session, bundle, charms, jobs=1, on_event=first))
        await done.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held = [name for name in client_tasks() if "deploy" in name or "upload" in name]
        assert held == []
        assert 1 <= len(deployed(controller)) < 4
        report = await deploy(session, bundle, charms)
        assert 1 <= len(report.deployed) < 4
        found = await read_status(session.api, "kubeflow")
    assert {name: app.scale for name, app in found.applications.items()} == SCALES
    assert client_tasks() == []


async def test_an_application_that_is_there_is_brought_in_line(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    changed = parse(
        BUNDLE.replace("port: 9001", "port: 9002")
        .replace("scale: 2", "scale: 3")
        .replace("mem=1.5G", "mem=2G cores=1")
        .replace("./kfp-api_r1.charm", "./kfp-api_r1.charm\n    trust: true")
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        report = await deploy(session, changed, charms)
        live = await read_live_model(session.api, "kubeflow", bundle.applications)
        again = await deploy(session, changed, charms)
    assert [step.describe() for step in report.plan.steps] == [
        "configure minio: port=9002",
        "constrain minio: mem=2048, cores=1, arch=amd64",
        "scale minio from 2 to 3",
        "note what minio was deployed from",
        "configure kfp-api: trust=true",
        "note what kfp-api was deployed from",
    ]
    minio = live.applications["minio"]
    assert minio.scale == 3
    assert minio.options["port"] == 9002
    assert minio.constraints == {"arch": "amd64", "mem": 2048, "cores": 1}
    assert live.applications["kfp-api"].trust
    assert again.plan.steps == ()


async def test_two_deployments_at_once_into_two_models(
    controller: RehearsalController,
    target: Callable[[str], JujuTarget],
    bundle: Bundle,
    charms: Charms,
) -> None:
    async def one(model: str) -> int:
        async with connect(target(model), timeouts=QUICK) as session:
            await deploy(session, bundle, charms)
            report = await wait_active_idle(
                session, expected_scale=SCALES, idle_period_s=0.3, timeout_s=30
            )
            return len(list(report.snapshot.units))

    assert [*await asyncio.gather(one("kubeflow"), one("other"))] == [5, 5]
    assert set(deployed(controller, "kubeflow")) == set(deployed(controller, "other"))


async def test_a_bundle_with_problems_changes_nothing(
    controller: RehearsalController, kubeflow: JujuTarget, charms: Charms
) -> None:
    wrong = parse(
        BUNDLE.replace("port: 9001", "port: many").replace("kfp-api, minio", "minio, kfp-db")
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(BundleError) as caught:
            await deploy(session, wrong, charms)
    assert len(caught.value.problems) == 2
    assert deployed(controller) == {}


async def test_refused_applications_are_told_together_and_the_others_are_deployed(
    controller: RehearsalController, kubeflow: JujuTarget, charms: Charms, tmp_path: Path
) -> None:
    picky = dataclasses.replace(MINIO, metadata={**MINIO.metadata, "assumes": ["juju >= 99.0"]})
    file = write_standin(picky, tmp_path / "picky", 1)
    broken = tmp_path / "broken.charm"
    broken.write_bytes(b"PK\x03\x04 but no zip")
    spoiled = {
        **charms,
        "minio": dataclasses.replace(read_charm(file), metadata=MINIO.metadata),
        "katib-db": dataclasses.replace(charms["katib-db"], path=broken),
    }
    events: list[DeployEvent] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(RefusedError) as caught:
            await deploy(session, parse(BUNDLE), spoiled, on_event=events.append)
        found = await read_status(session.api, "kubeflow")
    text = str(caught.value)
    assert "application minio: Charm cannot be deployed because:" in text
    assert "charm requires Juju version >= 99.0" in text
    assert "application katib-db: the controller refused charm broken.charm: cannot upload" in text
    assert "2 of 4 applications were deployed and 1 of 2 relations made" in text
    assert set(found.applications) == {"kfp-db", "kfp-api"}
    assert [event.subject for event in events if event.kind is DeployEventKind.SKIPPED] == [
        "katib-db",
        "katib-db",
        "minio",
        "kfp-api:object-storage minio:object-storage",
    ]
    assert events[-1].done == events[-1].total


async def test_a_charm_file_that_went_away(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    path = charms["minio"].path
    assert path is not None
    path.unlink()
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(RefusedError, match=r"cannot read .*minio_r1\.charm"):
            await deploy(session, bundle, charms)


async def test_a_controller_that_stops_in_the_middle(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    stopping: list[asyncio.Task[None]] = []

    def stop(event: DeployEvent) -> None:
        if event.kind is DeployEventKind.DEPLOYED and not stopping:
            stopping.append(asyncio.ensure_future(controller.stop()))

    with pytest.raises(ControllerError) as caught:
        async with connect(kubeflow, timeouts=QUICK) as session:
            await deploy(session, bundle, charms, jobs=1, on_event=stop)
    await asyncio.gather(*stopping)
    assert "of 4 applications were deployed" in str(caught.value)
    assert client_tasks() == []


async def test_charms_are_streamed(
    kubeflow: JujuTarget, charms: Charms, tmp_path: Path, controller: RehearsalController
) -> None:
    import tracemalloc

    big = write_standin(MINIO, tmp_path / "big", 2, padding_bytes=60_000_000)
    text = f"""
    applications:
      minio: {{charm: ./x.charm, scale: 1, resources: {{oci-image: {REGISTRY}/minio:1}}}}
    """
    async with connect(kubeflow, timeouts=QUICK) as session:
        tracemalloc.start()
        try:
            await deploy(session, parse(text), {"minio": read_charm(big)})
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 25_000_000  # of client and controller together
    assert set(deployed(controller)) == {"minio"}


async def test_the_connection_lives_while_charms_are_uploaded_and_cancelled(
    kubeflow: JujuTarget, tmp_path: Path
) -> None:
    big = write_standin(MINIO, tmp_path / "big", 2, padding_bytes=200_000_000)
    text = f"""
    applications:
      minio: {{charm: ./x.charm, scale: 1, resources: {{oci-image: {REGISTRY}/minio:1}}}}
    """
    async with connect(kubeflow, timeouts=QUICK) as session:
        task = asyncio.ensure_future(deploy(session, parse(text), {"minio": read_charm(big)}))
        await asyncio.sleep(0.02)
        for _ in range(3):
            await asyncio.wait_for(session.api.call("Pinger", "Ping"), 2)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [name for name in client_tasks() if "upload" in name or "deploy" in name]
        await session.api.call("Pinger", "Ping")


async def test_the_rendered_bundle_says_of_each_application_what_is_deployed(
    controller: RehearsalController, kubeflow: JujuTarget, tmp_path: Path
) -> None:
    """``juju deploy`` of the same file again compares it with the status, and finds no change."""
    several = dataclasses.replace(
        MINIO,
        bases=tuple(Base(name="ubuntu", channel=channel) for channel in ("20.04", "22.04/stable")),
    )
    file = read_charm(write_standin(several, tmp_path, 1))
    document = load_mapping(
        """
        applications:
          a: {charm: minio, channel: 1/stable, revision: 1, resources: {oci-image: x/minio:1}}
          b: {charm: minio, series: jammy, resources: {oci-image: x/minio:1}}
          c: {charm: minio, base: ubuntu@22.04, resources: {oci-image: x/minio:1}}
        """,
        where="published",
    )
    rendering = render(
        Bundle.from_document(document, where="published"),
        charms=CharmDirectory.of([file], path=tmp_path),
        images=None,
        registry=Registry(REGISTRY),
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, rendering.bundle, rendering.charms)
    status: Any = controller.models["kubeflow"].full_status()["applications"]
    found = {
        name: (f"{shown['base']['name']}@{shown['base']['channel']}", shown.get("charm-channel"))
        for name, shown in status.items()
    }
    assert found == {
        "a": ("ubuntu@20.04/stable", None),
        "b": ("ubuntu@22.04/stable", None),
        "c": ("ubuntu@22.04/stable", None),
    }
    overlaid = merge_documents(document, rendering.overlay)
    for bundle in (rendering.bundle, Bundle.from_document(overlaid, where="overlaid")):
        for name, application in bundle.applications.items():
            assert application.base is not None
            said = (written(application.base), application.channel or None)
            assert (said, application.revision) == (found[name], None)


async def test_the_login_of_one_image_is_sent_with_it_alone_and_recognised_again(
    controller: RehearsalController,
    kubeflow: JujuTarget,
    bundle: Bundle,
    charms: Charms,
    caplog: pytest.LogCaptureFixture,
) -> None:
    login = ImageLogin(fields={"username": "own", "password": "0wn-s3cr3t"})
    minio = dataclasses.replace(bundle.applications["minio"], logins={"oci-image": login})
    given = dataclasses.replace(bundle, applications={**bundle.applications, "minio": minio})
    auth = RegistryAuth(username="puller", password="s3cr3t!", registry=Registry.parse(REGISTRY))
    with caplog.at_level("DEBUG"):
        async with connect(kubeflow, timeouts=QUICK) as session:
            await deploy(session, given, charms, registry_auth=auth)
            again = await plan_for(session, given, charms, registry_auth=auth)
            other = await plan_for(session, bundle, charms, registry_auth=auth)
    assert again.steps == ()
    (attach,) = other.steps
    assert isinstance(attach, AttachResources)
    assert [(item.kind, item.name) for item in attach.differences] == [("pull-login", "oci-image")]
    assert "0wn-s3cr3t" not in caplog.text
    passwords = sorted(yaml.safe_load(body)["password"] for body in image_bodies(controller))
    assert passwords == ["0wn-s3cr3t", "s3cr3t!", "s3cr3t!", "s3cr3t!"]
