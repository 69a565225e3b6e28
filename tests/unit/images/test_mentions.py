"""Mentions of images in files: what is used, what a variable feeds, and what is mere text."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ckf_airgap.images.mentions import find_mentions, may_mention

DIGEST = "sha256:" + "a" * 64


def grades(path: str, text: str) -> list[tuple[str, str]]:
    found = find_mentions(path, text)
    bare = path.endswith(".py") and not any("/" in m.text or ":" in m.text for m in found)
    if found and not bare:
        assert may_mention(path, text.encode()), "the quick look would have passed the file over"
    return [(mention.text, mention.grade) for mention in found]


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("image: docker.io/a/b:1.0", "docker.io/a/b:1.0"),
        ("image: busybox", "busybox"),
        ("- image: 'busybox:1.28'", "busybox:1.28"),
        ("  image: reg.example.com:5000/a/b", "reg.example.com:5000/a/b"),
        ("  image: [fd00::1]:5000/a/b:v1", "[fd00::1]:5000/a/b:v1"),
        (f"  x: gcr.io/a/b@{DIGEST}", f"gcr.io/a/b@{DIGEST}"),
        ("  x: a/b:v1.2", "a/b:v1.2"),
        ('args: ["--worker-image=foo/worker:v1", "--x"]', "foo/worker:v1"),
        ("command: run --image quay.io/a/b:1", "quay.io/a/b:1"),
        ('  "sidecarImage": "istio/proxyv2:1.22.0",', "istio/proxyv2:1.22.0"),
        ("""data: '{"spec": {"image": "docker.io/a/b:1"}}'""", "docker.io/a/b:1"),
        (r'data: "{\"side\": \"ghcr.io/a/b:3\"}"', "ghcr.io/a/b:3"),
        ("images: [a/b:1.0]  # the list", "a/b:1.0"),
        ("image: docker.io/ä/b:1\nimage: docker.io/c/d:1", "docker.io/c/d:1"),
    ],
)
def test_an_image_in_the_place_of_a_value_is_hidden(line: str, image: str) -> None:
    assert (image, "hidden") in grades("src/manifests/x.yaml.j2", line)


def test_the_value_of_a_variable_takes_the_name_of_the_entry() -> None:
    assert grades("x.yaml", "env:\n- name: SIDE_IMAGE\n  value: busybox:1\n") == [
        ("busybox:1", "hidden")
    ]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("image: gcr.io/a/b:{{ tag }}", "gcr.io/a/b:{}"),
        ('image: "{{ registry }}/a/b:1.0"', "{}/a/b:1.0"),
        ('image: {{ image | default("docker.io/a/b:2") }}', "docker.io/a/b:2"),
        ("image: docker.io/a/b:${VERSION}", "docker.io/a/b:{}"),
        ('image: {{ image or "docker.io/a/b:2" }}', "docker.io/a/b:2"),
        ("{% if x %}image: quay.io/a/b:{{ v }}{% endif %}", "quay.io/a/b:{}"),
    ],
)
def test_an_image_that_a_variable_feeds_is_templated(line: str, text: str) -> None:
    assert grades("src/templates/x.yaml.j2", line) == [(text, "templated")]


def test_a_placeholder_alone_is_no_image() -> None:
    assert grades("x.yaml.j2", "image: {{ image }}\nimage: ${IMAGE}\n") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.yaml", "# image: docker.io/a/b:1\n"),
        ("x.yaml", "key: 1  # was docker.io/a/b:1\n"),
        ("x.yaml", "description: such as docker.io/a/b:1\n"),
        ("x.yaml", "description: |\n  Such as\n  docker.io/a/b:1\n"),
        ("x.yaml", "note: take docker.io/a/b:1 for this\n"),
        ("README.md", "image: docker.io/a/b:1\n"),
        ("docs/x.yaml", "image: docker.io/a/b:1\n"),
        ("tests/unit/x.py", "IMAGE = 'docker.io/a/b:1'\n"),
        ("src/charm.py", '"""Runs docker.io/a/b:1."""\n'),
        ("src/charm.py", "x = 1\n# docker.io/a/b:1\n"),
        ("src/charm.py", "logger.info('pulling docker.io/a/b:1')\n"),
        ("src/charm.py", "raise ValueError('docker.io/a/b:1')\n"),
        ("src/charm.py", "self.unit.status = BlockedStatus('docker.io/a/b:1')\n"),
        ("src/charm.py", "x = 'docker.io/a/b:1 cannot be pulled'\n"),
    ],
)
def test_what_is_written_for_people_is_text(path: str, text: str) -> None:
    assert grades(path, text) == [("docker.io/a/b:1", "text")]


def test_a_comment_of_a_template_is_not_read() -> None:
    assert grades("x.yaml.j2", "{# image: docker.io/a/b:1\n image: c/d:1 #}\n") == []


@pytest.mark.parametrize(
    ("code", "text", "grade"),
    [
        ('IMAGE = "docker.io/a/b:1.0"', "docker.io/a/b:1.0", "hidden"),
        ('DEFAULT_IMAGES = {"k/k": "a/k:1.12.3-b4"}', "a/k:1.12.3-b4", "hidden"),
        ('x = dict(image="busybox:1.28")', "busybox:1.28", "hidden"),
        ('def f(*, image="busybox:1.28"): pass', "busybox:1.28", "hidden"),
        ('def f(a, image: str = "busybox:1.28"): pass', "busybox:1.28", "hidden"),
        ('x: str = os.environ.get("SIDE_IMAGE", "busybox:2")', "busybox:2", "templated"),
        ('IMAGES = ["a/b:1.0"]', "a/b:1.0", "hidden"),
        ('x = self.config.get("side-image") or "busybox:2"', "busybox:2", "templated"),
        ('x = image or "busybox:1.28"', "busybox:1.28", "templated"),
        ('J = \'{"image": "docker.io/j/k:1"}\'', "docker.io/j/k:1", "hidden"),
        ('x["image"] = "busybox:1.28"', "busybox:1.28", "hidden"),
        ('x = f"docker.io/a/b:{v}"', "docker.io/a/b:{}", "templated"),
        ('x = "quay.io/a/{}:1.0".format(y)', "quay.io/a/{}:1.0", "templated"),
        ('x = "quay.io/a/%s:1.0" % y', "quay.io/a/{}:1.0", "templated"),
        ('image = f"{registry}/a/b:1"', "{}/a/b:1", "templated"),
    ],
)
def test_a_string_of_python_is_judged_by_what_it_is_called(
    code: str, text: str, grade: str
) -> None:
    assert grades("src/charm.py", code + "\n") == [(text, grade)]


def test_a_manifest_in_a_python_string_is_read_with_its_lines() -> None:
    text = 'X = 1\nM = """\nspec:\n  image: docker.io/a/b:7\n"""\n'
    (mention,) = find_mentions("lib/charms/x/v0/y.py", text)
    assert (mention.line, mention.grade, mention.excerpt) == (
        4,
        "hidden",
        "image: docker.io/a/b:7",
    )


def test_python_that_does_not_parse_is_read_by_lines() -> None:
    assert grades("x.py", 'print "x"\nIMAGE = "docker.io/a/b:1"\n') == [
        ("docker.io/a/b:1", "hidden")
    ]


HOSTILE = [
    "12:30",
    "2024-01-01T12:30:00",
    "minio:9000",
    "minio.kubeflow:9000",
    "http://minio.kubeflow:9000/a/b:1",
    "https://github.com/canonical/bundle:1.2",
    "nvidia.com/gpu",
    "kubeflow.org/v1beta1",
    "networking.istio.io/v1beta1",
    "apps/v1",
    "user@example.com",
    "git@github.com:canonical/x.git",
    "C:/foo/bar:1",
    "C:\\foo\\bar:1.2",
    "/usr/bin/x:1.2",
    "./src/charm.py:42",
    "src/charm.py:42",
    "null",
    "~",
    "true",
    "3.14",
    "0x1f",
    "10.1.2.3/24",
    "10.1.2.3:8080/healthz",
    "[::1]:8080",
    "localhost:8080/path",
    "sha256:" + "a" * 64,
    "a" * 64,
    "&anchor x",
    "*alias",
    "<<: *default",
    "text/html; charset=utf-8",
    "image/png",
    "rate(a/b[5m])",
    "namespace:container_cpu:sum_rate",
    "cluster.local/ns/kubeflow/sa/default",
    "ключ/значение:1",
    "日本/語:1",
    "a/b: 1",
    "pkg.module:function",
    "s3://bucket/key:1.2",
    "$(HOST):$(PORT)",
    "{}:{}",
    "%s/%s:%d",
    "IfNotPresent",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "form",
    ["key: {}", "key: '{}'", "- {}", 'key: {{"a": "{}"}}', "key: |\n  {}\n"],
)
def test_other_values_are_no_images(value: str, form: str) -> None:
    assert grades("src/templates/x.yaml", form.format(value)) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_other_strings_of_python_are_no_images(value: str) -> None:
    assert grades("src/charm.py", f"key = {value!r}\n") == []


@pytest.mark.parametrize("value", ["12:30", "null", "8080", "image/png", "minio:9000", "", "{}"])
def test_even_called_an_image_some_values_are_none(value: str) -> None:
    assert grades("x.yaml", f"sidecar-image: {value}") == []


@pytest.mark.parametrize("value", ["string", "true", "null", "image/png", "{type: string}", "[]"])
def test_the_key_image_of_a_schema_names_no_image(value: str) -> None:
    assert grades("x.yaml", f"image: {value}") == []


def test_duplicate_keys_anchors_and_aliases_do_no_harm() -> None:
    text = "a: &x\n  image: docker.io/a/b:1\nb: *x\na:\n  image: docker.io/a/c:2\n"
    assert [image for image, _ in grades("x.yaml", text)] == ["docker.io/a/b:1", "docker.io/a/c:2"]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "a-" * 500_000,
        "a/" * 500_000,
        "image: " + "a:" * 300_000,
        "image: " + "a/b:1," * 100_000,
        "{{" * 200_000,
        "${" * 200_000,
        "{%" * 200_000,
        "image: '" + "a__" * 300_000,
        "{#" * 100_000,
        "x: 1\n" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_work_grows_with_the_length_of_a_line_and_not_with_its_square(text: str) -> None:
    quarter = text[: len(text) // 4]
    tries = ((cpu_seconds(quarter), cpu_seconds(text)) for _ in range(3))
    assert any(whole < 10 * max(part, 0.1) for part, whole in tries)


def cpu_seconds(text: str) -> float:
    """Return the work of a search: not the time that passes, which a busy machine stretches."""
    started = time.process_time()
    find_mentions("x.yaml.j2", text)
    return time.process_time() - started


PIECES = st.sampled_from(
    [
        *("image", "IMAGE", "x-image", "side_image", "a", "a/b", "docker.io/a/b", "v1.2", "12:30"),
        *(": ", ":", "=", " = ", ",", " or ", "(", ")", "[", "]", "{", "}", "{{ x }}", "%s", "f"),
        *('"', "'", '"""', "\n", "\n  ", "- ", "# ", " ", "@sha256:" + "0" * 64, "name", "value"),
    ]
)


