"""Bundles that are not Charmed Kubeflow, rebuilt from the facts in ``tests/fixtures/foreign``.

Each file there has the bundle, its overlays and what the charms of all of them declare, and names
the repositories and commits that it was written from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.documents import Document, as_mapping, dump_yaml, load_mapping, mappings
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.operations.inventory import ListingInputs, read_listing
from ckf_airgap.operations.rendering import Inputs
from ckf_airgap.rehearsal.standin import write_standin

FACTS = Path(__file__).parents[2] / "fixtures" / "foreign"
REGISTRY = "registry.internal:5000/foreign"

NOT_OF_CHARMS = ("source", "options", "bases")
"""Keys of a charm's facts that are not keys of its metadata."""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A bundle on the disk, with a stand-in for each of its charms.

    Attributes:
        bundle: The file of the bundle.
        charms: The directory of the stand-ins.
        overlays: The file of each overlay, by its name.
        needed: By charm, the endpoints that the relations of the bundle itself are for.
    """

    bundle: Path
    charms: Path
    overlays: dict[str, Path]
    needed: dict[str, frozenset[str]]

    def numbered(self) -> list[str]:
        """Return the place of each resource that the bundle gives by its revision in the store."""
        document = load_mapping(self.bundle.read_text(encoding="utf-8"), where=self.bundle.name)
        return [
            f"application {name}, resource {resource}"
            for name, fields in mappings(document["applications"])
            for resource, value in _mapping(fields, "resources").items()
            if isinstance(value, int)
        ]

    def inputs(self, *overlays: str) -> Inputs:
        """Return what renders the bundle to a registry that has all images; writes the mapping."""
        files = tuple(self.overlays[name] for name in overlays)
        listing = read_listing(
            ListingInputs(bundle=self.bundle, charms=self.charms, overlays=files)
        )
        references = [image.reference for image in listing.inventory]
        mapping = self.bundle.with_name("mapping.json")
        mapping.write_text(
            retag_images(references, Registry.parse(REGISTRY)).dump(mapping.name), encoding="utf-8"
        )
        return Inputs(bundle=self.bundle, charms=self.charms, mapping=mapping, overlays=files)


def read_facts(name: str) -> Document:
    """Return the facts of a bundle."""
    path = FACTS / f"{name}.yaml"
    return load_mapping(path.read_text(encoding="utf-8"), where=path.name)


def rebuild(name: str, directory: Path) -> Foreign:
    """Write a bundle, its overlays and its charms below a directory."""
    facts = read_facts(name)
    bundle = directory / "bundle.yaml"
    bundle.write_text(dump_yaml(_mapping(facts, "bundle")), encoding="utf-8")
    overlays = {}
    for overlay, fields in _mapping(facts, "overlays").items():
        documents = as_mapping(fields, where=overlay)["documents"]
        assert isinstance(documents, list)
        overlays[overlay] = directory / f"{overlay}.yaml"
        texts = [dump_yaml(as_mapping(document, where=overlay)) for document in documents]
        overlays[overlay].write_text("---\n".join(texts), encoding="utf-8")
    needed = {}
    revisions = _revisions([bundle, *overlays.values()])
    for charm_name, fields in _mapping(facts, "charms").items():
        charm = _charm(charm_name, as_mapping(fields, where=charm_name))
        needed[charm_name] = frozenset(end.name for end in charm.endpoints.values() if end.needed)
        write_standin(charm, directory / "charms", revisions.get(charm_name, 1))
    return Foreign(bundle=bundle, charms=directory / "charms", overlays=overlays, needed=needed)


def _revisions(files: list[Path]) -> dict[str, int]:
    """Return the revisions that bundle and overlays ask for, by charm."""
    found = {}
    for file in files:
        document = load_mapping(file.read_text(encoding="utf-8"), where=file.name)
        for name, value in _mapping(document, "applications").items():
            fields = as_mapping(value, where=name)
            if "revision" in fields:
                found[str(fields["charm"])] = int(str(fields["revision"]))
    return found


def _charm(name: str, fields: Document) -> Charm:
    metadata: Document = {"name": name}
    metadata |= {key: value for key, value in fields.items() if key not in NOT_OF_CHARMS}
    return charm_from_documents(
        metadata=metadata,
        config={"options": fields.get("options")},
        manifest={"bases": fields["bases"]},
        where=name,
    )


def _mapping(document: Document, key: str) -> Document:
    return as_mapping(document.get(key) or {}, where=key)
