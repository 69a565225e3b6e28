"""How every command behaves: exit codes, errors, help, JSON, colours."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import re

import click
import pytest
from click.testing import CliRunner, Result

import ckf_airgap
from ckf_airgap import errors
from ckf_airgap.cli import main
from ckf_airgap.cli.app import COMMANDS
from ckf_airgap.cli.groups import CommandGroup


def invoke(*args: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, list(args), env=env)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make ``ckf-airgap releases`` end with an error of the library."""

    def broken() -> list[str]:
        raise error

    monkeypatch.setattr(ckf_airgap, "release_names", broken)


def imported(group: click.Command, name: str) -> click.Command:
    """Return a command of a group."""
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


class TestHelp:
    @pytest.mark.parametrize("group", [(), ("charms",), ("images",)])
    def test_lists_every_command_by_what_it_says_itself(self, group: tuple[str, ...]) -> None:
        text = invoke(*group, "--help").stdout
        parent: click.Command = main
        for name in group:
            parent = imported(parent, name)
        assert isinstance(parent, CommandGroup)
        for name, place in parent.places.items():
            command = imported(parent, name)
            assert command.name == name
            sentence = (command.help or "").partition("\n")[0]
            assert sentence == place.about if not group else sentence[:9] == place.about[:9]
            assert re.search(rf"^  {name} +{re.escape(place.about)}$", text, re.MULTILINE)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_every_command_ends_with_an_example_that_parses(self, name: str) -> None:
        result = invoke(name, "--help")
        assert result.exit_code == 0
        assert result.stderr == ""
        examples = result.stdout.partition("Example")[2]
        lines = examples.replace("\\\n", " ").splitlines()
        calls = [line.split()[1:] for line in lines if line.strip().startswith("ckf-airgap ")]
        assert calls
        for args in calls:
            command = importlib.import_module(f"ckf_airgap.cli.{args[0]}").command
            with click.Context(main) as parent:
                command.make_context(args[0], args[1:], parent=parent)

    def test_imports_nothing_that_takes_long(self) -> None:
        import subprocess
        import sys

        script = (
            "import sys\n"
            "from ckf_airgap.cli import main\n"
            "try: main(['images', '--help'])\n"
            "except SystemExit: pass\n"
            "print({'juju', 'aiohttp', 'yaml'} & set(sys.modules), file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "set()"

    def test_short_form(self) -> None:
        assert invoke("releases", "-h").stdout == invoke("releases", "--help").stdout


class TestNoArguments:
    @pytest.mark.parametrize("group", [(), ("images",)])
    def test_show_the_help_of_the_group_and_do_nothing(self, group: tuple[str, ...]) -> None:
        result = invoke(*group)
        assert result.exit_code == 2
        assert result.stdout == invoke(*group, "--help").stdout
        assert result.stderr == ""

    def test_but_an_option_lack_a_command(self) -> None:
        result = invoke("-v")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("error: Missing command.")


class TestUsageErrors:
    def test_unknown_command_names_the_nearest(self) -> None:
        result = invoke("relaeses")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr == (
            "error: no such command 'relaeses', did you mean 'releases'?\nSee: ckf-airgap --help\n"
        )

    def test_unknown_option_points_at_the_help_of_the_command(self) -> None:
        result = invoke("releases", "--no-such")
        assert result.exit_code == 2
        assert "--no-such" in result.stderr
        assert "See: ckf-airgap releases --help" in result.stderr


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.AirgapError("x"), 1),
            (errors.UsageError("x"), 2),
            (errors.OptionError("x"), 3),
            (errors.ImageNotFoundError("x"), 4),
            (errors.ControllerError("x"), 5),
            (errors.RefusedError("x"), 6),
            (errors.WorkloadError("x"), 7),
            (errors.WaitTimeoutError("x"), 8),
            (errors.InterruptedRunError("x"), 130),
        ],
    )
    def test_of_the_library_have_their_documented_exit_codes(
        self, monkeypatch: pytest.MonkeyPatch, error: errors.AirgapError, code: int
    ) -> None:
        fail_with(monkeypatch, error)
        result = invoke("releases")
        assert result.exit_code == code
        assert result.stdout == ""
        assert result.stderr == "error: x\n"

    def test_print_message_problems_and_fix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        problems = [errors.Problem("a [bold]b[/bold]", "here", "do c"), errors.Problem("d")]
        fail_with(monkeypatch, errors.InputError("two things", problems=problems, fix="Mend it."))
        assert invoke("releases").stderr == (
            "error: two things:\n  - here: a [bold]b[/bold]\n      do c\n  - d\nMend it.\n"
        )

    def test_with_json_are_one_document_on_standard_output(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        problem = errors.Problem("what", "where", "fix")
        fail_with(monkeypatch, errors.CharmError("bad charm", problems=[problem], fix="Fetch it."))
        result = invoke("releases", "--json")
        assert result.exit_code == 3
        assert json.loads(result.stdout) == {
            "schema": "ckf-airgap/error/v1",
            "error": "CharmError",
            "exit-code": 3,
            "message": "bad charm",
            "problems": [{"what": "what", "where": "where", "fix": "fix"}],
            "fix": "Fetch it.",
        }
        assert result.stderr.startswith("error: bad charm:")

    def test_that_nobody_expected_are_one_message_without_traceback(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail_with(monkeypatch, KeyError("oops"))
        result = invoke("releases")
        assert result.exit_code == 1
        assert result.stderr.splitlines()[0] == "error: unexpected KeyError: 'oops'"
        assert "--debug" in result.stderr
        assert "Traceback" not in result.stderr

    def test_of_memory_are_no_defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fail_with(monkeypatch, MemoryError())
        result = invoke("releases")
        assert result.exit_code == 1
        assert result.stderr.splitlines()[0] == "error: there is not enough memory"
        assert "bug" not in result.stderr

    @pytest.mark.parametrize("args", [("--debug", "releases"), ("releases", "--debug")])
    def test_show_a_traceback_with_debug(
        self, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
    ) -> None:
        fail_with(monkeypatch, KeyError("oops"))
        result = invoke(*args)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert "in broken" in result.stderr

    def test_of_the_system_name_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fail_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/x/overlay.yaml"))
        result = invoke("releases")
        assert result.exit_code == 1
        assert result.stderr == "error: /x/overlay.yaml: No space left on device\n"

    def test_ctrl_c_outside_of_asyncio_is_130(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fail_with(monkeypatch, KeyboardInterrupt())
        result = invoke("releases")
        assert result.exit_code == 130
        assert "error: stopped by Ctrl-C" in result.stderr


class TestReleases:
    def test_lists_what_is_shipped(self) -> None:
        result = invoke("releases")
        assert result.exit_code == 0
        rows = [line.split() for line in result.stdout.splitlines()]
        assert [row[0] for row in rows[2:]] == ["1.8", "1.9", "1.10", "1.11"]
        assert rows[-1][:4] == ["1.11", "37", "35", "36"]

    def test_as_json_has_a_schema_and_the_source(self) -> None:
        document = json.loads(invoke("releases", "--json").stdout)
        assert document["schema"] == "ckf-airgap/releases/v1"
        newest = document["releases"][-1]
        assert newest["name"] == "1.11"
        assert newest["applications"] == 37
        assert len(newest["charms"]) == 36
        assert re.fullmatch("[0-9a-f]{40}", newest["source"]["commit"])

    def test_piped_output_has_no_colour_and_no_trailing_blanks(self) -> None:
        text = invoke("releases").stdout
        assert "\x1b" not in text
        assert all(line == line.rstrip() for line in text.splitlines())

    def test_rows_are_not_wrapped_in_a_narrow_pipe(self) -> None:
        assert invoke("releases", env={"COLUMNS": "20"}).stdout == invoke("releases").stdout


def test_version() -> None:
    assert invoke("--version").stdout.startswith("ckf-airgap, version 0.")


def test_module_runs_as_a_program() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "ckf_airgap", "releases"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "1.11" in done.stdout


class TestLogs:
    @pytest.fixture(autouse=True)
    def _talkative(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let ``ckf-airgap releases`` log at every level, as ourselves and as libjuju."""

        def talk() -> list[str]:
            for name in ("ckf_airgap.somewhere", "juju.client.connection"):
                for level in (logging.DEBUG, logging.INFO, logging.WARNING):
                    logging.getLogger(name).log(level, "%s says [x] %d", name, level)
            return []

        monkeypatch.setattr(ckf_airgap, "release_names", talk)

    @pytest.mark.parametrize(
        ("args", "count"),
        [((), 1), (("-q",), 0), (("-v",), 2), (("-vv",), 5), (("--debug",), 5)],
    )
    def test_are_as_many_as_asked_for(self, args: tuple[str, ...], count: int) -> None:
        after, before = invoke("releases", *args), invoke(*args, "releases")
        assert after.stderr == before.stderr
        lines = [line for line in after.stderr.splitlines() if " says [x] " in line]
        assert len(lines) == count

    def test_never_hold_what_libjuju_sends(self) -> None:
        assert "DEBUG juju" not in invoke("releases", "-vv", "--debug").stderr

    def test_end_with_the_command(self) -> None:
        before = list(logging.getLogger().handlers)
        invoke("releases", "-vv")
        assert logging.getLogger().handlers == before
        assert logging.getLogger("ckf_airgap").level == logging.NOTSET
