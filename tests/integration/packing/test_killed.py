"""kill -9 at random points: a rerun after each, and in the end the same bytes, nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ckf_airgap.errors import InterruptedRunError
from ckf_airgap.packing.unpack import unpack_pack
from ckf_airgap.packing.verify import verify_pack
from tests.integration.packing.conftest import Pets
from tests.integration.packing.connected import PRIVATE, ConnectedSide, contents, run_command

KILLS = int(os.environ.get("CKF_AIRGAP_KILLS", "4"))
"""How often; the acceptance of the issue is 10, with `PADDING` of 2 MB."""

PADDING = int(os.environ.get("CKF_AIRGAP_PADDING", "60000"))


_BLOB = re.compile(r'"GET /v2/\S+/blobs/(sha256:[0-9a-f]{64}) HTTP[^"]*" 20[06] (\d+) ')


def blobs_sent(log: str) -> Counter[str]:
    """Return how many bytes of each blob were sent, as the registry's access log tells."""
    sent: Counter[str] = Counter()
    for digest, count in _BLOB.findall(log):
        sent[digest] += int(count)
    return sent


@pytest.mark.timeout(900)
def test_killed_anywhere_and_run_again_the_pack_is_the_same(
    side: ConnectedSide, tmp_path: Path
) -> None:
    named = side.offer_release("1.11", padding=PADDING, layer_bytes=20_000)
    log = side.images.root / "log.txt"
    options = ["--registry", PRIVATE, "--no-tool", *side.options]

    def command(out: Path) -> list[object]:
        return ["pack", *named, "-o", out, "--split", "300KB", *options]

    began = time.monotonic()
    whole = run_command(*command(tmp_path / "whole"))
    output, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0, output
    took = time.monotonic() - began

    side.store.downloads.clear()
    before = len(log.read_text(errors="replace"))
    chance = random.Random(7)  # noqa: S311 - the same each time
    killed = 0
    for number in range(KILLS):
        process = run_command(*command(tmp_path / "out"))
        # Spread over the run: later kills come later, since each run begins where one ended.
        time.sleep(took * (0.15 + 0.8 * (number + chance.random()) / KILLS))
        killed += process.poll() is None
        process.kill()
        process.communicate()
    last = run_command(*command(tmp_path / "out"))
    output, _ = last.communicate(timeout=300)
    assert last.returncode == 0, output
    assert killed >= KILLS // 2, "the runs were over before they were killed"

    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not (tmp_path / "out.work").exists()
    # What was whole is not fetched again. A kill loses what is under way: four charms, of which
    # the bytes that had not reached the disk, and eight blobs.
    twice = [name for name, times in side.store.times_sent().items() if times > 1]
    assert len(twice) <= 4 * killed, twice
    lock = json.loads((tmp_path / "out" / "ckf-airgap.lock").read_text())
    sent = blobs_sent(log.read_text(errors="replace")[before:])
    assert sent.keys() <= lock["blobs"].keys()
    again = [digest for digest, count in sent.items() if count >= 2 * lock["blobs"][digest]]
    assert len(sent) > 100, "the log was read"
    assert len(again) <= 8 * killed, again
    sys.stderr.write(
        f"{killed} kills: {len(twice)} charms and {len(again)} of {len(sent)} blobs sent twice\n"
    )


def test_ctrl_c_ends_a_run_well_and_the_next_one_goes_on(pets: Pets, tmp_path: Path) -> None:
    pets.side.store.chunk, pets.side.store.pause_s = 4096, 0.2
    words = ["pack", pets.bundle, "--registry", PRIVATE, "-o", pets.out, "--no-tool"]
    process = run_command(*words, *pets.side.options)
    work = tmp_path / "out.work" / "charms"
    deadline = time.monotonic() + 60
    while not (work.is_dir() and any(one.stat().st_size for one in work.glob("*.part"))):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    pets.side.store.pause_s = 0

    assert process.returncode == 130, output
    assert "what was done stands" in output
    assert any(work.glob("*.part"))
    assert pets.call("verify", pets.packed()).exit_code == 0
    assert set(pets.side.store.times_sent().values()) == {1}


def test_reading_a_pack_ends_when_it_is_told_to(pets: Pets, tmp_path: Path) -> None:
    pack = pets.packed("--split", "64KiB")

    def stop(_count: int) -> None:
        raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        verify_pack(pack, watch=stop)
    with pytest.raises(InterruptedRunError):
        unpack_pack(pack, tmp_path / "home", watch=stop)

    assert not [path for path in tmp_path.joinpath("home").rglob("*") if path.is_file()]
