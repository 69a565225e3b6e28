"""The audit: images in the files of charms that no resource, option or rule declares.

It reads the ``.charm`` files as streams, member by member, and grades what
`ckf_airgap.images.mentions.find_mentions` finds. An image that the charm declares elsewhere is
covered: it is in the inventory, though only the place that declares it can be pointed at the
registry.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias

from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import CharmError, OptionError, Problem, ReferenceSyntaxError
from ckf_airgap.files import open_regular
from ckf_airgap.images.inventory import Inventory
from ckf_airgap.images.listed import NONE_LISTED, ListedImages
from ckf_airgap.images.mentions import Mention, find_mentions, may_mention
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules

Standing: TypeAlias = Literal["hidden", "templated", "text", "covered", "listed"]
"""The grade of a mention, or ``covered`` when the charm declares the image elsewhere, or ``listed``
when only a rule or an appended list names it."""

Known: TypeAlias = "dict[tuple[str, bytes], tuple[Mention, ...]]"
"""The mentions in a file, by its path in the charm and the SHA-256 of its content."""

MAX_MEMBER_BYTES: Final = 8 * 1024 * 1024
"""Largest file that is read; larger ones are listed in the report."""

MAX_READ_BYTES: Final = 512 * 1024 * 1024
"""Most bytes that are read of one charm."""

_TEXT: Final = frozenset(
    {
        ".cfg",
        ".conf",
        ".env",
        ".ini",
        ".j2",
        ".jinja",
        ".jinja2",
        ".json",
        ".jsonnet",
        ".libsonnet",
        ".md",
        ".properties",
        ".py",
        ".rst",
        ".rule",
        ".rules",
        ".sh",
        ".template",
        ".tf",
        ".tmpl",
        ".toml",
        ".tpl",
        ".txt",
        ".yaml",
        ".yml",
        ".yml_template",
    }
)
_TEXT_NAMES: Final = frozenset({"dispatch", "dockerfile", "makefile"})
_DEPENDENCIES: Final = re.compile(
    r"(?:^|/)(?:venv|site-packages|__pycache__|node_modules|\.git|[^/]+\.(?:dist|egg)-info)/"
)
_WORKLOAD: Final = re.compile(
    rb"(?m)^\s*(?:- )?kind:\s*[\"']?"
    rb"(?:Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|Pod)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """A mention of an image in a file of a charm."""

    charm: str
    file: str
    line: int
    image: str
    """As written, with ``{}`` for what a template fills in."""
    standing: Standing
    excerpt: str

    def __str__(self) -> str:
        """Return ``charm: file line N: image``."""
        return f"{self.charm}: {self.file} line {self.line}: {self.image}"

    def to_json(self) -> Document:
        """Return the finding as a JSON document."""
        return {
            "charm": self.charm,
            "file": self.file,
            "line": self.line,
            "image": self.image,
            "standing": self.standing,
            "excerpt": self.excerpt,
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
        skipped: Files that were not searched, and why.
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
            "skipped": [{"what": item.what, "where": item.where} for item in self.skipped],
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

    @property
    def silent(self) -> tuple[CharmAudit, ...]:
        """The charms that run workloads but name no image."""
        return tuple(audit for audit in self.charms if audit.is_silent)


def audit_charms(
    charms: Mapping[str, Charm],
    inventory: Inventory,
    rules: ImageRules,
    *,
    dependencies: bool = False,
) -> AuditReport:
    """Search the files of charms for images that nothing declares; blocks on the disk.

    Args:
        charms: The charm of each application, with its file.
        inventory: The inventory of the bundle.
        rules: What the charms do not declare.
        dependencies: Also search the charm's Python dependencies (``venv``), whose tests and
            examples mention images that no charm pulls.

    Raises:
        CharmError: when a file cannot be read, or a charm has no file.
    """
    by_name = {charm.name: charm for charm in charms.values()}
    audits = []
    known: Known = {}
    listed = ListedImages.of(inventory)
    for name in sorted(by_name):
        covered = covered_images(by_name[name], inventory, rules)
        audits.append(
            audit_charm(
                by_name[name], covered, listed=listed, dependencies=dependencies, known=known
            )
        )
    return AuditReport(charms=tuple(audits))


def covered_images(
    charm: Charm, inventory: Inventory, rules: ImageRules
) -> frozenset[ImageReference]:
    """Return the images that a charm declares, canonical: in the bundle, and by default."""
    found = {
        image.reference
        for image in inventory
        if any(
            reason.charm == charm.name
            for reason in image.reasons
            if reason.asker not in ("charm base", "rule")
        )
    }
    found |= set(_declared(charm, rules))
    return frozenset(reference.canonical() for reference in found)


def _declared(charm: Charm, rules: ImageRules) -> Iterator[ImageReference]:
    """Yield the defaults of a charm's resources and options, which a bundle may have replaced."""
    for resource in charm.images:
        try:
            yield ImageReference.parse(resource.upstream_source or "")
        except ReferenceSyntaxError:
            continue
    try:
        plans = plan_options(charm, {}, rules)
    except OptionError:
        plans = ()
    for plan in plans:
        for use in plan.uses:
            yield use.reference
    charm_rules = rules.charms.get(charm.name)
    for rule in charm_rules.options.values() if charm_rules else ():
        texts = [rule.otherwise, *(item.otherwise for item in rule.images.values())]
        texts += [item.image for item in rule.images.values()]
        yield from (ImageReference.parse(text) for text in texts if text)


