"""The fixtures of each scope, and what they leave behind, in pytest runs of their own."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from ckf_airgap.operations.lock import LOCK_NAME, Lock, LockedCharm
from ckf_airgap.testing.clients import client_store
from tests.charms import write_charm

pytest_plugins = ["pytester"]

FAKE_JUBILANT = """
class Juju:
    def add_model(self, model, *, controller):
        self.model = f"{controller}:{model}"
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user may have set: a store, a controller and a model of a real cluster."""
    monkeypatch.setenv("JUJU_DATA", "/nowhere/real")
    monkeypatch.setenv("JUJU_CONTROLLER", "real")
    monkeypatch.setenv("JUJU_MODEL", "real:kubeflow")


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester) -> None:
    """A project with pytest's defaults, whatever lies in the directories above."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")


def fake_juju(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(parents=True)
    (directory / "juju").write_text("#!/bin/sh\nexit 1\n")
    (directory / "juju").chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)


def test_each_scope_has_a_controller_that_the_environment_points_at(
    pytester: pytest.Pytester,
) -> None:
    test = """
import os

def test_function(rehearsal_session_controller, rehearsal_module_controller, rehearsal_controller):
    {seen}.append((rehearsal_session_controller, rehearsal_module_controller, rehearsal_controller))
    assert len({{c.endpoint for c in {seen}[-1]}}) == 3
    assert os.environ["JUJU_DATA"] == str(rehearsal_controller.juju_data)
    assert "JUJU_MODEL" not in os.environ and "JUJU_CONTROLLER" not in os.environ

def test_module(rehearsal_module_controller, rehearsal_session_controller):
    assert os.environ["JUJU_DATA"] == str(rehearsal_module_controller.juju_data)
    before = {seen}[-1]
    assert rehearsal_module_controller is before[1]
    assert rehearsal_session_controller is {seen}[0][0]
    assert rehearsal_module_controller not in [other[1] for other in {seen}[:-1]]
"""
    pytester.makepyfile(seen="SEEN = []")
    text = "from seen import SEEN\n" + test.format(seen="SEEN")
    pytester.makepyfile(test_one=text, test_two=text)

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)

    assert os.environ["JUJU_DATA"] == "/nowhere/real"
    assert os.environ["JUJU_MODEL"] == "real:kubeflow"


def test_each_scope_has_options_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def rehearsal_session_options():
            return {"models": ["of-session"]}

        @pytest.fixture(scope="module")
        def rehearsal_module_options():
            return {"models": ["of-module"]}

        def test(rehearsal_session_controller, rehearsal_module_controller):
            assert set(rehearsal_session_controller.controller.models) == {"of-session"}
            assert set(rehearsal_module_controller.controller.models) == {"of-module"}
        """
    )

    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_whole_session_on_a_rehearsal_is_there_before_fixtures_of_others(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        import os, pathlib, pytest

        @pytest.fixture(scope="module", autouse=True)
        def ops_test():  # module-scoped, as those of pytest-operator and pytest-jubilant
            return pathlib.Path(os.environ["JUJU_DATA"])
        """
    )
    pytester.makepyfile(
        """
        def test(ops_test):
            assert "current-controller" in (ops_test / "controllers.yaml").read_text()
        """
    )

    pytester.runpytest_inprocess("--rehearsal").assert_outcomes(passed=1)
    assert os.environ["JUJU_DATA"] == "/nowhere/real"

    pytester.runpytest_inprocess().assert_outcomes(failed=1)


