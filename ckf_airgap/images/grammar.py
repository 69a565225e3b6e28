"""Values of options against the grammar of their charm: what it would refuse, fail at or pass over.

Pure. What a charm does with a value is in the release's rules (`ValueGrammar`). Of a charm without
rules only that is known which its own defaults show: an option whose default is a mapping, and that
has a file of defaults, takes the keys of that file.

Two things count: what a person gives, and what rendering makes of it. Rendering writes tags, and
fills empty values; where a value stays as it was given, those have to be right as well.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, DefaultImages, Option, OptionValue
from ckf_airgap.documents import is_text, load_as_charm, type_name
from ckf_airgap.errors import (
    InputError,
    OptionError,
    Problem,
    ReferenceSyntaxError,
    nearest,
    raise_all,
)
from ckf_airgap.images.optionrules import Composite, OptionRule, Outcome, ValueGrammar
from ckf_airgap.images.places import KeyPath, format_path
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import Dialect, ValueText

_DOES: Final[Mapping[Outcome, str]] = {
    "blocked": "its unit goes Blocked",
    "error": "its hook fails, and the unit stays in error",
    "ignored": "it is ignored",
    "taken": "it is taken for an image",
}
_NOT_KNOWN: Final = "what the charm does then is not known"
_NO_CHOICE: Final = "the charm offers no image then"
_MOST_KEYS: Final = 12
"""Keys that a hint lists; a charm with more has them in its file."""
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_MOST_EMPTY: Final = 80
"""Characters of the longest text, comments left out, that may be empty to a charm."""
_MOST_HINTS: Final = 20
"""Unknown keys of one option that get a hint: each is compared with all that are known."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[\w./@:-]*[\w./@-])?\Z", re.ASCII)
"""What YAML needs no quotes for, unless it has another type than text."""


@dataclass(frozen=True, slots=True)
class ValueFindings:
    """What is wrong with the values of an application's options.

    Attributes:
        errors: What the charm would refuse or fail at, or what can only be a mistake.
        warnings: What it would pass over.
    """

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check_values(
    charm: Charm,
    values: Mapping[str, OptionValue],
    rules: ImageRules,
    *,
    kept: Container[str] = (),
) -> ValueFindings:
    """Check the values of an application's options against the grammar of its charm.

    Args:
        charm: Its charm.
        values: The options that the bundle, an overlay or a setting gives.
        rules: What the charm does not declare.
        kept: The options that rendering leaves as they are.

    Returns:
        What is wrong, with ``option NAME, key KEY`` as the place.
    """
    errors: list[Problem] = []
    warnings: list[Problem] = []
    for name, value in values.items():
        option = charm.options.get(name)
        if option is None or option.type != "string" or not isinstance(value, str):
            continue  # refused by `ckf_airgap.bundle.checks`
        if value == option.default:
            continue
        rule = rules.for_option(charm.name, name) or OptionRule()
        shown = None if rule.value else _shown_by_defaults(charm, option)
        grammar = rule.value or shown
        if grammar is None:
            continue
        value_check = _Value(charm, option, value, rule, grammar, kept=name in kept)
        value_check.check()
        # What only the charm's defaults show may not be all that it takes.
        warnings += value_check.warnings if shown is None else value_check.doubts()
        errors += value_check.errors if shown is None else ()
    return ValueFindings(tuple(errors), tuple(warnings))


def reads_empty(text: str, charm: Charm, option: Option, rule: OptionRule) -> bool:
    """Whether a value is nothing to the charm, so that its own defaults count.

    Where the charm reads YAML, a comment, ``---`` or ``~`` is as empty as no text. In place of a
    mapping ``''`` or ``[]`` is as well: the charm takes nothing from it, or fails at it.
    """
    if text.strip() in _NULLS:
        return True
    grammar = rule.value or _shown_by_defaults(charm, option)
    lines = [line.strip() for line in text.splitlines()]
    rest = "\n".join(line for line in lines if line and not line.startswith("#"))
    if grammar is None or grammar.kind not in ("mapping", "list") or len(rest) > _MOST_EMPTY:
        return False
    try:
        value = load_as_charm(rest, where="the value")
    except InputError:
        return False
    return value is None or (
        grammar.kind == "mapping" and not isinstance(value, dict) and not value
    )


