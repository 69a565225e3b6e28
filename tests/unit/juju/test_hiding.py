"""What of a value nobody is shown."""

from __future__ import annotations

import json

import pytest
import yaml

from ckf_airgap.documents import JSONValue
from ckf_airgap.juju.planning.differences import Difference, Foreign
from ckf_airgap.juju.planning.hiding import masked

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("name", ["static-password", "client_secret", "api-key", "oidcToken"])
def test_a_value_with_the_name_of_a_secret_is_hidden_whole(name: str) -> None:
    assert masked(name, "hunter2") == "(hidden)"
    assert masked(name, {"a": 1}) == "(hidden)"
    assert masked(name, None) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("user: ann\npassword: hunter2\n", "user: ann\npassword: (hidden)\n"),
        ("clientSecret: 'hunter2 # x'\nb: 1", "clientSecret: '(hidden)'\nb: 1"),
        (
            '{"user": "ann", "token": "hunter2", "b": 1}',
            '{"user": "ann", "token": "(hidden)", "b": 1}',
        ),
        ('{"token": "hun\\"ter2"}', '{"token": "(hidden)"}'),
        ("[{secret: hunter2, b: 1}]", "[{secret: (hidden)"),
        ("secret: a, b # c\nd: e, f", "secret: (hidden)\nd: e, f"),
        ('{"token": 12, "b": 2}', '{"token": (hidden), "b": 2}'),
        ('{"token": X12, "b": 2}', '{"token": (hidden), "b": 2}'),
        ("password: Xray", "password: (hidden)"),
        ("password: XtrueX", "password: (hidden)"),
        ("AWS_SECRET_KEY=hunter2", "AWS_SECRET_KEY=(hidden)"),
        ("db: mysql://ann:hunter2@db:3306/x", "db: mysql://(hidden)@db:3306/x"),
        (f"key: |\n  a\n{KEY}\nb", "key: |\n  a\n(hidden)\nb"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2", "(hidden)"),
        ("password: |\n  hunter2\n", "(hidden)"),
        ("password: >-\n  hunter2\n", "(hidden)"),
    ],
)
def test_secrets_in_a_text_are_hidden(text: str, shown: str) -> None:
    assert masked("config", text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oidc-token-image: r/token:1",
        "insecure-skip-token: true",
        '{"token": null}',
        "secret:",
        "a secret place",
        "http://r:5000/x@sha256",
        "r.example:5000/secrets/x:1",
        "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert masked("config", text) == text


def test_a_hidden_document_is_read_as_before_but_for_the_secrets() -> None:
    document: JSONValue = {
        "issuer": "https://x",
        "config": {"clientID": "a", "clientSecret": "b, c: d"},
    }
    hidden = {"issuer": "https://x", "config": {"clientID": "a", "clientSecret": "(hidden)"}}
    assert json.loads(str(masked("connectors", json.dumps(document)))) == hidden
    assert masked("connectors", document) == hidden
    assert yaml.safe_load(str(masked("connectors", "a: 1\nsecret: x y\nb: 2\n"))) == {
        "a": 1,
        "secret": "(hidden)",
        "b": 2,
    }


def test_values_of_other_types_are_looked_into() -> None:
    value: JSONValue = {"a": [{"token": "x"}, "password=y", 1, True], "secret": 3}
    assert masked("config", value) == {
        "a": [{"token": "(hidden)"}, "password=(hidden)", 1, True],
        "secret": "(hidden)",
    }
    assert masked("config", 7) == 7


def test_differences_show_no_secret() -> None:
    difference = Difference(
        application="dex", kind="option", name="connectors", old="secret: a", new="secret: b"
    )
    document = difference.to_json()
    assert document["old"] == document["new"] == "secret: (hidden)"
    resource = Difference(application="dex", kind="resource", name="token", new="r/x:1").to_json()
    assert (resource["old"], resource["new"]) == (None, "r/x:1")
    foreign = Foreign(application="dex", kind="option", name="static-password", value="x")
    assert foreign.to_json()["value"] == "(hidden)"
    assert (
        Foreign(application="dex", kind="annotation", name="a", value="x").to_json()["value"] == "x"
    )
    assert Foreign(application="dex", kind="storage", name="secret", value="1G").shown == "1G"
