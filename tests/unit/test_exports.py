"""What is importable from ``ckf_airgap``: every operation, type and error, each under one name."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import types
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import ckf_airgap
from ckf_airgap.cli import main
from ckf_airgap.cli.groups import CommandGroup
from ckf_airgap.errors import AirgapError

PACKAGE = Path(ckf_airgap.__file__).parent
PUBLIC = dir(ckf_airgap)
STUB = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
HOMES = {
    alias.asname: node.module or ""
    for node in STUB.body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
    if alias.asname == alias.name
}

OPERATIONS = {
    "releases": ["release_names", "load_release"],
    "charms download": ["download_charms"],
    "charms list": ["list_charms"],
    "images list": ["list_images"],
    "images explain": ["explain_images"],
    "images audit": ["audit_images"],
    "images retag": ["retag_images", "retag_in_engine"],
    "images pull": ["pull_images"],
    "images save": ["save_images", "save_per_image"],
    "images load": ["load_images"],
    "images push": ["push_images", "push_from_engine"],
    "images verify": ["verify_images"],
    "images copy": ["copy_images"],
    "mirrors": ["plan_mirrors", "write_mirrors"],
    "pack": ["pack_release"],
    "verify": ["verify_pack"],
    "unpack": ["unpack_pack"],
    "render": ["render_release"],
    "plan": ["deploy", "save_plan", "load_plan"],
    "deploy": ["deploy"],
    "rehearse": ["rehearse"],
    "controller": ["RehearsalController", "ControllerThread"],
    "status": ["read_model", "watch_model"],
    "wait": ["wait_for_model"],
}

BEHIND = {
    "Api": "the calls of a connection, behind a Session",
    "ControllerState": "what a rehearsal controller keeps, for its own parts",
    "DockerEngine": "the machinery of transfers",
    "Hasher": "what hashlib returns",
    "Model": "the state of a rehearsal's model, which tests look at",
    "ModelFeed": "libjuju's stream of changes, behind a Session",
    "OpenModel": "the connection to a model, behind a Session",
    "RegistryClient": "the machinery of transfers",
    "Side": "the connection to a controller, behind a Session",
    "Terms": "what the connections of a Session have in common",
    "Uploader": "uploads to a model, made by a Session",
    "Watchable": "a Session, as far as waiting needs one",
}
"""Types that public ones mention, which nobody outside makes or names."""


def modules() -> list[str]:
    """Return the names of all modules of the package, rooms included."""
    found = pkgutil.walk_packages([str(PACKAGE)], "ckf_airgap.")
    return sorted(module.name for module in found if not module.name.endswith("__main__"))


@cache
def tree(module: str) -> ast.Module:
    path = PACKAGE.parent / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def scope(module: str) -> dict[str, str]:
    """Return the homes of what a module imports from the package, for type checkers as well."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ckf_airgap")
        for alias in node.names
    }


def definition(module: str, name: str) -> tuple[str, ast.stmt | None]:
    """Return what defines a name that a module has, and the module where that is."""
    for node in tree(module).body:
        target = node.target if isinstance(node, ast.AnnAssign) else node
        if name in (getattr(target, "name", None), getattr(target, "id", None)):
            return module, node
    home = scope(module).get(name)
    return definition(home, name) if home else (module, None)


