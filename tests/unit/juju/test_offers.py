from __future__ import annotations

from collections.abc import Mapping

import pytest

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, Problem
from ckf_airgap.juju.applying.arguments import grant_arguments, offer_arguments
from ckf_airgap.juju.planning.differences import Difference
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.offers import GrantOffer, LiveOffer, MakeOffer, live_offers
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import (
    Expose,
    SetAnnotations,
    Step,
)
from tests.unit.juju.samples import bare, bundle, charm

PETS = charm(
    """
    name: pets
    provides: {website: {interface: http}, api: {interface: rest}}
    requires: {host: {interface: juju-info, scope: container}}
    """
)
HOSTED = charm("{name: pets, provides: {website: {interface: h}, host2: {interface: h}}}")
OFFER = "offers: {web: {endpoints: [website], acl: {admin: admin, mary: consume}}}"
THERE = LiveApplication(name="pets", charm="pets", scale=1)


def plan(fields: str, live: LiveModel | None = None, charm_: Charm = PETS) -> Plan:
    text = (
        f"bundle: kubernetes\napplications: {{pets: {{charm: ./pets.charm, scale: 1, {fields}}}}}"
    )
    return plan_deployment(bundle(text), {"pets": charm_}, live or LiveModel(name="m"))


def model(application: LiveApplication = THERE, **offers: LiveOffer) -> LiveModel:
    return LiveModel(name="m", applications={"pets": application}, offers=offers)


def offered(*endpoints: str, access: Mapping[str, str] | None = None) -> LiveOffer:
    return LiveOffer(
        application="pets", endpoints=frozenset(endpoints), access=access or {"admin": "admin"}
    )


GRANT = GrantOffer(application="pets", offer="web", user="mary", access="consume")


def test_offers_come_after_everything_else() -> None:
    steps = plan(OFFER).steps
    assert [[item.to_json() for item in step.differences] for step in plan(OFFER).offers][1] == [
        {
            "application": "pets",
            "kind": "offer",
            "name": "web, user admin",
            "old": None,
            "new": "admin",
            "reason": "",
        }
    ]
    assert [step.describe() for step in steps[-3:]] == [
        "offer website of pets as web",
        "grant admin admin access to offer web",
        "grant mary consume access to offer web",
    ]
    assert [step.to_json()["step"] for step in steps[-3:]] == [
        "offer",
        "grant-offer",
        "grant-offer",
    ]


@pytest.mark.parametrize(
    ("present", "steps"),
    [
        (offered("website", access={"admin": "admin", "mary": "admin"}), ()),
        (offered("website"), (GRANT,)),
        (offered("website", access={"admin": "admin", "mary": "read"}), (GRANT,)),
        (
            offered("website", "api", access={"admin": "admin", "mary": "consume"}),
            (MakeOffer(application="pets", offer="web", endpoints=("website",), changes=True),),
        ),
    ],
)
def test_only_what_is_missing_of_an_offer_is_done(
    present: LiveOffer, steps: tuple[Step, ...]
) -> None:
    assert bare(plan(OFFER, model(web=present)).steps) == steps


def test_both_values_of_an_offer_are_told() -> None:
    there = offered("api", "website", access={"admin": "admin", "mary": "read"})
    done = plan(OFFER.replace("[website]", "[website, host2]"), model(web=there), HOSTED)
    assert [item for step in done.offers for item in step.differences] == [
        Difference(
            application="pets",
            kind="offer",
            name="web",
            old="api, website",
            new="host2, website",
        ),
        Difference(
            application="pets", kind="offer", name="web, user mary", old="read", new="consume"
        ),
    ]
    (made, *granted) = plan(OFFER, model()).offers
    assert [(item.old, item.new) for item in made.differences] == [(None, "website")]
    assert [item.old for step in granted for item in step.differences] == [None, None]


def problems(fields: str, live: LiveModel | None = None) -> tuple[Problem, ...]:
    with pytest.raises(BundleError) as caught:
        plan(fields, live)
    return tuple(caught.value.problems)


@pytest.mark.parametrize(
    ("fields", "what", "where", "fix"),
    [
        (
            "offers: {o: {endpoints: [apis]}}",
            'charm pets has no endpoint "apis"',
            "offer o",
            "did you mean 'api'?",
        ),
        (
            "offers: {o: {endpoints: [host]}}",
            'can only offer endpoints with global scope, provided scope "container"',
            "offer o, endpoint host",
            "",
        ),
        (
            "offers: {o: {endpoints: []}}",
            "it offers no endpoint",
            "offer o",
            "write endpoints: [ENDPOINT]",
        ),
        (
            "offers: {o: {endpoints: [api], acl: {mary: write}}}",
            '"write" offer access not valid',
            "offer o, user mary",
            "write read, consume or admin",
        ),
    ],
)
def test_what_a_controller_would_refuse_of_an_offer(
    fields: str, what: str, where: str, fix: str
) -> None:
    (found,) = problems(fields)
    assert found.what == what
    assert found.where == f"application pets, {where}"
    assert found.fix.strip("() ") == fix


def test_the_endpoint_that_every_charm_has_may_be_offered() -> None:
    assert len(plan("offers: {o: {endpoints: [juju-info]}}").offers) == 1


