from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.applicationoffers import ApplicationOffers
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.entities.crossmodel import OfferURL
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    NOT_FOUND,
    NOT_SUPPORTED,
    UNAUTHORIZED,
    ApiError,
)
from tests.unit.rehearsal.controllers import RehearsedController
from tests.unit.rehearsal.harness import Rehearsal

MYSQL = {"interface": "mysql"}


class World:
    """A model with a database, and a model with an application that wants one."""

    def __init__(self, controller: RehearsedController) -> None:
        self.controller = controller
        self.offering = controller.add_model("offering")
        self.consuming = controller.add_model("consuming")

    async def deploy(self) -> None:
        provides = {
            "db": MYSQL,
            "logs": {"interface": "syslog"},
            "in": {**MYSQL, "scope": "container"},
        }
        await self.offering.upload_and_deploy("db", provides=provides, description="A database")
        await self.consuming.upload_and_deploy("web", units=2, requires={"db": MYSQL})
        self.controller.settle()

    async def offers(self, method: str, *, user: Any = None, **params: Any) -> Any:
        return await self.controller.call(ApplicationOffers, method, params, user=user)

    async def application(
        self, method: str, on: Rehearsal, *, user: Any = None, **params: Any
    ) -> Any:
        return await self.controller.call(Application, method, params, on=on, user=user)

    async def offer(self, name: str = "mysql", **keys: Any) -> Any:
        wanted = {
            "model-tag": f"model-{self.offering.model.uuid}",
            "offer-name": name,
            "application-name": "db",
            "endpoints": {"db": "db"},
        }
        return (await self.offers("Offer", Offers=[wanted | keys]))["results"][0]

    async def consume(self, alias: str = "", *, user: Any = None) -> Any:
        urls = {"offer-urls": ["admin/offering.mysql"]}
        reply = await self.offers("GetConsumeDetails", user=user, **{"offer-urls": urls})
        (details,) = reply["results"]
        if "error" in details:
            return details
        argument = {
            **details["offer"],
            "application-alias": alias,
            "external-controller": details["external-controller"],
        }
        reply = await self.application("Consume", self.consuming, user=user, args=[argument])
        return reply["results"][0]

    async def relate(self) -> None:
        await self.offer()
        assert await self.consume() == {}
        await self.application("AddRelation", self.consuming, endpoints=["web", "mysql"])
        self.controller.settle()

    def saas(self) -> Any:
        return self.consuming.model.full_status()["remote-applications"]

    def offered(self) -> Any:
        return self.offering.model.full_status()["offers"]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(RehearsedController(tmp_path))
    await world.deploy()
    return world


async def test_an_offer_is_made_listed_and_found(world: World) -> None:
    assert await world.offer() == {}
    filters = [{"model-name": "offering", "owner-name": "admin", "offer-name": "sql"}]
    (listed,) = (await world.offers("ListApplicationOffers", Filters=filters))["results"]
    assert listed["offer-url"] == "admin/offering.mysql"
    assert listed["application-description"] == "A database"
    assert listed["charm-url"] == "local:db-0"
    assert listed["endpoints"] == [
        {"name": "db", "role": "provider", "interface": "mysql", "limit": 0}
    ]
    assert {user["user"]: user["access"] for user in listed["users"]} == {
        "admin": "admin",
        "everyone@external": "read",
    }
    (found,) = (await world.offers("FindApplicationOffers", Filters=[{}]))["results"]
    assert found["offer-uuid"] == listed["offer-uuid"]
    (offered,) = world.offered().values()
    assert (offered["charm"], offered["total-connected-count"]) == ("local:db-0", 0)
    info = await world.offers("RemoteApplicationInfo", **{"offer-urls": ["admin/offering.mysql"]})
    assert info["results"][0]["result"]["source-model-label"] == "offering"


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({"application-name": "db"}, True),
        ({"application-name": "d"}, False),
        ({"application-description": "data"}, True),
        ({"application-description": "queue"}, False),
        ({"endpoints": [{"interface": "mysql", "role": "provider", "name": ""}]}, True),
        ({"endpoints": [{"interface": "pgsql", "role": "", "name": ""}]}, False),
        ({"connected-users": ["user-admin"]}, False),
        ({"allowed-users": ["user-admin"]}, True),
        ({"allowed-users": ["user-bob"]}, False),
        ({"offer-name": "("}, False),
    ],
)
async def test_filters(world: World, wanted: Any, matches: bool) -> None:
    await world.offer()
    filters = [{"model-name": "offering", **wanted}]
    found = (await world.offers("ListApplicationOffers", Filters=filters))["results"]
    assert bool(found) == matches


