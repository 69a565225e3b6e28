"""Images in YAML, JSON, shell and templates: by key, argument, flag, list and fallback."""

from __future__ import annotations

import pytest

from ckf_airgap.images.mentions import find_mentions, may_mention

HIDDEN, TEMPLATED, TEXT = "hidden", "templated", "text"


def grades(text: str, path: str = "src/x.yaml") -> list[tuple[str, str]]:
    found = find_mentions(path, text)
    assert not found or may_mention(path, text.encode())
    return sorted((mention.text, mention.grade) for mention in found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.yaml", "fooImage: acme/tool"),
        ("x.yaml", "imageName: acme/tool"),
        ("x.yaml", "image_name: acme/tool"),
        ("x.yaml", "image: [acme/tool]"),
        ("x.yaml", "images: [acme/tool, nvidia.com]"),
        ("x.yaml", "images:\n- acme/tool\nothers:\n- a/b"),
        ("x.yaml", "images:\n  - acme/tool\nothers: a/b"),
        ("x.yaml", "x:\n  images:\n    worker: acme/tool\n    registry: a/b\n  other: c/d"),
        ("x.yaml", "images:\n- name: acme/tool\n  path: a/b"),
        ("x.yaml", "image:\n  repository: acme/tool\n  path: a/b\n  tag: v1"),
        ("x.yaml", "image: {repository: acme/tool, path: a/b}"),
        ("x.yaml", "env: [{name: X_IMAGE, value: acme/tool}]"),
        ("x.yaml", "env: [{name: A, value: a/b}, {value: acme/tool, name: X_IMAGE}]"),
        ("x.yaml", "env:\n- name: X_IMAGE\n  value: acme/tool\n- name: Y\n  value: a/b"),
        ("x.yaml", "env:\n- name: Y\n  value: a/b\n- name: X_IMAGE\n  value: acme/tool"),
        ("x.yaml", "env:\n- value: acme/tool\n  name: X_IMAGE\n- value: a/b\n  name: Y"),
        ("x.yaml", "env:\n- value: a/b\n  name: Y\n- value: acme/tool\n\n  name: X_IMAGE"),
        ("x.yaml", "env:\n- name: RELATED_IMAGE_x\n  value: acme/tool"),
        ("x.yaml", "services:\n  x:\n    environment:\n      X_IMAGE: acme/tool\n      P: a/b"),
        ("x.yaml", "options:\n  x-image:\n    type: string\n    default: acme/tool"),
        ("x.yaml", "args:\n- --image\n- acme/tool\n- a/b"),
        ("x.yaml", 'args: ["--image", "acme/tool", "a/b"]'),
        ("x.yaml", 'args: ["--image=acme/tool", "a/b"]'),
        ("x.YAML", "workerImage: 'acme/tool'"),
        ("x.json", '{"image":"acme/tool","path":"a/b"}'),
        ("x.json", '{"a":{"images":["acme/tool"],"paths":["a/b"]}}'),
        ("x.json", '{\n "images": [\n  "acme/tool"\n ],\n "paths": [\n  "a/b"\n ]\n}'),
        ("x.json", '[{"name":"X_IMAGE","value":"acme/tool"},{"name":"Y","value":"a/b"}]'),
        ("x.json", '[\n {\n  "value": "acme/tool",\n  "name": "X_IMAGE"\n }\n]'),
        ("x.sh", "kubectl run web --image=acme/tool --path=a/b"),
        ("x.sh", "kubectl run web --image acme/tool a/b"),
        ("x.sh", "export IMAGE=acme/tool DIR=a/b"),
        ("x.sh", "docker pull acme/tool"),
        ("x.sh", "images=(acme/tool)"),
        ("hooks/install", "#!/bin/sh\nIMAGE=acme/tool\n"),
        ("scripts/start", "exec run --worker-image acme/tool\n"),
        ("x.tf", 'image = "acme/tool"'),
        ("x.toml", 'sandbox_image = "acme/tool"'),
        ("x.properties", "worker.image=acme/tool"),
        ("x.yaml", 'data: "image: acme/tool\\npath: a/b"'),
    ],
)
def test_a_name_without_tag_that_is_called_an_image_is_hidden(path: str, text: str) -> None:
    assert grades(text, path) == [("acme/tool", HIDDEN)]


