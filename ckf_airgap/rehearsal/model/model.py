"""A Juju model of the rehearsal controller: everything that was requested, and the results.

Everything runs on one event loop; methods that touch the disk are coroutines, all others are
plain calls that never block. A refused request raises `ApiError` with the text and code of a real
controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.images.reference import Registry
from ckf_airgap.rehearsal.archives.reading import UploadMethod
from ckf_airgap.rehearsal.entities.entities import (
    Application,
    Finding,
    RecordedRequest,
    RecordedUpload,
    Relation,
    StoredCharm,
)
from ckf_airgap.rehearsal.entities.repository import Resolved
from ckf_airgap.rehearsal.entities.resources import PendingResources
from ckf_airgap.rehearsal.entities.versions import AGENT_VERSION, CLUSTER_VERSION
from ckf_airgap.rehearsal.model.blocks import DESTROY, Blocks
from ckf_airgap.rehearsal.model.charmstore import CharmStore
from ckf_airgap.rehearsal.model.deployment import ModelFacts
from ckf_airgap.rehearsal.model.modelschema import AGENT_VERSION_KEY
from ckf_airgap.rehearsal.model.modelsettings import ModelDefaults, ModelSettings
from ckf_airgap.rehearsal.model.offers import Offers
from ckf_airgap.rehearsal.model.operations import Operations
from ckf_airgap.rehearsal.model.placement import Placement
from ckf_airgap.rehearsal.model.recording import Recording
from ckf_airgap.rehearsal.model.storage import ModelStorage
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.model.usersecrets import UserSecrets
from ckf_airgap.rehearsal.units.chronicle import Chronicle
from ckf_airgap.rehearsal.units.clock import Clock, LoopClock
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rehearsal.units.history import StatusHistory
from ckf_airgap.rehearsal.units.journal import Journal
from ckf_airgap.rehearsal.views.deltas import annotation_delta
from ckf_airgap.rehearsal.views.views import (
    entity_delta,
    entity_keys,
    model_delta,
    model_full_status,
    model_status,
)
from ckf_airgap.rehearsal.views.watcher import BATCH_S, ChangeFeed, ModelWatcher
from ckf_airgap.rehearsal.wire import PERSISTENT_STORAGE, ApiError

__all__ = ["Finding", "Model", "ModelWatcher", "RecordedRequest", "RecordedUpload"]

NAMESPACE_REMOVAL_S: Final = 10.0
"""How long a cluster takes to delete the namespace of an empty model, which is listed meanwhile."""


class Model(Recording):
    """A model.

    Args:
        uuid: The model's UUID.
        name: Its name, ``kubeflow``.
        owner: Its owner, ``admin``.
        controller_uuid: The UUID of the controller.
        config: Model config beyond the defaults, as plain values.
        cloud: The name of its cloud.
        region: The region of the cloud.
        defaults: The defaults that its config inherits; those of a new controller when omitted.
        constraints: The model's constraints.
        agent_version: Juju's version.
        cluster_version: The version of Kubernetes.
        clock: The clock of the units; an accelerated clock on the running loop when omitted.
        script: The courses of applications, and the relations that charms need; shared by models.
        registry: The private registry, ``host[:port][/path]``; images in resources and options
            that are elsewhere are reported as findings.
        batch_s: How long watchers collect changes before they answer, in real seconds.

    Raises:
        ReferenceSyntaxError: when `registry` is not a valid registry.
        ApiError: when a value in `config` is not allowed for models.

    Attributes:
        credential: The tag of its credential for the cloud; empty when it has none.
        settings: Model config, and the source of each value.
        findings: What a real controller would have accepted without an error.
        annotations: Annotations by tag.
        charms: The uploaded charms.
        topology: The applications, units and relations.
        chronicle: The log, and the status history of the entities.
        dying_since: When its destruction began.
        offers: Its offers to other models.
        operations: The requested actions and commands, and their results.
        secrets: The user secrets.
        pending: The pending resources of future applications.
    """

    def __init__(
        self,
        *,
        uuid: str,
        name: str,
        owner: str,
        controller_uuid: str,
        config: Mapping[str, JSONValue] | None = None,
        cloud: str = "k8s",
        region: str = "default",
        defaults: ModelDefaults | None = None,
        constraints: Document | None = None,
        agent_version: str = AGENT_VERSION,
        cluster_version: str = CLUSTER_VERSION,
        clock: Clock | None = None,
        script: Script | None = None,
        registry: str | None = None,
        batch_s: float = BATCH_S,
    ) -> None:
        super().__init__(clock or LoopClock())
        self.uuid = uuid
        self.name = name
        self.owner = owner
        self.controller_uuid = controller_uuid
        self.agent_version = agent_version
        self.cluster_version = cluster_version
        self.registry = None if registry is None else Registry.parse(registry)
        self.constraints: Document = dict(constraints or {})
        self.created_at: datetime = self.clock.now()
        self.life: Literal["alive", "dying", "dead"] = "alive"
        self.dying_since: datetime | None = None
        self.credential = ""
        self.findings: list[Finding] = []
        self.annotations: dict[str, dict[str, str]] = {}
        self.charms = CharmStore()
        self.cloud, self.region = cloud, region
        self.settings = ModelSettings(
            identity={
                "name": name,
                "type": "kubernetes",
                "uuid": uuid,
                AGENT_VERSION_KEY: agent_version,
            },
            given=config or {},
            defaults=defaults or ModelDefaults.bootstrapped(cloud),
            cloud=cloud,
            region=region,
        )
        script = script or Script()
        self._feed = ChangeFeed(
            keys=lambda: entity_keys(self),
            render=lambda key: entity_delta(self, key),
            batch_s=batch_s,
        )
        self.storage = ModelStorage(model_uuid=uuid, clock=self.clock)
        self.blocks = Blocks(uuid)
        self.chronicle = Chronicle(
            Journal(self.clock, threshold=self.settings.log_threshold), StatusHistory()
        )
        self.topology = Topology(
            model_uuid=uuid,
            owner=owner,
            clock=self.clock,
            script=script,
            feed=self._feed,
            chronicle=self.chronicle,
            storage=self.storage,
        )
        self.topology.removal_listeners.append(self._forget_annotations)
        self.chronicle.history.record("model", uuid, model_status(self))
        self.offers = Offers(model_uuid=uuid, topology=self.topology)
        self.operations = Operations(
            topology=self.topology,
            clock=self.clock,
            changed=lambda task: self._feed.changed("action", task),
        )
        self.secrets = UserSecrets(
            topology=self.topology, now=self.clock.now, backend=lambda: self.secret_backend
        )
        self.pending = PendingResources()
        self._destroys_storage = False
        self._on_dead: list[Callable[[], None]] = []
        self._stop_listening = script.listen(self.topology.wake)

    # What was requested, and the results.

    @property
    def applications(self) -> Mapping[str, Application]:
        """The applications by name."""
        return self.topology.applications

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations, including peer relations, in the order of their creation."""
        return tuple(self.topology.relations.values())

    @property
    def config(self) -> dict[str, JSONValue]:
        """The settings that have a value."""
        return self.settings.values

    @property
    def placement(self) -> Placement:
        """The cloud, region and credential of the model."""
        return Placement(cloud=self.cloud, region=self.region, credential=self.credential)

    @property
    def script(self) -> Script:
        """The courses of applications."""
        return self.topology.script

    @property
    def secret_backend(self) -> str:
        """The backend of new secrets: the controller, or (by default) the model's cluster."""
        internal = self.config.get("secret-backend") == "internal"
        return "internal" if internal else f"{self.name}-local"

    def full_status(self, patterns: Sequence[str] = ()) -> Document:
        """Return the reply of ``Client.FullStatus`` v8; see `status.full_status`."""
        return model_full_status(self, patterns)

    def watch(self) -> ModelWatcher:
        """Return a new all-watcher: first the whole model, then its changes."""
        return self._feed.watch()

    def sequences(self) -> dict[str, int]:
        """Return ``ModelConfig.Sequences``: the next unit number of each application and so on."""
        units = {f"application-{name}": n for name, n in self.topology.next_unit.items()}
        return {**units, "relation": self.topology.next_relation}

    # The model itself.

    def touch(self) -> None:
        """Notify the watchers that config, constraints or the like of the model changed."""
        self._feed.changed("model", self.uuid)

    def annotate(self, tag: str, changes: Mapping[str, str]) -> None:
        """Set annotations of an entity; an empty value removes the annotation."""
        known = self.annotations.setdefault(tag, {})
        known.update(changes)
        for name in [name for name, value in known.items() if not value]:
            del known[name]
        self._feed.changed("annotation", tag)

    def _forget_annotations(self, tag: str) -> None:
        """Remove the annotations of an entity that is gone: they go together in Juju."""
        last = self.annotations.pop(tag, None)
        if last is not None:
            self._feed.removed("annotation", tag, annotation_delta(self.uuid, tag, last))

    def destroy(
        self,
        *,
        force: bool = False,
        destroy_storage: bool | None = None,
        on_dead: Callable[[], None] | None = None,
    ) -> None:
        """Remove every application, then the storage, then the model.

        Args:
            force: Whether to remove it without the hooks of its units.
            destroy_storage: Whether its storage is destroyed, or released to the cluster;
                ``None`` when not specified.
            on_dead: Called once the model is removed.

        Raises:
            ApiError: when a block forbids it, or there is storage and `destroy_storage` is
                ``None`` (``controller/model has persistent storage``).
        """
        self.blocks.check(DESTROY)
        begins = self.life == "alive" or force
        if destroy_storage is None and begins and self.storage.is_persistent:
            raise ApiError(
                "initiating destroy model operation: failed to destroy model: "
                "model contains persistent storage",
                PERSISTENT_STORAGE,
            )
        if destroy_storage is not None:
            self._destroys_storage = destroy_storage
        if on_dead is not None:
            self._on_dead.append(on_dead)
        if self.life == "alive":
            self.life = "dying"
            self.dying_since = self.clock.now()
            self.chronicle.history.record("model", self.uuid, model_status(self))
            self.touch()
        for application in tuple(self.applications.values()):
            self.topology.remove_application(application, force=force)
        for remote in tuple(self.topology.remotes.values()):
            self.topology.remove_remote(remote, force=force)
        self._die_when_empty()

    def close(self) -> None:
        """Stop all timers and watchers immediately, when the controller stops."""
        self._stop_listening()
        self.operations.close()
        self.topology.close()
        self.chronicle.journal.close()
        self._feed.close()

    # Its charms.

    async def add_charm(
        self,
        archive: Path,
        *,
        series: str = "",
        name: str | None = None,
        revision: int | None = None,
        method: UploadMethod = "POST",
    ) -> str:
        """Add an uploaded charm; return its URL, such as ``local:minio-0``.

        The model refers to `archive`; the caller must keep the file as long as the model exists.

        Args:
            archive: The uploaded file, zip or not.
            series: ``?series=`` of a POST.
            name: The requested name, else that in the metadata.
            revision: The minimum revision, else the archive's own.
            method: The method of the upload: the messages differ.

        Raises:
            ApiError: the complete text, ``cannot upload charm: ...``, code ``bad request``.
        """
        stored = await self.charms.add(
            archive, series=series, name=name, revision=revision, method=method
        )
        self._feed.changed("charm", str(stored.url))
        return str(stored.url)

    async def add_store_charm(self, resolved: Resolved) -> StoredCharm:
        """Add a charm from the store; `ApiError` when its file is damaged."""
        stored = await self.charms.add_from_store(resolved)
        self._feed.changed("charm", str(stored.url))
        return stored

    def charm_archive(self, url: str) -> Path:
        """Return the file of an uploaded charm; `ApiError` (not found) when it does not exist."""
        return self.charms.get(url).archive.path

    @property
    def facts(self) -> ModelFacts:
        """The facts that deployments are checked against."""
        storage = self.config.get("workload-storage")
        return ModelFacts(
            name=self.name,
            agent_version=self.agent_version,
            cluster_version=self.cluster_version,
            storage_class=str(storage or ""),
            dying=self.life != "alive",
            pools=self.storage.pools,
        )

    def report(self, finding: Finding | None) -> None:
        """Record a finding, unless it was recorded before."""
        if finding is not None and finding not in self.findings:
            self.findings.append(finding)

    def _die_when_empty(self) -> None:
        """Die once the namespace is deleted, or check again soon: removing units takes a while."""
        if self.life != "dying":
            return
        if not self.applications:
            self.storage.clear(release=not self._destroys_storage)
        if self.applications or self.storage.filesystems:
            self.clock.call_later(1.0, self._die_when_empty)
            return
        self.clock.call_later(NAMESPACE_REMOVAL_S, self._die)

    def _die(self) -> None:
        if self.life != "dying":
            return
        self.life = "dead"
        self._feed.removed("model", self.uuid, model_delta(self))
        callbacks, self._on_dead = self._on_dead, []
        for callback in callbacks:
            callback()
