"""A script file is read again while the controller runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ckf_airgap.cli import main
from ckf_airgap.errors import AirgapError, InputError, MissingError
from ckf_airgap.rehearsal.host.controller import RehearsalController

BLOCKED = "applications: {minio: {stays: blocked}}\n"
WAITING = "applications: {minio: {stays: waiting}}\n"


def shown(controller: RehearsalController) -> str | None:
    course = controller.script.course(application="minio", charm="minio")
    return None if course is None else course.steps[0].workload


async def test_a_changed_script_is_played_and_a_bad_one_is_not(tmp_path: Path) -> None:
    told: asyncio.Queue[AirgapError | None] = asyncio.Queue()

    async def is_told() -> AirgapError | None:
        return await asyncio.wait_for(told.get(), timeout=10)

    path = tmp_path / "script.yaml"
    path.write_text(BLOCKED)
    async with RehearsalController(script_file=path, script_changed=told.put_nowait) as controller:
        assert shown(controller) == "blocked"

        path.write_text(WAITING)
        assert await is_told() is None
        assert shown(controller) == "waiting"

        path.write_text("applications: {minio: {stays: bloked}}\n")
        assert isinstance(await is_told(), InputError)
        assert shown(controller) == "waiting"

        path.unlink()
        assert isinstance(await is_told(), MissingError)
        assert shown(controller) == "waiting"

        replacement = tmp_path / "new.yaml"
        replacement.write_text("")
        replacement.replace(path)
        assert await is_told() is None
        assert shown(controller) is None
    assert told.empty()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, MissingError), (b"a: [", InputError), (b"\xff\xfe\xfd", InputError)],
)
async def test_a_controller_does_not_start_with_a_bad_script(
    tmp_path: Path, content: bytes | None, error: type[AirgapError]
) -> None:
    path = tmp_path / "script.yaml"
    if content is not None:
        path.write_bytes(content)
    controller = RehearsalController(script_file=path, juju_data=tmp_path / "juju")
    with pytest.raises(error, match=r"script\.yaml"):
        await controller.start()
    assert not (tmp_path / "juju" / "controllers.yaml").exists()


def test_as_a_process_it_says_what_became_of_the_script(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(BLOCKED)
    command = [sys.executable, "-m", "ckf_airgap", "controller", "--script", str(path)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith("ready ")
            path.write_text("applications: {minio: {stays: bloked}}\n")
            warning = process.stderr.readline()
            detail = process.stderr.readline()
            path.write_text(WAITING)
            note = process.stderr.readline()
        finally:
            process.kill()
    assert warning == f"warning: {path} is not a script; the script stays as it was\n"
    assert "applications.minio.stays.workload: 'bloked' is none of active" in detail
    assert note == f"read {path} again\n"


@pytest.mark.parametrize(("content", "code"), [(None, 4), ("units: []\n", 3)])
def test_as_a_process_it_refuses_a_bad_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, code: int
) -> None:
    path = tmp_path / "script.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["controller", "--script", str(path)])
    assert ended.value.code == code
    assert str(path) in capsys.readouterr().err
