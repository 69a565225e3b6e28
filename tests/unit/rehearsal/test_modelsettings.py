from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.model.loggingconfig import parse_logging_config
from ckf_airgap.rehearsal.model.modelschema import PROVIDER_SETTINGS, SETTINGS
from ckf_airgap.rehearsal.model.modelsettings import ModelDefaults, ModelSettings
from ckf_airgap.rehearsal.wire import ApiError

IDENTITY: dict[str, JSONValue] = {
    "name": "kubeflow",
    "type": "kubernetes",
    "uuid": "11111111-1111-4111-8111-111111111111",
    "agent-version": "3.6.28",
}


@pytest.fixture
def defaults() -> ModelDefaults:
    return ModelDefaults.bootstrapped("k8s")


@pytest.fixture
def settings(defaults: ModelDefaults) -> ModelSettings:
    return made(defaults)


def made(defaults: ModelDefaults, region: str = "default", **given: JSONValue) -> ModelSettings:
    changes = {name.replace("_", "-"): value for name, value in given.items()}
    return ModelSettings(
        identity=IDENTITY, given=changes, defaults=defaults, cloud="k8s", region=region
    )


def shown(settings: ModelSettings, name: str) -> tuple[Any, Any]:
    entry: Any = settings.described()[name]
    return entry["value"], entry["source"]


def refusal(settings: ModelSettings, changes: Document, *, superuser: bool = True) -> str:
    before = dict(settings.values)
    with pytest.raises(ApiError) as caught:
        settings.set(changes, is_superuser=superuser)
    assert settings.values == before
    return caught.value.message


def test_every_setting_that_has_a_default_is_there_with_its_source(
    settings: ModelSettings,
) -> None:
    described = settings.described()
    assert shown(settings, "update-status-hook-interval") == ("5m", "default")
    assert shown(settings, "num-provision-workers") == (16, "default")
    assert shown(settings, "automatically-retry-hooks") == (True, "default")
    assert shown(settings, "operator-storage") == ("standard", "controller")
    assert shown(settings, "storage-default-block-source") == ("kubernetes", "model")
    assert shown(settings, "logging-config") == ("<root>=INFO", "model")
    assert shown(settings, "resource-tags") == ({}, "model")
    assert shown(settings, "default-series") == ("", "default")
    without_default = {
        name
        for name, field in {**SETTINGS, **PROVIDER_SETTINGS}.items()
        if field.default is None and name not in IDENTITY
    }
    assert without_default - described.keys() == {
        "authorized-keys",
        "extra-info",
        "syslog-ca-cert",
        "syslog-client-cert",
        "syslog-client-key",
        "syslog-host",
    }


