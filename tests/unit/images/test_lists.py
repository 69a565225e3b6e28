"""Lists of images are read line by line, and looked up by whole references only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ckf_airgap.errors import ExitCode, ImageNotFoundError, InputError, UsageError
from ckf_airgap.images.lists import SCHEMA, ImageList, RetaggedImages, infer_registry
from ckf_airgap.images.reference import ImageReference, Registry

HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"


def ref(text: str) -> ImageReference:
    return ImageReference.parse(text)


def listed(*lines: str) -> ImageList:
    return ImageList.parse("\n".join(lines), where="retagged-images.txt")


def retagged(*lines: str, registry: str | None = None) -> RetaggedImages:
    given = Registry.parse(registry) if registry else None
    return RetaggedImages.from_list(listed(*lines), registry=given)


def found(images: RetaggedImages, text: str) -> str | None:
    place = images.find(ref(text))
    return None if place is None else str(place)


# Reading


def test_comments_blank_lines_and_blanks_around_are_passed_over() -> None:
    images = ImageList.parse(
        "# all images\n\n  a/b:1  \n\ta/c:2\t# for testing\r\n   \n#a/d:3\na/e:4", where="x"
    )
    assert [str(image) for image in images] == ["a/b:1", "a/c:2", "a/e:4"]
    assert [entry.line for entry in images.entries] == [3, 4, 7]
    assert len(images) == 3


def test_every_bad_line_is_reported_with_its_number() -> None:
    with pytest.raises(InputError) as raised:
        ImageList.parse("a/b:1\nhttps://a/b\n\na/B\n a/b:2 a/c:3\n", where="images.txt")
    assert [problem.where for problem in raised.value.problems] == [
        "images.txt, line 2",
        "images.txt, line 4",
        "images.txt, line 5",
    ]
    assert "'https://a/b' is not an image reference" in str(raised.value)
    assert raised.value.exit_code is ExitCode.INPUT


def test_line_numbers_are_those_of_an_editor() -> None:
    with pytest.raises(InputError, match="line 2"):
        ImageList.parse("a/b:1 # one\x0cpage\u2028\nBAD\n", where="images.txt")


def test_an_empty_list_has_no_entries() -> None:
    assert len(ImageList.parse("", where="x")) == 0


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "images.txt"
    file.write_bytes(b"\xef\xbb\xbfa/b:1\r\na/c:2\r\n")
    assert [str(image) for image in ImageList.read(file)] == ["a/b:1", "a/c:2"]


def test_a_missing_file_is_reported_with_the_option_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match=r"none\.txt: No such file") as raised:
        ImageList.read(tmp_path / "none.txt")
    assert raised.value.exit_code is ExitCode.MISSING


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "images.tar"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        ImageList.read(file)


def document(*items: object, schema: str = SCHEMA) -> ImageList:
    text = json.dumps({"schema": schema, "images": items})
    return ImageList.parse(text, where="images.json")


@pytest.mark.parametrize(
    ("required", "later"),
    [
        ({"need": "required"}, {"need": "later"}),
        ({"set": "required"}, {"set": "optional"}),  # of before 0.1.0
    ],
)
def test_a_document_says_what_images_are_needed_for(
    required: dict[str, str], later: dict[str, str]
) -> None:
    images = document({"image": "a/b:1", **required}, {"image": "a/c:2", **later})

    assert list(images) == list(images.chosen("all")) == [ref("a/b:1"), ref("a/c:2")]
    assert list(images.chosen("required")) == [ref("a/b:1")]
    assert list(images.chosen("later")) == [ref("a/c:2")]


def test_a_plain_list_does_not_say_it() -> None:
    images = listed("a/b:1")

    assert images.chosen("all") == images
    with pytest.raises(UsageError, match="does not say which of its images are required"):
        images.chosen("required")


def test_names_whose_tag_users_choose_are_taken_on_request_only() -> None:
    tagged = {"image": "a/b:1", "need": "required"}
    later = {"image": "a/c:1", "need": "later", "tag": "3"}
    images = document(tagged, later, {"image": "a/d", "need": "later", "tag": "chosen-by-user"})

    assert [entry.user_tagged for entry in images.entries] == [False, False, True]
    assert list(images.chosen(None)) == [ref("a/b:1"), ref("a/c:1")]
    assert list(images.chosen("required")) == [ref("a/b:1")]
    assert list(images.chosen("later")) == [ref("a/c:1"), ref("a/d")]
    assert list(images.chosen("all")) == list(images)


def test_a_line_is_marked_when_it_has_the_name_and_no_tag() -> None:
    digest = f"a/d@sha256:{HEX}"
    images = listed("docker.io/a/d", "a/d:latest", digest, "a/e").with_user_tagged(
        frozenset({ref("a/d").canonical()})
    )

    assert [entry.user_tagged for entry in images.entries] == [True, False, False, False]
    assert [entry.need for entry in images.entries] == ["later", "", "", ""]
    assert list(images.chosen(None)) == [ref("a/d:latest"), ref(digest), ref("a/e")]


def test_a_line_that_says_what_it_is_needed_for_is_not_marked() -> None:
    images = document({"image": "a/d", "need": "required"})
    assert images.with_user_tagged({ref("a/d").canonical()}) == images


@pytest.mark.parametrize(
    ("items", "schema", "message"),
    [
        (({"image": "a/b:1", "need": "required"},), "ckf-airgap/lock/v1", "not a list of images"),
        (({"image": "a/b:1"}, {"image": 3, "need": "later"}), SCHEMA, "image 2"),
        (({"image": "A B", "need": "later"},), SCHEMA, "image 1"),
    ],
)
def test_another_document_is_refused(items: tuple[object, ...], schema: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        document(*items, schema=schema)
    assert message in str(caught.value)


# Looking up


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("R:5000/a/b:1", "docker.io/a/b:1"),
        ("R:5000/a/b:1", "a/b:1"),
        (f"R:5000/a/b:{HEX}", f"gcr.io/a/b@sha256:{HEX}"),
        (f"R:5000/a/b:{HEX}", f"gcr.io/a/b:v1@sha256:{HEX}"),
        ("R:5000/google-containers/busybox", "gcr.io/google-containers/busybox"),
        ("R:5000/google-containers/busybox:latest", "gcr.io/google-containers/busybox"),
        ("R:5000/google-containers/busybox", "gcr.io/google-containers/busybox:latest"),
        ("R:5000/docker.io/ubuntu:22.04", "docker.io/ubuntu:22.04"),
        ("R:5000/docker.io/ubuntu:22.04", "ubuntu:22.04"),
        ("R:5000/ubuntu:22.04", "docker.io/ubuntu:22.04"),
        ("R:5000/library/ubuntu:22.04", "ubuntu:22.04"),
        ("R:5000/ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
        ("R:5000/registry.k8s.io/busybox", "registry.k8s.io/busybox"),
        ("R:5000/busybox:latest", "registry.k8s.io/busybox"),
        ("R:5000/a/b:1", "R:5000/a/b:1"),
    ],
)
def test_an_image_is_found_in_every_place_that_means_it(line: str, source: str) -> None:
    assert found(retagged(line), source) == line


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("R:5000/serving/autoscaler-hpa:1", "serving/autoscaler:1"),
        ("R:5000/serving/autoscaler:1", "serving/autoscaler-hpa:1"),
        ("R:5000/python.org/a:1", "python:1"),
        ("R:5000/ubuntu/python:3.8", "python:3.8"),
        ("R:5000/a/b:1", "a/b:1.0"),
        ("R:5000/a/b:1.0", "a/b:1"),
        ("R:5000/a/b:1", "a/b"),
        ("R:5000/a/b", "a/b:1"),
        ("R:5000/a/b:1", "b:1"),
        ("R:5000/a/b:1", "x/a/b:1"),
        ("R:5000/x/a/b:1", "a/b:1"),
        ("R:5000/library/a/b:1", "a/b:1"),
        (f"R:5000/a/b:{HEX}", f"a/b:{HEX[:12]}"),
        ("R:5000/a/b:1", "q:5000/r/a/b:1"),
    ],
)
def test_an_image_is_never_found_by_a_part_of_its_name(line: str, source: str) -> None:
    assert found(retagged(line), source) is None


def test_a_list_of_the_old_scripts_tells_two_busyboxes_apart() -> None:
    images = retagged("R:5000/busybox:1", "R:5000/registry.k8s.io/busybox:1")
    assert found(images, "busybox:1") == "R:5000/busybox:1"
    assert found(images, "registry.k8s.io/busybox:1") == "R:5000/registry.k8s.io/busybox:1"


def test_a_line_twice_is_found_in_its_first_place() -> None:
    images = retagged("R:5000/a/b:1", "R:5000/c:1", "R:5000/a/b:1")
    place = images.find(ref("a/b:1"))
    assert place is not None
    assert images.targets[place].line == 1


# The registry


def test_the_registry_is_that_of_all_lines() -> None:
    assert retagged("172.17.0.2:5000/a/b:1", "172.17.0.2:5000/c:1").registry == Registry(
        "172.17.0.2:5000"
    )


NEEDED = [ref("docker.io/charmedkubeflow/dex:1"), ref("gcr.io/istio/pilot:1"), ref("busybox:1")]


@pytest.mark.parametrize("path", ["", "ckf", "mirror/ckf", "charmedkubeflow"])
def test_the_path_is_the_one_under_which_the_needed_images_are(path: str) -> None:
    registry = Registry("reg.example.com", path)
    images = ImageList.parse(
        "\n".join(f"{registry}/{name}:1" for name in ("charmedkubeflow/dex", "istio/pilot")),
        where="x",
    )
    assert infer_registry(images, NEEDED) == registry


def test_a_namespace_that_all_images_share_is_no_path() -> None:
    images = listed("r.io/charmedkubeflow/dex:1", "r.io/charmedkubeflow/minio:1")
    needed = [ref("charmedkubeflow/dex:1"), ref("docker.io/charmedkubeflow/minio:1")]
    assert infer_registry(images, needed) == Registry("r.io")


def test_of_two_paths_that_fit_alike_the_shorter_is_taken() -> None:
    assert infer_registry(listed("r.io/a/b/c:1"), [ref("x:1")]) == Registry("r.io")


def test_mixed_registries_must_be_decided_by_a_person() -> None:
    with pytest.raises(InputError, match=r"it names docker\.io, no registry, r\.io") as raised:
        retagged("r.io/a:1", "docker.io/b:1", "c/d:1")
    assert "--registry" in raised.value.fix


def test_an_empty_list_does_not_tell_the_registry() -> None:
    with pytest.raises(InputError, match="it names no image"):
        retagged()


def test_every_line_outside_the_given_registry_is_reported() -> None:
    with pytest.raises(InputError) as raised:
        retagged("r.io/ckf/a:1", "r.io/b:1", "r.io/ckfx/c:1", "d:1", registry="r.io/ckf")
    assert [problem.where.rpartition(" ")[2] for problem in raised.value.problems] == [
        "2",
        "3",
        "4",
    ]


def test_an_empty_list_holds_nothing_in_a_registry_that_is_given() -> None:
    assert found(retagged(registry="r.io"), "a/b:1") is None


# The rule


def test_by_rule_gives_the_places_of_the_rule() -> None:
    sources = [ref("docker.io/a/b:1"), ref("a/b:1"), ref(f"gcr.io/c/d@sha256:{HEX}")]
    images = RetaggedImages.by_rule(sources, Registry("r.io", "ckf"))
    assert [str(image) for image in images.images] == [
        "r.io/ckf/a/b:1",
        f"r.io/ckf/c/d:{HEX}",
    ]
    assert [images.find(source) for source in sources] == [
        ref("r.io/ckf/a/b:1"),
        ref("r.io/ckf/a/b:1"),
        ref(f"r.io/ckf/c/d:{HEX}"),
    ]


def test_two_images_in_one_place_are_refused_before_anything_is_pushed() -> None:
    sources = [ref("quay.io/a/b:1"), ref("x/y:1"), ref("docker.io/a/b:1"), ref("gcr.io/c/d:1")]
    with pytest.raises(InputError, match="collide") as raised:
        RetaggedImages.by_rule([*sources, ref("ghcr.io/c/d:1")], Registry("r.io"))
    assert [problem.what for problem in raised.value.problems] == [
        "quay.io/a/b:1, docker.io/a/b:1 would all become r.io/a/b:1",
        "gcr.io/c/d:1, ghcr.io/c/d:1 would all become r.io/c/d:1",
    ]


# What is nearest


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("docker.io/istio/proxyv2:1.22.1", "R:5000/istio/proxyv2:1.22.0"),
        ("other/proxyv2:1.28.0", "R:5000/istio/proxyv2:1.28.0"),
        ("serving/autoscaler:1", "R:5000/serving/autoscaler:2"),
        ("serving/autoscalers:1", "R:5000/serving/autoscaler:2"),
        ("serving/dex:1", None),
        ("serving/scaler:1", "R:5000/serving/autoscaler:2"),
        ("zzz:9", None),
    ],
)
def test_the_nearest_line_is_of_the_same_repository_then_name_then_a_similar_name(
    wanted: str, nearest: str | None
) -> None:
    images = retagged(
        "R:5000/serving/autoscaler-hpa:1",
        "R:5000/serving/autoscaler:2",
        "R:5000/istio/pilot:1.22.1",
        "R:5000/istio/proxyv2:1.22.0",
        "R:5000/istio/proxyv2:1.28.0",
    )
    entry = images.nearest(ref(wanted))
    assert (None if entry is None else str(entry.reference)) == nearest


@pytest.mark.parametrize("wanted", ["dexidp/dex:2", "minio/minio:1", "charmedkubeflow/x:1"])
def test_a_line_that_is_alike_only_in_its_path_is_not_the_nearest(wanted: str) -> None:
    lines = ["charmedkubeflow/migrate:1.16.0", "charmedkubeflow/kfam:1.10.0"]
    images = retagged(*(f"R:5000/{line}" for line in lines))
    assert images.nearest(ref(wanted)) is None


def test_a_line_says_its_number() -> None:
    entry = retagged("R:5000/x:1", "R:5000/a/b:1").nearest(ref("a/b:2"))
    assert str(entry) == "R:5000/a/b:1 (line 2)"
