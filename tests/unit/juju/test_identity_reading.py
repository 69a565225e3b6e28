"""What a bundle gives its applications is read from its files, and from what documents would be."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import MissingError
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.identities import read_identities
from ckf_airgap.juju.controller.upload import RegistryAuth, image_details
from ckf_airgap.juju.planning.identity import DeploymentRecord, HeldIdentity, sha384
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from tests.unit.juju.samples import MYSQL, bundle

AUTH = RegistryAuth(username="me", password="secret", registry=Registry.parse("reg:5000"))
RECORD = DeploymentRecord(charm_url="local:mysql-k8s-0", charm_sha256="a" * 64)
EMPTY = LiveModel(name="m")


def parsed(tuning: object, image: str = "reg:5000/mysql:8") -> str:
    return (
        "applications: {db: {charm: ./m.charm, scale: 1, resources: "
        f"{{mysql-image: '{image}', tuning: '{tuning}'}}}}}}"
    )


def there(record: DeploymentRecord | None) -> LiveModel:
    application = LiveApplication(
        name="db", charm="mysql-k8s", identity=HeldIdentity(record=record, former=RECORD)
    )
    return LiveModel(name="m", applications={"db": application})


@pytest.fixture
def tuning(tmp_path: Path) -> Path:
    path = tmp_path / "tuning.cnf"
    path.write_bytes(b"[mysqld]\n" * 300_000)
    return path


@pytest.fixture
def charm(tmp_path: Path) -> Charm:
    path = tmp_path / "mysql_r9.charm"
    path.write_bytes(b"PK" * 1_000_000)
    return dataclasses.replace(MYSQL, path=path)


async def test_resources_are_read_of_what_is_there_and_what_is_not(
    charm: Charm, tuning: Path
) -> None:
    for live in (EMPTY, there(None)):
        found = await read_identities(bundle(parsed(tuning)), {"db": charm}, live, None)
        image, file = (found["db"].resources[name] for name in ("mysql-image", "tuning"))
        document = image_details("reg:5000/mysql:8", None)
        assert sha384(document) in image.fingerprints
        assert image.sha256 == hashlib.sha256(document).hexdigest()
        assert (image.is_image, image.has_login, image.without_login) == (True, False, frozenset())
        assert file.fingerprints == {hashlib.sha384(tuning.read_bytes()).hexdigest()}
        assert file.sha256 == hashlib.sha256(tuning.read_bytes()).hexdigest()
        assert (file.is_image, file.has_login, file.value) == (False, False, str(tuning))
        assert found["db"].charm_file == "mysql_r9.charm"
        assert found["db"].charm_sha256 == ""


async def test_a_charm_is_read_only_to_be_compared(charm: Charm, tuning: Path) -> None:
    assert charm.path is not None
    wanted = hashlib.sha256(charm.path.read_bytes()).hexdigest()
    text, charms = bundle(parsed(tuning)), {"db": charm}
    found = await read_identities(text, charms, there(RECORD), None)
    assert found["db"].charm_sha256 == wanted
    found = await read_identities(text, charms, there(RECORD), None, read_charms=False)
    assert found["db"].charm_sha256 == ""
    bare = {"db": dataclasses.replace(charm, path=None)}
    found = await read_identities(text, bare, there(RECORD), None)
    assert (found["db"].charm_file, found["db"].charm_sha256) == ("", "")
    charm.path.unlink()
    assert (await read_identities(text, charms, EMPTY, None))["db"].charm_sha256 == ""
    with pytest.raises(MissingError, match=r"cannot read .*mysql_r9\.charm: No such file"):
        await read_identities(text, charms, there(RECORD), None)


async def test_a_login_is_no_part_of_the_checksum(charm: Charm, tuning: Path) -> None:
    plain = await read_identities(bundle(parsed(tuning)), {"db": charm}, EMPTY, None)
    login = await read_identities(bundle(parsed(tuning)), {"db": charm}, EMPTY, AUTH)
    before, after = (found["db"].resources["mysql-image"] for found in (plain, login))
    assert before.sha256 == after.sha256
    assert after.has_login
    assert after.fingerprints.isdisjoint(before.fingerprints)
    assert after.without_login == before.fingerprints
    text = bundle(parsed(tuning, "other:5000/mysql:8"))
    other = (await read_identities(text, {"db": charm}, EMPTY, AUTH))["db"].resources["mysql-image"]
    assert (other.has_login, other.without_login) == (False, frozenset())
    own = dataclasses.replace(
        text.applications["db"],
        logins={"mysql-image": ImageLogin(fields={"username": "u", "password": "p"})},
    )
    text = dataclasses.replace(text, applications={"db": own})
    assert (
        (await read_identities(text, {"db": charm}, EMPTY, AUTH))["db"]
        .resources["mysql-image"]
        .has_login
    )


async def test_what_a_plan_refuses_is_left_out(charm: Charm) -> None:
    text = bundle(
        "applications: {db: {charm: ./m.charm, resources: {mysql-image: 7, tuning: ' ', no: x}},"
        " other: {charm: ./o.charm, resources: {image: x}}}"
    )
    found = await read_identities(text, {"db": charm}, EMPTY, None)
    assert set(found) == {"db"}
    assert found["db"].resources == {}


async def test_a_file_that_is_not_there_is_named(charm: Charm, tmp_path: Path) -> None:
    text = bundle(parsed(tmp_path / "no.cnf"))
    with pytest.raises(MissingError, match=r"no\.cnf"):
        await read_identities(text, {"db": charm}, EMPTY, None)
