"""Registries that are known by their host names, so that a path behind one is an image. Pure."""

from __future__ import annotations

import re
from typing import Final

_HOSTS: Final = frozenset(
    # Docker Hub
    {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
    # open to all, or to customers
    | {"cgr.dev", "container-registry.oracle.com", "containers.intersystems.com", "cr.yandex"}
    | {"docker.elastic.co", "docker.pkg.github.com", "gcr.io", "ghcr.io", "icr.io", "lscr.io"}
    | {"mcr.microsoft.com", "nvcr.io", "public.ecr.aws", "quay.io", "registry.access.redhat.com"}
    | {"registry.gitlab.com", "registry.k8s.io", "registry.redhat.io", "rocks.canonical.com"}
    | {"xpkg.upbound.io"}
    # where images of vendors are: no other word of these names shows it
    | {"images.getunleash.io", "docker.cloudsmith.io", "tccr.io"}
)

_DOMAINS: Final = re.compile(
    r"(?:"
    r"(?:[a-z0-9-]+\.)*gcr\.io"
    r"|[a-z0-9-]+-docker\.pkg\.dev"
    r"|[0-9]{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
    r"|[a-z0-9-]+\.azurecr\.(?:io|cn|us)"
    r"|(?:[a-z0-9-]+\.)*icr\.io"
    r"|(?:[a-z0-9-]+\.)*ocir\.io"
    r"|(?:[a-z0-9-]+\.)*scw\.cloud"
    r"|(?:[a-z0-9.-]+\.)?cr\.aliyuncs\.com"
    r"|[a-z0-9-]+\.jfrog\.io"
    r"|ccr\.ccs\.tencentyun\.com"
    r"|swr\.[a-z0-9-]+\.myhuaweicloud\.com"
    r")\Z"
)
"""Domains of providers below which every customer or region has a registry."""

_FIRST_LABELS: Final = re.compile(
    r"(?:(?:container-?|docker-?|image-?|oci-?)?registry(?:-[a-z0-9]+)?(?:\.[a-z0-9-]+)+"
    r"|(?:cr|docker|harbor|quay|rocks)(?:\.[a-z0-9-]+){2,})\Z"
)
"""Hosts whose first label says what they are: ``registry.example.com``, ``docker.example.com``."""

_OTHER_GOODS: Final = re.compile(
    r"registry\.(?:bower|modules|npmjs|npmmirror|opentofu|terraform|yarnpkg)\."
)
"""Registries of other things than images: packages, modules."""


def is_registry(host: str) -> bool:
    """Whether a host, which may have a port, is a registry of images by its name.

    ``quay.io``, ``eu.gcr.io``, ``registry.example.com:5000`` are; ``nvidia.com``, ``minio:9000``,
    ``docker.com`` and ``networking.k8s.io`` are not. Not every registry is known by its name.
    """
    name, colon, port = host.lower().partition(":")
    if colon and not (port.isdecimal() and len(port) <= 5):
        return False
    return name in _HOSTS or (
        not _OTHER_GOODS.match(name)
        and (_DOMAINS.match(name) is not None or _FIRST_LABELS.match(name) is not None)
    )


def names_registry(text: str) -> bool:
    """Whether a text begins with a registry by name: alone, or with a path behind it."""
    return is_registry(text.partition("/")[0])
