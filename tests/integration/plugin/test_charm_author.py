"""What a charm author writes, with nothing but the fixtures that ckf-airgap installs.

``docs/testing.md`` leads here: keep it fit to be copied.
"""

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.charms.charm import Base, Charm, Endpoint, Resource
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standin
from ckf_airgap.rehearsal.units.course import Course, Script, Step

IMAGE = "registry.airgap.internal:5000/charmedkubeflow/minio:1.10"


@pytest.fixture
def rehearsal_options() -> dict[str, Any]:
    """The relation that my charm cannot do without, and a speed at which tests are quick."""
    return {
        "speed": 200.0,
        "registry": "registry.airgap.internal:5000",
        "script": Script(needed_endpoints={"my-charm": frozenset({"object-storage"})}),
    }


@pytest.fixture
def charms(tmp_path: Path) -> dict[str, Path]:
    """The charm under test and the one that it needs; yours come from ``charmcraft pack``."""
    image = Resource(name="oci-image", upstream_source="minio/minio:latest")
    needs = Endpoint(name="object-storage", role="requirer", interface="object-storage")
    offers = Endpoint(name="object-storage", role="provider", interface="object-storage")
    return {
        name: write_standin(
            Charm(
                name=name,
                bases=(Base.parse("ubuntu@22.04"),),
                resources={image.name: image},
                endpoints={endpoint.name: endpoint},
            ),
            tmp_path,
            revision=1,
        )
        for name, endpoint in (("my-charm", needs), ("minio", offers))
    }


async def test_my_charm_is_active_once_it_has_its_storage(
    rehearsal_model: Any, charms: dict[str, Path]
) -> None:
    for name, path in charms.items():
        await rehearsal_model.deploy(str(path), name, resources={"oci-image": IMAGE}, num_units=1)
    await rehearsal_model.wait_for_idle(["my-charm"], status="blocked", idle_period=0.2, timeout=30)

    await rehearsal_model.integrate("my-charm", "minio:object-storage")

    await rehearsal_model.wait_for_idle(status="active", idle_period=0.2, timeout=30)
    unit = rehearsal_model.applications["my-charm"].units[0]
    assert unit.workload_status == "active"


async def test_a_failing_hook_is_seen(
    rehearsal_model: Any, rehearsal_controller: ControllerThread, charms: dict[str, Path]
) -> None:
    broken = Course(steps=(Step.hook_failed("install"),), begins="install")
    script = rehearsal_controller.controller.script
    rehearsal_controller.call(lambda: script.set_course(broken, application="minio"))

    await rehearsal_model.deploy(
        str(charms["minio"]), "minio", resources={"oci-image": IMAGE}, num_units=1
    )

    await rehearsal_model.block_until(
        lambda: (
            rehearsal_model.applications["minio"].units
            and rehearsal_model.applications["minio"].units[0].workload_status == "error"
        ),
        timeout=30,
    )
    unit = rehearsal_model.applications["minio"].units[0]
    assert unit.workload_status_message == 'hook failed: "install"'


async def test_an_image_from_outside_the_registry_is_a_finding(
    rehearsal_model: Any, rehearsal_controller: ControllerThread, charms: dict[str, Path]
) -> None:
    await rehearsal_model.deploy(
        str(charms["minio"]), "minio", resources={"oci-image": "minio/minio:latest"}, num_units=1
    )

    findings = rehearsal_controller.call(lambda: rehearsal_controller.controller.findings)

    assert [finding.application for finding in findings[rehearsal_model.name]] == ["minio"]
