"""The reading of one option: which images it names, and what is wrong with its value. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from ckf_airgap.charms.charm import Charm, DefaultImages, Option, OptionValue
from ckf_airgap.errors import Problem, ReferenceSyntaxError
from ckf_airgap.images.compositions import Composition
from ckf_airgap.images.grammar import reads_empty
from ckf_airgap.images.judge import Circumstances, Known, judge, syntax_doubt
from ckf_airgap.images.keys import Meaning, meaning
from ckf_airgap.images.optionrules import Composite, OptionRule
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.plans import ImageUse, OptionPlan, Origin, place_of
from ckf_airgap.images.recognise import find_candidates, hub_and_names
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import ValueText, render_mapping

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_IMAGES: Final = Meaning("images")
_AN_IMAGE: Final = Circumstances(said=Meaning("image"))
_FRONT_FIX: Final = (
    "registry; or name them under put-before in a file for --rules, if the charm puts it before "
    "their names"
)


class Planner:
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
        self.said = meaning(option.name)
        if not self.said.names_images and (self.file or self.rule.images):
            self.said = _IMAGES
        self.origin: Origin = "bundle" if option.name in values else "option"
        self.warnings: list[Problem] = []
        self.problems: list[Problem] = []

    def plan(self) -> OptionPlan | None:
        """Return the plan, if the option has anything to do with images; note what is wrong."""
        text = option_text(self.values.get(self.option.name, self.option.default))
        if self.rule.put_before:
            return self._plan_front(text)
        if reads_empty(text, self.charm, self.option, self.rule):
            return self._plan_empty()
        parsed = ValueText.parse(text)
        hinted = self.said.names_images
        composite = self.rule.composite or (hub_and_names(parsed) if hinted else None)
        if composite is not None and parsed.keys is not None:
            return self._plan_composite(parsed, composite)
        if parsed.keys is not None and hinted:
            return self._plan_mapping(parsed)
        return self._made(text, self._uses(parsed, self.origin))

    def compose(self, composition: Composition) -> OptionPlan:
        """Return the plan of an option that makes an image with others."""
        named = composition.name.path == (self.option.name,)
        uses = (self._use((), composition.reference, self.origin),) if named else ()
        text = option_text(self.values.get(self.option.name, self.option.default))
        return OptionPlan(option=self.option.name, value=text, uses=uses, composition=composition)

    def _plan_front(self, text: str) -> OptionPlan | None:
        """Plan an option that the charm puts before names which the rules tell."""
        front = text.strip().strip("/")
        uses, names = [], []
        for name in self.rule.put_before:
            whole = f"{front}/{name}" if front and front not in _NULLS else name
            try:
                reference = ImageReference.parse(whole)
            except ReferenceSyntaxError as exc:
                self._refuse(exc.message, text, self.origin)
                return self._made(text, ())
            names.append(ImageReference.parse(name))
            uses.append(self._use((), reference, self.origin, self.rule.why))
        return OptionPlan(
            option=self.option.name, value=text, uses=tuple(uses), put_before=tuple(names)
        )

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
        if not self.said.names_images:
            return None
        self._warn(
            "the option is empty, and nothing says which image belongs there",
            fix="set it with --set if the charm pulls an image for it",
        )
        return self._made("", ())

    def _warn(self, what: str, path: KeyPath = (), *, fix: str = "") -> None:
        self.warnings.append(Problem(what, place_of(self.option.name, path), fix))

    def _uses(
        self, parsed: ValueText, origin: Origin, passed_over: Container[KeyPath] = ()
    ) -> list[ImageUse]:
        """Return the images of a value; note what should be an image and is not."""
        uses = []
        for found in find_candidates(parsed, self.option.name, said=self.said, known=self.known):
            if found.path in passed_over:
                continue
            verdict = found.verdict
            if verdict.image is not None:
                use = self._use(found.path, verdict.image, origin, composition=found.composition)
                uses.append(use)
            elif verdict.certainty == "malformed":
                self._refuse(verdict.reason, found.text, origin, found.path)
            elif verdict.part and not found.path:
                fix = f"--set APP.{self.option.name} to the place of its images in the private "
                self._warn(verdict.reason, fix=fix + _FRONT_FIX)
            else:
                self._warn(verdict.reason, found.path, fix=verdict.fix)
        return uses

    def _use(
        self,
        path: KeyPath,
        reference: ImageReference,
        origin: Origin,
        why: str = "",
        composition: Composition | None = None,
    ) -> ImageUse:
        return ImageUse(
            option=self.option.name,
            path=path,
            reference=reference,
            origin=origin,
            why=why,
            composition=composition,
        )

    def _refuse(self, what: str, text: str, origin: Origin, path: KeyPath = ()) -> None:
        """Note a malformed reference: an error in the bundle, a warning in a charm's default.

        A bundle that repeats the charm's default is not to blame for it either.
        """
        if origin == "bundle" and text not in self._own_faults:
            self.problems.append(Problem(what, place_of(self.option.name, path)))
        else:
            self._warn_of_own(what, path)

    def _warn_of_own(self, what: str, path: KeyPath) -> None:
        """Warn of a malformed reference in the charm's default or file."""
        self._warn(f"{what}; it is the charm's default", path, fix="set it with --set")

    @cached_property
    def _own_faults(self) -> frozenset[str]:
        """What is malformed in the charm's default and file."""
        own = [option_text(self.option.default), *(text for _, text in _entries(self.file))]
        own += [self.file.text] if self.file else []
        return frozenset(
            found.text
            for text in own
            for found in find_candidates(ValueText.parse(text), self.option.name, said=_IMAGES)
            if found.verdict.certainty == "malformed"
        )

    def _plan_mapping(self, parsed: ValueText) -> OptionPlan | None:
        """Plan a mapping of references; an empty value means the default of the file or the rules.

        Keys that the option's default does not list are added. The charm's file is the authority on
        keys (in CKF 1.11 kserve-controller has one that only the file lists), and the knative
        charms take the name of any container or variable in their manifests.
        """
        defaults = dict(self._defaults())
        empty = {scalar.path for scalar in parsed.scalars if not option_text(scalar.value).strip()}
        origin = self.origin if parsed.text != self._fileoption_text() else "file"
        uses = self._uses(parsed, origin)
        keys = dict.fromkeys(parsed.keys or ())
        for key in keys:
            if (key,) in empty and key in defaults:
                uses.append(defaults[key])
            elif (key,) in empty and self._is_unexplained(key):
                self._warn("the value is empty, and nothing says which image it stands for", (key,))
        uses += [use for key, use in defaults.items() if key not in keys]
        for key, text in _entries(self.file):
            needed = (key,) in empty or key not in keys
            if needed and key not in defaults and syntax_doubt(text):
                self._warn_of_own(syntax_doubt(text), (key,))
        return self._made(parsed.text, uses)

    def _is_unexplained(self, key: str) -> bool:
        """Whether an empty key may stand for an image: not when the charm's file lacks the key.

        The charm ignores such a key (``frontend_image`` of kfp-profile-controller in CKF 1.8).
        """
        holds = meaning(key).kind not in ("part", "other")
        return holds and self.file is None and key not in self.rule.leave_empty

    def _fileoption_text(self) -> str | None:
        return self.file.text if self.file else None

    def _defaults(self) -> Iterator[tuple[str, ImageUse]]:
        """Yield the default of each key: the file decides, the rules add what no file names."""
        found: dict[str, ImageUse] = {}
        for key, text in _entries(self.file):
            reference = judge(text, _AN_IMAGE, known=self.known).image
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
                place_of(self.option.name, (key,)),
                "write the whole value: the charm does not fill in what is left out",
            )
            for key in (composite.hub, composite.tag, *composite.names)
            if not values.get((key,))
        ]
        if missing:
            self.problems.extend(missing)
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
                self.problems.append(Problem(exc.message, place_of(self.option.name, (key,))))
                continue
            uses.append(self._use((key,), reference, self.origin, why))
        parts = {(key,) for key in (composite.hub, composite.tag, *composite.names)}
        uses += self._uses(parsed, self.origin, passed_over=parts)
        return self._made(parsed.text, uses, composite)

    def _is_set(self, option: str) -> bool:
        declared = self.charm.options.get(option)
        return bool(
            option_text(self.values.get(option, declared.default if declared else None)).strip()
        )


def _entries(file: DefaultImages | None) -> Iterator[tuple[str, str]]:
    if file is not None and isinstance(file.value, dict):
        for key, value in file.value.items():
            if isinstance(value, str):
                yield str(key), value


def option_text(value: OptionValue | None) -> str:
    """Return an option's value as text; an empty one when there is none."""
    return "" if value is None else str(value)


def is_empty(text: str) -> bool:
    """Whether a value is empty, or null in YAML."""
    return text.strip() in _NULLS
