"""Which newer charms the store has, as a status tells of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.repository import CharmRepository, Wanted
from ckf_airgap.rehearsal.wire import ApiError


def charm_updates(
    applications: Iterable[Application],
    repository: CharmRepository | None,
    *,
    is_known: Callable[[str], bool],
) -> dict[str, str]:
    """Return the URL of a newer charm, by application, where there is one.

    A real controller asks the store once a day for the newest charm of each application's channel,
    and keeps its URL unless the model has that charm already: then nothing is told of it, not even
    where an older one runs. The newest of these URLs counts for all applications of the charm,
    whatever their channels. So do ``charmrevisionupdater``, ``AddCharmPlaceholder`` of
    ``state/charm.go`` and ``processApplication`` of the facade ``Client``. A rehearsal asks
    whenever a status is asked for.

    Args:
        applications: The applications; those of local charms have no newer one.
        repository: The store, if there is one.
        is_known: Whether the model has the charm of a URL.
    """
    if repository is None:
        return {}
    from_store = [one for one in applications if one.stored.is_from_store]
    newest: dict[str, CharmURL] = {}
    for application in from_store:
        url = application.stored.url
        wanted = Wanted.from_origin(url.name, application.origin, architecture=url.series)
        try:
            found = repository.resolve(wanted).url
        except ApiError:
            continue
        known = newest.get(found.base)
        if not is_known(str(found)) and (known is None or known.revision < found.revision):
            newest[found.base] = found
    return {
        application.name: str(latest)
        for application in from_store
        if (latest := newest.get(application.stored.url.base)) is not None
        and latest.revision > application.stored.url.revision
    }
