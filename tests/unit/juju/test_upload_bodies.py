from __future__ import annotations

import pytest
import yaml

from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.sending import error_text
from ckf_airgap.juju.controller.upload import (
    RegistryAuth,
    RegistryLogin,
    image_details,
    image_documents,
)
from ckf_airgap.juju.planning.steps import ResourceUpload


@pytest.mark.parametrize(
    ("registry", "reference", "expected"),
    [
        ("reg:5000", "reg:5000/kubeflow/x:1", True),
        ("reg:5000", "reg:5000/x@sha256:" + "0" * 64, True),
        ("reg:5000/", "reg:5000/kubeflow/x:1", True),
        ("reg:5000/team", "reg:5000/team/x:1", True),
        ("reg:5000/team", "reg:5000/teams/x:1", False),
        ("reg:5000", "reg:50001/x:1", False),
        ("reg.internal", "reg.internal.evil.example/x:1", False),
        ("reg.internal", "reg.internal@evil.example/x:1", False),
        ("reg.internal", "reg.internal/../x:1", False),
        ("reg.internal", "evil.example/reg.internal/x:1", False),
        ("docker.io", "x:1", False),
    ],
)
def test_a_login_is_for_one_registry(registry: str, reference: str, expected: bool) -> None:
    auth = RegistryAuth(username="u", password="p", registry=Registry.parse(registry))
    assert auth.is_for(reference) is expected
    details = yaml.safe_load(image_details(reference, auth))
    assert details == {
        "registrypath": reference,
        "username": "u" if expected else "",
        "password": "p" if expected else "",
    }


def test_a_login_is_for_the_registry_it_is_bound_to() -> None:
    login = RegistryLogin(username="u", password="s3cr3t")
    assert "s3cr3t" not in repr(login)
    auth = login.at(Registry.parse("reg:5000"))
    assert "s3cr3t" not in repr(auth)
    assert auth == RegistryAuth(
        username="u", password="s3cr3t", registry=Registry.parse("reg:5000")
    )


def test_credentials_survive_as_yaml() -> None:
    auth = RegistryAuth(
        username="'a: b#", password='{"x": [1]}\n\t"%', registry=Registry.parse("reg:5000")
    )
    details = yaml.safe_load(image_details("reg:5000/x:1", auth))
    assert (details["username"], details["password"]) == (auth.username, auth.password)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"error":"cannot upload charm: x","error-code":"bad request"}', "cannot upload charm: x"),
        (
            '{"error":{"message":"application \\"x\\" not found","code":"not found"}}',
            'application "x" not found',
        ),
        ("authentication failed: bad\n", "authentication failed: bad"),
        ("[1]", "[1]"),
        ("", ""),
        ("x" * 900, "x" * 500),
    ],
)
def test_error_bodies_of_all_shapes(body: str, text: str) -> None:
    assert error_text(body) == text


def test_an_upload_may_take_longer_the_larger_it_is() -> None:
    timeouts = JujuTimeouts(upload_s=10, upload_bytes_per_s=1000)
    assert timeouts.upload(0) == 10
    assert timeouts.upload(5000) == 15


def test_the_login_of_one_image_goes_before_that_of_the_registry() -> None:
    own = ImageLogin(
        fields={"auth": {"value": "dTpw"}, "username": "me", "password": "0123", "region": "x"}
    )
    auth = RegistryAuth(username="u", password="p", registry=Registry("reg:5000"))
    body = image_details("reg:5000/x:1", auth, own)
    assert yaml.safe_load(body) == {
        "registrypath": "reg:5000/x:1",
        "auth": {"value": "dTpw"},
        "username": "me",
        "password": "0123",
        "region": "x",
    }
    assert image_documents("reg:5000/x:1", auth, own) == (body,)
    upload = ResourceUpload(
        name="i", type="oci-image", value="reg:5000/x:1", path="reg:5000/x:1", login=own
    )
    assert "0123" not in repr(upload)
