"""``ckf-airgap releases``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.table import Table

    from ckf_airgap import Release

SCHEMA: Final = "ckf-airgap/releases/v1"


@click.command(
    "releases",
    epilog="""\b
Example:
  ckf-airgap releases
""",
)
@json_option
@verbosity_options
def command() -> None:
    """List the shipped releases of Charmed Kubeflow.

    Wherever a BUNDLE is asked for, the name of a release will do.
    """
    releases = [ckf_airgap.load_release(name) for name in ckf_airgap.release_names()]
    document = {"schema": SCHEMA, "releases": [_document(release) for release in releases]}
    Terminal.current().result(_table(releases), document=document)


def _table(releases: list[Release]) -> Table:
    from ckf_airgap.cli.tables import plain_table

    table = plain_table(
        "release", ">applications", ">relations", ">charms", "upgraded from", "published as"
    )
    for release in releases:
        source = release.source
        table.add_row(
            release.name,
            str(len(release.bundle.applications)),
            str(len(release.bundle.relations)),
            str(len(release.charms)),
            release.upgrade.previous if release.upgrade else "",
            f"github.com/{source.repo} {source.path} @ {source.commit[:7]}",
        )
    return table


def _document(release: Release) -> dict[str, object]:
    return {
        "name": release.name,
        "bundle": str(release.bundle_path),
        "applications": len(release.bundle.applications),
        "relations": len(release.bundle.relations),
        "charms": sorted(release.charms),
        "upgrade": release.upgrade.to_json() if release.upgrade else None,
        "source": {
            "repository": release.source.repo,
            "commit": release.source.commit,
            "path": release.source.path,
        },
    }
