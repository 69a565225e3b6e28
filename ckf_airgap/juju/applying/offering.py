"""Offers of applications to other models, which are made on the controller's own connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ckf_airgap.juju.applying.arguments import grant_arguments, offer_arguments
from ckf_airgap.juju.applying.tally import Tally
from ckf_airgap.juju.controller.api import Api, CallRefusedError
from ckf_airgap.juju.controller.connection import Session
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer


async def make_offers(
    session: Session,
    offers: Sequence[MakeOffer | GrantOffer],
    tally: Tally,
    lost: Collection[str] = (),
) -> None:
    """Make the offers of a plan, and grant what it says of them.

    Args:
        session: The model.
        offers: What to do, in order.
        tally: Is told of each.
        lost: Applications that are not there; their offers are skipped.

    Raises:
        ControllerError: when the controller can no longer be used.
    """
    if not offers:
        return
    refused: set[str] = set()
    async with session.controller_api() as api:
        for step in offers:
            if step.application in lost or step.offer in refused:
                missing = step.application if step.application in lost else step.offer
                tally.skip(step, f"{missing} is not there")
                continue
            tally.begin(step)
            try:
                await _offer(session, api, step)
            except CallRefusedError as exc:
                if isinstance(step, MakeOffer):
                    refused.add(step.offer)
                tally.fail(step, exc)
            else:
                tally.succeed(
                    step,
                    f"{step.access} access to {step.offer}" if isinstance(step, GrantOffer) else "",
                )


async def _offer(session: Session, api: Api, step: MakeOffer | GrantOffer) -> None:
    if isinstance(step, MakeOffer):
        arguments = offer_arguments(step, session.uuid, session.controller.user)
        await api.call("ApplicationOffers", "Offer", arguments)
        return
    arguments = grant_arguments(step, session.entry.qualified_name)
    try:
        await api.call("ApplicationOffers", "ModifyOfferAccess", arguments)
    except CallRefusedError as exc:
        if "user already has" not in exc.message:  # the owner of a new offer, for one
            raise
