"""Whether a plan leads from one release to the next, and what a person has to do before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem, RefusedError, raise_all
from ckf_airgap.facts.upgrades import ManualStep, ReleaseUpgrade, steps_between
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import RefreshApplication, RemoveApplication


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A manual step that applications of a model need.

    Attributes:
        release: The release whose upgrade needs it.
        applications: The applications that it is about.
        step: What to do.
    """

    release: str
    applications: tuple[str, ...]
    step: ManualStep

    @property
    def problem(self) -> Problem:
        """The step as a person is told of it."""
        step = self.step
        return Problem(
            f"{step.what}: {step.why}", ", ".join(self.applications), f"see {step.source}"
        )

    def to_json(self) -> Document:
        """Return it as JSON."""
        document = self.step.to_json()
        return {"release": self.release, "applications": [*self.applications], **document}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """How a plan leads from release to release.

    Attributes:
        release: The release that is deployed; empty when the bundle is none.
        earlier: The releases that applications which get another charm come from, by application.
        unknown: Such applications of which no record tells the release.
        far: Those that come from a release that is not the one before, with the releases between;
            without one where no steps lead to the release, as from a newer one.
        by_hand: What a person does before the first change.
    """

    release: str = ""
    earlier: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    far: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: tuple[ByHand, ...] = ()

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a person should know: of which applications the release is not known."""
        if not self.unknown or not self.release:
            return ()
        return (
            Problem(
                "no record says which release these come from, so it is not known whether one is "
                f"skipped: {', '.join(self.unknown)}",
                f"release {self.release}",
                "an upgrade is known from the release before only (docs/upgrading.md)",
            ),
        )

    def check(self, *, skip_releases: bool, manual_steps_done: bool) -> None:
        """Return when the upgrade may begin.

        Args:
            skip_releases: Whether releases may be left out.
            manual_steps_done: Whether a person has done what there is to do by hand.

        Raises:
            RefusedError: when it must not begin; nothing has been changed.
        """
        if not skip_releases:
            raise_all(
                RefusedError,
                f"release {self.release} cannot be reached in one step; nothing was changed",
                [*self._distances()],
                fix="Deploy the releases between first, one after the other, or give "
                "--skip-releases.",
            )
        if not manual_steps_done:
            raise_all(
                RefusedError,
                f"before the upgrade to {self.release} this has to be done by hand; nothing was "
                "changed",
                [one.problem for one in self.by_hand],
                fix="Give --manual-steps-done when it is done, or not needed here.",
            )

    def _distances(self) -> Iterator[Problem]:
        for application, between in self.far.items():
            old = self.earlier[application]
            if between:
                what = (
                    f"it has release {old}; {' and '.join(between)} between them would be skipped"
                )
            else:
                what = f"it has release {old}, from which no upgrade to {self.release} is known"
            yield Problem(what, f"application {application}")

    def to_json(self) -> Document:
        """Return it as JSON."""
        return {
            "to": self.release,
            "from": {**self.earlier},
            "unknown": [*self.unknown],
            "skipped": {name: [*between] for name, between in self.far.items()},
            "by-hand": [one.to_json() for one in self.by_hand],
        }


def upgrade_of(plan: Plan, release: str, upgrades: Mapping[str, ReleaseUpgrade]) -> Upgrade:
    """Return how a plan leads from the releases of a model to the one that is deployed.

    Only applications that get another charm count: the others are where they should be.

    Args:
        plan: The plan.
        release: The release that is deployed; empty when the bundle is none.
        upgrades: What is known of upgrades, by the release that each leads to.
    """
    if not release:
        return Upgrade()
    charms = _changed_charms(plan)
    earlier = {name: plan.releases[name] for name in charms if plan.releases.get(name)}
    unknown = tuple(name for name in charms if name not in earlier)
    far: dict[str, tuple[str, ...]] = {}
    needed: dict[tuple[str, ManualStep], list[str]] = {}
    for application, charm in charms.items():
        steps = _steps_of(earlier.get(application), release, upgrades)
        if application in earlier and (steps is None or len(steps) > 1):
            far[application] = tuple(step.release for step in (steps or ())[:-1])
        for upgrade in steps or ():
            for step in upgrade.manual:
                if charm in step.charms:
                    needed.setdefault((upgrade.release, step), []).append(application)
    return Upgrade(
        release=release,
        earlier=earlier,
        unknown=unknown,
        far=far,
        by_hand=tuple(
            ByHand(release=to, applications=tuple(applications), step=step)
            for (to, step), applications in sorted(
                needed.items(), key=lambda item: [*upgrades].index(item[0][0])
            )
        ),
    )


def _steps_of(
    old: str | None, release: str, upgrades: Mapping[str, ReleaseUpgrade]
) -> tuple[ReleaseUpgrade, ...] | None:
    """Return the steps to a release; from an unknown one, the last of them."""
    if old is not None:
        return steps_between(old, release, upgrades)
    return (upgrades[release],) if release in upgrades else ()


def _changed_charms(plan: Plan) -> dict[str, str]:
    """Return the charm of each application of the model that gets another one, in order."""
    replaced = {step.application for step in plan.removals if isinstance(step, RemoveApplication)}
    found: dict[str, str] = {}
    for step in plan.steps:
        if isinstance(step, RefreshApplication):
            found[step.application] = step.charm
    for deploy in plan.deploys:
        if deploy.application in replaced:
            found[deploy.application] = deploy.charm
    return found
