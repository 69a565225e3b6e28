import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ckf_airgap


@pytest.mark.parametrize("name", [name for name in ckf_airgap.__all__ if name != "__version__"])
def test_each_exported_name_exists(name: str) -> None:
    assert getattr(ckf_airgap, name).__name__ == name


def test_the_exported_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(ckf_airgap.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ckf_airgap.")
        for alias in node.names
    }

    assert seen == set(ckf_airgap.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'deploi'"):
        ckf_airgap.deploi  # noqa: B018


def test_rendering_does_not_import_libjuju() -> None:
    code = (
        "import sys; from ckf_airgap import render, load_release, CharmDirectory; "
        "assert not {'juju', 'aiohttp', 'click'} & set(sys.modules), sorted(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
