from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rehearsal.wire import Client, Wire


@pytest.fixture
async def admin(client: Client) -> Wire:
    wire = await client.controller()
    user = {"username": "eve", "password": "apple", "display-name": "Eve"}
    await wire.ask("UserManager", "AddUser", {"users": [user]}, version=3)
    return wire


@pytest.fixture
async def eve(client: Client, admin: Wire) -> Wire:
    wire = await client.dial()
    assert "error" not in await wire.login("eve", "apple")
    return wire


async def test_the_controllers_settings_are_read_and_changed(admin: Wire) -> None:
    async def config() -> Any:
        return (await admin.ask("Controller", "ControllerConfig", version=12))["config"]

    before = await config()
    assert (before["auditing-enabled"], before["max-debug-log-duration"]) == (True, "24h0m0s")
    changes = {
        "audit-log-max-backups": "5",
        "max-debug-log-duration": "90m",
        "features": "[a, b]",
        "public-dns-address": "x.example",
    }
    await admin.ask("Controller", "ConfigSet", {"config": changes}, version=12)
    assert await config() == {
        **before,
        "audit-log-max-backups": 5,
        "max-debug-log-duration": "1h30m0s",
        "features": ["a", "b"],
        "public-dns-address": "x.example",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"api-port": 1}, 'can\'t change "api-port" after bootstrap'),
        ({"made-up": 1}, 'unknown controller config setting "made-up"'),
        ({"auditing-enabled": "maybe"}, 'auditing-enabled: expected bool, got string("maybe")'),
        (
            {"prune-txn-sleep-time": "x"},
            'prune-txn-sleep-time: conversion to duration: time: invalid duration "x"',
        ),
        ({"max-debug-log-duration": "0s"}, "max-debug-log-duration cannot be zero"),
        (
            {"model-logs-size": "abc"},
            'invalid model logs size in configuration: expected a non-negative number, got "abc"',
        ),
        ({"agent-logfile-max-size": "0"}, "agent-logfile-max-size less than 1 MB not valid"),
        ({"agent-ratelimit-rate": "2m"}, "agent-ratelimit-rate must be between 0..1m"),
        (
            {"audit-log-exclude-methods": "[nodot]"},
            (
                'invalid audit log exclude methods: should be a list of "Facade.Method" names '
                '(or "ReadOnlyMethods"), got "nodot" at position 1'
            ),
        ),
        (
            {"audit-log-max-size": "0"},
            "invalid audit log max size: can't be 0 if auditing is enabled",
        ),
        (
            {"mongo-memory-profile": "high"},
            'mongo-memory-profile: expected one of "low" or "default" got string("high")',
        ),
        ({"controller-api-port": 37017}, "controller-api-port matching state-port not valid"),
        (
            {"max-charm-state-size": 16777216},
            (
                "invalid max charm/agent state sizes: combined value should not exceed mongo's 16M "
                "per-document limit, got 17301504"
            ),
        ),
        (
            {"caas-image-repo": "x"},
            "cannot change caas-image-repo as it is not currently set",
        ),
        (
            {"juju-mgmt-space": "x"},
            'invalid config "juju-mgmt-space"="x": space "x" not found',
        ),
    ],
)
async def test_a_setting_of_the_controller_that_cannot_be_is_refused(
    admin: Wire, change: dict[str, Any], message: str
) -> None:
    params = {"config": {"audit-log-capture-args": True, **change}}
    answer = await admin.call("Controller", "ConfigSet", params, version=12)
    assert answer["error"] == message
    reply = await admin.ask("Controller", "ControllerConfig", version=12)
    assert reply["config"]["audit-log-capture-args"] is False


async def test_the_controller_is_not_a_clients_to_end(admin: Wire, eve: Wire) -> None:
    for method in ("CloudSpec", "DestroyController"):
        answer = await admin.call("Controller", method, version=12)
        assert (answer["error"], answer["error-code"]) == (
            "this controller is a rehearsal; stop the process that runs it",
            "not supported",
        )
    for method in ("ConfigSet", "MongoVersion", "DestroyController"):
        answer = await eve.call("Controller", method, version=12)
        assert answer["error"] == "permission denied"


async def test_the_controllers_model_tells_its_settings_to_older_clients(admin: Wire) -> None:
    reply = await admin.ask("Controller", "ModelConfig", version=11)
    assert reply["config"]["name"]["value"] == "controller"
    answer = await admin.call("Controller", "ModelConfig", version=12)
    assert answer["error-code"] == "not supported"
