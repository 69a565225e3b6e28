"""What only Juju's client refuses in a charm (``Meta.Check``); the controller takes it.

``juju deploy`` reads a charm file with these checks before it uploads it. Whoever deploys the
charm with ckf-airgap, libjuju or Terraform does not meet them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ckf_airgap.charms.charm import ROLES, Charm
from ckf_airgap.charms.checks.gotext import quoted
from ckf_airgap.charms.checks.names import reserved_reason
from ckf_airgap.documents import mappings

_SERIES: Final = re.compile(r"[a-z]+[a-z0-9]*\Z")
_PAYLOAD: Final = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\Z")
_TERM_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9])+\Z")
_USER: Final = re.compile(
    r"[a-zA-Z0-9](?:[a-zA-Z0-9.+-]*[a-zA-Z0-9])?(?:@[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)?\Z"
)


def client_problems(charm: Charm) -> list[str]:
    """Return everything that Juju's client refuses in a charm that the controller takes.

    That is nothing for charms that were not read from a file with a ``metadata.yaml``.
    """
    if "metadata.yaml" not in (charm.documents or ()):
        return []
    return [
        *_format(charm),
        *_endpoints(charm),
        *_bindings(charm),
        *_subordinate(charm),
        *(
            f"charm {quoted(charm.name)} declares invalid series: {quoted(series)}"
            for series in charm.series
            if not _SERIES.match(series)
        ),
        *_storage(charm),
        *_devices(charm),
        *_payloads(charm),
        *_resources(charm),
        *_terms(charm),
    ]


def _format(charm: Charm) -> Iterator[str]:
    """Yield what does not go with the format: v2 has bases in its manifest, and no series."""
    metadata = charm.metadata
    has_manifest = "manifest.yaml" in (charm.documents or ())
    is_v2 = not charm.series and has_manifest and bool(charm.bases)
    if not is_v2:
        if metadata.get("assumes") is not None:
            yield "assumes in metadata v1 not valid"
        elif metadata.get("containers"):
            without = "in metadata v1" if has_manifest else "without a manifest.yaml"
            yield f"containers {without} not valid"
        return
    for key in ("min-juju-version", "deployment"):
        if metadata.get(key) is not None:
            yield f"{key} in metadata v2 not valid"


def _endpoints(charm: Charm) -> Iterator[str]:
    name = quoted(charm.name)
    seen: set[str] = set()
    for key, role in ROLES:
        section = charm.metadata.get(key)
        for endpoint, fields in section.items() if isinstance(section, dict) else ():
            known = fields if isinstance(fields, dict) else {"interface": fields}
            inside = charm.subordinate and role == "requirer" and known.get("scope") == "container"
            if not inside and reserved_reason(charm.name, endpoint):
                yield f"charm {name} using a reserved relation name: {quoted(endpoint)}"
            interface = str(known.get("interface") or "")
            if role != "requirer" and reserved_reason(charm.name, interface):
                yield (
                    f"charm {name} relation {quoted(endpoint)} using a reserved interface: "
                    f"{quoted(interface)}"
                )
            if endpoint in seen:
                yield f"charm {name} using a duplicated relation name: {quoted(endpoint)}"
            seen.add(endpoint)


def _bindings(charm: Charm) -> Iterator[str]:
    if "extra-bindings" not in charm.metadata:
        return
    bindings = charm.metadata["extra-bindings"]
    names = set(bindings) if isinstance(bindings, dict) else set()
    problem = ""
    if not names:
        problem = "extra bindings cannot be empty when specified"
    elif names & set(charm.endpoints):
        both = ", ".join(sorted(names & set(charm.endpoints)))
        problem = f"relation names ({both}) cannot be used in extra bindings"
    if problem:
        yield f"charm {quoted(charm.name)} has invalid extra bindings: {problem}"


def _subordinate(charm: Charm) -> Iterator[str]:
    inside = any(
        endpoint.role == "requirer" and endpoint.scope == "container"
        for endpoint in charm.endpoints.values()
    )
    if charm.subordinate and not inside:
        yield (
            f'subordinate charm {quoted(charm.name)} lacks "requires" relation with container scope'
        )


def _storage(charm: Charm) -> Iterator[str]:
    for name, fields in mappings(charm.metadata.get("storage")):
        where = f"charm {quoted(charm.name)} storage {quoted(name)}"
        kind = fields.get("type")
        if fields.get("location") and kind != "filesystem":
            yield f'{where}: location may not be specified for "type: {kind}"'
        multiple = fields.get("multiple")
        count = multiple.get("range") if isinstance(multiple, dict) else None
        low, _, high = str(count).partition("-")
        if isinstance(count, str) and high == "0" and low.isdecimal():
            yield f"{where}: invalid maximum count 0"


def _devices(charm: Charm) -> Iterator[str]:
    for name, fields in mappings(charm.metadata.get("devices")):
        where = f"charm {quoted(charm.name)} device {quoted(name)}"
        low, high = _count(fields.get("countmin", 1)), _count(fields.get("countmax", 1))
        if not fields.get("type"):
            yield f"{where}: type must be specified"
        elif low > high:
            yield f"{where}: maximum count {high} can not be smaller than minimum count {low}"


def _count(value: object) -> int:
    try:
        return int(str(value), 0)
    except ValueError:
        return 0


def _payloads(charm: Charm) -> Iterator[str]:
    for name, fields in mappings(charm.metadata.get("payloads")):
        if not name:
            yield "payload class missing name"
        elif not _PAYLOAD.match(name):
            yield f"invalid payload class {quoted(name)}"
        elif not fields.get("type"):
            yield "payload class missing type"


def _resources(charm: Charm) -> Iterator[str]:
    for name, resource in charm.resources.items():
        if not name:
            yield "resource missing name"
        elif not resource.is_image and not resource.filename:
            yield "resource missing filename"
        elif not resource.is_image and "/" in (resource.filename or ""):
            yield f'filename cannot contain "/" (got {quoted(resource.filename or "")})'


def _terms(charm: Charm) -> Iterator[str]:
    terms = charm.metadata.get("terms")
    for term in terms if isinstance(terms, list) else ():
        problem = _term_problem(str(term))
        if problem:
            yield problem


def _term_problem(term: str) -> str:
    """Return what is wrong with ``[TENANT:][OWNER/]NAME[/REVISION]`` (``ParseTerm``)."""
    tenant, colon, rest = term.partition(":")
    tenant, rest = (tenant, rest) if colon else ("", term)
    parts = rest.split("/")
    if len(parts) > 3:
        return f"unknown term id format {quoted(term)}"
    revision = ""
    if len(parts) == 3 or (len(parts) == 2 and re.fullmatch(r"[+-]?[0-9]+", parts[1])):
        revision = parts.pop()
        if not re.fullmatch(r"[+-]?[0-9]+", revision):
            why = f"strconv.Atoi: parsing {quoted(revision)}: invalid syntax"
            return f"invalid revision number {quoted(revision)} {why}"
    owner, name = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    if tenant and tenant != "cs" and not _TERM_NAME.match(tenant):
        return f"wrong term tenant format {quoted(tenant)}"
    if owner and not _USER.match(owner):
        return f"wrong owner format {quoted(owner)}"
    if not _TERM_NAME.match(name):
        return f"wrong term name format {quoted(name)}"
    return "negative term revision" if revision.startswith("-") else ""
