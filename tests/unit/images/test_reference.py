"""References are read by the distribution project's grammar, and retagged by one rule."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.reference import ImageReference, Registry, retag, retag_candidates

HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"
R = Registry.parse("172.17.0.2:5000")
WITH_PATH = Registry.parse("reg.example.com/ckf")
IPV6 = Registry.parse("[fd00::1]:5000")


def ref(text: str) -> ImageReference:
    return ImageReference.parse(text)


ACCEPTED = {
    "busybox": (None, "busybox", None, None),
    "busybox:1.28": (None, "busybox", "1.28", None),
    "charmedkubeflow/dex:2.39.1-a91817e": (None, "charmedkubeflow/dex", "2.39.1-a91817e", None),
    "registry.k8s.io/busybox": ("registry.k8s.io", "busybox", None, None),
    "docker.io/ubuntu:22.04": ("docker.io", "ubuntu", "22.04", None),
    "gcr.io/google-containers/busybox": ("gcr.io", "google-containers/busybox", None, None),
    f"gcr.io/ml-pipeline/kfp-driver@sha256:{HEX}": (
        "gcr.io",
        "ml-pipeline/kfp-driver",
        None,
        f"sha256:{HEX}",
    ),
    f"a/b:1@sha256:{HEX}": (None, "a/b", "1", f"sha256:{HEX}"),
    f"a@sha512:{HEX}{HEX}": (None, "a", None, f"sha512:{HEX}{HEX}"),
    f"a@sha384:{HEX}{HEX[:32]}": (None, "a", None, f"sha384:{HEX}{HEX[:32]}"),
    "r.example/" + "a" * 255: ("r.example", "a" * 255, None, None),
    "registry.example.com:5000/" + "a/" * 127 + "a:1": (
        "registry.example.com:5000",
        "a/" * 127 + "a",
        "1",
        None,
    ),
    "172.17.0.2:5000/a/b:1": ("172.17.0.2:5000", "a/b", "1", None),
    "localhost/a": ("localhost", "a", None, None),
    "localhost:5000/a": ("localhost:5000", "a", None, None),
    "Registry/a": ("Registry", "a", None, None),
    "[fd00::1]:5000/a/b:1": ("[fd00::1]:5000", "a/b", "1", None),
    "[::1]/a": ("[::1]", "a", None, None),
    "nvcr.io/nvidia/tritonserver:23.05-py3": (
        "nvcr.io",
        "nvidia/tritonserver",
        "23.05-py3",
        None,
    ),
    "minio/minio:RELEASE.2021-09-03T03-56-13Z": (
        None,
        "minio/minio",
        "RELEASE.2021-09-03T03-56-13Z",
        None,
    ),
    "ubuntu/python:3.8-20.04_edge": (None, "ubuntu/python", "3.8-20.04_edge", None),
    "a__b/c---d.e_f:_1": (None, "a__b/c---d.e_f", "_1", None),
    "knative.dev/x/knative.dev/y:1": ("knative.dev", "x/knative.dev/y", "1", None),
    "a:" + "t" * 128: (None, "a", "t" * 128, None),
    "12:30": (None, "12", "30", None),
    "minio:9000": (None, "minio", "9000", None),
    "host.example.com:5000": (None, "host.example.com", "5000", None),
    "nvidia.com/gpu": ("nvidia.com", "gpu", None, None),
    "null": (None, "null", None, None),
    "42": (None, "42", None, None),
}
"""What the grammar takes. Some of it means something else in an option; that is told elsewhere."""

REFUSED = [
    "",
    " ",
    " busybox",
    "busybox ",
    "busybox\n",
    "a b",
    "/a",
    "a/",
    "a//b",
    ":1",
    "a:",
    "a:1:2",
    "a:-1",
    "a:.1",
    "a:" + "t" * 129,
    "@",
    "a@",
    "a@sha256:",
    "a@sha256:abc",
    f"a@sha256:{HEX[:-1]}",
    f"a@sha256:{HEX}0",
    f"a@sha256:{HEX.upper()}",
    f"a@sha256:{HEX}\n",
    f"a@SHA256:{HEX}",
    f"a@sha1:{HEX[:40]}",
    f"a@md5:{HEX[:32]}",
    f"a@blake3:{HEX}",
    f"a@sha224:{HEX[:56]}",
    f"a@sha256+b64:{HEX}",
    f"a@tarsum.v1+other:{HEX}",
    f"a@sha384:{HEX}",
    f"a@sha512:{HEX}",
    f"a@@sha256:{HEX}",
    f"@sha256:{HEX}",
    f"sha256@{HEX}",
    HEX,
    "Busybox",
    "a/B",
    "-a",
    "a-",
    "a..b/c",
    "a___b",
    "a._b",
    "_a/b",
    "host_name.io/a",
    "host:port/a",
    "host:123456/a",
    "-host.io/a",
    ":5000/a",
    "[fd00::1]",
    "[fd00::1]:5000",
    "[fd00::g]/a",
    "[fd00::1/a",
    "fd00::1/a",
    r"C:\images\a.tar",
    r"C:/images\a",
    "C:\\",
    "https://example.com/a:1",
    "http://minio:9000",
    "docker://a/b:1",
    "oci://reg/a:1",
    "file:///a",
    "user@example.com",
    "user:password@example.com/a",
    "a/b@latest",
    "12:30:45",
    "2024-01-01T12:30:45",
    "key: value",
    "{{ image }}",
    "{{image}}:1",
    "$IMAGE",
    "${REGISTRY}/a:1",
    "a/b:1,a/c:1",
    "a/b:1;rm",
    "ünï/b:1",
    "a/b:ü",
    "a/b:1\u200b",
    "\uff11\uff12/a",
    "例え/a:1",
    "a" * 256,
    "reg.example.com/" + "/".join("a" * 20 for _ in range(20)),
    "reg.example.com/" + "a" * 256,
    "a" * 1_000_000,
    "https://" + "a" * 10_000,
    "a:" + "t" * 10_000,
    "a@" + "t" * 10_000,
    "a.io:" + "5" * 10_000 + "/a",
]


def test_64_hexadecimal_digits_are_an_image_id_only_when_they_stand_alone() -> None:
    with pytest.raises(ReferenceSyntaxError, match="64 hexadecimal digits are an image ID"):
        ref(HEX)
    for text in (f"{HEX}@sha256:{HEX}", f"{HEX}:1", f"a/{HEX}", HEX[1:], f"{HEX}0"):
        assert str(ref(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", "a/b:latest"),
        ("r.io:5000/a/b", "r.io:5000/a/b:latest"),
        ("a/b:1", "a/b:1"),
        (f"a/b@sha256:{HEX}", f"a/b@sha256:{HEX}"),
        (f"a/b:1@sha256:{HEX}", f"a/b:1@sha256:{HEX}"),
    ],
)
def test_a_tag_is_written_out_only_where_nothing_says_which_image_is_meant(
    text: str, expected: str
) -> None:
    assert str(ref(text).with_tag()) == expected


@pytest.mark.parametrize(("text", "parts"), ACCEPTED.items(), ids=lambda value: str(value)[:40])
def test_a_reference_is_taken_apart_and_written_back(
    text: str, parts: tuple[str | None, str, str | None, str | None]
) -> None:
    found = ref(text)
    assert (found.registry, found.repository, found.tag, found.digest) == parts
    assert str(found) == text


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text)[:40])
def test_what_is_no_reference_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ReferenceSyntaxError) as raised:
        ref(text)
    assert "is not an image reference" in str(raised.value)
    assert len(str(raised.value)) < 600
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("before", "longest"),
    [
        ("", 247),
        ("docker.io/", 247),
        ("index.docker.io/", 247),
        ("library/", 247),
        ("docker.io/team/", 250),
        ("r.example/", 255),
        ("[fd00::1]:5000/team/", 250),
    ],
)
def test_255_characters_of_the_repository_are_the_most_with_library_and_without_the_registry(
    before: str, longest: int
) -> None:
    assert str(ref(f"{before}{'a' * longest}:1")) == f"{before}{'a' * longest}:1"
    with pytest.raises(ReferenceSyntaxError, match="more than 255"):
        ref(f"{before}{'a' * (longest + 1)}:1")


@pytest.mark.parametrize("algorithm", ["sha1", "SHA512", "blake3"])
def test_an_algorithm_that_nobody_computes_is_named_with_those_that_are(algorithm: str) -> None:
    with pytest.raises(ReferenceSyntaxError, match="none of sha256, sha384, sha512"):
        ref(f"a/b@{algorithm}:{HEX}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("busybox", "docker.io/busybox"),
        ("busybox", "library/busybox"),
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox", "index.docker.io/library/busybox"),
        ("charmedkubeflow/dex:1", "docker.io/charmedkubeflow/dex:1"),
        (f"a/b:1@sha256:{HEX}", f"a/b@sha256:{HEX}"),
        (f"a/b:1@sha256:{HEX}", f"a/b:2@sha256:{HEX}"),
    ],
)
def test_spellings_of_one_image_have_one_canonical_form(one: str, other: str) -> None:
    assert ref(one).canonical() == ref(other).canonical()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("busybox:1", "busybox:2"),
        ("busybox", "ghcr.io/containerd/busybox"),
        ("busybox", "registry.k8s.io/busybox"),
        ("registry.k8s.io/busybox", "registry.k8s.io/library/busybox"),
        ("a/b", "library/a/b"),
        (f"a/b@sha256:{HEX}", f"a/b:{HEX}"),
        ("serving/autoscaler:1", "serving/autoscaler-hpa:1"),
    ],
)
def test_different_images_have_different_canonical_forms(one: str, other: str) -> None:
    assert ref(one).canonical() != ref(other).canonical()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("busybox:1.28", "172.17.0.2:5000/busybox:1.28"),
        ("charmedkubeflow/dex:2.36", "172.17.0.2:5000/charmedkubeflow/dex:2.36"),
        ("docker.io/charmedkubeflow/dex:2.36", "172.17.0.2:5000/charmedkubeflow/dex:2.36"),
        ("docker.io/ubuntu:22.04", "172.17.0.2:5000/ubuntu:22.04"),
        ("registry.k8s.io/busybox", "172.17.0.2:5000/busybox"),
        ("gcr.io/google-containers/busybox", "172.17.0.2:5000/google-containers/busybox"),
        (
            f"gcr.io/knative-releases/knative.dev/serving/cmd/queue@sha256:{HEX}",
            f"172.17.0.2:5000/knative-releases/knative.dev/serving/cmd/queue:{HEX}",
        ),
        (f"a/b:1@sha256:{HEX}", f"172.17.0.2:5000/a/b:{HEX}"),
        ("172.17.0.2:5000/a/b:1", "172.17.0.2:5000/a/b:1"),
        (f"172.17.0.2:5000/a/b@sha256:{HEX}", f"172.17.0.2:5000/a/b:{HEX}"),
        ("172.17.0.2:5001/a/b:1", "172.17.0.2:5000/a/b:1"),
    ],
)
def test_retagging_exchanges_the_registry_and_makes_a_tag_of_a_digest(
    source: str, target: str
) -> None:
    assert str(retag(ref(source), R)) == target


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("docker.io/istio/pilot:1", "reg.example.com/ckf/istio/pilot:1"),
        ("reg.example.com/ckf/istio/pilot:1", "reg.example.com/ckf/istio/pilot:1"),
        (f"reg.example.com/ckf/a/b@sha256:{HEX}", f"reg.example.com/ckf/a/b:{HEX}"),
        ("reg.example.com/other/pilot:1", "reg.example.com/ckf/other/pilot:1"),
        ("reg.example.com/ckfish/pilot:1", "reg.example.com/ckf/ckfish/pilot:1"),
        ("ckf/pilot:1", "reg.example.com/ckf/ckf/pilot:1"),
    ],
)
def test_a_registry_may_have_a_path(source: str, target: str) -> None:
    assert str(retag(ref(source), WITH_PATH)) == target


def test_a_registry_may_have_an_ipv6_address() -> None:
    target = retag(ref("docker.io/istio/pilot:1"), IPV6)
    assert str(target) == "[fd00::1]:5000/istio/pilot:1"
    assert ref(str(target)) == target
    assert IPV6.holds(target)


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("172.17.0.2:5000", "172.17.0.2:5000", ""),
        ("reg.example.com/", "reg.example.com", ""),
        ("reg.example.com:5000/ckf/1.11/", "reg.example.com:5000", "ckf/1.11"),
        ("localhost", "localhost", ""),
        ("registry:5000/a", "registry:5000", "a"),
        ("[fd00::1]:5000/a", "[fd00::1]:5000", "a"),
    ],
)
def test_a_registry_is_a_host_and_a_path(text: str, host: str, path: str) -> None:
    found = Registry.parse(text)
    assert (found.host, found.path) == (host, path)
    assert str(found) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a b",
        "reg.io//a",
        "reg.io/A",
        "reg.io/a:1",
        "u:p@reg.io",
        "reg.io:x",
        "ü.io",
        "r.io?",
    ],
)
def test_what_is_no_registry_is_refused(text: str) -> None:
    with pytest.raises(ReferenceSyntaxError, match="is not a registry"):
        Registry.parse(text)


def test_a_registry_with_a_scheme_is_told_to_leave_it_out() -> None:
    with pytest.raises(ReferenceSyntaxError, match="leave out the scheme") as raised:
        Registry.parse("https://reg.example.com:5000/")
    assert raised.value.fix == "Write 'reg.example.com:5000'."


def test_a_host_that_docker_hub_would_swallow_is_refused() -> None:
    """``harbor/x`` means docker.io/harbor/x to every client, so it cannot name a registry."""
    with pytest.raises(ReferenceSyntaxError, match="Docker Hub") as raised:
        Registry.parse("harbor/ckf")
    assert "harbor:443/ckf" in raised.value.fix


def test_the_place_of_the_old_scripts_is_a_candidate() -> None:
    assert ref("172.17.0.2:5000/registry.k8s.io/busybox") in retag_candidates(
        ref("registry.k8s.io/busybox"), R
    )
    assert ref("172.17.0.2:5000/docker.io/ubuntu:22.04") in retag_candidates(ref("ubuntu:22.04"), R)


def test_candidates_of_images_with_a_namespace_are_one_place_only() -> None:
    assert [str(place) for place in retag_candidates(ref("gcr.io/a/b:1"), R)] == [
        "172.17.0.2:5000/a/b:1"
    ]


word = st.text("abz019", min_size=1, max_size=4)
separator = st.sampled_from([".", "_", "__", "-", "---"])
component = word | st.builds("{}{}{}".format, word, separator, word)
host = st.one_of(
    st.sampled_from(["docker.io", "gcr.io", "localhost", "172.17.0.2:5000", "[fd00::1]:5000"]),
    st.from_regex(r"[a-z][a-z0-9]{0,5}\.[a-z]{2,3}(:[1-9][0-9]{1,3})?", fullmatch=True),
)
tag = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=20).filter(
    lambda text: text[0] not in ".-"
)
digest = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
references = st.builds(
    ImageReference,
    st.none() | host,
    st.lists(component, min_size=2, max_size=4).map("/".join),
    st.none() | tag,
    st.none() | digest,
).filter(lambda found: ref_or_none(str(found)) == found)
registries = st.builds(Registry, host, st.lists(component, max_size=2).map("/".join))


def ref_or_none(text: str) -> ImageReference | None:
    try:
        return ref(text)
    except ReferenceSyntaxError:
        return None


@given(references)
def test_writing_and_reading_gives_the_same_reference(reference: ImageReference) -> None:
    assert ref(str(reference)) == reference
    assert ref(str(reference.canonical())) == reference.canonical()
    assert reference.canonical().canonical() == reference.canonical()


@given(st.text(max_size=60))
@example("a/b:1")
@example("a:1@b")
def test_whatever_is_accepted_is_written_back_unchanged(text: str) -> None:
    found = ref_or_none(text)
    if found is not None:
        assert str(found) == text


@given(references, registries)
@example(ref("localhost/b/c"), Registry("localhost", "b"))
def test_retagging_twice_changes_nothing(reference: ImageReference, registry: Registry) -> None:
    target = retag(reference, registry)
    assert registry.holds(target)
    assert ref(str(target)) == target
    assert retag(target, registry) == target


few = st.builds(
    ImageReference,
    st.sampled_from([None, "docker.io", "gcr.io", "reg.io"]),
    st.sampled_from(["a", "a/b", "ckf/a/b", "b/ckf"]),
    st.sampled_from([None, "1", HEX]),
    st.sampled_from([None, f"sha256:{HEX}"]),
)
"""So few references that two of them often share a place."""


@given(few, few, st.sampled_from([Registry("reg.io"), Registry("reg.io", "ckf"), R]))
@example(ref("a/b:1"), ref("gcr.io/a/b:1"), R)
@example(ref(f"a/b:{HEX}"), ref(f"a/b@sha256:{HEX}"), R)
def test_two_images_share_a_place_only_when_registry_or_digest_is_all_that_differs(
    one: ImageReference, other: ImageReference, registry: Registry
) -> None:
    """The collisions of the rule: one name in two registries, and a tag that spells a digest."""

    def kept(found: ImageReference) -> tuple[str, str | None]:
        path = found.repository
        if registry.holds(found) and registry.path:
            path = path.removeprefix(f"{registry.path}/")
        return path, found.hexadecimal or found.tag

    assert (retag(one, registry) == retag(other, registry)) == (kept(one) == kept(other))


@given(st.lists(references, min_size=2, max_size=6), registries)
def test_retagging_is_injective_over_the_images_of_one_registry(
    found: list[ImageReference], registry: Registry
) -> None:
    images = {
        ImageReference("gcr.io", image.repository, image.tag, image.digest).canonical()
        for image in found
    }
    if registry.host == "gcr.io":
        return
    assert len({retag(image, registry) for image in images}) == len(images)


@given(references, registries)
def test_the_place_by_the_rule_is_among_the_candidates(
    reference: ImageReference, registry: Registry
) -> None:
    places = retag_candidates(reference, registry)
    assert retag(reference, registry) in places
    assert len(set(places)) == len(places)
    assert all(registry.holds(place) for place in places)