async def test_filters_must_name_a_model_that_is_there(world: World) -> None:
    for filters, message in (
        ([], "at least one offer filter is required"),
        ([{}, {}], "application offer filter must specify a model name"),
        ([{"model-name": "gone"}], 'model "admin/gone" not found'),
    ):
        with pytest.raises(ApiError) as refused:
            await world.offers("FindApplicationOffers", Filters=filters)
        assert refused.value.message == message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"application-name": "x"}, 'getting offered application x: application "x" not found'),
        (
            {"endpoints": {"x": "x"}},
            (
                'cannot add application offer "mysql": getting relation endpoint for relation "x" '
                'and application "db": application "db" has no "x" relation'
            ),
        ),
        (
            {"endpoints": {"in": "in"}},
            (
                'cannot add application offer "mysql": can only offer endpoints with global '
                'scope, provided scope "container"'
            ),
        ),
        ({"offer-name": "X"}, 'cannot add application offer "X": offer name "X" not valid'),
    ],
)
async def test_what_cannot_be_offered(world: World, keys: Any, message: str) -> None:
    assert (await world.offer(**keys))["error"]["message"] == message


async def test_one_offer_at_a_time_and_by_administrators(world: World) -> None:
    with pytest.raises(ApiError, match="expected exactly one offer, got 0"):
        await world.offers("Offer", Offers=[])
    bob = world.controller.add_user("bob")
    wanted = {"model-tag": f"model-{world.offering.model.uuid}", "application-name": "db"}
    (refused,) = (await world.offers("Offer", user=bob, Offers=[wanted]))["results"]
    assert refused["error"]["code"] == UNAUTHORIZED


async def test_models_are_related_through_an_offer(world: World) -> None:
    await world.relate()
    assert world.saas()["mysql"]["offer-url"] == "admin/offering.mysql"
    assert world.saas()["mysql"]["status"]["status"] == "active"
    assert world.saas()["mysql"]["relations"] == {"db": ["web"]}
    status: Any = world.consuming.model.full_status()
    (relation,) = status["relations"]
    assert relation["key"] == "web:db mysql:db"
    assert relation["status"]["status"] == "joined"
    assert world.offered()["mysql"]["active-connected-count"] == 1
    assert world.offering.model.full_status()["relations"] == []
    (half,) = world.offering.model.relations
    assert len([name for name in half.in_scope if name.startswith("remote-")]) == 2
    (listed,) = (await world.offers("ListApplicationOffers", Filters=[{"model-name": "offering"}]))[
        "results"
    ]
    (connection,) = listed["connections"]
    assert connection["username"] == "admin"
    assert connection["source-model-tag"] == f"model-{world.consuming.model.uuid}"
    entities = [{"tag": "unit-web-0"}]
    units = await world.application("UnitsInfo", world.consuming, entities=entities)
    (data,) = units["results"][0]["result"]["relation-data"]
    assert data["cross-model"] is True
    assert data["unit-relation-data"] == {"mysql/0": {"InScope": True, "UnitData": {}}}


async def test_watchers_see_offers_and_consumed_applications(world: World) -> None:
    watchers = {side: getattr(world, side).model.watch() for side in ("offering", "consuming")}
    for watcher in watchers.values():
        await watcher.next()
    await world.relate()
    deltas: list[Any] = [delta for watcher in watchers.values() for delta in await watcher.next()]
    by_kind: Any = {delta[0]: delta[2] for delta in deltas}
    assert by_kind["applicationOffer"]["active-connected-count"] == 1
    assert by_kind["applicationOffer"]["charm-name"] == "db"
    assert by_kind["remoteApplication"]["offer-url"] == "admin/offering.mysql"
    assert by_kind["remoteApplication"]["status"]["current"] == "active"
    fresh: Any = await world.consuming.model.watch().next()
    assert "remoteApplication" in {delta[0] for delta in fresh}
    topology = world.consuming.model.topology
    topology.remove_remote(topology.remotes["mysql"])
    world.controller.settle()
    seen: Any = await watchers["consuming"].next()
    last = [delta for delta in seen if delta[0] == "remoteApplication"]
    assert last[-1][1] == "remove"


