"""Mirrors for CRI-O and podman: a drop-in for ``registries.conf.d``.

The format is that of containers-registries.conf(5). A registry that is ``blocked`` is not asked
itself, its mirrors are.
"""

from __future__ import annotations

import json
from typing import Final

from ckf_airgap.mirrors.marks import PLACEHOLDER
from ckf_airgap.mirrors.plan import MirrorPlan

DROP_IN: Final = "registries.conf.d/50-ckf-airgap.conf"

_HEAD: Final = """\
# Images of public registries are looked for in {registry}. Made by ckf-airgap.
#
# A registry that is blocked is not asked itself, since it cannot be reached from behind the gap;
# its mirrors are.
"""

_REGISTRY: Final = """
[[registry]]
prefix = "{host}"
location = "{host}"
blocked = true

[[registry.mirror]]
location = "{registry}"
"""

_OWN: Final = """
[[registry]]
prefix = "{host}"
location = "{host}"
insecure = true
"""

_INSECURE: Final = "insecure = true\n"
"""Speaks HTTP where the registry has no TLS."""


def crio_files(plan: MirrorPlan) -> dict[str, str]:
    """Return the drop-in, ``auth.json`` with a placeholder, and the CA's certificate."""
    insecure = _INSECURE if plan.plain_http else ""
    text = _HEAD.format(registry=plan.registry) + "".join(
        _REGISTRY.format(host=host, registry=plan.registry) + insecure for host in plan.hosts
    )
    if plan.plain_http:
        text += _OWN.format(host=plan.registry.host)
    login = {"auths": {plan.registry.host: {"auth": PLACEHOLDER}}}
    files = {DROP_IN: text, "auth.json": json.dumps(login, indent=2) + "\n"}
    return {**files, "ca.crt": plan.authority} if plan.authority else files
