"""Which resources units have, and where images come from that cannot be pulled."""

from __future__ import annotations

import asyncio

import pytest

from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import CallRefusedError
from ckf_airgap.juju.watching.obstacles import HeldResource, Obstacle
from ckf_airgap.juju.watching.places import find_places, options_with
from ckf_airgap.juju.watching.resources import ResourceState, read_resources, resource_state


def resource(name: str, fingerprint: str, timestamp: str = "t", kind: str = "file") -> Document:
    return {"name": name, "fingerprint": fingerprint, "timestamp": timestamp, "type": kind}


def listed(own: list[Document], **units: list[Document]) -> Document:
    return {
        "resources": [*own],
        "unit-resources": [
            {"tag": f"unit-kfp-api-{unit[1:]}", "resources": [*held], "download-progress": None}
            for unit, held in units.items()
        ],
    }


def test_a_unit_with_another_resource_is_told_with_the_time_of_the_change() -> None:
    found = resource_state(
        {
            "kfp-api": listed(
                [resource("conf", "n", "t2"), resource("oci-image", "i", "t1", "oci-image")],
                u0=[resource("conf", "o", "t0")],
                u1=[resource("conf", "n", "t0")],
                u2=[],
                u10=[resource("gone", "o")],
            ),
            "minio": {},
        }
    )
    assert found.held == {"kfp-api/0": HeldResource(name="conf", changed_at="t2")}
    assert found.changed_at == {"kfp-api": ("t2", "t1"), "minio": ()}
    assert found.images == {"kfp-api": ("oci-image",), "minio": ()}


def test_odd_answers_are_no_resources() -> None:
    odd: Document = {"resources": [1, {"name": 2}], "unit-resources": [None, {"resources": "x"}]}
    assert resource_state({"a": odd}).held == {}
    assert resource_state({"a": {"resources": None, "unit-resources": {}}}).held == {}


class FakeApi:
    """Answers with what the test says for each application, and for its options."""

    def __init__(self, **results: Document | CallRefusedError) -> None:
        self.results = results
        self.options: Document = {}
        self.error: Exception | None = None
        self.delay_s = 0.0
        self.calls: list[str] = []

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        assert (facade, method) == ("Application", "Get")
        await asyncio.sleep(self.delay_s)
        assert params is not None
        assert params["branch"] == ""
        self.calls.append(f"Get {params['application']}")
        if self.error is not None:
            raise self.error
        return {"config": self.options}

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        assert (facade, method) == ("Resources", "ListResources")
        assert params is not None
        entities = params["entities"]
        assert isinstance(entities, list)
        names = [str(tag["tag"]) for tag in entities if isinstance(tag, dict)]
        self.calls.append(" ".join(names))
        if self.error is not None:
            raise self.error
        return [self.results[name.removeprefix("application-")] for name in names]


async def test_resources_are_asked_for_in_one_call_and_what_is_gone_is_left_out() -> None:
    api = FakeApi(
        a=listed([resource("x", "f", "t1")]),
        gone=CallRefusedError("no such application"),
        b=listed([resource("y", "f", "t2")]),
    )
    found = await read_resources(api, ["a", "gone", "b"])
    assert found.changed_at == {"a": ("t1",), "b": ("t2",)}
    assert api.calls == ["application-a application-gone application-b"]
    assert await read_resources(api, []) == ResourceState()
    assert len(api.calls) == 1


async def test_a_refusal_is_no_knowledge_and_a_controller_that_is_away_an_error() -> None:
    api = FakeApi()
    api.error = CallRefusedError("permission denied")
    assert await read_resources(api, ["a"]) == ResourceState()
    api.error = ControllerError("away")
    with pytest.raises(ControllerError):
        await read_resources(api, ["a"])


def pull(image: str) -> Obstacle:
    return Obstacle(application="a", unit="a/0", what=f"error: {image}", is_pull=True, image=image)


IMAGES = listed(
    [resource("one", "f", kind="oci-image"), resource("conf", "f"), resource("two", "f", kind="x")]
)


async def test_where_an_image_comes_from_is_known_or_found_in_the_model() -> None:
    api = FakeApi(a=IMAGES)
    other = Obstacle(application="b", unit="b/0", what="waiting")
    known = {"r/x:1": "option one of a"}
    assert await find_places(api, [pull("r/x:1"), other], known) == {
        pull("r/x:1"): "option one of a"
    }
    assert api.calls == []
    assert await find_places(api, [pull("r/y:1")], known) == {pull("r/y:1"): "resource one"}
    assert api.calls == ["Get a", "application-a"]
    api.options = {"p": {"value": "r/y:1"}, "q": {"value": ["r/y:1"]}, "r": {"value": "r/z"}}
    assert await find_places(api, [pull("r/y:1")], known) == {
        pull("r/y:1"): "one of the options p, q"
    }
    assert await find_places(api, [pull("")], known) == {pull(""): "resource one"}
    api.results["a"] = {}
    assert await find_places(api, [pull("")], known) == {}


@pytest.mark.parametrize("error", [ControllerError("away"), CallRefusedError("no")])
async def test_without_an_answer_the_place_is_left_out(error: Exception) -> None:
    api = FakeApi(a=IMAGES)
    api.error = error
    assert await find_places(api, [pull("r/x:1")], {}) == {}
    api.error, api.delay_s = None, 60.0
    assert await find_places(api, [pull("r/x:1")], {}, ask_s=0.01) == {}


def test_options_are_searched_for_the_image_alone() -> None:
    config: Document = {"config": {"a": {"value": "x r/i:1 y"}, "b": {"default": "r/i:1"}}}
    assert options_with(config, "r/i:1") == ["a"]
    assert options_with(config, "") == []
    assert options_with(config, "None") == []
