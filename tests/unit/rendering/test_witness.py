"""The second witness: what it takes for an image, and that nothing in force escapes it."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import Application
from ckf_airgap.charms.charm import Charm, DefaultImages, Option
from ckf_airgap.documents import JSONValue
from ckf_airgap.rendering.witness.composing import compose
from ckf_airgap.rendering.witness.inforce import options_in_force
from ckf_airgap.rendering.witness.judging import Verdict, judge
from ckf_airgap.rendering.witness.naming import Says, said, says
from ckf_airgap.rendering.witness.survey import document, survey

HEX = "a" * 64
IMAGE, PERHAPS, PART = Verdict.IMAGE, Verdict.PERHAPS, Verdict.PART


def verdict(text: str, *names: str) -> Verdict | None:
    judged = judge(text, names, private="reg.example.com:5000")
    return judged.verdict if judged is not None else None


@pytest.mark.parametrize(
    "text",
    [
        "quay.io/acme/worker:stable",
        "ghcr.io/acme/helper",
        "eu.gcr.io/a/b",
        "registry.k8s.io/busybox",
        "docker.io/busybox",
        "europe-docker.pkg.dev/a/b/c",
        "012345678901.dkr.ecr.eu-west-1.amazonaws.com/a/b",
        "acme.azurecr.io/a/b:stable",
        "images.example.com/x:stable",
        "images.example.com/x:v1",
        "images.example.com:5000/x:whatever",
        "acme/tool:stable",
        "10.1.2.3:5000/x:1",
        "localhost:5000/x:edge",
        "[fd00::1]:5000/x:1",
        f"busybox@sha256:{HEX}",
        f"a/b@sha256:{HEX}",
        "acme/tool:1.2",
        "acme/tool:latest",
        "acme/tool:v2-alpine",
        "docker://quay.io/acme/tool:1",
        "reg.example.com:5000/acme/x:1",
    ],
)
def test_a_complete_reference_is_one_under_any_name(text: str) -> None:
    assert verdict(text, "words") is IMAGE
    assert verdict(text) is IMAGE


@pytest.mark.parametrize(
    "text",
    [
        "12:30",
        "minio:9000",
        "minio.svc:9000/bucket",
        "nvidia.com/gpu",
        "application/json",
        "https://quay.io/acme/tool:1",
        "git@github.com:acme/tool",
        "github.com/acme/tool:v1",
        "C:/images/tool:1",
        "C:\\images\\tool:1",
        "networking.k8s.io/v1",
        "apps/v1",
        "10.0.0.0/8",
        "10/12:30",
        "a.example.com/x:8080",
        "a.example.com:5000/x:8080",
        "cert-manager.io/issuer:letsencrypt",
        "nginx.ingress.kubernetes.io/proxy-body-size:10m",
        "app.k8s.io/name:v1",
        "host/path:8080",
        "team/role:admin",
        f"sha256:{HEX}",
        "nvcr.io",
        "IfNotPresent",
        "/etc/acme/x:1",
        "",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert verdict(text, "words") in (None, PERHAPS)
    assert verdict(text, "registries-skipping-tag-resolving") in (None, PERHAPS)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("acme/tool", ("worker-image",), IMAGE),
        ("acme/tool", ("workerImage",), IMAGE),
        ("acme/tool", ("APISERVER_RA_IMAGE",), IMAGE),
        ("acme/tool", ("RELATED_IMAGE_worker",), IMAGE),
        ("acme/tool", ("image-name",), IMAGE),
        ("acme/tool", ("custom_images", "frontend"), IMAGE),
        ("acme/tool", ("jupyter-images",), IMAGE),
        ("acme/tool", ("custom_images", "a", "b"), PERHAPS),
        ("acme/tool", ("image", "command"), PERHAPS),
        ("acme/tool", ("disk-image",), PERHAPS),
        ("acme/tool", ("image-format",), PERHAPS),
        ("postgres:14", ("db-image",), IMAGE),
        ("minio:9000", ("db-image",), IMAGE),
        ("busybox:1.28", ("image-configuration", "grpc"), IMAGE),
        ("busybox:8080", ("image-configuration", "grpc"), PERHAPS),
        ("busybox", ("worker-image",), PERHAPS),
        ("busybox", ("words",), None),
        ("host.example.com/x", ("worker-image",), IMAGE),
        ("host.example.com/x", ("words",), PERHAPS),
        ("host.example.com/x:whatever", ("worker-image",), IMAGE),
        ("host.example.com/x:whatever", ("words",), PERHAPS),
        ("host.example.com/v1", ("worker-image",), PERHAPS),
        ("quay.io/acme", ("words",), PART),
        ("quay.io/acme", ("worker-image",), IMAGE),
        ("quay.io", ("image-registry",), PART),
        ("quay.io/acme/", ("image-prefix",), PART),
        ("quay.io/acme/tool", ("image-repository",), PART),
        ("quay.io", ("registry",), PART),
        ("mirror.corp:5000", ("image-registry",), PART),
        ("mirror.corp:5000", ("model-registry",), PERHAPS),
        ("quay.io", ("model-registry",), PART),
        ("pypi.example.com", ("pip-repository",), None),
        ("quay.io", ("external-hostname",), None),
        ("reg.example.com:5000/ckf/x", ("words",), PERHAPS),
        ("reg.example.com:5000/ckf/x", ("x-image",), IMAGE),
        ("reg.example.com:5000/ckf", ("model-registry",), PART),
        ("mirror.example.com:5000/ckf", ("model-registry",), PERHAPS),
        ("quay.ioX", ("model-registry",), None),
        ("quay.io/Acme", ("image-registry",), None),
        ("localhost", ("image-registry",), None),
        ("mirror.c", ("image-registry",), None),
        ("mirror.co", ("image-registry",), PART),
        ("mirror.c0", ("image-registry",), None),
        ("12:30", ("x-image",), None),
        (f"sha256:{HEX}", ("x-image",), None),
        (f"sha256@sha256:{HEX}", ("words",), IMAGE),
        ("2024/report:1.0", ("words",), PERHAPS),
        ("2024/x/report:1.0", ("words",), PERHAPS),
        ("x2024/report:1.0", ("words",), IMAGE),
        ("acme/tool:12", ("words",), IMAGE),
        ("acme/tool:80", ("words",), PERHAPS),
        ("acme/tool:81", ("words",), IMAGE),
        ("acme/tool:443", ("words",), PERHAPS),
        ("acme/tool:65535", ("words",), PERHAPS),
        ("acme/tool:202406", ("words",), IMAGE),
    ],
)
def test_a_name_decides_where_the_text_does_not(
    text: str, names: tuple[str, ...], expected: Verdict | None
) -> None:
    assert verdict(text, *names) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat-image", Says.IMAGE),
        ("catImages2", Says.IMAGE),
        ("image-pull-policy", Says.BESIDE),
        ("image-tag", Says.BESIDE),
        ("logo-image", Says.BESIDE),
        ("executor-container-image-and-version", Says.LOOSELY),
        ("container-registry", Says.FRONT),
        ("schema-registry", Says.VAGUE_FRONT),
        ("words", Says.NOTHING),
        ("--", Says.NOTHING),
    ],
)
def test_what_a_name_says(name: str, expected: Says) -> None:
    assert says(name) is expected
    assert said((name,)) is expected


def found(value: JSONValue, *names: str) -> set[str]:
    return {
        str(one.judged.reference)
        for one in survey(value, names or ("words",), private="")
        if one.judged.verdict is IMAGE
    }


REFERENCES = st.builds(
    lambda host, path, tag: f"{host}/{'/'.join(path)}{tag}",
    st.sampled_from(["quay.io", "gcr.io", "docker.io", "mirror.corp:5000", "10.1.2.3:5000"]),
    st.lists(st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True), min_size=2, max_size=4),
    st.sampled_from([":1", ":v2.0-rc1", ":22.04_stable", f"@sha256:{HEX}", f":3@sha256:{HEX}"]),
)
KEYS = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
FILLERS = st.sampled_from(["", "x", "12:30", "on", "minio:9000", "no image here", "a b\nc"])
WRAPPERS = st.sampled_from(
    ["mapping", "list", "json", "yaml", "text", "flag", "variable", "pair", "shell", "line"]
)


def wrapped(value: JSONValue, how: str, key: str, filler: str) -> JSONValue:
    """Return a value inside another; only a text can be written into a text."""
    flat = value if isinstance(value, str) and not any(end in value for end in "\n{[\"'") else None
    if how == "json":
        return json.dumps({key: value, "other": filler})
    if how == "yaml":
        return yaml.safe_dump([filler, {key: value}])
    if how == "pair":
        return [{"name": key.upper(), "value": value}, {"name": "X", "value": filler}]
    if how == "list" or flat is None:
        return [filler, value]
    texts = {
        "text": f"run {flat} now",
        "flag": f"start --image={flat} --verbose",
        "variable": f"A=1 IMAGE={flat}, B=2",
        "shell": f"echo ${{{key.upper()}:-{flat}}}",
        "line": f"first line\nthen '{flat}'.\nlast",
    }
    return texts.get(how, {key: value, "other": filler})


@settings(max_examples=150, deadline=None)
@given(REFERENCES, st.lists(st.tuples(WRAPPERS, KEYS, FILLERS), max_size=4))
def test_a_public_reference_is_found_wherever_it_is_planted(
    reference: str, steps: list[tuple[str, str, str]]
) -> None:
    value: JSONValue = reference
    for how, key, filler in steps:
        value = wrapped(value, how, key, filler)
    assert reference in found(value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(WRAPPERS, KEYS, FILLERS), max_size=4), FILLERS)
def test_where_none_is_planted_none_is_found(
    steps: list[tuple[str, str, str]], value: JSONValue
) -> None:
    for how, key, filler in steps:
        value = wrapped(value, how, key, filler)
    assert found(value) <= {"minio:9000", "12:30"}  # behind --image= the first is one


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("env: [{name: WORKER_IMAGE, value: acme/tool}]", {"acme/tool"}),
        ("env: [{name: WORKER, value: acme/tool}]", set()),
        ("WORKER_IMAGE=acme/tool WORKER=acme/other", {"acme/tool"}),
        ("run --worker-image acme/tool --path acme/other", {"acme/tool"}),
        ('say "worker-image": "acme/tool" and go', {"acme/tool"}),
        ("see https://quay.io/acme/tool:1 there", set()),
        ("pull docker://quay.io/acme/tool:1 there", {"quay.io/acme/tool:1"}),
        ("{{ registry }}/acme/tool:1", set()),
        ("$REGISTRY/acme/tool:1", set()),
        ("{{ x | default('ghcr.io/acme/tool:1') }}", {"ghcr.io/acme/tool:1"}),
        ("image: {repository: acme/tool, tag: v1}", {"acme/tool:v1"}),
        ("image: {registry: quay.io, repository: acme/tool, tag: v1}", {"quay.io/acme/tool:v1"}),
        ("{hub: docker.io/istio, tag: '1.2', pilot-image: pilot}", {"docker.io/istio/pilot:1.2"}),
        ("{hub: docker.io/istio, tag: 1.2, pilot-image: pilot}", {"docker.io/istio/pilot"}),
        ("{git-repository: acme/tool, git-tag: v1}", set()),
        ("a: &x quay.io/a/b:1\nb: *x\n", {"quay.io/a/b:1"}),
        ("---\na: 1\n---\nb: quay.io/a/b:1\n", {"quay.io/a/b:1"}),
    ],
)
def test_what_is_written_in_other_ways_is_read_as_programs_do(
    value: str, expected: set[str]
) -> None:
    assert found(value) == expected


def test_the_front_of_a_template_is_a_part() -> None:
    (one,) = survey("quay.io/acme/${NAME}:1", ("words",), private="")
    assert one.judged.verdict is PART
    assert list(survey("example.com/acme/${NAME}:1", ("words",), private="")) == []


def test_registries_in_a_list_are_parts_each() -> None:
    found = survey("quay.io, docker.io", ("image-registry",), private="")
    texts = [one.judged.text for one in found]
    assert texts == ["quay.io", "docker.io"]


def test_a_key_that_is_a_reference_is_told_as_a_key() -> None:
    (one,) = survey({"quay.io/acme/tool:1": True, "acme/x:1": 2}, ("words",), private="")
    assert one.is_key
    assert one.path == ("quay.io/acme/tool:1",)


def test_places_are_named_by_keys_items_lines_and_columns() -> None:
    value: JSONValue = {"a": ["x", {"b": "one\n two quay.io/a/b:1"}]}
    (one,) = survey(value, ("words",), private="")
    assert one.path == ("a", 1, "b", "line 2 column 6")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"cat-image": "acme/cat", "cat-tag": "1"},
            [("cat-image", "", "cat-tag", "acme/cat:1")],
        ),
        (
            {"cat-registry": "quay.io", "cat-image": "acme/cat", "cat-tag": "1"},
            [("cat-image", "cat-registry", "cat-tag", "quay.io/acme/cat:1")],
        ),
        (
            {"image-registry": "quay.io/", "cat-image": "acme/cat:1"},
            [("cat-image", "image-registry", "", "quay.io/acme/cat:1")],
        ),
        ({"image-registry": "quay.io", "cat-image": "ghcr.io/acme/cat:1"}, []),
        ({"cat-image": "acme/cat", "dog-tag": "1"}, []),
        ({"cat-image": "acme/cat:2", "cat-tag": "1"}, []),
        ({"cat-image": "", "cat-tag": "1"}, []),
        ({"name": "acme", "tag": "1"}, []),
    ],
)
def test_options_that_make_a_reference_together(
    options: dict[str, str], expected: list[tuple[str, str, str, str]]
) -> None:
    made = [(one.name, one.hub, one.tag, str(one.reference)) for one in compose(options)]
    assert made == expected


FILE = DefaultImages(
    path="src/default-custom-images.json", text="", value={"a": "x/a:1", "b": "x/b:1"}
)
LIST = DefaultImages(path="src/default-more-images.yaml", text="", value=["x/l:1"])


def in_force(name: str, default: str | None, given: str | None) -> JSONValue:
    charm = Charm(
        name="cat",
        options={name: Option(name=name, type="string", default=default)},
        default_images=(FILE, LIST),
    )
    options = {} if given is None else {name: given}
    application = Application(name="cat", charm="cat", options=options)
    (one,) = options_in_force(application, charm)
    return one.value


@pytest.mark.parametrize(
    ("name", "default", "given", "expected"),
    [
        ("words", "meow", None, "meow"),
        ("words", "meow", "purr", "purr"),
        ("custom_images", "", None, FILE.value),
        ("custom_images", "a: ''", None, FILE.value),
        ("custom_images", "a: ''", " ", FILE.value),
        ("custom_images", "", "~", FILE.value),
        ("custom_images", "", "a: y/a:2", {"a": "y/a:2", "b": "x/b:1"}),
        ("custom_images", "", "{a: y/a:2, b: null}", {"a": "y/a:2", "b": "x/b:1"}),
        ("custom_images", "", "{a: y/a:2, b: ' '}", {"a": "y/a:2", "b": "x/b:1"}),
        ("custom_images", "", "{a: y/a:2, b: z, c: w}", {"a": "y/a:2", "b": "z", "c": "w"}),
        ("custom_images", "a: q/a:1", "{}", FILE.value),
        ("custom_images", "", "no mapping", "no mapping"),
        ("more-images", "", None, ["x/l:1"]),
        ("more-images", "", "[]", []),
        ("more-images", "", "[y/l:2]", ["y/l:2"]),
        ("more_images", "", "null", ["x/l:1"]),
    ],
)
def test_what_is_in_force_is_what_the_charm_makes_of_it(
    name: str, default: str, given: str | None, expected: JSONValue
) -> None:
    assert in_force(name, default, given) == expected


@pytest.mark.parametrize("text", ["a b c", "a/b:1", "x", "12:30", "https://x/y", "a:b", ""])
def test_a_text_is_no_document(text: str) -> None:
    assert document(text) is None


@pytest.mark.parametrize("text", ["[a", "{a: b", "a: b: c", "- [", "a: 1\n---\ntext\n"])
def test_a_broken_document_is_a_text(text: str) -> None:
    assert document(text) is None


@pytest.mark.parametrize(
    "unit",
    ["a/b:1 ", "a/b:1,", "'a/b:1';", "a/", "a:", "--image=", "image: ", "a/b:1\n", "x=" + "y" * 50],
)
def test_time_grows_with_the_text_and_not_with_its_square(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.process_time()
        list(survey(text, ("words",), private=""))
        return time.process_time() - started

    small = min(seconds(10_000) for _ in range(3))
    assert min(seconds(80_000) for _ in range(3)) < max(30 * small, 1.0)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="ab/:.@{}[]$\"'-&* \n", max_size=60)), KEYS)
def test_any_text_can_be_read(text: str, key: str) -> None:
    values: list[JSONValue] = [text, {key: text}, json.dumps([text])]
    for value in values:
        for one in survey(value, (key, "images"), private=""):
            assert str(one.judged.reference)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quay.io:443/acme/cat", IMAGE),
        ("QUAY.io:443/acme/cat", IMAGE),
        ("registry.npmjs.example:443/acme/cat", PERHAPS),
    ],
)
def test_a_registry_by_name_may_have_a_port(text: str, expected: Verdict) -> None:
    assert verdict(text, "x") == expected


def test_a_word_may_be_a_name_with_nothing_but_a_digest() -> None:
    found = list(survey(f"run busybox@sha256:{HEX} now", ("words",), private=""))
    assert [str(one.judged.reference) for one in found] == [f"busybox@sha256:{HEX}"]


@pytest.mark.parametrize("depth", range(6))
def test_documents_in_documents_are_read_a_few_levels_deep(depth: int) -> None:
    text = "quay.io/acme/cat:1"
    for _ in range(depth):
        text = json.dumps({"a": text})
    found = list(survey(text, ("x",), private=""))
    assert [str(one.judged.reference) for one in found] == ["quay.io/acme/cat:1"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":\t"quay.io/acme/cat:1"}',
        "&x [quay.io/acme/cat:1]",
        "? a\n: quay.io/acme/cat:1\n",
        "!!map {a: quay.io/acme/cat:1}",
        "- quay.io/acme/cat:1",
        "a: quay.io/acme/cat:1",
        "--- # of acme\na: quay.io/acme/cat:1\n---\nb: c\n",
    ],
)
def test_every_form_of_a_document_is_one(text: str) -> None:
    assert isinstance(document(text), dict | list)
    found = list(survey(text, ("x",), private=""))
    assert [(one.judged.text, str(one.judged.reference)) for one in found] == [
        ("quay.io/acme/cat:1", "quay.io/acme/cat:1")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.5/acme/cat:1.2", IMAGE),
        ("acme.co/x/cat:1.2", IMAGE),
        ("acme.example/x/cat:1.2", IMAGE),
        ("acme.c/x/cat:1.2", PERHAPS),
    ],
)
def test_a_host_with_a_path_and_a_version(text: str, expected: Verdict) -> None:
    assert verdict(text, "x") == expected


@pytest.mark.parametrize(("length", "expected"), [(700, IMAGE), (701, None)])
def test_a_reference_has_so_many_characters_at_most(length: int, expected: Verdict | None) -> None:
    end = ".example.com/acme/cat:1"
    assert verdict("a" * (length - len(end)) + end, "x-image") is expected


def test_the_private_registry_is_one_by_name() -> None:
    for private, expected in (("reg.example.com", IMAGE), ("other.example.com", PERHAPS)):
        judged = judge("reg.example.com/x:whatever", ("words",), private=private)
        assert judged is not None
        assert judged.verdict is expected


def test_what_is_composed_in_a_mapping_is_told_whole() -> None:
    value: dict[str, JSONValue] = {"hub": "quay.io/acme", "image": "cat", "tag": "1"}
    (found,) = survey(value, ("x",), private="")
    assert (found.judged.text, str(found.judged.reference)) == ("quay.io/acme/cat:1",) * 2
    assert (found.path, found.certain) == (("image",), True)
    assert set(found.parts) == {("hub",), ("image",), ("tag",)}
