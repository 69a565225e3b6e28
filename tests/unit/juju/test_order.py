"""Providers are refreshed before those that require something of them."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.juju.planning.order import refresh_groups


def test_providers_come_before_their_requirers() -> None:
    relations = [("api", "db"), ("ui", "api"), ("ui", "store")]
    assert refresh_groups(["ui", "api", "db", "store"], relations) == (
        ("db", "store"),
        ("api",),
        ("ui",),
    )


def test_a_cycle_is_one_group_and_what_depends_on_it_comes_later() -> None:
    relations = [("dex", "oidc"), ("oidc", "dex"), ("oidc", "istio"), ("ui", "dex")]
    assert refresh_groups(["ui", "dex", "oidc", "istio"], relations) == (
        ("istio",),
        ("dex", "oidc"),
        ("ui",),
    )


def test_what_is_not_refreshed_passes_the_order_on_and_is_left_out() -> None:
    assert refresh_groups(["ui", "db"], [("ui", "api"), ("api", "db")]) == (("db",), ("ui",))


def test_those_of_the_facts_come_first_one_by_one_in_their_order() -> None:
    relations = [("b", "a"), ("d", "c")]
    assert refresh_groups(["a", "b", "c", "d"], relations, ["d", "x", "b", "d"]) == (
        ("d",),
        ("b",),
        ("a", "c"),
    )


def test_nothing_to_refresh_is_no_group() -> None:
    assert refresh_groups([], [("a", "b")]) == ()
    assert refresh_groups(["a"], []) == (("a",),)


def test_a_chain_of_hundreds_is_no_problem() -> None:
    names = [f"a{number:04}" for number in range(3000)]
    relations = list(pairwise(names))
    assert refresh_groups(names, relations) == tuple((name,) for name in reversed(names))


NAMES = "abcdef"


@given(
    st.sets(st.sampled_from(NAMES)),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))),
)
def test_each_is_in_one_group_and_no_requirer_before_its_provider(
    names: set[str], relations: list[tuple[str, str]]
) -> None:
    groups = refresh_groups(names, relations)
    assert sorted(name for group in groups for name in group) == sorted(names)
    place = {name: number for number, group in enumerate(groups) for name in group}
    needs = {(left, right) for left, right in relations}
    for middle, left, right in product(NAMES, NAMES, NAMES):  # the transitive closure
        if (left, middle) in needs and (middle, right) in needs:
            needs.add((left, right))
    for left, right in product(names, names):
        if left == right or (left, right) not in needs:
            continue
        if (right, left) in needs:
            assert place[left] == place[right]
        else:
            assert place[left] > place[right]
