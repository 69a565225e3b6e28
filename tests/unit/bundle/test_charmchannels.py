"""Channels are read as ``ParseChannel`` of ``github.com/juju/charm/v12`` reads them."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.charmchannels import channel_problem
from ckf_airgap.documents import Document
from ckf_airgap.errors import BundleError


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "stable",
        "1.10",
        "a b",
        "1.10/stable",
        "latest/edge",
        "edge/fix",
        "beta/candidate",
        "1.10/beta/fix",
        "stable/edge/fix",
    ],
)
def test_channels_that_juju_takes(channel: str) -> None:
    assert channel_problem(channel) == ""


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        ("1.10/stable/x/y", "channel is malformed and has too many components"),
        ("////", "channel is malformed and has too many components"),
        ("1.10/foo", "risk in channel"),
        ("1.10/", "risk in channel"),
        ("/", "risk in channel"),
        ("/stable", "track in channel"),
        ("/stable/", "track in channel"),
        ("stable/", "branch in channel"),
        ("1.10/stable/", "branch in channel"),
        ("x/stabl/fix", "risk in channel"),
    ],
)
def test_channels_that_juju_refuses(channel: str, problem: str) -> None:
    assert channel_problem(channel).startswith(problem)
    assert f'"{channel}"' in channel_problem(channel)


@pytest.mark.parametrize("charm", ["pets", "./pets.charm"])
def test_a_bundle_with_a_malformed_channel_is_refused_whatever_its_charm(charm: str) -> None:
    application: Document = {"charm": charm, "scale": 1, "channel": "1.10/stable/x/y"}
    with pytest.raises(BundleError) as caught:
        Bundle.from_document({"applications": {"pets": dict(application)}}, where="b")
    assert f'for application "{charm}": channel is malformed' in str(caught.value)
    application["channel"] = "1.10/stable/x"
    merged = Bundle.from_document({"applications": {"pets": dict(application)}}, where="b")
    assert merged.applications["pets"].channel == "1.10/stable/x"
