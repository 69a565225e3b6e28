"""Why an image is in an inventory: the places that ask for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ckf_airgap.documents import Document
from ckf_airgap.images.lists import CHOSEN_BY_USER
from ckf_airgap.images.optionrules import Used
from ckf_airgap.images.places import KeyPath, format_path

Asker: TypeAlias = Literal["resource", "option", "rule", "charm base", "juju", "list"]
"""What asks for an image: see `ImageReason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReason:
    """Why an image is in the inventory: one place that asks for it.

    Attributes:
        asker: The kind of the place. ``rule`` is an image of the release's ``images.yaml`` that
            belongs to no option; where a rule names the image of an option, it is ``option``.
        used: When the image is pulled because of this place.
        application: The application that asks for it, if one does.
        charm: The application's charm.
        resource: The resource that is the image.
        option: The option that names it.
        path: The place in the option's value: keys, and indexes of lists.
        named_by: Where the option's value comes from: the bundle, the charm's default, a file of
            the charm, or the release's rules.
        file: The file that holds the reference: a path in the charm, or the appended list.
        line: The line in that file, counted from 1.
        why: Which pod or job runs it, if known.
        user_tagged: Whether it asks for a name without a tag, since users choose that.
    """

    asker: Asker
    used: Used
    application: str = ""
    charm: str = ""
    resource: str = ""
    option: str = ""
    path: KeyPath = ()
    named_by: Literal["bundle", "charm", "file", "rules", ""] = ""
    file: str = ""
    line: int | None = None
    why: str = ""
    user_tagged: bool = False

    @property
    def where(self) -> str:
        """The place in words, without the application."""
        match self.asker:
            case "resource":
                place = f"resource {self.resource}"
            case "option":
                place = f"option {self.option}"
                place += f", {format_path(self.path)}" if self.path else ""
            case "rule":
                place = "image rules"
            case "charm base":
                place = "charm base"
            case "juju":
                place = "Juju controller"
            case "list":
                place = "list"
        if self.file:
            place += f", {self.file}" + (f" line {self.line}" if self.line else "")
        return place

    def __str__(self) -> str:
        """Return ``application (charm): place, why``."""
        named = f" (charm {self.charm})" if self.charm != self.application else ""
        who = f"{self.application}{named}: " if self.application else ""
        return f"{who}{self.where}" + (f" - {self.why}" if self.why else "")

    def to_json(self) -> Document:
        """Return the reason as a JSON document without its empty fields."""
        fields: Document = {
            "asker": self.asker,
            "used": self.used,
            "application": self.application,
            "charm": self.charm,
            "resource": self.resource,
            "option": self.option,
            "path": list(self.path),
            "named-by": self.named_by,
            "file": self.file,
            "line": self.line,
            "why": self.why,
            "tag": CHOSEN_BY_USER if self.user_tagged else "",
        }
        return {name: value for name, value in fields.items() if value}
