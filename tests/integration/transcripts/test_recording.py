"""A transcript is what a client asked, and can be asked again of another controller."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.transcripts.recording import Transcript, record
from tests.transcripts.replay import replay
from tests.transcripts.scenes import Scene, Step

ROOT = Path(__file__).parents[3]

CLIENT = '''\
#!{python}
"""A client that makes a model, uploads a charm to it, and asks for one that is not there."""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, {root!r})

import aiohttp

from tests.integration.rehearsal.wire import Client, Store


async def main(name):
    async with aiohttp.ClientSession() as session:
        client = Client(Store.read(Path(os.environ["JUJU_DATA"])), session)
        controller = await client.controller()
        params = {{"name": name, "owner-tag": "user-admin"}}
        made = await controller.ask("ModelManager", "CreateModel", params, version=10)
        wire = await client.dial("/model/" + made["uuid"] + "/api")
        await wire.login(client.store.user, client.store.password)
        status, _, _ = await client.http(
            "POST",
            "/model/" + made["uuid"] + "/charms?name=web",
            headers={{"Content-Type": "application/zip"}},
            data=Path("web.charm").read_bytes(),
        )
        print(made["uuid"], status)
        answer = await wire.call("Charms", "CharmInfo", {{"url": "local:web-7"}}, version=7)
        print("ERROR", answer["error"])
        await client.close()


asyncio.run(main(sys.argv[1]))
sys.exit(1)
'''


@pytest.fixture
def transcript(tmp_path: Path) -> tuple[Transcript, list[str]]:
    """What is recorded of the client above, run for two models."""
    client = tmp_path / "client"
    client.write_text(CLIENT.format(python=sys.executable, root=str(ROOT)))
    client.chmod(0o755)
    says = 'charm "local:web-7" not found'
    steps = [
        Step(command="one", outcome="refused", says=says),
        Step(command="two", outcome="works", says="nothing of the kind"),
    ]
    return record(str(client), Scene(name="two", steps=tuple(steps)), tmp_path)


def test_identifiers_have_names_and_come_from_where_they_were_told(
    transcript: tuple[Transcript, list[str]], tmp_path: Path
) -> None:
    recorded, faults = transcript
    first: list[Any] = recorded.steps[0]["events"]
    assert recorded.steps[0]["output"] == ["UUID 200", 'ERROR charm "local:web-7" not found']
    assert first[1]["keep"] == {"uuid-1": "/uuid"}
    assert [event.get("dial") for event in first if "dial" in event] == [
        "/api",
        "/model/{uuid-1}/api",
    ]
    (upload,) = (event for event in first if "http" in event)
    assert (upload["path"], upload["file"]) == ("/model/{uuid-1}/charms?name=web", "web.charm")
    assert first[-1]["refused"] == 'charm "local:web-7" not found [not found]'
    assert "password" not in json.dumps(recorded.steps).replace('"with": "password"', "")
    (fault,) = faults
    assert fault.startswith("juju two: exit code 1; does not say 'nothing of the kind'")

    path = tmp_path / "two.json"
    recorded.write(path)
    assert replay(path, tmp_path / "again") == []


def test_what_is_answered_differently_is_told(
    transcript: tuple[Transcript, list[str]], tmp_path: Path
) -> None:
    recorded, _ = transcript
    for event in recorded.steps[1]["events"]:
        if "refused" in event:
            event["refused"] = "another refusal"
        if "http" in event:
            event["status"] = 404
    path = tmp_path / "two.json"
    recorded.write(path)
    assert replay(path, tmp_path / "again") == [
        "juju two: POST /model/{uuid-2}/charms?name=web: recorded 404, found 200",
        (
            "juju two: Charms(7).CharmInfo: recorded 'another refusal', "
            "found 'charm \"local:web-7\" not found [not found]'"
        ),
    ]
