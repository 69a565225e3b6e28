"""Checks a bundle as ``BundleData.Verify`` of Juju's charm library does. Pure.

All errors are reported; where Juju iterates over a map in random order, this follows the document.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ckf_airgap.rehearsal.archives.manifest import ARCHITECTURES, parse_base
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.golang.directives import (
    DirectiveError,
    check_constraints,
    check_devices,
    check_storage,
)
from ckf_airgap.rehearsal.golang.formatting import quoted, quoted_list, type_of
from ckf_airgap.rehearsal.golang.jujunames import (
    IS_APPLICATION,
    IS_ENDPOINT,
    IS_NUMBER,
    IS_RELATION,
    IS_SERIES,
    PLACEMENT,
    is_offer_url,
)
from ckf_airgap.rehearsal.golang.schema import SchemaError, key_values
from ckf_airgap.rehearsal.model.bundledata import KUBERNETES, BundleFields

_REVISION: Final = re.compile(r"(?P<name>.+?)-(?P<revision>[0-9]+)\Z")


def bundle_errors(bundle: BundleFields) -> list[str]:
    """Return the errors of a bundle, in Juju's words; empty when it can be planned."""
    return list(_errors(bundle))


def _errors(bundle: BundleFields) -> Iterator[str]:
    kind, machines = bundle["bundle"], bundle["machines"] or {}
    if kind not in ("", KUBERNETES):
        yield f"bundle has an invalid type {quoted(kind)}"
    if kind == KUBERNETES:
        if machines:
            yield "bundle machines not valid for Kubernetes bundles"
        machines = {}
    if bundle["series"] and not IS_SERIES.match(bundle["series"]):
        yield f"bundle declares an invalid series {quoted(bundle['series'])}"
    if not _is_base(bundle["default-base"]):
        yield f"bundle declares an invalid base {quoted(bundle['default-base'])}"
    applications, saas = bundle["applications"] or {}, bundle["saas"] or {}
    yield from _saas_errors(saas, applications)
    yield from _machine_errors(machines)
    if not applications:
        yield "at least one application must be specified"
    placed: set[str] = set()
    for name, spec in applications.items():
        yield from _application_errors(name, spec, saas)
        yield from _resource_errors(name, spec)
        if spec["num_units"] < 0:
            yield f"negative number of units specified on application {quoted(name)}"
        if kind == KUBERNETES:
            yield from _kubernetes_placement_errors(name, spec["to"] or [])
        else:
            yield from _placement_errors(name, spec, applications, machines, placed)
        yield from _exposure_errors(name, spec)
    yield from _relation_errors(bundle["relations"] or [], set(applications), set(saas))
    for name in machines:
        if name not in placed:
            yield f"machine {quoted(name)} is not referred to by a placement directive"


def _saas_errors(saas: Mapping[str, Any], applications: Mapping[str, Any]) -> Iterator[str]:
    for name, fields in saas.items():
        shown = quoted(name)
        if name in applications:
            yield f"application {shown} already exists with SAAS {shown} name"
        if not IS_APPLICATION.match(name):
            yield f"invalid SAAS name {shown} found"
        url = (fields or {}).get("url")
        if url and not is_offer_url(url):
            yield f"invalid offer URL {quoted(url)} for SAAS {name}"


def _machine_errors(machines: Mapping[str, Any]) -> Iterator[str]:
    for name, machine in machines.items():
        shown = quoted(name)
        if not IS_NUMBER.match(name):
            yield f"invalid machine id {shown} found in machines"
        if machine is None:
            continue
        yield from _directive_errors(
            check_constraints, machine["constraints"], f"constraints {{}} in machine {shown}"
        )
        if machine["series"] and not IS_SERIES.match(machine["series"]):
            yield f"invalid series {quoted(machine['series'])} for machine {shown}"
        if not _is_base(machine["base"]):
            yield f"invalid base {quoted(machine['base'])} for machine {shown}"


