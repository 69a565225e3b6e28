"""The options of applications themselves, common to all on Kubernetes: ``trust`` and others.

A text for an option of another type is parsed as YAML first; see ``core/config/config.go`` of Juju
and ``gopkg.in/juju/environschema.v1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.charms.charm import OptionValue
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.golang import schema
from ckf_airgap.rehearsal.golang.formatting import GoValue, go_value, quoted, type_of
from ckf_airgap.rehearsal.golang.schema import Checker, Path, SchemaError
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import ANY, GoYamlError
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationOption:
    """An option of the application itself, which every application on Kubernetes has."""

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


def parse_own(name: str, value: GoValue) -> JSONValue:
    """Return the value of an option of the application.

    Raises:
        ApiError: ``trust: expected bool, got int(1)``.
    """
    kind = APPLICATION_OPTIONS[name].type
    if kind != "string" and isinstance(value, str):
        try:
            value = unmarshal(value, ANY, where=f"the value of {name}")
        except GoYamlError as exc:
            raise ApiError(
                f"value {quoted(str(value))} for attribute {quoted(name)} not valid: {exc.message}",
                NOT_VALID,
            ) from exc
    checkers: dict[str, Checker] = {
        "bool": schema.boolean,
        "string": schema.string,
        "attrs": _attributes,
    }
    try:
        parsed: JSONValue = checkers[kind](value, (".", name))
    except SchemaError as exc:
        raise ApiError(exc.message) from exc
    return parsed


def _attributes(value: GoValue, path: Path) -> Document:
    """Accept ``key=value`` pairs as a text, a list or a mapping."""
    if isinstance(value, Mapping):
        return {**schema.map_of(schema.string)(value, path)}
    place = schema.place_of(path)
    if not isinstance(value, str | list):
        raise SchemaError(
            f"{place}unexpected type for value, got {type_of(value)}({go_value(value)})"
        )
    texts = value.split() if isinstance(value, str) else schema.list_of(schema.string)(value, path)
    try:
        return {**schema.key_values(texts, empty_values=True)}
    except SchemaError as exc:
        raise SchemaError(place + exc.message) from exc
