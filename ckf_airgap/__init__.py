"""Deploy Charmed Kubeflow behind an air gap: render, deploy, watch, rehearse.

What programs use is importable from here, and loaded when it is first used::

    from ckf_airgap import Inputs, JujuTarget, deploy, render_release

    rendering = await render_release(Inputs(bundle="1.11"))
    deployment = await deploy(Inputs(bundle="1.11"), JujuTarget(model="kubeflow"))

The pure parts (`render`, `Bundle`, `CharmDirectory`, `ImageReference` ...) need no network and no
event loop; what talks to a controller is asynchronous.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from ckf_airgap._version import __version__

if TYPE_CHECKING:
    from ckf_airgap.bundle.bundle import Application, Bundle, Relation
    from ckf_airgap.bundle.bundlefile import load_bundle
    from ckf_airgap.bundle.checks import Setting
    from ckf_airgap.bundle.merge import merge_documents
    from ckf_airgap.charms.charm import Base, Charm, Endpoint, Option, Resource
    from ckf_airgap.charms.charmfile import CharmDirectory, read_charm
    from ckf_airgap.errors import AirgapError, ExitCode, Problem
    from ckf_airgap.facts.releases import Release, load_release, release_names
    from ckf_airgap.images.audit import AuditReport, audit_charms
    from ckf_airgap.images.discover import ImageNeed, discover_images
    from ckf_airgap.images.inventory import Inventory, take_inventory
    from ckf_airgap.images.lists import ImageList, RetaggedImages
    from ckf_airgap.images.reference import ImageReference, Registry
    from ckf_airgap.images.retag import RetagMapping, retag_images
    from ckf_airgap.images.rules import ImageRules
    from ckf_airgap.juju.connection import Session, connect
    from ckf_airgap.juju.plan import plan_deployment
    from ckf_airgap.juju.snapshot import ApplicationSnapshot, ModelSnapshot, UnitSnapshot
    from ckf_airgap.juju.steps import Plan
    from ckf_airgap.juju.store import JujuTarget
    from ckf_airgap.juju.upload import RegistryAuth, RegistryLogin
    from ckf_airgap.juju.watch import WaitReport, wait_active_idle
    from ckf_airgap.operations.deploying import (
        Deployment,
        ImageInModel,
        Observer,
        Rehearsal,
        deploy,
        read_model,
        rehearse,
        render_release,
        wait,
        watch,
    )
    from ckf_airgap.operations.inventory import Listing, ListingInputs, list_images
    from ckf_airgap.operations.rendering import Inputs
    from ckf_airgap.rehearsal.host.controller import RehearsalController
    from ckf_airgap.rehearsal.model.model import Finding
    from ckf_airgap.rehearsal.standin import write_standin, write_standins
    from ckf_airgap.rehearsal.units.course import Course, Script, Step
    from ckf_airgap.rendering.overlay import Rendering, Replacement, render
    from ckf_airgap.rendering.proof import Proof

_HOMES: Final = {
    "images.audit": ("AuditReport", "audit_charms"),
    "bundle.bundle": ("Application", "Bundle", "Relation"),
    "bundle.bundlefile": ("load_bundle",),
    "charms.charm": ("Base", "Charm", "Endpoint", "Option", "Resource"),
    "charms.charmfile": ("CharmDirectory", "read_charm"),
    "images.discover": ("ImageNeed", "discover_images"),
    "errors": ("AirgapError", "ExitCode", "Problem"),
    "images.lists": ("ImageList", "RetaggedImages"),
    "operations.rendering": ("Inputs",),
    "images.inventory": ("Inventory", "take_inventory"),
    "juju.connection": ("Session", "connect"),
    "juju.plan": ("plan_deployment",),
    "juju.snapshot": ("ApplicationSnapshot", "ModelSnapshot", "UnitSnapshot"),
    "juju.steps": ("Plan",),
    "juju.store": ("JujuTarget",),
    "juju.upload": ("RegistryAuth", "RegistryLogin"),
    "juju.watch": ("WaitReport", "wait_active_idle"),
    "operations.inventory": ("Listing", "ListingInputs", "list_images"),
    "operations.deploying": (
        "Deployment",
        "ImageInModel",
        "Observer",
        "Rehearsal",
        "deploy",
        "read_model",
        "rehearse",
        "render_release",
        "wait",
        "watch",
    ),
    "bundle.merge": ("merge_documents",),
    "rendering.overlay": ("Rendering", "Replacement", "render"),
    "rendering.proof": ("Proof",),
    "images.reference": ("ImageReference", "Registry"),
    "rehearsal.host.controller": ("RehearsalController",),
    "rehearsal.units.course": ("Course", "Script", "Step"),
    "rehearsal.model.model": ("Finding",),
    "rehearsal.standin": ("write_standin", "write_standins"),
    "facts.releases": ("Release", "load_release", "release_names"),
    "images.retag": ("RetagMapping", "retag_images"),
    "images.rules": ("ImageRules",),
    "bundle.checks": ("Setting",),
}
_MODULE_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AirgapError",
    "Application",
    "ApplicationSnapshot",
    "AuditReport",
    "Base",
    "Bundle",
    "Charm",
    "CharmDirectory",
    "Course",
    "Deployment",
    "Endpoint",
    "ExitCode",
    "Finding",
    "ImageInModel",
    "ImageList",
    "ImageNeed",
    "ImageReference",
    "ImageRules",
    "Inputs",
    "Inventory",
    "JujuTarget",
    "Listing",
    "ListingInputs",
    "ModelSnapshot",
    "Observer",
    "Option",
    "Plan",
    "Problem",
    "Proof",
    "Registry",
    "RegistryAuth",
    "RegistryLogin",
    "Rehearsal",
    "RehearsalController",
    "Relation",
    "Release",
    "Rendering",
    "Replacement",
    "Resource",
    "RetagMapping",
    "RetaggedImages",
    "Script",
    "Session",
    "Setting",
    "Step",
    "UnitSnapshot",
    "WaitReport",
    "__version__",
    "audit_charms",
    "connect",
    "deploy",
    "discover_images",
    "list_images",
    "load_bundle",
    "load_release",
    "merge_documents",
    "plan_deployment",
    "read_charm",
    "read_model",
    "rehearse",
    "release_names",
    "render",
    "render_release",
    "retag_images",
    "take_inventory",
    "wait",
    "wait_active_idle",
    "watch",
    "write_standin",
    "write_standins",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for; libjuju alone takes a second, which a renderer need not pay."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