def test_text_becomes_a_value_of_the_settings_type(settings: ModelSettings) -> None:
    changes: Document = {
        "development": "True",
        "num-provision-workers": "0x10",
        "net-bond-reconfigure-delay": 3.9,
        "resource-tags": "a=1 b=2",
        "mine": "kept",
    }
    settings.set(changes, is_superuser=True)
    assert shown(settings, "development") == (True, "model")
    assert shown(settings, "num-provision-workers") == (16, "default")
    assert shown(settings, "net-bond-reconfigure-delay") == (3, "model")
    assert shown(settings, "resource-tags") == ({"a": "1", "b": "2"}, "model")
    assert shown(settings, "mine") == ("kept", "model")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"update-status-hook-interval": "abc"},
            (
                "invalid update status hook interval in model configuration: "
                'time: invalid duration "abc"'
            ),
        ),
        (
            {"update-status-hook-interval": "5"},
            (
                "invalid update status hook interval in model configuration: "
                'time: missing unit in duration "5"'
            ),
        ),
        (
            {"max-status-history-age": "3d"},
            (
                "invalid max status history age in model configuration: "
                'time: unknown unit "d" in duration "3d"'
            ),
        ),
        (
            {"max-status-history-size": "lots"},
            (
                "invalid max status history size in model configuration: "
                'expected a non-negative number, got "lots"'
            ),
        ),
        (
            {"max-action-results-size": "5X"},
            (
                "invalid max action size in model configuration: "
                'invalid multiplier suffix "X", expected one of MGTPEZY'
            ),
        ),
        (
            {"provisioner-harvest-mode": "invalid"},
            'provisioner-harvest-mode: expected one of [all none unknown destroyed], got "invalid"',
        ),
        ({"development": "maybe"}, 'development: expected bool, got string("maybe")'),
        ({"development": 1}, "development: expected bool, got float64(1)"),
        (
            {"num-provision-workers": "many"},
            'num-provision-workers: expected number, got string("many")',
        ),
        ({"num-provision-workers": 101}, "num-provision-workers: must be less than 100"),
        ({"http-proxy": True}, "http-proxy: expected string, got bool(true)"),
        ({"http-proxy": None}, "http-proxy: expected string, got nothing"),
        ({"logging-config": "unit"}, "config value expected '=', found \"unit\""),
        ({"logging-config": "unit=LOUD"}, 'unknown severity level "LOUD"'),
        ({"logging-config": "=INFO"}, 'config value "=INFO" has missing module name'),
        ({"logging-output": "paper"}, 'logging-output "paper" not valid'),
        ({"resource-tags": "a"}, 'resource-tags: expected "key=value", got "a"'),
        (
            {"resource-tags": "juju-x=1"},
            'validating resource tags: tag "juju-x" uses reserved prefix "juju-"',
        ),
        ({"mode": "lenient"}, 'mode(s) "lenient" not valid'),
        ({"ssh-allow": "10.0.0.0"}, 'cidr "10.0.0.0" not valid'),
        ({"saas-ingress-allow": ""}, "empty cidrs not valid"),
        ({"egress-subnets": "0.0.0.0/0"}, 'CIDR "0.0.0.0/0" not allowed'),
        ({"egress-subnets": "x"}, "invalid egress subnet: x: invalid CIDR address: x"),
        ({"fan-config": "a"}, "invalid FAN config entry: a"),
        (
            {"fan-config": "10.0.0.0/8=172.16.0.0/16"},
            (
                "invalid FAN config, underlay mask must be larger than overlay: "
                "10.0.0.0/8=172.16.0.0/16"
            ),
        ),
        (
            {"container-networking-method": "magic"},
            "Invalid value for container-networking-method - magic",
        ),
        ({"cloudinit-userdata": "users: []"}, "cloudinit-userdata: users not allowed"),
        (
            {"container-inherit-properties": "x, ca-certs"},
            "container-inherit-properties: x not allowed",
        ),
        (
            {"default-base": "jammy"},
            (
                'invalid default base "jammy": '
                "expected base string to contain os and channel separated by '@'"
            ),
        ),
        ({"default-base": "ubuntu@18.04"}, 'base "ubuntu@18.04" not supported'),
        (
            {"default-base": "ubuntu@22.04/odd"},
            'invalid default base "ubuntu@22.04/odd": risk in channel "22.04/odd" not valid',
        ),
        ({"default-series": "wily"}, 'series "wily" not valid'),
        (
            {"default-series": "jammy", "default-base": "ubuntu@22.04"},
            "cannot set both default-series and default-base",
        ),
        ({"default-space": "beta"}, 'space "beta" not found'),
        ({"secret-backend": ""}, 'empty "secret-backend" config value not valid'),
        ({"secret-backend": "vault"}, 'secret backend "vault" not found'),
        ({"authorized-keys": "ssh-rsa x"}, "authorized-keys cannot be set"),
        ({"agent-version": "3.6.13"}, "agent-version cannot be changed"),
        ({"charmhub-url": "https://else"}, "charmhub-url cannot be changed"),
        (
            {"firewall-mode": "global"},
            'invalid k8s provider config: cannot change firewall-mode from "instance" to "global"',
        ),
        (
            {"firewall-mode": "wide"},
            'firewall-mode: expected one of [instance global none], got "wide"',
        ),
        ({"api-port": 1}, 'cannot set controller attribute "api-port" on a model'),
        ({"ca-private-key": "x"}, "ca-private-key should never be written to the state"),
        (
            {"http-proxy": "http://a", "juju-https-proxy": "http://b"},
            "cannot specify both legacy proxy values and juju proxy values",
        ),
    ],
)
def test_a_value_that_a_model_may_not_have_is_refused_in_jujus_words(
    settings: ModelSettings, changes: Document, message: str
) -> None:
    assert refusal(settings, changes) == message


