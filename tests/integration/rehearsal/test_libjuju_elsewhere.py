"""Actions, secrets, offers and exported bundles with python-libjuju, unchanged."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from juju.controller import Controller
from juju.errors import JujuError
from juju.model import Model

from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.actionresults import ActionResult
from tests.charms import write_charm


@pytest.fixture
async def models(controller: ControllerThread) -> AsyncIterator[tuple[Model, Model]]:
    """The models kubeflow and other, connected."""
    kubeflow, other = Model(), Model()
    await kubeflow.connect()
    await other.connect(model_name="other")
    yield kubeflow, other
    await kubeflow.disconnect()
    await other.disconnect()


async def test_scripted_actions_run_and_others_are_refused(
    controller: ControllerThread, models: tuple[Model, Model], tmp_path: Path
) -> None:
    model, _ = models
    actions = "backup: {params: {level: {type: integer}}}\n"
    charm = write_charm(tmp_path, "db", members={"actions.yaml": actions})
    script = controller.controller.script
    script.actions.set_result("backup", ActionResult(results={"size": "1G"}), charm="db")
    script.actions.set_exec(ActionResult.of_command(stdout="hello"), charm="db")
    db = await model.deploy(str(charm), application_name="db")
    await model.wait_for_idle(status="active", idle_period=0.1, timeout=30)
    assert set(await db.get_actions()) == {"backup"}
    action = await (await db.units[0].run_action("backup", level=1)).wait()
    assert action.status == "completed"
    assert action.results == {"return-code": 0, "size": "1G"}
    ran = await db.units[0].run("hostname", block=True)
    assert ran.results["stdout"] == "hello"
    slow = ActionResult.of_command(after_s=math.inf)
    script.actions.set_exec(slow, charm="db")
    killed = await db.units[0].run("sleep 3", timeout=2, block=True)
    assert killed.status == "failed"
    script.actions.clear()
    with pytest.raises(JujuError, match="runs no charm code"):
        await db.units[0].run_action("backup")


async def test_secrets_are_made_granted_and_removed(
    models: tuple[Model, Model], tmp_path: Path
) -> None:
    model, _ = models
    await model.deploy(str(write_charm(tmp_path, "db")), application_name="db")
    uri = await model.add_secret(name="token", data_args=["password=hunter2"], info="About")
    assert uri.startswith("secret:")
    await model.update_secret(name="token", data_args=["password=other"], new_name="renamed")
    await model.grant_secret("renamed", "db")
    (secret,) = await model.list_secrets(show_secrets=True)
    assert (secret.label, secret.latest_revision) == ("renamed", 2)
    assert secret.value.data["password"] == "b3RoZXI="
    await model.revoke_secret("renamed", "db")
    await model.remove_secret("renamed")
    assert await model.list_secrets() == []


async def test_models_are_related_through_an_offer(
    controller: ControllerThread, models: tuple[Model, Model], tmp_path: Path
) -> None:
    offering, consuming = models
    db = write_charm(tmp_path, "db", provides={"db": "mysql"})
    web = write_charm(tmp_path, "web", requires={"db": "mysql"})
    await offering.deploy(str(db), application_name="db")
    await consuming.deploy(str(web), application_name="web")
    await offering.create_offer("db:db")
    await offering.block_until(lambda: "db" in offering.application_offers, timeout=5)
    listed = await offering.list_offers()
    assert [offer.offer_url for offer in listed.results] == ["admin/kubeflow.db"]
    await consuming.integrate("web", "admin/kubeflow.db")
    await consuming.block_until(lambda: "db" in consuming.remote_applications, timeout=20)
    await asyncio.wait_for(_connected(offering, "db"), timeout=20)
    exported = tmp_path / "bundle.yaml"
    await consuming.export_bundle(str(exported))
    assert yaml.safe_load(exported.read_text())["saas"] == {
        "db": {"url": "rehearsal:admin/kubeflow.db"}
    }
    await consuming.remove_saas("db")
    admin = Controller()
    await admin.connect()
    await admin.remove_offer(offering.uuid, "admin/kubeflow.db", force=True)
    await admin.disconnect()
    state = controller.controller.models["kubeflow"]
    assert controller.call(lambda: list(state.offers)) == []


async def _connected(model: Model, offer: str) -> None:
    """Return once units of another model are connected to an offer."""
    while True:
        status: Any = (await model.get_status()).offers[offer]
        if status.active_connected_count:
            return
        await asyncio.sleep(0.05)
