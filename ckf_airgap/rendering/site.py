"""What a site must set in a bundle, and nobody has set. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charms.charm import OptionValue
from ckf_airgap.errors import Problem
from ckf_airgap.facts.site import Site, SiteSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRemarks:
    """What a bundle needs of its site.

    Attributes:
        settings: Values that are right for every site, of options that nobody has set.
        warnings: Of those, and of options that only the site can set.
        after: By application, those that must be active before it is deployed.
    """

    settings: tuple[Setting, ...]
    warnings: tuple[Problem, ...]
    after: Mapping[str, frozenset[str]]


def look_at_site(
    bundle: Bundle, settings: Sequence[Setting], site: Site, *, model: str
) -> SiteRemarks:
    """Compare what a site must set with what the bundle, its overlays and settings do set.

    Args:
        bundle: The bundle with its overlays.
        settings: The user's own settings.
        site: What is known of its charms.
        model: The name of the model that it will be deployed in.
    """
    by_charm: dict[str, list[str]] = {}
    for name, application in bundle.applications.items():
        by_charm.setdefault(application.charm_name, []).append(name)
    names = {"model": model, **{charm: found[0] for charm, found in by_charm.items()}}
    added: list[Setting] = []
    warnings: list[Problem] = []
    for name, application in bundle.applications.items():
        values = _values(name, application, settings)
        unset = {
            option: needed
            for option, needed in site.options.get(application.charm_name, {}).items()
            if not values.get(option) and not any(values.get(other) for other in needed.unless)
        }
        used = {option: needed for option, needed in unset.items() if needed.needed_for == "use"}
        for option, needed in unset.items():
            if option in used:
                continue
            value = None if option in values else _filled(needed, names)
            if value is not None:
                added.append(Setting(application=name, option=option, value=value))
            warnings.append(_of_active(name, option, needed, value))
        if any(not needed.otherwise for needed in used.values()):
            warnings.append(_of_use(name, used))
    after = {
        name: frozenset(by_charm[site.after[charm].charm])
        for charm, found in by_charm.items()
        if charm in site.after and site.after[charm].charm in by_charm
        for name in found
    }
    return SiteRemarks(settings=tuple(added), warnings=tuple(warnings), after=after)


def _values(
    name: str, application: Application, settings: Sequence[Setting]
) -> Mapping[str, OptionValue | None]:
    given = {one.option: one.value for one in settings if one.application == name}
    return {**application.options, **given}


def _filled(needed: SiteSetting, names: Mapping[str, str]) -> str | None:
    """Return the default with its names filled in; ``None`` when one of them is not there."""
    if needed.default is None:
        return None
    try:
        return needed.default.format_map(names)
    except KeyError:
        return None


def _of_active(name: str, option: str, needed: SiteSetting, value: str | None) -> Problem:
    where = f"application {name}, option {option}"
    if value is not None:
        return Problem(
            f"nobody has set it, so it becomes {value}: {needed.why}",
            where,
            f"--set {name}.{option}=VALUE gives it another value",
        )
    said = f" ({needed.blocked})" if needed.blocked else ""
    return Problem(
        f"it has no value, and {name} does not become active without one{said}: {needed.why}",
        where,
        f"set it with --set {name}.{option}=VALUE",
    )


def _of_use(name: str, unset: Mapping[str, SiteSetting]) -> Problem:
    missing = [
        f"{option} is not set ({needed.why})"
        for option, needed in unset.items()
        if not needed.otherwise
    ]
    settings = " ".join(f"--set {name}.{option}=VALUE" for option in unset)
    otherwise = "".join(
        f"; without {option} it is {needed.otherwise}"
        for option, needed in unset.items()
        if needed.otherwise
    )
    return Problem(
        f"nobody will be able to log in: {', '.join(missing)}",
        f"application {name}",
        f"{settings}{otherwise}; a password is safer in an overlay that only you can read",
    )
