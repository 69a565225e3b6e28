from __future__ import annotations

import dataclasses
import hashlib
import ssl
from pathlib import Path

import pytest

from ckf_airgap.errors import ControllerError, MissingError, RefusedError
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.controller.upload import Uploader
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.rehearsal.api.tls import make_certificates
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.standin import write_standin
from tests.faultproxy import FaultProxy
from tests.integration.juju.world import QUICK
from tests.unit.juju.samples import MINIO

IMAGE = ResourceUpload(name="oci-image", type="oci-image", value="reg/x:1", path="reg/x:1")


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    return write_standin(MINIO, tmp_path, 1, padding_bytes=3_000_000)


async def test_progress_adds_up_to_the_size(kubeflow: JujuTarget, charm: Path) -> None:
    sent: list[int] = []
    async with (
        connect(kubeflow, timeouts=QUICK) as session,
        Uploader(session.http, session.timeouts, 2) as uploader,
    ):
        made = await uploader.upload_charm(charm, sent.append)
        assert made.url == "local:minio-0"
        assert made.sha256 == hashlib.sha256(charm.read_bytes()).hexdigest()
        assert (await uploader.upload_charm(charm)).url == "local:minio-1"
    assert sum(sent) > 3_000_000
    assert len(sent) > 1


async def test_a_refused_login_is_no_refused_charm(kubeflow: JujuTarget, charm: Path) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        http = dataclasses.replace(session.http, authorization="Basic bm9ib2R5OngK")
        async with Uploader(http, session.timeouts, 2) as uploader:
            with pytest.raises(ControllerError, match=r"refused the upload of charm minio_r1"):
                await uploader.upload_charm(charm)


async def test_a_resource_that_was_not_announced(kubeflow: JujuTarget) -> None:
    async with (
        connect(kubeflow, timeouts=QUICK) as session,
        Uploader(session.http, session.timeouts, 2) as uploader,
    ):
        with pytest.raises(RefusedError) as caught:
            await uploader.upload_resource("minio", IMAGE, "no-such-id")
    assert "resource oci-image of application minio: pending resource" in str(caught.value)


async def test_a_file_that_is_not_there(kubeflow: JujuTarget, tmp_path: Path) -> None:
    missing = dataclasses.replace(IMAGE, type="file", value=str(tmp_path / "none"))
    async with (
        connect(kubeflow, timeouts=QUICK) as session,
        Uploader(session.http, session.timeouts, 2) as uploader,
    ):
        with pytest.raises(MissingError, match=r"cannot read .*none"):
            await uploader.upload_charm(tmp_path / "none")
        with pytest.raises(MissingError, match=r"cannot read .*none"):
            await uploader.upload_resource("minio", missing, "id")


async def test_the_certificate_is_verified(kubeflow: JujuTarget, charm: Path) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        other = ssl.create_default_context(cadata=make_certificates(["127.0.0.1"]).ca)
        other.check_hostname = False
        http = dataclasses.replace(session.http, ssl_context=other)
        async with Uploader(http, session.timeouts, 2) as uploader:
            with pytest.raises(ControllerError, match=r"broke off.*certificate"):
                await uploader.upload_charm(charm)


async def test_an_upload_that_is_cut_off_is_sent_again(
    controller: RehearsalController, charm: Path, tmp_path: Path
) -> None:
    async with FaultProxy(controller.endpoint) as proxy:
        store = proxy.client_store(controller.juju_data, tmp_path)
        target = JujuTarget(model="kubeflow", juju_data=store)
        async with connect(target, timeouts=QUICK) as session, session.uploader(2) as uploader:
            proxy.cut_after(1_500_000)
            await uploader.upload_charm(charm)
            proxy.cut_after(1_500_000, then=lambda: proxy.away_for(0.5))
            await uploader.upload_charm(charm)
    made = [upload.made for upload in controller.models["kubeflow"].uploads]
    assert [url for url in made if url] == ["local:minio-0", "local:minio-1"]
