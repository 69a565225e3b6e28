"""``tools/mutate``: which module and which tests are meant, and which survivors count."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    loader = SourceFileLoader("mutate", str(ROOT / "tools" / "mutate"))
    spec = spec_from_loader("mutate", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("given", "tests"),
    [
        ("ckf_airgap/juju/planning/planner.py", "tests/unit/juju"),
        ("ckf_airgap.transfer.registry.upload", "tests/unit/transfer"),
        (str(ROOT / "ckf_airgap" / "concurrency.py"), "tests/unit/test_concurrency.py"),
    ],
)
def test_a_module_is_named_by_its_file_or_its_name_and_tested_by_its_room(
    mutate: ModuleType, given: str, tests: str
) -> None:
    module = mutate.module_file(given)
    assert (ROOT / module).is_file()
    assert mutate.unit_tests(module) == tests
    assert (ROOT / tests).exists()


@pytest.mark.parametrize("given", ["ckf_airgap.none", "tests/images.py", "/etc/passwd", "plan"])
def test_what_is_not_a_module_of_the_package_is_refused_with_exit_code_2(given: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "mutate", given],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not a module of ckf_airgap" in done.stderr


def diff(old: str, new: str) -> str:
    return f"# ckf_airgap.x: survived\n--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n kept\n-{old}\n+{new}\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('    fix="Write applications."', '    fix="XXWrite applications.XX"', True),
        ('    raise E(f"a b", "c d")', '    raise E(f"a b", "C D")', True),
        ("    x = 'it is so'", "    x = 'IT IS SO'", True),
        ('    x = "applications"', '    x = "XXapplicationsXX"', False),
        ('    fix="Write applications."', "    fix=None", False),
        ('    if a and "b c" in d:', '    if a or "b c" in d:', False),
        ('    a = {"key": get("key") or ""}', '    a = {"key": get("KEY") or ""}', False),
        ("    a = b['it is'] + c('x') + 'so'", "    a = b['IT IS'] + c('x') + 'so'", True),
        ("    a = b['it'] + c('x') + 'so'", "    a = b['it'] + c('X') + 'so'", False),
        ('    a = {"it\'s so": get("key")}', '    a = {"it\'s so": get("KEY")}', False),
        ("    return a > 1", "    return a > 2", False),
    ],
)
def test_only_mutants_of_sentences_are_taken_for_words(
    mutate: ModuleType, old: str, new: str, words: bool
) -> None:
    assert mutate.changes_words_only(diff(old, new)) is words