def _application_errors(name: str, spec: BundleFields, saas: Mapping[str, Any]) -> Iterator[str]:
    shown = quoted(name)
    if not spec["charm"]:
        yield "empty charm path"
    if name in saas:
        yield f"SAAS {shown} already exists with application {shown} name"
    yield from _charm_errors(name, spec)
    if spec["series"] and not IS_SERIES.match(spec["series"]):
        yield f"application {shown} declares an invalid series {quoted(spec['series'])}"
    if not _is_base(spec["base"]):
        yield f"application {shown} declares an invalid base {quoted(spec['base'])}"
    where = f"in application {shown}"
    yield from _directive_errors(
        check_constraints, spec["constraints"], f"constraints {{}} {where}"
    )
    for what, section, check in (
        ("storage", "storage", check_storage),
        ("device", "devices", check_devices),
    ):
        for key, text in (spec[section] or {}).items():
            if not IS_APPLICATION.match(key):
                yield f"invalid {what} name {quoted(key)} {where}"
            yield from _directive_errors(check, text, f"{what} {quoted(key)} {where}")
    for offer, fields in (spec["offers"] or {}).items():
        if not IS_APPLICATION.match(offer):
            yield f"invalid offer name {quoted(offer)} {where}"
        for endpoint in (fields or {}).get("endpoints") or []:
            if not IS_RELATION.match(endpoint):
                yield f"invalid endpoint name {quoted(endpoint)} for offer {quoted(offer)} {where}"


def _directive_errors(check: Callable[[str], None], text: str, what: str) -> Iterator[str]:
    try:
        check(text)
    except DirectiveError as exc:
        yield f"invalid {what.replace('{}', quoted(text))}: {exc.message}"


def _charm_errors(name: str, spec: BundleFields) -> Iterator[str]:
    charm, shown = spec["charm"], quoted(name)
    if charm.startswith("/"):
        yield f"charm path in application {shown} does not exist: {charm}"
        return
    try:
        schema, series, revision = _parsed_url(charm)
    except UnreadableCharmError as exc:
        yield f"invalid charm URL in application {shown}: {exc.message}"
        return
    if schema == "ch" and revision:
        url = charm if ":" in charm else f"ch:{charm}"
        yield f"cannot specify revision in {quoted(url)}, please use revision"
    if spec["revision"] is not None:
        if schema == "ch" and not spec["channel"]:
            yield (
                f"application {shown} with a revision requires a channel for future upgrades, "
                "please use channel"
            )
        if spec["revision"] < 0:
            yield f"the revision for application {shown} must be zero or greater"
    if series and spec["series"] and series != spec["series"]:
        yield (
            f"the charm URL for application {shown} has a series which does not match, please "
            "remove the series from the URL"
        )


def _parsed_url(text: str) -> tuple[str, str, str]:
    """Return the schema, series and revision of a charm URL.

    Raises:
        UnreadableCharmError: when it is not a charm URL.
    """
    schema, colon, path = text.rpartition(":")
    shown = quoted(text)
    if not colon:
        schema, path = "ch", text
    if schema not in ("ch", "local"):
        raise UnreadableCharmError(f"cannot parse URL {shown}: schema {quoted(schema)} not valid")
    parts = path.split("/") if schema == "local" else path.strip("/").split("/")
    if len(parts) > (2 if schema == "local" else 3):
        ending = f"has invalid form: {shown}" if schema == "local" else f"{shown} malformed"
        raise UnreadableCharmError(f"charm or bundle URL {ending}")
    if parts[0].startswith("~"):
        whose = "local " if schema == "local" else "charmhub "
        ending = " not valid" if schema == "ch" else ""
        raise UnreadableCharmError(f"{whose}charm or bundle URL with user name: {shown}{ending}")
    before, last = parts[:-1], parts[-1]
    is_named = len(before) == 1 and before[0] in ARCHITECTURES
    if schema == "ch" and before and (len(before) == 2 or is_named):
        architecture = before.pop(0)
        if architecture not in ARCHITECTURES:
            raise UnreadableCharmError(
                f"in URL {shown}: architecture name {quoted(architecture)} not valid"
            )
    series = "".join(before)
    opening = "in URL" if schema == "ch" else "cannot parse URL"
    match = _REVISION.match(last)
    name = match["name"] if match else last
    wrong_name = not IS_APPLICATION.match(name)
    if series and not IS_SERIES.match(series) and not (schema == "ch" and wrong_name):
        raise UnreadableCharmError(f"{opening} {shown}: series name {quoted(series)} not valid")
    if wrong_name:
        what = "name and/or revision in URL" if schema == "ch" else "URL"
        raise UnreadableCharmError(f"cannot parse {what} {shown}: name {quoted(name)} not valid")
    return schema, series, match["revision"] if match else ""


