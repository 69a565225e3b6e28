"""The audit of charm files: planted images are found, stand-ins give no alarm."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

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


class TestContent:
    """Files are chosen by what is in them, and what cannot be searched is named."""

    @pytest.mark.parametrize(
        "member",
        [
            *("hooks/install", "scripts/start", "svc.service", "pod.yaml.gotmpl", "pod.yaml.in"),
            *("run.tftpl", "pod.YAML", "pod.yaml.erb", "files/x.unknown", "dispatch"),
        ],
    )
    def test_a_text_is_searched_whatever_its_suffix(self, member: str, tmp_path: Path) -> None:
        write(tmp_path, {member: "#!/bin/sh\nrun web --image=quay.io/acme/hooked:1.2\n"})
        report, _ = inspect(tmp_path)
        assert found(report) == {(member, 2, "quay.io/acme/hooked:1.2", "hidden")}
        assert report.is_complete

    @pytest.mark.parametrize(
        ("head", "kind"),
        [
            (b"\x7fELF\x02\x01\x01\0", "an executable"),
            (b"MZ\x90\0", "an executable"),
            (b"\xcf\xfa\xed\xfe\0", "an executable"),
            (b"\x1f\x8b\x08", "an archive"),
            (b"PK\x03\x04", "an archive"),
            (b"hsqs\0", "an archive"),
            (b"x" * 257 + b"ustar\0", "an archive"),
        ],
    )
    def test_executables_and_archives_are_named(
        self, head: bytes, kind: str, tmp_path: Path
    ) -> None:
        write(tmp_path, {"bin/tool": head + b"\0" * 3000})
        report, _ = inspect(tmp_path)
        (problem,) = report.charms[0].skipped
        assert str(problem).startswith(f"app: bin/tool: {kind} (")
        assert "images may be" in str(problem)
        assert not report.is_complete

    @pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0", b"\0\0\0", b"OTTO\0"])
    def test_other_files_name_no_image(self, data: bytes, tmp_path: Path) -> None:
        write(tmp_path, {"icon.bin": data})
        assert inspect(tmp_path)[0].is_complete

    def test_references_in_an_executable_have_a_standing_of_their_own(self, tmp_path: Path) -> None:
        content = b"\x7fELF\0" + b"\0" * 9000 + b"quay.io/acme/inside:1\0docker.io/a/b:1.0\0"
        write(tmp_path, {"istioctl": content}, resources={"oci": "a/b:1.0"})
        report, _ = inspect(tmp_path)
        assert ("istioctl", 0, "quay.io/acme/inside:1", "compiled") in found(report)
        assert ("istioctl", 0, "docker.io/a/b:1.0", "covered") in found(report)
        (finding,) = report.of_standing("compiled")
        assert str(finding) == "app: istioctl: quay.io/acme/inside:1"

    def test_an_executable_is_read_whatever_its_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "MAX_MEMBER_BYTES", 2000)
        write(tmp_path, {"tool": b"\x7fELF\0" + b"\0" * 9000 + b"quay.io/acme/inside:1\0"})
        assert len(inspect(tmp_path)[0].of_standing("compiled")) == 1

    @pytest.mark.parametrize(
        ("member", "text"),
        [
            ("src/x.py", "# filler, and more of it\n" * 60_000 + "A_IMAGE = 'acme/tool'\n"),
            ("src/x.yaml", "a: filler, and more of it\n" * 60_000 + "image: acme/tool\n"),
            ("src/x.json", '{"a":[' + '"filler",' * 160_000 + '"b"],"image":"acme/tool"}'),
        ],
    )
    def test_texts_of_more_than_a_mebibyte_are_searched(
        self, member: str, text: str, tmp_path: Path
    ) -> None:
        assert len(text) > 1024**2
        write(tmp_path, {member: text})
        hidden = inspect(tmp_path)[0].of_standing("hidden")
        assert [finding.image for finding in hidden] == ["acme/tool"]

    def test_a_text_in_utf_16_is_searched(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml": "image: acme/tool\n".encode("utf-16")})
        assert len(inspect(tmp_path)[0].of_standing("hidden")) == 1

    def test_a_charm_that_is_too_large_is_searched_in_part(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "MAX_READ_BYTES", 2000)
        write(tmp_path, {"src/a": "x" * 1500, "src/b": "image: a/b:1.0\n" * 100})
        report, _ = inspect(tmp_path)
        assert not report.of_standing("hidden")
        assert "the charm is too large" in str(report.charms[0].skipped[-1])

    @pytest.mark.parametrize("name", ["oci-image", "side", "app-option"])
    def test_a_name_that_the_charm_gives_to_something_else_is_no_image(
        self, name: str, tmp_path: Path
    ) -> None:
        write(
            tmp_path,
            {"src/charm.py": f"X_IMAGE = {name!r}\nY_IMAGE = 'busybox'\n"},
            resources={"oci-image": "a/b:1.0"},
            options={"app-option": {"type": "string"}},
            metadata={"containers": {"side": {}}},
        )
        hidden = inspect(tmp_path)[0].of_standing("hidden")
        assert [finding.image for finding in hidden] == ["busybox"]


class TestDependencies:
    def test_a_file_of_several_charms_is_read_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[str] = []
        search = audit._searched

        def searched(stream: IO[bytes], member: zipfile.ZipInfo) -> audit.Searched:
            read.append(member.filename)
            return search(stream, member)

        monkeypatch.setattr(audit, "_searched", searched)
        member = "venv/lib/x/y.py"
        known: audit.Known = {}
        for name, text in (("one", "A"), ("two", "A"), ("three", "B")):
            (tmp_path / name).mkdir()
            write(tmp_path / name, {member: f"{text}_IMAGE = 'acme/tool'\n"})
            charm = CharmDirectory.scan(tmp_path / name).find("app")
            found = audit.audit_charm(charm, frozenset(), dependencies=True, known=known)
            assert [finding.image for finding in found.findings] == ["acme/tool"]
        assert read.count(member) == 2

    def test_samples_name_no_image(self, tmp_path: Path) -> None:
        samples = {
            "venv/botocore/data/ecs/2014-11-13/examples-1.json": '{"image": "busybox"}',
            "venv/x/sample-pod.yaml": "image: quay.io/a/b:1\n",
            "venv/x/policy.json": '{"Action": ["ecr:BatchGetImage", "ecr:DescribeImages"]}',
            "venv/x/answer.json": '{"imageDigest": "sha256:' + "a" * 64 + '"}',
        }
        write(tmp_path, samples)
        report, _ = inspect(tmp_path, dependencies=True)
        assert report.of_standing("hidden") == report.of_standing("templated") == ()
        assert report.charms[0].files_read == 3 + len(samples)

    def test_their_compiled_parts_and_archives_are_left_out(self, tmp_path: Path) -> None:
        native = b"\x7fELF\0quay.io/acme/x:1\0"
        write(
            tmp_path,
            {
                "venv/x/native.so": native,
                "venv/x/native.cpython-312-x86_64-linux-gnu.so.1": native,
                "venv/x/data.tar.gz": b"\x1f\x8b\x08\0",
                "wheelhouse/x-1.0.tar.gz": b"\x1f\x8b\x08\0",
            },
        )
        report, _ = inspect(tmp_path, dependencies=True)
        assert report.is_complete
        assert not report.of_standing("compiled")


class TestImages:
    """The report groups by image, and says what helps."""

    def test_an_image_has_all_its_places_and_the_worst_standing(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "src/a.yaml": "image: docker.io/acme/tool:1.0\n",
                "src/b.yaml": "# acme/tool:1.0\nimage: {{ x or 'acme/tool:1.0' }}\n",
                "src/c.yaml": "image: {{ x or 'acme/other' }}\n",
            },
        )
        tool, other = inspect(tmp_path)[0].images()
        assert (tool.standing, other.standing) == ("hidden", "templated")
        assert [place.file for place in tool.places] == ["src/a.yaml"]
        assert [place.standing for place in tool.findings] == ["hidden", "templated", "text"]
        assert tool.charms == ("app",)
        assert (tool.remedy, other.remedy) == ("mirror", "look-at-variable")
        assert inspect(tmp_path)[0].images("templated") == (other,)

    @pytest.mark.parametrize(
        ("option", "remedy"),
        [
            ("viewer-image", "set-option"),
            ("viewer_image", "set-option"),
            ("image-registry", "set-option"),
            ("image-pull-policy", "mirror"),
            ("viewer", "mirror"),
        ],
    )
    def test_an_option_of_the_same_name_or_a_registry_may_help(
        self, option: str, remedy: str, tmp_path: Path
    ) -> None:
        write(
            tmp_path,
            {"src/charm.py": "VIEWER_IMAGE = 'acme/tool'\n"},
            options={option: {"type": "string"}},
        )
        (image,) = inspect(tmp_path)[0].images("hidden")
        assert image.remedy == remedy
        assert image.options == ((f"app.{option}",) if remedy == "set-option" else ())

    def test_nothing_helps_where_nothing_is_wrong(self, tmp_path: Path) -> None:
        write(tmp_path, {"README.md": "acme/tool:1.0\n"}, options={"image-registry": {}})
        (image,) = inspect(tmp_path)[0].images()
        assert (image.standing, image.remedy) == ("text", "none")


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

    def test_a_name_that_is_not_utf8_is_a_damaged_charm(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/café.yaml": "image: gcr.io/x/y:1\n"})
        charms = {"app": CharmDirectory.scan(tmp_path).find("app")}
        path = tmp_path / "app.charm"
        path.write_bytes(path.read_bytes().replace("café".encode(), b"caf\xc3\x28", 1))
        with pytest.raises(CharmError, match="cannot be unpacked"):
            audit_charms(charms, Inventory(images=()), ImageRules.empty())

    def test_a_charm_of_two_applications_is_searched_once(self, tmp_path: Path) -> None:
        write(tmp_path, {"src/x.yaml": "image: gcr.io/x/y:1\n"})
        charm = CharmDirectory.scan(tmp_path).find("app")
        report = audit_charms({"a": charm, "b": charm}, Inventory(images=()), ImageRules.empty())
        assert len(report.charms) == 1
