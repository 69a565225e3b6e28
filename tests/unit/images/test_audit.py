"""The audit of charm files: planted images are found, stand-ins give no alarm."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import CharmError
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.images import audit
from ckf_airgap.images.audit import AuditReport, audit_charms
from ckf_airgap.images.inventory import Inventory, take_inventory
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins


def write(
    directory: Path,
    members: Mapping[str, str | bytes],
    *,
    resources: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write ``app.charm`` with some members."""
    document = {
        "name": "app",
        "summary": "app",
        "description": "app",
        "resources": {
            name: {"type": "oci-image", "upstream-source": image}
            for name, image in (resources or {}).items()
        },
        **(metadata or {}),
    }
    content: dict[str, str | bytes] = {
        "metadata.yaml": yaml.safe_dump(document),
        "config.yaml": yaml.safe_dump({"options": dict(options or {})}),
        "manifest.yaml": yaml.safe_dump({"bases": [{"name": "ubuntu", "channel": "22.04"}]}),
        **members,
    }
    with zipfile.ZipFile(directory / "app.charm", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def inspect(
    directory: Path,
    rules: ImageRules | None = None,
    *,
    dependencies: bool = False,
    lists: Sequence[ImageList] = (),
) -> tuple[AuditReport, Inventory]:
    bundle = Bundle.from_document(
        {"applications": {"app": {"charm": "app", "scale": 1}}}, where="test"
    )
    charms = {"app": CharmDirectory.scan(directory).find("app")}
    rules = rules or ImageRules.empty()
    inventory = take_inventory(bundle, charms, rules, lists=lists)
    return audit_charms(charms, inventory, rules, dependencies=dependencies), inventory


def found(report: AuditReport) -> set[tuple[str, int, str, str]]:
    return {
        (finding.file, finding.line, finding.image, finding.standing)
        for charm in report.charms
        for finding in charm.findings
    }


class TestPlanted:
    @pytest.mark.parametrize(
        ("member", "text", "line", "image"),
        [
            (
                "src/templates/deployment.yaml.j2",
                "kind: Deployment\nmetadata:\n  name: {{ name }}\nspec:\n  image: gcr.io/x/y:1\n",
                5,
                "gcr.io/x/y:1",
            ),
            ("src/charm.py", "import ops\n\nSIDECAR = 'quay.io/x/y:1.0'\n", 3, "quay.io/x/y:1.0"),
            (
                "lib/charms/some/v0/library.py",
                'M = """\nspec:\n  containers:\n  - image: docker.io/x/y:2\n"""\n',
                4,
                "docker.io/x/y:2",
            ),
            ("src/x.json", '{\n "a": {"image": "x/y:v3"}\n}\n', 2, "x/y:v3"),
            (
                "src/manifests/config.yaml",
                'data:\n  inferenceService: |\n    {\n      "image": "kserve/x:v1"\n    }\n',
                4,
                "kserve/x:v1",
            ),
            ("src/default-images.yaml", "- x/y:4.0\n", 1, "x/y:4.0"),
            ("actions/run.sh", "docker run --image docker.io/x/y:5\n", 1, "docker.io/x/y:5"),
        ],
    )
    def test_an_image_that_nothing_tells_is_hidden(
        self, member: str, text: str, line: int, image: str, tmp_path: Path
    ) -> None:
        write(tmp_path, {member: text}, resources={"oci": "a/b:1.0"})
        report, _ = inspect(tmp_path)
        assert (member, line, image, "hidden") in found(report)
        assert [finding.image for finding in report.of_standing("hidden")] == [image]

    def test_json_inside_yaml_inside_an_option_is_listed_and_so_covered(
        self, tmp_path: Path
    ) -> None:
        value = 'sidecars: |\n  {"proxy": {"image": "gcr.io/x/deep:1.2"}}\n'
        write(tmp_path, {}, options={"extra": {"type": "string", "default": value}})
        report, inventory = inspect(tmp_path)
        assert [str(image.reference) for image in inventory] == ["gcr.io/x/deep:1.2"]
        assert [finding.image for finding in report.of_standing("covered")] == ["gcr.io/x/deep:1.2"]
        assert not report.of_standing("hidden")

    def test_an_image_that_an_option_feeds_is_templated(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml.j2": "image: {{ registry }}/x/y:{{ tag }}\n"})
        report, _ = inspect(tmp_path)
        assert found(report) == {("src/x.yaml.j2", 1, "{}/x/y:{}", "templated")}

    def test_an_image_of_a_resource_is_covered_however_it_is_spelled(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml": "image: a/b:1.0\n"}, resources={"oci": "docker.io/a/b:1.0"})
        report, _ = inspect(tmp_path)
        assert not report.of_standing("hidden")
        assert ("src/x.yaml", 1, "a/b:1.0", "covered") in found(report)

    def test_an_image_that_a_rule_or_a_list_names_is_listed(self, tmp_path: Path) -> None:
        images = ("gcr.io/x/y:1", "gcr.io/x/z:1", "gcr.io/x/w:1")
        text = "".join(f"---\nimage: {image}\n" for image in images) + "# image: gcr.io/x/y:1\n"
        write(tmp_path, {"src/x.yaml": text})
        rules = ImageRules.from_document(
            {"release": "x", "extra-images": [{"image": "gcr.io/x/y:1", "charm": "app"}]},
            where="x",
        )
        more = ImageList.parse("gcr.io/x/z:1\n", where="more.txt")
        report, _ = inspect(tmp_path, rules, lists=[more])
        assert {(image, standing) for _, _, image, standing in found(report)} == {
            ("gcr.io/x/y:1", "listed"),
            ("gcr.io/x/z:1", "listed"),
            ("gcr.io/x/w:1", "hidden"),
            ("gcr.io/x/y:1", "text"),
        }

    def test_an_image_that_the_charm_declares_is_covered_though_it_is_listed(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path, {"src/x.yaml": "image: a/b:1.0\n"}, resources={"oci": "a/b:1.0"})
        more = ImageList.parse("a/b:1.0\n", where="more.txt")
        report, _ = inspect(tmp_path, lists=[more])
        assert {standing for *_, standing in found(report)} == {"covered"}

    def test_keys_of_images_are_no_images(self, tmp_path: Path) -> None:
        """A list of the keys that a charm splits, as in seldon-core."""
        code = "SPLIT_IMAGES = ['server__v2', 'emptied', 'busybox']\n"
        default = "{emptied: '', other: 'a/b:1'}"
        write(
            tmp_path,
            {"src/charm.py": code, "src/default-custom-images.json": '{"server__v2": "a/c:1"}'},
            options={"custom_images": {"type": "string", "default": default}},
        )
        report, _ = inspect(tmp_path)
        assert [finding.image for finding in report.of_standing("hidden")] == ["busybox"]

    def test_every_tag_of_a_name_is_listed_where_users_choose_the_tag(self, tmp_path: Path) -> None:
        text = "image: gcr.io/x/y:1\n---\nimage: gcr.io/x/y:2\n---\nimage: gcr.io/x/yy:2\n"
        write(tmp_path, {"src/x.yaml": text})
        extra: JSONValue = {"image": "gcr.io/x/y", "tag": "chosen-by-user"}
        rules = ImageRules.from_document({"release": "x", "extra-images": [extra]}, where="x")
        report, _ = inspect(tmp_path, rules)
        assert [finding.image for finding in report.of_standing("listed")] == [
            "gcr.io/x/y:1",
            "gcr.io/x/y:2",
        ]
        assert [finding.image for finding in report.of_standing("hidden")] == ["gcr.io/x/yy:2"]

    def test_tests_documents_and_comments_are_text(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "tests/x.yaml": "image: gcr.io/x/y:1\n",
                "README.md": "image: gcr.io/x/y:2\n",
                "src/x.yaml": "# image: gcr.io/x/y:3\n",
            },
        )
        report, _ = inspect(tmp_path)
        assert [finding.image for finding in report.of_standing("text")] == [
            "gcr.io/x/y:2",
            "gcr.io/x/y:3",
            "gcr.io/x/y:1",
        ]
        assert not report.of_standing("hidden")

    def test_dependencies_are_searched_on_request_only(self, tmp_path: Path) -> None:
        planted = {
            "venv/lib/x/y.py": "IMAGE = 'gcr.io/x/y:1'\n",
            "venv/foo-1.0.dist-info/x.json": '{"image": "gcr.io/x/z:1"}\n',
        }
        write(tmp_path, planted)
        assert not inspect(tmp_path)[0].of_standing("hidden")
        report, _ = inspect(tmp_path, dependencies=True)
        assert {finding.image for finding in report.of_standing("hidden")} == {
            "gcr.io/x/y:1",
            "gcr.io/x/z:1",
        }


class TestStandIns:
    @pytest.mark.parametrize("name", release_names())
    def test_they_give_no_alarm(self, name: str, tmp_path: Path) -> None:
        release = load_release(name)
        write_standins(release, tmp_path)
        directory = CharmDirectory.scan(tmp_path)
        charms = {
            application: directory.find(fields.charm_name)
            for application, fields in release.bundle.applications.items()
        }
        inventory = take_inventory(release.bundle, charms, release.rules)
        report = audit_charms(charms, inventory, release.rules)
        assert len(report.charms) == len(release.charms)
        assert len(report.of_standing("covered")) > 50
        for standing in ("hidden", "templated", "text"):
            assert report.of_standing(standing) == ()
        assert report.silent == ()


class TestSilence:
    def test_a_charm_with_containers_that_tells_no_image_is_reported(self, tmp_path: Path) -> None:
        write(tmp_path, {}, metadata={"containers": {"app": {}}})
        report, _ = inspect(tmp_path)
        assert [charm.charm for charm in report.silent] == ["app"]

    def test_a_charm_with_the_manifest_of_a_workload_is_reported(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml.j2": "kind: StatefulSet\nimage: {{ image }}\n"})
        report, _ = inspect(tmp_path)
        assert [charm.charm for charm in report.silent] == ["app"]

    def test_a_charm_that_runs_nothing_may_be_silent(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/roles.yaml": "kind: ClusterRole\n"})
        assert inspect(tmp_path)[0].silent == ()

    def test_a_charm_that_tells_an_image_is_not_reported(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {"src/x.yaml.j2": "kind: Job\nimage: {{ image }}\n"},
            options={"job-image": {"type": "string", "default": "a/b:1.0"}},
        )
        assert inspect(tmp_path)[0].silent == ()


class TestFiles:
    def test_binary_files_are_passed_over(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.json": b"\0\0 image: gcr.io/x/y:1", "src/x.bin": b"gcr.io/x/y:1\0"})
        assert found(inspect(tmp_path)[0]) == set()

    def test_text_that_is_no_utf8_is_read_all_the_same(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml": b"# \xe4\nimage: gcr.io/x/y:1\n"})
        assert ("src/x.yaml", 2, "gcr.io/x/y:1", "hidden") in found(inspect(tmp_path)[0])

    def test_a_file_that_is_too_large_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "MAX_MEMBER_BYTES", 2000)
        write(tmp_path, {"src/x.yaml": "image: gcr.io/x/y:1\n" + "x: 1\n" * 1000})
        (charm,) = inspect(tmp_path)[0].charms
        assert not charm.findings
        assert "src/x.yaml" in str(charm.skipped[0])

    def test_a_charm_without_file_is_refused(self) -> None:
        release = load_release("1.11")
        charms = {"minio": release.charms["minio"]}
        with pytest.raises(CharmError, match="has no file to audit"):
            audit_charms(charms, Inventory(images=()), release.rules)

    def test_a_file_that_vanished_is_told(self, tmp_path: Path) -> None:
        write(tmp_path, {})
        charms = {"app": CharmDirectory.scan(tmp_path).find("app")}
        (tmp_path / "app.charm").unlink()
        with pytest.raises(CharmError, match="cannot read the charm"):
            audit_charms(charms, Inventory(images=()), ImageRules.empty())

    def test_a_charm_of_two_applications_is_searched_once(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml": "image: gcr.io/x/y:1\n"})
        charm = CharmDirectory.scan(tmp_path).find("app")
        report = audit_charms({"a": charm, "b": charm}, Inventory(images=()), ImageRules.empty())
        assert len(report.charms) == 1