def _resource_errors(name: str, spec: BundleFields) -> Iterator[str]:
    for resource, value in (spec["resources"] or {}).items():
        if not resource:
            yield f"missing resource name on application {quoted(name)}"
        if type_of(value) not in ("int", "string"):
            yield f"resource revision {quoted(name)} is not int or string"


def _kubernetes_placement_errors(name: str, to: list[str]) -> Iterator[str]:
    if len(to) > 1:
        yield f"too many placement directives for application {quoted(name)}"
    elif to:
        try:
            key_values(to[0].split(","), empty_values=False)
        except SchemaError as exc:
            yield f"{exc.message} for application {quoted(name)}"


def _placement_errors(
    name: str,
    spec: BundleFields,
    applications: Mapping[str, Any],
    machines: Mapping[str, Any],
    placed: set[str],
) -> Iterator[str]:
    to = spec["to"] or []
    if 0 <= spec["num_units"] < len(to):
        yield f"too many units specified in unit placement for application {quoted(name)}"
    for directive in to:
        shown = quoted(directive)
        match = PLACEMENT.match(directive)
        if match is None or (match["application"] == "new" and match["unit"]):
            yield f"invalid placement syntax {shown}"
            continue
        target, machine = match["application"], match["machine"]
        if target == "new":
            continue
        if target and target not in applications:
            yield f"placement {shown} refers to an application not defined in this bundle"
        elif target:
            units = applications[target]["num_units"]
            if match["unit"] and (len(match["unit"]) > 18 or int(match["unit"]) >= units):
                yield (
                    f"placement {shown} specifies a unit greater than the {units} unit(s) started "
                    "by the target application"
                )
        elif machine not in machines:
            yield f"placement {shown} refers to a machine not defined in this bundle"
        else:
            placed.add(machine)


def _exposure_errors(name: str, spec: BundleFields) -> Iterator[str]:
    endpoints = spec["exposed-endpoints"] or {}
    if endpoints and spec["expose"]:
        yield (
            'exposed-endpoints cannot be specified together with "exposed:true" in application '
            f"{quoted(name)} as this poses a security risk when deploying bundles to older "
            "controllers"
        )
        return
    for endpoint, fields in endpoints.items():
        for cidr in fields["expose-to-cidrs"] or []:
            if not _is_cidr(cidr):
                yield (
                    f"invalid CIDR {quoted(cidr)} for expose to CIDRs field for endpoint "
                    f"{quoted(endpoint)} in application {quoted(name)}"
                )


def _relation_errors(
    relations: list[list[str]], applications: set[str], saas: set[str]
) -> Iterator[str]:
    seen: set[frozenset[str]] = set()
    for relation in relations:
        shown = quoted_list(relation)
        if len(relation) != 2:
            yield f"relation {shown} has {len(relation)} endpoint(s), not 2"
            continue
        malformed = [
            end for end in relation if not (IS_ENDPOINT.match(end) or IS_APPLICATION.match(end))
        ]
        names = [end.partition(":")[0] for end in relation]
        for end, name in zip(relation, names, strict=True):
            if end in malformed:
                yield f"invalid relation syntax {quoted(end)}"
            elif name not in applications and name not in saas:
                yield (
                    f"relation {shown} refers to application {quoted(name)} not defined in this "
                    "bundle"
                )
            elif name in applications and name in saas:
                yield (
                    f"ambiguous relation {quoted(name)} refers to a application and a SAAS in this "
                    "bundle"
                )
        if malformed:
            continue
        if names[0] == names[1]:
            yield f"relation {shown} relates an application to itself"
        if frozenset(relation) in seen:
            yield f"relation {shown} is defined more than once"
        seen.add(frozenset(relation))


def _is_base(text: str) -> bool:
    """Whether a text is a base, or empty."""
    try:
        return not text or parse_base(text) is not None
    except UnreadableCharmError:
        return False


def _is_cidr(text: str) -> bool:
    address, slash, bits = text.partition("/")
    if not slash or not (bits.isascii() and bits.isdecimal()) or len(bits) > 3:
        return False
    try:
        ipaddress.ip_interface(f"{address}/{bits}")
    except ValueError:
        return False
    return True
