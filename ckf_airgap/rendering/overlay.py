"""The local bundle overlay: every charm its file, every image the one in the private registry.

`render` is pure: it takes what has been read and gives a `Rendering`, which holds the overlay for
``juju deploy BUNDLE --overlay overlay.yaml`` and the merged bundle that this tool deploys itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import (
    Setting,
    document_of_settings,
    option_problems,
    resource_problems,
    with_overlays,
)
from ckf_airgap.bundle.choosing import choose_charms
from ckf_airgap.bundle.difference import difference
from ckf_airgap.bundle.endpoints import resolve_relations
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.charms.bases import DEFAULT_ARCHITECTURE
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, JSONValue, dump_yaml, mappings
from ckf_airgap.errors import BundleError, OptionError, Problem, raise_all
from ckf_airgap.images.grammar import refuse_unfit
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.needs import Place
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.registrylists import extended, lists_left, registry_lists
from ckf_airgap.images.resources import ResourceFiles, with_resources
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.storeresources import numbered_places, numbered_resources
from ckf_airgap.rendering.allowing import allowed_places, still_in_doubt
from ckf_airgap.rendering.generating import (
    charm_paths,
    generated,
    resource_paths,
    with_charms,
    without_channels,
)
from ckf_airgap.rendering.lookup import Replacement, find_images, look_up
from ckf_airgap.rendering.proof import Proof, prove
from ckf_airgap.rendering.remarks import (
    left_empty,
    logins_left,
    refused_by_the_client,
    unquoted,
    without_base,
    without_units,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What `render` returns.

    Attributes:
        bundle: The merged bundle: no channel, every charm a path, every application its base,
            every image a retagged one.
        overlay: What differs from the bundle that was given, for ``juju deploy --overlay``.
        charms: The charm of each application.
        architecture: What charms were chosen for where constraints name no architecture.
        otherwise: Of such applications, the charm for another architecture, where that is another
            file, or none.
        registry: The private registry.
        replacements: Every image that was exchanged.
        proof: That no image was left outside; rendering fails without it.
        warnings: What a person should look at.
        after: By application, those that must be active before it is deployed.
        source: The bundle that was given, with overlays and files of resources.
        rules: What the charms do not declare.
    """

    bundle: Bundle = field(repr=False)
    overlay: Document = field(repr=False)
    charms: Mapping[str, Charm] = field(repr=False)
    architecture: str = DEFAULT_ARCHITECTURE
    otherwise: Mapping[str, Mapping[str, Charm | None]] = field(default_factory=dict, repr=False)
    registry: Registry
    replacements: tuple[Replacement, ...] = field(repr=False)
    proof: Proof = field(repr=False)
    warnings: tuple[Problem, ...] = ()
    after: Mapping[str, frozenset[str]] = field(default_factory=dict)
    source: Bundle = field(default_factory=Bundle, repr=False)
    rules: ImageRules = field(default_factory=ImageRules.empty, repr=False)

    @property
    def order_warnings(self) -> tuple[Problem, ...]:
        """What Juju's own client does not do, and `ckf_airgap.deploy` does: wait in between."""
        return tuple(
            Problem(
                f"it must be deployed once {', '.join(sorted(first))} is active, or it stays "
                "blocked; juju deploy does not wait for that",
                f"application {name}",
                "deploy with ckf-airgap deploy, or remove it and deploy it again at the end",
            )
            for name, first in self.after.items()
        )

    def overlay_yaml(self) -> str:
        """Return the overlay as YAML."""
        return dump_yaml(self.overlay)

    def bundle_yaml(self) -> str:
        """Return the merged bundle as YAML."""
        return self.bundle.to_yaml()

    @property
    def images(self) -> frozenset[ImageReference]:
        """The references in the private registry that the bundle uses."""
        return frozenset(replacement.target for replacement in self.replacements)


