from __future__ import annotations

import pytest

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.model.assumes import check_assumes
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

FEATURES = {"juju": "3.6.28", "k8s-api": "1.31.0"}


@pytest.mark.parametrize(
    "assumes",
    [
        None,
        [],
        ["juju >= 3.1", "k8s-api"],
        ["juju < 4.0.0"],
        [{"any-of": ["juju >= 9.9", {"all-of": ["juju >= 2.9.44", "k8s-api >= 1.25"]}]}],
    ],
)
def test_what_is_offered_may_be_assumed(assumes: JSONValue) -> None:
    check_assumes(assumes, FEATURES)


@pytest.mark.parametrize(
    ("assumes", "lines"),
    [
        (
            ["juju >= 3.7"],
            ["  - charm requires Juju version >= 3.7.0, model has version 3.6.28"],
        ),
        (
            ["k8s-api >= 1.32.1"],
            ["  - charm requires Kubernetes version >= 1.32.1, model is running on version 1.31.0"],
        ),
        (["gpu"], ['  - charm requires feature "gpu" but model does not support it']),
        (
            ["k8s-api", {"any-of": ["juju < 3.0", {"all-of": ["juju >= 3.1", "gpu"]}]}],
            [
                "  - charm requires at least one of the following:",
                "    - charm requires Juju version < 3.0.0, model has version 3.6.28",
                "    - charm requires all of the following:",
                '      - charm requires feature "gpu" but model does not support it',
            ],
        ),
    ],
)
def test_what_is_missing_is_told_as_a_tree(assumes: JSONValue, lines: list[str]) -> None:
    with pytest.raises(ApiError) as caught:
        check_assumes(assumes, FEATURES)
    assert caught.value.message == "\n".join(["Charm cannot be deployed because:", *lines, ""])
    assert caught.value.code == NOT_SUPPORTED


@pytest.mark.parametrize(
    ("assumes", "is_met"),
    [
        (["juju >= 3.6.28.1"], False),
        (["juju >= 3.6.28"], True),
        (["juju >= 3.6-rc1"], True),
        (["juju < 3.6-beta2"], False),
        (["juju<4"], True),
        ([{"any-of": []}], True),
    ],
)
def test_versions_are_compared_with_their_tags_and_builds(assumes: JSONValue, is_met: bool) -> None:
    if is_met:
        check_assumes(assumes, FEATURES)
    else:
        with pytest.raises(ApiError, match="charm requires Juju version"):
            check_assumes(assumes, FEATURES)
