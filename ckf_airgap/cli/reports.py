"""What is printed of a deployment or a rehearsal when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ckf_airgap.cli.modelview import describe_counts, relations_table, status_table
from ckf_airgap.cli.planview import differences_of
from ckf_airgap.cli.safetext import line, visible
from ckf_airgap.cli.tables import plain_table
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.valuediff import value_text
from ckf_airgap.cli.wording import duration, plural
from ckf_airgap.documents import Document
from ckf_airgap.errors import ExitCode
from ckf_airgap.juju.applying.report import DeployReport
from ckf_airgap.juju.planning.differences import Difference
from ckf_airgap.juju.planning.hiding import masked
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.watch import WaitReport
from ckf_airgap.operations.deploying import Deployment
from ckf_airgap.rehearsal.entities.entities import Finding

_WRONG, _GOOD, _ASIDE = "red", "bold green", "dim"


def standing(snapshot: ModelSnapshot, images: Mapping[str, str] | None = None) -> RenderableType:
    """Return the applications of a model, then its relations."""
    if not snapshot.applications:
        return line(f"model {snapshot.model} is empty")
    parts: list[RenderableType] = [status_table(snapshot, images)]
    if any(len(relation.ends) == 2 for relation in snapshot.relations):
        parts += ["", relations_table(snapshot)]
    return Group(*parts)


def finished(deployment: Deployment, findings: Sequence[Finding] | None = None) -> RenderableType:
    """Return what a person reads after a deployment.

    Args:
        deployment: What came of it.
        findings: Those of a rehearsal; ``None`` when it was a deployment.
    """
    report, waited = deployment.report, deployment.waited
    parts: list[RenderableType] = []
    if waited is not None:
        parts += [standing(waited.snapshot, _images_by_application(deployment)), ""]
    if findings:
        table = plain_table("finding", "", "why it matters")
        for finding in findings:
            table.add_row(finding.application, line(finding.what, _WRONG), finding.why)
        parts += [table, ""]
    elif findings is not None:
        parts.append("no findings: nothing was accepted here that would cause trouble later")
    if waited is not None:
        parts.append(
            Text.assemble(
                ("active and idle: ", _GOOD),
                visible(f"{describe_counts(waited.snapshot)}, {_images(deployment)}"),
            )
        )
        parts.append(Text(f"{done(report)}; {_timing(deployment)}" if report else "", _ASIDE))
    elif report is not None:
        parts.append(f"{done(report)}; follow it with: ckf-airgap status --watch")
        parts.append(Text(_timing(deployment), _ASIDE))
    return Group(*parts)


def done(report: DeployReport) -> str:
    """Return what was done, on one line: ``in model kubeflow: deployed 2 applications, ...``."""
    counts = (
        ("deployed", len(report.deployed), "application"),
        ("refreshed", len(report.refreshed), "application"),
        ("changed", len(report.changed), "application"),
        ("made", len(report.related), "relation"),
        ("removed", sum(" " not in name for name in report.removed), "application"),
        ("removed", sum(" " in name for name in report.removed), "relation"),
        ("made", len(report.offered), "offer"),
    )
    words = [f"{verb} {plural(count, noun)}" for verb, count, noun in counts if count]
    return f"in model {report.plan.model}: {', '.join(words) or 'nothing had to be done'}"


def say_what_remains(terminal: Terminal, deployment: Deployment) -> None:
    """End the command with an error when the model is not what the bundle says afterwards.

    The controller took each step and something else is in the model nevertheless, or somebody else
    has changed it meanwhile.

    Args:
        terminal: Where to say it.
        deployment: What came of it.
    """
    remaining = deployment.remaining
    if not remaining:
        return
    details = [_difference_line(difference) for difference in remaining]
    if all(difference.kind == "record" for difference in remaining):
        terminal.warn("what was deployed is not noted in the model:", details)
        return
    terminal.fail(
        f"model {deployment.plan.model} is not what the bundle says, although everything was asked "
        "for",
        ExitCode.REFUSED,
        details,
    )


def say_what_was_skipped(terminal: Terminal, report: DeployReport) -> None:
    """Say which steps were not tried, since they depend on one that failed."""
    for step in report.skipped:
        terminal.note(f"skipped: {step.step}: {step.reason}")


def _difference_line(difference: Difference) -> str:
    """Return what is in the model and what should be, on one line."""
    old, new = (
        "nothing" if value is None else " ".join(value_text(difference.shown(value)).split())
        for value in (difference.old, difference.new)
    )
    name = "" if difference.kind == "relation" else difference.name
    has = (
        "it is not known what the model has" if not difference.is_known else f"the model has {old}"
    )
    reason = f" ({difference.reason})" if difference.reason else ""
    what = " ".join(filter(None, (difference.application, difference.kind, name)))
    return f"{what}: {has}, the bundle {new}{reason}"


def deployment_document(schema: str, deployment: Deployment) -> dict[str, object]:
    """Return a deployment as a JSON document."""
    report, waited, rendering = deployment.report, deployment.waited, deployment.rendering
    document: dict[str, object] = {"schema": schema, "registry": str(rendering.registry)}
    document |= report.to_json() if report is not None else deployment.plan.to_json()
    document["remaining"] = [difference.to_json() for difference in deployment.remaining]
    document["foreign"] = [foreign.to_json() for foreign in deployment.plan.foreign]
    document["upgrade"] = deployment.upgrade.to_json()
    document["images"] = [image.to_json() for image in deployment.images]
    document["warnings"] = [warning.to_json() for warning in deployment.warnings]
    document["hidden"] = _hidden(deployment)
    document["seconds"] = {part: round(took, 3) for part, took in deployment.seconds.items()}
    if waited is not None:
        document["status"] = waited.snapshot.to_json()
        document["ready-after-s"] = waited.to_json()["ready-after-s"]
    return document


def plan_document(schema: str, deployment: Deployment) -> dict[str, object]:
    """Return what a deployment would do as a JSON document, without secrets."""
    plan = deployment.plan
    return {
        "schema": schema,
        "registry": str(deployment.rendering.registry),
        "model": plan.model,
        "steps": [difference.to_json() for _, difference in differences_of(plan)],
        "actions": [masked("", step.to_json()) for step in plan.steps],
        "foreign": [foreign.to_json() for foreign in plan.foreign],
        "refused": [refusal.to_json() for refusal in plan.refused],
        "upgrade": deployment.upgrade.to_json(),
        "unchanged": [*plan.unchanged],
        "kept-relations": plan.kept_relations,
        "warnings": [warning.to_json() for warning in deployment.warnings],
        "hidden": _hidden(deployment),
    }


def _hidden(deployment: Deployment) -> Document | None:
    return deployment.hidden.to_json() if deployment.hidden is not None else None


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


def _images_by_application(deployment: Deployment) -> dict[str, str]:
    """Return for each application its first image in the model, and how many more there are."""
    prefix = f"{deployment.rendering.registry}/"
    found: dict[str, list[str]] = {}
    unknown: set[str] = set()
    for image in deployment.images:
        replacement = image.replacement
        names = found.setdefault(replacement.need.application, [])
        name = str(replacement.target).removeprefix(prefix)
        if not image.seen:
            unknown.add(replacement.need.application)
        elif name not in names:
            names.append(name)
    for application in unknown:
        found[application].append("(not confirmed)")
    return {
        application: names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")
        for application, names in found.items()
    }


def _images(deployment: Deployment) -> str:
    """Return ``103 images of r.example:5000``, counting those that the model was seen to have."""
    seen = {image.replacement.target for image in deployment.images if image.seen}
    unknown = {image.replacement.target for image in deployment.images if not image.seen} - seen
    text = f"{plural(len(seen), 'image')} of {deployment.rendering.registry}"
    return text + (f", {len(unknown)} more not confirmed by the model" if unknown else "")


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
