"""The order in which applications are refreshed: who provides before who requires. Pure.

A charm that requires something is written against what the provider of its own release says on
the relation, so the provider is refreshed first. Applications that require something of each other,
directly or through others, are refreshed together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence


def refresh_groups(
    applications: Collection[str],
    relations: Iterable[tuple[str, str]],
    first: Sequence[str] = (),
) -> tuple[tuple[str, ...], ...]:
    """Return applications in groups; each group is refreshed when those before it are ready.

    Args:
        applications: Those that are refreshed.
        relations: The requirer and the provider of each relation, also of applications that are
            not refreshed: what they pass on counts.
        first: Applications that are refreshed before all others, one after the other, where they
            are refreshed at all.

    Returns:
        Groups of names in alphabetical order; each application is in one of them.
    """
    ahead = [name for name in dict.fromkeys(first) if name in applications]
    providers = _providers(applications, relations)
    circles = _circles(providers)
    levels: dict[int, int] = {}
    circle_of = {name: number for number, circle in enumerate(circles) for name in circle}
    for number, circle in enumerate(circles):  # those that it depends on come before it
        below = {circle_of[provider] for name in circle for provider in providers[name]}
        levels[number] = max((levels[other] + 1 for other in below - {number}), default=0)
    groups: dict[int, list[str]] = {}
    for number, circle in enumerate(circles):
        groups.setdefault(levels[number], []).extend(
            name for name in circle if name in applications and name not in ahead
        )
    found = [tuple(sorted(groups[level])) for level in sorted(groups)]
    return (*((name,) for name in ahead), *(group for group in found if group))


def _providers(
    applications: Iterable[str], relations: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Return the providers of each application, in alphabetical order."""
    found: dict[str, set[str]] = {name: set() for name in applications}
    for requirer, provider in relations:
        found.setdefault(requirer, set()).add(provider)
        found.setdefault(provider, set())
    return {name: sorted(found[name]) for name in sorted(found)}


def _circles(providers: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the strongly connected components, each after those that it depends on.

    Tarjan's algorithm, without recursion: a bundle may chain hundreds of applications.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[list[str]] = []
    for root in providers:
        if root in index:
            continue
        work = [(root, iter(providers[root]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            name, rest = work[-1]
            provider = next(rest, None)
            if provider is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    circle = path[path.index(name) :]
                    del path[path.index(name) :]
                    on_path.difference_update(circle)
                    found.append(circle)
            elif provider not in index:
                index[provider] = low[provider] = len(index)
                path.append(provider)
                on_path.add(provider)
                work.append((provider, iter(providers[provider])))
            elif provider in on_path:
                low[name] = min(low[name], index[provider])
    return found
