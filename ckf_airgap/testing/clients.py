"""The clients that fixtures provide or prepare for: jubilant, and the `juju` that it runs."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ckf_airgap.errors import UsageError


def import_jubilant() -> ModuleType:
    """Return the module ``jubilant``, after checking that it and its `juju` are available.

    Raises:
        UsageError: when either is missing.
    """
    try:
        jubilant = importlib.import_module("jubilant")
    except ModuleNotFoundError as error:
        if error.name != "jubilant":
            raise
        raise UsageError(
            "the fixture rehearsal_juju needs jubilant, which is not installed",
            fix="Install it: pip install jubilant.",
        ) from error
    if shutil.which("juju") is None:
        raise UsageError(
            "the fixture rehearsal_juju needs Juju's client: there is no juju on the PATH",
            fix="Install it (sudo snap install juju), or use rehearsal_model, which needs none.",
        )
    return jubilant


@contextmanager
def client_store() -> Iterator[Path | None]:
    """Yield where a controller has to write its client store, for the `juju` on the PATH.

    A snapped `juju` has its own ``/tmp`` and cannot see the user's hidden directories; its store is
    a directory below ``~/snap/juju/common``, which is removed afterwards. For any other `juju` this
    is ``None``, which leaves the choice to the controller.
    """
    juju = shutil.which("juju")
    if juju is None or "snap" not in Path(juju).parts:
        yield None
        return
    common = Path.home() / "snap" / "juju" / "common"
    common.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="ckf-airgap-", dir=common))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
