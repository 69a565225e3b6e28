"""Image references inside option values: find them, and replace them with the retagged ones.

An option may hold one reference, a list, a mapping (with empty values whose defaults are in a file
of the charm or in the release's rules), a hub with a tag and names, or documents inside strings;
`plan_options` reads all of these for one charm, without knowing any charm by name.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ckf_airgap.charms.charm import Charm, DefaultImages, Option, OptionValue
from ckf_airgap.errors import OptionError, Problem, ReferenceSyntaxError, raise_all
from ckf_airgap.images.grammar import reads_empty
from ckf_airgap.images.optionrules import Composite, OptionRule
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.recognise import (
    BARE_NAME,
    Known,
    find_candidates,
    holds_images,
    image_in,
    names_images,
    nested_in,
    syntax_doubt,
    tokens,
    words_of,
)
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText, format_path, render_mapping

Origin: TypeAlias = Literal["bundle", "option", "file", "rule"]
"""Where the image is named: in the bundle, the option's default, a file of the charm, the rules."""

Find: TypeAlias = "Callable[[ImageReference], ImageReference]"
"""Returns the retagged reference of one that is known to be in the registry."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """A place in an option that names an image."""

    option: str
    path: KeyPath
    """The path to it in the option's value; empty when the whole value is the reference."""
    reference: ImageReference
    origin: Origin
    why: str = ""

    @property
    def where(self) -> str:
        """The place in words: ``option custom_images, key activator``."""
        return _where(self.option, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionPlan:
    """The images of one option, and how to write its value with others in their place."""

    option: str
    value: str
    """The value in force, or the text that replaces an empty one."""
    uses: tuple[ImageUse, ...]
    composite: Composite | None = None
    tag_option: str = ""
    """The option with the image's tag, when that has one of its own (``image-tag``)."""
    warnings: tuple[Problem, ...] = ()

    def render(self, find: Find) -> str:
        """Return the value with every image replaced by the one that `find` returns.

        Raises:
            OptionError: when hub, tag and names cannot name the images where they are.
        """
        if self.tag_option:
            return self._render_name(find)
        if self.composite is not None:
            return self._render_composite(self.composite, find)
        parsed = ValueText.parse(self.value)
        values = {use.path: self._written(parsed, use, find) for use in self.uses}
        return _rewrite(parsed, (), values, top=True)

    def _written(self, parsed: ValueText, use: ImageUse, find: Find) -> str:
        """Return a target as text; in a mapping it always has a tag.

        kserve-controller, seldon-core and kfp-profile-controller split values at the last colon
        (``image, tag = value.rsplit(":", 1)``), which without a tag is that of the registry's port.
        """
        target = find(use.reference)
        return str(target.with_tag() if parsed.keys is not None else target)

    def _render_name(self, find: Find) -> str:
        """Return the name alone of an image whose tag another option has."""
        (use,) = self.uses
        target = find(use.reference)
        if target.digest or target.tag != use.reference.tag:
            raise OptionError(
                f"option {self.option}: {target} does not have the tag {use.reference.tag} "
                f"of option {self.tag_option}",
                fix=f"Set both: --set APP.{self.option}=NAME --set APP.{self.tag_option}=TAG.",
            )
        return target.name

    def _render_composite(self, composite: Composite, find: Find) -> str:
        parsed = ValueText.parse(self.value)
        names = {scalar.path: scalar.value or "" for scalar in parsed.scalars}
        values: dict[KeyPath, str] = {}
        places: dict[tuple[str, str | None], list[str]] = {}
        for use in self.uses:
            target = find(use.reference)
            composed = use.path not in names or use.path[0] in composite.names
            if composed and len(use.path) == 1:
                name = names.get(use.path, str(use.path[-1]))
                parent = target.name.removesuffix(f"/{name}")
                if parent == target.name and use.path in names:
                    parent, _, values[use.path] = target.name.rpartition("/")  # a folded path
                elif parent == target.name:
                    raise OptionError(
                        f"option {self.option}: {target} does not end in the name {name}, "
                        f"so {composite.hub} and {composite.tag} cannot name it"
                    )
                places.setdefault((parent, target.tag), []).append(str(target))
            else:
                values[use.path] = str(target.with_tag())
        if len(places) > 1:
            raise OptionError(
                f"option {self.option}: the images that share {composite.hub} and {composite.tag} "
                f"are in different places",
                problems=[
                    Problem(f"{hub} with tag {tag}: {', '.join(images)}")
                    for (hub, tag), images in places.items()
                ],
                fix="Push them to one path under one tag.",
            )
        for hub, tag in places:
            # The workload joins the parts with a colon, so the tag has to be written out.
            values[(composite.hub,)] = hub
            values[(composite.tag,)] = tag or "latest"
        return _rewrite(parsed, (), values)


def plan_options(
    charm: Charm,
    values: Mapping[str, OptionValue],
    rules: ImageRules,
    *,
    known: Known = lambda _: False,
) -> tuple[OptionPlan, ...]:
    """Return the image-bearing options of an application.

    Args:
        charm: Its charm.
        values: The options that the bundle sets.
        rules: What the charm does not declare.
        known: Whether a reference is in the list of images; a value that may or may not be a
            reference (``minio:9000``) is one only if it is listed.

    Returns:
        A plan for each option that names an image, or that looks as if it should.

    Raises:
        OptionError: when parts of a hub, tag and names are missing, or what must be a reference is
            malformed; lists every one. A malformed default of the charm is a warning.
    """
    plans: dict[str, OptionPlan] = {}
    problems: list[Problem] = []
    for option in charm.options.values():
        if option.type != "string":
            continue
        rule = rules.for_option(charm.name, option.name)
        planner = _Planner(charm, option, values, rule, known)
        plan = planner.plan()
        problems += planner.problems
        if plan is not None:
            plans[option.name] = plan
    raise_all(OptionError, f"cannot determine images of options of {charm.name}", problems)
    # knative-serving takes the sidecar's image from `queue_sidecar_image` alone, which is empty by
    # default; `custom_images: queue-proxy` names the same image, but sets only the caching Image.
    for name, option in charm.options.items():
        rule = rules.for_option(charm.name, name)
        if rule is None or rule.same_as is None:
            continue
        if _text(values.get(name, option.default)).strip() not in _NULLS:
            continue
        other = plans.get(rule.same_as.option)
        for use in other.uses if other else ():
            if use.path == (rule.same_as.key,):
                same = ImageUse(
                    option=name, path=(), reference=use.reference, origin="rule", why=rule.why
                )
                plans[name] = OptionPlan(option=name, value="", uses=(same,))
    return tuple(plans[name] for name in charm.options if name in plans)


class _Planner:
    """Reads one option."""

    def __init__(
        self,
        charm: Charm,
        option: Option,
        values: Mapping[str, OptionValue],
        rule: OptionRule | None,
        known: Known,
    ) -> None:
        self.charm = charm
        self.option = option
        self.values = values
        self.rule = rule if rule is not None else OptionRule()
        self.known = known
        self.file = charm.defaults_for(option.name)
        self.hinted = names_images(option.name) or bool(self.file) or bool(self.rule.images)
        self.origin: Origin = "bundle" if option.name in values else "option"
        self.warnings: list[Problem] = []
        self.problems: list[Problem] = []

    def plan(self) -> OptionPlan | None:
        """Return the plan, if the option has anything to do with images; note what is wrong."""
        text = _text(self.values.get(self.option.name, self.option.default))
        if reads_empty(text, self.charm, self.option, self.rule):
            return self._plan_empty()
        parsed = ValueText.parse(text)
        composite = self.rule.composite or (_composite_in(parsed) if self.hinted else None)
        if composite is not None and parsed.keys is not None:
            return self._plan_composite(parsed, composite)
        if parsed.keys is not None and self.hinted:
            return self._plan_mapping(parsed)
        return self._plan_name(text) or self._made(text, self._uses(parsed, self.origin))

    def _plan_name(self, text: str) -> OptionPlan | None:
        """Plan the name of an image whose tag is in an option beside it, as ``image-tag``."""
        tag = _tag_option(self.option.name, self.charm.options) if self.hinted else None
        name = image_in(text.strip(), hinted=True, known=self.known)
        if tag is None or name is None or name.tag or name.digest:
            return None
        value = _text(self.values.get(tag.name, tag.default)).strip()
        try:
            reference = ImageReference.parse(f"{name}:{value}")
        except ReferenceSyntaxError:
            return None
        use = self._use((), reference, self.origin)
        return OptionPlan(option=self.option.name, value=text, uses=(use,), tag_option=tag.name)

    def _made(
        self, text: str, uses: Sequence[ImageUse], composite: Composite | None = None
    ) -> OptionPlan | None:
        if not uses and not self.warnings:
            return None
        return OptionPlan(
            option=self.option.name,
            value=text,
            uses=tuple(uses),
            composite=composite,
            warnings=tuple(self.warnings),
        )

    def _plan_empty(self) -> OptionPlan | None:
        """Plan an empty option, for which the charm's file or the rules name the images.

        jupyter-ui falls back to files since CKF 1.10. Rules leave an option empty that would only
        override what others set (``related-image-*`` of seldon-core).
        """
        if self.rule.leave_option_empty or self.rule.same_as is not None:
            return None
        if self.file is not None:
            parsed = ValueText.parse(self.file.text)
            if parsed.keys is not None:
                return self._plan_mapping(parsed)
            return self._made(self.file.text, self._uses(parsed, "file"))
        if self.rule.images:
            return self._plan_mapping(
                ValueText.parse(render_mapping(dict.fromkeys(self.rule.images, "")))
            )
        if not self.hinted or not holds_images(self.option.name):
            return None
        self._warn(
            "the option is empty, and nothing says which image belongs there",
            fix="set it with --set if the charm pulls an image for it",
        )
        return self._made("", ())

    def _warn(self, what: str, path: KeyPath = (), fix: str = "") -> None:
        self.warnings.append(Problem(what, _where(self.option.name, path), fix))

    def _uses(
        self, parsed: ValueText, origin: Origin, passed_over: Container[KeyPath] = ()
    ) -> list[ImageUse]:
        """Return the images of a value; note what should be an image and is not."""
        uses = []
        for found in find_candidates(
            parsed, self.option.name, hinted=self.hinted, known=self.known
        ):
            if found.path in passed_over:
                continue
            if found.image is not None:
                uses.append(self._use(found.path, found.image, origin))
            elif found.reference is None:
                self._refuse(found.doubt, found.text, found.path, origin)
            else:
                self._warn(found.doubt, found.path, found.fix)
        return uses

    def _use(
        self, path: KeyPath, reference: ImageReference, origin: Origin, why: str = ""
    ) -> ImageUse:
        return ImageUse(
            option=self.option.name, path=path, reference=reference, origin=origin, why=why
        )

    def _refuse(self, what: str, text: str, path: KeyPath, origin: Origin) -> None:
        """Note a malformed reference: an error in the bundle, a warning in a charm's default.

        A bundle that repeats the charm's default is not to blame for it either.
        """
        own = (_text(self.option.default), self.file.text if self.file else "")
        if origin == "bundle" and not any(text in given for given in own):
            self.problems.append(Problem(what, _where(self.option.name, path)))
        else:
            self._warn(f"{what}; it is the charm's default", path, "set it with --set")

    def _plan_mapping(self, parsed: ValueText) -> OptionPlan | None:
        """Plan a mapping of references; an empty value means the default of the file or the rules.

        Keys that the option's default does not list are added. The charm's file is the authority on
        keys (in CKF 1.11 kserve-controller has one that only the file lists), and the knative
        charms take the name of any container or variable in their manifests.
        """
        defaults = dict(self._defaults())
        empty = {scalar.path for scalar in parsed.scalars if not _text(scalar.value).strip()}
        origin = self.origin if parsed.text != self._file_text() else "file"
        uses = self._uses(parsed, origin)
        for key in parsed.keys or ():
            if (key,) in empty and key in defaults:
                uses.append(defaults[key])
            elif (key,) in empty and self._is_unexplained(key):
                self._warn("the value is empty, and nothing says which image it stands for", (key,))
        uses += [use for key, use in defaults.items() if key not in (parsed.keys or ())]
        for key, text in _file_entries(self.file):
            needed = (key,) in empty or key not in (parsed.keys or ())
            if needed and key not in defaults and syntax_doubt(text):
                self._refuse(syntax_doubt(text), text, (key,), "file")
        return self._made(parsed.text, uses)

    def _is_unexplained(self, key: str) -> bool:
        """Whether an empty key may stand for an image: not when the charm's file lacks the key.

        The charm ignores such a key (``frontend_image`` of kfp-profile-controller in CKF 1.8).
        """
        return self.file is None and key not in self.rule.leave_empty

    def _file_text(self) -> str | None:
        return self.file.text if self.file else None

    def _defaults(self) -> Iterator[tuple[str, ImageUse]]:
        """Yield the default of each key: the file decides, the rules add what no file names."""
        found: dict[str, ImageUse] = {}
        for key, text in _file_entries(self.file):
            reference = image_in(text, hinted=True, known=self.known)
            if reference is not None:
                found[key] = self._use((key,), reference, "file")
        for key, image in self.rule.images.items():
            if key not in found:
                reference = ImageReference.parse(image.image)
                found[key] = self._use((key,), reference, "rule", image.why)
        yield from found.items()

    def _plan_composite(self, parsed: ValueText, composite: Composite) -> OptionPlan | None:
        """Plan a hub, tag and names, such as istio-pilot's ``image-configuration``.

        Its charm indexes these keys, so none may be missing. Other keys of the mapping may be
        references of their own (``grpc-bootstrap-init: busybox:1.28``).
        """
        values = {scalar.path: scalar.value or "" for scalar in parsed.scalars}
        missing = [
            Problem(
                "the key is missing or empty",
                _where(self.option.name, (key,)),
                "write the whole value: the charm does not fill in what is left out",
            )
            for key in (composite.hub, composite.tag, *composite.names)
            if not values.get((key,))
        ]
        if missing:
            self.problems += missing
            return None
        hub, tag = values[(composite.hub,)], values[(composite.tag,)]
        names = [(values[(key,)], key, "") for key in composite.names]
        names += [
            (extra.name, extra.name, extra.why)
            for extra in composite.extra
            if all(self._is_set(option) for option in extra.when_set)
        ]
        uses = []
        for name, key, why in names:
            try:
                reference = ImageReference.parse(f"{hub}/{name}:{tag}")
            except ReferenceSyntaxError as exc:
                self.problems.append(Problem(exc.message, _where(self.option.name, (key,))))
                continue
            uses.append(self._use((key,), reference, self.origin, why))
        parts = {(key,) for key in (composite.hub, composite.tag, *composite.names)}
        uses += self._uses(parsed, self.origin, passed_over=parts)
        return self._made(parsed.text, uses, composite)

    def _is_set(self, option: str) -> bool:
        declared = self.charm.options.get(option)
        return bool(_text(self.values.get(option, declared.default if declared else None)).strip())


def _file_entries(file: DefaultImages | None) -> Iterator[tuple[str, str]]:
    if file is not None and isinstance(file.value, dict):
        for key, value in file.value.items():
            if isinstance(value, str):
                yield str(key), value


def _tag_option(name: str, options: Mapping[str, Option]) -> Option | None:
    """Return the option with the tag of the image that option `name` names, if there is one.

    ``image-name`` and ``image-repository`` go with ``image-tag``; ``cat-image`` goes with
    ``cat-image-tag`` and ``cat-tag``.
    """
    stem = words_of(name)
    if stem[-1:] and stem[-1] in ("name", "repo", "repository"):
        stem = stem[:-1]
    endings = [[*stem, "tag"], [*stem, "version"]]
    if stem[-1:] == ["image"]:
        endings.append([*stem[:-1], "tag"])
    for words in endings:
        for option in options.values():
            if option.type == "string" and option.name != name and words_of(option.name) == words:
                return option
    return None


def _composite_in(parsed: ValueText) -> Composite | None:
    """Return the hub, tag and names that a mapping's keys suggest, for charms without a rule."""

    def ending(word: str) -> list[str]:
        return [key for key in parsed.keys or () if words_of(key)[-1:] == [word]]

    hubs, tags = ending("hub"), ending("tag")
    names = tuple(
        str(scalar.path[0])
        for scalar in parsed.scalars
        if len(scalar.path) == 1
        and names_images(str(scalar.path[0]))
        and BARE_NAME.match(scalar.value or "")
    )
    if len(hubs) != 1 or len(tags) != 1 or not names:
        return None
    return Composite(hub=hubs[0], tag=tags[0], names=names)


def _rewrite(
    parsed: ValueText, path: KeyPath, values: Mapping[KeyPath, str], *, top: bool = False
) -> str:
    """Return a text with values replaced by path, in nested documents and words of texts too."""
    edits: dict[KeyPath, str] = {}
    inner = {given[:length] for given in values for length in range(len(given))}
    for scalar in parsed.scalars:
        here = (*path, *scalar.path)
        value = scalar.value or ""
        if here in values:
            edits[scalar.path] = values[here]
        elif here in inner:
            nested = nested_in(parsed, value)
            edits[scalar.path] = (
                _rewrite(nested, here, values)
                if nested is not None
                else _rewrite_tokens(value, here, values)
            )
    added: dict[str, str] = {}
    if top and parsed.keys is not None:
        added = {
            str(given[0]): text
            for given, text in values.items()
            if len(given) == 1 and given[0] not in parsed.keys
        }
    return parsed.edit(edits, added)


def _rewrite_tokens(text: str, path: KeyPath, values: Mapping[KeyPath, str]) -> str:
    for place, start, token in reversed(list(tokens(text))):
        new = values.get((*path, place))
        if new is not None:
            text = text[:start] + new + text[start + len(token) :]
    return text


def _where(option: str, path: KeyPath) -> str:
    return f"option {option}" + (f", {format_path(path)}" if path else "")


def _text(value: OptionValue | None) -> str:
    return value if isinstance(value, str) else ("" if value is None else str(value))
