"""Checks of the settings of a model: types first, then each value, then changes.

The order of checks and the texts follow ``environs/config`` of Juju 3.6 (``New`` and
``Validate``), and the Kubernetes provider, which checks the given settings again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from ckf_airgap.documents import Document, JSONValue, load_mapping
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.controllerschema import CONTROLLER_SETTINGS
from ckf_airgap.rehearsal.model.goscalars import (
    expected,
    is_cidr,
    key_values,
    parse_duration,
    parse_size_mib,
    to_bool,
    to_int,
    to_string,
)
from ckf_airgap.rehearsal.model.loggingconfig import parse_logging_config
from ckf_airgap.rehearsal.model.modelschema import (
    AGENT_VERSION_KEY,
    CHARMHUB_URL,
    DEFAULT_BASE,
    DEFAULT_LOGGING,
    DISALLOWED,
    IMMUTABLE,
    LOGGING_CONFIG,
    PROVIDER_SETTINGS,
    SETTINGS,
    UPDATE_STATUS_INTERVAL,
    SettingField,
)
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, NOT_VALID, ApiError

MODEL_NAME: Final = re.compile(r"^[a-z0-9]+[a-z0-9-]*$")
_SPACE: Final = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
_VERSION: Final = re.compile(r"^\d{1,9}\.\d{1,9}(\.|-\w+)\d{1,9}(\.\d{1,9})?$")
_UUID: Final = re.compile(r"^[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}$")
_RISKS: Final = ("stable", "candidate", "beta", "edge")
_BASES: Final = {
    "ubuntu": ("20.04", "22.04", "24.04", "26.04"),
    "centos": ("7", "9"),
    "kubernetes": ("kubernetes",),
}
_MODES: Final = frozenset({"requires-prompts", "strict"})
_LEGACY_PROXIES: Final = ("http-proxy", "https-proxy", "ftp-proxy")
_INHERITABLE: Final = frozenset({"apt-primary", "apt-sources", "apt-security", "ca-certs"})
_CLOUDINIT_REFUSED: Final = {
    "users": "users not allowed",
    "runcmd": "runcmd not allowed, use preruncmd or postruncmd instead",
    "bootcmd": "bootcmd not allowed",
}


def coerce(name: str, value: JSONValue) -> JSONValue:
    """Return a value coerced to the type of its setting; values of unknown settings are unchanged.

    Raises:
        ApiError: ``development: expected bool, got string("maybe")``, and the like.
    """
    field = SETTINGS.get(name) or PROVIDER_SETTINGS.get(name)
    if field is None:
        return _unknown(name, value)
    if field.type == "bool":
        return to_bool(value, name)
    if field.type == "int":
        return to_int(value, name)
    if field.type == "attrs":
        return _attributes(value, name)
    text = to_string(value, name)
    if field.values and text not in field.values:
        allowed = " ".join(field.values)
        raise ApiError(f"{name}: expected one of [{allowed}], got {go_value(text)}")
    return text


def coerced(values: Mapping[str, JSONValue]) -> dict[str, JSONValue]:
    """Return all values coerced to their types, and an empty ``logging-config`` replaced.

    Raises:
        ApiError: for the first setting, by name, with an invalid value.
    """
    result = {name: coerce(name, values[name]) for name in sorted(values)}
    for name in ("name", "type", "uuid"):
        if name not in result:
            raise expected("string", None, name)
    if not result.get("secret-backend"):
        result["secret-backend"] = SETTINGS["secret-backend"].default
    if not result.get(LOGGING_CONFIG):
        result[LOGGING_CONFIG] = DEFAULT_LOGGING
    return result


def check_values(config: Mapping[str, JSONValue]) -> None:
    """Check the values of settings that have the right types.

    Raises:
        ApiError: for the first invalid value.
    """
    for name, value in config.items():
        field = SETTINGS.get(name, SettingField())
        if not field.may_be_empty and value in ("", 0, {}):
            raise ApiError(f"empty {name} in model configuration")
    if not MODEL_NAME.match(str(config["name"])):
        raise ApiError(
            f"{go_value(config['name'])} is not a valid name: model names may only contain "
            "lowercase letters, digits and hyphens"
        )
    if AGENT_VERSION_KEY in config and not _VERSION.match(str(config[AGENT_VERSION_KEY])):
        raise ApiError(
            f"invalid agent version in model configuration: {go_value(config[AGENT_VERSION_KEY])}"
        )
    if not _UUID.match(str(config["uuid"])):
        raise ApiError(f"uuid: expected UUID, got string({go_value(config['uuid'])})")
    for name, check in _CHECKS.items():
        value = config.get(name)
        if value is not None:
            try:
                check(value)
            except _RestNotCheckedError:
                return
    if any(config.get(name) for name in _LEGACY_PROXIES) and any(
        config.get(f"juju-{name}") for name in _LEGACY_PROXIES
    ):
        raise ApiError("cannot specify both legacy proxy values and juju proxy values")


def check_stored(config: Mapping[str, JSONValue]) -> None:
    """Check that a controller would store the settings: only a model's, with a version.

    Raises:
        ApiError: when it would not.
    """
    for name in DISALLOWED:
        if name in config:
            raise ApiError(f"{name} should never be written to the state")
    if AGENT_VERSION_KEY not in config:
        raise ApiError("agent-version must always be set in state")
    for name in sorted(config):
        if name in CONTROLLER_SETTINGS:
            raise ApiError(f"cannot set controller attribute {go_value(name)} on a model")


def check_changes(new: Mapping[str, JSONValue], old: Mapping[str, JSONValue]) -> None:
    """Check that immutable settings are unchanged, as the cloud's provider does.

    Raises:
        ApiError: ``invalid k8s provider config: cannot change name from "a" to "b"``.
    """
    for name in IMMUTABLE:
        if name in old and new.get(name) != old[name]:
            raise _provider(
                f"cannot change {name} from {go_value(old[name])} to {go_value(new.get(name))}"
            )
    if old.get(CHARMHUB_URL) and not new.get(CHARMHUB_URL):
        raise _provider("cannot clear charmhub-url")
    if old.get("apt-mirror") and not new.get("apt-mirror"):
        raise _provider("cannot clear apt-mirror")


def _provider(what: str) -> ApiError:
    return ApiError(f"invalid k8s provider config: {what}")


class _RestNotCheckedError(Exception):
    """Juju ends its checks here without an error, due to a bug: the rest goes unchecked."""


def _unknown(name: str, value: JSONValue) -> JSONValue:
    if value is None or isinstance(value, dict):
        raise _provider(f"{name}: unknown type ({go_value(str(value))})")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise _provider(f"{name}: unknown type ({value})")
    return value


def _attributes(value: JSONValue, name: str) -> dict[str, JSONValue]:
    if isinstance(value, str):
        return {**key_values(value.split(), name)}
    if isinstance(value, list):
        return {**key_values([to_string(item, name) for item in value], name)}
    if isinstance(value, dict):
        return {key: to_string(item, f"{name}.{key}") for key, item in value.items()}
    raise expected("map", value, name)


def _check_tags(value: JSONValue) -> None:
    for key in value if isinstance(value, dict) else ():
        if key.startswith("juju-"):
            raise ApiError(
                f'validating resource tags: tag {go_value(key)} uses reserved prefix "juju-"'
            )


def _duration(what: str) -> Callable[[JSONValue], None]:
    def check(value: JSONValue) -> None:
        _annotated(f"invalid {what} in model configuration", parse_duration, str(value))

    return check


def _size(what: str) -> Callable[[JSONValue], None]:
    def check(value: JSONValue) -> None:
        _annotated(f"invalid {what} in model configuration", parse_size_mib, str(value))

    return check


def _annotated(prefix: str, call: Callable[[str], object], text: str) -> None:
    try:
        call(text)
    except ApiError as error:
        raise error.annotated(prefix) from error


def _check_update_status(value: JSONValue) -> None:
    """Accept any duration; outside of 1m to 60m it ends the checks, due to a bug in Juju.

    Juju annotates a nil error there, so that nothing is refused: charm suites rely on ``10s``.
    """
    try:
        interval = parse_duration(str(value))
    except ApiError as error:
        raise error.annotated(
            "invalid update status hook interval in model configuration"
        ) from error
    if not timedelta(minutes=1) <= interval <= timedelta(minutes=60):
        raise _RestNotCheckedError


def _check_egress(value: JSONValue) -> None:
    for cidr in str(value).split(",") if value else ():
        if not is_cidr(cidr.strip()):
            raise ApiError(f"invalid egress subnet: {cidr}: invalid CIDR address: {cidr.strip()}")
        if cidr == "0.0.0.0/0":
            raise ApiError(f"CIDR {go_value(cidr)} not allowed")


def _check_fan(value: JSONValue) -> None:
    for entry in str(value).split(" ") if value else ():
        sides = entry.split("=")
        if len(sides) != 2:
            raise ApiError(f"invalid FAN config entry: {entry}")
        for side in sides:
            if not is_cidr(side.strip()):
                raise ApiError(
                    f"invalid address in FAN config: invalid CIDR address: {side.strip()}"
                )
        underlay, overlay = (int(side.strip().rpartition("/")[2]) for side in sides)
        if underlay <= overlay:
            raise ApiError(
                f"invalid FAN config, underlay mask must be larger than overlay: {entry}"
            )


def _check_networking(value: JSONValue) -> None:
    if value == "fan":
        raise ApiError("container-networking-method cannot be set to 'fan' without fan-config set")
    if value not in ("", "provider", "local"):
        raise ApiError(f"Invalid value for container-networking-method - {value}")


def _check_userdata(value: JSONValue) -> None:
    if not value:
        return
    try:
        document: Document = load_mapping(str(value), where="cloudinit-userdata")
    except InputError as exc:
        raise ApiError(f"cloudinit-userdata: must be valid YAML: {exc.message}") from exc
    packages = document.get("packages")
    for package in packages if isinstance(packages, list) else ():
        if not isinstance(package, str):
            raise expected("string", package).annotated(
                "cloudinit-userdata: packages must be a list of strings"
            )
    for key, why in _CLOUDINIT_REFUSED.items():
        if key in document:
            raise ApiError(f"cloudinit-userdata: {why}")


def _check_inherited(value: JSONValue) -> None:
    given = {item.strip() for item in str(value).split(",")} if value else set()
    if given - _INHERITABLE:
        raise ApiError(
            f"container-inherit-properties: {', '.join(sorted(given - _INHERITABLE))} not allowed"
        )


def _check_charmhub(value: JSONValue) -> None:
    if not value:
        raise ApiError("charm-hub url not valid", NOT_VALID)
    parts = urlsplit(str(value))
    if not parts.scheme and not str(value).startswith("/"):
        raise ApiError(f"charm-hub url {go_value(value)} not valid", NOT_VALID)


def _check_space(value: JSONValue) -> None:
    if value and not _SPACE.match(str(value)):
        raise ApiError(f"default space name {go_value(value)} not valid", NOT_VALID)


def _check_base(value: JSONValue) -> None:
    if not value:
        return
    text = str(value)
    opening = f"invalid default base {go_value(text)}: "
    name, at, channel = text.partition("@")
    if not at or "@" in channel:
        raise ApiError(f"{opening}expected base string to contain os and channel separated by '@'")
    track, _, risk = channel.partition("/")
    if not channel:
        raise ApiError(f"{opening}empty channel not valid", NOT_VALID)
    if channel.count("/") > 1:
        raise ApiError(
            f"{opening}channel is malformed and has too many components {go_value(channel)}"
        )
    if "/" in channel and risk not in _RISKS:
        raise ApiError(f"{opening}risk in channel {go_value(channel)} not valid", NOT_VALID)
    if not track:
        raise ApiError(f"{opening}track in channel {go_value(channel)} not valid", NOT_VALID)
    if track not in _BASES.get(name, ()):
        shown = f"{name}@{track}" if risk in ("", "stable") else f"{name}@{channel}"
        raise ApiError(f"base {go_value(shown)} not supported", NOT_SUPPORTED)


def _check_mode(value: JSONValue) -> None:
    given = {mode.strip() for mode in str(value).strip().split(",") if mode}
    if given - _MODES:
        shown = go_value(", ".join(sorted(given - _MODES)))
        raise ApiError(f"mode(s) {shown} not valid", NOT_VALID)


def _cidrs(*, may_be_empty: bool) -> Callable[[JSONValue], None]:
    def check(value: JSONValue) -> None:
        if not value and not may_be_empty:
            raise ApiError("empty cidrs not valid", NOT_VALID)
        for cidr in str(value).split(",") if value else ():
            if not is_cidr(cidr):
                raise ApiError(f"cidr {go_value(cidr)} not valid", NOT_VALID)

    return check


def _check_output(value: JSONValue) -> None:
    outputs: Sequence[str] = [part.strip() for part in str(value).strip().split(",") if part]
    for output in sorted(set(outputs)):
        if output not in ("database", "syslog"):
            raise ApiError(f"logging-output {go_value(output)} not valid", NOT_VALID)


def _at_most(name: str, most: int) -> Callable[[JSONValue], None]:
    def check(value: JSONValue) -> None:
        if isinstance(value, int) and value > most:
            raise ApiError(f"{name}: must be less than {most}")

    return check


def _check_logging(value: JSONValue) -> None:
    parse_logging_config(str(value))


_CHECKS: Final[Mapping[str, Callable[[JSONValue], None]]] = {
    LOGGING_CONFIG: _check_logging,
    "resource-tags": _check_tags,
    "max-status-history-age": _duration("max status history age"),
    "max-status-history-size": _size("max status history size"),
    "max-action-results-age": _duration("max action age"),
    "max-action-results-size": _size("max action size"),
    UPDATE_STATUS_INTERVAL: _check_update_status,
    "egress-subnets": _check_egress,
    "fan-config": _check_fan,
    "container-networking-method": _check_networking,
    "cloudinit-userdata": _check_userdata,
    "container-inherit-properties": _check_inherited,
    CHARMHUB_URL: _check_charmhub,
    "default-space": _check_space,
    DEFAULT_BASE: _check_base,
    "mode": _check_mode,
    "ssh-allow": _cidrs(may_be_empty=True),
    "saas-ingress-allow": _cidrs(may_be_empty=False),
    "logging-output": _check_output,
    "num-provision-workers": _at_most("num-provision-workers", 100),
    "num-container-provision-workers": _at_most("num-container-provision-workers", 25),
}
"""The checks of single values, in Juju's order."""