@pytest.mark.parametrize(
    "text",
    ["image: busybox", "workerImage: busybox", "images: [busybox]", "env: {X_IMAGE: 'busybox'}"],
)
def test_a_bare_name_that_is_called_an_image_is_hidden(text: str) -> None:
    assert grades(text) == [("busybox", HIDDEN)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.json", '{"Action": ["ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"]}'),
        ("x.json", '{"Action": [\n "ecr:BatchGetImage",\n "ecr:DescribeImages",\n "a/b"\n]}'),
        ("x.json", '{"imageDigest": "sha256:%s"}' % ("a" * 64)),
        ("x.yaml", "digest: sha256:" + "a" * 64),
        ("x.yaml", "image-registry: quay.io/acme/team"),
        ("x.yaml", "imageRepo: acme/tool"),
        ("x.yaml", "image-configuration:\n  global-hub: docker.io/istio\n  pilot-image: ''"),
        ("x.yaml", "images:\n  path: a/b\n  command: a/b\n  version: 1/2"),
        ("x.yaml", "image: Bad::name"),
        ("x.yaml", "image: a/b is what we take"),
        ("x.yaml", "icon-image: static/logo.png"),
        ("x.yaml", "image:\n  type: string\n  description: an a/b"),
        ("x.yaml", "note: a/b  # image: x"),
        ("x.js", "const o = {image: picture, images: pictures}"),
        ("x.go", "c := Container{Image: image}"),
        ("x.yaml", "x: http://quay.io/a/b/c"),
        ("x.yaml", "x: quay.io/acme"),
        ("x.yaml", "see quay.io/acme/a/b for more"),
    ],
)
def test_what_only_looks_like_an_image_is_none(path: str, text: str) -> None:
    assert grades(text, path) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.sh", "IMAGE=${IMAGE:-acme/tool}"),
        ("x.sh", "IMAGE=${IMAGE-acme/tool}"),
        ("x.sh", 'x="${A_IMAGE:=acme/tool}"'),
        ("x.sh", "IMAGE=${1:-acme/tool}"),
        ("x.sh", ": ${A_IMAGE:=${B:-acme/tool}}"),
        ("x.sh", "run --image ${WHICH-acme/tool} x"),
        ("x.yaml.j2", 'image: {{ image or "acme/tool" }}'),
        ("x.yaml.j2", 'image: {{ image | default("acme/tool", true) }}'),
        ("x.yaml.j2", "image: {{ 'acme/tool' if not image else image }}"),
        ("x.yaml.j2", '{% if worker_image == "acme/tool" %}'),
        ("x.yaml.gotmpl", 'image: {{ .Values.image | default "acme/tool" }}'),
        ("x.yaml.gotmpl", 'image: {{ default "acme/tool" .Values.image }}'),
        ("x.tftpl", 'image = "${coalesce(var.image, "acme/tool")}"'),
        ("x.yaml.erb", 'image: <%= @image || "acme/tool" %>'),
    ],
)
def test_a_fallback_is_templated(path: str, text: str) -> None:
    assert grades(text, path) == [("acme/tool", TEMPLATED)]


@pytest.mark.parametrize(
    ("path", "text", "image"),
    [
        ("x.yaml.in", "image: @REGISTRY@/acme/tool:1.0", "{}/acme/tool:1.0"),
        ("x.sh", "IMAGE=$REGISTRY/acme/tool:1.0", "{}/acme/tool:1.0"),
        ("x.sh", "IMAGE=${REPO:-quay.io}/acme/tool:1.0", "{}/acme/tool:1.0"),
        ("x.sh", "IMAGE=quay.io/acme/tool:$(cat version)", "quay.io/acme/tool:{}"),
        ("x.yaml", "image: quay.io/acme/tool:%s", "quay.io/acme/tool:{}"),
    ],
)
def test_a_reference_with_a_hole_is_templated(path: str, text: str, image: str) -> None:
    assert grades(text, path) == [(image, TEMPLATED)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("hooks/install", "#!/bin/sh\nkubectl run web --image=quay.io/acme/tool:1.2\n"),
        ("scripts/start", "docker run -d quay.io/acme/tool:1.2 sh -c x"),
        ("svc.service", "ExecStart=/usr/bin/podman run --rm quay.io/acme/tool:1.2"),
        ("pod.yaml.in", "  image: quay.io/acme/tool:1.2"),
        ("x.sh", "ID=$(docker run -d quay.io/acme/tool:1.2)"),
        ("x.sh", "skopeo copy x quay.io/acme/tool:1.2; echo done"),
    ],
)
def test_an_argument_of_a_program_that_runs_images_is_hidden(path: str, text: str) -> None:
    assert grades(text, path) == [("quay.io/acme/tool:1.2", HIDDEN)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.sh", 'echo "docker pull quay.io/acme/tool:1.2"'),
        ("x.sh", "# docker pull quay.io/acme/tool:1.2"),
        ("x.sh", "log see quay.io/acme/tool:1.2 there"),
        ("Dockerfile", "FROM quay.io/acme/tool:1.2"),
        ("images/Containerfile.ubi", "image = quay.io/acme/tool:1.2"),
        ("x.yaml", "message: docker pull quay.io/acme/tool:1.2"),
    ],
)
def test_what_is_said_to_people_is_text(path: str, text: str) -> None:
    assert grades(text, path) == [("quay.io/acme/tool:1.2", TEXT)]


@pytest.mark.parametrize("front", ["hub", "registry", "imageRegistry", "repository"])
def test_a_bare_name_behind_a_registry_of_the_same_text_is_templated(front: str) -> None:
    text = f"{front}: docker.io/istio\npilot:\n  image: pilot\n"
    assert grades(text) == [("pilot", TEMPLATED)]
    assert grades(text.replace("image: pilot", "image: a/pilot")) == [("a/pilot", HIDDEN)]
    assert grades(text.replace("docker.io/istio", "")) == [("pilot", HIDDEN)]


def test_samples_of_libraries_are_text_and_those_of_charms_are_not() -> None:
    text = '{"image": "busybox"}'
    for path in ("venv/botocore/data/ecs/examples-1.json", "venv/x/sample_pod.json"):
        (mention,) = find_mentions(path, text, dependency=True)
        assert mention.grade == TEXT
    for path in ("src/examples-1.json", "src/sample_pod.json"):
        (mention,) = find_mentions(path, text)
        assert mention.grade == HIDDEN
    (mention,) = find_mentions("venv/x/pod.json", text, dependency=True)
    assert mention.grade == HIDDEN
    (mention,) = find_mentions("src/examples/pod.json", text)
    assert mention.grade == TEXT


def test_a_name_beside_a_value_is_looked_for_nearby_only() -> None:
    between = "  extra: 1\n" * 20
    assert grades(f"- name: X_IMAGE\n{between}  value: a/b\n") == []
    assert grades("- name: X_IMAGE\n  extra: 1\n  value: a/b\n") == [("a/b", HIDDEN)]


def test_a_mention_says_what_it_is_called_and_where_it_is() -> None:
    (mention,) = find_mentions("x.yaml", "a: 1\nimages:\n- acme/tool\n")
    assert (mention.called, mention.line, mention.excerpt) == ("images", 3, "- acme/tool")