async def test_units_that_come_and_go_are_seen_on_the_other_side(world: World) -> None:
    await world.relate()
    (half,) = world.offering.model.relations
    web = world.consuming.model.applications["web"]
    world.consuming.model.topology.scale(web, 3)
    world.controller.settle()
    assert sum(name.startswith("remote-") for name in half.in_scope) == 3
    world.consuming.model.topology.scale(web, 1)
    world.controller.settle()
    assert sum(name.startswith("remote-") for name in half.in_scope) == 1


async def test_a_relation_ends_on_both_sides(world: World) -> None:
    await world.relate()
    await world.application("DestroyRelation", world.consuming, endpoints=["web", "mysql"])
    world.controller.settle()
    for side in (world.offering, world.consuming):
        assert side.model.relations == ()
    assert not world.offering.model.topology.remotes
    assert world.offered()["mysql"]["total-connected-count"] == 0
    application = {"application-tag": "application-mysql"}
    reply = await world.application(
        "DestroyConsumedApplications", world.consuming, applications=[application]
    )
    assert reply["results"] == [{}]
    assert world.saas() == {}
    reply = await world.application(
        "DestroyConsumedApplications", world.consuming, applications=[application]
    )
    assert reply["results"][0]["error"]["message"] == 'saas application "mysql" not found'


async def test_a_forced_removal_ends_the_other_half_too(world: World) -> None:
    await world.relate()
    await world.application(
        "DestroyRelation", world.consuming, endpoints=["web", "mysql"], force=True
    )
    world.controller.settle()
    assert world.offering.model.relations == ()


async def test_offers_in_use_are_kept_unless_forced(world: World) -> None:
    await world.relate()
    urls = {"offer-urls": ["admin/offering.mysql"]}
    (refused,) = (await world.offers("DestroyOffers", **urls))["results"]
    assert refused["error"]["message"] == (
        'cannot delete application offer "mysql": offer has 1 relation'
    )
    application = {"application-tag": "application-db"}
    reply = await world.application(
        "DestroyApplication", world.offering, applications=[application]
    )
    assert reply["results"][0]["error"]["message"] == (
        'cannot destroy application "db": application is used by 1 offer'
    )
    changed = await world.offer(endpoints={"logs": "logs"})
    assert "which has active consumers" in changed["error"]["message"]
    assert (await world.offers("DestroyOffers", force=True, **urls))["results"] == [{}]
    world.controller.settle()
    assert world.offered() == {}
    assert world.saas()["mysql"]["status"]["info"] == "offer has been removed"
    with pytest.raises(ApiError, match="remote offer mysql is terminated"):
        await world.application("AddRelation", world.consuming, endpoints=["web", "mysql"])
    await world.offer()
    assert await world.consume() == {}
    assert world.saas()["mysql"]["status"]["status"] == "active"
    assert (await world.offers("DestroyOffers", **{"offer-urls": ["admin/offering.x"]})) == {
        "results": [{}]
    }


async def test_an_unused_offer_goes_with_its_application(world: World) -> None:
    await world.offer()
    await world.consume()
    application = {"application-tag": "application-db"}
    await world.application("DestroyApplication", world.offering, applications=[application])
    world.controller.settle()
    assert world.offered() == {}
    assert world.saas()["mysql"]["status"]["status"] == "terminated"


async def test_a_model_goes_with_its_relations_to_others(world: World) -> None:
    await world.relate()
    world.controller.state.destroy_model(world.consuming.model)
    world.controller.settle()
    assert world.consuming.model.life == "dead"
    assert world.offering.model.relations == ()
    assert world.offered()["mysql"]["total-connected-count"] == 0


async def test_relations_are_suspended_and_taken_up_again(world: World) -> None:
    await world.relate()
    (half,) = world.offering.model.relations

    async def suspend(number: int, suspended: bool, model: Rehearsal) -> Any:
        args = [{"relation-id": number, "suspended": suspended, "message": "hold"}]
        reply = await world.application("SetRelationsSuspended", model, args=args)
        world.controller.settle()
        return reply["results"][0]

    assert await suspend(half.id, True, world.offering) == {}
    (relation,) = world.consuming.model.relations
    assert (relation.status.current, relation.status.message) == ("suspended", "hold")
    assert not relation.in_scope
    assert await suspend(half.id, False, world.offering) == {}
    assert (relation.status.current, relation.status.message) == ("joined", "")
    refused = await suspend(relation.id, True, world.consuming)
    assert "which is not associated with an offer" in refused["error"]["message"]
    missing = await suspend(99, True, world.offering)
    assert missing["error"]["code"] == NOT_FOUND


