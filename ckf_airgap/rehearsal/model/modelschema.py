"""The settings of a model: their types and defaults, as ``environs/config`` of Juju 3.6 has them.

Pure data. A cloud adds its provider's two settings: the storage classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import JSONValue

FieldType: TypeAlias = Literal["string", "bool", "int", "attrs"]

AGENT_VERSION_KEY: Final = "agent-version"
AUTHORIZED_KEYS: Final = "authorized-keys"
CHARMHUB_URL: Final = "charmhub-url"
DEFAULT_BASE: Final = "default-base"
DEFAULT_SERIES: Final = "default-series"
OPERATOR_STORAGE: Final = "operator-storage"
WORKLOAD_STORAGE: Final = "workload-storage"
UPDATE_STATUS_INTERVAL: Final = "update-status-hook-interval"
LOGGING_CONFIG: Final = "logging-config"

DEFAULT_LOGGING: Final = "<root>=INFO"
"""What an empty ``logging-config`` means, and becomes in a model."""

_LOCAL: Final = "127.0.0.1,localhost,::1"
_ANYWHERE: Final = "0.0.0.0/0,::/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingField:
    """One setting of models.

    Attributes:
        type: What its value is; ``attrs`` is a mapping, given as ``key=value key=value``.
        default: The value a model has unless it is set; ``None`` for no value at all.
        values: The only values allowed; empty for any.
        may_be_empty: Whether an empty value is valid. Zero counts as empty.
    """

    type: FieldType = "string"
    default: JSONValue = None
    values: tuple[str, ...] = ()
    may_be_empty: bool = True


def _text(default: str = "") -> SettingField:
    return SettingField(default=default)


def _flag(default: bool) -> SettingField:
    return SettingField(type="bool", default=default)


def _number(default: int) -> SettingField:
    return SettingField(type="int", default=default)


_UNSET: Final = SettingField()
_NEEDED: Final = SettingField(may_be_empty=False)

SETTINGS: Final[Mapping[str, SettingField]] = {
    "agent-metadata-url": _text(),
    "agent-stream": _text("released"),
    AGENT_VERSION_KEY: _UNSET,
    "apt-ftp-proxy": _text(),
    "apt-http-proxy": _text(),
    "apt-https-proxy": _text(),
    "apt-mirror": _text(),
    "apt-no-proxy": _text(),
    AUTHORIZED_KEYS: _UNSET,
    "automatically-retry-hooks": _flag(True),
    "backup-dir": _text(),
    CHARMHUB_URL: _text("https://api.charmhub.io"),
    "cloudinit-userdata": _text(),
    "container-image-metadata-defaults-disabled": _flag(False),
    "container-image-metadata-url": _text(),
    "container-image-stream": _text("released"),
    "container-inherit-properties": _text(),
    "container-networking-method": _text(),
    DEFAULT_BASE: _text(),
    "default-space": _text(),
    "development": _flag(False),
    "disable-network-management": _flag(False),
    "disable-telemetry": _flag(False),
    "egress-subnets": _text(),
    "enable-os-refresh-update": _flag(True),
    "enable-os-upgrade": _flag(True),
    "extra-info": _UNSET,
    "fan-config": _text(),
    "firewall-mode": SettingField(default="instance", values=("instance", "global", "none")),
    "ftp-proxy": _text(),
    "http-proxy": _text(),
    "https-proxy": _text(),
    "ignore-machine-addresses": _flag(False),
    "image-metadata-defaults-disabled": _flag(False),
    "image-metadata-url": _text(),
    "image-stream": _text("released"),
    "juju-ftp-proxy": _text(),
    "juju-http-proxy": _text(),
    "juju-https-proxy": _text(),
    "juju-no-proxy": _text(_LOCAL),
    "logforward-enabled": _flag(False),
    LOGGING_CONFIG: _text(),
    "logging-output": _text(),
    "lxd-snap-channel": _text("5.0/stable"),
    "max-action-results-age": _text("336h"),
    "max-action-results-size": _text("5G"),
    "max-status-history-age": _text("336h"),
    "max-status-history-size": _text("5G"),
    "mode": _text("requires-prompts"),
    "name": _NEEDED,
    "net-bond-reconfigure-delay": _number(17),
    "no-proxy": _text(_LOCAL),
    "num-container-provision-workers": _number(4),
    "num-provision-workers": _number(16),
    "provisioner-harvest-mode": SettingField(
        default="destroyed", values=("all", "none", "unknown", "destroyed")
    ),
    "proxy-ssh": _flag(False),
    "resource-tags": SettingField(type="attrs", default=""),
    "saas-ingress-allow": _text(_ANYWHERE),
    "secret-backend": SettingField(default="auto", may_be_empty=False),
    "snap-http-proxy": _text(),
    "snap-https-proxy": _text(),
    "snap-store-assertions": _text(),
    "snap-store-proxy": _text(),
    "snap-store-proxy-url": _text(),
    "ssh-allow": _text(_ANYWHERE),
    "ssl-hostname-verification": _flag(True),
    "storage-default-block-source": _UNSET,
    "storage-default-filesystem-source": _UNSET,
    "syslog-ca-cert": _UNSET,
    "syslog-client-cert": _UNSET,
    "syslog-client-key": _UNSET,
    "syslog-host": _UNSET,
    "test-mode": _flag(False),
    "transmit-vendor-metrics": _flag(True),
    "type": _NEEDED,
    UPDATE_STATUS_INTERVAL: _text("5m"),
    "uuid": _NEEDED,
}
"""The settings that every model has, whatever its cloud."""

PROVIDER_SETTINGS: Final[Mapping[str, SettingField]] = {
    WORKLOAD_STORAGE: _text(),
    OPERATOR_STORAGE: _text(),
}
"""The settings that a Kubernetes cloud adds (``internal/provider/kubernetes``)."""

IMMUTABLE: Final = ("name", "type", "uuid", "firewall-mode", CHARMHUB_URL)
"""What cannot be changed while the model lives, in the order in which it is checked."""

DISALLOWED: Final = ("admin-secret", "ca-private-key")
"""What Juju never writes to a model's settings."""


def juju_defaults() -> dict[str, JSONValue]:
    """Return the default settings of a new model."""
    return {
        name: field.default
        for name, field in {**SETTINGS, **PROVIDER_SETTINGS}.items()
        if field.default is not None
    }
