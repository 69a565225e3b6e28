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
    from ckf_airgap.audit import AuditReport, audit_charms
    from ckf_airgap.bundle import Application, Bundle, Relation
    from ckf_airgap.bundlefile import load_bundle
    from ckf_airgap.charm import Base, Charm, Endpoint, Option, Resource
    from ckf_airgap.charmfile import CharmDirectory, read_charm
    from ckf_airgap.discover import ImageNeed, discover_images
    from ckf_airgap.errors import AirgapError, ExitCode, Problem
    from ckf_airgap.images import ImageList, RetaggedImages
    from ckf_airgap.inputs import Inputs
    from ckf_airgap.inventory import Inventory, take_inventory
    from ckf_airgap.juju.connection import Session, connect
    from ckf_airgap.juju.plan import plan_deployment
    from ckf_airgap.juju.snapshot import ApplicationSnapshot, ModelSnapshot, UnitSnapshot
    from ckf_airgap.juju.steps import Plan
    from ckf_airgap.juju.store import JujuTarget
    from ckf_airgap.juju.upload import RegistryAuth, RegistryLogin
    from ckf_airgap.juju.watch import WaitReport, wait_active_idle
    from ckf_airgap.listing import Listing, ListingInputs, list_images
    from ckf_airgap.merge import merge_documents
    from ckf_airgap.operations import (
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
    from ckf_airgap.overlay import Rendering, Replacement, render
    from ckf_airgap.proof import Proof
    from ckf_airgap.reference import ImageReference, Registry
    from ckf_airgap.rehearsal.controller import RehearsalController
    from ckf_airgap.rehearsal.course import Course, Script, Step
    from ckf_airgap.rehearsal.model import Finding
    from ckf_airgap.rehearsal.standin import write_standin, write_standins
    from ckf_airgap.releases import Release, load_release, release_names
    from ckf_airgap.retag import RetagMapping, retag_images
    from ckf_airgap.rules import ImageRules
    from ckf_airgap.settings import Setting

_HOMES: Final = {
    "audit": ("AuditReport", "audit_charms"),
    "bundle": ("Application", "Bundle", "Relation"),
    "bundlefile": ("load_bundle",),
    "charm": ("Base", "Charm", "Endpoint", "Option", "Resource"),
    "charmfile": ("CharmDirectory", "read_charm"),
    "discover": ("ImageNeed", "discover_images"),
    "errors": ("AirgapError", "ExitCode", "Problem"),
    "images": ("ImageList", "RetaggedImages"),
    "inputs": ("Inputs",),
    "inventory": ("Inventory", "take_inventory"),
    "juju.connection": ("Session", "connect"),
    "juju.plan": ("plan_deployment",),
    "juju.snapshot": ("ApplicationSnapshot", "ModelSnapshot", "UnitSnapshot"),
    "juju.steps": ("Plan",),
    "juju.store": ("JujuTarget",),
    "juju.upload": ("RegistryAuth", "RegistryLogin"),
    "juju.watch": ("WaitReport", "wait_active_idle"),
    "listing": ("Listing", "ListingInputs", "list_images"),
    "operations": (
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
    "merge": ("merge_documents",),
    "overlay": ("Rendering", "Replacement", "render"),
    "proof": ("Proof",),
    "reference": ("ImageReference", "Registry"),
    "rehearsal.controller": ("RehearsalController",),
    "rehearsal.course": ("Course", "Script", "Step"),
    "rehearsal.model": ("Finding",),
    "rehearsal.standin": ("write_standin", "write_standins"),
    "releases": ("Release", "load_release", "release_names"),
    "retag": ("RetagMapping", "retag_images"),
    "rules": ("ImageRules",),
    "settings": ("Setting",),
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
