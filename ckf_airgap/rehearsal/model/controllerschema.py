"""The settings of a controller: types, defaults and checks, as in ``controller`` of Juju 3.6.

Durations are kept as text, as they are shown to clients.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import JSONValue, load_yaml
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.goscalars import (
    duration_text,
    expected,
    parse_duration,
    parse_size_mib,
    to_bool,
    to_int,
    to_string,
)
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

ControllerFieldType: TypeAlias = Literal["string", "bool", "int", "list", "duration"]

CONTROLLER_NAME_KEY: Final = "controller-name"
CONTROLLER_UUID_KEY: Final = "controller-uuid"
CA_CERT_KEY: Final = "ca-cert"
API_PORT_KEY: Final = "api-port"
IMAGE_REPOSITORY_KEY: Final = "caas-image-repo"

_MAX_STATE_BYTES: Final = 16 * 1024 * 1024
_SPACE: Final = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
_METHOD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*\.[A-Za-z][A-Za-z0-9]*")
_READ_ONLY_METHODS: Final = "ReadOnlyMethods"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerField:
    """A controller setting.

    Attributes:
        type: The type of its value.
        default: Its default; ``None`` for no value at all.
        settable: Whether it can be changed after bootstrap.
    """

    type: ControllerFieldType = "string"
    default: JSONValue = None
    settable: bool = False


def _field(
    kind: ControllerFieldType, default: JSONValue = None, *, settable: bool = False
) -> ControllerField:
    return ControllerField(type=kind, default=default, settable=settable)


CONTROLLER_SETTINGS: Final[Mapping[str, ControllerField]] = {
    "agent-logfile-max-backups": _field("int", 2, settable=True),
    "agent-logfile-max-size": _field("string", "100M", settable=True),
    "agent-ratelimit-max": _field("int", settable=True),
    "agent-ratelimit-rate": _field("duration", settable=True),
    "allow-model-access": _field("bool"),
    API_PORT_KEY: _field("int", 17070),
    "api-port-open-delay": _field("duration", "2s", settable=True),
    "application-resource-download-limit": _field("int", settable=True),
    "audit-log-capture-args": _field("bool", False, settable=True),
    "audit-log-exclude-methods": _field("list", [_READ_ONLY_METHODS], settable=True),
    "audit-log-max-backups": _field("int", 10, settable=True),
    "audit-log-max-size": _field("string", "300M", settable=True),
    "auditing-enabled": _field("bool", True, settable=True),
    "autocert-dns-name": _field("string"),
    "autocert-url": _field("string"),
    CA_CERT_KEY: _field("string"),
    IMAGE_REPOSITORY_KEY: _field("string", settable=True),
    "caas-operator-image-path": _field("string"),
    "controller-api-port": _field("int", settable=True),
    CONTROLLER_NAME_KEY: _field("string"),
    "controller-resource-download-limit": _field("int", settable=True),
    CONTROLLER_UUID_KEY: _field("string"),
    "features": _field("list", settable=True),
    "http-server-read-timeout": _field("duration", "0s", settable=True),
    "http-server-write-timeout": _field("duration", "0s", settable=True),
    "identity-public-key": _field("string"),
    "identity-url": _field("string"),
    "idle-connection-timeout": _field("duration", "30s"),
    "juju-db-snap-channel": _field("string", "4.4.30/stable"),
    "juju-ha-space": _field("string", settable=True),
    "juju-mgmt-space": _field("string", settable=True),
    "jujud-controller-snap-source": _field("string", "legacy"),
    "login-token-refresh-url": _field("string"),
    "max-agent-state-size": _field("int", 512 * 1024, settable=True),
    "max-charm-state-size": _field("int", 2 * 1024 * 1024, settable=True),
    "max-debug-log-duration": _field("duration", "24h0m0s", settable=True),
    "max-prune-txn-batch-size": _field("int", 1_000_000, settable=True),
    "max-prune-txn-passes": _field("int", 100, settable=True),
    "max-txn-log-size": _field("string", "10M"),
    "metering-url": _field("string", "https://api.jujucharms.com/omnibus/v3"),
    "migration-agent-wait-time": _field("duration", "15m0s", settable=True),
    "model-logfile-max-backups": _field("int", 2, settable=True),
    "model-logfile-max-size": _field("string", "10M", settable=True),
    "model-logs-size": _field("string", "20M", settable=True),
    "mongo-memory-profile": _field("string", "default", settable=True),
    "prune-txn-query-count": _field("int", 1000, settable=True),
    "prune-txn-sleep-time": _field("duration", "10ms", settable=True),
    "public-dns-address": _field("string", settable=True),
    "query-tracing-enabled": _field("bool", False, settable=True),
    "query-tracing-threshold": _field("duration", "1s", settable=True),
    "set-numa-control-policy": _field("bool", False),
    "state-port": _field("int", 37017),
}
"""The settings of a controller, which models cannot have."""


def controller_defaults() -> dict[str, JSONValue]:
    """Return the default settings of a new controller."""
    return {
        name: field.default
        for name, field in CONTROLLER_SETTINGS.items()
        if field.default is not None
    }


def coerced_change(name: str, value: JSONValue) -> JSONValue:
    """Return a new value coerced to the type of its setting, which must be changeable.

    Raises:
        ApiError: when the value has another type, or the setting is unknown or fixed.
    """
    field = CONTROLLER_SETTINGS.get(name)
    if field is None:
        raise ApiError(f"unknown controller config setting {go_value(name)}")
    typed = _coerce(name, value, field.type)
    if not field.settable:
        raise ApiError(f"can't change {go_value(name)} after bootstrap")
    if name in ("juju-ha-space", "juju-mgmt-space") and typed:
        raise ApiError(
            f"invalid config {go_value(name)}={go_value(typed)}: space {go_value(typed)} not found",
            "not found",
        )
    return typed


def check_controller_config(config: Mapping[str, JSONValue]) -> None:
    """Check the values of settings that have the right types.

    Raises:
        ApiError: for the first invalid value.
    """
    for name in ("application-resource-download-limit", "controller-resource-download-limit"):
        if _number(config, name) < 0:
            raise ApiError(
                f"negative {name} ({config[name]}) not valid, use 0 to disable the limit"
            )
    if _number(config, "agent-ratelimit-max") < 0:
        raise ApiError(
            f"negative agent-ratelimit-max ({config['agent-ratelimit-max']}) not valid", NOT_VALID
        )
    _check_rate(config)
    profile = config.get("mongo-memory-profile")
    if profile not in (None, "low", "default"):
        raise ApiError(
            'mongo-memory-profile: expected one of "low" or "default" got '
            f"string({go_value(profile)})"
        )
    if _duration(config, "max-debug-log-duration") == timedelta():
        raise ApiError("max-debug-log-duration cannot be zero")
    _check_sizes(config)
    _check_audit(config)
    port = config.get("controller-api-port")
    if isinstance(port, int):
        _check_port(port, config)
    _check_state_sizes(config)


def _check_rate(config: Mapping[str, JSONValue]) -> None:
    name = "agent-ratelimit-rate"
    rate = _duration(config, name)
    if rate is None:
        return
    if rate == timedelta():
        raise ApiError(f"{name} cannot be zero")
    if rate < timedelta():
        raise ApiError(f"{name} cannot be negative")
    if rate > timedelta(minutes=1):
        raise ApiError(f"{name} must be between 0..1m")


def _check_sizes(config: Mapping[str, JSONValue]) -> None:
    for name, shown, least in (
        ("model-logs-size", "model logs size", "model logs size"),
        ("agent-logfile-max-size", "agent-logfile-max-size", "agent-logfile-max-size"),
        ("model-logfile-max-size", "model-logfile-max-size", "model-logfile-max-size"),
    ):
        size = _size(config, name, f"invalid {shown} in configuration")
        if size is not None and size < 1:
            raise ApiError(f"{least} less than 1 MB not valid", NOT_VALID)
    for name in ("agent-logfile-max-backups", "model-logfile-max-backups"):
        if _number(config, name) < 0:
            raise ApiError(f"negative {name} not valid", NOT_VALID)


def _check_audit(config: Mapping[str, JSONValue]) -> None:
    size = _size(config, "audit-log-max-size", "invalid audit log max size in configuration")
    if config.get("auditing-enabled") is True and not size:
        raise ApiError("invalid audit log max size: can't be 0 if auditing is enabled")
    backups = _number(config, "audit-log-max-backups")
    if backups < 0:
        raise ApiError(
            "invalid audit log max backups: should be a number of files (or 0 to keep all), "
            f"got {backups}"
        )
    methods = config.get("audit-log-exclude-methods")
    for position, method in enumerate(methods if isinstance(methods, list) else (), start=1):
        if method != _READ_ONLY_METHODS and not _METHOD_NAME.search(str(method)):
            raise ApiError(
                'invalid audit log exclude methods: should be a list of "Facade.Method" names '
                f'(or "ReadOnlyMethods"), got {go_value(method)} at position {position}'
            )


def _check_port(port: int, config: Mapping[str, JSONValue]) -> None:
    if port < 0:
        raise ApiError("non-positive integer for controller-api-port not valid", NOT_VALID)
    for other in (API_PORT_KEY, "state-port"):
        if port == config.get(other):
            raise ApiError(f"controller-api-port matching {other} not valid", NOT_VALID)


def _check_state_sizes(config: Mapping[str, JSONValue]) -> None:
    total = 0
    for name, shown in (
        ("max-charm-state-size", "charm"),
        ("max-agent-state-size", "agent"),
    ):
        size = _number(config, name)
        if size < 0:
            raise ApiError(
                f"invalid max {shown} state size: should be a number of bytes (or 0 to disable "
                f"limit), got {size}"
            )
        total += size
    if total > _MAX_STATE_BYTES:
        raise ApiError(
            "invalid max charm/agent state sizes: combined value should not exceed mongo's 16M "
            f"per-document limit, got {total}"
        )


def _coerce(name: str, value: JSONValue, kind: ControllerFieldType) -> JSONValue:
    if kind == "bool":
        return to_bool(value, name)
    if kind == "int":
        return to_int(value, name)
    if kind == "list":
        return _list(name, value)
    text = to_string(value, name)
    if kind == "duration":
        try:
            return duration_text(parse_duration(text)) if text else "0s"
        except ApiError as error:
            raise ApiError(
                f"{name}: conversion to duration: {error.message}", error.code
            ) from error
    if name in ("juju-ha-space", "juju-mgmt-space") and text and not _SPACE.match(text):
        topic = "juju HA" if name == "juju-ha-space" else "juju mgmt"
        raise ApiError(f"{topic} space name {go_value(text)} not valid", NOT_VALID)
    return text


def _list(name: str, value: JSONValue) -> JSONValue:
    """Return a list of texts; a text is parsed as YAML, since clients send what was typed."""
    if isinstance(value, str):
        try:
            value = load_yaml(value, where=name)
        except InputError as exc:
            shown = f"value {go_value(value)} for attribute {go_value(name)} not valid"
            raise ApiError(shown, NOT_VALID) from exc
    if not isinstance(value, list):
        raise expected("list", value, name)
    items: Sequence[JSONValue] = value
    return [to_string(item, f"{name}[{number}]") for number, item in enumerate(items)]


def _number(config: Mapping[str, JSONValue], name: str) -> int:
    value = config.get(name)
    return value if isinstance(value, int) else 0


def _duration(config: Mapping[str, JSONValue], name: str) -> timedelta | None:
    value = config.get(name)
    return parse_duration(value) if isinstance(value, str) else None


def _size(config: Mapping[str, JSONValue], name: str, what: str) -> int | None:
    value = config.get(name)
    if not isinstance(value, str):
        return None
    try:
        return parse_size_mib(value)
    except ApiError as error:
        raise error.annotated(what) from error