def refuse_unfit(bundle: Bundle, charms: Mapping[str, Charm], rules: ImageRules) -> None:
    """Raise when values of a rendered bundle are not what their charms take.

    Args:
        bundle: The bundle as it will be deployed.
        charms: The charm of each application.
        rules: What the charms do not declare.

    Raises:
        OptionError: naming application, option and key of each.
    """
    problems = [
        Problem(error.what, f"application {name}, {error.where}", error.fix)
        for name, application in bundle.applications.items()
        for error in check_values(
            charms[name], application.options, rules, kept=application.options
        ).errors
    ]
    raise_all(OptionError, "charms do not take values of the rendered bundle", problems)


def _shown_by_defaults(charm: Charm, option: Option) -> ValueGrammar | None:
    file = charm.defaults_for(option.name)
    if file is None or not isinstance(file.value, dict) or not isinstance(option.default, str):
        return None
    if ValueText.parse(option.default).keys is None:
        return None
    return ValueGrammar(kind="mapping")


class _Value:
    """One value being checked."""

    def __init__(
        self,
        charm: Charm,
        option: Option,
        text: str,
        rule: OptionRule,
        grammar: ValueGrammar,
        *,
        kept: bool,
    ) -> None:
        self.option = option
        self.text = text
        self.rule = rule
        self.grammar = grammar
        self.kept = kept
        self.file = charm.defaults_for(option.name)
        self.keys = _keys(option, self.file, rule)
        self.unknown = 0
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def check(self) -> None:
        """Note what is wrong."""
        match self.grammar.kind:
            case "mapping":
                self._mapping()
            case "list":
                self._list()
            case "reference":
                self._reference()
            case "composite":
                self._composite(self.rule.composite)
            case "registries":
                self._registries()

    def doubts(self) -> Iterator[Problem]:
        """Yield all that was noted as warnings that claim to know no more than the defaults do."""
        for problem in (*self.errors, *self.warnings):
            what = problem.what.partition("; ")[0]
            yield Problem(f"{what}; {_NOT_KNOWN}", problem.where, problem.fix)

    def _refuse(self, what: str, path: KeyPath = (), fix: str = "") -> None:
        self.errors.append(Problem(what, self._where(path), fix))

    def _warn(self, what: str, path: KeyPath = (), fix: str = "") -> None:
        self.warnings.append(Problem(what, self._where(path), fix))

    def _where(self, path: KeyPath) -> str:
        return f"option {self.option.name}" + (f", {format_path(path)}" if path else "")

    def _read(self) -> tuple[bool, object]:
        """Return what the charm reads, and whether it can read it at all."""
        try:
            return True, load_as_charm(self.text, where="the value")
        except InputError as exc:
            fix = "indent with blanks" if "'\\t'" in exc.message else ""
            self._refuse(f"{exc.message}; {self._outcome(self.grammar.unreadable)}", fix=fix)
            return False, None

    # Mappings of references

    def _mapping(self) -> None:
        readable, value = self._read()
        if isinstance(value, dict):
            for key, item in value.items():
                self._entry(key, item)
        elif readable and value:
            self._misfit(value, "a mapping of keys to images", "error")
        elif readable and self.kept and self.grammar.empty != "taken":
            fix = "write {} for a mapping without keys, or take the setting back"
            self._refuse(f"the value is empty; {_DOES[self.grammar.empty]}", fix=fix)

    def _entry(self, key: object, item: object) -> None:
        name = str(key)
        if item is None:
            if self.kept and self.grammar.nulls != "ignored":
                outcome = "error" if name in self.rule.split else self.grammar.nulls
                what = f"null is not empty to the charm; {_DOES[outcome]}"
                self._refuse(what, (name,), "write ''")
            return
        if not isinstance(item, str):
            self._refuse(f"must be an image, not {_shown(item)}", (name,), "write it in quotes")
            return
        if not item:
            return
        self._known(key, name)
        if self.kept:
            self._as_it_stays(name, item)

    def _known(self, key: object, name: str) -> None:
        outcome = self.grammar.unknown_keys
        if self.keys and key not in self.keys and outcome != "taken":
            self._no_such_key(name, outcome)

    def _no_such_key(self, name: str, outcome: Outcome) -> None:
        note = self._warn if outcome == "ignored" else self._refuse
        self.unknown += 1
        fix = f"the keys are {', '.join(self.keys)}" if len(self.keys) <= _MOST_KEYS else ""
        if self.unknown <= _MOST_HINTS:
            fix = nearest(name, self.keys) or fix
        note(f"the charm has no such key; {_DOES[outcome]}", (name,), fix)

    def _as_it_stays(self, name: str, item: str) -> None:
        """Check an image that rendering does not exchange, and so does not write anew."""
        if item != item.strip():
            self._refuse("the image has blanks around it", (name,))
        elif name in self.rule.split and ":" not in item.rpartition("/")[2]:
            without = "it is cut at the port" if ":" in item else _DOES["error"]
            what = "the image has no tag, and the charm splits it at its last colon"
            self._refuse(f"{what}; {without}", (name,), f"write {item}:TAG")
        elif self.grammar.plain and not _is_plain(item):
            self._quoted((name,))

    def _quoted(self, path: KeyPath = ()) -> None:
        """Note what YAML needs quotes for; a warning, as for what rendering writes (`unquoted`)."""
        what = "the charm writes it into YAML without quotes, where it is something else"
        self._warn(f"{what}; {_DOES['error']}", path, "give the registry a host name")

    def _misfit(self, value: object, wanted: str, outcome: Outcome) -> None:
        self._refuse(f"must be {wanted}, not {_shown(value)}; {self._outcome(outcome)}")

    def _outcome(self, outcome: Outcome) -> str:
        return _NO_CHOICE if self.grammar.kind == "list" else _DOES[outcome]

    # Lists of references

    def _list(self) -> None:
        readable, value = self._read()
        if not readable:
            return
        if value is None:
            if self.kept and self.file is None:
                self._warn(f"the value is empty; {_NO_CHOICE}")
        elif not isinstance(value, list):
            self._misfit(value, "a list of images", "ignored")
        elif not value:
            self._warn(f"the list is empty; {_NO_CHOICE}")
        else:
            for place, item in enumerate(value):
                if not isinstance(item, str):
                    self._refuse(f"must be an image, not {_shown(item)}", (place,))
                elif self.kept and item != item.strip():
                    self._refuse("the image has blanks around it", (place,))

    # A single reference

    def _reference(self) -> None:
        text = self.text.strip()
        if not text:
            return
        if ValueText.parse(text).dialect is not Dialect.TEXT or len(text.split()) > 1:
            self._refuse("must be a single image: the charm takes the whole text for one")
        elif self.kept and text != self.text:
            self._refuse("the image has blanks around it")
        elif (fault := _fault(text)) is not None:
            self._refuse(fault)
        elif self.kept and self.grammar.plain and not _is_plain(text):
            self._quoted()

    # A hub with a tag and names

    def _composite(self, composite: Composite | None) -> None:
        readable, value = self._read()
        if not readable or composite is None:
            return
        if not isinstance(value, dict):
            self._misfit(value, "a mapping with all of its keys", "error")
            return
        written = {scalar.path: scalar.value for scalar in ValueText.parse(self.text).scalars}
        for key, item in value.items():
            name = str(key)
            if key not in self.keys:
                self._no_such_key(name, "ignored")
            elif isinstance(item, dict | list):
                self._refuse(f"must be text, not {_shown(item)}", (name,))
            elif item is not None and str(item) != written.get((name,), str(item)):
                what = f"without quotes YAML reads {written[name,]} as {item}"
                self._refuse(what, (name,), f"write '{written[name,]}'")

    # Hosts of registries

    def _registries(self) -> None:
        text = self.text.strip()
        for host in filter(None, map(str.strip, text.split(","))):
            meant = host.rpartition("://")[2].partition("/")[0]
            if meant != host:
                what = f"{host} is compared with the hosts of registries, and is none"
                self._warn(what, fix=f"write {meant}")
        if self.kept and self.grammar.plain and text and not _is_plain(text):
            self._quoted()


def _keys(option: Option, file: DefaultImages | None, rule: OptionRule) -> tuple[str, ...]:
    """Return the keys that the charm knows: those of its file, else those of its default."""
    if file is not None and isinstance(file.value, dict):
        return tuple(file.value)
    default = option.default
    listed = (ValueText.parse(default).keys or ()) if isinstance(default, str) else ()
    parts = rule.composite
    named = (parts.hub, parts.tag, *parts.names) if parts else ()
    return tuple(dict.fromkeys([*named, *listed, *rule.images]))


def _shown(value: object) -> str:
    """Return a value that is no text, for a message."""
    if isinstance(value, bool | int | float):
        return f"{type_name(value)} ({value})"
    return type_name(value)


def _fault(text: str) -> str | None:
    """Return what is wrong with a reference."""
    try:
        ImageReference.parse(text)
    except ReferenceSyntaxError as exc:
        return exc.message
    return None


def _is_plain(text: str) -> bool:
    """Whether a text is the same value in YAML without quotes."""
    if _PLAIN.match(text) and is_text(text):  # as nearly all are
        return True
    try:
        return load_as_charm(f"key: {text}\n", where="") == {"key": text}
    except InputError:
        return False
