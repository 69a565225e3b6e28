"""The values of shared options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ckf_airgap.cli import main
from ckf_airgap.cli.options import BundleName, Duration, UserPath


def complete(kind: BundleName | UserPath, text: str) -> list[tuple[str, str]]:
    argument = click.Argument(["x"])
    with click.Context(click.Command("c")) as ctx:
        return [(item.value, item.type) for item in kind.shell_complete(ctx, argument, text)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("1.5s", 1.5),
        ("30m", 1800.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1h0m5s", 3605.0),
        ("2m30", 150.0),
    ],
)
def test_duration_is_seconds(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", " ", "soon", "-5", "5d", "1m1h", "0", "0h", "1e3", "nan"])
def test_duration_refuses_anything_else(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_bundle_completes_releases_and_files() -> None:
    assert complete(BundleName(), "1.1") == [("1.10", "plain"), ("1.11", "plain"), ("1.1", "file")]


def test_path_fills_in_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert UserPath().convert("~/charms", None, None) == Path("/home/ann/charms")
    assert complete(UserPath("directory"), "x") == [("x", "dir")]


@pytest.mark.parametrize(
    "words",
    [
        ("images", "list", "1.11"),
        ("images", "save", "images.txt", "-o", "images.tar.gz"),
        ("pack", "1.11", "--registry", "r:5000", "-o", "out"),
    ],
)
@pytest.mark.parametrize(("value", "need"), [("required", "required"), ("optional", "later")])
def test_set_no_longer_chooses_images_and_says_what_does(
    words: tuple[str, ...], value: str, need: str
) -> None:
    result = CliRunner().invoke(main, [*words, "--set", value])

    assert result.exit_code == 2
    assert f"To choose images, give --need {need}." in result.stderr


def test_pack_refuses_what_is_not_a_setting_before_anything_is_fetched(tmp_path: Path) -> None:
    words = ["pack", "1.11", "--registry", "r:5000", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*words, "--set", "volume"])

    assert result.exit_code == 2
    assert "'volume' is not a setting" in result.stderr
    assert not (tmp_path / "out").exists()


def every_command(command: click.Command, context: click.Context) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from every_command(found, context)


@pytest.mark.parametrize("name", ["--overlay", "--registry", "--max-depth"])
def test_an_option_that_several_commands_have_is_described_in_one_way(name: str) -> None:
    with click.Context(main) as context:
        options = [
            option
            for command in every_command(main, context)
            for option in command.params
            if isinstance(option, click.Option) and name in option.opts
        ]
    assert len(options) >= 3
    assert {(option.help, option.metavar, option.envvar) for option in options} == {
        (options[0].help, options[0].metavar, options[0].envvar)
    }
