"""All that talks to a Juju controller; the only room that imports libjuju.

async with connect(JujuTarget(model="kubeflow"), create_model=True) as session:
plan = await plan_for(session, bundle, charms)
await execute(session, plan)
await wait_active_idle(session, expected_scale=scales)
"""

from ckf_airgap.juju.api import Api, CallRefusedError, Timeouts
from ckf_airgap.juju.connection import HttpAccess, Session, connect
from ckf_airgap.juju.deploy import (
    DeployEvent,
    DeployEventKind,
    DeployReport,
    execute,
    plan_for,
)
from ckf_airgap.juju.idle import (
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_IDLE_PERIOD_S,
    IdleTracker,
    Obstacle,
    Verdict,
)
from ckf_airgap.juju.live import LiveApplication, LiveModel
from ckf_airgap.juju.plan import plan_deployment
from ckf_airgap.juju.snapshot import (
    ApplicationSnapshot,
    Change,
    ModelSnapshot,
    RelationSnapshot,
    StatusInfo,
    UnitSnapshot,
    changes_between,
)
from ckf_airgap.juju.status import read_live_model, read_status
from ckf_airgap.juju.steps import (
    AddRelation,
    DeployApplication,
    Expose,
    Plan,
    ResourceUpload,
    Scale,
    SetConstraints,
    SetOptions,
    Step,
    UploadCharm,
)
from ckf_airgap.juju.store import JujuTarget, StoredController, default_juju_data
from ckf_airgap.juju.upload import RegistryAuth, RegistryLogin, Uploader
from ckf_airgap.juju.watch import (
    DEFAULT_TIMEOUT_S,
    Progress,
    WaitReport,
    wait_active_idle,
    watch,
)

__all__ = [
    "DEFAULT_ERROR_GRACE_S",
    "DEFAULT_IDLE_PERIOD_S",
    "DEFAULT_TIMEOUT_S",
    "AddRelation",
    "Api",
    "ApplicationSnapshot",
    "CallRefusedError",
    "Change",
    "DeployApplication",
    "DeployEvent",
    "DeployEventKind",
    "DeployReport",
    "Expose",
    "HttpAccess",
    "IdleTracker",
    "JujuTarget",
    "LiveApplication",
    "LiveModel",
    "ModelSnapshot",
    "Obstacle",
    "Plan",
    "Progress",
    "RegistryAuth",
    "RegistryLogin",
    "RelationSnapshot",
    "ResourceUpload",
    "Scale",
    "Session",
    "SetConstraints",
    "SetOptions",
    "StatusInfo",
    "Step",
    "StoredController",
    "Timeouts",
    "UnitSnapshot",
    "UploadCharm",
    "Uploader",
    "Verdict",
    "WaitReport",
    "changes_between",
    "connect",
    "default_juju_data",
    "execute",
    "plan_deployment",
    "plan_for",
    "read_live_model",
    "read_status",
    "wait_active_idle",
    "watch",
]
