"""What others wrote, on a real terminal: visible, and without effect on it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands.conftest import World
from tests.integration.packing.smallpack import seal

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202edlrow\x7f"
SHOWN = r"\x1b]0;title\x07\x1b[2J\x9b31m\u202edlrow\x7f"

_OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours, and the movements of a table that is redrawn."""

_ACTING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def on_terminal(world: World, *arguments: str | Path) -> tuple[int, str]:
    """Run a command whose output is a terminal; return its exit code and what the terminal got."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            world.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd=world.path,
            env={**world.environment(), "TERM": "xterm-256color", "COLUMNS": "200"},
        )
        os.close(theirs)
        got = bytearray()
        with contextlib.suppress(OSError):  # EIO once the other side is closed
            while piece := os.read(ours, 65536):
                got += piece
        return process.wait(60), got.decode()
    finally:
        os.close(ours)


def harmless(said: str) -> str:
    """Check that nothing in an output acts on a terminal; return it without our own colours."""
    own = _OWN.findall(said)
    assert not [one for one in own if one[-1] not in "mKAhlG"], own
    assert "\x1b[31mEVIL" not in said
    plain = _OWN.sub("", said).replace("\r", "")
    assert not _ACTING.search(plain), plain
    return plain


def test_a_name_in_a_pack_forges_no_line_and_moves_no_cursor(world: World) -> None:
    pack = world.path / "pack"
    pack.mkdir()
    (pack / "bundle.yaml").write_text("{}\n")
    seal(pack)
    for name in (f"{EVIL}", "\x1b[31mEVIL", "a\nthe pack is complete", "b\r\u2028c"):
        (pack / name).write_text("")

    code, said = on_terminal(world, "verify", pack)

    assert code == 9
    plain = harmless(said)
    for shown in (SHOWN, r"\x1b[31mEVIL", r"a\nthe pack is complete", r"b\r\u2028c"):
        assert shown in plain
    assert not [line for line in plain.splitlines() if line.startswith("the pack is")]


def test_what_a_charm_tells_of_itself_is_shown_and_nothing_more(world: World) -> None:
    """In the table that is redrawn, and in its last form."""
    script = world.path / "script.yaml"
    message = f"{EVIL}\n[/x][link=http://x]:smile:"
    stays = {"workload": "blocked", "message": message}
    script.write_text(json.dumps({"applications": {"minio": {"stays": stays}}}))
    files = ("--charms", world.charms, "--script", script)
    timing = ("--timeout", "1s", "--speed", "1000")

    code, said = on_terminal(world, "rehearse", world.bundle, *files, *timing)

    assert code == 8
    shown = SHOWN + r"\n[/x][link=http://x]:smile:"
    assert re.search(rf"minio .*blocked +{re.escape(shown)}", harmless(said))


@pytest.mark.parametrize("json_too", [False, True])
def test_names_in_a_bundle_are_shown_in_errors_and_keep_their_value_in_json(
    world: World, json_too: bool
) -> None:
    bundle = world.bundle.read_text(encoding="utf-8")
    odd = bundle.replace("{port: 9000}", json.dumps({EVIL: 1}))
    world.bundle.write_text(odd, encoding="utf-8")
    files = ("--charms", world.charms, "--images", world.images)

    code, said = on_terminal(
        world, "render", world.bundle, *files, *(["--json"] if json_too else [])
    )

    assert code == 3
    assert SHOWN in harmless(said)
    if json_too:
        document = json.loads(said[said.index("{\r\n") :])
        values = [value for problem in document["problems"] for value in problem.values()]
        assert any(EVIL in value for value in values), "the value is the same to a machine"


@pytest.mark.parametrize(
    "words", [["--set", f"minio.{EVIL}=1"], ["--overlay", EVIL.replace("/", "")]]
)
def test_words_of_the_command_line_are_shown_as_well(world: World, words: list[str]) -> None:
    files = ("--charms", world.charms, "--images", world.images)
    code, said = on_terminal(world, "render", world.bundle, *files, *words)
    assert code in (3, 4)
    assert SHOWN in harmless(said)