def test_an_offer_of_that_name_of_another_application() -> None:
    present = LiveModel(name="m", offers={"web": LiveOffer(application="other")})
    assert problems(OFFER, present) == (
        Problem(
            "the model has an offer of that name of another application: other",
            "application pets, offer web",
            "remove it (juju remove-offer web), or rename the offer in the bundle",
        ),
    )


def test_a_user_whom_the_controller_does_not_have() -> None:
    assert problems(OFFER, LiveModel(name="m", users={"admin": True, "mary": False})) == (
        Problem(
            'user "mary" not found',
            "application pets, offer web",
            "add the user (juju add-user mary), or take it out of acl",
        ),
    )
    assert plan(OFFER, LiveModel(name="m", users={"admin": True, "mary": True})).offers


def test_offers_are_read_as_the_controller_lists_them() -> None:
    listed: JSONValue = [
        {
            "offer-name": "web",
            "application-name": "pets",
            "endpoints": [{"name": "website", "role": "provider"}],
            "users": [{"user": "admin", "access": "admin"}],
        }
    ]
    assert live_offers(listed) == {"web": offered("website")}
    assert live_offers(None) == {}
    named: Document = {"offer-name": "o", "application-name": "pets"}
    odd: JSONValue = {**named, "offer-name": "odd", "endpoints": [7], "users": [7]}
    nothing = LiveOffer(application="pets")
    assert live_offers([7, named, odd]) == {"o": nothing, "odd": nothing}


def test_an_offer_is_asked_for_as_juju_asks() -> None:
    step = MakeOffer(application="pets", offer="web", endpoints=("website", "api"))
    assert offer_arguments(step, "1-2", "admin") == {
        "Offers": [
            {
                "model-tag": "model-1-2",
                "application-name": "pets",
                "application-description": "",
                "endpoints": {"website": "website", "api": "api"},
                "offer-name": "web",
                "owner-tag": "user-admin",
            }
        ]
    }
    assert grant_arguments(GRANT, "admin/m") == {
        "changes": [
            {
                "user-tag": "user-mary",
                "action": "grant",
                "access": "consume",
                "offer-url": "admin/m.web",
            }
        ]
    }


EXPOSED = (
    "options: {juju-external-hostname: h}, "
    "exposed-endpoints: {website: {expose-to-cidrs: [10.0.0.0/24]}, '': {}}"
)
WANTED = {"website": ExposedEndpoint(cidrs=("10.0.0.0/24",)), "": ExposedEndpoint()}
EVERYWHERE = ExposedEndpoint(cidrs=("0.0.0.0/0", "::/0"))


def test_endpoints_are_exposed_with_the_deployment() -> None:
    (step,) = plan(EXPOSED).deploys
    assert step.expose
    assert step.exposed_endpoints == WANTED
    assert "exposed (website to 10.0.0.0/24; all endpoints to all)" in step.describe()
    assert step.to_json()["exposed-endpoints"] == {
        "website": {"expose-to-spaces": [], "expose-to-cidrs": ["10.0.0.0/24"]},
        "": {"expose-to-spaces": [], "expose-to-cidrs": []},
    }


@pytest.mark.parametrize(
    ("exposed", "endpoints", "needed"),
    [
        (True, {"website": WANTED["website"], "": EVERYWHERE}, False),
        (True, {"website": WANTED["website"], "": EVERYWHERE, "api": EVERYWHERE}, False),
        (True, {"website": EVERYWHERE, "": EVERYWHERE}, True),
        (True, {"": EVERYWHERE}, True),
        (False, {}, True),
    ],
)
def test_endpoints_are_exposed_again_where_they_differ(
    exposed: bool, endpoints: Mapping[str, ExposedEndpoint], needed: bool
) -> None:
    present = LiveApplication(
        name="pets",
        charm="pets",
        scale=1,
        exposed=exposed,
        exposed_endpoints=endpoints,
        own_options={"juju-external-hostname": "h"},
    )
    step = Expose(application="pets", endpoints=WANTED)
    assert bare(plan(EXPOSED, model(present)).steps) == ((step,) if needed else ())


def test_annotations_that_differ_are_set() -> None:
    present = LiveApplication(
        name="pets", charm="pets", scale=1, annotations={"gui-x": "1", "keep": "me", "same": "1.10"}
    )
    fields = "annotations: {gui-x: '2', same: '1.10', gone: '', new: 'on'}"
    assert bare(plan(fields, model(present)).steps) == (
        SetAnnotations(application="pets", annotations={"gui-x": "2", "new": "on"}),
    )


def test_annotations_that_are_there_need_no_step() -> None:
    present = LiveApplication(name="pets", charm="pets", scale=1, annotations={"a": "true"})
    assert plan("annotations: {a: 'true'}", model(present)).steps == ()


def test_options_that_juju_gives_every_application_are_compared() -> None:
    present = LiveApplication(
        name="pets",
        charm="pets",
        scale=1,
        own_options={
            "juju-external-hostname": "h",
            "kubernetes-service-annotations": {"a": "b", "c": "d"},
        },
    )
    fields = "options: {{juju-external-hostname: {}, kubernetes-service-annotations: a=b c=d}}"
    assert plan(fields.format("h"), model(present)).steps == ()
    (step,) = plan(fields.format("other"), model(present)).steps
    assert step.describe() == "configure pets: juju-external-hostname=other"