def audit_charm(
    charm: Charm,
    covered: frozenset[ImageReference],
    *,
    listed: ListedImages = NONE_LISTED,
    dependencies: bool = False,
    known: Known | None = None,
) -> CharmAudit:
    """Search the files of one charm; see `audit_charms`.

    Args:
        charm: The charm, with its file.
        covered: The canonical references that it declares.
        listed: Images that rules and appended lists name.
        dependencies: Also search its Python dependencies.
        known: What was found in the files of other charms, since charms share libraries.
    """
    known = {} if known is None else known
    if charm.path is None:
        raise CharmError(
            f"charm {charm.name} has no file to audit", fix="Name the files with --charms DIR."
        )
    found: dict[AuditFinding, None] = {}
    skipped: list[Problem] = []
    files_read = 0
    workload = bool(charm.metadata.get("containers"))
    try:
        with (
            open_regular(charm.path, error=CharmError) as file,
            zipfile.ZipFile(file) as archive,
        ):
            wanted = _members(archive.infolist(), charm.name, skipped, dependencies=dependencies)
            for member in wanted:
                with archive.open(member) as stream:
                    data = stream.read(MAX_MEMBER_BYTES + 1)
                files_read += 1
                workload = workload or bool(_WORKLOAD.search(data))
                for mention in _mentions(member.filename, data, known):
                    found[_finding(charm.name, member.filename, mention, covered, listed)] = None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise CharmError(
            f"{charm.path} cannot be unpacked: {exc}", fix="Fetch the file again."
        ) from exc
    except OSError as exc:
        raise CharmError(f"cannot read the charm {charm.path}: {exc.strerror or exc}") from exc
    return CharmAudit(
        charm=charm.name,
        path=charm.path,
        findings=tuple(found),
        files_read=files_read,
        tells_images=bool(covered),
        can_hold_images=workload,
        skipped=tuple(skipped),
    )


def _members(
    members: Iterable[zipfile.ZipInfo], charm: str, skipped: list[Problem], *, dependencies: bool
) -> Iterator[zipfile.ZipInfo]:
    """Yield the files worth reading, and note those that are too large."""
    total = 0
    for member in sorted(members, key=lambda member: member.filename):
        if not dependencies and _DEPENDENCIES.search(member.filename):
            continue
        path = PurePosixPath(member.filename)
        if member.is_dir() or not (path.suffix in _TEXT or path.name.lower() in _TEXT_NAMES):
            continue
        if member.file_size > MAX_MEMBER_BYTES or total + member.file_size > MAX_READ_BYTES:
            size = f"{member.file_size / 1024**2:.0f} MB"
            skipped.append(Problem(f"not searched: too large ({size})", f"{charm}: {path}"))
            continue
        total += member.file_size
        yield member


def _mentions(path: str, data: bytes, known: Known) -> tuple[Mention, ...]:
    """Return the mentions in a file, from `known` if a file of that path and content was read."""
    if b"\0" in data[:8192] or not may_mention(path, data):
        return ()
    key = (path, hashlib.sha256(data).digest())
    if key not in known:
        known[key] = tuple(find_mentions(path, data.decode("utf-8", errors="replace")))
    return known[key]


def _finding(
    charm: str,
    file: str,
    mention: Mention,
    covered: frozenset[ImageReference],
    listed: ListedImages,
) -> AuditFinding:
    return AuditFinding(
        charm=charm,
        file=file,
        line=mention.line,
        image=mention.text,
        standing=_standing(mention, covered, listed),
        excerpt=mention.excerpt,
    )


def _standing(
    mention: Mention, covered: frozenset[ImageReference], listed: ListedImages
) -> Standing:
    reference = mention.reference
    if reference is None or mention.grade == "text":
        return mention.grade
    if reference.canonical() in covered:
        return "covered"
    return "listed" if reference in listed else mention.grade
