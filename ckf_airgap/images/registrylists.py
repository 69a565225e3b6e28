"""Options that list hosts of registries: the private one is added to them. Pure.

``registries-skipping-tag-resolving`` of knative-serving (Charmed Kubeflow 1.9 and later) has the
registries that serving does not ask for the digest of a tag. It asks every other one over TLS, with
a certificate that it trusts, which that of a private registry often is not. A host, with its port,
is a part of references and no reference: no path goes with it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem
from ckf_airgap.images.needs import Place
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.rules import ImageRules


def registry_lists(
    bundle: Bundle, charms: Mapping[str, Charm], rules: ImageRules, registry: Registry
) -> dict[Place, str]:
    """Return the options that list registries and lack the private one.

    Args:
        bundle: The bundle, with overlays and settings.
        charms: The charm of each application.
        rules: What the charms do not declare.
        registry: The private registry.

    Returns:
        Each with its value in force, and the host of the private registry behind what is there.
    """
    found = {}
    for name, application in bundle.applications.items():
        charm = charms[name]
        for option in charm.options.values():
            rule = rules.for_option(charm.name, option.name)
            if rule is None or rule.value is None or rule.value.kind != "registries":
                continue
            value = application.options.get(option.name, option.default)
            hosts = [host.strip() for host in str(value or "").split(",")]
            if registry.host not in hosts:
                found[name, option.name] = ",".join([*filter(None, hosts), registry.host])
    return found


def extended(lists: Mapping[Place, str], own: Container[Place]) -> Document:
    """Return an overlay with the lists that rendering extends: those that no person set."""
    options: dict[str, dict[str, JSONValue]] = {}
    for (name, option), hosts in lists.items():
        if (name, option) not in own:
            options.setdefault(name, {})[option] = hosts
    applications: Document = {name: {"options": values} for name, values in options.items()}
    return {"applications": applications}


def lists_left(
    lists: Mapping[Place, str], own: Container[Place], registry: Registry
) -> list[Problem]:
    """Return a warning for each such option that a person set, which stays as it is.

    Args:
        lists: What `registry_lists` returned.
        own: The options that a person set.
        registry: The private registry.
    """
    return [
        Problem(
            f"{registry.host} is not in it, and it stays since you set it",
            f"application {name}, option {option}",
            f"set it to {value}, unless the application trusts the certificate of the registry",
        )
        for (name, option), value in lists.items()
        if (name, option) in own
    ]
