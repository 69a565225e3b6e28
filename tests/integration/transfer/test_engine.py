"""What a Docker Engine is had to do; an error that it only mentions is one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from ckf_airgap.errors import ConnectionFailedError, LoginError, StorageFullError, TransferError
from ckf_airgap.transfer.docker.docker import DockerEngine, engine_error
from ckf_airgap.transfer.oci import Digest
from ckf_airgap.transfer.registry.session import USER_AGENT
from ckf_airgap.transfer.stores.archive import Archive
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import image, index, layer, publish
from tests.integration.transfer.servers import RegistryServer
from tests.integration.transfer.stored import config_of, read_image, write_archive
from tests.integration.transfer.tools import Engine, images, names_in


async def publish_three(host: str) -> dict[str, str]:
    """Publish three images, one of them to be named by digest; return their IDs by reference."""
    base = layer("base", 120_000)
    one, two = image([base, layer("1")]), image([base, layer("2")])
    multi = index([(image([base, layer("3")]), "amd64"), (image([base]), "arm64")])
    await publish(f"http://{host}", "some/one", "v1", one)
    await publish(f"http://{host}", "some/two", None, two)
    await publish(f"http://{host}", "some/multi", "v1", multi)
    return {
        f"{host}/some/one:v1": config_of(one),
        f"{host}/some/two@{two.digest}": config_of(two),
        f"{host}/some/multi:v1": json.loads(multi.children[0][1])["config"]["digest"],
    }


async def test_the_whole_way_through_docker(
    engine: Engine, public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    ids = await publish_three(public.host)
    (tmp_path / "images.txt").write_text("\n".join(ids) + "\n")
    docker = ["--engine", "docker", "--json"]
    pulled = await images("pull", "images.txt", *docker, cwd=tmp_path)
    assert pulled.document["copied"] == 3
    saved = await images("save", "images.txt", "-o", "i.tar.gz", *docker, cwd=tmp_path)
    assert (saved.document["copied"], saved.document["archive"]["images"]) == (3, 3)
    with Archive.open(tmp_path / "i.tar.gz") as archive:
        for reference, image_id in ids.items():
            assert image_id in await read_image(archive, reference)
    again = await images("save", "images.txt", "-o", "i.tar.gz", *docker, cwd=tmp_path)
    assert (again.document["present"], again.document["archive"]["changed"]) == (3, False)

    await engine.forget_all()
    places = ["--registry", f"{private.host}/ckf", "--plain-http", private.host]
    loaded = await images("load", "i.tar.gz", *docker, *places, cwd=tmp_path)
    assert loaded.document["copied"] == 3
    assert (await images("load", "i.tar.gz", *docker, *places, cwd=tmp_path)).document[
        "present"
    ] == 3
    pushed = await images("push", "images.txt", *docker, *places, cwd=tmp_path)
    assert pushed.document["copied"] == 3
    again = await images("push", "images.txt", *docker, *places, cwd=tmp_path)
    assert (again.document["present"], again.document["bytes"]) == (3, 0)
    await engine.forget_all()
    for entry in pushed.document["images"]:
        await engine.docker("pull", entry["target"])
        assert await engine.image_id(entry["target"]) == ids[entry["source"]]


async def test_images_of_an_engine_are_given_their_names_in_the_registry(
    engine: Engine, public: RegistryServer, tmp_path: Path
) -> None:
    ids = await publish_three(public.host)
    (tmp_path / "images.txt").write_text("\n".join(ids) + "\n")
    await images("pull", "images.txt", "--engine", "docker", cwd=tmp_path)
    words = ["retag", "images.txt", "--registry", "r.test:5000/ckf", "-o", "retagged.txt"]
    words += ["--engine", "docker", "--json"]
    done = (await images(*words, cwd=tmp_path)).document
    assert (done["schema"], done["copied"]) == ("ckf-airgap/transfer/v1", 3)
    for entry in done["images"]:
        assert await engine.image_id(entry["target"]) == ids[entry["source"]]
    targets = [entry["target"] for entry in done["images"]]
    assert (tmp_path / "retagged.txt").read_text().split() == targets
    assert (await images(*words, cwd=tmp_path)).document["present"] == 3
    (tmp_path / "images.txt").write_text("docker.io/not/there:1\n")
    failed = await images(*words, cwd=tmp_path, check=False)
    assert failed.code == 9
    assert "docker.io/not/there:1 is not in the Docker Engine" in failed.err
    assert "--only" not in failed.err


async def test_a_tag_that_moved_is_pushed_though_the_old_image_has_the_new_name(
    engine: Engine, public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    (tmp_path / "images.txt").write_text(f"{public.host}/some/one:v1\n")
    docker = ["--engine", "docker", "--json"]
    places = ["--registry", private.host, "--plain-http", private.host]
    for name in ("first", "second"):
        one = image([layer(name)])
        await publish(f"http://{public.host}", "some/one", "v1", one)
        await images("pull", "images.txt", *docker, cwd=tmp_path)
        pushed = await images("push", "images.txt", *docker, *places, cwd=tmp_path)
        assert pushed.document["copied"] == 1
        target = pushed.document["images"][0]["target"]
        assert await engine.image_id(target) == config_of(one)


async def test_a_push_counts_only_when_the_registry_answers_for_it(
    engine: Engine, public: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    name = next(iter(await publish_three(public.host)))
    await engine.docker("pull", name)
    (tmp_path / "images.txt").write_text(f"{name}\n")

    async def forget(exchange: Exchange) -> web.Response | None:
        ours = exchange.request.headers.get("User-Agent") == USER_AGENT
        return web.Response(status=404) if ours and "/manifests/" in exchange.path else None

    proxy.faults.append(forget)
    places = ["--registry", proxy.host, "--plain-http", proxy.host]
    words = ["push", "images.txt", "--engine", "docker", *places]
    done = await images(*words, cwd=tmp_path, check=False)
    assert proxy.count("PUT", "/some/one/manifests/") == 1, "Docker believes that it pushed"
    assert done.code == 9
    assert "the registry has no such image" in done.err


async def test_an_engine_that_goes_away_within_its_progress_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def version(_request: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41"})

    async def create(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b'{"status": "Pulling"}\r\n')
        await asyncio.sleep(0.2)
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_get("/version", version)
    app.router.add_post("/v1.41/images/create", create)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{runner.addresses[0][1]}")
        with pytest.raises(ConnectionFailedError, match="the Docker Engine went away"):
            async for _ in DockerEngine().pull("some/one", "v1", None):
                pass
    finally:
        await runner.cleanup()


async def test_a_push_that_the_registry_refuses_is_an_error(
    engine: Engine, public: RegistryServer, secured: RegistryServer
) -> None:
    name = next(iter(await publish_three(public.host)))
    await engine.docker("pull", name)
    docker = DockerEngine()
    await docker.tag(name, f"{secured.host}/some/one", "v1")
    with pytest.raises(LoginError, match=r"credentials|unauthorized"):
        async for _ in docker.push(f"{secured.host}/some/one", "v1"):
            pass


async def test_images_that_cannot_be_pushed_are_listed_with_the_command_for_the_rest(
    engine: Engine, public: RegistryServer, secured: RegistryServer, ca_file: Path, tmp_path: Path
) -> None:
    ids = await publish_three(public.host)
    for reference in ids:
        await engine.docker("pull", reference)
    (tmp_path / "images.txt").write_text("\n".join(ids) + "\n")
    places = ["--registry", secured.host, "--ca", str(ca_file)]
    words = ["push", "images.txt", "--engine", "docker", *places, "--json"]
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code == 9
    assert done.document["report"]["failed"] == 3
    assert {problem["where"] for problem in done.document["problems"]} == {
        entry["target"] for entry in done.document["report"]["images"]
    }
    assert "For the rest: ckf-airgap images push" in done.document["fix"]


async def test_one_image_that_cannot_be_loaded_stops_no_other(
    engine: Engine, tmp_path: Path
) -> None:
    base, bad = layer("base", 50_000), layer("bad", 60_000)
    wrong = image([base, bad])
    # The layer is what its digest says, and not what the config says of it.
    config = json.loads(wrong.blobs[config_of(wrong)])
    config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
    content = json.dumps(config).encode()
    text = wrong.content.decode()
    digest = Digest.of(content)
    document = json.loads(text)
    document["config"].update(digest=str(digest), size=len(content))
    wrong.content = json.dumps(document).encode()
    wrong.blobs[str(digest)] = content
    samples = {"docker.io/a/good:1": image([base]), "docker.io/a/wrong:1": wrong}
    await write_archive(tmp_path / "i.tar", samples)
    words = ["load", "i.tar", "--engine", "docker", "--json"]
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code == 9
    status = {one["source"]: one["status"] for one in done.document["report"]["images"]}
    assert status == {"docker.io/a/good:1": "copied", "docker.io/a/wrong:1": "failed"}
    assert await engine.image_id("a/good:1") == config_of(samples["docker.io/a/good:1"])


async def test_an_image_that_is_nowhere_is_named_with_what_to_do(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "images.txt").write_text("docker.io/no/where:1\n")
    words = ["save", "images.txt", "--engine", "docker", "-o", "i.tar"]
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code == 9
    assert "docker.io/no/where:1 is not in the Docker Engine" in done.err
    assert not names_in(tmp_path, "i.tar*")


async def test_without_an_engine_the_message_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ConnectionFailedError, match="cannot reach a Docker Engine"):
        await DockerEngine().version()


async def test_a_pull_that_is_cut_is_an_error(
    engine: Engine, public_proxy: FaultProxy, public: RegistryServer, tmp_path: Path
) -> None:
    ids = await publish_three(public.host)
    name = next(iter(ids)).replace(public.host, public_proxy.host)
    public_proxy.faults.append(refuse_blobs)
    (tmp_path / "images.txt").write_text(f"{name}\n")
    done = await images("pull", "images.txt", "--engine", "docker", cwd=tmp_path, check=False)
    assert done.code == 9
    assert name in done.err


async def refuse_blobs(exchange: Exchange) -> web.StreamResponse | None:
    return web.Response(status=404) if exchange.is_blob_get else None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", StorageFullError),
        ("unauthorized: authentication required", LoginError),
        ("denied: requested access to the resource is denied", LoginError),
        ("server gave HTTP response to HTTPS client", ConnectionFailedError),
        ("x509: certificate signed by unknown authority", ConnectionFailedError),
        ("blob upload invalid", TransferError),
    ],
)
def test_what_the_engine_says_gets_the_error_for_what_to_do(
    message: str, kind: type[TransferError]
) -> None:
    error = engine_error(message)
    assert type(error) is kind
    assert message in error.message
