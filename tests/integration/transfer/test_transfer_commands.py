"""The commands: what they do, what they print, and how they end when something fails."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path

import pytest
from aiohttp import web

from ckf_airgap.transfer.oci import Platform
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.tree import carried_platforms
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import image, layer, publish, publish_set
from tests.integration.transfer.servers import PASSWORD, USER, RegistryServer
from tests.integration.transfer.stored import read_image
from tests.integration.transfer.tools import images, names_in, run

TWO_PLATFORMS = ["--platform", "linux/amd64", "--platform", "linux/arm64"]


async def listed(public: RegistryServer, directory: Path) -> list[str]:
    """Publish a few images, and list them in images.txt."""
    base = layer("base", 80_000)
    one, two, three = (image([base, layer(name, 30_000)]) for name in ("1", "2", "3"))
    await publish(f"http://{public.host}", "team/one", "v1", one)
    await publish(f"http://{public.host}", "team/two", "v1", two)
    await publish(f"http://{public.host}", "team/three", None, three)
    names = [f"{public.host}/team/one:v1", f"{public.host}/team/two:v1"]
    names.append(f"{public.host}/team/three@{three.digest}")
    (directory / "images.txt").write_text("# three\n" + "\n".join(names) + "\n")
    return names


async def test_pull_save_load_push_and_verify_in_turn(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    published = await publish_set(public.host)
    (tmp_path / "images.txt").write_text("".join(f"{one}\n" for one in published))
    plain = ["--plain-http", public.host, "--plain-http", private.host]
    pulled = await images("pull", "images.txt", "-o", "pulled", *plain, "--json", cwd=tmp_path)
    assert pulled.document["schema"] == "ckf-airgap/transfer/v1"
    assert pulled.document["copied"] == len(published)
    saved = await images("save", "--from", "pulled", "-o", "i.tar.gz", "--json", cwd=tmp_path)
    assert saved.document["archive"]["images"] == len(published)
    await images("load", "i.tar.gz", "-o", "loaded", cwd=tmp_path)
    place = ["--registry", f"{private.host}/ckf", *plain]
    pushed = await images("push", "loaded", *place, "--json", cwd=tmp_path)
    assert {one["source"]: one["digest"] for one in pushed.document["images"]} == {
        str(one): str(one.sample.digest) for one in published
    }
    again = await images("push", "i.tar.gz", *place, "--json", cwd=tmp_path)
    assert (again.document["present"], again.document["bytes"]) == (len(published), 0)
    verified = await images("verify", "--from", "i.tar.gz", *place, "--json", cwd=tmp_path)
    assert verified.document["failed"] == 0
    targets = "".join(f"{one['target']}\n" for one in pushed.document["images"])
    (tmp_path / "retagged-images.txt").write_text(targets)
    await images("verify", "retagged-images.txt", *plain, cwd=tmp_path)
    with LayoutDirectory.open(tmp_path / "loaded") as layout:
        for one in published:
            assert await read_image(layout, str(one)) == one.sample.digests


async def test_copy_needs_no_disk(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    await listed(public, tmp_path)
    before = names_in(tmp_path)
    plain = ["--plain-http", public.host, "--plain-http", private.host]
    words = ["copy", "images.txt", "--registry", private.host, *plain, "--json"]
    assert (await images(*words, cwd=tmp_path)).document["copied"] == 3
    assert (await images(*words, cwd=tmp_path)).document["present"] == 3
    assert names_in(tmp_path) == before


async def test_what_fails_is_listed_with_why_and_the_command_for_the_rest(
    public: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    names = await listed(public, tmp_path)
    await images("save", "images.txt", "-o", "i.tar", "--plain-http", public.host, cwd=tmp_path)
    proxy.faults.append(refuse_two)
    place = ["--registry", proxy.host, "--plain-http", proxy.host]
    done = await images("push", "i.tar", *place, cwd=tmp_path, check=False)
    assert done.code == 9
    assert "1 of 3 images could not be pushed" in done.err
    assert f"{proxy.host}/team/two:v1" in done.err
    assert "2 images pushed" in done.err
    rest = done.err.strip().splitlines()[-1].partition("For the rest: ckf-airgap images ")[2]
    assert rest.endswith(f"--only {names[1]}")
    proxy.faults.clear()
    proxy.records.clear()
    again = await images(*rest.split(), "--json", cwd=tmp_path)
    assert [one["source"] for one in again.document["images"]] == [names[1]]
    assert again.document["copied"] == 1


async def refuse_two(exchange: Exchange) -> web.StreamResponse | None:
    if exchange.method == "POST" and "/team/two/" in exchange.path:
        errors = {"errors": [{"code": "DENIED", "message": "not for you"}]}
        return web.json_response(errors, status=403)
    return None


async def test_an_image_that_is_not_there_keeps_the_archive_from_being_finished(
    public: RegistryServer, tmp_path: Path
) -> None:
    names = await listed(public, tmp_path)
    with (tmp_path / "images.txt").open("a") as stream:
        stream.write(f"{public.host}/team/none:v1\n")
    words = ["save", "images.txt", "-o", "i.tar.gz", "--plain-http", public.host, "--json"]
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code == 9
    report = done.document["report"]
    assert (report["copied"], report["failed"], report["archive"]) == (3, 1, None)
    assert "i.tar.gz" not in names_in(tmp_path)
    (tmp_path / "images.txt").write_text("\n".join(names) + "\n")
    again = (await images(*words, cwd=tmp_path)).document
    assert (again["bytes"], again["failed"], again["archive"]["images"]) == (0, 0, 3)
    assert names_in(tmp_path, "i.tar*") == ["i.tar.gz"]


async def test_a_tag_that_moved_is_not_shipped_stale(
    public: RegistryServer, tmp_path: Path
) -> None:
    names = await listed(public, tmp_path)
    words = ["save", "images.txt", "-o", "i.tar", "--plain-http", public.host, "--json"]
    await images(*words, cwd=tmp_path)
    moved = image([layer("base", 80_000), layer("newer", 10_000)])
    await publish(f"http://{public.host}", "team/one", "v1", moved)
    again = (await images(*words, cwd=tmp_path)).document
    assert again["images"][0]["digest"] == str(moved.digest)
    assert 10_000 < again["bytes"] < 12_000
    with Archive.open(tmp_path / "i.tar") as archive:
        assert await read_image(archive, names[0]) == moved.digests


async def test_tls_with_an_own_ca_and_a_login_from_a_file(
    public: RegistryServer, secured: RegistryServer, ca_file: Path, tmp_path: Path
) -> None:
    await listed(public, tmp_path)
    await images("save", "images.txt", "-o", "i.tar", "--plain-http", public.host, cwd=tmp_path)
    words = ["push", "i.tar", "--registry", secured.host, "--json"]
    refused = await images(*words, cwd=tmp_path, check=False)
    assert refused.code == 9
    assert "certificate" in refused.err
    refused = await images(*words, "--ca", ca_file, cwd=tmp_path, check=False)
    assert refused.code == 9
    assert refused.document["error"] == "ImagesFailedError"
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {secured.host: {"auth": login}}}))
    done = await images(*words, "--ca", ca_file, "--docker-config", config, cwd=tmp_path)
    assert done.document["copied"] == 3
    assert PASSWORD not in done.out + done.err + refused.out + refused.err


async def test_one_platform_of_an_index_is_carried_under_its_digest(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    published = [one for one in await publish_set(public.host) if "tools/multi" in str(one)]
    (tmp_path / "images.txt").write_text(f"{published[0]}\n")
    plain = ["--plain-http", public.host, "--plain-http", private.host]
    platform = ["--platform", "linux/amd64"]
    await images("save", "images.txt", "-o", "i.tar", *platform, *plain, cwd=tmp_path)
    place = ["--registry", private.host, *plain]
    pushed = await images("push", "i.tar", *place, "--json", cwd=tmp_path)
    (one,) = pushed.document["images"]
    assert one["status"] == "copied"
    assert one["digest"] == str(published[0].sample.digest) or one["notes"]
    verified = await images("verify", "--from", "i.tar", *place, "--json", cwd=tmp_path)
    (seen,) = verified.document["images"]
    assert (seen["status"], seen["digest"]) == ("present", one["digest"])
    assert bool(seen["notes"]) == (one["digest"] != str(published[0].sample.digest))
    again = await images("push", "i.tar", *place, "--json", cwd=tmp_path)
    assert (again.document["present"], again.document["bytes"]) == (1, 0)


@pytest.mark.parametrize("command", ["save", "load"])
async def test_one_platform_is_taken_out_of_what_was_pulled_for_all(
    public: RegistryServer, tmp_path: Path, command: str
) -> None:
    (multi,) = [one for one in await publish_set(public.host) if "tools/multi" in str(one)]
    (tmp_path / "images.txt").write_text(f"{multi}\n")
    await images("pull", "images.txt", "-o", "all", "--plain-http", public.host, cwd=tmp_path)
    words = ["save", "--from", "all", "-o", "i.tar"] if command == "save" else ["load", "all"]
    words += ["-o", "one"] if command == "load" else []
    await images(*words, "--platform", "linux/amd64", cwd=tmp_path)
    opened = Archive.open(tmp_path / "i.tar") if command == "save" else None
    with opened or LayoutDirectory.open(tmp_path / "one") as store:
        (descriptor,) = (await store.references()).values()
        assert descriptor.digest == multi.sample.digest
        assert carried_platforms(descriptor) == (Platform("linux", "amd64"),)
        manifest = await store.manifest(descriptor.digest)
        there = {str(child.platform): await store.has(child) for child in manifest.children}
    assert there.pop("linux/amd64")
    assert there
    assert not any(there.values())
    kept = "i.tar" if command == "save" else "one"
    words = ["load", kept, "-o", "more", "--platform", "linux/arm64"]
    refused = await images(*words, cwd=tmp_path, check=False)
    assert refused.code == 9
    assert "was carried for linux/amd64 only" in refused.err


async def test_verify_takes_the_names_of_charms_and_never_asks_the_public_registry(
    public: RegistryServer, private: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    names = await listed(public, tmp_path)
    plain = ["--plain-http", public.host, "--plain-http", proxy.host]
    await images("save", "images.txt", "-o", "i.tar", *plain, cwd=tmp_path)
    place = ["--registry", proxy.host, *plain]
    await images("push", "i.tar", *place, cwd=tmp_path)
    public.stop()
    try:
        for words in (
            ["verify", "images.txt", "--from", "i.tar"],
            ["verify", "images.txt"],
            ["verify", "--from", "i.tar", "--only", names[1]],
        ):
            done = await images(*words, *place, cwd=tmp_path)
            assert f"verified in {proxy.host}" in done.err
    finally:
        public.start()
    assert "1 image verified" in done.err
    with (tmp_path / "images.txt").open("a") as stream:
        stream.write("docker.io/a/b:1\n")
    refused = await images("verify", "images.txt", *plain, cwd=tmp_path, check=False)
    assert refused.code == 2
    assert "names images in 2 registries" in refused.err
    refused = await images(
        "verify", "images.txt", "--from", "i.tar", *place, cwd=tmp_path, check=False
    )
    assert refused.code == 2
    assert "not among the images of i.tar: docker.io/a/b:1" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["save"], "neither a list of images nor --from"),
        (["save", "images.txt", "--need", "required"], "does not say which of its images"),
        (
            ["save", "--from", "x", "--need", "later"],
            "x does not say which of its images are later",
        ),
        (["push", "i.tar"], "no private registry was given"),
        (["save", "images.txt", "--per-image"], "--per-image needs --from"),
        (["pull", "images.txt", "--only", "docker.io/not/there:1"], "--only names what is not"),
        (["pull", "images.txt", "--platform", "amd64"], "is not a platform"),
        (["verify"], "neither a list of images nor --from"),
        (["pull", "images.txt", "--engine", "docker", *TWO_PLATFORMS], "has one platform"),
        (["load", "none.tar", "--engine", "docker", *TWO_PLATFORMS], "has one platform"),
        (["save", "--from", "x", "--per-image", *TWO_PLATFORMS], "has one platform"),
        (["save", "images.txt", "--engine", "docker", *TWO_PLATFORMS], "takes no --platform"),
        (["push", "i.tar", "--max-depth", "2"], "--max-depth needs --registry"),
        (["load", "none.tar"], "there is no archive none.tar"),
        (["push", "empty", "--registry", "r:5000"], "holds no images"),
    ],
)
async def test_a_wrong_command_line_says_what_is_wrong(
    tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "images.txt").write_text("docker.io/a/b:1\n")
    (tmp_path / "empty").mkdir()
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code in (2, 3, 4)
    assert message in done.err
    assert "Traceback" not in done.err


async def test_progress_into_a_pipe_is_one_line_for_each_image(
    public: RegistryServer, tmp_path: Path
) -> None:
    names = await listed(public, tmp_path)
    words = ["pull", "images.txt", "--plain-http", public.host]
    done = await images(*words, cwd=tmp_path)
    for name in names:
        assert f"pulled {name}" in done.err
    assert "3 images pulled (" in done.err
    assert "\x1b" not in done.err
    quiet = await images(*words, "-q", cwd=tmp_path)
    assert (quiet.out, quiet.err) == ("", "")


@pytest.mark.parametrize("kind", ["archive", "layout"])
async def test_a_full_disk_is_named_and_the_next_run_continues(
    public: RegistryServer, tmp_path: Path, kind: str
) -> None:
    assert os.geteuid() == 0, "this test mounts a small file system, so it must run as root"
    names = await listed(public, tmp_path)
    small = tmp_path / "small"
    small.mkdir()
    await run("mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", small)
    try:
        plain = ["--plain-http", public.host]
        save = ["save", "images.txt", "-o", "small/i.tar", *plain]
        pull = ["pull", "images.txt", "-o", "small/images", *plain]
        words = save if kind == "archive" else pull
        refused = await images(*words, cwd=tmp_path, check=False)
        assert refused.code == 9
        assert "Free some space" in refused.err
        assert "i.tar" not in names_in(small)
        await run("mount", "-o", "remount,size=10m", small)
        await images(*words, cwd=tmp_path)
        if kind == "archive":
            with Archive.open(small / "i.tar") as archive:
                assert set(await archive.references()) == set(names)
    finally:
        await run("umount", small)
        shutil.rmtree(small)
