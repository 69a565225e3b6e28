"""Mirrors for containerd: a ``hosts.toml`` for each registry.

The format is that of ``docs/hosts.md`` of containerd, which reads these files since version 1.5,
again for every pull. A directory is named after its registry, with ``_PORT_`` for
``:PORT`` (``hostDirectory`` in ``remotes/docker/config/hosts.go``): no file system minds that.
"""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.mirrors.marks import LOGIN, PLACEHOLDER, commented
from ckf_airgap.mirrors.plan import MirrorPlan

CA_NAME: Final = "ca.crt"
"""The certificate of the registry's CA, in the directory of the registry."""

_PORT: Final = re.compile(r":(?P<port>[0-9]+)\Z")

_HEAD: Final = """\
# Images of {host} are looked for in {registry}. Made by ckf-airgap.
#
# `server` is what containerd tries after all hosts below: it is the private registry as well, since
# it would be {host} itself otherwise, which cannot be reached from behind the gap.
"""

_OWN_HEAD: Final = """\
# The private registry itself. Made by ckf-airgap.
"""

_BODY: Final = """\
server = "{url}"
{settings}{login_server}
[host."{url}"]
{indented}{login_host}"""

_PULLING: Final = 'capabilities = ["pull", "resolve"]\n'
_ALL: Final = 'capabilities = ["pull", "resolve", "push"]\n'

_LOGIN_SERVER: Final = f"""\
[header]
  authorization = "Basic {PLACEHOLDER}"
"""

_LOGIN_HOST: Final = f"""\
  [host."{{url}}".header]
    authorization = "Basic {PLACEHOLDER}"
"""


def containerd_files(plan: MirrorPlan) -> dict[str, str]:
    """Return the files of a ``certs.d``, by their paths in it."""
    own = directory_of(plan.registry.host)
    settings = f'ca = "../{own}/{CA_NAME}"\n' if plan.authority else ""
    files = {
        f"{directory_of(host)}/hosts.toml": _HEAD.format(host=host, registry=plan.registry)
        + _body(plan.api, f"{_PULLING}override_path = true\n{settings}")
        for host in plan.hosts
    }
    files[f"{own}/hosts.toml"] = _OWN_HEAD + _body(
        plan.url, _ALL + (f'ca = "{CA_NAME}"\n' if plan.authority else "")
    )
    if plan.authority:
        files[f"{own}/{CA_NAME}"] = plan.authority
    return files


def directory_of(host: str) -> str:
    """Return the directory that containerd reads for a registry, without a colon before its port.

    ``registry.example.com:5000`` is ``registry.example.com_5000_``.
    """
    return _PORT.sub(lambda match: f"_{match['port']}_", host)


def _body(url: str, settings: str) -> str:
    return _BODY.format(
        url=url,
        settings=settings,
        indented="".join(f"  {line}\n" for line in settings.splitlines()),
        login_server=LOGIN + commented(_LOGIN_SERVER),
        login_host=commented(_LOGIN_HOST.format(url=url)),
    )
