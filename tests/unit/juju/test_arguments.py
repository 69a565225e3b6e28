from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import load_yaml
from ckf_airgap.juju.applying.arguments import (
    deploy_arguments,
    refresh_arguments,
    resource_arguments,
)
from ckf_airgap.juju.planning.steps import DeployApplication, RefreshApplication, ResourceUpload

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))


def step(**fields: object) -> DeployApplication:
    defaults: dict[str, object] = {
        "application": "app",
        "charm": "x",
        "charm_path": Path("x.charm"),
        "base": Base(name="ubuntu", channel="22.04"),
        "architecture": "amd64",
        "scale": 1,
        "trust": False,
    }
    return DeployApplication(**{**defaults, **fields})  # type: ignore[arg-type]


@given(options=st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True), TEXT))
def test_option_values_arrive_as_they_are(options: dict[str, str]) -> None:
    arguments = deploy_arguments(step(options=options), "local:x-0", {}, "uuid")
    assert yaml.safe_load(str(arguments["config-yaml"])) == {"app": options}


@pytest.mark.parametrize("value", ["y", "n", "1e-5", "0o17", "+.5", "1.10", "on", "~", "", "<<"])
def test_texts_that_a_reader_takes_for_something_else_arrive_as_texts(value: str) -> None:
    arguments = deploy_arguments(step(options={"mode": value}), "local:x-0", {}, "uuid")
    text = str(arguments["config-yaml"])
    assert text == f"app:\n  mode: '{value}'\n"
    assert load_yaml(text, where="x") == yaml.safe_load(text) == {"app": {"mode": value}}


def test_trust_is_an_option_of_that_application_only() -> None:
    arguments = deploy_arguments(step(trust=True), "local:x-0", {}, "uuid")
    assert yaml.safe_load(str(arguments["config-yaml"])) == {"app": {"trust": "true"}}


def test_a_node_selector_has_the_model_as_its_scope() -> None:
    arguments = deploy_arguments(
        step(placement=("kubernetes.io/hostname=n1",), bindings={"": "alpha"}, scale=3),
        "local:x-0",
        {"image": "id-1"},
        "uuid",
    )
    assert arguments["placement"] == [{"scope": "uuid", "directive": "kubernetes.io/hostname=n1"}]
    assert arguments["endpoint-bindings"] == {"": "alpha"}
    assert arguments["charm-origin"] == {
        "source": "local",
        "type": "",
        "id": "",
        "architecture": "amd64",
        "base": {"name": "ubuntu", "channel": "22.04/stable"},
    }
    assert arguments["resources"] == {"image": "id-1"}
    assert arguments["num-units"] == 3


def test_the_base_has_a_risk() -> None:
    for channel in ("22.04", "22.04/stable"):
        arguments = deploy_arguments(
            step(base=Base(name="ubuntu", channel=channel)), "local:x-0", {}, "uuid"
        )
        assert arguments["charm-origin"]["base"] == {  # type: ignore[call-overload, index]
            "name": "ubuntu",
            "channel": "22.04/stable",
        }


def refreshed(**fields: object) -> RefreshApplication:
    defaults: dict[str, object] = {
        "application": "app",
        "charm": "x",
        "charm_path": Path("x.charm"),
        "base": Base(name="ubuntu", channel="24.04/edge"),
        "architecture": "arm64",
    }
    return RefreshApplication(**{**defaults, **fields})  # type: ignore[arg-type]


def test_a_refresh_of_the_charm_alone_forces_nothing_and_changes_nothing_else() -> None:
    assert refresh_arguments(refreshed(), "local:x-1", {}) == {
        "application": "app",
        "generation": "",
        "charm-url": "local:x-1",
        "charm-origin": {
            "source": "local",
            "type": "",
            "id": "",
            "architecture": "arm64",
            "base": {"name": "ubuntu", "channel": "24.04/edge"},
        },
        "channel": "",
        "force": False,
        "force-units": False,
        "force-base": False,
    }


def test_a_refresh_hands_over_options_resources_storage_and_bindings() -> None:
    step = refreshed(
        options={"port": "1", "trust": "false"},
        storage={"data": {"Pool": "fast", "Size": 1024, "Count": 1}},
        bindings={"web": "alpha"},
        base=Base(name="ubuntu", channel="24.04"),
    )
    arguments = refresh_arguments(step, "local:x-1", {"oci-image": "id-1"})
    assert arguments["config-settings"] == {"port": "1", "trust": "false"}
    assert arguments["resource-ids"] == {"oci-image": "id-1"}
    assert arguments["storage-constraints"] == {"data": {"pool": "fast", "size": 1024, "count": 1}}
    assert arguments["endpoint-bindings"] == {"web": "alpha"}
    origin = arguments["charm-origin"]
    assert isinstance(origin, dict)
    assert origin["base"] == {"name": "ubuntu", "channel": "24.04/stable"}


def test_resources_are_announced_together_and_without_their_charm() -> None:
    image = ResourceUpload(name="i", type="oci-image", value="r/i:1", path="r/i:1")
    file = ResourceUpload(
        name="f", type="file", value="./f.json", path="f.json", description="a file"
    )
    assert resource_arguments("app", [image, file]) == {
        "tag": "application-app",
        "url": "",
        "charm-origin": None,
        "resources": [
            {
                "name": name,
                "type": kind,
                "path": path,
                "description": text,
                "origin": "upload",
                "revision": 0,
                "fingerprint": "",
                "size": 0,
            }
            for name, kind, path, text in (
                ("i", "oci-image", "r/i:1", ""),
                ("f", "file", "f.json", "a file"),
            )
        ],
    }
