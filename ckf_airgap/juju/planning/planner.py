"""Compare a bundle with a model and plan the missing steps. Pure; all problems are found first.

Nothing of a bundle is deployed while anything in it is known to be wrong: options are checked
against the charm that will take them, relations are resolved to endpoints, each image resource must
have a value, each application must have a base, each charm file must have what the controller reads
of it, and what Juju cannot change in place is refused. The controller would find these one by one,
halfway through.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from ckf_airgap.bundle.bundle import Application, Bundle, Relation
from ckf_airgap.bundle.checks import option_problems, resource_problems
from ckf_airgap.bundle.endpoints import ResolvedRelation, resolve_relations
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import BundleError, Problem, nearest
from ckf_airgap.juju.planning.converging import (
    Convergence,
    converge,
    gets_another_charm,
    record_of_deploy,
    refusals,
    uncompared,
)
from ckf_airgap.juju.planning.deploys import deploy_problems, deploy_step
from ckf_airgap.juju.planning.differences import Foreign, Policy, Refusal
from ckf_airgap.juju.planning.identity import WantedIdentity
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer, offer_problems, offer_steps
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.relating import (
    Scope,
    compare_relations,
    extra_relations,
    is_pruned,
)
from ckf_airgap.juju.planning.removing import (
    foreign_application,
    lost_with,
    removal,
    replacement,
)
from ckf_airgap.juju.planning.requested import RequestedApplication, requested
from ckf_airgap.juju.planning.steps import (
    ApplicationChange,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    UploadCharm,
)


def plan_deployment(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    live: LiveModel,
    identities: Mapping[str, WantedIdentity] | None = None,
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
) -> Plan:
    """Return the steps that make the model match the bundle.

    What is not known to be as the bundle says is brought in line. What Juju cannot change is in
    the plan's `refused`, and then nothing of the plan may be carried out.

    Args:
        bundle: The merged bundle; every option and resource has its final value.
        charms: The charm of each application.
        live: What the model has.
        identities: The charms and resources that the bundle gives to applications; without one,
            those of an application of the model are not compared.
        policy: How far the plan may go.

    Raises:
        BundleError: with all problems; see the module.
    """
    planner = _Planner(bundle, charms, live, identities or {}, policy)
    plan = planner.plan()
    if planner.problems:
        raise BundleError(
            f"the bundle cannot be deployed into model {live.name}", problems=planner.problems
        )
    return plan


def charms_to_read(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    live: LiveModel,
    identities: Mapping[str, WantedIdentity],
    policy: Policy = Policy(),  # noqa: B008 - it is frozen
) -> tuple[str, ...]:
    """Return the applications of a model whose charm and storage a plan must know more of.

    They get another charm, are replaced or removed; of the others the plan has no question.
    """
    found = []
    for name, present in live.applications.items():
        application, charm = bundle.applications.get(name), charms.get(name)
        if application is None or charm is None:
            is_asked = policy.prune and application is None
        else:
            wanted = requested(application, bundle, charm, identities.get(name))
            is_asked = name in policy.replace or any(refusals(wanted, present, ()))
            is_asked = is_asked or gets_another_charm(wanted, present)
        found += [name] if is_asked else []
    return tuple(found)


class _Planner:
    """Gathers steps and problems."""

    def __init__(
        self,
        bundle: Bundle,
        charms: Mapping[str, Charm],
        live: LiveModel,
        identities: Mapping[str, WantedIdentity],
        policy: Policy,
    ) -> None:
        self.bundle = bundle
        self.charms = {name: charms[name] for name in bundle.applications if name in charms}
        self.live = live
        self.policy = policy
        self.foreign: list[Foreign] = []
        self.refused: list[Refusal] = []
        self.warnings: list[Problem] = []
        saas = bundle.document.get("saas")
        self._saas = tuple(saas) if isinstance(saas, dict) else ()
        self.scope = Scope(bundle=frozenset(bundle.applications), policy=policy)
        covered = {
            name: application
            for name, application in bundle.applications.items()
            if self.scope.covers((name,))
        }
        known = dataclasses.replace(
            bundle,
            applications={
                name: application for name, application in covered.items() if name in self.charms
            },
        )
        self.problems: list[Problem] = [
            *self._misnamed(),
            *option_problems(known, self.charms),
            *resource_problems(known, self.charms),
        ]
        self.wanted: dict[str, RequestedApplication] = {}
        for name, application in covered.items():
            charm = self.charms.get(name)
            if charm is None:
                self._note(name, [Problem("no charm was given for it", fix="add its .charm file")])
            else:
                self.wanted[name] = requested(application, bundle, charm, identities.get(name))

    def plan(self) -> Plan:
        removals = [*self._removals()]
        relations = self._resolved()
        replacements = [*self._replacements(relations)]
        related = compare_relations(relations, self.live, self.charms, self.scope)
        self.foreign += related.foreign
        self.refused += related.refused
        deploys: list[DeployApplication] = []
        changes: list[ApplicationChange] = []
        unchanged: list[str] = []
        refused = {refusal.application for refusal in self.refused}
        for name, wanted in self.wanted.items():
            self._check_offers(wanted)
            present = self.live.applications.get(name)
            if present is None or name in self.scope.replaced:
                step = self._deploy(wanted)
                if step is not None:
                    deploys.append(step)
                    changes.append(record_of_deploy(wanted, self.policy.release))
                self.warnings += self._files_that_nobody_gives(wanted, None)
                continue
            self.warnings += self._files_that_nobody_gives(wanted, present)
            self.warnings += uncompared(wanted, present)
            if name in refused:
                self._note(name, wanted.problems)
                continue
            found = self._converge(wanted, present)
            changes += found.steps
            unchanged += [] if found.steps else [name]
        self._refuse_saas()
        self.warnings += self._need_no_replacement(unchanged)
        return Plan(
            model=self.live.name,
            uuid=self.live.uuid,
            steps=(
                *self._uploads([*deploys, *changes]),
                *related.removed,
                *removals,
                *replacements,
                *deploys,
                *changes,
                *related.added,
                *self._offers(),
            ),
            unchanged=tuple(unchanged),
            kept_relations=related.kept,
            foreign=tuple(self.foreign),
            refused=tuple(self.refused),
            warnings=tuple(self.warnings),
            releases={
                name: record.release
                for name, application in self.live.applications.items()
                if (record := application.identity.record) is not None and record.release
            },
            providers=tuple(
                (relation.requirer.application, relation.provider.application)
                for relation in relations
            ),
        )

    def _note(self, application: str, found: Iterable[Problem]) -> None:
        """Keep problems of an application."""
        for problem in found:
            where = f"application {application}"
            place = f"{where}, {problem.where}" if problem.where else where
            self.problems.append(Problem(problem.what, place, problem.fix))

    def _misnamed(self) -> Iterator[Problem]:
        """Yield the applications that a plan is asked for, and that there are not."""
        bundle = self.bundle.applications
        for name in sorted((self.policy.only or frozenset()) - {*bundle, *self.live.applications}):
            yield Problem(
                f"neither the bundle nor the model has an application {name}",
                "the applications to plan for",
                nearest(name, {*bundle, *self.live.applications}),
            )
        for name in sorted(self.policy.replace - {*bundle}):
            yield Problem(
                f"the bundle has no application {name}, so it cannot be deployed again",
                "the applications to replace",
                nearest(name, bundle),
            )

    def _removals(self) -> Iterator[RemoveApplication]:
        """Yield the removal of what the bundle does not have, or note it as foreign."""
        extra = [
            application
            for name, application in self.live.applications.items()
            if name not in self.bundle.applications
            and not application.is_going
            and self.scope.covers((name,))
        ]
        if not self.policy.prune:
            self.foreign += map(foreign_application, extra)
            return
        self.scope = dataclasses.replace(
            self.scope, removed=frozenset(application.name for application in extra)
        )
        for application in extra:
            yield removal(application, lost_with(application, self.live))

    def _replacements(self, relations: list[ResolvedRelation]) -> Iterator[RemoveApplication]:
        """Yield the removal of what is deployed again, and note what is refused.

        What is replaced takes relations with it, so that what only those hold back need not be
        replaced: they are added one by one.
        """
        own = self._refusals(relations, with_relations=False)
        again = {name: found for name, found in own.items() if name in self.policy.replace}
        while True:
            self.scope = dataclasses.replace(self.scope, replaced=frozenset(again))
            refused = self._refusals(relations)
            held = [name for name in refused if name in self.policy.replace and name not in again]
            if not held:
                break
            again[held[0]] = refused[held[0]]
        ends = {relation.ends for relation in relations}
        for name in self.wanted:
            if name not in again and name not in refused:
                continue
            present = self.live.applications[name]
            lost = lost_with(present, self.live, ends)
            found = refused.get(name) or again[name]
            if name in again:
                yield replacement(present, lost, dict.fromkeys(item.what for item in found))
            else:
                self.refused += [dataclasses.replace(item, lost=lost) for item in found]

    def _need_no_replacement(self, unchanged: Collection[str]) -> Iterator[Problem]:
        """Yield what was to be replaced and is not: only what Juju refuses to change is.

        What is as the bundle says is none of it: the same command has replaced it before.
        """
        there = self.policy.replace & self.wanted.keys() & self.live.applications.keys()
        for name in sorted(there - {*self.scope.replaced, *unchanged}):
            yield Problem(
                "Juju can change it in place, so it is not replaced",
                f"application {name}",
                f"to deploy it anew all the same, remove it first: juju remove-application {name}",
            )

    def _refusals(
        self, relations: list[ResolvedRelation], *, with_relations: bool = True
    ) -> dict[str, list[Refusal]]:
        """Return what Juju would refuse of each application that is in the model."""
        pruned = {
            relation.ends
            for relation in extra_relations(relations, self.live, self.scope)
            if is_pruned(relation, self.live, self.policy)
        }
        going = {*self.scope.removed, *self.scope.replaced}
        related: dict[str, list[LiveRelation]] = {}
        for relation in self.live.relations:
            for name in relation.applications:
                related.setdefault(name, []).append(relation)
        found: dict[str, list[Refusal]] = {}
        for name, wanted in self.wanted.items():
            present = self.live.applications.get(name)
            if present is None:
                continue
            staying = [
                relation
                for relation in (related.get(name, ()) if with_relations else ())
                if relation.ends not in pruned
                and not relation.is_going
                and not (relation.applications - {name}) & going
            ]
            listed = [*refusals(wanted, present, staying)]
            if listed:
                found[name] = listed
        return found

    def _converge(self, wanted: RequestedApplication, present: LiveApplication) -> Convergence:
        found = converge(wanted, present, self.live, self.policy)
        self._note(wanted.name, found.problems)
        self.foreign += found.foreign
        return found

    def _deploy(self, wanted: RequestedApplication) -> DeployApplication | None:
        self._note(wanted.name, deploy_problems(wanted, self.live))
        return deploy_step(wanted)

    def _uploads(
        self, steps: Iterable[DeployApplication | ApplicationChange]
    ) -> Iterator[UploadCharm]:
        users: dict[Path, list[str]] = {}
        for step in steps:
            if isinstance(step, DeployApplication | RefreshApplication):
                users.setdefault(step.charm_path, []).append(step.application)
        for path, applications in users.items():
            charm = self.charms[applications[0]]
            yield UploadCharm(
                charm=charm.name,
                revision=charm.revision,
                path=path,
                size_bytes=charm.size_bytes,
                applications=tuple(applications),
            )

    def _check_offers(self, wanted: RequestedApplication) -> None:
        self._note(
            wanted.name,
            offer_problems(wanted.application, wanted.charm, self.live.offers, self.live.users),
        )

    def _offers(self) -> Iterator[MakeOffer | GrantOffer]:
        """Yield what is missing of the offers; those of what is replaced go with it."""
        there = {
            name: offer
            for name, offer in self.live.offers.items()
            if offer.application not in self.scope.replaced
        }
        for wanted in self.wanted.values():
            yield from offer_steps(wanted.application, there)

    def _refuse_saas(self) -> None:
        """Refuse offers of other models, which are not consumed here."""
        for name in self._saas:
            self.problems.append(
                Problem(
                    "the bundle consumes an offer of another model, which is not supported",
                    f"saas {name}",
                    f"take it out in an overlay (saas: {{{name}: }}), and run juju consume and "
                    "juju integrate when everything is active",
                )
            )

    def _resolved(self) -> list[ResolvedRelation]:
        """Return the endpoints that the relations of the bundle mean."""
        resolved, problems = resolve_relations(
            (relation for relation in self.bundle.relations if not self._lacks_charm(relation)),
            self.charms,
        )
        self.problems += problems
        return resolved

    def _lacks_charm(self, relation: Relation) -> bool:
        """Whether an end has no charm, which is reported already."""
        return any(
            end.application in self._saas
            or (end.application in self.bundle.applications and end.application not in self.charms)
            for end in relation.ends
        )

    def _files_that_nobody_gives(
        self, wanted: RequestedApplication, present: LiveApplication | None
    ) -> Iterator[Problem]:
        fingerprints = present.identity.fingerprints if present is not None else None
        application: Application = wanted.application
        for resource in wanted.charm.resources.values():
            is_given = resource.name in application.resources or (fingerprints or {}).get(
                resource.name
            )
            if not resource.is_image and not is_given:
                yield Problem(
                    f"charm {wanted.charm.name} declares the file {resource.name}, and nobody "
                    "gives it: a charm that needs it stays blocked",
                    f"application {wanted.name}, resource {resource.name}",
                    f"add it to the bundle, resources: {{{resource.name}: ./FILE}}, or run "
                    f"juju attach-resource {wanted.name} {resource.name}=FILE",
                )
