"""What charms assume; the texts are those of ``core/assumes`` of Juju and of its charm library."""

from __future__ import annotations

import pytest

from ckf_airgap.documents import JSONValue
from ckf_airgap.juju.planning.assumes import unmet_assumptions

FEATURES = {"juju": "3.6.12", "k8s-api": "1.31.0", "plain": ""}


@pytest.mark.parametrize(
    "assumes",
    [
        None,
        [],
        ["juju", "k8s-api"],
        ["juju >= 3.6", "juju < 4"],
        ["juju>=3.6.12", "  juju < 3.6.13  "],
        ["juju >= 3.6-rc1"],
        ["juju >= 3.6.12.0"],
        ["plain >= 9.0"],
        [{"any-of": ["juju >= 4.0", "k8s-api >= 1.30"]}],
        [{"all-of": ["juju", {"any-of": ["ghost", "plain"]}]}],
        [{"any-of": []}],
    ],
)
def test_what_a_model_offers_is_satisfied(assumes: JSONValue) -> None:
    assert unmet_assumptions(assumes, FEATURES) == ""


@pytest.mark.parametrize(
    ("assumes", "text"),
    [
        (["juju >= 4"], "charm requires Juju version >= 4.0.0, model has version 3.6.12"),
        (["juju < 3.6.12"], "charm requires Juju version < 3.6.12, model has version 3.6.12"),
        (["juju >= 3.6.12.1"], "charm requires Juju version >= 3.6.12.1, model has version 3.6.12"),
        (["juju < 3.6-rc1"], "charm requires Juju version < 3.6-rc1, model has version 3.6.12"),
        (
            ["k8s-api >= 1.32"],
            "charm requires Kubernetes version >= 1.32.0, model is running on version 1.31.0",
        ),
        (["ghost"], 'charm requires feature "ghost" but model does not support it'),
        (
            ["juju", "ghost >= 1", "other"],
            (
                'charm requires feature "ghost" but model does not support it; '
                'charm requires feature "other" but model does not support it'
            ),
        ),
        (
            [{"any-of": ["ghost", "juju >= 4"]}],
            (
                'charm requires at least one of the following: charm requires feature "ghost" but '
                "model does not support it, (charm requires Juju version >= 4.0.0, model has "
                "version 3.6.12)"
            ),
        ),
        (
            [{"all-of": ["juju", "ghost"]}],
            (
                'charm requires all of the following: charm requires feature "ghost" but model '
                "does not support it"
            ),
        ),
    ],
)
def test_what_a_model_lacks_is_told(assumes: JSONValue, text: str) -> None:
    assert unmet_assumptions(assumes, FEATURES) == text


@pytest.mark.parametrize("version", ["3.6-rc1", "3.6-beta2"])
def test_a_version_with_a_tag_comes_before_its_release(version: str) -> None:
    assert unmet_assumptions(["juju >= 3.6.0"], {"juju": version})
    assert not unmet_assumptions(["juju >= 3.6-beta1"], {"juju": version})


def test_a_model_outside_kubernetes_has_no_api_of_kubernetes() -> None:
    assert unmet_assumptions(["k8s-api >= 1.2"], {"juju": "3.6.0"}) == (
        "charm must be deployed on a Kubernetes cloud"
    )


TOP = 'parsing expression 1 in top level "assumes" block: '


@pytest.mark.parametrize(
    ("assumes", "text"),
    [
        ("juju", 'malformed "assumes" block; expected an expression list'),
        ({"any-of": ["juju"]}, 'malformed "assumes" block; expected an expression list'),
        (["juju > 3.4"], TOP + 'malformed feature expression "juju > 3.4"'),
        (["juju <= 3.6"], TOP + 'malformed feature expression "juju <= 3.6"'),
        (
            ["juju <=3.6"],
            TOP + 'malformed feature expression "juju <=3.6": invalid version "=3.6"',
        ),
        (["juju = 3"], TOP + 'malformed feature expression "juju = 3"'),
        (["foo_bar"], TOP + 'malformed feature expression "foo_bar"'),
        (
            ["juju >= new"],
            TOP + 'malformed feature expression "juju >= new": invalid version "new"',
        ),
        ([7], TOP + 'expected a feature, "any-of" or "all-of" expression'),
        (
            [{"one-of": ["juju"]}],
            TOP + 'malformed composite expression; expected an "any-of" or "all-of" block',
        ),
        ([{}], TOP + "malformed composite expression"),
        ([{"any-of": ["juju"], "all-of": ["juju"]}], TOP + "malformed composite expression"),
        (
            [{"any-of": "juju"}],
            TOP + 'malformed "any-of" expression; expected a list of sub-expressions',
        ),
        (
            [{"any-of": ["juju", "x"]}],
            TOP + 'parsing "any-of" expression: malformed feature expression "x"',
        ),
    ],
)
def test_a_malformed_expression_is_told_as_juju_tells_it(assumes: JSONValue, text: str) -> None:
    assert unmet_assumptions(assumes, FEATURES) == text