async def test_access_is_granted_and_revoked(world: World) -> None:
    await world.offer()
    bob = world.controller.add_user("bob")
    world.controller.state.users.change_model_access(
        "bob", model_uuid=world.consuming.model.uuid, action="grant", access="admin"
    )

    async def modify(action: str, access: str, target: str = "bob", **keys: Any) -> str:
        change = {
            "user-tag": f"user-{target}",
            "action": action,
            "access": access,
            "offer-url": "admin/offering.mysql",
        }
        reply = await world.offers("ModifyOfferAccess", changes=[change], **keys)
        message: str = reply["results"][0].get("error", {}).get("message", "")
        return message

    assert (await world.consume(user=bob))["error"]["code"] == UNAUTHORIZED
    assert await modify("grant", "consume") == ""
    assert await modify("grant", "read") == 'user already has "read" access or greater'
    assert await world.consume(user=bob) == {}
    await world.application("AddRelation", world.consuming, user=bob, endpoints=["web", "mysql"])
    world.controller.settle()
    assert await modify("revoke", "consume") == ""
    world.controller.settle()
    (relation,) = world.consuming.model.relations
    assert relation.status.current == "suspended"
    assert await modify("revoke", "read") == ""
    assert await modify("revoke", "read") == (
        'could not revoke offer access: offer user "bob" not found'
    )
    assert await modify("grant", "write") == (
        'could not modify offer access: "write" offer access not valid'
    )
    assert "does not exist locally" in await modify("grant", "read", target="eve")
    assert await modify("lend", "read") == 'unknown action "lend"'
    assert await modify("grant", "admin", user=bob) == "permission denied"


async def test_consuming_is_checked(world: World) -> None:
    await world.offer()
    assert (await world.consume("web"))["error"]["code"] == ALREADY_EXISTS
    assert await world.consume("mine") == {}
    assert await world.consume("mine") == {}
    other = world.controller.add_model("other")
    arguments = [
        {"source-model-tag": f"model-{other.model.uuid}", "offer-name": "mine"},
        {
            "source-model-tag": f"model-{other.model.uuid}",
            "offer-name": "gone",
            "offer-url": "a/b.c",
        },
        {
            "source-model-tag": f"model-{other.model.uuid}",
            "offer-name": "far",
            "external-controller": {"controller-tag": "controller-x"},
        },
    ]
    results = (await world.application("Consume", world.consuming, args=arguments))["results"]
    assert "from a different model" in results[0]["error"]["message"]
    assert "the offer a/b.c is gone" in results[1]["error"]["message"]
    assert results[2]["error"]["code"] == NOT_SUPPORTED


async def test_urls_of_offers_are_checked(world: World) -> None:
    await world.offer()
    urls = [
        "admin/offering.mysql",
        "offering.mysql:db",
        "far:admin/offering.mysql",
        "admin/offering.x",
    ]
    results = (await world.offers("ApplicationOffers", **{"offer-urls": urls}))["results"]
    assert results[0]["result"]["offer-name"] == "mysql"
    assert [result["error"]["message"] for result in results[1:]] == [
        'saas application "offering.mysql:db" shouldn\'t include endpoint',
        "query for non-local application offers not supported",
        'application offer "admin/offering.x" not found',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "has invalid form"),
        ("a/b/c.d", "has invalid form"),
        ("admin/.x", "is missing model"),
        ("admin/model.", "is missing application"),
        ("admin/Model.x", 'model name "Model" not valid'),
        ("admin/model.X", 'application name "X" not valid'),
    ],
)
def test_texts_that_are_no_url_of_an_offer(text: str, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        OfferURL.parse(text)


async def test_exported_bundles_hold_offers_and_saas(world: World) -> None:
    await world.relate()
    exported = {
        side: (await world.controller.call(Bundle, "ExportBundle", {}, on=getattr(world, side)))
        for side in ("offering", "consuming")
    }
    assert "remote-" not in exported["offering"]["result"]
    assert "acl:\n          admin: admin" in exported["offering"]["result"]
    assert "saas:\n  mysql:\n    url: admin/offering.mysql" in exported["consuming"]["result"]
    assert "- - web:db\n  - mysql:db" in exported["consuming"]["result"]
