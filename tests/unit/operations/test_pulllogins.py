"""Which image is pulled with which login."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

import pytest

from ckf_airgap import Inputs, RegistryLogin, Rendering
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.errors import InputError, MissingError
from ckf_airgap.operations.pulllogins import find_pull_logins
from ckf_airgap.operations.rendering import read_and_render
from tests.unit.cli.conftest import REGISTRY, World, world

__all__ = ["world"]

CAT_IMAGE = f"{REGISTRY}/pets/cat:1.0"


def entry(user: str, word: str = "s3cr3t") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{word}".encode()).decode()}


def fields(user: str, word: str = "s3cr3t") -> dict[str, str]:
    return {"username": user, "password": word}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def write(config: Path, **auths: dict[str, str]) -> None:
    config.write_text(json.dumps({"auths": auths}))


def rendered(world: World, overlay: str = "") -> Rendering:
    overlays = []
    if overlay:
        overlays = [world.bundle.parent / "own.yaml"]
        overlays[0].write_text(overlay)
    return read_and_render(
        Inputs(
            bundle=world.bundle, charms=world.charms, images=world.images, overlays=tuple(overlays)
        )
    )


async def test_each_image_gets_the_login_of_its_registry(world: World, config: Path) -> None:
    write(config, **{REGISTRY: entry("host"), f"{REGISTRY}/pets": entry("pets")})
    found = await find_pull_logins(rendered(world), config=config)
    login = found.login_for(CAT_IMAGE)
    assert login is not None
    assert login.fields == fields("pets")
    assert found.login_for("elsewhere.example/x:1") is None
    assert found.warnings == ()
    assert "s3cr3t" not in repr(found)


async def test_the_login_to_the_private_registry_goes_first(world: World, config: Path) -> None:
    write(config, **{REGISTRY: entry("host"), "other.example": entry("other")})
    rendering = rendered(
        world, "applications: {cat: {resources: {cat-image: 'other.example/own/cat:1'}}}\n"
    )
    found = await find_pull_logins(
        rendering, RegistryLogin(username="ann", password="hunter2"), config
    )
    private, other = found.login_for(CAT_IMAGE), found.login_for("other.example/own/cat:1")
    assert private is not None
    assert private.fields == fields("ann", "hunter2")
    assert other is not None
    assert other.fields == fields("other")


async def test_without_a_file_other_registries_have_no_login(world: World) -> None:
    found = await find_pull_logins(
        rendered(world), RegistryLogin(username="ann", password="hunter2")
    )
    assert found.login_for(CAT_IMAGE) is not None
    assert found.login_for("other.example/own/cat:1") is None
    assert (await find_pull_logins(rendered(world))).login_for(CAT_IMAGE) is None


async def test_an_image_with_a_login_of_its_own_is_not_looked_up(
    world: World, config: Path
) -> None:
    write(config, **{REGISTRY: entry("host")})
    rendering = rendered(world)
    cat = rendering.bundle.applications["cat"]
    own = dataclasses.replace(cat, logins={"cat-image": ImageLogin(fields={"username": "me"})})
    bundle = dataclasses.replace(
        rendering.bundle, applications={**rendering.bundle.applications, "cat": own}
    )
    found = await find_pull_logins(dataclasses.replace(rendering, bundle=bundle), config=config)
    assert CAT_IMAGE not in found.by_image


async def test_what_is_no_image_is_left_to_the_plan(world: World, config: Path) -> None:
    write(config, **{REGISTRY: entry("host")})
    rendering = rendered(world)
    cat = dataclasses.replace(rendering.bundle.applications["cat"], resources={"cat-image": "A B"})
    bundle = dataclasses.replace(
        rendering.bundle, applications={**rendering.bundle.applications, "cat": cat}
    )
    found = await find_pull_logins(dataclasses.replace(rendering, bundle=bundle), config=config)
    assert (found.by_image, found.warnings) == ({}, ())


async def test_an_image_of_docker_hub_gets_the_login_of_docker_hub(
    world: World, config: Path
) -> None:
    write(config, **{"https://index.docker.io/v1/": entry("hub")})
    rendering = rendered(world, "applications: {cat: {resources: {cat-image: 'own/cat:1'}}}\n")
    login = (await find_pull_logins(rendering, config=config)).login_for("own/cat:1")
    assert login is not None
    assert login.fields == fields("hub")


async def test_an_identity_token_is_handed_over_as_one(world: World, config: Path) -> None:
    write(config, **{REGISTRY: {"identitytoken": "t0ken"}})
    login = (await find_pull_logins(rendered(world), config=config)).login_for(CAT_IMAGE)
    assert login is not None
    assert login.fields == {
        "username": "",
        "password": "",
        "identitytoken": {"value": "t0ken"},
    }


async def test_a_file_that_is_of_no_use_is_a_warning(world: World, config: Path) -> None:
    write(config, **{"other.example": entry("other")})
    (warning,) = (await find_pull_logins(rendered(world), config=config)).warnings
    assert warning.what == (
        f"it has no login for any image of the bundle, which come from {REGISTRY}"
    )
    assert warning.where == str(config)


async def test_an_entry_that_cannot_be_decoded_is_a_warning(world: World, config: Path) -> None:
    write(config, **{REGISTRY: {"auth": "!!"}})
    (warning,) = (await find_pull_logins(rendered(world), config=config)).warnings
    assert "cannot be decoded" in warning.what
    assert (warning.where, warning.fix) == (
        str(config),
        "correct it, or leave out --registry-config",
    )


async def test_a_file_that_is_not_there_ends_it(world: World, config: Path) -> None:
    with pytest.raises(MissingError):
        await find_pull_logins(rendered(world), config=config)
    config.write_text("[]")
    with pytest.raises(InputError, match=r"is not a config\.json of Docker"):
        await find_pull_logins(rendered(world), config=config)
