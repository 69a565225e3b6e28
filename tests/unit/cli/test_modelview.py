"""What people are shown of a model."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console, RenderableType

from ckf_airgap.cli.modelview import (
    describe_counts,
    relations_table,
    status_table,
    worst,
)
from ckf_airgap.cli.wording import duration
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    RelationSnapshot,
    StatusInfo,
    UnitSnapshot,
)


def unit(number: int, workload: str, agent: str = "idle", message: str = "") -> UnitSnapshot:
    return UnitSnapshot(
        name=f"cat/{number}",
        application="cat",
        workload=StatusInfo(current=workload, message=message),
        agent=StatusInfo(current=agent),
    )


def application(*units: UnitSnapshot, status: str = "", scale: int = 1) -> ApplicationSnapshot:
    return ApplicationSnapshot(
        name="cat",
        charm_url="local:cat-0",
        status=StatusInfo(current=status),
        units=units,
        scale=scale,
    )


def text(renderable: RenderableType) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as capture:
        console.print(renderable)
    return [" ".join(line.split()) for line in capture.get().splitlines()]


@pytest.mark.parametrize(
    ("units", "status", "shown"),
    [
        ([unit(0, "active")], "", "active"),
        ([unit(0, "active")], "active", "active"),
        ([unit(0, "active")], "blocked", "blocked"),
        ([unit(0, "active"), unit(1, "waiting")], "active", "waiting"),
        ([unit(0, "waiting"), unit(1, "error")], "", "error"),
        ([unit(0, "active", "executing")], "", "executing"),
        ([unit(0, "active", "lost")], "", "lost"),
        ([unit(0, "maintenance", "executing")], "", "maintenance"),
        ([], "", "waiting"),
    ],
)
def test_worst_status_comes_first(units: list[UnitSnapshot], status: str, shown: str) -> None:
    assert worst(application(*units, status=status)).current == shown


def test_table_has_a_row_for_each_application_with_what_ails_it() -> None:
    cat = application(unit(0, "active"), unit(1, "blocked", message="Missing relation"), scale=2)
    rows = text(status_table(ModelSnapshot(model="m", applications={"cat": cat})))
    assert rows[-1] == "cat cat 0 1/2 blocked Missing relation"


def test_relations_of_one_application_with_itself_are_left_out() -> None:
    snapshot = ModelSnapshot(
        model="m",
        relations=(
            RelationSnapshot(id=1, key="x", interface="prey", ends=("cat:prey", "dog:prey")),
            RelationSnapshot(id=2, key="y", interface="peers", ends=("cat:peers",)),
        ),
    )
    assert text(relations_table(snapshot))[2:] == ["cat:prey dog:prey prey"]
    assert describe_counts(snapshot) == "0 applications, 0 units, 1 relation"


def test_counts_tell_states() -> None:
    snapshot = ModelSnapshot(model="m", applications={"cat": application(unit(0, "active"))})
    assert describe_counts(snapshot) == "1 application (1 active), 1 unit, 0 relations"
    ending = dataclasses.replace(snapshot, life="dying")
    assert describe_counts(ending).endswith(", 0 relations; the model is dying")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations_are_for_people(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
