"""What type checkers see of the public names; never run, only checked (``make types``).

A change of a signature that programs rely on shows here. mypy reports an ignore that ignores
nothing, so each of them proves that its line is refused.
"""

from __future__ import annotations

from typing_extensions import assert_type

import ckf_airgap
from ckf_airgap import (
    MIRROR_FORMATS,
    AirgapError,
    CharmListing,
    CharmSources,
    ControllerThread,
    DeployEvent,
    Deployment,
    DownloadedCharms,
    ExitCode,
    ExplainedImage,
    ImageAudit,
    ImageList,
    ImageReference,
    ImageResult,
    ImagesFailedError,
    ImageStatus,
    Inputs,
    JujuTarget,
    Listing,
    ListingInputs,
    Lock,
    Mapper,
    MirrorFormat,
    MirrorPlan,
    MissingError,
    ModelSnapshot,
    Observer,
    Packed,
    PackObserver,
    PackPlan,
    Problem,
    Registry,
    Rehearsal,
    RehearsalController,
    Release,
    Rendering,
    RetagMapping,
    Session,
    TransferEvent,
    TransferReport,
    TransferSettings,
    Unpacked,
    VerifiedPack,
    WaitReport,
    WrittenMirrors,
    audit_images,
    connect,
    copy_images,
    deploy,
    download_charms,
    explain_images,
    list_charms,
    list_images,
    load_images,
    load_release,
    pack_release,
    places_in_registry,
    places_of_mapping,
    plan_mirrors,
    pull_images,
    push_from_engine,
    push_images,
    read_model,
    rehearse,
    release_names,
    render_release,
    retag_images,
    retag_in_engine,
    save_images,
    save_per_image,
    unpack_pack,
    verify_images,
    verify_pack,
    wait_for_model,
    watch_model,
    write_mirrors,
)


class Watching(Observer):
    """Overrides with the types that the base has."""

    def on_step(self, event: DeployEvent) -> None: ...


class WatchingWrongly(Observer):
    def on_step(self, event: int) -> None: ...  # type: ignore[override]


async def wrong() -> None:
    # isort: off
    from ckf_airgap import Nonsense  # type: ignore[attr-defined]  # noqa: F401
    from ckf_airgap import deplyo  # type: ignore[attr-defined]  # noqa: F401
    from ckf_airgap import wait  # type: ignore[attr-defined]  # noqa: F401

    assert ckf_airgap.deploi  # type: ignore[attr-defined]
    await ckf_airgap.render_release(bundle="1.11")  # type: ignore[call-arg]


def errors(error: AirgapError, failed: ImagesFailedError) -> None:
    assert_type(error.exit_code, ExitCode)
    assert_type(error.problems, tuple[Problem, ...])
    assert_type(failed.report, dict[str, object])
    base: type[AirgapError] = MissingError
    assert base


async def charms(sources: CharmSources, lock: Lock) -> None:
    assert_type(release_names(), list[str])
    assert_type(load_release("1.11"), Release)
    assert_type(await download_charms(sources, "charms"), DownloadedCharms)
    assert_type(await list_charms(sources, "charms"), CharmListing)
    CharmSources(bundle="1.11", lock=lock, jobs=2)


async def images(inputs: ListingInputs, references: list[ImageReference]) -> None:
    assert_type(await list_images(inputs), Listing)
    assert_type(await explain_images(references), list[ExplainedImage])
    assert_type(await explain_images(references, [inputs]), list[ExplainedImage])
    assert_type(await audit_images(inputs, dependencies=True), ImageAudit)
    assert_type(ImageList.read("images.txt"), ImageList)
    assert_type(retag_images(references, Registry.parse("r:5000"), max_depth=2), RetagMapping)


async def transfers(references: list[ImageReference], mapping: RetagMapping) -> None:
    events: list[TransferEvent] = []
    how = TransferSettings(listener=events.append)
    places: Mapper = places_in_registry(mapping.registry, max_depth=2)
    assert_type(await pull_images(references, None, how), TransferReport)
    assert_type(await save_images(None, "i.tar", how, source="images"), TransferReport)
    assert_type(await save_per_image(None, "i.tar", how, source="images"), TransferReport)
    assert_type(await load_images("i.tar", "images", how, mapping=places), TransferReport)
    assert_type(await push_images("i.tar", places_of_mapping(mapping), how), TransferReport)
    assert_type(await push_from_engine(references, places, how), TransferReport)
    assert_type(await retag_in_engine(mapping, how), TransferReport)
    assert_type(await copy_images(mapping, how), TransferReport)
    report = await verify_images(references, how, source="i.tar", mapping=places)
    assert_type(report.results, tuple[ImageResult, ...])
    assert_type(report.results[0].status, ImageStatus)


def mirrors(registry: Registry, references: list[ImageReference], mapping: RetagMapping) -> None:
    plan = plan_mirrors(registry, references, mapping=mapping, ca_file="ca.crt")
    assert_type(plan, MirrorPlan)
    formats: list[MirrorFormat] = ["containerd", "crio"]
    assert_type(write_mirrors(plan, "mirrors", formats), WrittenMirrors)
    assert_type(MIRROR_FORMATS, tuple[MirrorFormat, ...])


async def packs(plan: PackPlan, observer: PackObserver) -> None:
    assert_type(await pack_release(plan, observer), Packed)
    assert_type(verify_pack("pack", key="pub.pem"), VerifiedPack)
    assert_type(unpack_pack("pack", "home", force=True), Unpacked)


async def deployments(inputs: Inputs, target: JujuTarget) -> None:
    assert_type(await render_release(inputs), Rendering)
    deployment = await deploy(inputs, target, create_model=True, observer=Watching())
    assert_type(deployment, Deployment)
    assert_type(deployment.waited, WaitReport | None)
    assert_type(await read_model(target), ModelSnapshot)
    async for snapshot in watch_model(target):
        assert_type(snapshot, ModelSnapshot)
    assert_type(await wait_for_model(target, timeout_s=1), WaitReport)
    async with connect(target) as session:
        assert_type(session, Session)


async def rehearsals(inputs: Inputs) -> None:
    assert_type(await rehearse(inputs), Rehearsal)
    with ControllerThread(RehearsalController(speed=60)) as running:
        assert_type(running.call(lambda: 1), int)
