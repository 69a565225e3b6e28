"""Settings are checked against what the charms declare, and read as Juju reads them."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import (
    Setting,
    document_of_settings,
    option_problems,
    resource_problems,
)
from ckf_airgap.charms.charm import Charm, Option, OptionType, Resource
from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import ExitCode, UsageError

TYPES: dict[str, OptionType] = {
    "istio.gateway.name": "string",
    "replicas": "int",
    "debug": "boolean",
    "ratio": "float",
}
CHARMS = {
    "knative-serving": Charm(
        name="knative-serving",
        options={name: Option(name=name, type=kind) for name, kind in TYPES.items()},
        resources={"oci-image": Resource(name="oci-image")},
    ),
    "minio": Charm(name="minio", options={"port": Option(name="port", type="int")}),
}


def bundle(fields: str = "") -> Bundle:
    text = f"applications: {{knative-serving: {{charm: x, {fields}}}, minio: {{charm: minio}}}}"
    return Bundle.from_document(load_mapping(text, where="x"), where="x")


@pytest.mark.parametrize(
    ("text", "application", "name", "value"),
    [
        ("minio.port=9000", "minio", "port", "9000"),
        ("knative-serving.istio.gateway.name=x", "knative-serving", "istio.gateway.name", "x"),
        ("a.b=", "a", "b", ""),
        ("a.b=c=d", "a", "b", "c=d"),
        ("a.b=x.y=z", "a", "b", "x.y=z"),
        ("a.b= c\nd ", "a", "b", " c\nd "),
        ('a.b={"c": "d"}', "a", "b", '{"c": "d"}'),
    ],
)
def test_a_setting_is_taken_apart(text: str, application: str, name: str, value: str) -> None:
    found = Setting.parse(text)
    assert (found.application, found.option, found.value) == (application, name, value)
    assert str(found) == f"{application}.{name}"


@pytest.mark.parametrize("text", ["", "a", "a.b", "a=b", "=b", ".b=c", "a.=c", "a=b.c", "."])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a setting") as raised:
        Setting.parse(text)
    assert raised.value.exit_code is ExitCode.USAGE
    assert "APP.OPTION=VALUE" in raised.value.fix


def test_settings_become_an_overlay_in_the_types_of_the_options() -> None:
    texts = (
        "knative-serving.replicas=3",
        "knative-serving.debug=true",
        "knative-serving.istio.gateway.name=a=b",
        "minio.port=9000",
        "minio.port=9001",
        "minio.trust=true",
    )
    document, problems = document_of_settings(map(Setting.parse, texts), bundle(), CHARMS)
    assert problems == []
    assert document == {
        "applications": {
            "knative-serving": {
                "options": {"replicas": 3, "debug": True, "istio.gateway.name": "a=b"}
            },
            "minio": {"options": {"port": 9001, "trust": "true"}},
        }
    }


def test_no_settings_are_no_overlay() -> None:
    assert document_of_settings([], bundle(), CHARMS) == ({}, [])


def test_every_wrong_setting_is_named_with_the_nearest() -> None:
    texts = ("knative-servin.debug=true", "minio.prot=1", "minio.port=x", "zzz.a=b", "minio.zz=")
    document, problems = document_of_settings(map(Setting.parse, texts), bundle(), CHARMS)
    assert document == {}
    assert [str(problem) for problem in problems] == [
        (
            "--set knative-servin.debug: there is no application knative-servin "
            "(did you mean 'knative-serving'?)"
        ),
        "--set minio.prot: charm minio has no option prot (did you mean 'port'?)",
        "--set minio.port: expected int, got 'x'",
        "--set zzz.a: there is no application zzz",
        "--set minio.zz: charm minio has no option zz",
    ]


def test_options_of_the_bundle_are_checked_against_the_charm() -> None:
    found = option_problems(
        bundle("options: {replicas: many, debg: true, ratio: 1, debug: 'true', trust: true}"),
        CHARMS,
    )
    assert [str(problem) for problem in found] == [
        "application knative-serving, option replicas: expected int, got 'many'",
        (
            "application knative-serving, option debg: charm knative-serving has no option debg "
            "(did you mean 'debug'?)"
        ),
    ]


def test_resources_of_the_bundle_are_checked_against_the_charm() -> None:
    found = resource_problems(bundle("resources: {oci-image: a/b:1, oci-imag: 5}"), CHARMS)
    assert [str(problem) for problem in found] == [
        (
            "application knative-serving, resource oci-imag: charm knative-serving has no such "
            "resource (did you mean 'oci-image'?)"
        )
    ]
