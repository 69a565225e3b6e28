"""Each file, read by a parser of its format, says what its readers are to do."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.mirrors.containerd import directory_of
from ckf_airgap.mirrors.files import mirror_files
from ckf_airgap.mirrors.formats import MIRROR_FORMATS
from ckf_airgap.mirrors.plan import PUBLIC_REGISTRIES, MirrorPlan, plan_of

tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

REGISTRY = Registry.parse("reg.airgap:5000/team/ckf")
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMEOW\n-----END CERTIFICATE-----\n"
WITH_CA = plan_of(REGISTRY, authority=AUTHORITY)
WITHOUT_TLS = plan_of(Registry.parse("10.0.0.1:5000"), plain_http=True)


def filled_in(text: str) -> str:
    """Return a text as it is when the marks of the login are taken away."""
    return re.sub("^#login# ", "", text, flags=re.MULTILINE)


def hosts_toml(plan: MirrorPlan, host: str, kind: str = "containerd") -> Mapping[str, Any]:
    text = mirror_files(plan)[f"{kind}/certs.d/{host}/hosts.toml"]
    document: Mapping[str, Any] = tomllib.loads(text)
    return document


@pytest.mark.parametrize("kind", ["containerd", "microk8s"])
@pytest.mark.parametrize("host", PUBLIC_REGISTRIES)
def test_containerd_asks_the_private_registry_first_and_last(kind: str, host: str) -> None:
    document = hosts_toml(WITH_CA, host, kind)
    url = "https://reg.airgap:5000/v2/team/ckf"
    settings = {
        "capabilities": ["pull", "resolve"],
        "override_path": True,
        "ca": "../reg.airgap_5000_/ca.crt",
    }
    assert document == {"server": url, **settings, "host": {url: settings}}


def test_containerd_asks_the_private_registry_by_its_own_name_without_a_path() -> None:
    document = hosts_toml(WITH_CA, "reg.airgap_5000_")
    url = "https://reg.airgap:5000"
    settings = {"capabilities": ["pull", "resolve", "push"], "ca": "ca.crt"}
    assert document == {"server": url, **settings, "host": {url: settings}}
    assert mirror_files(WITH_CA)["containerd/certs.d/reg.airgap_5000_/ca.crt"] == AUTHORITY


def test_containerd_without_tls_and_path() -> None:
    document = hosts_toml(WITHOUT_TLS, "quay.io")
    settings = {"capabilities": ["pull", "resolve"], "override_path": True}
    url = "http://10.0.0.1:5000/v2"
    assert document == {"server": url, **settings, "host": {url: settings}}
    assert hosts_toml(WITHOUT_TLS, "10.0.0.1_5000_")["server"] == "http://10.0.0.1:5000"


@pytest.mark.parametrize("host", ["docker.io", "reg.airgap_5000_"])
def test_containerd_sends_the_login_once_it_is_filled_in(host: str) -> None:
    text = mirror_files(WITH_CA)[f"containerd/certs.d/{host}/hosts.toml"]
    document = tomllib.loads(filled_in(text))
    login = {"authorization": "Basic LOGIN-IN-BASE64"}
    assert document["header"] == login
    assert [one["header"] for one in document["host"].values()] == [login]
    for table in (document, *document["host"].values()):
        del table["header"]
    assert document == tomllib.loads(text)


@pytest.mark.parametrize(
    ("host", "directory"),
    [
        ("docker.io", "docker.io"),
        ("reg.airgap:5000", "reg.airgap_5000_"),
        ("[fd00::1]:5000", "[fd00::1]_5000_"),
        ("[fd00::1]", "[fd00::1]"),
    ],
)
def test_directories_of_containerd_are_named_after_host_and_port(host: str, directory: str) -> None:
    assert directory_of(host) == directory


@pytest.mark.parametrize("host", PUBLIC_REGISTRIES)
def test_k3s_puts_the_path_in_front_of_the_name(host: str) -> None:
    document = yaml.safe_load(mirror_files(WITH_CA)["k3s/registries.yaml"])
    mirror = document["mirrors"][host]
    assert mirror["endpoint"] == ["https://reg.airgap:5000"]
    ((pattern, replacement),) = mirror["rewrite"].items()
    name = re.sub(pattern, replacement.replace("$1", r"\1"), "library/alpine")
    assert name == "team/ckf/library/alpine"


def test_k3s_trusts_the_authority_of_the_registry_alone() -> None:
    files = mirror_files(WITH_CA)
    document = yaml.safe_load(files["k3s/registries.yaml"])
    path = "/etc/rancher/ckf-airgap-ca.crt"
    assert document["configs"] == {"reg.airgap:5000": {"tls": {"ca_file": path}}}
    assert set(document["mirrors"]) == set(PUBLIC_REGISTRIES)
    assert files["k3s/ca.crt"] == AUTHORITY
    assert f"install -m 644 k3s/ca.crt {path}\n" in files["README.txt"]


@pytest.mark.parametrize("plan", [WITH_CA, WITHOUT_TLS, plan_of(REGISTRY)])
def test_k3s_logs_in_once_the_login_is_filled_in(plan: MirrorPlan) -> None:
    text = mirror_files(plan)["k3s/registries.yaml"]
    before, after = yaml.safe_load(text), yaml.safe_load(filled_in(text))
    config = after["configs"][plan.registry.host]
    assert config.pop("auth") == {"username": "USER", "password": "PASSWORD"}
    assert config == before.get("configs", {}).get(plan.registry.host, {})
    assert after["mirrors"] == before["mirrors"]


def test_k3s_without_tls_and_path() -> None:
    document = yaml.safe_load(mirror_files(WITHOUT_TLS)["k3s/registries.yaml"])
    assert document["mirrors"]["quay.io"] == {"endpoint": ["http://10.0.0.1:5000"]}
    assert document["mirrors"]["10.0.0.1:5000"] == {"endpoint": ["http://10.0.0.1:5000"]}
    assert "configs" not in document


def test_crio_asks_nothing_but_the_mirror() -> None:
    files = mirror_files(WITH_CA)
    document = tomllib.loads(files["crio/registries.conf.d/50-ckf-airgap.conf"])
    assert document["registry"] == [
        {
            "prefix": host,
            "location": host,
            "blocked": True,
            "mirror": [{"location": "reg.airgap:5000/team/ckf"}],
        }
        for host in PUBLIC_REGISTRIES
    ]
    assert files["crio/ca.crt"] == AUTHORITY
    assert json.loads(files["crio/auth.json"]) == {
        "auths": {"reg.airgap:5000": {"auth": "LOGIN-IN-BASE64"}}
    }
    page = files["README.txt"]
    assert "cp crio/ca.crt '/etc/containers/certs.d/reg.airgap:5000/ca.crt'\n" in page


def test_crio_without_tls() -> None:
    text = mirror_files(WITHOUT_TLS)["crio/registries.conf.d/50-ckf-airgap.conf"]
    *mirrored, own = tomllib.loads(text)["registry"]
    assert {one["prefix"] for one in mirrored} == set(PUBLIC_REGISTRIES)
    assert all(
        one["mirror"] == [{"location": "10.0.0.1:5000", "insecure": True}] for one in mirrored
    )
    assert own == {"prefix": "10.0.0.1:5000", "location": "10.0.0.1:5000", "insecure": True}


def test_no_file_names_an_authority_that_there_is_not() -> None:
    for path, text in mirror_files(plan_of(REGISTRY)).items():
        assert "ca.crt" not in path
        assert "ca.crt" not in text, path


@pytest.mark.parametrize("plan", [WITH_CA, WITHOUT_TLS])
def test_no_path_has_what_a_file_system_refuses(plan: MirrorPlan) -> None:
    assert [path for path in mirror_files(plan) if not re.fullmatch(r"[\w./-]+", path)] == []


@pytest.mark.parametrize("kind", MIRROR_FORMATS)
def test_one_kind_of_nodes_gets_its_files_and_its_part_of_the_page(kind: str) -> None:
    (chosen,) = (one for one in MIRROR_FORMATS if one == kind)
    files = mirror_files(WITH_CA, [chosen])
    assert {path.partition("/")[0] for path in files} == {kind, "README.txt", "mirrors.json"}
    titles = {
        "containerd": "\ncontainerd\n---",
        "k3s": "\nK3s and RKE2\n---",
        "microk8s": "\nMicroK8s\n---",
        "crio": "\nCRI-O and podman\n---",
    }
    assert [one for one, title in titles.items() if title in files["README.txt"]] == [kind]


def test_the_page_says_what_mirrors_cannot_give() -> None:
    names = [f"gcr.io/a/b/c/d{number}:1" for number in range(25)]
    references = [ImageReference.parse(one) for one in (*names, "gcr.io/a/b:1")]
    mapping = retag_images(references, REGISTRY, max_depth=4)
    files = mirror_files(plan_of(REGISTRY, mapping=mapping))
    page = files["README.txt"]
    assert "(number: 25)" in page
    assert all(f"    {name}\n" in page for name in names[:20])
    assert names[20] not in page
    assert "and 5 more, all of them in mirrors.json\n" in page
    assert json.loads(files["mirrors.json"])["unreachable"] == names
    assert "Not to be had" not in mirror_files(plan_of(REGISTRY))["README.txt"]


def test_the_page_warns_of_a_registry_without_tls() -> None:
    assert "10.0.0.1:5000 is spoken to without TLS" in mirror_files(WITHOUT_TLS)["README.txt"]
    assert "without TLS" not in mirror_files(WITH_CA)["README.txt"]
