"""What a plan needs of a model is read in few round trips, and what is refused is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ckf_airgap.documents import Document
from ckf_airgap.juju.controller.api import NOT_FOUND, CallRefusedError
from ckf_airgap.juju.controller.status import read_live_model, with_charms

STATUS: Document = {
    "applications": {
        "db": {"charm": "local:db-0", "int": 1},
        "db-two": {"charm": "local:db-0", "int": 2},
        "api": {"charm": "local:api-3", "int": 1},
    },
    "relations": [{"key": "api:sql db:sql", "interface": "sql", "status": {"life": "dying"}}],
}
EXPORT = """\
bundle: kubernetes
applications:
  db: {storage: {data: 'kubernetes,1,1024M'}}
  api: {charm: local:api-3}
--- # overlay.yaml
applications: {db: {exposed-endpoints: {}}}
"""


class ScriptedApi:
    """Answers as it is told, and counts how many round trips a reader waits for.

    An answer comes when no other call is made any more, so that calls that are made at once are
    answered at once.
    """

    def __init__(self, answers: dict[str, Callable[[Document], Document]]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Document]] = []
        self.trips = 0
        self._waiting = 0

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        self.calls.append((f"{facade}.{method}", params or {}))
        self._waiting += 1
        if self._waiting == 1:
            self.trips += 1
        await asyncio.sleep(0.02)
        self._waiting -= 1
        return self.answers[f"{facade}.{method}"](params or {})

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        reply = await self.call(facade, method, params)
        results = reply["results"]
        assert isinstance(results, list)
        return [item if isinstance(item, dict) else CallRefusedError(str(item)) for item in results]

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)


def listed(params: Document) -> list[str]:
    entities = params["entities"]
    assert isinstance(entities, list)
    return [
        str(item["tag"]).removeprefix("application-") for item in entities if isinstance(item, dict)
    ]


def refused(_: Document) -> Document:
    raise CallRefusedError("not found", code=NOT_FOUND)


def answers(**changes: Callable[[Document], Document]) -> dict[str, Callable[[Document], Document]]:
    return {
        "Client.FullStatus": lambda _: STATUS,
        "Application.Get": lambda params: {"config": {"o": {"value": params["application"]}}},
        "Resources.ListResources": lambda params: {
            "results": [{"resources": [{"name": name}]} for name in listed(params)]
        },
        "Annotations.Get": lambda params: {
            "results": [{"annotations": {"a": name}} for name in listed(params)]
        },
        "Bundle.ExportBundle": lambda _: {"result": EXPORT},
        "Charms.CharmInfo": lambda params: {"meta": {"provides": {str(params["url"])[-1]: {}}}},
        "Storage.ListStorageDetails": lambda _: {
            "results": [
                {
                    "result": [
                        {"storage-tag": "storage-data-1", "owner-tag": "unit-db-0"},
                        {"storage-tag": "storage-data-0", "owner-tag": "unit-db-0"},
                        {"storage-tag": "storage-big-data-2", "owner-tag": "unit-db-two-11"},
                        {"storage-tag": "storage-shared-3", "owner-tag": "application-api"},
                        {"storage-tag": "storage-lost-4", "owner-tag": ""},
                    ]
                }
            ]
        },
        **{name.replace("__", "."): answer for name, answer in changes.items()},
    }


async def test_a_model_is_read_in_two_round_trips() -> None:
    api = ScriptedApi(answers())
    live = await read_live_model(api, "m", ["db", "gone", "api"], uuid="u-1")
    assert api.trips == 2
    assert (live.name, live.uuid) == ("m", "u-1")
    assert {*live.applications} == {"db", "db-two", "api"}
    db = live.applications["db"]
    assert (db.options, db.annotations) == ({"o": "db"}, {"a": "db"})
    assert db.identity.fingerprints == {"db": ""}
    assert db.storage == {"data": "kubernetes,1,1024M"}
    assert live.applications["api"].storage == {}
    assert live.applications["db-two"].options == {}
    assert [(str(item), item.interface, item.is_going) for item in live.relations] == [
        ("api:sql db:sql", "sql", True)
    ]


async def test_a_model_without_applications_of_the_bundle_takes_one() -> None:
    api = ScriptedApi(answers())
    live = await read_live_model(api, "m", ["gone"], uuid="u")
    assert (api.trips, len(api.calls)) == (1, 1)
    assert (live.uuid, len(live.applications)) == ("u", 3)


async def test_an_application_that_was_removed_meanwhile_leaves_what_is_known_of_the_others() -> (
    None
):
    api = ScriptedApi(
        answers(
            Application__Get=lambda params: (
                refused(params) if params["application"] == "api" else {"config": {}}
            ),
            Resources__ListResources=lambda _: {"results": ["gone", {"resources": []}]},
        )
    )
    live = await read_live_model(api, "m", ["api", "db"])
    assert live.applications["db"].identity.fingerprints == {}
    assert live.applications["api"].identity.fingerprints is None
    assert live.applications["api"].identity.option_types is None
    assert live.applications["db"].identity.option_types == {}
    assert live.applications["db"].annotations == {"a": "db"}


@pytest.mark.parametrize("method", ["Resources__ListResources", "Annotations__Get"])
async def test_nothing_is_planned_from_what_the_controller_refuses_to_tell(method: str) -> None:
    """Without records, everything would be deployed once more."""
    with pytest.raises(CallRefusedError):
        await read_live_model(ScriptedApi(answers(**{method: refused})), "m", ["db"])


async def test_a_model_that_cannot_be_exported_is_read_without() -> None:
    replies: list[Callable[[Document], Document]] = [
        refused,
        lambda _: {},
        lambda _: {"result": "a: [1"},
        lambda _: {"result": "7"},
    ]
    for export in replies:
        live = await read_live_model(ScriptedApi(answers(Bundle__ExportBundle=export)), "m", ["db"])
        assert live.applications["db"].storage is None


async def test_charms_and_storage_are_read_in_one_round_trip() -> None:
    api = ScriptedApi(answers())
    live = await read_live_model(api, "m", ["db"])
    api.trips = 0
    known = await with_charms(api, live, ["db", "db-two", "gone"])
    assert api.trips == 1
    assert api.count("Charms.CharmInfo") == 1  # one charm of both
    assert ("Storage.ListStorageDetails", {"filters": [{}]}) in api.calls
    assert ("Charms.CharmInfo", {"url": "local:db-0"}) in api.calls
    one, two, api_ = (known.applications[name] for name in ("db", "db-two", "api"))
    assert one.shape is not None
    assert set(one.shape.endpoints) == {"0"}
    assert two.shape == one.shape
    assert one.storage_ids == ("data/0", "data/1")
    assert two.storage_ids == ("big-data/2",)
    assert (api_.shape, api_.storage_ids) == (None, ())
    assert (await with_charms(api, live, ["api"])).applications["api"].storage_ids == ("shared/3",)


async def test_no_question_is_asked_where_nothing_changes() -> None:
    api = ScriptedApi(answers())
    live = await read_live_model(api, "m", [])
    api.calls.clear()
    assert await with_charms(api, live, ["gone"]) is live
    assert api.calls == []


async def test_what_the_controller_does_not_tell_of_charms_and_storage_is_left_out() -> None:
    api = ScriptedApi(answers(Charms__CharmInfo=refused, Storage__ListStorageDetails=refused))
    live = await read_live_model(api, "m", ["db"])
    known = await with_charms(api, live, ["db"])
    assert (known.applications["db"].shape, known.applications["db"].storage_ids) == (None, ())
