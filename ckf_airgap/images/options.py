"""Image references inside option values: find them, and replace them with the retagged ones.

An option may hold one reference, a list, a mapping (with empty values whose defaults are in a file
of the charm or in the release's rules), a hub with a tag and names, documents inside strings, or a
part of a reference that it makes with others; `plan_options` reads all of these for one charm,
without knowing any charm by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.charms.charm import Charm, OptionValue
from ckf_airgap.errors import OptionError, Problem, raise_all
from ckf_airgap.images.compositions import Composition
from ckf_airgap.images.judge import Known
from ckf_airgap.images.keys import meaning
from ckf_airgap.images.planner import Planner, is_empty, option_text
from ckf_airgap.images.plans import ImageUse, OptionPlan
from ckf_airgap.images.recognise import composed_options
from ckf_airgap.images.rules import ImageRules


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
    composed = _composed_options(charm, values, rules)
    for option in charm.options.values():
        if option.type != "string":
            continue
        rule = rules.for_option(charm.name, option.name)
        planner = Planner(charm, option, values, rule, known)
        composition = composed.get(option.name)
        plan = planner.plan() if composition is None else planner.compose(composition)
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
        if not is_empty(option_text(values.get(name, option.default))):
            continue
        other = plans.get(rule.same_as.option)
        for use in other.uses if other else ():
            if use.path == (rule.same_as.key,):
                same = ImageUse(
                    option=name, path=(), reference=use.reference, origin="rule", why=rule.why
                )
                plans[name] = OptionPlan(option=name, value="", uses=(same,))
    return tuple(plans[name] for name in charm.options if name in plans)


def _composed_options(
    charm: Charm, values: Mapping[str, OptionValue], rules: ImageRules
) -> dict[str, Composition]:
    """Return the options that make a reference with others, each with what they make."""
    # A version may be a number; what is no text holds nothing else of an image.
    return composed_options(
        {
            option.name: option_text(values.get(option.name, option.default))
            for option in charm.options.values()
            if rules.for_option(charm.name, option.name) is None
            and (
                option.type == "string"
                or (option.type in ("int", "float") and meaning(option.name).part == "tag")
            )
        }
    )
