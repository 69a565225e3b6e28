"""A registry is known by its name, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from ckf_airgap.images.registries import is_registry, names_registry


@pytest.mark.parametrize(
    "host",
    [
        *("docker.io", "index.docker.io", "registry-1.docker.io", "quay.io", "ghcr.io", "nvcr.io"),
        *("gcr.io", "eu.gcr.io", "k8s.gcr.io", "mirror.gke.gcr.io", "registry.k8s.io"),
        *("public.ecr.aws", "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "acme.azurecr.io"),
        *("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "europe-docker.pkg.dev"),
        *("mcr.microsoft.com", "de.icr.io", "fra.ocir.io", "rg.fr-par.scw.cloud", "cr.yandex"),
        *("registry.example.com", "registry.example.com:50000", "container-registry.acme.io"),
        *("docker.acme.org", "harbor.acme.org", "quay.acme.org", "rocks.canonical.com:443"),
        *("QUAY.io", "registry.local", "registry-mirror.acme.org", "cr.acme.org"),
    ],
)
def test_a_registry_by_name(host: str) -> None:
    assert is_registry(host)
    assert names_registry(host)
    assert names_registry(f"{host}/acme/cat")


@pytest.mark.parametrize(
    "host",
    [
        *("", "nvidia.com", "minio:9000", "localhost:5000", "docker.com", "s3.amazonaws.com"),
        *(
            "registry.npmjs.example",
            "registry.terraform.example",
            "networking.k8s.io",
            "github.com",
        ),
        *("quay.io:x", "quay.io:", "quay.io:123456", "quay", "registry", "notquay.io", "quay.ioo"),
        *("a.pkg.dev", "xgcr.io", "harbor.org", "cr.io", "ghcr.io.evil.example", "[fd00::1]:5000"),
        *("12345678901.dkr.ecr.eu-west-1.amazonaws.com"),
    ],
)
def test_a_host_that_is_no_registry_by_name(host: str) -> None:
    assert not is_registry(host)
    assert not names_registry(f"{host}/acme/cat")
