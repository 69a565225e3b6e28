"""Images in Python: what a string is called, put together from, and whether it is a fallback."""

from __future__ import annotations

import pytest

from ckf_airgap.images.mentions import find_mentions, may_mention

HIDDEN, TEMPLATED, TEXT = "hidden", "templated", "text"


def grades(code: str, path: str = "src/charm.py") -> list[tuple[str, str]]:
    found = find_mentions(path, code)
    assert not found or may_mention(path, code.encode())
    return sorted((mention.text, mention.grade) for mention in found)


@pytest.mark.parametrize(
    "code",
    [
        'A_IMAGE = "acme/tool"',
        'VIEWER_IMAGE_NAME = "acme/tool"',
        'RELATED_IMAGE_viewer = "acme/tool"',
        'IMAGE = (\n    "acme/tool"\n)',
        'D = {"VIEWER_IMAGE": "acme/tool"}',
        'D = {"imageName": "acme/tool"}',
        'c = Container(name="c", image="acme/tool")',
        'c = dict(viewer_image="acme/tool")',
        'os.environ["X_IMAGE"] = "acme/tool"',
        'cmd = ["kubectl", "run", "--image=acme/tool"]',
        'cmd = ["kubectl", "run", "--image", "acme/tool"]',
        'run("kubectl", "--worker-image", "acme/tool")',
        'cmd = "kubectl run x --image=acme/tool --port 1"',
        'env = [{"name": "X_IMAGE", "value": "acme/tool"}]',
        'env = [{"value": "acme/tool", "name": "X_IMAGE"}]',
        'env = EnvVar(name="X_IMAGE", value="acme/tool")',
        'env = EnvVar("X_IMAGE", "acme/tool")',
        'env = [("X_IMAGE", "acme/tool")]',
        'class A:\n    image: str = "acme/tool"',
        'class A:\n    viewer_image = "acme/tool"',
        'class A:\n    image: str = field(default="acme/tool")',
        'def f(image="acme/tool"): pass',
        'def f(*, viewer_image: str = "acme/tool"): pass',
        'def image(self):\n    return "acme/tool"',
        'async def worker_image(self):\n    return "acme/tool"',
        'IMAGES = ["acme/tool"]',
        'IMAGES = {"a": "acme/tool"}',
        'IMAGE = {"registry": "quay.io/acme", "repository": "acme/tool", "path": "a/b"}',
        'IMAGE = "acme/" + "tool"',
        'TEAM = "acme"\nIMAGE = f"{TEAM}/tool"',
        'TEAM: str = "acme"\nIMAGE = TEAM + "/tool"',
        'IMAGE = "/".join(["acme", "tool"])',
        'if (image := "acme/tool"): pass',
        'image += "acme/tool"',
    ],
)
def test_a_name_without_tag_that_is_called_an_image_is_hidden(code: str) -> None:
    assert grades(code) == [("acme/tool", HIDDEN)]


@pytest.mark.parametrize(
    "code",
    [
        'x = {"name": "x", "image": "busybox"}',
        'x = dict(image="busybox")',
        'X_IMAGE = "busybox"',
        'x = [{"name": "X_IMAGE", "value": "busybox"}]',
    ],
)
def test_a_bare_name_that_is_called_an_image_is_hidden(code: str) -> None:
    assert grades(code) == [("busybox", HIDDEN)]


@pytest.mark.parametrize(
    "code",
    [
        'image = self.model.resources.fetch("oci-image")',
        'self.image = OCIImageResource(self, "oci/image")',
        'image = load("a/b")',
        'IMAGE_PATH = "a/b"',
        'image_dir = "var/lib"',
        'IMAGE_PULL_POLICY = "Always"',
        'image_registry = "quay.io/acme/team"',
        'if image == "a/b": pass',
        'x = image["a/b"]',
        'IMAGE = "oci-image"',
        'image = "a b/c"',
        'IMAGE_DIGEST = "sha256:%s"' % ("a" * 64),
        'x = {"imageDigest": "sha256:%s"}' % ("b" * 64),
        'ACTIONS = ["ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]',
        'image = f"{a}"',
        'x = {"background_image": "static/logo"}',
    ],
)
def test_what_only_looks_like_an_image_is_none(code: str) -> None:
    assert grades(code) == []