def mentioned(expression: ast.expr, module: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the classes of the package that an annotation mentions, those of its aliases too."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                yield from mentioned(ast.parse(node.value, mode="eval").body, module, seen)
            except SyntaxError:
                continue  # a text in a Literal
        elif isinstance(node, ast.Name):
            home, defined = definition(module, node.id)
            if isinstance(defined, ast.ClassDef):
                yield home, node.id
            elif isinstance(defined, ast.AnnAssign) and defined.value and node.id not in seen:
                seen.add(node.id)
                yield from mentioned(defined.value, home, seen)


def annotated(node: ast.stmt | None) -> Iterator[ast.expr]:
    """Yield the annotations of a function, or of the fields and methods of a class."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if argument.annotation is not None:
                yield argument.annotation
        if node.returns is not None:
            yield node.returns
    elif isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.AnnAssign):
                yield member.annotation
            elif not getattr(member, "name", "_").startswith("_"):
                yield from annotated(member)
    elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        assert node.value is not None
        yield node.value


def commands(group: click.Command = main, path: str = "") -> Iterator[str]:
    """Yield the words of every command."""
    assert isinstance(group, CommandGroup)
    for name in group.places:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, CommandGroup):
            yield from commands(command, f"{name} ")
        else:
            yield f"{path}{name}"


def test_the_stub_is_read_in_full() -> None:
    lines = [node for node in STUB.body if not isinstance(node, ast.ImportFrom)]
    assert lines == []
    assert len(HOMES) == len(STUB.body), "no name twice"
    assert sorted(HOMES) == PUBLIC
    assert ckf_airgap.__getattr__("__all__") == list(HOMES)


@pytest.mark.parametrize("command", list(commands()))
def test_every_operation_of_a_command_is_public(command: str) -> None:
    assert OPERATIONS[command]
    assert set(OPERATIONS[command]) <= set(PUBLIC)


def test_every_error_is_public() -> None:
    for module in modules():
        importlib.import_module(module)
    errors = [AirgapError]
    for error in errors:
        errors += error.__subclasses__()
    ours = {error.__name__ for error in errors if error.__module__.startswith("ckf_airgap.")}
    assert ours - set(PUBLIC) == set()


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_every_type_that_a_public_name_mentions_is_public(name: str) -> None:
    home, node = definition(HOMES[name], name)
    assert home == HOMES[name], "the stub names the module that defines it"
    missing = {
        mentioned_name
        for expression in annotated(node)
        for module, mentioned_name in mentioned(expression, home, set())
        if HOMES.get(mentioned_name) != module and mentioned_name not in BEHIND
    }
    assert missing == set()


CHECK_KINDS = """
import ast, inspect, sys
import ckf_airgap
from tests.unit.test_exports import HOMES, definition, modules

def check():
    for name, module in HOMES.items():
        node, value = definition(module, name)[1], getattr(ckf_airgap, name)
        where = f"{name} of {module} is {value!r}"
        if isinstance(node, ast.ClassDef):
            assert isinstance(value, type) and value.__module__ == module, where
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert inspect.isfunction(value) and value.__module__ == module, where
            decorated = bool(node.decorator_list)
            is_async = inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)
            assert decorated or is_async is isinstance(node, ast.AsyncFunctionDef), where
        else:
            assert not inspect.ismodule(value), where
            alias = isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation)
            assert not (alias and isinstance(value, str)), f"{where}: text cannot be put into X | Y"
"""


@pytest.mark.parametrize(
    "order", ["everything(); check()", "check(); everything(); check()"], ids=str
)
def test_each_name_is_what_the_stub_says_whenever_all_modules_are_imported(order: str) -> None:
    code = CHECK_KINDS + (
        "def everything():\n"
        "    for module in modules(): __import__(module)\n"
        f"{order}\n"
        "from ckf_airgap import *\n"
        "assert inspect.isfunction(render) and inspect.isfunction(deploy)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


def test_no_room_has_the_name_of_a_public_function() -> None:
    rooms = {path.parent.name for path in PACKAGE.rglob("__init__.py")}
    at_the_root = {path.stem for path in PACKAGE.glob("*.py")}
    functions = {name for name in PUBLIC if inspect.isfunction(getattr(ckf_airgap, name))}
    assert functions & (rooms | at_the_root) == set()


def test_names_say_what_they_do() -> None:
    assert {"list", "load", "save", "pull", "push", "wait", "watch", "pack", "unpack"} & set(
        PUBLIC
    ) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'deploi'"):
        ckf_airgap.__getattr__("deploi")
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        exec("from ckf_airgap import Nonsense")  # noqa: S102 - type checkers refuse it, as they must


def test_a_name_is_imported_once() -> None:
    assert isinstance(ckf_airgap.render, types.FunctionType)
    assert vars(ckf_airgap)["render"] is ckf_airgap.render


def pure_modules() -> list[str]:
    """Return the modules that do no input or output, as the linter of imports knows them."""
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    contract = text.partition('"Parsing and planning do no input or output"')[2]
    return re.findall(r'"(ckf_airgap[\w.]+)"', contract.partition("]")[0])


@pytest.mark.parametrize("module", pure_modules())
def test_importing_a_pure_module_loads_no_network(module: str) -> None:
    assert loaded(f"import {module}", "juju", "aiohttp", "asyncio", "click", "docker", "rich") == []


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import ckf_airgap; {}"
    show = "print(*sorted(set(sys.modules) - before - {'__future__'}))"
    done = subprocess.run(
        [sys.executable, "-c", code.format(show)], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["ckf_airgap"]


def test_a_package_in_a_zip_file_has_its_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in PACKAGE.rglob("*.py*"):
            if path.suffix in {".py", ".pyi"}:
                archive.write(path, path.relative_to(PACKAGE.parent))
    code = "import ckf_airgap; from ckf_airgap import Problem; print(ckf_airgap.__file__, Problem)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "package.zip")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert done.stdout.startswith(str(tmp_path))


def test_rendering_loads_neither_libjuju_nor_an_http_client() -> None:
    code = "from ckf_airgap import CharmDirectory, load_release, render"
    assert loaded(code, "juju", "aiohttp", "click") == []


def loaded(code: str, *names: str) -> list[str]:
    """Return which of some modules are loaded in a new process after some code."""
    script = f"import sys\n{code}\nprint(*[name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return done.stdout.split()
