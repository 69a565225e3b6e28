"""The audit: images in the files of charms that no resource, option or rule declares.

It reads the ``.charm`` files as streams, member by member, and grades what
`ckf_airgap.images.mentions.find_mentions` finds. An image that the charm declares elsewhere is
covered: it is in the inventory, though only the place that declares it can be pointed at the
registry.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, TypeAlias

from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import opened_charm
from ckf_airgap.errors import CharmError, OptionError, Problem, ReferenceSyntaxError
from ckf_airgap.images.auditreport import AuditFinding, AuditReport, CharmAudit, Standing
from ckf_airgap.images.charmmembers import (
    HEAD_BYTES,
    Content,
    content_of,
    decoded,
    described,
    is_dependency,
    members_of,
)
from ckf_airgap.images.compiled import references_in
from ckf_airgap.images.inventory import Inventory
from ckf_airgap.images.keys import meaning, split_words
from ckf_airgap.images.listed import NONE_LISTED, ListedImages
from ckf_airgap.images.mentions import Mention, find_mentions, may_mention
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText

__all__ = ["AuditFinding", "AuditReport", "CharmAudit", "Standing", "audit_charm", "audit_charms"]

Known: TypeAlias = "dict[tuple[str, int, int], Searched]"
"""What was found in a file, by its path in the charm, its checksum and its size."""

MAX_MEMBER_BYTES: Final = 8 * 1024 * 1024
"""Largest text that is read; larger ones are listed in the report."""

MAX_READ_BYTES: Final = 512 * 1024 * 1024
"""Most bytes that are read of one charm."""

_CHUNK_BYTES: Final = 1024 * 1024
_DECLARING: Final = frozenset({"charmcraft.yaml", "config.yaml", "metadata.yaml"})
"""Files in which a bare name is judged by the list of images, which warns of a doubtful one."""

_WORKLOAD: Final = re.compile(
    rb"(?m)^[ \t]{0,99}(?:- )?kind:\s{0,9}[\"']?"
    rb"(?:Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|Pod)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search of one file has found.

    Attributes:
        content: What the file is.
        mentions: The references in a text.
        compiled: The references in an executable.
        workload: Whether it is the manifest of a workload.
    """

    content: Content
    mentions: tuple[Mention, ...] = ()
    compiled: tuple[str, ...] = ()
    workload: bool = False


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
    if charm.path is None:
        raise CharmError(
            f"charm {charm.name} has no file to audit", fix="Name the files with --charms DIR."
        )
    search = _Search(
        charm=charm, covered=covered, listed=listed, known={} if known is None else known
    )
    with opened_charm(charm.path) as archive:
        for member in members_of(archive.infolist(), dependencies=dependencies):
            search.read(archive, member)
    return CharmAudit(
        charm=charm.name,
        path=charm.path,
        findings=tuple(search.found),
        files_read=search.files_read,
        tells_images=bool(covered),
        can_hold_images=search.workload or bool(charm.metadata.get("containers")),
        skipped=tuple(search.skipped),
    )


