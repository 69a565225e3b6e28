"""The time for an option's value grows with its length, whatever its shape."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from ckf_airgap.charms.charm import Charm, Option
from ckf_airgap.errors import OptionError
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import Registry, retag
from ckf_airgap.images.rules import ImageRules

R = Registry("172.17.0.2:5000")
SMALL = 5_000
MOST = 7.0
"""Of four times the text; quadratic time would be 16 times as long."""


SHAPES: dict[str, Callable[[int], str]] = {
    "words": lambda n: "a/b:1 " * (n // 6),
    "commas": lambda n: "a/b:1," * (n // 6),
    "quotes": lambda n: "'a/b:1';" * (n // 8),
    "a text in a list": lambda n: f'["{"a/b:1 " * (n // 6)}"]',
    "lines": lambda n: "a/b:1\n" * (n // 6),
    "items": lambda n: "".join(f"- a/b:{i}\n" for i in range(n // 11)),
    "items in brackets": lambda n: f"[{'a/b:1, ' * (n // 7)}x]",
    "hosts": lambda n: "".join(f"- q{i}.io/a/b:1\n" for i in range(n // 16)),
    "keys": lambda n: "".join(f"k{i}: a/b:1\n" for i in range(n // 13)),
    "empty keys": lambda n: "".join(f"k{i}:\n" for i in range(n // 7)),
    "keys in brackets": lambda n: "{" + ", ".join(f"k{i}" for i in range(n // 8)) + "}",
    "a key repeated": lambda n: "k: a/b:1\n" * (n // 9),
    "aliases": lambda n: "".join(f"k{i}: &a{i} a/b:1\nl{i}: *a{i}\n" for i in range(n // 28)),
    "malformed": lambda n: ",".join(f"a/B{i}:1" for i in range(n // 9)),
    "depth": lambda n: "{a: b/c:1, n: " * (n // 14),
    "brackets": lambda n: "[" * n,
    "documents": lambda n: "".join(f"k{i}: |\n  image: a/b:1\n" for i in range(n // 24)),
    "documents in JSON": lambda n: json.dumps([json.dumps(["a/b:1"] * (n // 10))]),
    "parts": lambda n: "- {repository: a/b, tag: '1'}\n" * (n // 30),
    "variables": lambda n: "- {name: X_IMAGE, value: a/b}\n" * (n // 30),
    "flags": lambda n: "--image a/b " * (n // 12),
    "a path": lambda n: "a/" * (n // 2),
    "dots": lambda n: "a/b." * (n // 4),
    "one long word": lambda n: "a" * n,
}


def spent(text: str) -> float:
    """Return the CPU seconds of reading and writing a value, as default and as set."""
    charm = Charm(name="c", options={"x-images": Option(name="x-images", type="string")})
    begin = time.process_time()
    try:
        for plan in plan_options(charm, {"x-images": text}, ImageRules.empty()):
            plan.render(lambda image: retag(image, R))
    except OptionError:
        pass
    return time.process_time() - begin


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_text_takes_about_four_times_as_long(shape: str) -> None:
    make = SHAPES[shape]
    spent(make(1000))
    ratios = []
    for _ in range(3):  # another process may have the processor's cache
        small = max(spent(make(SMALL)), 0.002)
        ratios.append(spent(make(4 * SMALL)) / small)
        if ratios[-1] < MOST:
            return
    pytest.fail(f"{shape}: {ratios}")


def test_a_value_beyond_the_limits_of_yaml_is_still_searched_for_words() -> None:
    text = "[" * 5_000 + "a/b:1 " + "]" * 5_000
    charm = Charm(name="c", options={"config": Option(name="config", type="string")})
    (plan,) = plan_options(charm, {"config": text}, ImageRules.empty())
    assert [str(use.reference) for use in plan.uses] == ["a/b:1"]
    assert plan.render(lambda image: retag(image, R)) == text.replace("a/b", f"{R}/a/b")