def render(
    bundle: Bundle,
    *,
    charms: CharmDirectory,
    images: ImageList | RetaggedImages | None,
    registry: Registry | None = None,
    rules: ImageRules | None = None,
    settings: Sequence[Setting] = (),
    overlays: Sequence[Document] = (),
    overlay_names: Sequence[str] = (),
    resources: ResourceFiles | None = None,
    relative_to: Path | None = None,
    architecture: str | None = None,
    allow_public: Iterable[Place] = (),
) -> Rendering:
    """Return the overlay that makes a bundle deployable from local charms and a private registry.

    Args:
        bundle: The bundle as published.
        charms: The charm files at hand.
        images: The retagged list, or a look-up made from one; ``None`` takes all images to be in
            the registry, where the rule of retagging puts them.
        registry: The private registry; ``None`` takes it from the list.
        rules: What the charms do not declare about their images.
        settings: Single options, applied last of all.
        overlays: The user's own overlays, applied after the bundle. Options and resources that
            they or the settings give stay as they are given. A mapping of images that lacks keys
            gets those.
        overlay_names: What each overlay is called in messages, such as its file.
        resources: The files that the bundle gives as resources. An image of such a file is one to
            be exchanged like others; its login is kept only where its image is in the registry.
        relative_to: The directory that the ``charm:`` paths start from; ``None`` for the
            directory of the charms, which gives ``./name_rN.charm``. The files of resources that
            are in that directory start from it, too; the paths of all others are in full.
        architecture: The architecture that charms are chosen for where the constraints of an
            application name none; ``None`` takes amd64, and warns when that matters.
        allow_public: Applications with options in which a part of references may stay public,
            such as the name of a registry, so that it is not warned of.

    Raises:
        BundleError: when an overlay breaks the bundle, or relations do not fit the endpoints of
            their charms; all of them are named.
        CharmNotFoundError: when applications have no charm; all of them are named.
        OptionError: when an option does not exist or has the wrong type, or an overlay mistypes an
            application; all are named. Or when options name images that are malformed, or one that
            may stay public does not exist.
        ImageNotFoundError: when images are missing; each is named with all who need it.
        InputError: when an image is not a reference, or the list does not show the registry.
        UsageError: when there is neither a list nor a registry.
        ProofError: when the merged bundle would pull an image from elsewhere, or two images would
            be one in the registry.
    """
    rules = rules if rules is not None else ImageRules.empty()
    effective, problems = with_overlays(bundle, overlays, overlay_names)
    chosen = choose_charms(effective, charms, architecture=architecture)
    by_application = chosen.charms
    wanted, wrong = document_of_settings(settings, effective, by_application)
    problems += wrong
    problems += option_problems(effective, by_application)
    problems += resource_problems(effective, by_application)
    raise_all(OptionError, "options or resources do not fit their charms", problems)
    problems = _relation_problems(effective, by_application)
    raise_all(BundleError, "relations do not fit their charms", problems)
    files = resources if resources is not None else ResourceFiles()
    final = with_resources(
        Bundle.from_document(
            merge_documents(effective.document, wanted), where="with its settings"
        ),
        files,
    )
    allowed, wrong = allowed_places(allow_public, final, by_application)
    raise_all(OptionError, "options that may stay public do not exist", wrong)
    own_options = _given("options", [*overlays, wanted])
    own_resources = _given("resources", overlays).keys() - numbered_places(final)
    found, retagged = find_images(
        final,
        by_application,
        rules,
        images,
        registry,
        own_options=own_options,
        own_resources=own_resources,
    )
    replacements = look_up(found, retagged)
    targets = {replacement.need.source: replacement.target for replacement in replacements}
    kept = {
        place: file
        for place, file in files.images.items()
        if not files.images_only
        and (place in own_resources or retagged.registry.holds(ImageReference.parse(file.image)))
    }
    bare = {place: files.images[place].image for place in own_resources if place in files.images}
    written = ResourceFiles(files=files.files, images=kept)
    start = relative_to or charms.path
    lists = registry_lists(final, by_application, rules, retagged.registry)
    exchanged = generated(
        found,
        targets,
        final,
        charm_paths(by_application, charms, relative_to),
        {**bare, **resource_paths(written, start)},
    )
    target = merge_documents(
        merge_documents(final.document, exchanged), extended(lists, own_options)
    )
    warnings = [*effective.warnings, *without_units(final, by_application)]
    warnings += numbered_resources(final, by_application)
    warnings += [doubt for entry in found for doubt in entry.doubts]
    doubts = [warning for entry in found for warning in entry.option_warnings()]
    warnings += logins_left(files, kept, retagged.registry)
    warnings += lists_left(lists, own_options, retagged.registry)
    warnings += unquoted(found, retagged.registry)
    warnings += chosen.warnings
    warnings += without_base(final, by_application)
    warnings += refused_by_the_client(by_application)
    rendered = with_resources(
        Bundle.from_document(without_channels(target), where="as rendered"), written
    )
    refuse_unfit(rendered, by_application, rules)
    proof = prove(
        rendered,
        by_application,
        retagged,
        [(replacement.need, replacement.target) for replacement in replacements],
        given=own_options,
        own_resources=own_resources,
        of_no_charm=rules.images_of_no_charm(),
        allow_public=allowed,
    )
    warnings += still_in_doubt(doubts, proof, allowed)
    warnings += dict.fromkeys([*proof.warnings, *left_empty(found, retagged.registry)])
    return Rendering(
        bundle=rendered,
        overlay=with_charms(difference(bundle.document, target), bundle, target, start),
        charms=by_application,
        architecture=chosen.architecture,
        otherwise=chosen.otherwise,
        registry=retagged.registry,
        replacements=tuple(replacements),
        proof=proof,
        warnings=tuple(warnings),
    )


def _relation_problems(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return what is wrong with relations; those to other models (``saas:``) cannot be known."""
    within = [
        relation
        for relation in bundle.relations
        if all(end.application in charms for end in relation.ends)
    ]
    return resolve_relations(within, charms)[1]


def _given(section: str, overlays: Iterable[Document]) -> dict[Place, JSONValue]:
    """Return what overlays give in a section, by application and name; the last one counts."""
    found: dict[Place, JSONValue] = {}
    for overlay in overlays:
        for name, fields in mappings(overlay.get("applications")):
            values = fields.get(section)
            if isinstance(values, dict):
                found |= {(name, key): value for key, value in values.items()}
    return {place: value for place, value in found.items() if value is not None}