@dataclass(slots=True, kw_only=True)
class _Search:
    """The search of one charm."""

    charm: Charm
    covered: frozenset[ImageReference]
    listed: ListedImages
    known: Known
    found: dict[AuditFinding, None] = field(default_factory=dict)
    skipped: list[Problem] = field(default_factory=list)
    files_read: int = 0
    bytes_read: int = 0
    workload: bool = False

    def read(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        """Search a file, unless one of the same path and content was searched before."""
        key = (member.filename, member.CRC, member.file_size)
        searched = self.known.get(key)
        if searched is None:
            if self.bytes_read + member.file_size > MAX_READ_BYTES:
                self._skip(member, "text", "is not searched: the charm is too large")
                return
            with archive.open(member) as stream:
                searched = _searched(stream, member)
            if searched.content == "text":
                self.bytes_read += min(member.file_size, MAX_MEMBER_BYTES)
            elif searched.content == "executable":
                self.bytes_read += member.file_size
            self.known[key] = searched
        self._take(member, searched)

    def _take(self, member: zipfile.ZipInfo, searched: Searched) -> None:
        dependency = is_dependency(member.filename)
        match searched.content:
            case "other":
                return
            case "archive":
                if not dependency:
                    self._skip(member, "archive", "is not searched")
                return
            case "executable":
                if searched.compiled or not dependency:
                    self._skip(member, "executable", "may name images of its own")
            case "text" if member.file_size > MAX_MEMBER_BYTES:
                self._skip(member, "text", "is not searched: too large")
                return
        self.files_read += 1
        self.workload = self.workload or searched.workload
        for mention in searched.mentions:
            finding = self._finding(member.filename, mention)
            if finding is not None:
                self.found[finding] = None
        for image in searched.compiled:
            finding = AuditFinding(
                charm=self.charm.name,
                file=member.filename,
                line=0,
                image=image,
                standing=self._standing(ImageReference.parse(image), "compiled"),
                excerpt="",
            )
            self.found[finding] = None

    def _finding(self, file: str, mention: Mention) -> AuditFinding | None:
        """Return a mention as a finding, or ``None`` for a bare name that is another's."""
        reference = mention.reference
        if "/" not in mention.text and ":" not in mention.text:
            names = (
                self.charm.resources,
                self.charm.options,
                _containers(self.charm),
                *_image_keys(self.charm),
            )
            if file in _DECLARING or any(mention.text in group for group in names):
                return None
        standing = self._standing(reference, mention.grade)
        options = _options_for(self.charm, mention.called) if standing != "text" else ()
        return AuditFinding(
            charm=self.charm.name,
            file=file,
            line=mention.line,
            image=mention.text,
            standing=standing,
            excerpt=mention.excerpt,
            options=options,
        )

    def _standing(self, reference: ImageReference | None, grade: Standing) -> Standing:
        """Return the standing of a mention of a grade, which matters unless the image is known."""
        if reference is None or grade == "text":
            return grade
        if reference.canonical() in self.covered:
            return "covered"
        return "listed" if reference in self.listed else grade

    def _skip(self, member: zipfile.ZipInfo, content: Content, what: str) -> None:
        fix = {
            "executable": "images may be compiled into it: ask the charm's authors, or carry what "
            "its documentation names",
            "archive": "images may be named in it: unpack and look",
        }.get(content, "images may be named in it")
        where = f"{self.charm.name}: {member.filename}"
        self.skipped.append(Problem(f"{described(content, member)} {what}", where, fix))


def _searched(stream: IO[bytes], member: zipfile.ZipInfo) -> Searched:
    """Search a file."""
    head = stream.read(HEAD_BYTES)
    content = content_of(head)
    if content == "executable":
        return Searched(content=content, compiled=tuple(references_in(_chunks(head, stream))))
    if content != "text" or member.file_size > MAX_MEMBER_BYTES:
        return Searched(content=content)
    data = head + stream.read(MAX_MEMBER_BYTES + 1 - len(head))
    mentions: tuple[Mention, ...] = ()
    path, text = member.filename, None
    if data[:1] in (b"\xff", b"\xfe"):
        text = decoded(data)
        data = text.encode()
    if may_mention(path, data):
        text = decoded(data) if text is None else text
        mentions = tuple(find_mentions(path, text, dependency=is_dependency(path)))
    return Searched(content=content, mentions=mentions, workload=_WORKLOAD.search(data) is not None)


def _chunks(head: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    yield head
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _containers(charm: Charm) -> Mapping[str, object]:
    containers = charm.metadata.get("containers")
    return containers if isinstance(containers, dict) else {}


def _image_keys(charm: Charm) -> Iterator[Mapping[str, object]]:
    """Yield what has the keys of a charm's images, which its code names where it reads them."""
    for file in charm.default_images:
        if isinstance(file.value, dict):
            yield file.value
    for option in charm.options.values():
        if isinstance(option.default, str):
            scalars = ValueText.parse(option.default).scalars
            yield {str(scalar.path[0]): None for scalar in scalars if scalar.path}


def _options_for(charm: Charm, called: str) -> tuple[str, ...]:
    """Return the options of a charm that may decide on a value: of the same name, else a registry.

    ``viewer-image`` is the same name as ``VIEWER_IMAGE``. An option such as ``image-registry`` may
    be put before any name.
    """
    words = split_words(called)
    same = tuple(name for name in charm.options if words and split_words(name) == words)
    if same:
        return same
    meanings = {name: meaning(name) for name in charm.options}
    return tuple(name for name, said in meanings.items() if said.is_front and said.certain)
