"""One text, judged: surely an image, maybe one, malformed, or something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.images.judge import (
    NO,
    Certainty,
    Circumstances,
    Verdict,
    judge,
    parsed,
    syntax_doubt,
)
from ckf_airgap.images.keys import Meaning, meaning
from ckf_airgap.images.reference import ImageReference

HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"


def verdict(
    text: str,
    name: str = "",
    *,
    known: str = "",
    must: bool = False,
    word: bool = False,
    beside: tuple[str, ...] | None = None,
) -> Verdict:
    around = Circumstances(
        said=meaning(name),
        must_be_image=must,
        may_be_word=word,
        beside=None if beside is None else frozenset(beside),
    )
    return judge(text, around, known=lambda reference: str(reference) == known)


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("quay.io/acme/worker:stable", "sure"),
        ("quay.io/worker:x", "sure"),
        ("registry.example.com:5000/acme/worker:latest", "sure"),
        ("registry.example.com/worker:8080", "sure"),
        ("ghcr.io/acme/helper", "maybe"),
        ("gcr.io/helper", "maybe"),
        ("docker.io/acme/helper", "maybe"),
        ("acme/worker:1.2", "sure"),
        ("acme/worker:latest", "maybe"),
        ("acme/worker:nightly", "maybe"),
        (f"acme/worker@sha256:{HEX}", "sure"),
        (f"worker@sha256:{HEX}", "sure"),
        ("acme/worker:some", "no"),
        ("acme/worker:9000", "no"),
        ("acme/worker", "no"),
        ("worker:1.2", "no"),
        ("worker:latest", "no"),
        ("worker", "no"),
        ("nvidia.com/gpu", "no"),
        ("nvidia.com/gpu/x", "no"),
        ("quay.io", "no"),
        ("registry.k8s.io/v1", "no"),
        ("registry.k8s.io/v1beta1", "no"),
        ("registry.k8s.io/v1x", "maybe"),
        ("registry.example.com/logo.png", "no"),
        ("quay.io/acme/worker.yaml", "no"),
        ("https://quay.io/acme/worker:stable", "no"),
        ("quay.io/acme/worker:", "no"),
        ("quay.io/acme/", "no"),
        ("github.com/acme/worker:main", "no"),
        (f"sha256:{HEX}", "no"),
        ("1.2", "no"),
        ("", "no"),
    ],
)
def test_a_text_whose_name_says_nothing(text: str, certainty: Certainty) -> None:
    assert verdict(text).certainty == certainty
    assert verdict(text, "disk-image").certainty == certainty
    assert (verdict(text).image is not None) == (certainty == "sure")


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("acme/worker", "sure"),
        ("worker:1.2", "sure"),
        ("worker:latest", "sure"),
        ("worker:9000", "no"),
        ("acme/worker:9000", "sure"),
        ("video/transcoder", "sure"),
        ("ghcr.io/acme/helper", "sure"),
        ("static/logo.png", "no"),
        ("disks/jammy.QCOW2", "no"),
        ("static/logo.png:1", "sure"),
        ("quay.io/acme/site.json", "sure"),
        (f"sha256:{HEX}", "no"),
        ("worker", "no"),
        ("12:30", "no"),
    ],
)
def test_a_text_that_is_called_an_image(text: str, certainty: Certainty) -> None:
    for name in ("worker-image", "custom_images", "imageName"):
        assert verdict(text, name).certainty == certainty


@pytest.mark.parametrize(
    ("name", "text", "certainty"),
    [
        ("image-digest", f"sha256:{HEX}", "no"),
        ("image-digest", "sha256:HEX", "no"),
        ("image-channel", "1.0/edge", "no"),
        ("image-channel", "latest/stable", "no"),
        ("image-tag", "v1.2", "no"),
        ("image-tag", "quay.io/acme/cat", "maybe"),
        ("image-tag", "acme/cat:1.2", "sure"),
        ("disk-image", "jammy/current", "no"),
        ("background-image", "static/logo.png", "no"),
        ("image-gallery-url", "gallery.example.com/x", "no"),
        ("image-gallery-url", "quay.io/acme/cat:1", "sure"),
        ("image-pull-secret", "ns/secret", "no"),
        ("image-formats", "qcow2/raw", "no"),
        ("image-registry", "quay.io", "maybe"),
        ("image-registry", "rocks.canonical.com:443/cdk", "maybe"),
        ("image-registry", "localhost:5000", "maybe"),
        ("image-registry", "acme", "maybe"),
        ("image-registry", "https://quay.io/acme", "maybe"),
        ("image-registry", "https://example.com/acme", "no"),
        ("image-registry", "default", "no"),
        ("image-registry", "{{ registry }}", "no"),
        ("image-registry", "quay.io/acme/cat:1.2", "sure"),
        ("image-prefix", "quay.io/acme/", "maybe"),
        ("image-repository", "gcr.io/google_containers", "maybe"),
        ("image-namespace", "acme", "no"),
        ("image-namespace", "quay.io/acme", "maybe"),
        ("model-registry", "models.example.com/x", "no"),
        ("model-registry", "quay.io/models", "maybe"),
        ("allow-image-domains", "cdn.example.com", "maybe"),
    ],
)
def test_a_text_whose_name_says_a_part_or_something_else(
    name: str, text: str, certainty: Certainty
) -> None:
    assert verdict(text, name).certainty == certainty
    if certainty == "no":
        assert verdict(text, name, must=True).certainty == "no"


def test_a_front_is_told_with_the_part_that_it_is() -> None:
    found = verdict("quay.io", "image-registry")
    assert (found.part, found.image) == ("registry", None)
    assert "seems to be what names of images begin with" in found.reason
    assert "ends in a slash" in verdict("quay.io/acme/", "image-prefix").reason
    assert verdict("quay.io/acme", "image-repo").part == "repository"
    assert verdict("quay.io/acme").part == ""


@pytest.mark.parametrize("name", ["", "worker-image", "image-registry", "disk-image"])
def test_what_is_listed_is_an_image_under_any_name(name: str) -> None:
    assert verdict("nvidia.com/gpu", name, known="nvidia.com/gpu").certainty == "sure"
    assert verdict("minio:9000", name, known="minio:9000").certainty == "sure"


def test_a_bare_word_that_is_listed_needs_a_name_that_says_so() -> None:
    assert verdict("busybox", known="busybox") == NO
    assert verdict("busybox", "disk-image", known="busybox") == NO
    assert verdict("busybox", "x-image", known="busybox").certainty == "sure"
    assert verdict("busybox", "image-repository", known="busybox").certainty == "sure"


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("busybox", "maybe"),
        ("busy-box", "maybe"),
        ("busy.box", "no"),
        ("Busybox", "no"),
        ("always", "no"),
        ("v2", "no"),
        ("1.9", "no"),
    ],
)
def test_a_word_where_an_image_may_be_one(text: str, certainty: Certainty) -> None:
    assert verdict(text, "x-image", word=True).certainty == certainty
    assert verdict(text, "x-image").certainty == "no"


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("quay.io/Bad::y", "malformed"),
        ("a/b:1:2", "malformed"),
        ("'a/b:1'", "no"),
        ("['a/b:1'", "no"),
        ("a/b/", "maybe"),
        ("https://x/Y", "no"),
        ("word", "no"),
        ("a/b", "no"),
    ],
)
def test_what_must_be_an_image(text: str, certainty: Certainty) -> None:
    assert verdict(text, must=True).certainty == certainty


@pytest.mark.parametrize(
    ("text", "hosts", "certainty"),
    [
        ("nvidia.com/gpu", (), "maybe"),
        ("acme.0.io/gpu", (), "maybe"),
        ("1host:5000/gpu", (), "sure"),
        ("10.0.0.0/8", (), "no"),
        (f"1.2.3.4/{'24':0>52}", (), "no"),  # no address is longer than this
        (f"1.2.3.4/{'24':0>53}", (), "maybe"),
        ("acme.example/disk.img", (), "no"),
        ("acme.example/disk.img:abc", (), "maybe"),
        ("nvidia.com/gpu", ("nvidia.com",), "sure"),
        ("nvidia.com/acme/gpu", (), "sure"),
        ("nvidia.com:5000/gpu", (), "sure"),
        ("ghcr.io/gpu", (), "sure"),
        ("localhost/gpu", (), "maybe"),
        ("172.17.0.2/gpu", (), "maybe"),
        ("1.2/gpu", (), "no"),
        ("acme/gpu", (), "no"),
        ("github.com/acme/gpu", (), "no"),
        ("networking.k8s.io/v1", (), "no"),
        ("minio.svc/x:8080", (), "no"),
        ("minio.svc/x:abc", (), "maybe"),
    ],
)
def test_what_is_beside_images(text: str, hosts: tuple[str, ...], certainty: Certainty) -> None:
    assert verdict(text, beside=("docker.io", *hosts)).certainty == certainty
    for name in ("image-digest", "disk-image"):
        assert verdict(text, name, beside=("docker.io", *hosts)).certainty in ("no", "maybe")


def test_a_name_that_says_something_else_holds_no_image_beside_others() -> None:
    sure = Verdict(certainty="sure", reference=ImageReference.parse("nvidia.com/acme/gpu"))
    assert verdict("nvidia.com/acme/gpu", beside=("quay.io",)) == sure
    assert verdict("nvidia.com/acme/gpu", "x-image", beside=("quay.io",)) == sure
    for name in ("disk-image", "image-digest"):
        assert verdict("nvidia.com/acme/gpu", name, beside=("quay.io",)) == NO


def test_a_listed_image_is_told_with_its_reference() -> None:
    expected = Verdict(certainty="sure", reference=ImageReference.parse("nvidia.com/gpu"))
    assert verdict("nvidia.com/gpu", known="nvidia.com/gpu") == expected


def test_no_doubt_about_the_syntax_of_what_is_plainly_something_else() -> None:
    texts = [
        *("word", "Word", "Two Words", ""),
        *("https://x/Y", "{{a}}/B", "./B", "C:/B"),
        *("1:2:3", "12.30:1:2"),
        *("Minio:9000", "Minio:80"),
        *("2024-01-01T12:30:45Z", "12:30:45 pm"),
        *("me@example.com:8080/a:1.2", "git@github.com:Org/repo"),
        *("fd00::1/64", "::1", "[fd00::1]", " ::1\n"),
        *("a/b", "a:b", "a/b:1@sha256:" + HEX),
    ]
    assert {text: doubt for text in texts if (doubt := syntax_doubt(text))} == {}


def test_a_doubt_about_the_syntax_quotes_the_text() -> None:
    for text in ("A:1:2", "a/B", "b:-1", "X::1", "Minio:08", "me@host:1/a::1"):
        assert syntax_doubt(text).startswith(f"'{text}' is not an image reference: ")
        assert syntax_doubt(f" {text}\n") == syntax_doubt(text)


def test_a_very_long_text_is_quoted_in_part() -> None:
    found = verdict("quay.io/" + "a/" * 80 + "a")
    assert found.certainty == "maybe"
    assert "…" in found.reason
    assert "…" not in verdict("quay.io/acme/b").reason


@given(st.text(max_size=30), st.sampled_from(["image", "images", "part", "other", "nothing"]))
def test_a_verdict_never_alters_a_text(text: str, kind: str) -> None:
    said = Meaning(kind, "registry" if kind == "part" else "")  # type: ignore[arg-type]
    found = judge(text, Circumstances(said=said, must_be_image=True, may_be_word=True))
    assert found.image is None or str(found.image) == text
    assert bool(found.reason) == (found.certainty in ("maybe", "malformed"))
    assert found.certainty != "malformed" or syntax_doubt(text)
    assert found.reference is None or found.reference in (parsed(text), parsed(text.rstrip("/")))


def test_nothing_is_parsed_that_is_no_reference() -> None:
    assert parsed("A/b") is None or parsed("A/b") == ImageReference("A", "b")
    assert parsed("a/B") is None


LEFT = "and is left unchanged"
BEGINS = f"seems to be what names of images begin with, {LEFT}"
SETTLE = "add it to the list of images if it is one; if not, --set it to the same value"
EITHER = "add it to the list of images if it is one; --set settles it either way"
FRONT = "--set it to the place in the private registry; add it to the list if it is an image"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            lambda: verdict("ghcr.io/acme/cat"),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("ghcr.io/acme/cat"),
                reason=f"'ghcr.io/acme/cat' may be an image, but {LEFT[4:]}",
                fix=SETTLE,
            ),
        ),
        (
            lambda: verdict("acme/cat:stable"),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("acme/cat:stable"),
                reason=f"'acme/cat:stable' may be an image, but {LEFT[4:]}",
                fix=SETTLE,
            ),
        ),
        (
            lambda: verdict("nvidia.com/gpu", beside=("quay.io",)),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("nvidia.com/gpu"),
                reason=f"'nvidia.com/gpu' may be an image, but {LEFT[4:]}",
                fix=EITHER,
            ),
        ),
        (
            lambda: verdict("busybox", "image", word=True),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("busybox"),
                reason=f"'busybox' may be an image on Docker Hub, but {LEFT[4:]}",
                fix=SETTLE,
            ),
        ),
        (
            lambda: verdict("quay.io/acme", "image-prefix"),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("quay.io/acme"),
                part="prefix",
                reason=f"'quay.io/acme' {BEGINS}",
                fix=FRONT,
            ),
        ),
        (
            lambda: verdict("quay.io/acme/", "image-prefix"),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("quay.io/acme"),
                part="prefix",
                reason=f"'quay.io/acme/' ends in a slash, {LEFT}",
                fix="set it with --set if it is a prefix of image names",
            ),
        ),
        (
            lambda: verdict("https://quay.io/acme", "image-registry"),
            Verdict(
                certainty="maybe",
                part="registry",
                reason=f"'https://quay.io/acme' {BEGINS}",
                fix=FRONT,
            ),
        ),
        (
            lambda: verdict("https://quay.io/acme/", "image-registry"),
            Verdict(
                certainty="maybe",
                part="registry",
                reason=f"'https://quay.io/acme/' {BEGINS}",
                fix=FRONT,
            ),
        ),
        (
            lambda: verdict("acme/cat/", must=True),
            Verdict(
                certainty="maybe",
                reference=ImageReference.parse("acme/cat"),
                part="prefix",
                reason=f"'acme/cat/' ends in a slash, {LEFT}",
                fix="set it with --set if it is a prefix of image names",
            ),
        ),
        (
            lambda: verdict("acme/X/", must=True),
            Verdict(
                certainty="maybe",
                part="prefix",
                reason=f"'acme/X/' ends in a slash, {LEFT}",
                fix="set it with --set if it is a prefix of image names",
            ),
        ),
        (
            lambda: verdict("acme//cat", must=True),
            Verdict(certainty="malformed", reason=syntax_doubt("acme//cat")),
        ),
        (lambda: verdict("acme/team", "image-namespace"), NO),
        (lambda: verdict("acme/team.x", "image-namespace"), NO),
        (lambda: verdict("acme.example/team", "image-namespace").part, "namespace"),
        (lambda: verdict("kube-system", "image-namespace"), NO),
    ],
)
def test_all_that_a_doubt_says(found: Callable[[], object], expected: object) -> None:
    assert found() == expected


def test_a_long_text_is_shortened_where_it_is_doubted() -> None:
    found = verdict("ghcr.io/" + "a" * 200)
    assert len(found.reason) < 200
    assert "…" in found.reason
    assert "…" in verdict("ghcr.io/" + "a" * 93).reason
    assert "…" not in verdict("ghcr.io/" + "a" * 92).reason


@pytest.mark.parametrize(
    ("host", "certainty"),
    [("acme.c0", "maybe"), ("acme.a", "maybe"), ("acme.0c", "no"), ("localhost", "maybe")],
)
def test_a_host_beside_images_has_a_domain_that_begins_with_a_letter(
    host: str, certainty: Certainty
) -> None:
    assert verdict(f"{host}/gpu", beside=("quay.io",)).certainty == certainty
