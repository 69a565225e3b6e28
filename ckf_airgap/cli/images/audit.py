"""``ckf-airgap images audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.images.options import listing_options
from ckf_airgap.cli.options import BundleName, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table

    from ckf_airgap import AuditFinding, ImageAudit, ListingInputs
    from ckf_airgap.images.audit import Standing

SCHEMA: Final = "ckf-airgap/images-audit/v1"

_QUIET: Final[tuple[Standing, ...]] = ("covered", "listed", "text")
"""Shown on request."""


@click.command(
    "audit",
    epilog="""\b
Example:
  ckf-airgap images audit 1.11 --charms ~/charms
""",
)
@click.argument("bundle", type=BundleName())
@listing_options(files_only=True)
@click.option(
    "--dependencies",
    is_flag=True,
    help="Search the charms' Python dependencies (venv), too.",
)
@json_option
@verbosity_options
def audit_command(inputs: ListingInputs, dependencies: bool) -> int:
    """Find images in charm files that no resource, option or rule declares.

    An image is hidden when it is certain to be pulled as written: the exit code is then 4. It
    is templated when a variable supplies part or all of it. An image named in comments,
    documents, tests or messages is text; -v shows it, and the places that name an image that
    the charm declares elsewhere, or that a rule or an appended list names.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    audited = run(ckf_airgap.audit_images(inputs, dependencies=dependencies))
    report = audited.report
    shown: list[AuditFinding] = [*report.of_standing("hidden"), *report.of_standing("templated")]
    if terminal.verbosity > 0:
        shown += [finding for name in _QUIET for finding in report.of_standing(name)]
    if shown or terminal.json:
        terminal.result(_audit_table(shown), document=_audit_document(audited))
    for audit in report.silent:
        terminal.warn(
            f"charm {audit.charm} runs containers and names no image: no resource, no option, no "
            f"file and no rule names one"
        )
    for audit in report.charms:
        for problem in audit.skipped:
            terminal.warn(str(problem))
    counts = {name: len(report.of_standing(name)) for name in ("hidden", "templated", *_QUIET)}
    terminal.note(
        f"{len(report.charms)} charms: {counts['hidden']} hidden images, {counts['templated']} "
        f"templated, {counts['text']} in text, {counts['covered']} that the charm declares "
        f"elsewhere"
        + (f", {counts['listed']} that only rules or lists name" if counts["listed"] else "")
    )
    if not counts["hidden"]:
        return ExitCode.OK
    terminal.note(
        "A hidden image is pulled from the registry it names. Mirror it there, or have the charm "
        "fixed; then name it in a list for --append, or under extra-images in a file for --rules, "
        "which is added to the rules of the release."
    )
    return ExitCode.MISSING


def _audit_table(findings: list[AuditFinding]) -> Table:
    from ckf_airgap.cli.tables import plain_table

    table = plain_table("standing", "charm", "file", ">line", "image")
    for finding in findings:
        table.add_row(
            finding.standing, finding.charm, finding.file, str(finding.line), finding.image
        )
    return table


def _audit_document(audited: ImageAudit) -> dict[str, object]:
    report = audited.report
    return {
        "schema": SCHEMA,
        "bundle": audited.listing.named.where,
        "hidden": len(report.of_standing("hidden")),
        "templated": len(report.of_standing("templated")),
        "text": len(report.of_standing("text")),
        "covered": len(report.of_standing("covered")),
        "listed": len(report.of_standing("listed")),
        "silent": [audit.charm for audit in report.silent],
        "charms": [audit.to_json() for audit in report.charms],
    }