@pytest.mark.parametrize(
    "code",
    [
        'x = os.environ.get("E_IMAGE", "acme/tool")',
        'image = os.environ.get("E", "acme/tool")',
        'x = os.getenv("X_IMAGE") or "acme/tool"',
        'x = self.config.get("x-image", "acme/tool")',
        'x = self.config["x-image"] or "acme/tool"',
        'x = getattr(self, "image", "acme/tool")',
        'x = settings.pop("image", "acme/tool")',
        'env.setdefault("X_IMAGE", "acme/tool")',
        'image = x if x else "acme/tool"',
        'image = "acme/tool" if not x else x',
        'if not image:\n    image = "acme/tool"',
        'if self.image is None:\n    self.image = "acme/tool"',
        'if image == "":\n    image = "acme/tool"',
        'p.add_argument("-i", "--image", default="acme/tool")',
        '@click.option("--worker-image", default="acme/tool", help="take it")\ndef f(): pass',
    ],
)
def test_a_fallback_is_templated(code: str) -> None:
    assert grades(code) == [("acme/tool", TEMPLATED)]


@pytest.mark.parametrize(
    "code",
    [
        'image = "acme/tool" if arm else "acme/tool"',
        'if image:\n    image = "acme/tool"',
        'if not image:\n    other_image = "acme/tool"',
        'image = ready and "acme/tool"',
    ],
)
def test_what_is_used_as_it_is_written_is_no_fallback(code: str) -> None:
    assert grades(code) == [("acme/tool", HIDDEN)]


@pytest.mark.parametrize(
    ("code", "image"),
    [
        ('IMAGE = f"{registry}/acme/tool"', "{}/acme/tool"),
        ('IMAGE = registry + "/acme/tool"', "{}/acme/tool"),
        ('TAG = "1"\nTAG = "2"\nIMAGE = f"acme/tool:v{TAG}"', "acme/tool:v{}"),
        ('TAG = tag()\nIMAGE = f"acme/tool:{TAG}"', "acme/tool:{}"),
        ('IMAGE = f"acme/tool:{TAG:>3}"', "acme/tool:{}"),
    ],
)
def test_what_only_a_run_would_know_is_templated(code: str, image: str) -> None:
    assert grades(code) == [(image, TEMPLATED)]


@pytest.mark.parametrize(
    ("code", "image"),
    [
        ('X = "quay.io/" + "acme/x" + ":1.2"', "quay.io/acme/x:1.2"),
        ('R = "quay.io"\nX = f"{R}/acme/x:1.2"', "quay.io/acme/x:1.2"),
        ('x = "ghcr.io/acme/team/tool"', "ghcr.io/acme/team/tool"),
        ('run("docker pull quay.io/acme/x:1", shell=True)', "quay.io/acme/x:1"),
        ('run("podman run --rm quay.io/acme/x:1 sh")', "quay.io/acme/x:1"),
    ],
)
def test_a_reference_is_found_without_a_name(code: str, image: str) -> None:
    assert grades(code) == [(image, HIDDEN)]


def test_help_of_an_option_is_text() -> None:
    code = 'p.add_argument("--image", default="acme/a", help="such as acme/b:1.2")'
    assert grades(code) == [("acme/a", TEMPLATED), ("acme/b:1.2", TEXT)]


def test_a_script_without_suffix_is_read_as_python() -> None:
    script = '#!/usr/bin/env python3\nimage = fetch("acme/x")\nX_IMAGE = "acme/y"\n'
    assert grades(script, "hooks/install") == [("acme/y", HIDDEN)]


def test_a_long_module_is_read_by_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ckf_airgap.images.mentions.MAX_PARSED", 100)
    code = "# filler\n" * 20 + 'A_IMAGE = "acme/tool"\nB = Container(image="busybox")\n'
    assert grades(code) == [("acme/tool", HIDDEN), ("busybox", HIDDEN)]
    assert grades(code.replace('"', "")[:90]) == []
