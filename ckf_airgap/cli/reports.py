"""What is printed of a deployment or a rehearsal when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ckf_airgap.cli.modelview import describe_counts, relations_table, status_table
from ckf_airgap.cli.tables import plain_table
from ckf_airgap.cli.wording import duration, plural
from ckf_airgap.documents import Document
from ckf_airgap.juju.snapshot import ModelSnapshot
from ckf_airgap.juju.watch import WaitReport
from ckf_airgap.operations import Deployment
from ckf_airgap.overlay import Rendering
from ckf_airgap.rehearsal.model import Finding


def standing(snapshot: ModelSnapshot, rendering: Rendering | None = None) -> RenderableType:
    """Return what stands in a model: applications, then relations."""
    if not snapshot.applications:
        return Text(f"model {snapshot.model} is empty")
    parts: list[RenderableType] = [status_table(snapshot, rendering)]
    if any(len(relation.ends) == 2 for relation in snapshot.relations):
        parts += ["", relations_table(snapshot)]
    return Group(*parts)


def finished(deployment: Deployment, findings: Sequence[Finding] | None = None) -> RenderableType:
    """Return what a person reads after a deployment.

    Args:
        deployment: What came of it.
        findings: Those of a rehearsal; ``None`` when it was none.
    """
    report, waited = deployment.report, deployment.waited
    parts: list[RenderableType] = []
    if waited is not None:
        parts += [standing(waited.snapshot, deployment.rendering), ""]
    if findings:
        table = plain_table("finding", "", "why it hurts")
        for finding in findings:
            table.add_row(finding.application, Text(finding.what, "red"), finding.why)
        parts += [table, ""]
    elif findings is not None:
        parts.append("findings: none; a real controller would not have taken anything in silence")
    if waited is not None:
        parts.append(
            Text.assemble(
                ("active and idle: ", "bold green"),
                f"{describe_counts(waited.snapshot)}, "
                f"{plural(len(deployment.rendering.images), 'image')} of "
                f"{deployment.rendering.registry}",
            )
        )
    elif report is not None:
        parts.append(
            f"deployed {plural(len(report.deployed), 'application')} and made "
            f"{plural(len(report.related), 'relation')} in model {report.plan.model}; "
            "follow it with: ckf-airgap status --watch"
        )
    parts.append(Text(_timing(deployment), "dim"))
    return Group(*parts)


def deployment_document(schema: str, deployment: Deployment) -> dict[str, object]:
    """Return a deployment as a JSON document."""
    report, waited, rendering = deployment.report, deployment.waited, deployment.rendering
    document: dict[str, object] = {"schema": schema, "registry": str(rendering.registry)}
    document |= report.to_json() if report is not None else deployment.plan.to_json()
    document["images"] = [replacement.to_json() for replacement in rendering.replacements]
    document["warnings"] = [warning.to_json() for warning in rendering.warnings]
    document["seconds"] = {part: round(took, 3) for part, took in deployment.seconds.items()}
    if waited is not None:
        document["status"] = waited.snapshot.to_json()
        document["ready-after-s"] = waited.to_json()["ready-after-s"]
    return document


def plan_document(schema: str, deployment: Deployment) -> dict[str, object]:
    """Return what a deployment would do as a JSON document."""
    return {
        "schema": schema,
        "registry": str(deployment.rendering.registry),
        **deployment.plan.to_json(),
        "warnings": [warning.to_json() for warning in deployment.rendering.warnings],
    }


def findings_document(findings: Sequence[Finding]) -> list[Mapping[str, str]]:
    """Return findings as JSON."""
    return [
        {"application": finding.application, "what": finding.what, "why": finding.why}
        for finding in findings
    ]


def status_document(schema: str, snapshot: ModelSnapshot) -> Document:
    """Return a model as a JSON document."""
    return {"schema": schema, **snapshot.to_json()}


def wait_document(schema: str, report: WaitReport) -> Document:
    """Return a wait as a JSON document."""
    return {"schema": schema, **report.to_json()}


def _timing(deployment: Deployment) -> str:
    names = {
        "render": "rendered in",
        "connect": "connected in",
        "deploy": "deployed in",
        "wait": "active and idle after another",
    }
    parts = [
        f"{words} {duration(deployment.seconds[part])}"
        for part, words in names.items()
        if part in deployment.seconds
    ]
    return ", ".join(parts)
