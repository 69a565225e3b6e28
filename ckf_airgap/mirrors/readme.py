"""The page that goes with the files: where each goes, what to restart, and how to test it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from ckf_airgap.mirrors.crio import DROP_IN
from ckf_airgap.mirrors.formats import MirrorFormat
from ckf_airgap.mirrors.marks import MARK, PLACEHOLDER
from ckf_airgap.mirrors.plan import MirrorPlan
from ckf_airgap.mirrors.rancher import CA_PATH

_MOST_NAMED: Final = 20

_HEAD: Final = """\
Mirrors for nodes behind an air gap: {registry}
{underline}

A node that has these files looks for the images of public registries in the private one:
docker.io/a/b:1 is pulled from {registry}/a/b:1.
Nothing that runs on it needs to know: images that users name in notebooks and pipelines, images of
pods that other pods make, and images that are written in the code of a charm all come from there.

{hosts}

Every node needs the files, each kind of node those of its own directory. The commands below are run
as root, in this directory. They replace files of the same names: keep those that are there, if any.
"""

_LIMITS: Final = """
What to know
------------
  A public registry is not asked any more, since it cannot be reached: an image that is not in the
  private one is "not found" at once, without a time-out.

  All registries share one place there. Two images of different registries and the same path and
  tag, docker.io/a/b:1 and ghcr.io/a/b:1, cannot both be in it. `ckf-airgap images retag` refuses a
  list with such images; for an image that is on no list, the node gets the one that is there. By
  digest (a/b@sha256:...) it gets the right one or none.

  Docker Hub's official images have no namespace, and a node asks for alpine:3.10 as
  library/alpine:3.10. `ckf-airgap images push` gives them this second name when a directory called
  mirrors lies beside the archive, or with --library.
{insecure}{unreachable}"""

_INSECURE: Final = """
  {host} is spoken to without TLS: whoever is in between can exchange images.
"""

_UNREACHABLE: Final = """
  Not to be had through these mirrors, since a mirror cannot fold a path (number: {count}). Have
  such images pulled by their names in the private registry:
{images}"""

_CONTAINERD: Final = """
containerd
----------
For Canonical Kubernetes, Charmed Kubernetes, kubeadm and others.

The directory is the `config_path` of containerd's registries: /etc/containerd/certs.d in most
clusters, /etc/containerd/hosts.d in Canonical Kubernetes.

    mkdir -p /etc/containerd/certs.d
    cp -r containerd/certs.d/. /etc/containerd/certs.d/

containerd reads these files for every pull, so nothing has to be restarted. Only where
/etc/containerd/config.toml has no `config_path` yet (`mirrors` and TLS settings must then be gone
from there), add it and `systemctl restart containerd`:

    [plugins."io.containerd.grpc.v1.cri".registry]     # containerd 1
      config_path = "/etc/containerd/certs.d"
    [plugins."io.containerd.cri.v1.images".registry]   # containerd 2
      config_path = "/etc/containerd/certs.d"

Test:

    ctr images pull --hosts-dir /etc/containerd/certs.d {example}
    crictl pull {example}

Only if the registry wants a login, with bash:

    read -rp 'User: ' user; read -rsp 'Password: ' password; echo
    login=$(printf '%s:%s' "$user" "$password" | base64 -w0)
    chmod 600 /etc/containerd/certs.d/*/hosts.toml
    sed -i -f <(printf 's|^{mark}||\\ns|{placeholder}|%s|\\n' "$login") \\
        /etc/containerd/certs.d/*/hosts.toml

A registry that takes tokens only (such as GitLab) does not accept a login in a header. Give it in
/etc/containerd/config.toml, and restart containerd:

    [plugins."io.containerd.grpc.v1.cri".registry.configs."{host}".auth]
      username = "USER"
      password = "PASSWORD"
"""

_MICROK8S: Final = """
MicroK8s
--------
    cp -r microk8s/certs.d/. /var/snap/microk8s/current/args/certs.d/

Nothing has to be restarted. It has a docker.io/hosts.toml of its own, which this replaces.

Test:

    microk8s ctr images pull --hosts-dir /var/snap/microk8s/current/args/certs.d \\
        {example}

