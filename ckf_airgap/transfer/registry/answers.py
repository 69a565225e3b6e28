"""What a registry's refusals mean: an error for each, with what to do next.

The codes are those of the distribution specification. The texts were met in distribution, Harbor,
Artifactory, Nexus, Quay, GitLab and ECR, which say the same in different ways.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.errors import (
    AbsentError,
    ImmutableTagError,
    IntegrityError,
    LoginError,
    NameRefusedError,
    ProjectMissingError,
    StorageFullError,
    TransferError,
)

TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_FULL: Final = re.compile(
    r"no space left|enospc|insufficient.storage|disk quota|quota.{0,40}exceed|exceed.{0,40}quota"
    r'|exceed the configured upper limit|storage limit|"err":\s*(?:28|122)\b',
    re.IGNORECASE,
)
_IMMUTABLE: Final = re.compile(
    r"immutab|cannot be overwritten|does not allow updating|not allowed to overwrite|overwrite art"
    r"|tag.{0,80}already exists|permissions to overwrite|protected tag",
    re.IGNORECASE,
)
_NO_PROJECT: Final = re.compile(
    r"NAME_UNKNOWN|project.{0,120}not found"
    r"|repository.{0,120}(?:not found|does not exist|not known)",
    re.IGNORECASE | re.DOTALL,
)
_BAD_NAME: Final = re.compile(
    r"NAME_INVALID|invalid repository name|nested|too many (?:path )?(?:levels|components|parts)"
    r"|repository name.{0,40}(?:invalid|must)",
    re.IGNORECASE,
)
_BAD_DIGEST: Final = re.compile(r"DIGEST_INVALID|SIZE_INVALID", re.IGNORECASE)
_SECRET: Final = re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}|://[^/\s@]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A registry's answer that is not what was asked for.

    Attributes:
        status: The HTTP status.
        body: The first bytes of its body.
        registry: The registry's host.
        repository: The repository that the request was for.
        what: What was asked for, such as ``the manifest kubeflow/notebook:1.9``.
        writing: Whether the request was part of a push.
    """

    status: int
    body: bytes
    registry: str
    repository: str
    what: str
    writing: bool

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def words(self) -> str:
        """What the registry said, on one line and without credentials; ``status 500`` at least."""
        said = _SECRET.sub("…", " ".join(_messages(self.text).split()))
        printable = "".join(letter for letter in said if letter.isprintable())[:300]
        return f"status {self.status}" + (f", {printable}" if printable else "")

    @property
    def is_full(self) -> bool:
        """Whether the registry has no room left."""
        return self.status == 507 or (self.status >= 400 and bool(_FULL.search(self.text)))

    @property
    def is_immutable(self) -> bool:
        """Whether a tag must not be moved."""
        refused = self.status in (400, 403, 405, 409, 412)
        return self.writing and refused and bool(_IMMUTABLE.search(self.text))

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in TRANSIENT and not self.is_full

    def error(self) -> TransferError:
        """Return the error that this answer is."""
        failed = f"{self.registry} refused {self.what}: {self.words}"
        if self.is_full:
            return StorageFullError(
                f"{self.registry} has no room left for {self.what}: {self.words}",
                fix="Free some space or raise the quota there; the next run sends what is missing.",
            )
        if self.is_immutable:
            return ImmutableTagError(
                f"{self.registry} does not allow tags to change: {self.what}: {self.words}"
            )
        if self.writing and self.status in (400, 403, 404) and _BAD_NAME.search(self.text):
            levels = self.repository.count("/") + 1
            return NameRefusedError(
                f"{self.registry} does not accept a repository named {self.repository}"
                f" ({levels} parts): {self.words}",
                fix="Some registries allow two or three parts only: fold the paths with --max-depth"
                " N, here and with `images retag`, or allow deeper names there.",
            )
        missing = self.status == 404 or _NO_PROJECT.search(self.text)
        if self.writing and self.status in (400, 401, 403, 404) and missing:
            project = self.repository.partition("/")[0]
            return ProjectMissingError(
                f"{self.registry} has no project {project!r} for {self.repository}: {self.words}",
                fix="Create it there, or let --create-project do it (Harbor).",
            )
        if self.status in (401, 403):
            action = "write to" if self.writing else "read"
            return LoginError(
                f"{self.registry} does not allow this login to {action} {self.repository}:"
                f" {self.words}",
                fix=f"Log in with `docker login {self.registry}` as a user who is allowed to. Some"
                " registries answer the same when the project does not exist.",
            )
        if self.status == 404:
            image = self.what.removeprefix("the manifest ")
            if image != self.what:
                return AbsentError(f"{self.registry} has no image {image}", fix="Check its name.")
            return AbsentError(f"{self.registry} has no {self.what.removeprefix('the ')}")
        if _BAD_DIGEST.search(self.text):
            return IntegrityError(f"{self.registry} got wrong bytes for {self.what}: {self.words}")
        return TransferError(failed)


def error_codes(body: bytes) -> frozenset[str]:
    """Return the codes of an error answer, such as ``MANIFEST_BLOB_UNKNOWN``."""
    return frozenset(
        str(one.get("code", "")).upper() for one in _errors(body.decode("utf-8", "replace"))
    )


def _messages(text: str) -> str:
    errors = _errors(text)
    if not errors:
        return "" if text.lstrip().startswith("<") else text
    parts = []
    for one in errors:
        detail = one.get("detail")
        shown = f" ({detail})" if isinstance(detail, str) and detail else ""
        parts.append(f"{one.get('code', '')}: {one.get('message', '')}{shown}".strip(": "))
    return "; ".join(parts)


def _errors(text: str) -> list[dict[str, object]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    return [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
