"""Resources that are files: found beside the bundle, and read as Juju reads those with logins."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.bundlefile import load_bundle
from ckf_airgap.charms.charm import Charm, Resource
from ckf_airgap.errors import BundleError
from ckf_airgap.images.imagefile import read_image_file
from ckf_airgap.images.resourcefiles import missing_paths, read_resource_files
from ckf_airgap.images.resources import with_resources

PETS = Charm(
    name="pets",
    resources={
        "image": Resource(name="image", upstream_source="acme/cat:1"),
        "policy": Resource(name="policy", type="file", filename="policy.tar.gz"),
    },
)
CHARMS = {"pets": PETS}


def pets(directory: Path, resources: str) -> Bundle:
    file = directory / "bundle.yaml"
    file.write_text(f"applications: {{pets: {{charm: pets, scale: 1, resources: {resources}}}}}")
    return load_bundle(file)


def image_file(directory: Path, text: str | bytes, name: str = "cat.json") -> Path:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "image", "login"),
    [
        (
            '{"ImageName": "r.io/a/b:1", "username": "u", "password": "p"}',
            "r.io/a/b:1",
            {"username": "u", "password": "p"},
        ),
        (
            '{"imagename": "a/b", "USERNAME": "u", "other": [1]}',
            "a/b",
            {"username": "u", "password": ""},
        ),
        (
            '{"ImageName": "a/b", "auth": "dTpw", "email": "e@x", "serveraddress": null}',
            "a/b",
            {"auth": {"value": "dTpw"}, "username": "", "password": "", "email": "e@x"},
        ),
        (
            "registrypath: r.io/a/b:1\nusername: u\npassword: p\n",
            "r.io/a/b:1",
            {"username": "u", "password": "p"},
        ),
        (
            "registrypath: a/b\nusername: u\npassword: 0123\n",
            "a/b",
            {"username": "u", "password": "0123"},
        ),
        (
            "registrypath: a/b\npassword: 1.10\nidentitytoken: {value: t}\nregion: x\n---\n[\n",
            "a/b",
            {"username": "", "password": "1.10", "identitytoken": {"value": "t"}, "region": "x"},
        ),
    ],
)
def test_a_file_names_an_image_and_its_login_in_both_forms_of_juju(
    tmp_path: Path, text: str, image: str, login: dict[str, object]
) -> None:
    found = read_image_file(image_file(tmp_path, text))
    assert found.image == image
    assert found.login is not None
    assert found.login.fields == login
    assert list(found.login.describe(image)) == ["registrypath", *login]
    assert "p" not in repr(found.login)[len("ImageLogin") :]


@pytest.mark.parametrize("text", ['{"ImageName": "a/b"}', "registrypath: a/b\nusername: ''\n"])
def test_a_file_may_name_an_image_without_a_login(tmp_path: Path, text: str) -> None:
    found = read_image_file(image_file(tmp_path, text))
    assert (found.image, found.login) == ("a/b", None)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        (
            '{"registrypath": "a/b", "password": "s3cret"}',
            "names no image",
            "in a file that is JSON, Juju reads the image from ImageName, not registrypath",
        ),
        (
            "ImageName: a/b\npassword: s3cret\n",
            "names no image",
            "in a file that is YAML, Juju reads the image from registrypath, not ImageName",
        ),
        ('{"ImageName": "a/b", "password": 5}', "password in .* must be text", ""),
        ("registrypath: a/b\npassword: [s3cret]\n", "wrong type of password, line 2", ""),
        (
            "registrypath: a/b\nidentitytoken: s3cret\n",
            "neither JSON nor YAML .*wrong type of identitytoken, line 2",
            "",
        ),
        ('["s3cret"]', "neither JSON nor YAML", ""),
        ("s3cret: [", "neither JSON nor YAML", ""),
        ("", "names no image", "in a file that is YAML"),
        ("null", "names no image", "in a file that is JSON"),
        ('{"ImageName": "A/B"}', "is not an image reference", ""),
        (b"\xff\xfe", "not UTF-8 text", ""),
    ],
)
def test_a_file_that_juju_would_not_take_is_refused_without_what_is_in_it(
    tmp_path: Path, text: str | bytes, message: str, fix: str
) -> None:
    path = image_file(tmp_path, text)
    with pytest.raises(BundleError, match=message) as raised:
        read_image_file(path)
    assert str(path) in str(raised.value)
    assert fix in raised.value.fix
    shown = repr(raised.value) + str(raised.value) + repr(raised.value.__cause__)
    assert "s3cret" not in shown


def test_files_start_from_the_directory_of_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.tar.gz").write_bytes(b"x")
    image_file(tmp_path, '{"ImageName": "r.io/a/b:1", "username": "u", "password": "p"}')
    bundle = pets(tmp_path, "{policy: ./files/mine.tar.gz, image: cat.json}")
    monkeypatch.chdir("/")

    found = read_resource_files(bundle, CHARMS)
    assert found.files == {("pets", "policy"): tmp_path / "files" / "mine.tar.gz"}
    assert found.path(("pets", "image")) == tmp_path / "cat.json"
    settled = with_resources(bundle, found).applications["pets"]
    assert settled.resources == {
        "policy": str(tmp_path / "files" / "mine.tar.gz"),
        "image": "r.io/a/b:1",
    }
    assert set(settled.logins) == {"image"}
    assert bundle.document == with_resources(bundle, found).document


def test_an_image_is_a_reference_where_no_file_is(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "cat:1").mkdir()
    found = read_resource_files(pets(tmp_path, "{image: 'acme/cat:1', policy: 7}"), CHARMS)
    assert (found.files, found.images) == ({}, {})


@pytest.mark.parametrize(
    ("resources", "places"),
    [
        ("{policy: files/mine.tar.gz}", ["policy"]),
        ("{policy: .}", ["policy"]),
        ("{image: ./cat.json, policy: /none}", ["image", "policy"]),
        ("{image: creds/cat.yaml}", ["image"]),
        ("{image: creds/cat.yml}", ["image"]),
    ],
)
def test_every_file_that_is_not_there_is_named(
    tmp_path: Path, resources: str, places: list[str]
) -> None:
    with pytest.raises(BundleError, match="files of resources cannot be used") as raised:
        read_resource_files(pets(tmp_path, resources), CHARMS)
    problems = raised.value.problems
    assert [one.where for one in problems] == [f"application pets, resource {p}" for p in places]
    assert all(one.what.startswith("there is no file /") for one in problems)


def test_paths_are_looked_for_before_any_charm_is_there(tmp_path: Path) -> None:
    bundle = pets(tmp_path, "{image: 'acme/cat:1', policy: files/x, other: ./none, json: a.json}")
    assert [one.where for one in missing_paths(bundle)] == [
        "application pets, resource other",
        "application pets, resource json",
    ]
    (tmp_path / "none").touch()
    (tmp_path / "a.json").touch()
    assert missing_paths(bundle) == []


@pytest.mark.parametrize(
    ("filename", "given", "fits"),
    [
        ("policy.tar.gz", "mine.gz", True),
        ("policy", "mine", True),
        ("", "mine.json", True),
        ("dir.d/policy", "mine", True),
        (".profile", "mine.profile", True),
        ("policy.tar.gz", "mine.tgz", False),
        ("policy.json", "mine", False),
        ("policy", "mine.json", False),
        ("policy.json", "mine.JSON", False),
    ],
)
def test_the_extension_of_a_file_is_the_charms(
    tmp_path: Path, filename: str, given: str, fits: bool
) -> None:
    charm = Charm(
        name="pets", resources={"policy": Resource(name="policy", type="file", filename=filename)}
    )
    (tmp_path / given).write_bytes(b"x")
    bundle = pets(tmp_path, f"{{policy: ./{given}}}")
    if fits:
        assert read_resource_files(bundle, {"pets": charm}).files
        return
    with pytest.raises(BundleError) as raised:
        read_resource_files(bundle, {"pets": charm})
    (problem,) = raised.value.problems
    assert problem.what.startswith(f'incorrect extension on resource upload "./{given}"')
