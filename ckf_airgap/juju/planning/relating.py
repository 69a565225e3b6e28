"""Which relations are made, removed or left alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ckf_airgap.bundle.endpoints import ResolvedRelation
from ckf_airgap.charms.charm import Charm
from ckf_airgap.juju.planning.differences import Difference, Foreign, Policy, Refusal
from ckf_airgap.juju.planning.live import LiveModel, LiveRelation
from ckf_airgap.juju.planning.removing import crosses_models, foreign_relation, relation_removals
from ckf_airgap.juju.planning.steps import AddRelation, RemoveRelation


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What must be done about relations.

    Attributes:
        added: Those to make.
        removed: Those to remove.
        kept: How many of the bundle's are there already.
        foreign: Those that the bundle does not have, and that stay.
        refused: Those that cannot be made.
    """

    added: tuple[AddRelation, ...] = ()
    removed: tuple[RemoveRelation, ...] = ()
    kept: int = 0
    foreign: tuple[Foreign, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The applications that a plan is about.

    Attributes:
        bundle: Those of the bundle.
        removed: Those that are removed for good.
        replaced: Those that are removed and deployed again.
        policy: How far the plan may go.
    """

    bundle: Collection[str]
    removed: Collection[str] = ()
    replaced: Collection[str] = ()
    policy: Policy = field(default_factory=Policy)

    def covers(self, applications: Iterable[str]) -> bool:
        """Whether a plan is about one of some applications."""
        only = self.policy.only
        return only is None or not only.isdisjoint(applications)


def extra_relations(
    wanted: Iterable[ResolvedRelation], live: LiveModel, scope: Scope
) -> tuple[LiveRelation, ...]:
    """Return the relations of a model that its bundle does not have.

    Those among peers are none, nor are those that are on their way out or go with an application,
    nor those between applications that the bundle does not have either.
    """
    known = {relation.ends for relation in wanted}
    going = {name for name, item in live.applications.items() if item.is_going}
    ended = {*scope.removed, *scope.replaced, *going}
    return tuple(
        relation
        for relation in live.relations
        if relation.provider
        and relation.ends not in known
        and not relation.is_going
        and not relation.applications & ended
        and relation.applications & {*scope.bundle}
        and scope.covers(relation.applications)
    )


def is_pruned(relation: LiveRelation, live: LiveModel, policy: Policy) -> bool:
    """Whether a relation that the bundle does not have is removed."""
    return policy.prune and not crosses_models(relation, live)


def compare_relations(
    wanted: Sequence[ResolvedRelation],
    live: LiveModel,
    charms: Mapping[str, Charm],
    scope: Scope,
) -> Relations:
    """Compare the relations of a bundle with those of a model.

    Args:
        wanted: Those of the bundle.
        live: The model.
        charms: The charm of each application of the bundle.
        scope: The applications that the plan is about.
    """
    present = {relation.ends: relation for relation in live.relations}
    extra = extra_relations(wanted, live, scope)
    pruned = [relation for relation in extra if is_pruned(relation, live, scope.policy)]
    added: list[AddRelation] = []
    refused: list[Refusal] = []
    kept = 0
    for relation in wanted:
        names = (relation.requirer.application, relation.provider.application)
        if not scope.covers(names) or not all(_will_be(name, live, scope) for name in names):
            continue
        again = [name for name in names if name in scope.replaced]
        there = present.get(relation.ends)
        if there is not None and there.is_going and not again:
            refused.append(_going(relation))
        elif there is not None and not again:
            kept += 1
        else:
            added.append(_addition(relation, again))
    staying = [
        relation
        for relation in live.relations
        if relation not in pruned
        and not relation.is_going
        and not relation.applications & {*scope.removed, *scope.replaced}
    ]
    refused += _limits(added, staying, charms)
    return Relations(
        added=tuple(added),
        removed=tuple(relation_removals(pruned)),
        kept=kept,
        foreign=tuple(
            foreign_relation(relation, live) for relation in extra if relation not in pruned
        ),
        refused=tuple(refused),
    )


def _will_be(name: str, live: LiveModel, scope: Scope) -> bool:
    """Whether an application is in the model, or will be."""
    return name in live.applications or scope.covers((name,))


def _addition(relation: ResolvedRelation, again: Sequence[str]) -> AddRelation:
    return AddRelation(
        requirer=relation.requirer,
        provider=relation.provider,
        differences=(
            Difference(
                application=relation.requirer.application,
                kind="relation",
                name=relation.key,
                new=relation.key,
                reason=f"{' and '.join(again)} deployed again" if again else "",
            ),
        ),
    )


def _going(relation: ResolvedRelation) -> Refusal:
    return Refusal(
        application=relation.requirer.application,
        kind="relation",
        name=relation.key,
        what=f"its relation {relation.key} is being removed",
        fix="wait until it is gone and run the command again, or help it along: juju resolved "
        f"--no-retry UNIT, juju remove-relation --force {relation.key}",
    )


def _limits(
    added: Iterable[AddRelation], staying: Iterable[LiveRelation], charms: Mapping[str, Charm]
) -> list[Refusal]:
    """Return a refusal for each endpoint that has too many relations to get another one."""
    refused: dict[str, Refusal] = {}
    held: dict[str, list[LiveRelation]] = {}
    for relation in staying:
        for end in relation.ends:
            held.setdefault(end, []).append(relation)
    new: dict[str, int] = {}
    for step in added:
        for ref in (step.requirer, step.provider):
            new[str(ref)] = new.get(str(ref), 0) + 1
    for end, count in new.items():
        application, _, endpoint = end.partition(":")
        known = charms[application].endpoints.get(endpoint)
        others = held.get(end, [])
        if known is not None and known.limit and others and len(others) + count > known.limit:
            refused[end] = Refusal(
                application=application,
                kind="relation",
                name=endpoint,
                what=f"the relations of its endpoint {endpoint} are limited to {known.limit}, and "
                f"it has {', '.join(map(str, others))}",
                fix="remove those that the bundle does not have (--prune)",
            )
    return [*refused.values()]
