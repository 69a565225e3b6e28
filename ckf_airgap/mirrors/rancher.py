"""Mirrors for K3s and RKE2: ``registries.yaml``, which both read when they start.

The format is that of "Private Registry Configuration" in the documentation of either. They write
the ``hosts.toml`` of their own containerd from it. A rewrite is applied to the path of an image
before it is asked for, and only at the endpoints of the mirror.
"""

from __future__ import annotations

from typing import Final

from ckf_airgap.mirrors.marks import LOGIN, commented
from ckf_airgap.mirrors.plan import MirrorPlan

CA_PATH: Final = "/etc/rancher/ckf-airgap-ca.crt"
"""Where the CA's certificate is on a node; K3s and RKE2 share the directory."""

_HEAD: Final = """\
# Images of public registries are looked for in {registry}. Made by ckf-airgap.
mirrors:
"""

_MIRROR: Final = """\
  "{host}":
    endpoint:
      - "{url}"
"""

_REWRITE: Final = """\
    rewrite:
      "^(.*)$": "{path}/$1"
"""

_CONFIG: Final = """\
configs:
  "{host}":
"""

_TLS: Final = f"""\
    tls:
      ca_file: "{CA_PATH}"
"""

_AUTH: Final = """\
    auth:
      username: "USER"
      password: "PASSWORD"
"""


def rancher_files(plan: MirrorPlan) -> dict[str, str]:
    """Return ``registries.yaml``, and the CA's certificate where there is one."""
    path = plan.registry.path
    rewrite = _REWRITE.format(path=path) if path else ""
    mirrors = "".join(_MIRROR.format(host=host, url=plan.url) + rewrite for host in (*plan.hosts,))
    if plan.plain_http:  # its own name needs an endpoint, too: https would be tried otherwise
        mirrors += _MIRROR.format(host=plan.registry.host, url=plan.url)
    config = _CONFIG.format(host=plan.registry.host)
    if plan.authority:
        config += _TLS + LOGIN + commented(_AUTH)
    else:
        config = LOGIN + commented(config + _AUTH)
    files = {"registries.yaml": _HEAD.format(registry=plan.registry) + mirrors + config}
    return {**files, "ca.crt": plan.authority} if plan.authority else files
