"""What is shown while images are carried."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ckf_airgap.cli.failures import report_failure
from ckf_airgap.cli.images.transferview import TransferView, _rest
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import ExitCode, ImagesFailedError, LoginError, Problem
from ckf_airgap.operations.imagesettings import TransferReport
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
)
from ckf_airgap.transfer.oci import Descriptor, Digest


def view(width: int, title: str = "pushing") -> tuple[TransferView, Terminal]:
    terminal = Terminal()
    terminal.err = Console(file=io.StringIO(), force_terminal=True, width=width, _environ={})
    return TransferView(terminal, title, "pushed"), terminal


def drawn(shown: TransferView, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(shown._draw())
    return capture.get()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_progress_is_one_line_on_a_terminal_of_any_width(width: int) -> None:
    shown, _ = view(width)
    digest = Digest.of(b"x")
    shown.listen(ImagesPlanned(count=107))
    shown.listen(BlobsPlanned(count=400, size=123_456_000_000))
    shown.listen(BytesMoved(digest=digest, count=0))
    shown._samples[0] = (shown._samples[0][0] - 5, 0)
    shown.listen(BytesMoved(digest=digest, count=10_000_000_000))
    failed = ImageResult(source="a", target="b", status=ImageStatus.FAILED, error=LoginError("no"))
    shown.listen(ImageDone(result=failed))
    lines = drawn(shown, width).splitlines()
    assert len(lines) == 1
    assert "1 of 107 images" in lines[0] or width < 60
    if width >= 80:
        for figure in ("(1 failed)", "10.0 GB of 123.5 GB", "GB/s", "left"):
            assert figure in lines[0]
    assert ("━" in lines[0]) == (width >= 100)


def test_where_no_bytes_are_moved_images_are_counted() -> None:
    shown, _ = view(80, "verifying")
    shown.listen(ImagesPlanned(count=4))
    before = drawn(shown, 80)
    assert "0 of 4 images" in before
    assert " B" not in before
    for _ in range(2):
        shown.listen(
            ImageDone(result=ImageResult(source="a", target="a", status=ImageStatus.PRESENT))
        )
    assert "2 of 4 images" in drawn(shown, 80)


def test_a_blob_that_was_there_is_counted_once() -> None:
    shown, _ = view(120)
    blob = Descriptor("application/octet-stream", Digest.of(b"x"), 1_000_000)
    shown.listen(ImagesPlanned(count=1))
    shown.listen(BlobsPlanned(count=1, size=1_000_000))
    shown.listen(BytesMoved(digest=blob.digest, count=400_000))
    shown.listen(BlobDone(descriptor=blob, way=BlobWay.COPIED, resumed=600_000))
    assert "1.0 MB of 1.0 MB" in drawn(shown, 120)


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 2), (1, 4)])
def test_a_failure_that_repeats_is_told_once_on_the_way(verbosity: int, lines: int) -> None:
    shown, terminal = view(200)
    terminal.verbosity = verbosity
    for number, why in enumerate(("no TLS", "no TLS", "no such project", "no TLS")):
        result = ImageResult(
            source="a", target=f"r/{number}", status=ImageStatus.FAILED, error=LoginError(why)
        )
        shown.listen(ImageDone(result=result))
    text = terminal.err.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("warning") == lines
    assert "r/0: no TLS" in text
    assert "r/2: no such project" in text


@pytest.mark.parametrize("same", [True, False])
def test_what_several_images_fail_for_is_told_once(same: bool) -> None:
    terminal = Terminal()
    terminal.err = Console(file=io.StringIO(), width=200)
    problems = [
        Problem("no such project", f"r/p/{number}", "Create it." if same else f"Fix {number}.")
        for number in range(3)
    ]
    failure = ImagesFailedError("3 of 3 images could not be pushed", problems=problems, fix="Rest.")
    assert report_failure(failure, terminal) == ExitCode.TRANSFER
    text = terminal.err.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("no such project") == (1 if same else 3)
    assert all(f"r/p/{number}" in text for number in range(3))
    assert text.count("Create it.") == (1 if same else 0)
    assert text.count("Fix ") == (0 if same else 3)
    assert text.rstrip().endswith("Rest.")


def test_the_command_for_the_rest_names_an_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that failed under its first and its second name."""
    monkeypatch.setattr("sys.argv", ["ckf-airgap", "images", "push", "i.tar"])
    failed = [
        ImageResult(source="a", target=target, status=ImageStatus.FAILED, error=LoginError("no"))
        for target in ("r.io/a", "r.io/library/a")
    ]
    report = TransferReport(results=tuple(failed), seconds=1.0)
    assert _rest(report, "pushed") == ": ckf-airgap images push i.tar --only a"
