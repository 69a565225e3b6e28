"""What a plan removes: applications that are replaced, and what the bundle does not have. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.juju.planning.differences import Difference, Foreign
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation
from ckf_airgap.juju.planning.steps import RemoveApplication, RemoveRelation

NOT_IN_BUNDLE: Final = "the bundle does not have it"


def lost_with(
    application: LiveApplication, live: LiveModel, kept: Collection[frozenset[str]] = ()
) -> tuple[str, ...]:
    """Return what is lost or detached when an application is removed, in words.

    Args:
        application: The application.
        live: The model.
        kept: The ends of the relations that are made again afterwards.
    """
    storage = [
        f"storage {name} (detached, and not attached again)" for name in application.storage_ids
    ]
    relations = [
        f"relation {relation} (not made again)"
        for relation in live.relations
        if application.name in relation.applications
        and relation.provider
        and relation.ends not in kept
    ]
    offers = [
        f"offer {name} (with the relations of other models to it)"
        for name, offer in live.offers.items()
        if offer.application == application.name
    ]
    return (*storage, *relations, *offers)


def removal(application: LiveApplication, lost: tuple[str, ...]) -> RemoveApplication:
    """Return the step that removes an application for good."""
    return RemoveApplication(
        application=application.name,
        lost=lost,
        differences=(_removed(application, NOT_IN_BUNDLE),),
    )


def replacement(
    application: LiveApplication, lost: tuple[str, ...], reasons: Iterable[str]
) -> RemoveApplication:
    """Return the step that removes an application to deploy it again.

    Args:
        application: The application.
        lost: What is lost or detached.
        reasons: Why it cannot be changed in place.
    """
    return RemoveApplication(
        application=application.name,
        deploys_again=True,
        lost=lost,
        differences=(_removed(application, "; ".join(reasons)),),
    )


def foreign_application(application: LiveApplication) -> Foreign:
    """Return an application that the bundle does not have."""
    return Foreign(
        application=application.name,
        kind="application",
        value=application.identity.charm_url or application.charm,
        fix="remove it with --prune",
    )


def foreign_relation(relation: LiveRelation, live: LiveModel) -> Foreign:
    """Return a relation that the bundle does not have."""
    return Foreign(
        application=_end(relation.requirer).application,
        kind="relation",
        name=str(relation),
        value=relation.interface or None,
        fix=f"remove it: juju remove-relation {relation}"
        if crosses_models(relation, live)
        else "remove it with --prune",
    )


def crosses_models(relation: LiveRelation, live: LiveModel) -> bool:
    """Whether a relation is with an application of another model."""
    return not relation.applications <= live.applications.keys()


def relation_removals(relations: Iterable[LiveRelation]) -> Iterator[RemoveRelation]:
    """Yield the steps that remove relations."""
    for relation in relations:
        requirer, provider = (_end(end) for end in (relation.requirer, relation.provider))
        yield RemoveRelation(
            requirer=requirer,
            provider=provider,
            differences=(
                Difference(
                    application=requirer.application,
                    kind="relation",
                    name=str(relation),
                    old=str(relation),
                    reason=NOT_IN_BUNDLE,
                ),
            ),
        )


def _end(text: str) -> EndpointRef:
    application, _, endpoint = text.partition(":")
    return EndpointRef(application, endpoint or None)


def _removed(application: LiveApplication, reason: str) -> Difference:
    return Difference(
        application=application.name,
        kind="application",
        old=application.identity.charm_url or application.charm,
        reason=reason,
    )
