"""A plan as a person reads it: what changes from what to what, what stays, what is refused.

Each change is one line as long as it fits; otherwise both values follow on lines of their own, and
of long ones the parts that differ (`ckf_airgap.cli.valuediff`). Nothing is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ckf_airgap.cli.safetext import line, visible
from ckf_airgap.cli.valuediff import Part, compare_values, shortened, value_text
from ckf_airgap.cli.wording import plural
from ckf_airgap.juju.planning.differences import Difference, Foreign, Refusal
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    Step,
    UploadCharm,
)
from ckf_airgap.operations.upgrading import Upgrade

_OLD, _NEW, _CHANGED, _WRONG = "red", "green", "yellow", "bold red"
_TITLE, _NAME, _WHAT, _ASIDE = "bold", "bold", "cyan", "dim"
_STYLES: Final[Mapping[str, str]] = {"+": _NEW, "-": _OLD, "~": _CHANGED, "!": _WRONG}

_UNKNOWN: Final = "(not known)"

_INDENT: Final = 4

_LAST: Final = ("relation", "offer")
"""Kinds that come after everything of single applications."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plan.

    Attributes:
        sign: What happens.
        application: To which application.
        what: Kind and name of what changes.
        value: The values, or their parts.
        note: Why, or what to do.
    """

    sign: str
    application: str
    what: str
    value: Part
    note: str = ""


class PlanView:
    """A plan that is drawn as wide as there is room.

    Args:
        plan: The plan.
        upgrade: How it leads from release to release.
    """

    def __init__(self, plan: Plan, upgrade: Upgrade | None = None) -> None:
        self._plan = plan
        self._upgrade = upgrade or Upgrade()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines of the plan."""
        plan = self._plan
        changes = [*_change_rows(plan)]
        foreign = [_foreign_row(item) for item in plan.foreign]
        refused = [_refused_row(item) for item in plan.refused]
        widths = _widths([*changes, *foreign, *refused], options.max_width)
        first = True
        for title, rows in (
            ("", changes),
            ("left alone, since neither the bundle nor an earlier deployment has set it:", foreign),
            ("cannot be changed in place, so that nothing is changed:", refused),
        ):
            if not rows:
                continue
            if not first:
                yield ""
            if title:
                yield Text(title, _TITLE)
            for row in rows:
                yield from _drawn(row, widths, options.max_width)
            first = False
        if self._upgrade.by_hand:
            if not first:
                yield ""
            yield from _by_hand(self._upgrade)
            first = False
        if not first:
            yield ""
        yield summary(plan)


def differences_of(plan: Plan) -> Iterator[tuple[Step, Difference]]:
    """Yield everything that a plan changes, application by application, and the step that does."""
    found: list[tuple[Step, Difference]] = [
        (step, difference)
        for step in plan.steps
        if not isinstance(step, UploadCharm)
        for difference in step.differences
    ]
    order: dict[str, int] = {}
    for _, difference in found:
        order.setdefault(difference.application, len(order))
    found.sort(key=lambda item: (item[1].kind in _LAST, order[item[1].application]))
    yield from found


def summary(plan: Plan) -> Text:
    """Return one line that counts what a plan changes, and what it leaves alone."""
    differences = [difference for _, difference in differences_of(plan)]
    new = {one.application for one in differences if _is_application(one) and one.old is None}
    gone = {one.application for one in differences if _is_application(one) and one.new is None}
    changes = [
        one
        for one in differences
        if one.kind not in (*_LAST, "record") and not {one.application} & (new | gone)
    ]
    relations = [one for one in differences if one.kind == "relation"]
    counts = [
        (len(new - gone), "new application", _NEW),
        (len(new & gone), "replaced application", _CHANGED),
        (len(gone - new), "removed application", _OLD),
        (len(changes), "change", _CHANGED),
        (sum(one.old is None for one in relations), "new relation", _NEW),
        (sum(one.new is None for one in relations), "removed relation", _OLD),
        (sum(one.kind == "offer" for one in differences), "offer", _NEW),
        (sum(one.kind == "record" for one in differences), "record", ""),
        (len(plan.unchanged), "application unchanged", ""),
        (len(plan.foreign), "left alone", ""),
        (len(plan.refused), "refused", _WRONG),
    ]
    parts = [(_counted(count, noun), style) for count, noun, style in counts if count]
    if not differences:
        parts.insert(0, (f"nothing to do in model {plan.model}", _NEW))
    text = Text()
    for number, (part, style) in enumerate(parts):
        text.append(", " if number else "").append(visible(part), style)
    return text


