"""The quick look passes over what has no image, and its work grows with the length of a file."""

from __future__ import annotations

import time

import pytest

from ckf_airgap.images.mentions import find_mentions, may_mention

SIZE = 1_000_000
PIECES = [
    *("a/", "a/b.", "a/b:1,", "a/b:1 ", "image\\", "image\\\\", "image: ", "x/y@", "a.io/", "a-"),
    *("{{", "${", "${a:-", "$(", "{%", "<%", "{#", "[", "((", "a__", "{a", "%(a", "@a", "\\n"),
    *('"image":"a/b",', "images: [a/b, ", "--image ", "'\"", "\"'", "{name: X_IMAGE, value: a/b},"),
    *("docker pull a/b ", "image(", "image name = ", "default: ", "value: 'a',", "image" + " "),
    *("image\n", "- a/b\n", "value: a/b\n"),
]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("form", ["x.yaml", "x.py", "string"])
def test_work_grows_with_the_length_and_not_with_its_square(piece: str, form: str) -> None:
    def text(size: int) -> str:
        content = piece * (size // len(piece))
        return "X = r'''" + content.replace("'", "`") + "'''\n" if form == "string" else content

    path = "x.py" if form == "string" else form
    part, whole = text(SIZE // 60), text(SIZE // 15)
    tries = ((seconds(path, part), seconds(path, whole)) for _ in range(3))
    assert any(long < 10 * max(short, 0.03) for short, long in tries)


def seconds(path: str, text: str) -> float:
    data = text.encode()
    started = time.process_time()
    may_mention(path, data)
    find_mentions(path, text)
    return time.process_time() - started


@pytest.mark.parametrize(
    "code",
    [
        'def f(self, image=None):\n    return {"image": image, "port": "7"}\n',
        '"""Take an image.\n\nSee http://x.example.com:8080/x."""\n',
        'path = f"/etc/{self.app}/x.yaml"  # an image\n',
        'log.info("wrote %s for %s", path, image)\n',
        "x = y[1:2]\nimage_size = 3\n",
    ],
)
def test_code_without_an_image_is_passed_over(code: str) -> None:
    assert not may_mention("src/x.py", code.encode())
    assert find_mentions("src/x.py", code) == []


@pytest.mark.parametrize(
    "text",
    ["x: 1\n", "see http://example.com/x\n", "a/b c:d\n", "github.com/a/b/c\n"],
)
def test_a_text_without_an_image_is_passed_over(text: str) -> None:
    assert not may_mention("src/x.yaml", text.encode())
    assert find_mentions("src/x.yaml", text) == []