def test_an_interval_below_a_minute_is_taken_as_juju_takes_it(settings: ModelSettings) -> None:
    """Charm suites speed hooks up with ``10s``; Juju means to refuse it, and does not."""
    settings.set({"update-status-hook-interval": "10s"}, is_superuser=True)
    assert shown(settings, "update-status-hook-interval") == ("10s", "model")


def test_trace_is_for_superusers(settings: ModelSettings) -> None:
    message = refusal(settings, {"logging-config": "unit=TRACE"}, superuser=False)
    assert message == "only controller admins can set a model's logging level to TRACE"
    settings.set({"logging-config": "unit=TRACE"}, is_superuser=True)


def test_a_series_is_said_as_a_base(settings: ModelSettings) -> None:
    settings.set({"default-series": "jammy"}, is_superuser=True)
    assert shown(settings, "default-base") == ("ubuntu@22.04/stable", "model")
    assert shown(settings, "default-series") == ("jammy", "model")
    settings.unset(["default-series"])
    assert shown(settings, "default-base") == ("", "default")


def test_a_setting_goes_back_to_what_the_model_inherits(
    settings: ModelSettings, defaults: ModelDefaults
) -> None:
    before = settings.described()
    settings.set({"workload-storage": "fast", "mine": "1"}, is_superuser=True)
    settings.unset(["workload-storage", "mine", "never-set"])
    assert settings.described() == before
    defaults.update("k8s", "default", {"workload-storage": "slow"})
    settings.unset(["workload-storage"])
    assert shown(settings, "workload-storage") == ("slow", "region")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("agent-version", "agent-version must always be set in state"),
        ("name", "name: expected string, got nothing"),
    ],
)
def test_what_a_model_needs_is_not_reset(settings: ModelSettings, name: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        settings.unset([name])
    assert caught.value.message == message


def test_new_models_take_the_defaults_of_cloud_and_region(defaults: ModelDefaults) -> None:
    defaults.update("k8s", "", {"development": "true", "http-proxy": "http://cloud"})
    defaults.update("k8s", "default", {"http-proxy": "http://region"})
    settings = made(defaults, proxy_ssh="true")
    assert shown(settings, "development") == (True, "controller")
    assert shown(settings, "http-proxy") == ("http://region", "region")
    assert shown(settings, "proxy-ssh") == (True, "model")
    assert shown(made(defaults, region=""), "http-proxy") == ("http://cloud", "controller")


def test_defaults_are_described_by_where_they_come_from(defaults: ModelDefaults) -> None:
    defaults.update("k8s", "", {"num-provision-workers": "8"})
    defaults.update("k8s", "default", {"num-provision-workers": 9, "mine": "x"})
    described = defaults.describe("k8s", ["default", "other"])
    assert described["num-provision-workers"] == {
        "default": 16,
        "controller": 8,
        "regions": [{"region-name": "default", "value": 9}],
    }
    assert described["mine"] == {"regions": [{"region-name": "default", "value": "x"}]}
    defaults.update("k8s", "", {}, removed=["num-provision-workers"])
    defaults.update("k8s", "default", {}, removed=["num-provision-workers", "mine"])
    described = defaults.describe("k8s", ["default"])
    assert described["num-provision-workers"] == {"default": 16}
    assert "mine" not in described


def test_a_default_that_no_model_may_have_is_refused(defaults: ModelDefaults) -> None:
    with pytest.raises(ApiError, match='time: invalid duration "abc"'):
        defaults.update("k8s", "", {"update-status-hook-interval": "abc", "development": True})
    assert defaults.inherited("k8s", "default")["development"] is False


def test_a_model_is_not_made_with_a_bad_value(defaults: ModelDefaults) -> None:
    with pytest.raises(ApiError) as caught:
        made(defaults, mode="lenient")
    assert caught.value.message == (
        'creating config from values failed: mode(s) "lenient" not valid'
    )


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", {}),
        ("debug", {"<root>": "DEBUG"}),
        ("<root>=INFO;unit=warn", {"<root>": "INFO", "unit": "WARNING"}),
        ("#Http=TRACE", {"#http": "TRACE"}),
    ],
)
def test_a_logging_config_is_levels_by_module(text: str, levels: dict[str, str]) -> None:
    assert parse_logging_config(text) == levels