def _counted(count: int, noun: str) -> str:
    first, _, rest = noun.partition(" ")
    match noun:
        case "application unchanged":
            return f"{plural(count, first)} {rest}"
        case "left alone" | "refused":
            return f"{count} {noun}"
        case _:
            return plural(count, noun)


def _is_application(difference: Difference) -> bool:
    return difference.kind == "application"


def _change_rows(plan: Plan) -> Iterator[Row]:
    """Yield a row for each difference; those of records that are alike have one together."""
    noted: dict[tuple[Part, str], list[str]] = {}
    for step, difference in differences_of(plan):
        part = _part_of(difference)
        if difference.kind == "record":
            noted.setdefault((part, difference.reason), []).append(difference.application)
            continue
        name = "" if difference.kind == "relation" else difference.name  # which is its value
        notes = [difference.reason]
        if isinstance(step, RemoveApplication) and step.lost:
            notes.append(f"loses {', '.join(step.lost)}")
        if part.parts and difference.hides:
            notes.append("parts of it are hidden, and may differ, too")
        yield Row(
            sign=part.sign,
            application=difference.application,
            what=f"{_kind_text(step, difference)} {name}".strip(),
            value=part,
            note="; ".join(filter(None, notes)),
        )
    for (part, reason), applications in noted.items():
        subject = applications[0] if len(applications) == 1 else f"{len(applications)} applications"
        listed = "" if len(applications) == 1 else f": {', '.join(applications)}"
        yield Row(part.sign, subject, "record", part, f"{reason}{listed}")


def _kind_text(step: Step, difference: Difference) -> str:
    """Return what a person calls the kind: a resource that is an image is an image."""
    if difference.kind != "resource":
        return difference.kind
    if isinstance(step, DeployApplication | RefreshApplication | AttachResources):
        types = {resource.name: resource.type for resource in step.resources}
        if types.get(difference.name) == "oci-image":
            return "image"
    return "resource"


def _part_of(difference: Difference) -> Part:
    old, new = difference.shown(difference.old), difference.shown(difference.new)
    if not difference.is_known:
        was = _UNKNOWN if old is None else f"{value_text(old)} {_UNKNOWN}"
        return Part("~", "", was, "" if new is None else value_text(new))
    part = shortened(compare_values(old, new))
    if part.sign == " ":  # what differs is hidden
        return Part("~", "", part.old, part.new)
    return part


def _foreign_row(item: Foreign) -> Row:
    what, text = f"{item.kind} {item.name}".strip(), item.shown
    if item.kind == "relation":
        what, text = item.kind, item.name
    return Row(
        "*", item.application, what, _standing("" if text is None else value_text(text)), item.fix
    )


def _refused_row(item: Refusal) -> Row:
    lost = f"replacing it loses {', '.join(item.lost)}" if item.lost else ""
    return Row(
        "!",
        item.application,
        f"{item.kind} {item.name}".strip(),
        _standing(item.what),
        "; ".join(filter(None, (lost, item.fix))),
    )


def _standing(text: str) -> Part:
    """Return a value that does not change, of which each line is a part."""
    if "\n" not in text:
        return Part(" ", "", None, text)
    lines = tuple(Part(" ", "", each, each) for each in text.split("\n"))
    return Part(" ", "", parts=lines, is_lines=True)


def _by_hand(upgrade: Upgrade) -> Iterator[RenderableType]:
    yield Text(f"by hand, before the first change (upgrade to {upgrade.release}):", _TITLE)
    for one in upgrade.by_hand:
        step = one.step
        yield _hanging(0, "*", line(f"{', '.join(one.applications)}: {step.what}"))
        yield _hanging(_INDENT, "", line(f"{step.why}; see {step.source}", _ASIDE))


