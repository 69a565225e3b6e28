"""Option values as the controller parses them: charm options, and an application's own.

The messages are those of Juju's charm library; values in them are written as Go's ``%#v`` does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from ckf_airgap.charms.charm import Option, OptionValue
from ckf_airgap.documents import Document, JSONValue, load_mapping
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.entities.secreturi import is_secret_reference
from ckf_airgap.rehearsal.wire import ApiError

_INT: Final = re.compile(r"^[+-]?[0-9]+$")
_FLOAT: Final = re.compile(
    r"^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)$", re.IGNORECASE
)
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationOption:
    """An option of the application itself, which every charm on Kubernetes has."""

    type: str
    description: str
    default: OptionValue | None = None


APPLICATION_OPTIONS: Final[Mapping[str, ApplicationOption]] = {
    "trust": ApplicationOption(
        type="bool",
        description="Does this application have access to trusted credentials",
        default=False,
    ),
    "juju-external-hostname": ApplicationOption(
        type="string", description="the external hostname of an exposed application"
    ),
    "juju-application-path": ApplicationOption(
        type="string",
        description="the relative http path used to access an application",
        default="/",
    ),
    "kubernetes-service-type": ApplicationOption(
        type="string", description="determines how the Service is exposed"
    ),
    "kubernetes-service-annotations": ApplicationOption(
        type="attrs", description="a space separated set of annotations to add to the service"
    ),
    "kubernetes-service-external-ips": ApplicationOption(
        type="string",
        description="list of IP addresses for which nodes in the cluster will also accept traffic",
    ),
    "kubernetes-service-target-port": ApplicationOption(
        type="string", description="name or number of the port to access on the pods"
    ),
    "kubernetes-service-loadbalancer-ip": ApplicationOption(
        type="string", description="LoadBalancer will get created with the IP specified"
    ),
    "kubernetes-service-loadbalancer-sourceranges": ApplicationOption(
        type="string", description="traffic through the load-balancer is restricted to these ranges"
    ),
    "kubernetes-service-externalname": ApplicationOption(
        type="string", description="external reference returned as a CNAME record"
    ),
    "kubernetes-ingress-class": ApplicationOption(
        type="string", description="the class of the ingress controller to be used", default="nginx"
    ),
    "kubernetes-ingress-ssl-redirect": ApplicationOption(
        type="bool", description="whether to redirect SSL traffic to the ingress", default=False
    ),
    "kubernetes-ingress-ssl-passthrough": ApplicationOption(
        type="bool", description="whether to passthrough SSL traffic to the ingress", default=False
    ),
    "kubernetes-ingress-allow-http": ApplicationOption(
        type="bool", description="whether to allow HTTP traffic to the ingress", default=False
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a request sets: options of the charm, and options of the application."""

    charm: Mapping[str, OptionValue | None] = field(default_factory=dict)
    """``None`` for an option that is set back to its default."""
    application: Mapping[str, OptionValue] = field(default_factory=dict)


def parse_settings(
    options: Mapping[str, Option],
    *,
    application: str,
    strings: Mapping[str, str],
    yaml_text: str = "",
) -> Settings:
    """Return the settings of a request, each with the type of its option.

    Args:
        options: The charm's options.
        application: The name under which the YAML holds the values.
        strings: Values as text; they beat the YAML.
        yaml_text: A YAML document of application name to options; empty for none.

    Raises:
        ApiError: for an unknown option or a value of the wrong type.
    """
    values: dict[str, JSONValue] = {}
    if yaml_text:
        values.update(_yaml_values(yaml_text, application))
    values.update(strings)
    charm: dict[str, OptionValue | None] = {}
    own: dict[str, OptionValue] = {}
    for name, value in values.items():
        if name in APPLICATION_OPTIONS:
            parsed = _parse_own(name, value)
            if parsed is not None:
                own[name] = parsed
        elif name in options:
            charm[name] = parse_value(options[name], value)
        else:
            raise unknown_option(name)
    return Settings(charm=charm, application=own)


def unknown_option(name: str) -> ApiError:
    """Return the error of an option that a charm does not have."""
    return ApiError(f"unknown option {go_value(name)}")


def parse_value(option: Option, value: JSONValue) -> OptionValue | None:
    """Return a value with the type of its option; text is parsed, ``None`` stays.

    Raises:
        ApiError: ``option "port" expected int, got "abc"``.
    """
    if value is None:
        return None
    parsed = (
        _parse_text(option.type, value) if isinstance(value, str) else _coerce(option.type, value)
    )
    if parsed is None:
        raise ApiError(f'option "{option.name}" expected {option.type}, got {go_value(value)}')
    return parsed


def go_value(value: JSONValue) -> str:
    """Return a value as Go's ``%#v`` writes it."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(go_value(item) for item in value) + "}"
    if isinstance(value, dict):
        items = ", ".join(f"{go_value(key)}:{go_value(value[key])}" for key in sorted(value))
        return "map[interface {}]interface {}{" + items + "}"
    if isinstance(value, float):
        return _go_float(value)
    return str(value)


def _go_float(value: float) -> str:
    """Return a float as ``%g`` of Go: the shortest digits, an exponent below -4 and from 6 on."""
    if math.isinf(value) or math.isnan(value):
        return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[str(value)]
    number = Decimal(repr(value)).normalize()
    if value == 0 or -4 <= number.adjusted() < 6:
        return f"{number:f}"
    digits = "".join(str(digit) for digit in number.as_tuple().digits)
    fraction = f".{digits[1:]}" if digits[1:] else ""
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}{fraction}e{number.adjusted():+03d}"


def _yaml_values(text: str, application: str) -> Document:
    try:
        document = load_mapping(text, where="settings", allow_duplicate_keys=True)
    except InputError as exc:
        raise ApiError(f"cannot parse settings data: {exc.message}") from exc
    if application not in document:
        raise ApiError(f"no settings found for {go_value(application)}")
    values = document[application]
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ApiError(f"cannot parse settings data: {go_value(application)} is not a mapping")
    return {str(name): value for name, value in values.items()}


def _parse_text(kind: str, text: str) -> OptionValue | None:
    """Return a text with the type of an option, or ``None`` when it is not one."""
    if kind in ("string", "attrs"):
        return text
    if kind == "secret":
        return text if is_secret_reference(text) else None
    if kind == "int" and _INT.match(text):
        number = int(text) if len(text) < 32 else 2**63
        return number if -(2**63) <= number < 2**63 else None
    if kind == "float" and _FLOAT.match(text):
        return float(text)
    if kind in ("boolean", "bool"):
        return True if text in _TRUE else False if text in _FALSE else None
    return None


def _coerce(kind: str, value: JSONValue) -> OptionValue | None:
    if isinstance(value, bool):
        return value if kind in ("boolean", "bool") else None
    if isinstance(value, int) and kind == "int":
        return value
    if isinstance(value, int | float) and kind == "float":
        return float(value)
    return None


def _parse_own(name: str, value: JSONValue) -> OptionValue | None:
    option = APPLICATION_OPTIONS[name]
    if value is None:
        return None
    if isinstance(value, str):
        parsed = _parse_text(option.type, value)
    elif option.type == "attrs" and isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items())
    else:
        parsed = _coerce(option.type, value)
    if parsed is None:
        kinds = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}
        kind = kinds.get(type(value), "map[interface {}]interface {}")
        raise ApiError(f"{name}: expected {option.type}, got {kind}({go_value(value)})")
    return parsed