Only if the registry wants a login, with bash:

    read -rp 'User: ' user; read -rsp 'Password: ' password; echo
    login=$(printf '%s:%s' "$user" "$password" | base64 -w0)
    chmod 600 /var/snap/microk8s/current/args/certs.d/*/hosts.toml
    sed -i -f <(printf 's|^{mark}||\\ns|{placeholder}|%s|\\n' "$login") \\
        /var/snap/microk8s/current/args/certs.d/*/hosts.toml
"""

_K3S: Final = """
K3s and RKE2
------------
    mkdir -p /etc/rancher/k3s
    install -m 600 k3s/registries.yaml /etc/rancher/k3s/registries.yaml{authority}
    systemctl restart k3s           # on an agent: k3s-agent

For RKE2 the directory is /etc/rancher/rke2, and the service rke2-server or rke2-agent. If there is
a registries.yaml already, put the two together by hand.

Both ask the public registry last, in spite of the mirrors, and wait for it. Turn that off with
`disable-default-registry-endpoint: true` in /etc/rancher/k3s/config.yaml (January 2024 and later).

Test:

    k3s crictl pull {example}

Only if the registry wants a login: take away each {mark!r} in registries.yaml, write user and
password in place of USER and PASSWORD, and restart the service.
"""

_K3S_AUTHORITY: Final = f"""
    install -m 644 k3s/ca.crt {CA_PATH}"""

_CRIO: Final = """
CRI-O and podman
----------------
    mkdir -p /etc/containers/registries.conf.d
    cp crio/{drop_in} /etc/containers/registries.conf.d/{authority}

CRI-O reads them again with `systemctl reload crio`; podman reads them every time. A name without a
registry, `alpine:3.10`, is one of docker.io only if /etc/containers/registries.conf says so:

    unqualified-search-registries = ["docker.io"]

Test:

    crictl pull {example}
    podman pull {example}

Only if the registry wants a login: copy crio/auth.json to /etc/crio/auth.json, with `USER:PASSWORD`
in base64 in place of {placeholder}, readable for root only. Or have it made:

    podman login --authfile /etc/crio/auth.json {host}

CRI-O is told of it in /etc/crio/crio.conf.d/50-ckf-airgap.conf, and restarted:

    [crio.image]
    global_auth_file = "/etc/crio/auth.json"

podman takes it with --authfile, or from `podman login {host}`.
"""

_CRIO_AUTHORITY: Final = """
    mkdir -p '/etc/containers/certs.d/{host}'
    cp crio/ca.crt '/etc/containers/certs.d/{host}/ca.crt'"""

_SECTIONS: Final[dict[MirrorFormat, str]] = {
    "containerd": _CONTAINERD,
    "k3s": _K3S,
    "microk8s": _MICROK8S,
    "crio": _CRIO,
}


def mirrors_readme(plan: MirrorPlan, formats: Sequence[MirrorFormat]) -> str:
    """Return ``README.txt``."""
    title = f"Mirrors for nodes behind an air gap: {plan.registry}"
    host = plan.registry.host
    authorities: dict[MirrorFormat, str] = {}
    if plan.authority:
        authorities = {"k3s": _K3S_AUTHORITY, "crio": _CRIO_AUTHORITY.format(host=host)}
    sections = [
        _SECTIONS[one].format(
            example=plan.example,
            host=host,
            mark=MARK,
            placeholder=PLACEHOLDER,
            drop_in=DROP_IN,
            authority=authorities.get(one, ""),
        )
        for one in formats
    ]
    head = _HEAD.format(
        registry=plan.registry,
        underline="=" * len(title),
        hosts=textwrap.fill(f"Registries: {', '.join(plan.hosts)}.", 100),
    )
    limits = _LIMITS.format(
        insecure=_INSECURE.format(host=host) if plan.plain_http else "",
        unreachable=_unreachable(plan),
    )
    return head + "".join(sections) + limits


def _unreachable(plan: MirrorPlan) -> str:
    if not plan.unreachable:
        return ""
    named = [f"    {image}\n" for image in plan.unreachable[:_MOST_NAMED]]
    rest = len(plan.unreachable) - len(named)
    more = f"    and {rest} more, all of them in mirrors.json\n" if rest else ""
    return _UNREACHABLE.format(count=len(plan.unreachable), images="".join(named) + more)
