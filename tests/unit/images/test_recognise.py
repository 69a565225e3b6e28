"""What looks like an image is taken for one, refused, doubted or left alone; none is overlooked."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Charm, DefaultImages, Option
from ckf_airgap.documents import load_yaml
from ckf_airgap.errors import OptionError
from ckf_airgap.images.judge import syntax_doubt
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.plans import OptionPlan
from ckf_airgap.images.recognise import candidates_in_options, find_candidates, images_in_text
from ckf_airgap.images.reference import ImageReference, Registry, retag
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText

R = Registry("172.17.0.2:5000")


def plans(
    option: str, default: str = "", *, value: str | None = None, file: str = "", known: str = ""
) -> tuple[OptionPlan, ...]:
    """Return the plans of a charm with one option, of which the bundle may give the value."""
    path = "src/default-custom-images.json"
    files = [DefaultImages(path=path, text=file, value=load_yaml(file, where="x"))] if file else []
    charm = Charm(
        name="a-charm",
        options={option: Option(name=option, type="string", default=default)},
        default_images=tuple(files),
    )
    listed = {ImageReference.parse(text) for text in known.split()}
    values = {} if value is None else {option: value}
    return plan_options(charm, values, ImageRules.empty(), known=listed.__contains__)


def told(found: tuple[OptionPlan, ...]) -> list[str]:
    return [str(warning) for plan in found for warning in plan.warnings]


def images(found: tuple[OptionPlan, ...]) -> list[str]:
    return [str(use.reference) for plan in found for use in plan.uses]


# Malformed references

MALFORMED = [
    "quay.io/Bad::y",
    "quay.io/Acme/cat:1",
    "quay.io/acme/cat:@x",
    "quay.io/acme/cat:1\u200b",
    "quay.io//cat:1",
    "quay.io/acme/cat@sha256:8e60",
    "quay.io/acme/cat:1:2",
    "acme/cat:-1",
    "é/b:1.2",
]


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_image_of_the_bundle_is_an_error_with_its_option(value: str) -> None:
    with pytest.raises(OptionError) as raised:
        plans("plain-image", "acme/cat:1", value=value)
    (problem,) = raised.value.problems
    assert problem.where == "option plain-image"
    assert "is not an image reference: " in problem.what


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_image_that_is_the_charms_default_is_a_warning(value: str) -> None:
    (warning,) = told(plans("plain-image", value))
    assert warning.startswith("option plain-image: ")
    assert warning.endswith("; it is the charm's default (set it with --set)")
    assert told(plans("plain-image", value, value=value)) == [warning]


def test_every_malformed_image_is_named_with_its_key() -> None:
    charm = Charm(
        name="a-charm",
        options={
            name: Option(name=name, type="string", default="")
            for name in ("plain-image", "custom_images", "more-images", "text-images", "config")
        },
    )
    values = {
        "plain-image": "quay.io/Bad::y",
        "custom_images": "agent: a/b:1\nlogger: a/B:1\n",
        "more-images": "['a/b:1', 'a/b:1:2']",
        "text-images": "a/b:1, a/b::2",
        "config": json.dumps({"spec": "pod: {image: 'a//b:1', mount: 'Data:/var'}"}),
    }
    with pytest.raises(OptionError) as raised:
        plan_options(charm, values, ImageRules.empty())
    assert [problem.where for problem in raised.value.problems] == [
        "option plain-image",
        "option custom_images, key logger",
        "option more-images, item [1]",
        "option text-images",
        "option config, key spec.pod.image",
    ]


@pytest.mark.parametrize("value", ["{image: {agent: 'a//b:1'}}", "{image: 'a//b:1'}"])
def test_the_innermost_key_that_names_images_decides_what_must_be_one(value: str) -> None:
    for outer in ("images", "other"):
        with pytest.raises(OptionError) as raised:
            plans("config", value=f"{outer}: {{pod: {value}}}")
        (problem,) = raised.value.problems
        assert str(problem.where).startswith(f"option config, key {outer}.pod.image")
    assert plans("config", value="images: {pod: {command: {agent: 'a//b:1'}}}") == ()


def test_an_image_in_a_text_is_found_by_its_line_and_column() -> None:
    text = "run a/b:1.2 or\n  c/d:3, not e/f\nor g/h:4.5"
    found = find_candidates(ValueText.parse(text), "words")
    assert [(candidate.path, candidate.text) for candidate in found] == [
        (("line 1 column 5",), "a/b:1.2"),
        (("line 2 column 3",), "c/d:3"),
        (("line 3 column 4",), "g/h:4.5"),
    ]


def test_a_malformed_image_in_the_charms_file_is_a_warning() -> None:
    file = '{"agent": "a/b:1", "logger": "a/b::1"}'
    for default in ("", "agent: ''\nlogger: ''\n", "agent: ''\n"):
        (warning,) = told(plans("custom_images", default, file=file))
        assert warning.startswith("option custom_images, key logger: 'a/b::1' is not an image")
    assert told(plans("custom_images", value="logger: c/d:1", file=file)) == []


OTHER_THINGS = [
    "https://Example.com/a/B:1",
    "oci://r.io/A",
    "12:30",
    "12:30:45",
    "2024-01-01T12:30:45Z",
    "12:30pm",
    "1.5",
    "Minio:9000",
    "[fd00::1]:5000",
    "fd00::1/64",
    "::1",
    "{{ registry }}/a/B:1",
    "{{registry}}/B:{{tag}}",
    "{registry}/B",
    "${REGISTRY}/B",
    "%(registry)s/B",
    "<host>/B:<tag>",
    "docker.io/*",
    "/var/Run:x",
    "./Bundle:x",
    "../B",
    "~/B:x",
    "C:\\Images\\a:b",
    "C:/Images",
    "--image:B/c",
    "Key=a/B",
    "me@example.com:8080/a:1.2",
    "git@github.com:Org/repo",
    "IfNotPresent",
    "Some text: with/Separators::and blanks",
    "",
]


@pytest.mark.parametrize("value", OTHER_THINGS)
@pytest.mark.parametrize("option", ["plain-image", "x-images"])
def test_what_is_plainly_something_else_is_no_malformed_image(option: str, value: str) -> None:
    found = plans(option, "a/b:1", value=value)
    assert [warning for warning in told(found) if "the option is empty" not in warning] == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image-pull-secrets", "Ns/Secret"),
        ("image-path", "Some/Path"),
        ("config", "mount: 'Data:/var'\n"),
        ("config", "{image: 'a/b:1', mount: 'Data:/var', note: 'A/B'}"),
        ("custom_images", "{a: {image: 'a/b:1', mount: 'Data:/var'}}"),
        ("config", "Bad::y/z"),
    ],
)
def test_what_nothing_calls_an_image_is_no_malformed_one(option: str, value: str) -> None:
    assert told(plans(option, value=value)) == []


def test_what_names_begin_with_is_told_but_no_error() -> None:
    (warning,) = told(plans("image-prefix", value="quay.io/acme/"))
    assert "ends in a slash" in warning


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image-registry", "rocks.canonical.com:443/cdk"),
        ("image-repository", "gcr.io/google_containers"),
        ("image-prefix", "quay.io/jetstack"),
        ("image_hub", "docker.io/istio"),
        ("sidecarImageRepo", "registry.example/team"),
        ("config", "{image-registry: ghcr.io/acme}"),
    ],
)
def test_what_names_begin_with_is_no_image_unless_listed(option: str, value: str) -> None:
    found = plans(option, value)
    assert images(found) == []
    (warning,) = told(found)
    assert "seems to be what names of images begin with" in warning
    listed = value.partition(": ")[2].rstrip("}") or value
    assert images(plans(option, value, known=listed)) == [listed]


@pytest.mark.parametrize("option", ["image-repository", "image-registry", "image-prefix"])
def test_a_tag_makes_an_image_of_what_is_called_a_repository(option: str) -> None:
    assert images(plans(option, "quay.io/acme/cat:1.2")) == ["quay.io/acme/cat:1.2"]


@pytest.mark.parametrize(
    "option", ["image-registry", "image-prefix", "image-tag", "image-pull-policy"]
)
def test_an_empty_option_that_holds_no_whole_image_is_not_told(option: str) -> None:
    assert told(plans(option)) == []
    assert told(plans("worker-image")) != []


# A name and its tag in two options


def two(name: str, tag: str, *, values: dict[str, str] | None = None) -> tuple[OptionPlan, ...]:
    defaults = {name: "quay.io/jetstack/controller", tag: "v1.2.3"}
    options = {key: Option(name=key, type="string", default=text) for key, text in defaults.items()}
    return plan_options(Charm(name="c", options=options), values or {}, ImageRules.empty())


def written(found: tuple[OptionPlan, ...], target: str = "") -> dict[str, str]:
    """Return the options that a plan writes, as rendered."""
    place = ImageReference.parse(target) if target else None
    return {
        plan.option: plan.render(lambda image: place or retag(image, R))
        for plan in found
        if plan.is_written
    }


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("image-name", "image-tag"),
        ("image-repository", "image-tag"),
        ("cat_image", "cat_image_version"),
        ("cat-image", "cat-tag"),
        ("image", "imageTag"),
    ],
)
def test_a_name_takes_the_tag_of_the_option_beside_it(name: str, tag: str) -> None:
    found = two(name, tag)
    assert images(found) == ["quay.io/jetstack/controller:v1.2.3"]
    assert written(found) == {name: f"{R}/jetstack/controller", tag: "v1.2.3"}
    changed = two(name, tag, values={tag: "v2"})
    assert images(changed) == ["quay.io/jetstack/controller:v2"]


def test_a_name_with_a_tag_of_its_own_needs_no_other() -> None:
    (plan,) = two("image-name", "image-tag", values={"image-name": "a/b:7"})
    assert images((plan,)) == ["a/b:7"]
    assert plan.render(lambda image: retag(image, R)) == f"{R}/a/b:7"


@pytest.mark.parametrize("tag", ["other-tag", "image-policy"])
def test_an_option_of_another_name_is_no_tag(tag: str) -> None:
    assert images(two("image-name", tag)) == ["quay.io/jetstack/controller"]


def test_a_target_with_another_tag_is_written_into_both_options() -> None:
    found = two("image-name", "image-tag")
    assert written(found, "r.example/x:other") == {
        "image-name": "r.example/x",
        "image-tag": "other",
    }


# Names without separators


def test_a_bare_name_in_an_option_for_an_image_is_one_if_it_is_listed_else_a_warning() -> None:
    assert images(plans("worker-image", "busybox", known="busybox")) == ["busybox"]
    found = plans("worker-image", "busybox")
    assert images(found) == []
    assert told(found) == [
        (
            "option worker-image: 'busybox' may be an image on Docker Hub, but is left unchanged "
            "(add it to the list of images if it is one; if not, --set it to the same value)"
        )
    ]
    written = plans("worker-image", "busybox", value="docker.io/library/busybox")
    assert images(written) == ["docker.io/library/busybox"]
    assert told(written) == []


@pytest.mark.parametrize(
    ("option", "value", "where"),
    [
        ("config", "{worker_image: busybox}", "option config, key worker_image"),
        ("config", "{pods: [{image: busybox}]}", "option config, key pods[0].image"),
        ("x-images", "[a/b:1, busybox]", "option x-images, item [1]"),
        ("x-image", "busybox\n", "option x-image"),
    ],
)
def test_a_bare_name_is_told_with_its_key(option: str, value: str, where: str) -> None:
    (warning,) = told(plans(option, value))
    assert warning.startswith(f"{where}: 'busybox' may be an image on Docker Hub")


@pytest.mark.parametrize(
    "value",
    [
        *("IfNotPresent", "ifnotpresent", "Always", "Never", "true", "false", "latest", "none"),
        *("1.9", "v2", "8080", "nvcr.io", "Busybox", "two words", "null"),
        *("0123456789abcdef" * 4, "a" * 300),
    ],
)
def test_a_word_that_names_no_image_is_not_told(value: str) -> None:
    found = told(plans("worker-image", "a/b:1", value=value))
    assert [warning for warning in found if "may be an image" in warning] == []


@pytest.mark.parametrize("option", ["image-pull-policy", "worker", "image-name", "images"])
def test_a_bare_name_elsewhere_is_not_told(option: str) -> None:
    assert told(plans(option, "busybox")) == []


# Neighbours


@pytest.mark.parametrize(
    "value",
    [
        "{x: 'quay.io/pets/a:1', y: 'quay.io/pets/cat'}",
        "['quay.io/pets/a:1', 'quay.io/pets/cat']",
        "- quay.io/pets/cat\n- quay.io/pets/a:1\n",
        '{"spec": {"x": "quay.io/pets/a:1", "y": "quay.io/pets/cat"}}',
        "spec: |\n  x: docker.io/a/b:1\n  y: quay.io/pets/cat\n",
    ],
)
def test_a_hosted_name_without_tag_is_an_image_beside_one(value: str) -> None:
    found = plans("config", value)
    assert "quay.io/pets/cat" in images(found)
    (plan,) = found
    assert "quay.io" not in plan.render(lambda source: retag(source, R))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("quay.io/pets/cat:latest", "image"),
        ("quay.io/cat", "image"),
        ("registry.k8s.io/pause", "image"),
        ("reg.example.com:5000/cat", "image"),
        ("localhost:5000/cat", "image"),
        ("172.17.0.2/pets/cat", "image"),
        ("nvidia.com/gpu", "doubt"),
        ("kubernetes.io/hostname", "doubt"),
        ("networking.k8s.io/v1", "nothing"),
        ("github.com/acme/cat", "nothing"),
        ("10.0.0.0/8", "nothing"),
        ("pets/cat", "nothing"),
        ("cat", "nothing"),
        ("minio.svc/x:8080", "nothing"),
        ("https://quay.io/pets/cat", "nothing"),
        ("quay.io", "nothing"),
        ("/etc/x.d/y", "nothing"),
    ],
)
def test_what_else_stands_beside_an_image(other: str, expected: str) -> None:
    found = plans("config", json.dumps({"x": "quay.io/pets/a:1", "y": other}))
    assert images(found) == ["quay.io/pets/a:1", *([other] if expected == "image" else [])]
    assert len(told(found)) == (expected == "doubt")
    listed = plans(
        "config", json.dumps({"x": "quay.io/pets/a:1", "y": other}), known="nvidia.com/gpu"
    )
    assert ("nvidia.com/gpu" in images(listed)) == (other == "nvidia.com/gpu")


def test_an_image_in_another_mapping_is_no_neighbour() -> None:
    found = plans("config", "{x: {image: 'quay.io/pets/a:1'}, y: {z: 'quay.io/pets/cat'}}")
    assert images(found) == ["quay.io/pets/a:1"]


def test_names_without_tag_between_commas_are_images_where_the_option_says_so() -> None:
    value = "quay.io/pets/cat, quay.io/pets/a:1"
    assert images(plans("x-images", value)) == ["quay.io/pets/cat", "quay.io/pets/a:1"]
    assert images(plans("words", value)) == ["quay.io/pets/a:1"]


def test_images_in_a_text_leave_out_what_is_in_doubt() -> None:
    found = images_in_text("{image: busybox, x: 'a/b:1', y: nvidia.com/gpu, z: 'c/D:1'}", "config")
    assert [str(image) for image in found] == ["a/b:1"]


# Registries by name, and names in every place


@pytest.mark.parametrize(
    ("value", "expected", "warnings"),
    [
        ("quay.io/acme/worker:stable", ["quay.io/acme/worker:stable"], 0),
        ("ghcr.io/acme/helper", [], 1),
        ("ghcr.io/acme/helper\n", [], 1),
        ("run quay.io/acme/a:stable ghcr.io/acme/b now", ["quay.io/acme/a:stable"], 1),
        ("{x: 'quay.io/acme/a:stable', y: z}", ["quay.io/acme/a:stable"], 0),
        ("{x: 'ghcr.io/acme/helper', y: z}", [], 1),
        ("{x: 'ghcr.io/acme/helper', y: 'quay.io/acme/a:stable'}", ["*", "*"], 0),
        ("nvcr.io,quay.io", [], 0),
    ],
)
def test_a_registry_by_name_is_never_passed_over(
    value: str, expected: list[str], warnings: int
) -> None:
    found = plans("worker", value)
    assert len(images(found)) == len(expected)
    assert "*" in expected or images(found) == expected
    assert len(told(found)) == warnings
    assert all("may be an image" in text for text in told(found))


@pytest.mark.parametrize("value", ["ghcr.io/acme/helper", "{x: ghcr.io/acme/helper}  # c", "[a,"])
def test_a_doubtful_value_is_left_as_it_is(value: str) -> None:
    for plan in plans("x-image", f"{value}/") + plans("worker", value):
        if not plan.uses:
            assert not plan.is_written
            assert plan.render(lambda _: ImageReference.parse("r.io/x:1")) == plan.value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("fooImage: acme/a\nport: x/y\n", ["acme/a"]),
        ("imageName: acme/a\nimage_name: acme/b\n", ["acme/a", "acme/b"]),
        ("images: [acme/a, acme/b]\nother: [acme/c]\n", ["acme/a", "acme/b"]),
        ("- {name: X_IMAGE, value: acme/a}\n- {name: PORT, value: x/y}\n", ["acme/a"]),
        ("- {value: acme/a, name: RELATED_IMAGE_x}\n", ["acme/a"]),
        ("- {name: imageTag, value: acme/a}\n", []),
        ("- {Key: workerImage, Default: acme/a}\n", ["acme/a"]),
        ("- {name: x, image: acme/a, value: acme/b}\n", ["acme/a"]),
        ('["--image", "acme/a", "--port", "x/y"]', ["acme/a"]),
        ('["--image=acme/a", "acme/b"]', ["acme/a"]),
        ('["image", "acme/a"]', []),
        ('[["--image"], "acme/a"]', []),
        ("--image acme/a --port x/y WORKER_IMAGE=acme/b", ["acme/a", "acme/b"]),
        ("note: 'take --image=acme/a or x/y'\n", ["acme/a"]),
        ("env: |\n  - name: X_IMAGE\n    value: acme/a\n", ["acme/a"]),
        ("RELATED_IMAGE_foo: acme/a\n", ["acme/a"]),
        ("image-digest: acme/a\nimage-pull-secret: a/b\ndisk-image: c/d\n", []),
    ],
)
def test_names_without_tag_are_images_where_a_name_says_so(value: str, expected: list[str]) -> None:
    assert images(plans("config", value)) == expected


def test_names_without_separators_are_told_where_a_variable_is_called_an_image() -> None:
    (warning,) = told(plans("config", "- {name: X_IMAGE, value: busybox}\n"))
    assert warning.startswith("option config, item [0].value: 'busybox' may be an image on Docker")
    assert told(plans("config", "- {name: X_PORT, value: busybox}\n")) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image-digest", "sha256:" + "a" * 64),
        ("x-images", "sha256:" + "a" * 64),
        ("image-channel", "1.0/edge"),
        ("disk-image", "jammy/current"),
        ("boot-images", "focal/20230101"),
        ("background-image", "static/logo.png"),
        ("image-gallery-url", "gallery.example.com/x"),
        ("image-pull-secret", "ns/secret"),
        ("image-formats", "qcow2,raw/x"),
        ("image-tag", "Bad/Tag"),
    ],
)
def test_options_about_images_that_hold_none(option: str, value: str) -> None:
    assert plans(option, value) == ()
    assert plans(option, value=value) == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image-registry", "quay.io"),
        ("image-registry", "public.ecr.aws"),
        ("image-registry", "localhost:5000"),
        ("image-registry", "quay.io\n"),
        ("docker-registry", "mcr.microsoft.com"),
        ("registry-url", "https://quay.io"),
        ("allow-image-domains", "quay.io, cdn.example.com"),
        ("image-prefix", "acme/"),
    ],
)
def test_a_bare_registry_is_told_with_what_to_set(option: str, value: str) -> None:
    found = plans(option, value)
    assert images(found) == []
    assert told(found)
    for warning in told(found):
        assert warning.startswith(f"option {option}")
        assert "--set" in warning


@pytest.mark.parametrize(
    "option",
    [
        *("image-registry", "image-prefix", "image-repository", "image-host", "image-domain"),
        *("job-kube-main-container-image-pull-secret", "allow-image-domains", "image-formats"),
        *("image-tag", "image-digest", "image-channel", "disk-image", "background-image"),
        *("docker-registry", "image-pull-policy", "image-path", "image-url"),
    ],
)
def test_an_empty_option_about_images_that_holds_none_is_not_told(option: str) -> None:
    for empty in ("", "\n", "null"):
        assert plans(option, empty) == ()


def test_empty_keys_about_images_that_hold_none_are_not_told() -> None:
    found = plans("custom_images", "agent: ''\nimage-pull-secret: ''\nimage-registry: ''\n")
    assert [warning.partition(": ")[0] for warning in told(found)] == [
        "option custom_images, key agent"
    ]


def test_documents_inside_strings_are_read_to_a_depth_and_words_beyond_it() -> None:
    value: object = {"image": "acme/a"}
    for depth in range(14):
        text = json.dumps(value)
        found = plans("config", text)
        if depth <= 10:
            assert images(found) == ["acme/a"]
            (plan,) = found
            assert "172.17.0.2:5000/acme/a" in plan.render(lambda source: retag(source, R))
        value = [text]


def test_images_and_doubts_in_options_of_one_charm() -> None:
    values = {
        "image-registry": "quay.io",
        "image-name": "acme/cat",
        "image-tag": "1",
        "other-image-registry": "ghcr.io",
        "helper": "ghcr.io/acme/helper",
        "image-configuration": "{hub: docker.io/istio, tag: '1.2', pilot-image: pilot, x: a/b:1}",
        "words": "nothing",
    }
    found = [
        (name, candidate.path, str(candidate.image or candidate.text), candidate.part)
        for name, candidate in candidates_in_options(values)
    ]
    assert found == [
        ("image-name", (), "quay.io/acme/cat:1", ""),
        ("other-image-registry", (), "ghcr.io", "registry"),
        ("helper", (), "ghcr.io/acme/helper", ""),
        ("image-configuration", ("pilot-image",), "docker.io/istio/pilot:1.2", ""),
        ("image-configuration", ("x",), "a/b:1", ""),
    ]


# Whatever comes

PLAIN = st.sampled_from(
    [
        *("", "text", "12:30", "minio:9000", "https://x.y/z:v1", "{{ a }}/b/c:v1", "é", "a b"),
        *("x/y", "null", "sha256:" + "a" * 64, "quay.io", "/a/b:1", "[", "k: v", "- a", "a@b.c"),
    ]
)
KEYS = st.sampled_from(["k", "port", "image-tag", "disk-image", "image-pull-secret", "url"])
TREES: st.SearchStrategy[object] = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | inner.map(json.dumps)
    ),
    max_leaves=8,
)
PLANTED = ["docker.io/a/b:v1", "quay.io/c/d:stable", "e/f@sha256:" + "b" * 64]


@given(TREES, st.sampled_from(["config", "image-tag", "disk-image", "image-pull-policy"]))
def test_a_value_without_an_image_is_never_changed(tree: object, option: str) -> None:
    for text in (tree if isinstance(tree, str) else json.dumps(tree), yaml.safe_dump(tree)):
        for plan in plans(option, text):
            assert plan.uses == ()
            assert plan.render(lambda source: retag(source, R)) == text


@given(TREES, st.lists(st.sampled_from(PLANTED), min_size=1, max_size=3), st.booleans())
def test_rendering_exchanges_exactly_the_images_found(
    tree: object, planted: list[str], as_json: bool
) -> None:
    value = {"a": tree, "b": planted, "c": " or ".join(planted)}
    text = json.dumps(value) if as_json else yaml.safe_dump(value)
    (plan,) = plans("config", text)
    assert [str(use.reference) for use in plan.uses] == [*planted, *planted]
    after = plan.render(lambda source: ImageReference("r.io", "x", source.tag or "d"))
    for image in PLANTED:
        new = str(ImageReference("r.io", "x", ImageReference.parse(image).tag or "d"))
        text = text.replace(image, new)
    assert yaml.safe_load(after) == yaml.safe_load(text)


@given(st.text(max_size=40))
def test_no_doubt_about_a_reference(text: str) -> None:
    doubt = syntax_doubt(text)
    if doubt:
        assert "is not an image reference" in doubt


@pytest.mark.parametrize("piece", [" ", "a", "a-", "a/", "a:", "@a.", "a,", "[", ".", "a@", "A/:"])
def test_long_values_are_judged_at_once(piece: str) -> None:
    for text in (f"a{piece * 50_000}b", f"x: a/b:v1\ny: a{piece * 50_000}b"):
        assert len(list(find_candidates(ValueText.parse(text), "x-image"))) <= 50_002


@given(st.text(max_size=60), st.sampled_from(["x-image", "images", "config", ""]))
def test_no_value_is_too_strange(text: str, option: str) -> None:
    for value in (text, json.dumps([text, "a/b:v1"]), json.dumps({"image": text, "b": "a/b:v1"})):
        for candidate in find_candidates(ValueText.parse(value), option):
            assert candidate.image is not None or candidate.verdict.reason
