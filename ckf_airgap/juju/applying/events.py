"""What is told while a plan is carried out."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


class DeployEventKind(enum.Enum):
    """What a `DeployEvent` reports."""

    UPLOADING = "uploading"
    """The upload of a charm has begun."""
    UPLOADED = "uploaded"
    """The controller has a charm: it was uploaded, now or by a run that was interrupted."""
    DEPLOYED = "deployed"
    REFRESHED = "refreshed"
    """An application that was in the model was given another charm."""
    CHANGED = "changed"
    """An application that was in the model was changed to match the bundle."""
    RECORDED = "recorded"
    """It was noted what an application was deployed from."""
    REMOVING = "removing"
    """An application is asked to go; it is waited for if it is deployed again."""
    REMOVED = "removed"
    """An application or a relation was removed."""
    RELATED = "related"
    OFFERED = "offered"
    """An offer was made or changed."""
    GRANTED = "granted"
    """A user may do more with an offer."""
    REFUSED = "refused"
    """The controller refused a step; what does not depend on it continues."""
    SKIPPED = "skipped"
    """A step was not tried, since one that it depends on was refused."""
    WAITING = "waiting for"
    """These applications must be active before the next ones are begun."""
    FAILED = "failed"
    """An application did not become active again; what depends on it is not begun."""
    CONTINUED = "continued with"
    """The model was read and planned again: the connection was lost, or somebody else deploys."""
    """The model was read and planned again after the connection was lost; the rest is done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployEvent:
    """Something that happened while a plan was carried out.

    Attributes:
        kind: What happened.
        subject: The application, the charm file, the offer, or both ends of the relation.
        done: How many steps are over, this one included.
        total: How many steps there are; it may change when the model is planned again.
        detail: The controller's text, or the URL of the uploaded charm.
    """

    kind: DeployEventKind
    subject: str
    done: int
    total: int
    detail: str = ""

    def __str__(self) -> str:
        """Return ``[3/80] deployed minio``."""
        text = f"[{self.done}/{self.total}] {self.kind.value} {self.subject}"
        return f"{text}: {self.detail}" if self.detail else text


OnEvent: TypeAlias = Callable[[DeployEvent], None]
