"""The models of a controller: which one a name means, how one is made, which can be used."""

from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, ModelNotFoundError
from ckf_airgap.juju.controller.api import CallRefusedError
from ckf_airgap.juju.controller.models import (
    ModelEntry,
    ask_model_info,
    find_model,
    list_models,
    usable_model_info,
)

KUBEFLOW = ModelEntry(name="kubeflow", owner="admin", uuid="u1")


def listed(*names: str) -> list[Document]:
    found: list[Document] = []
    for number, name in enumerate(names, 1):
        owner, _, bare = name.rpartition("/")
        found.append(
            {
                "model": {
                    "name": bare,
                    "owner-tag": f"user-{owner or 'admin'}",
                    "uuid": f"u{number}",
                }
            },
        )
    return found


class FakeApi:
    """A controller with models and clouds, which notes what is made."""

    def __init__(self, *models: str) -> None:
        self.models: list[Any] = listed(*models)
        self.clouds: Document = {"cloud-k8s": {"type": "kubernetes"}}
        self.own_cloud: Any = {"cloud-tag": "cloud-k8s"}
        self.made: list[Document] = []
        self.refusal: CallRefusedError | None = None
        self.then: list[Any] | None = None

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        if method == "ListModels":
            assert params == {"tag": "user-admin"}
            return {"user-models": self.models}
        if method == "Clouds":
            return {"clouds": self.clouds}
        if method == "ModelInfo":
            return {"results": [{"result": self.own_cloud}]}
        assert (facade, method) == ("ModelManager", "CreateModel")
        assert params is not None
        self.made.append(params)
        if self.then is not None:
            self.models = self.then
        if self.refusal is not None:
            raise self.refusal
        return {"name": params["name"], "owner-tag": params["owner-tag"], "uuid": "new"}

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        assert (facade, method) == ("ModelManager", "ModelInfo")
        assert params == {"entities": [{"tag": "model-u1"}]}
        if self.refusal is not None:
            raise self.refusal
        return [*self.models]


async def find(
    api: FakeApi, name: str, *, create: bool = False, key: str | None = None
) -> ModelEntry:
    return await find_model(api, name, controller="c", user="admin", create=create, ssh_key=key)


async def test_what_is_listed_and_no_model_is_left_out() -> None:
    api = FakeApi("kubeflow")
    api.models = [7, {}, {"model": 7}, *api.models]
    assert await list_models(api, "admin") == [KUBEFLOW]
    api.models = []
    assert await list_models(api, "admin") == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("kubeflow", "admin/kubeflow"),
        ("bob/kubeflow", "bob/kubeflow"),
        ("only", "bob/only"),
        ("admin/kubeflow", "admin/kubeflow"),
    ],
)
async def test_a_bare_name_prefers_the_users_own(name: str, found: str) -> None:
    api = FakeApi("bob/kubeflow", "kubeflow", "bob/only", "eve/twice", "bob/twice")
    assert (await find(api, name)).qualified_name == found


@pytest.mark.parametrize(
    ("models", "name", "fix"),
    [
        (("kubeflow", "controller"), "kubflow", "Did you mean 'kubeflow'? It has kubeflow."),
        (("controller",), "x", "It has no model yet."),
        (("bob/twice", "eve/twice"), "twice", "It has bob/twice, eve/twice."),
        (("b", "a"), "zzzz", "It has a, b."),
    ],
)
async def test_a_model_that_there_is_not(models: tuple[str, ...], name: str, fix: str) -> None:
    api = FakeApi(*models)
    with pytest.raises(ModelNotFoundError) as caught:
        await find(api, name)
    assert caught.value.message == f"controller c has no model {name!r}"
    assert caught.value.fix.endswith(fix)
    assert api.made == []


async def test_a_model_is_made_for_its_owner_on_the_controllers_own_cloud() -> None:
    api = FakeApi("controller")
    api.clouds = {"cloud-a": {"type": "kubernetes"}, "cloud-k8s": {"type": "kubernetes"}}
    entry = await find(api, "fresh", create=True, key="ssh-rsa x")
    assert entry == ModelEntry(name="fresh", owner="admin", uuid="new")
    assert api.made[0] == {
        "name": "fresh",
        "owner-tag": "user-admin",
        "cloud-tag": "cloud-k8s",
        "config": {"authorized-keys": "ssh-rsa x"},
    }
    await find(api, "bob/other", create=True)
    assert (api.made[1]["name"], api.made[1]["owner-tag"]) == ("other", "user-bob")
    assert api.made[1]["config"] == {}
    api.own_cloud = {"cloud-tag": "cloud-machines"}
    await find(api, "third", create=True)
    assert api.made[2]["cloud-tag"] == "cloud-a"
    api.models = []
    await find(api, "fourth", create=True)
    assert api.made[3]["cloud-tag"] == "cloud-a"


async def test_without_a_kubernetes_cloud_there_is_no_model() -> None:
    api = FakeApi()
    machines: Document = {"cloud-m": {"type": "lxd"}}
    nothing: Document = {}
    for clouds, has in ((machines, "cloud-m"), (nothing, "none")):
        api.clouds = clouds
        with pytest.raises(ControllerError) as caught:
            await find(api, "x", create=True)
        assert caught.value.message == f"the controller has no Kubernetes cloud (it has {has})"
        assert caught.value.fix


async def test_a_model_that_another_client_made_meanwhile_is_taken() -> None:
    api = FakeApi()
    api.refusal = CallRefusedError("it exists", code="already exists")
    api.then = listed("kubeflow")
    assert await find(api, "kubeflow", create=True) == KUBEFLOW
    for refusal, models in (
        (CallRefusedError("it exists", code="already exists"), listed("other")),
        (CallRefusedError("no", code="forbidden"), listed("kubeflow")),
    ):
        api.models, api.then, api.refusal = [], [*models], refusal
        with pytest.raises(ControllerError) as caught:
            await find(api, "bob/kubeflow", create=True)
        assert caught.value.message == (
            f"controller c refused to create the model 'bob/kubeflow': {refusal.message}"
        )
        assert caught.value.fix == "Create it yourself: juju add-model kubeflow."


async def test_asking_about_a_model_returns_its_refusal() -> None:
    api = FakeApi("kubeflow")
    assert await ask_model_info(api, "u1") == api.models[0]
    api.models = []
    assert await ask_model_info(api, "u1") == {}
    api.refusal = CallRefusedError("no")
    assert await ask_model_info(api, "u1") is api.refusal


@pytest.mark.parametrize("life", [None, "", "alive"])
def test_a_model_that_can_be_used(life: str | None) -> None:
    info: Document = {"type": "caas", "life": life}
    assert usable_model_info(KUBEFLOW, {"result": info}) == info


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (CallRefusedError("permission denied"), "model admin/kubeflow cannot be used: permission"),
        ({}, "the controller has no details of model admin/kubeflow"),
        ({"result": 7}, "the controller has no details of model admin/kubeflow"),
        (
            {"result": {"type": "caas", "life": "dying"}},
            "model admin/kubeflow is dying: it is being removed",
        ),
        (
            {"result": {"type": "iaas", "provider-type": "lxd"}},
            "model admin/kubeflow is on a cloud of type lxd, not on Kubernetes",
        ),
    ],
)
def test_a_model_that_cannot_be_used(described: Any, message: str) -> None:
    with pytest.raises(ControllerError) as caught:
        usable_model_info(KUBEFLOW, described)
    assert caught.value.message.startswith(message)
    assert caught.value.fix
