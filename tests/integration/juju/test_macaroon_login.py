"""Logins with what ``juju login`` has left in the client store: a macaroon, and no password."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from macaroonbakery import bakery

from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget, read_controller
from ckf_airgap.juju.controller.upload import Uploader
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.model.bakery import LocalBakery
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.juju.world import QUICK
from tests.unit.juju.samples import MINIO


def macaroons(local: LocalBakery) -> str:
    """Return a login macaroon of admin and its discharge, as a cookie holds them."""
    error = local.login_macaroon("admin", identity_url="https://x/auth", version=3, why="")

    def discharge(caveat: Any, content: bytes) -> Any:
        shown = ("juju_userpass", local.new_token("admin"))
        return bakery.Macaroon.from_dict(
            local.discharge(caveat.caveat_id_bytes, content, token=shown, macaroons=[])
        )

    found = bakery.discharge_all(bakery.Macaroon.from_dict(error.current), discharge)
    documents = [bakery.macaroon_to_dict(each) for each in found]
    return base64.b64encode(json.dumps(documents).encode()).decode()


def log_in(controller: RehearsalController, local: LocalBakery, name: str = "rehearsal") -> Path:
    """Leave the client store as ``juju login`` does."""
    store = controller.juju_data
    accounts = yaml.safe_load((store / "accounts.yaml").read_text())
    del accounts["controllers"]["rehearsal"]["password"]
    (store / "accounts.yaml").write_text(yaml.safe_dump(accounts))
    cookie = {
        "Name": "macaroon-x",
        "Value": macaroons(local),
        "Domain": controller.state.uuid,
        "Path": "/",
        "Expires": "2999-01-01T00:00:00Z",
    }
    (store / "cookies" / f"{name}.json").write_text(json.dumps([cookie]))
    return store


async def test_a_recorded_login_connects_and_uploads(
    controller: RehearsalController, kubeflow: JujuTarget, tmp_path: Path
) -> None:
    log_in(controller, controller.state.bakery)
    charm = write_standin(MINIO, tmp_path, 1)
    async with (
        connect(kubeflow, timeouts=QUICK) as session,
        Uploader(session.http, session.timeouts, 2) as uploader,
    ):
        assert session.controller.password == ""
        assert session.model_name == "kubeflow"
        assert (await uploader.upload_charm(charm)).url == "local:minio-0"


async def test_a_login_that_is_not_accepted_says_how_to_log_in(
    controller: RehearsalController, kubeflow: JujuTarget
) -> None:
    log_in(controller, LocalBakery())
    started = time.monotonic()
    with pytest.raises(ControllerError, match="refused the login of user admin") as caught:
        async with connect(kubeflow, timeouts=QUICK):
            pass
    assert time.monotonic() - started < 2
    assert caught.value.fix == (
        "Log in again: juju logout -c rehearsal, then juju login -c rehearsal -u admin."
    )


async def test_without_password_and_login(
    controller: RehearsalController, kubeflow: JujuTarget
) -> None:
    log_in(controller, controller.state.bakery, name="another")
    with pytest.raises(ControllerError, match=r"no password of user admin .* no login") as caught:
        async with connect(kubeflow, timeouts=QUICK):
            pass
    assert "juju login -c rehearsal -u admin" in caught.value.fix


async def test_macaroons_are_not_shown(controller: RehearsalController) -> None:
    log_in(controller, controller.state.bakery)
    stored = read_controller(None, controller.juju_data)
    (secret,) = stored.macaroons.values()
    assert secret not in repr(stored)
