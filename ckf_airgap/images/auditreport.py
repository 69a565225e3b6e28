"""What an audit of charm files has found: by charm and place, and by image with what helps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem, ReferenceSyntaxError
from ckf_airgap.images.reference import ImageReference

Standing: TypeAlias = Literal["hidden", "compiled", "templated", "listed", "covered", "text"]
"""The grade of a mention; ``compiled`` when an executable has it in it, ``covered`` when the charm
declares the image elsewhere, ``listed`` when only a rule or an appended list names it."""

Remedy: TypeAlias = Literal["set-option", "mirror", "look-at-variable", "none"]
"""What helps. ``set-option``: an option of the charm takes another image, or a registry.
``mirror``: no option reaches it, so it is carried under its own name, and the nodes look for it in
the private registry. ``look-at-variable``: the charm's code or template says where it comes from.
"""

STANDINGS: Final[tuple[Standing, ...]] = (
    "hidden",
    "compiled",
    "templated",
    "listed",
    "covered",
    "text",
)
"""From the one that asks for most attention to the one that asks for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """A mention of an image in a file of a charm."""

    charm: str
    file: str
    line: int
    """Counted from 1; 0 in an executable."""
    image: str
    """As written, with ``{}`` for what a template fills in."""
    standing: Standing
    excerpt: str
    options: tuple[str, ...] = ()
    """Options of the charm that may take another image or registry in its place."""

    def __str__(self) -> str:
        """Return ``charm: file line N: image``."""
        line = f" line {self.line}" if self.line else ""
        return f"{self.charm}: {self.file}{line}: {self.image}"

    def to_json(self) -> Document:
        """Return the finding as a JSON document."""
        return {
            "charm": self.charm,
            "file": self.file,
            "line": self.line,
            "image": self.image,
            "standing": self.standing,
            "excerpt": self.excerpt,
            "options": list(self.options),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedImage:
    """An image with every place that names it.

    Attributes:
        image: As the first place writes it.
        standing: The first of `STANDINGS` that one of its places has.
        findings: Its places, those of that standing first.
    """

    image: str
    standing: Standing
    findings: tuple[AuditFinding, ...] = field(repr=False)

    @property
    def charms(self) -> tuple[str, ...]:
        """The charms that name it in a place of its standing."""
        return tuple(dict.fromkeys(finding.charm for finding in self.places))

    @property
    def places(self) -> tuple[AuditFinding, ...]:
        """The findings of its standing."""
        return tuple(one for one in self.findings if one.standing == self.standing)

    @property
    def options(self) -> tuple[str, ...]:
        """Options that may reach it, as ``charm.option``."""
        named = (f"{one.charm}.{option}" for one in self.places for option in one.options)
        return tuple(dict.fromkeys(named))

    @property
    def remedy(self) -> Remedy:
        """What helps."""
        if self.standing in ("covered", "text"):
            return "none"
        if self.options:
            return "set-option"
        return "look-at-variable" if self.standing == "templated" else "mirror"

    def to_json(self) -> Document:
        """Return the image as a JSON document."""
        return {
            "image": self.image,
            "standing": self.standing,
            "charms": list(self.charms),
            "remedy": self.remedy,
            "options": list(self.options),
            "places": [
                {
                    "charm": one.charm,
                    "file": one.file,
                    "line": one.line,
                    "standing": one.standing,
                }
                for one in self.findings
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmAudit:
    """What was found in one charm.

    Attributes:
        charm: Its name.
        path: Its file.
        findings: In the order of files and lines.
        files_read: How many files were searched.
        tells_images: Whether a resource, an option, a file of defaults or a rule names an image.
        can_hold_images: Whether it has containers, or the manifest of a workload.
        skipped: Files that may name images and could not be searched, or not surely, and why:
            executables, archives, and what is too large.
    """

    charm: str
    path: Path
    findings: tuple[AuditFinding, ...]
    files_read: int
    tells_images: bool
    can_hold_images: bool
    skipped: tuple[Problem, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether it runs workloads but names no image."""
        return self.can_hold_images and not self.tells_images

    def to_json(self) -> Document:
        """Return the audit of the charm as a JSON document."""
        return {
            "charm": self.charm,
            "file": str(self.path),
            "files-read": self.files_read,
            "tells-images": self.tells_images,
            "can-hold-images": self.can_hold_images,
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": [
                {"what": item.what, "where": item.where, "fix": item.fix} for item in self.skipped
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What was found in the charms of a bundle."""

    charms: tuple[CharmAudit, ...] = field(repr=False)

    def of_standing(self, standing: Standing) -> tuple[AuditFinding, ...]:
        """Return the findings of one kind."""
        return tuple(
            finding
            for audit in self.charms
            for finding in audit.findings
            if finding.standing == standing
        )

    def images(self, *standings: Standing) -> tuple[AuditedImage, ...]:
        """Return the images of these standings, or all, each once: those to look at first."""
        wanted = standings or STANDINGS
        grouped = _by_image(finding for audit in self.charms for finding in audit.findings)
        return tuple(image for image in grouped if image.standing in wanted)

    @property
    def silent(self) -> tuple[CharmAudit, ...]:
        """The charms that run workloads but name no image."""
        return tuple(audit for audit in self.charms if audit.is_silent)

    @property
    def is_complete(self) -> bool:
        """Whether every file that may name an image was searched."""
        return not any(audit.skipped for audit in self.charms)


def _by_image(findings: Iterable[AuditFinding]) -> list[AuditedImage]:
    groups: dict[str, list[AuditFinding]] = {}
    for finding in findings:
        groups.setdefault(_canonical(finding.image), []).append(finding)
    images = []
    for group in groups.values():
        group.sort(key=lambda finding: STANDINGS.index(finding.standing))
        images.append(
            AuditedImage(image=group[0].image, standing=group[0].standing, findings=tuple(group))
        )
    return sorted(images, key=lambda image: (STANDINGS.index(image.standing), image.image))


def _canonical(image: str) -> str:
    try:
        return str(ImageReference.parse(image).canonical())
    except ReferenceSyntaxError:
        return image
