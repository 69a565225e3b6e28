"""The checks of ``juju deploy`` on a bundle that need no charm, in its words. Pure.

As ``verifyBundle`` of ``cmd/juju/application/bundle`` and ``bundledata.go`` of
``github.com/juju/charm/v12`` do them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ckf_airgap.bundle.constraints import parse_constraints, parse_device, parse_storage
from ckf_airgap.bundle.exposure import NAME
from ckf_airgap.documents import Document, mappings
from ckf_airgap.errors import BundleError, Problem

_PLACEMENT: Final = re.compile(
    r"(?:[a-z]+:)?(?:[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*(?:/(?:0|[1-9][0-9]*))?"
    r"|(?:0|[1-9][0-9]*))\Z"
)


def part_problems(part: Document) -> Iterator[Problem]:
    """Yield what Juju refuses in each document of a bundle or overlay, before it merges them."""
    for name, fields in mappings(part.get("applications")):
        scale, units = fields.get("scale"), fields.get("num_units")
        if isinstance(scale, int) and isinstance(units, int) and scale > 0 and units > 0:
            yield Problem(f'cannot specify both scale and num_units for application "{name}"')
        placement = fields.get("placement")
        if placement and part.get("bundle") != "kubernetes":
            yield Problem(
                f'placement ({placement}) not valid for non-Kubernetes application "{name}"',
                fix="write bundle: kubernetes at the top of the same document, or use to:",
            )
        elif placement and fields.get("to"):
            yield Problem(f'cannot specify both placement and to for application "{name}"')


def application_problems(
    name: str,
    *,
    constraints: str,
    storage: Mapping[str, str],
    devices: Mapping[str, str],
    resources: Mapping[str, object],
) -> Iterator[Problem]:
    """Yield what is wrong with the values of an application that have a syntax of their own."""
    try:
        parse_constraints(constraints)
    except BundleError as exc:
        yield Problem(f'invalid constraints "{constraints}" in application "{name}": {exc.message}')
    for item, text in storage.items():
        if not NAME.match(item):
            yield Problem(f'invalid storage name "{item}" in application "{name}"')
        try:
            parse_storage(text)
        except BundleError as exc:
            yield Problem(
                f'invalid storage "{item}" in application "{name}": {exc.message}',
                fix="" if text else "give its size, count or pool, or leave it out",
            )
    for item, text in devices.items():
        if not NAME.match(item):
            yield Problem(f'invalid device name "{item}" in application "{name}"')
        try:
            parse_device(text)
        except BundleError as exc:
            yield Problem(f'invalid device "{item}" in application "{name}": {exc.message}')
    if "" in resources:
        yield Problem(f'missing resource name on application "{name}"')


def placement_problems(
    name: str, placement: Sequence[str], *, kubernetes: bool
) -> Iterator[Problem]:
    """Yield what is wrong with the placement of an application.

    Args:
        name: The application.
        placement: Its directives: node selectors, ``KEY=VALUE,KEY=VALUE``.
        kubernetes: Whether the bundle says that it is for Kubernetes; otherwise Juju takes the
            directives to be of machines, which nothing can be placed on here.
    """
    if not kubernetes:
        for directive in placement:
            if not _PLACEMENT.match(directive):
                what = f'invalid placement syntax "{directive}" for application "{name}"'
            else:
                what = f'placement "{directive}" of application "{name}" is on machines'
            fix = "write bundle: kubernetes at the top, and to: [KEY=VALUE] for a node selector"
            yield Problem(what, fix=fix)
        return
    if len(placement) > 1:
        fix = "write one, its parts separated by commas: to: ['a=b,c=d']"
        yield Problem(f'too many placement directives for application "{name}"', fix=fix)
        return
    seen: set[str] = set()
    for part in filter(None, ",".join(placement).split(",")):
        key, equals, value = (text.strip() for text in part.partition("="))
        if not equals:
            yield Problem(
                f'expected "key=value", got "{part}" for application "{name}"',
                fix="Kubernetes has no machines: name labels of nodes",
            )
            return
        if not key or not value:
            yield Problem(f'expected "key=value", got "{key}={value}" for application "{name}"')
            return
        if key in seen:
            yield Problem(f'key "{key}" specified more than once for application "{name}"')
            return
        seen.add(key)


def image_id_problems(applications: Document) -> Iterator[Problem]:
    """Yield a problem for each application of a bundle that names its machine image."""
    for name, fields in applications.items():
        text = fields.get("constraints") if isinstance(fields, dict) else None
        if not isinstance(text, str):
            continue
        try:
            found = parse_constraints(text)
        except BundleError:
            continue
        if found.get("image-id"):
            yield Problem(
                f'invalid constraints "{text}" in application "{name}": \'image-id\' constraint in '
                "a base bundle not supported",
                fix="set it in an overlay",
            )
