from __future__ import annotations

import math
from typing import Any

import pytest

from ckf_airgap.rehearsal.units.actionresults import ActionResult, ActionScript


def test_an_applications_own_result_beats_its_charms() -> None:
    script = ActionScript()
    of_charm, own = ActionResult(message="charm"), ActionResult(message="own")
    script.set_result("backup", of_charm, charm="mysql-k8s")
    assert script.result("backup", application="db", charm="mysql-k8s") is of_charm
    script.set_result("backup", own, application="db")
    assert script.result("backup", application="db", charm="mysql-k8s") is own
    assert script.result("restore", application="db", charm="mysql-k8s") is None
    script.set_result("backup", None, application="db")
    assert script.result("backup", application="db", charm="mysql-k8s") is of_charm
    script.clear()
    assert script.result("backup", application="db", charm="mysql-k8s") is None


def test_the_result_of_a_command_holds_its_output_and_code() -> None:
    script = ActionScript()
    script.set_exec(ActionResult.of_command(stdout="out", stderr="err", return_code=3), charm="x")
    found = script.result("juju-exec", application="x", charm="x")
    assert found is not None
    assert found.status == "completed"
    assert found.results == {"return-code": 3, "stdout": "out", "stderr": "err"}


def test_results_are_in_no_representation() -> None:
    assert "hunter2" not in repr(ActionResult(results={"password": "hunter2"}))


def test_nonsense_is_refused() -> None:
    wrong: Any = "done"
    with pytest.raises(ValueError, match="completed or failed"):
        ActionResult(status=wrong)
    with pytest.raises(ValueError, match="cannot take"):
        ActionResult(after_s=-1)
    with pytest.raises(ValueError, match="application or for a charm"):
        ActionScript().set_result("backup", ActionResult())
    assert ActionResult(after_s=math.inf).never_ends
