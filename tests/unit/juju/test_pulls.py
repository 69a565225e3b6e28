from __future__ import annotations

import pytest

from ckf_airgap.juju.watching.pulls import failed_image, is_pull_failure, pull_advice


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (
            'error: OCI image pull error: failed to pull and unpack image "r.example:5000/minio:1"',
            "r.example:5000/minio:1",
        ),
        (
            'error: unknown container reason "ImagePullBackOff": Back-off pulling image "r/a:2@b"',
            "r/a:2@b",
        ),
        (
            'error: "InvalidImageName": Failed to apply default image tag "r//x": no image name',
            "r//x",
        ),
        ('waiting: Back-off pulling image \\"r/x:1\\"', "r/x:1"),
        ("waiting: ImagePullBackOff", ""),
        ("maintenance: container x: ErrImagePull", ""),
        ("error: pulling manifest r/x:1: unauthorized: authentication required", ""),
        ("error: pull access denied for repository r/x", ""),
        ("error: ErrImageNeverPull", ""),
    ],
)
def test_an_image_that_cannot_be_pulled_is_recognised(text: str, image: str) -> None:
    assert is_pull_failure(text)
    assert failed_image(text) == image


@pytest.mark.parametrize(
    "text",
    [
        "waiting: pulling image r/x:1",
        'error: hook failed: "install"',
        "blocked: unauthorized: set the option token",
        "error: crash loop backoff: back-off 5m0s restarting failed container",
        "maintenance: configuring the image list",
        "",
    ],
)
def test_other_states_are_not(text: str) -> None:
    assert not is_pull_failure(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("ErrImagePull: unauthorized: authentication required", "give the cluster a login"),
        ("ErrImagePull: unexpected status: 401", "give the cluster a login"),
        ("ErrImagePull: tls: failed to verify certificate: x509", "trust the registry's"),
        ("ErrImagePull: manifest unknown", "check that the image is in the registry"),
        ("ErrImagePull: size 14010", "check that the image is in the registry"),
    ],
)
def test_the_reason_tells_what_to_look_at(text: str, advice: str) -> None:
    assert advice in pull_advice(text)
