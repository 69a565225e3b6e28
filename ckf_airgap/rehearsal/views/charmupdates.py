"""The newer charms in the store, as shown in the status. Pure."""

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
    """Return the URLs of newer charms, by application.

    A real controller asks the store once a day for the newest charm in each application's channel,
    and keeps its URL unless the model has that charm already, in which case it is not shown even
    for applications that run an older one. The newest of these URLs applies to all applications of
    the charm, whatever their channels. See ``charmrevisionupdater``, ``AddCharmPlaceholder`` of
    ``state/charm.go`` and ``processApplication`` of the facade ``Client``. A rehearsal asks the
    store on every request for a status.

    Args:
        applications: The applications; there are no newer versions of local charms.
        repository: The store, if there is one.
        is_known: Whether the model has the charm with a URL.
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