def _widths(rows: Iterable[Row], room: int) -> tuple[int, int]:
    """Return how wide the columns of applications and of what changes are.

    Where there is little room a long name goes beyond its column, not to leave too little of it
    for values.
    """
    names, whats = [0], [0]
    for row in rows:
        names.append(cell_len(visible(row.application)))
        whats.append(cell_len(visible(row.what)))
    return min(max(names), room * 3 // 10), min(max(whats), room // 4)


def _drawn(row: Row, widths: tuple[int, int], room: int) -> Iterator[RenderableType]:
    """Yield a row: on one line when it fits, else with its values below it."""
    sign = (f"{row.sign} ", _STYLES.get(row.sign, ""))
    name = visible(row.application).ljust(widths[0])
    what = visible(row.what)
    values = _on_one_line(row.value)
    note = f"({row.note})" if row.note else ""
    if values is not None:
        for told in (note, ""):
            whole = Text.assemble(sign, name, "  ", (what.ljust(widths[1]), _WHAT), "  ", values)
            whole.append("  ").append(visible(told), _ASIDE)
            whole.rstrip()
            if whole.cell_len <= room:
                yield whole
                if note and not told:
                    yield _hanging(_INDENT, "", line(note, _ASIDE))
                return
    yield Text.assemble(sign, name, "  ", (what, _WHAT))
    if values is not None:
        yield from _sides(row.value, _INDENT)
    yield from _all_nested(row.value.parts, _INDENT, room)
    if note:
        yield _hanging(_INDENT, "", line(note, _ASIDE))


def _on_one_line(part: Part) -> Text | None:
    """Return both values on one line; ``None`` when the part has parts."""
    if part.parts:
        return None
    old = "" if part.old is None else _quoted(visible(part.old))
    new = "" if part.new is None else _quoted(visible(part.new))
    match part.sign:
        case "~":
            return Text.assemble((old, _OLD), " -> ", (new, _NEW))
        case "-":
            return Text(old, _OLD)
        case "+":
            return Text(new, _NEW)
        case _:
            return Text(visible(part.new or ""))


def _quoted(text: str) -> str:
    """Return a text that can be seen: an empty one, or one with blanks at an end, in quotes."""
    return text if text and text == text.strip() else f'"{text}"'


def _sides(part: Part, indent: int) -> Iterator[RenderableType]:
    """Yield the values of a part, one below the other."""
    if part.sign == " ":
        yield _line_of(" ", visible(part.new or ""), indent)
        return
    for sign, text in (("-", part.old), ("+", part.new)):
        if text is not None:
            yield _line_of(sign, _quoted(visible(text)), indent)


def _all_nested(parts: Sequence[Part], indent: int, room: int) -> Iterator[RenderableType]:
    """Yield parts of a value, the values of keys below each other."""
    width = max((cell_len(visible(one.name)) for one in parts if not one.parts), default=0)
    for part in parts:
        yield from _nested(part, min(width, room // 2), indent, room)


def _nested(part: Part, width: int, indent: int, room: int) -> Iterator[RenderableType]:
    """Yield a part of a value."""
    if part.sign == "…":
        yield _line_of(" ", "…", indent)
        return
    if not part.name and not part.parts:
        text = part.new if part.sign == "+" else part.old
        yield _line_of(part.sign, visible(text or ""), indent)
        return
    values = _on_one_line(part)
    name = visible(part.name)
    style = _STYLES[part.sign]
    if values is not None:
        whole = Text.assemble((name.ljust(width), _NAME), "  ", values)
        if whole.cell_len + indent + 2 <= room:
            yield _hanging(indent, part.sign, whole, style)
            return
    yield _hanging(indent, part.sign, Text(name, _NAME), style)
    if values is not None:
        yield from _sides(part, indent + 2)
    yield from _all_nested(part.parts, indent + 2, room)


def _line_of(sign: str, text: str, indent: int) -> RenderableType:
    style = _STYLES.get(sign, _ASIDE)
    return _hanging(indent, sign, Text(text, style), style)


def _hanging(indent: int, sign: str, text: Text, style: str = "") -> RenderableType:
    """Return a sign and a text, which goes on under itself where it does not fit."""
    grid = Table.grid()
    grid.add_column(width=indent + (2 if sign else 0))
    grid.add_column(overflow="fold")
    grid.add_row(Text(f"{' ' * indent}{sign}", style), text)
    return grid
