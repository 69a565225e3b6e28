from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.rehearsal.entities.relations import RelatedApplication, infer_sides, relation_key
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError


def application(name: str, *endpoints: Endpoint, subordinate: bool = False) -> RelatedApplication:
    return RelatedApplication(
        name=name, endpoints={ep.name: ep for ep in endpoints}, subordinate=subordinate
    )


def requires(name: str, interface: str = "http", scope: str = "global") -> Endpoint:
    return Endpoint(name=name, role="requirer", interface=interface, scope=scope)  # type: ignore[arg-type]


def provides(name: str, interface: str = "http", scope: str = "global") -> Endpoint:
    return Endpoint(name=name, role="provider", interface=interface, scope=scope)  # type: ignore[arg-type]


def infer(names: list[str], *applications: RelatedApplication) -> str:
    return relation_key(infer_sides(names, {app.name: app for app in applications}))


@pytest.mark.parametrize(
    "names",
    [["web", "proxy"], ["proxy", "web"], ["web:backend", "proxy"], ["proxy:http", "web:backend"]],
)
def test_key_has_the_requirer_first_whatever_the_order_of_the_names(names: list[str]) -> None:
    web, proxy = application("web", requires("backend")), application("proxy", provides("http"))
    assert infer(names, web, proxy) == "web:backend proxy:http"


def test_peer_relation_is_meant_by_one_name() -> None:
    db = application("db", Endpoint(name="cluster", role="peer", interface="raft"))
    assert infer(["db"], db) == "db:cluster"


@pytest.mark.parametrize(
    ("names", "message", "code"),
    [
        (["web", "nobody"], 'application "nobody" not found', NOT_FOUND),
        (["web:nothing", "proxy"], 'application "web" has no "nothing" relation', ""),
        (["web:", "proxy"], 'invalid endpoint "web:"', ""),
        ([":x", "proxy"], 'invalid endpoint ":x"', ""),
        (["web", "db"], "no relations found", ""),
        (["web:backend", "web:backend"], "no relations found", ""),
        (["web:backend", "db:files"], "no relations found", ""),
        ([], "cannot relate 0 endpoints", ""),
        (["web", "proxy", "db"], "cannot relate 3 endpoints", ""),
        (
            ["twice", "proxy"],
            (
                'ambiguous relation: "twice proxy" could refer to '
                '"twice:one proxy:http"; "twice:two proxy:http"'
            ),
            "",
        ),
    ],
)
def test_what_cannot_be_inferred_is_refused(names: list[str], message: str, code: str) -> None:
    known = (
        application("web", requires("backend")),
        application("proxy", provides("http")),
        application("db", provides("files", "nfs")),
        application("twice", requires("two"), requires("one")),
    )
    with pytest.raises(ApiError) as caught:
        infer(names, *known)
    assert (caught.value.message, caught.value.code) == (message, code)


def test_every_charm_provides_juju_info() -> None:
    monitor = application("monitor", requires("host", "juju-info"))
    assert infer(["monitor", "web"], monitor, application("web")) == "monitor:host web:juju-info"


def test_the_implicit_endpoint_yields_to_a_declared_one() -> None:
    monitor = application("monitor", requires("host", "juju-info"), requires("scrape", "metrics"))
    web = application("web", provides("metrics", "metrics"))
    assert infer(["monitor", "web"], monitor, web) == "monitor:scrape web:metrics"


def test_container_scope_needs_a_subordinate() -> None:
    web = application("web", provides("logs", "logs", "container"))
    with pytest.raises(ApiError, match="no relations found"):
        infer(["web", "agent"], web, application("agent", requires("in", "logs")))
    agent = application("agent", requires("in", "logs"), subordinate=True)
    assert infer(["web", "agent"], web, agent) == "agent:in web:logs"


names = st.sampled_from(["a", "b", "c"])
endpoints = st.builds(
    Endpoint,
    name=st.sampled_from(["x", "y", "z"]),
    role=st.sampled_from(["provider", "requirer", "peer"]),
    interface=st.sampled_from(["http", "sql"]),
    scope=st.sampled_from(["global", "container"]),
)
models = st.dictionaries(
    names, st.lists(endpoints, max_size=4, unique_by=lambda ep: ep.name), min_size=2, max_size=3
)


@given(models, names, names)
def test_inference_does_not_depend_on_the_order_of_names(
    declared: dict[str, list[Endpoint]], left: str, right: str
) -> None:
    known = {name: application(name, *found) for name, found in declared.items()}

    def outcome(asked: list[str]) -> str:
        try:
            sides = infer_sides(asked, known)
        except ApiError as error:
            return error.message.partition(":")[0]
        assert [side.endpoint.role for side in sides] == ["requirer", "provider"]
        assert len({side.endpoint.interface for side in sides}) == 1
        return relation_key(sides)

    if left in known and right in known:
        assert outcome([left, right]) == outcome([right, left])
