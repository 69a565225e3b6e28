"""The inventory: every image, who asks for it, and whether the start needs it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.charms.charmfile import read_default_images
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.errors import ImageNotFoundError, InputError, UsageError
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.images.inventory import Inventory, base_in_use, take_inventory
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.reasons import ImageReason
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins

FIXTURES = Path(__file__).parents[2] / "fixtures"
RELEASES = release_names()
STRING: Final = {"type": "string"}


@functools.cache
def of_release(name: str, *, juju_version: str | None = None) -> Inventory:
    release = load_release(name)
    charms = {
        application: release.charms[fields.charm_name]
        for application, fields in release.bundle.applications.items()
    }
    return take_inventory(release.bundle, charms, release.rules, juju_version=juju_version)


def a_charm(
    *,
    options: Mapping[str, Any] | None = None,
    resources: Mapping[str, str] | None = None,
    bases: tuple[str, ...] = ("22.04",),
    series: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> Charm:
    return charm_from_documents(
        metadata={
            "name": "app",
            "series": list(series),
            "resources": {
                name: {"type": "oci-image", "upstream-source": image}
                for name, image in (resources or {}).items()
            },
        },
        config={"options": dict(options or {})},
        manifest={"bases": [{"name": "ubuntu", "channel": base} for base in bases]},
        default_images=[
            read_default_images(name, text, "app") for name, text in (files or {}).items()
        ],
        where="app",
        path=path,
    )


def a_bundle(**fields: Any) -> Bundle:
    return Bundle.from_document(
        {"applications": {"app": {"charm": "app", "scale": 1, **fields}}}, where="test"
    )


def inventory(
    charm: Charm, rules: Mapping[str, Any] | None = None, *, bundle: Bundle | None = None
) -> Inventory:
    document: dict[str, Any] = {"release": "test"}
    if rules is not None:
        document["rules"] = {"app": {"channel": "stable", "options": dict(rules)}}
    parsed = ImageRules.from_document(document, where="test")
    return take_inventory(bundle or a_bundle(), {"app": charm}, parsed)


def sets(found: Inventory) -> dict[str, bool]:
    return {str(image.reference): image.required for image in found}


class TestReleases:
    @pytest.mark.parametrize("name", RELEASES)
    @pytest.mark.parametrize("kind", ["images", "missed-images", "other-images"])
    def test_every_image_that_upstream_lists_or_misses_is_there_with_a_reason(
        self, name: str, kind: str
    ) -> None:
        found = of_release(name)
        wanted = ImageList.read(FIXTURES / f"{kind}-{name}.txt")
        assert len(wanted) > 5
        for reference in wanted:
            reasons = found.find(reference).reasons
            assert reasons
            assert all(reason.application and reason.where for reason in reasons)

    @pytest.mark.parametrize("name", RELEASES)
    def test_nothing_is_listed_beyond_these(self, name: str) -> None:
        known = {
            reference.canonical()
            for kind in ("images", "missed-images", "other-images")
            for reference in ImageList.read(FIXTURES / f"{kind}-{name}.txt")
        }
        assert {image.reference.canonical() for image in of_release(name)} == known

    def test_the_page_has_the_numbers(self) -> None:
        page = (FIXTURES.parents[1] / "docs" / "images.md").read_text(encoding="utf-8")
        rows = {
            cells[0].strip(): [cell.strip() for cell in cells[1:]]
            for line in page.splitlines()
            if len(cells := line.strip("|").split("|")) == len(RELEASES) + 1
        }
        found = [of_release(name) for name in RELEASES]
        assert rows["ours"] == [str(len(images)) for images in found]
        required = [str(len(images.chosen("required"))) for images in found]
        assert rows["of these required"] == required

    @pytest.mark.parametrize("name", RELEASES)
    def test_no_image_is_listed_twice(self, name: str) -> None:
        images = [image.reference.canonical() for image in of_release(name)]
        assert len(images) == len(set(images))

    @pytest.mark.parametrize("name", RELEASES)
    def test_charm_files_give_what_the_facts_give(self, name: str, tmp_path: Path) -> None:
        release = load_release(name)
        write_standins(release, tmp_path)
        directory = CharmDirectory.scan(tmp_path)
        charms = {
            application: directory.find(fields.charm_name)
            for application, fields in release.bundle.applications.items()
        }
        from_files = take_inventory(release.bundle, charms, release.rules)
        assert sets(from_files) == sets(of_release(name))

    @pytest.mark.parametrize(
        ("image", "required"),
        [
            ("docker.io/istio/pilot:1.28.0", True),
            ("docker.io/istio/install-cni:1.28.0", False),
            ("docker.io/charmedkubeflow/training-operator:1.9.3-9e9ea13", True),
            ("charmedkubeflow/metacontroller:4.11.22-ddba67c", True),
            ("docker.io/charmedkubeflow/argoexec:3.7.3-dffabf8", False),
            ("charmedkubeflow/jupyter-scipy:1.10.0-0be57a5", False),
            ("charmedkubeflow/knative-serving-activator:1.16.0-2a3354f", True),
            ("charmedkubeflow/knative-serving-queue:1.16.0-18b14c8", False),
            ("ghcr.io/kubeflow/katib/pytorch-mnist-cpu:v0.19.0", False),
            ("docker.io/jujusolutions/charm-base:ubuntu-24.04", True),
        ],
    )
    def test_what_pods_of_the_deployment_run_is_required(self, image: str, required: bool) -> None:
        assert of_release("1.11").find(ImageReference.parse(image)).required is required

    def test_the_gateway_makes_an_image_required_that_sidecars_use_later(self) -> None:
        found = of_release("1.9").find(ImageReference.parse("istio/proxyv2:1.22.0"))
        assert found.required
        assert {reason.used for reason in found.reasons} == {"start", "later"}

    def test_an_offline_controller_adds_its_own_images(self) -> None:
        more = set(sets(of_release("1.11", juju_version="3.6.9"))) - set(sets(of_release("1.11")))
        assert more == {
            "docker.io/jujusolutions/jujud-operator:3.6.9",
            "docker.io/jujusolutions/juju-db:4.4",
        }

    def test_juju_4_has_no_database_image(self) -> None:
        names = sets(of_release("1.11", juju_version="4.0.1"))
        assert "docker.io/jujusolutions/jujud-operator:4.0.1" in names
        assert not any("juju-db" in name for name in names)

    @pytest.mark.parametrize("version", ["", "latest", "three", "3.6 9", "-1"])
    def test_what_is_no_version_of_juju_is_refused(self, version: str) -> None:
        with pytest.raises(UsageError, match="not a version of Juju"):
            of_release("1.11", juju_version=version)


class TestReasons:
    def test_a_resource_names_its_charm_and_whether_the_bundle_chose_it(self) -> None:
        charm = a_charm(resources={"oci": "a/b:1"})
        (image,) = inventory(charm)
        assert image.reasons == (
            ImageReason(
                asker="resource",
                used="start",
                application="app",
                charm="app",
                resource="oci",
                named_by="charm",
            ),
        )
        (image,) = inventory(charm, bundle=a_bundle(resources={"oci": "a/b:2"}))
        assert (str(image.reference), image.reasons[0].named_by) == ("a/b:2", "bundle")

    def test_a_default_in_a_file_of_the_charm_has_its_line(self) -> None:
        charm = a_charm(
            options={"custom_images": {"type": "string", "default": "one: ''\ntwo: ''\n"}},
            files={
                "src/default-custom-images.json": '{\n  "one": "a/one:1",\n  "two": "a/two:2"\n}'
            },
            path=Path("app_r1.charm"),
        )
        places = {str(image.reference): image.reasons[0] for image in inventory(charm)}
        assert (places["a/two:2"].file, places["a/two:2"].line) == (
            "src/default-custom-images.json",
            3,
        )
        assert str(places["a/one:1"]) == (
            "app: option custom_images, key one, src/default-custom-images.json line 2"
        )

    def test_two_spellings_of_an_image_are_one_entry_with_both_reasons(self) -> None:
        charm = a_charm(resources={"one": "docker.io/a/b:1", "two": "a/b:1"})
        (image,) = inventory(charm)
        assert [reason.resource for reason in image.reasons] == ["one", "two"]

    def test_an_appended_list_is_a_reason_with_its_line(self) -> None:
        images = ImageList.parse("# guide\n\n  a/test:1\n", where="more.txt")
        found = take_inventory(
            a_bundle(), {"app": a_charm()}, ImageRules.empty(), lists=[images]
        ).find(ImageReference.parse("docker.io/a/test:1"))
        assert str(found.reasons[0]) == "list, more.txt line 3"
        assert found.required

    def test_an_image_that_nothing_asks_for_is_told_with_the_nearest(self) -> None:
        found = inventory(a_charm(resources={"oci": "a/thing:1.0"}))
        with pytest.raises(ImageNotFoundError) as caught:
            found.find(ImageReference.parse("a/thing:1.1"))
        assert "did you mean 'a/thing:1.0'?" in str(caught.value)

    def test_an_extra_image_of_the_rules_is_there_when_its_charm_is(self) -> None:
        rules = ImageRules.from_document(
            {
                "release": "x",
                "extra-images": [
                    {"image": "a/extra:1", "charm": "app", "why": "w", "used": "later"},
                    {"image": "a/other:1", "charm": "other"},
                    {"image": "a/all:1"},
                ],
            },
            where="x",
        )
        found = take_inventory(a_bundle(), {"app": a_charm()}, rules)
        assert sets(found) == {"a/all:1": True, "a/extra:1": False}


class TestTagsOfUsers:
    """An image without a tag, since those who run it choose one."""

    RULES = ImageRules.from_document(
        {
            "release": "x",
            "extra-images": [{"image": "a/viewer", "tag": "chosen-by-user", "charm": "app"}],
        },
        where="x",
    )

    def found(self, *lines: str, charm: Charm | None = None) -> Inventory:
        lists = [ImageList.parse("\n".join(lines), where="more.txt")]
        return take_inventory(a_bundle(), {"app": charm or a_charm()}, self.RULES, lists=lists)

    def test_it_is_used_later_and_chosen_on_request_only(self) -> None:
        found = self.found("a/tool:1")
        assert found.to_text() == "a/tool:1\na/viewer\n"
        assert found.chosen(None).to_text() == "a/tool:1\n"
        assert found.chosen("required").to_text() == "a/tool:1\n"
        assert found.chosen("later").to_text() == "a/viewer\n"
        viewer = found.find(ImageReference.parse("a/viewer"))
        assert viewer.user_tagged
        document = viewer.to_json()
        assert (document["tag"], document["need"]) == ("chosen-by-user", "later")
        assert "tag" not in found.images[0].to_json()

    def test_tags_that_a_list_names_are_images_of_their_own(self) -> None:
        found = self.found("a/viewer:2.1", "a/viewer:2.2")
        assert found.chosen(None).to_text() == "a/viewer:2.1\na/viewer:2.2\n"
        assert len(found) == 3

    def test_who_asks_for_latest_gets_it(self) -> None:
        for found in (
            self.found("a/viewer"),
            self.found("a/viewer:latest"),
            self.found(charm=a_charm(resources={"oci": "docker.io/a/viewer:latest"})),
        ):
            (image,) = found
            assert not image.user_tagged
            assert image.reference.tag == "latest"
            assert found.chosen(None) == found
            assert len(image.reasons) == 2

    def test_a_list_that_marks_it_does_not_ask_for_latest(self) -> None:
        names = frozenset({ImageReference.parse("a/viewer").canonical()})
        marked = ImageList.parse("a/viewer", where="images.txt").with_user_tagged(names)
        found = take_inventory(a_bundle(), {"app": a_charm()}, self.RULES, lists=[marked])
        assert found.chosen(None).to_text() == ""
        assert found.to_text() == "a/viewer\n"


class TestUsed:
    def test_a_plain_reference_is_for_the_start_and_a_choice_is_for_later(self) -> None:
        charm = a_charm(
            options={
                "main-image": {**STRING, "default": "a/main:1"},
                "more-images": {**STRING, "default": "- a/x:1\n- a/y:1\n"},
                "custom_images": {**STRING, "default": "k: a/k:1\n"},
            }
        )
        assert sets(inventory(charm)) == {
            "a/main:1": True,
            "a/x:1": False,
            "a/y:1": False,
            "a/k:1": False,
        }

    def test_a_fact_decides_for_an_option_and_for_a_key(self) -> None:
        charm = a_charm(
            options={
                "main-image": {**STRING, "default": "a/main:1"},
                "custom_images": {**STRING, "default": "k: a/k:1\nl: a/l:1\n"},
            }
        )
        rules = {
            "main-image": {"used": "later"},
            "custom_images": {"used": "start", "used-by-key": {"l": "later"}},
        }
        assert sets(inventory(charm, rules)) == {"a/main:1": False, "a/k:1": True, "a/l:1": False}

    def test_what_an_empty_value_would_pull_is_listed_for_later(self) -> None:
        charm = a_charm(
            options={
                "side_image": {**STRING, "default": "a/side:1"},
                "custom_images": {**STRING, "default": "k: ''\n"},
            }
        )
        rules = {
            "side_image": {"otherwise": "b/side:0"},
            "custom_images": {"images": {"k": {"image": "a/k:1", "otherwise": "b/k:0"}}},
        }
        found = inventory(charm, rules)
        assert set(sets(found)) == {"a/side:1", "b/side:0", "a/k:1", "b/k:0"}
        assert not found.find(ImageReference.parse("b/k:0")).required
        assert (
            "only while the value is empty"
            in found.find(ImageReference.parse("b/side:0")).reasons[0].why
        )

    def test_what_is_required_and_what_is_used_later_are_the_whole(self) -> None:
        found = of_release("1.10")
        required, later = found.chosen("required"), found.chosen("later")
        assert required
        assert later
        assert len(required) + len(later) == len(found)
        assert found.chosen("all") == found
        assert required.to_text().splitlines() == [str(image.reference) for image in required]


class TestBases:
    RULES = ImageRules.from_document(
        {"release": "x", "charm-bases": {"repository": "j/base", "tag": "ubuntu-{channel}"}},
        where="x",
    )

    @pytest.mark.parametrize(
        ("fields", "bases", "series", "expected"),
        [
            ({}, ("24.04", "22.04"), (), "24.04"),
            ({"base": "ubuntu@22.04"}, ("24.04",), (), "22.04"),
            ({"series": "jammy"}, ("24.04",), (), "22.04"),
            ({"series": "kubernetes"}, ("20.04",), (), "20.04"),
            ({"series": "kubernetes"}, ("22.04", "20.04"), (), "20.04"),
            ({"series": "kubernetes"}, ("22.04",), (), "20.04"),
            ({"series": "kubernetes"}, (), (), "20.04"),
            ({}, ("22.04",), ("kubernetes",), "20.04"),
        ],
    )
    def test_the_base_is_the_one_that_juju_takes(
        self, fields: dict[str, str], bases: tuple[str, ...], series: tuple[str, ...], expected: str
    ) -> None:
        bundle = a_bundle(**fields)
        charm = a_charm(bases=bases, series=series)
        base = base_in_use(bundle.applications["app"], charm, bundle)
        assert base is not None
        assert base.track == expected
        found = take_inventory(bundle, {"app": charm}, self.RULES)
        assert sets(found) == {f"j/base:ubuntu-{expected}": True}

    def test_a_charm_without_base_is_told(self) -> None:
        found = take_inventory(a_bundle(), {"app": a_charm(bases=())}, self.RULES)
        assert len(found) == 0
        assert "declares no base" in str(found.warnings[0])

    def test_rules_without_juju_cannot_list_a_controller(self) -> None:
        with pytest.raises(InputError, match="do not list the images of a Juju controller"):
            take_inventory(a_bundle(), {"app": a_charm()}, self.RULES, juju_version="3.6.9")