@example("\ndocker.io/a/b")
@example("\tside_image: a:v1.2")
@given(st.lists(PIECES, max_size=30).map("".join))
def test_the_quick_look_passes_over_no_file_with_an_image(text: str) -> None:
    for path in ("x.yaml.j2", "x.json"):
        grades(path, text)
    for code in (text, f"X = {text!r}\n", f"IMAGE = {text!r}\n", f'X = """\n{text}\n"""\n'):
        try:
            ast.parse(code)
        except (SyntaxError, ValueError):
            continue
        if '""' not in text and "''" not in text:  # strings that follow each other are one
            grades("x.py", code)


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    for path in ("x.yaml.j2", "x.py", "x.json", "README.md"):
        for mention in find_mentions(path, text):
            assert 1 <= mention.line <= len(text.splitlines())
            assert may_mention(path, text.encode())


@given(
    st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}){1,3}", fullmatch=True),
    st.from_regex(r"v[0-9]\.[0-9]{1,2}", fullmatch=True),
)
def test_an_image_is_found_in_every_file(name: str, tag: str) -> None:
    image = f"docker.io/{name}:{tag}"
    for path, text in (
        ("x.yaml", f"image: {image}\n"),
        ("x.json", f'{{"image": "{image}"}}\n'),
        ("x.yaml.j2", f"{{% if y %}}\n  image: {image}\n{{% endif %}}\n"),
        ("x.py", f"X = {image!r}\n"),
        ("lib/charms/x/v0/x.py", f'Y = """\nspec:\n  image: {image}\n"""\n'),
    ):
        assert grades(path, text) == [(image, "hidden")]
