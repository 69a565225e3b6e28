"""Steps and plans, made by hand."""

from __future__ import annotations

from pathlib import Path

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.charms.charm import Base
from ckf_airgap.juju.planning.identity import DeploymentRecord
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    ResourceUpload,
    Step,
    UploadCharm,
    WriteRecord,
)

BASE = Base(name="ubuntu", channel="22.04")


def upload(*applications: str, path: Path | str = "/charms/x.charm", size: int = 1) -> UploadCharm:
    return UploadCharm(
        charm=Path(path).stem,
        revision=1,
        path=Path(path),
        size_bytes=size,
        applications=applications,
    )


def deploy(
    application: str, *, path: Path | str = "/charms/x.charm", **fields: object
) -> DeployApplication:
    given: dict[str, object] = {
        "application": application,
        "charm": Path(path).stem,
        "charm_path": Path(path),
        "base": BASE,
        "architecture": "amd64",
        "scale": 1,
        "trust": False,
    }
    return DeployApplication(**{**given, **fields})  # type: ignore[arg-type]


def refresh(
    application: str, *, path: Path | str = "/charms/x.charm", **fields: object
) -> RefreshApplication:
    given: dict[str, object] = {
        "application": application,
        "charm": Path(path).stem,
        "charm_path": Path(path),
        "base": BASE,
        "architecture": "amd64",
    }
    return RefreshApplication(**{**given, **fields})  # type: ignore[arg-type]


def replace(application: str) -> tuple[RemoveApplication, DeployApplication]:
    return RemoveApplication(application=application, deploys_again=True), deploy(application)


def record(application: str, *, url: str = "", sha256: str = "") -> WriteRecord:
    return WriteRecord(
        application=application, record=DeploymentRecord(charm_url=url, charm_sha256=sha256)
    )


def image(name: str = "oci-image", value: str = "r/x:1") -> ResourceUpload:
    return ResourceUpload(name=name, type="oci-image", value=value, path=value)


def relate(requirer: str, provider: str) -> AddRelation:
    return AddRelation(requirer=EndpointRef.parse(requirer), provider=EndpointRef.parse(provider))


def unrelate(requirer: str, provider: str) -> RemoveRelation:
    return RemoveRelation(
        requirer=EndpointRef.parse(requirer), provider=EndpointRef.parse(provider)
    )


def plan(*steps: Step, providers: tuple[tuple[str, str], ...] = ()) -> Plan:
    return Plan(model="m", steps=steps, providers=providers)
