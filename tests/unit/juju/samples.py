"""Charms and bundles for the tests of the Juju room."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.documents import load_mapping
from ckf_airgap.juju.planning.steps import Step, UploadCharm


def charm(text: str, *, bases: str = "[ubuntu@22.04]", file: str | None = None) -> Charm:
    """Return a charm from one YAML document that is metadata and config together."""
    document = load_mapping(text, where="charm")
    items = load_mapping(f"bases: {bases}", where="bases")["bases"]
    assert isinstance(items, list)
    manifest_bases = []
    for item in items:
        name, _, channel = str(item).partition("@")
        channel, _, architectures = channel.partition(":")
        entry: dict[str, object] = {"name": name, "channel": channel}
        if architectures:
            entry["architectures"] = architectures.split("+")
        manifest_bases.append(entry)
    return charm_from_documents(
        metadata=document,
        config={"options": document.get("options", {})},
        manifest={"bases": manifest_bases} if manifest_bases else None,  # type: ignore[dict-item]
        where="charm",
        path=Path(f"/charms/{file or document['name']}.charm"),
        size_bytes=1_500_000,
    )


def bundle(text: str) -> Bundle:
    """Return a bundle from its YAML."""
    return Bundle.from_document(load_mapping(text, where="bundle"), where="bundle")


def bare(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return steps without what they say of how things differ."""
    return tuple(
        step if isinstance(step, UploadCharm) else dataclasses.replace(step, differences=())
        for step in steps
    )


MINIO = charm(
    """
    name: minio
    resources: {oci-image: {type: oci-image}}
    provides: {object-storage: {interface: object-storage}}
    requires: {logging: {interface: loki_push_api}}
    options:
      port: {type: int, default: 9000}
      secret-key: {type: string}
      debug: {type: boolean, default: false}
      ratio: {type: float}
      mode: {type: string, default: server}
    """,
    file="minio_r278",
)
MYSQL = charm(
    """
    name: mysql-k8s
    resources: {mysql-image: {type: oci-image}, tuning: {type: file, filename: tuning.cnf}}
    provides: {database: {interface: mysql_client}, mysql: {interface: mysql, limit: 1}}
    peers: {database-peers: {interface: mysql_peers}}
    storage: {database: {type: filesystem}}
    """,
    file="mysql-k8s_r99",
)
KFP = charm(
    """
    name: kfp-api
    resources: {oci-image: {type: oci-image}}
    requires:
      object-storage: {interface: object-storage, limit: 1}
      relational-db: {interface: mysql_client}
      mysql: {interface: mysql}
    """,
    bases="[ubuntu@20.04, ubuntu@22.04]",
    file="kfp-api_r1",
)