def test_a_script_file_is_for_every_controller(pytester: pytest.Pytester) -> None:
    write_charm(pytester.path, "web")
    (pytester.path / "script.yaml").write_text("units: {web/0: {stays: unknown}}\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        async def test(rehearsal_model):
            await rehearsal_model.deploy("./web.charm", num_units=2)
            await rehearsal_model.block_until(
                lambda: {
                    unit.name: unit.workload_status
                    for unit in rehearsal_model.applications["web"].units
                }
                == {"web/0": "unknown", "web/1": "active"},
                timeout=20,
            )
        """
    )

    done = pytester.runpytest_inprocess(
        "--rehearsal-script", "script.yaml", "-W", "ignore::ResourceWarning"
    )

    done.assert_outcomes(passed=1)


def store_in(directory: Path) -> None:
    """Write a charm store with a lock that says the channel of its charm."""
    directory.mkdir(parents=True)
    charm = write_charm(directory, "web", filename="web_r3.charm")
    locked = LockedCharm(
        name="web",
        channel="2.0/stable",
        revision=3,
        file=charm.name,
        size=charm.stat().st_size,
        sha384="0" * 96,
    )
    lock = Lock(
        tool="0", bundle="x", bundle_sha256="0" * 64, architecture="amd64", charms=(locked,)
    )
    (directory / LOCK_NAME).write_text(lock.to_text())


CHANNELS_OF_WEB = """
    import pytest

    @pytest.fixture
    def channels(rehearsal_controller):
        (file,) = rehearsal_controller.controller.state.repository.files["web"]
        return file.channels

    def test(channels):
        assert channels == {"2.0/stable"}
    """


def test_a_directory_of_charms_is_the_store_of_every_controller(
    pytester: pytest.Pytester,
) -> None:
    store_in(pytester.path / "one" / "charms")
    pytester.makepyfile(CHANNELS_OF_WEB)
    pytester.runpytest_inprocess("--rehearsal-charms", "one/charms").assert_outcomes(passed=1)
    pytester.runpytest_inprocess().assert_outcomes(errors=1)
    pytester.makeini(
        "[pytest]\nrehearsal_charms = one/charms\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_options_of_a_test_name_its_store(pytester: pytest.Pytester) -> None:
    store_in(pytester.path / "charms")
    pytester.makeconftest(
        """
        import pathlib, pytest

        @pytest.fixture
        def rehearsal_options():
            return {"charms": pathlib.Path(__file__).parent / "charms"}
        """
    )
    pytester.makepyfile(CHANNELS_OF_WEB)
    pytester.runpytest_inprocess("--rehearsal-charms", "gone").assert_outcomes(passed=1)


def test_jubilant_gets_a_model_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_juju(pytester.path / "bin", monkeypatch)
    pytester.makepyfile(jubilant=FAKE_JUBILANT)
    pytester.makepyfile(
        """
        def test_one(rehearsal_juju, rehearsal_module_controller):
            controller, _, model = rehearsal_juju.model.partition(":")
            assert controller == rehearsal_module_controller.controller.name
            assert model.startswith("test-")
            rehearsal_juju.seen = True

        def test_two(rehearsal_juju):
            assert rehearsal_juju.seen
        """
    )
    monkeypatch.delitem(sys.modules, "jubilant", raising=False)
    monkeypatch.syspath_prepend(pytester.path)

    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_without_jubilant_the_fixture_says_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jubilant", None)
    pytester.makepyfile("def test(rehearsal_juju): pass")

    done = pytester.runpytest_inprocess()

    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*needs jubilant, which is not installed*"])


def test_without_a_client_the_fixture_says_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jubilant", ModuleType("jubilant"))
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makepyfile("def test(rehearsal_juju): pass")

    done = pytester.runpytest_inprocess()

    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*there is no juju on the PATH*"])


def test_a_client_from_a_snap_gets_a_store_that_it_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    fake_juju(tmp_path / "snap" / "bin", monkeypatch)

    with client_store() as store:
        assert store is not None
        assert store.parent == tmp_path / "home" / "snap" / "juju" / "common"
        assert store.is_dir()

    assert not store.exists()


def test_a_client_from_elsewhere_reads_any_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_juju(tmp_path / "bin", monkeypatch)
    with client_store() as store:
        assert store is None


def test_the_extra_takes_what_pytest_operator_demands() -> None:
    packaging = pytest.importorskip("packaging.requirements")
    wanted = [packaging.Requirement(line) for line in metadata.requires("ckf-airgap") or ()]
    asyncio = next(one for one in wanted if one.name == "pytest-asyncio")
    # pytest-operator demands pytest-asyncio<0.23
    assert asyncio.specifier.contains("0.21.2")


@pytest.mark.juju_client
@pytest.mark.skipif(shutil.which("juju") is None, reason="there is no juju on the PATH")
def test_with_the_real_client(pytester: pytest.Pytester) -> None:
    pytest.importorskip("jubilant")
    write_charm(pytester.path, "web")
    pytester.makepyfile(
        """
        import jubilant

        def test_deploy(rehearsal_juju):
            rehearsal_juju.deploy("./web.charm")
            rehearsal_juju.wait(jubilant.all_active, delay=0.2, timeout=30)

        def test_the_module_goes_on(rehearsal_juju):
            assert rehearsal_juju.status().apps["web"].is_active
        """
    )

    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_test_errors_when_its_controller_has_failed_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
def test_a_unit_is_lost(rehearsal_controller):
    def fail():
        raise KeyError("minio/0")

    model = rehearsal_controller.controller.models["kubeflow"]
    rehearsal_controller.call(lambda: model.clock.call_later(0, fail))
    while not rehearsal_controller.controller.failures:
        pass
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the rehearsal controller itself failed 1 times*"])
