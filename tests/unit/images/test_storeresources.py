"""A resource that a bundle gives by its revision in the store is told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.images.inventory import take_inventory
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.storeresources import numbered_places, numbered_resources
from ckf_airgap.rendering.overlay import render

REGISTRY = Registry("r.io:5000")
NOT_USED = "is not used, since a charm from a file has no resources there"


def doc(text: str) -> Document:
    return load_mapping(text, where="test")


def db() -> Charm:
    return charm_from_documents(
        metadata=doc(
            """
name: db
resources:
  server: {type: oci-image, upstream-source: acme/db:14}
  plugin: {type: file, filename: plugin.tar.gz}
"""
        ),
        config=None,
        manifest=doc("bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]"),
        where="db",
        path=Path("db_r3.charm"),
        revision=3,
    )


def bundle(resources: str) -> Bundle:
    text = f"applications: {{main: {{charm: db, scale: 1, resources: {{{resources}}}}}}}"
    return Bundle.from_document(doc(text), where="bundle.yaml")


def told(resource: str, revision: int, rest: str) -> str:
    where = f"application main, resource {resource}"
    return f"{where}: revision {revision} of the store {NOT_USED}: {rest}"


SERVER = (
    "acme/db:14 is used, which the charm names (if the revision is another image, give that in an "
    "overlay, applications: {main: {resources: {server: IMAGE}}})"
)
PLUGIN = (
    "the application has no such file (give the file in an overlay, "
    "applications: {main: {resources: {plugin: ./FILE}}})"
)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ("", []),
        ("server: 'acme/db:15', plugin: ./p.tar.gz", []),
        ("server: '46'", []),  # a text is an image
        ("server: 46", [told("server", 46, SERVER)]),
        ("plugin: 0, server: -1", [told("plugin", 0, PLUGIN), told("server", -1, SERVER)]),
        ("nothing: 7", []),  # refused as unknown elsewhere
    ],
)
def test_each_number_is_told_with_what_is_taken_and_what_to_do(
    resources: str, said: list[str]
) -> None:
    found = numbered_resources(bundle(resources), {"main": db()})
    assert [str(problem) for problem in found] == said


def test_a_charm_that_names_no_image_leaves_nothing_to_take() -> None:
    charm = charm_from_documents(
        metadata=doc("name: db\nresources: {server: {type: oci-image}}"),
        config=None,
        manifest=None,
        where="db",
    )
    (found,) = numbered_resources(bundle("server: 5"), {"main": charm})
    assert "the charm names no image (give the image in an overlay" in str(found)


def test_numbers_are_found_by_place() -> None:
    found = numbered_places(bundle("server: 5, plugin: ./p.tar.gz"))
    assert found == {("main", "server")}


def test_the_list_and_the_rendering_tell_it() -> None:
    given = bundle("server: 46")
    listed = take_inventory(given, {"main": db()}, ImageRules.empty()).warnings
    rendering = render(
        given,
        charms=CharmDirectory.of([db()], path=Path("charms")),
        images=None,
        registry=REGISTRY,
    )
    expected = numbered_resources(given, {"main": db()})
    assert list(listed) == list(rendering.warnings) == expected
    assert len(expected) == 1
    assert rendering.bundle.applications["main"].resources == {"server": "r.io:5000/acme/db:14"}


def test_a_number_in_an_overlay_is_no_image_that_a_person_chose() -> None:
    rendering = render(
        bundle("server: 'acme/db:15'"),
        charms=CharmDirectory.of([db()], path=Path("charms")),
        images=None,
        registry=REGISTRY,
        overlays=[doc("applications: {main: {resources: {server: 46}}}")],
    )
    assert rendering.bundle.applications["main"].resources == {"server": "r.io:5000/acme/db:14"}
    assert [problem.where for problem in rendering.warnings] == [
        "application main, resource server"
    ]
