from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ckf_airgap.errors import ControllerError, ExitCode, MissingError, ModelNotFoundError
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.rehearsal.api.tls import make_certificates
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.integration.juju.world import QUICK, client_tasks
from tests.ports import free_port

Target = Callable[[str], JujuTarget]


async def refusal(target: JujuTarget, timeouts: JujuTimeouts = QUICK) -> str:
    """Return the error of a connection that fails, with what to do about it."""
    with pytest.raises(ControllerError) as caught:
        async with connect(target, timeouts=timeouts):
            pytest.fail("connected")
    assert not client_tasks()
    assert caught.value.exit_code is ExitCode.CONTROLLER
    assert caught.value.fix
    return str(caught.value)


def edit(store: Path, file: str, key: str, value: object) -> None:
    """Change one field of the only controller in a file of a client store."""
    path = store / file
    document = yaml.safe_load(path.read_text())
    document["controllers"]["rehearsal"][key] = value
    path.write_text(yaml.safe_dump(document))


@pytest.fixture
def store(controller: RehearsalController, tmp_path: Path) -> Path:
    """A copy of the client store, to spoil."""
    return Path(shutil.copytree(controller.juju_data, tmp_path / "store"))


async def test_a_session_knows_its_model(
    controller: RehearsalController, kubeflow: JujuTarget
) -> None:
    before = dict(os.environ)
    async with connect(kubeflow, timeouts=QUICK) as session:
        assert session.model_name == "kubeflow"
        assert session.uuid == controller.models["kubeflow"].uuid
        assert session.endpoint == controller.endpoint
        assert session.juju_version.startswith("3.6")
        assert session.model.is_connected()
        assert session.model.name == "kubeflow"
        assert session.model.applications == {}
        assert session.http.authorization not in repr(session.http)
        assert session.controller.password not in repr(session.controller)
    assert not session.model.is_connected()
    assert dict(os.environ) == before


async def test_nothing_is_left_when_the_block_ends(kubeflow: JujuTarget) -> None:
    with pytest.raises(LookupError):
        async with connect(kubeflow, timeouts=QUICK):
            raise LookupError
    assert not client_tasks()


async def test_a_model_of_another_owner_is_found(
    controller: RehearsalController, target: Target
) -> None:
    controller.state.create_model("shared", owner="bob", credential=controller.state.own_credential)
    async with connect(target("bob/shared"), timeouts=QUICK) as session:
        assert session.entry.qualified_name == "bob/shared"
    async with connect(target("shared"), timeouts=QUICK) as session:
        assert session.entry.qualified_name == "bob/shared"


async def test_a_proxy_in_the_environment_is_not_in_the_way(
    kubeflow: JujuTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with connect(kubeflow, timeouts=QUICK) as session:
        assert await session.api.call("ModelConfig", "ModelGet")


async def test_without_a_client_store(tmp_path: Path) -> None:
    text = await refusal(JujuTarget(model="m", juju_data=tmp_path))
    assert "there is no Juju client store in" in text
    assert "controllers.yaml is missing" in text
    assert "JUJU_DATA" in text


async def test_without_the_directory_of_a_client_store(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"there is no directory .*/none") as caught:
        async with connect(JujuTarget(model="m", juju_data=tmp_path / "none")):
            pass
    assert "JUJU_DATA" in caught.value.fix


async def test_the_store_is_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUJU_DATA", str(tmp_path / "from-environment"))
    assert "from-environment" in await refusal(JujuTarget(model="m"))


async def test_an_unknown_controller_names_those_there_are(store: Path) -> None:
    text = await refusal(JujuTarget(model="m", controller="rehersal", juju_data=store))
    assert "there is no controller 'rehersal'" in text
    assert "did you mean 'rehearsal'?" in text


async def test_no_current_controller(store: Path) -> None:
    document = yaml.safe_load((store / "controllers.yaml").read_text())
    del document["current-controller"]
    (store / "controllers.yaml").write_text(yaml.safe_dump(document))
    text = await refusal(JujuTarget(model="m", juju_data=store))
    assert "there is no current controller" in text
    assert "--controller (rehearsal)" in text


@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("controllers.yaml", "api-endpoints", [], "has no api-endpoints"),
        ("accounts.yaml", "user", None, "nobody is logged in"),
        ("accounts.yaml", "password", None, "no password of user admin is stored"),
        ("controllers.yaml", "api-endpoints", ["nonsense"], "is not host:port"),
        ("controllers.yaml", "ca-cert", "not PEM", "no TLS connection"),
    ],
)
async def test_a_store_that_lacks_something(
    store: Path, file: str, key: str, value: object, message: str
) -> None:
    edit(store, file, key, value)
    assert message in await refusal(JujuTarget(model="kubeflow", juju_data=store))


