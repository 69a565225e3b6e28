"""``ckf-airgap images audit``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.images.options import listing_options
from ckf_airgap.cli.options import BundleName, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table

    from ckf_airgap import AuditedImage, ImageAudit, ListingInputs
    from ckf_airgap.images.auditreport import Remedy, Standing

SCHEMA: Final = "ckf-airgap/images-audit/v1"

_SHOWN: Final[tuple[Standing, ...]] = ("hidden", "compiled", "templated")
_REMEDIES: Final[dict[Remedy, str]] = {
    "set-option": "the option named may take the place in the private registry: give it with "
    "--set APP.OPTION=VALUE to render, and audit again",
    "mirror": "no option reaches the image. Carry it: name it in a list for --append, or under "
    "extra-images in a file for --rules, which is added to the rules of the release. Then let the "
    "nodes look for it in the private registry, with the files of ckf-airgap mirrors. For good, "
    "ask the charm's authors for an option",
    "look-at-variable": "the charm's code or template says where the variable comes from; what is "
    "pulled when it is not set is carried like a hidden image",
    "none": "",
}


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
    is templated when a variable supplies part or all of it, and compiled when an executable has
    its name in it. An image named in comments, documents, tests or messages is text. -v shows
    text, too, and images that the charm declares elsewhere or that a rule or an appended list
    names, and each place with its line.
    """
    from rich.console import Group

    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    audited = run(ckf_airgap.audit_images(inputs, dependencies=dependencies))
    report = audited.report
    every = report.images()
    shown = every if terminal.verbosity > 0 else report.images(*_SHOWN)
    if shown or terminal.json:
        tables = [_images_table(shown)]
        if terminal.verbosity > 0:
            tables.append(_places_table(shown))
        terminal.result(Group(*tables), document=_audit_document(audited, every))
    for audit in report.silent:
        terminal.warn(
            f"charm {audit.charm} runs containers and names no image: no resource, no option, no "
            f"file and no rule names one"
        )
    for audit in report.charms:
        for problem in audit.skipped:
            terminal.warn(str(problem))
    count = Counter(image.standing for image in every)
    hidden = f"{count['hidden']} hidden images"
    if not (count["hidden"] or report.is_complete):
        hidden = "no hidden images in what could be searched"
    compiled = f"{count['compiled']} in executables, " if count["compiled"] else ""
    terminal.note(
        f"{len(report.charms)} charms: {hidden}, {count['templated']} templated, {compiled}"
        f"{count['text']} in text, {count['covered']} that the charm declares elsewhere"
        + (f", {count['listed']} that only rules or lists name" if count["listed"] else "")
    )
    for remedy in sorted({image.remedy for image in shown} - {"none"}):
        terminal.note(f"{remedy}: {_REMEDIES[remedy]}")
    return ExitCode.MISSING if count["hidden"] else ExitCode.OK


def _images_table(images: Sequence[AuditedImage]) -> Table:
    from ckf_airgap.cli.tables import plain_table

    table = plain_table("standing", "image", "charms", "places", "remedy")
    for image in images:
        first, *others = image.places
        place = f"{first.file}:{first.line}" if first.line else first.file
        table.add_row(
            image.standing,
            image.image,
            ", ".join(image.charms),
            place + (f" and {len(others)} more" if others else ""),
            f"{image.remedy} {', '.join(image.options)}".strip(),
        )
    return table


def _places_table(images: Sequence[AuditedImage]) -> Table:
    from ckf_airgap.cli.tables import plain_table

    table = plain_table("standing", "charm", "file", ">line", "image")
    for image in images:
        for finding in image.findings:
            line = str(finding.line) if finding.line else ""
            table.add_row(finding.standing, finding.charm, finding.file, line, finding.image)
    return table


def _audit_document(audited: ImageAudit, images: Sequence[AuditedImage]) -> dict[str, object]:
    from ckf_airgap.images.auditreport import STANDINGS

    report = audited.report
    return {
        "schema": SCHEMA,
        "bundle": audited.listing.named.where,
        **{standing: len(report.of_standing(standing)) for standing in STANDINGS},
        "complete": report.is_complete,
        "silent": [audit.charm for audit in report.silent],
        "images": [image.to_json() for image in images],
        "charms": [audit.to_json() for audit in report.charms],
    }