async def test_a_store_that_is_no_yaml(store: Path) -> None:
    (store / "controllers.yaml").write_text("{")
    with pytest.raises(ControllerError, match="cannot read Juju's client store"):
        async with connect(JujuTarget(model="kubeflow", juju_data=store)):
            pass


async def test_a_controller_that_cannot_be_reached_is_told_at_once(store: Path) -> None:
    port = free_port()
    edit(store, "controllers.yaml", "api-endpoints", [f"127.0.0.1:{port}", f"[::1]:{port}"])
    started = time.monotonic()
    text = await refusal(JujuTarget(model="kubeflow", juju_data=store))
    assert time.monotonic() - started < 2
    assert "controller rehearsal cannot be reached" in text
    assert f"127.0.0.1:{port}: " in text
    assert f"[::1]:{port}: " in text


async def test_the_first_address_that_answers_is_used(
    controller: RehearsalController, store: Path
) -> None:
    addresses = [f"127.0.0.1:{free_port()}", controller.endpoint]
    edit(store, "controllers.yaml", "api-endpoints", addresses)
    async with connect(JujuTarget(model="kubeflow", juju_data=store), timeouts=QUICK) as session:
        assert session.endpoint == controller.endpoint


async def test_an_address_that_never_answers(store: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    edit(store, "controllers.yaml", "api-endpoints", [f"127.0.0.1:{port}"])
    started = time.monotonic()
    text = await refusal(
        JujuTarget(model="kubeflow", juju_data=store), JujuTimeouts(connect_s=0.2, close_s=1)
    )
    assert time.monotonic() - started < 2
    assert "accepts connections, but login took longer" in text
    server.close()


async def test_something_else_listens_at_the_address(store: Path) -> None:
    async def shell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shell, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    edit(store, "controllers.yaml", "api-endpoints", [f"127.0.0.1:{port}"])
    text = await refusal(JujuTarget(model="kubeflow", juju_data=store))
    assert "17070" in text or "does not respond like a Juju controller" in text
    server.close()


async def test_a_certificate_of_another_ca_is_not_trusted(store: Path) -> None:
    edit(store, "controllers.yaml", "ca-cert", make_certificates(["127.0.0.1"]).ca)
    text = await refusal(JujuTarget(model="kubeflow", juju_data=store))
    assert "is not trusted: its certificate does not verify against the CA" in text


async def test_without_a_ca_the_public_ones_count(store: Path) -> None:
    edit(store, "controllers.yaml", "ca-cert", None)
    text = await refusal(JujuTarget(model="kubeflow", juju_data=store))
    assert "controllers.yaml has no ca-cert for it" in text
    assert "does not verify against the CAs of this system" in text


async def test_a_wrong_password(store: Path) -> None:
    edit(store, "accounts.yaml", "password", "wrong-horse")
    text = await refusal(JujuTarget(model="kubeflow", juju_data=store))
    assert "refused the login of user admin: invalid entity name or password" in text
    assert "accounts.yaml" in text
    assert "wrong-horse" not in text


async def test_the_password_is_not_logged(
    kubeflow: JujuTarget, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with connect(kubeflow, timeouts=QUICK) as session:
            password = session.controller.password
    assert "ModelInfo" in caplog.text
    assert password not in caplog.text


async def test_a_missing_model_names_the_models_there_are(target: Target) -> None:
    text = await refusal(target("kubflow"))
    assert "controller rehearsal has no model 'kubflow'" in text
    assert text.endswith("\nDid you mean 'kubeflow'? It has kubeflow, other.")
    with pytest.raises(ModelNotFoundError):
        async with connect(target("kubflow"), timeouts=QUICK):
            pass


async def test_a_missing_model_is_made_when_asked_for(
    controller: RehearsalController, target: Target
) -> None:
    for _ in range(2):  # the second time it is there
        async with connect(target("fresh"), create_model=True, timeouts=QUICK) as session:
            assert session.uuid == controller.models["fresh"].uuid
            assert session.model.name == "fresh"


async def test_a_model_name_that_juju_refuses(target: Target) -> None:
    with pytest.raises(ControllerError, match="refused to create the model 'Not_a_name'"):
        async with connect(target("Not_a_name"), create_model=True, timeouts=QUICK):
            pass


async def test_another_major_version_of_juju_is_refused(
    controller: RehearsalController, kubeflow: JujuTarget
) -> None:
    controller.state.agent_version = "4.0.1"
    assert "runs Juju 4.0.1, ckf-airgap needs Juju 3" in await refusal(kubeflow)


async def test_connecting_can_be_cancelled(kubeflow: JujuTarget) -> None:

    async def stay() -> None:
        async with connect(kubeflow, timeouts=QUICK):
            await asyncio.sleep(60)

    for delay in (0.0, 0.005, *(0.01 + 0.002 * step for step in range(20)), 0.2):
        task = asyncio.ensure_future(stay())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client_tasks(), delay
