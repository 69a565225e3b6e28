"""``ckf-airgap images list|explain|audit|retag``: output, files and exit codes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from tests.unit.cli.conftest import REGISTRY, World

Invoke = Callable[..., Result]

IMAGES = ["docker.io/jujusolutions/charm-base:ubuntu-22.04", "docker.io/pets/cat:1.0"]
ALL = [*IMAGES, "ghcr.io/pets/flea:2"]


def plant(world: World, member: str, text: str) -> None:
    """Add a file to the charm dog."""
    with zipfile.ZipFile(world.charms / "dog_r5.charm", "a") as archive:
        archive.writestr(member, text)


@pytest.mark.parametrize("name", ["list", "explain", "audit", "retag"])
def test_every_command_has_help_with_an_example(name: str, invoke: Invoke) -> None:
    result = invoke("images", name, "--help")
    assert result.exit_code == 0
    assert f"ckf-airgap images {name}" in result.stdout.partition("Example")[2]
    assert "--json" in result.stdout


class TestList:
    def test_prints_one_reference_a_line(self, world: World, invoke: Invoke) -> None:
        result = invoke("images", "list", world.bundle, "--charms", world.charms)
        assert result.exit_code == 0
        assert result.stdout.splitlines() == ALL
        assert result.stderr == (
            f"3 images, taken from the charm files of {world.bundle}: 3 are required to reach "
            "active/idle, 0 are used later\n"
        )

    def test_a_release_needs_no_charm_files_and_says_so(self, invoke: Invoke) -> None:
        result = invoke("images", "list", "1.11")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 100
        assert "taken from the facts of release 1.11, without charm files" in result.stderr
        document = json.loads(invoke("images", "list", "1.11", "--json").stdout)
        assert document["taken-from"] == "release facts"

    @pytest.mark.parametrize("release", ["1.8", "1.9", "1.10", "1.11"])
    def test_rules_and_lists_of_a_user_add_to_a_release_and_take_nothing_away(
        self, release: str, invoke: Invoke, tmp_path: Path
    ) -> None:
        rules, more = tmp_path / "rules.yaml", tmp_path / "more.txt"
        extra = [{"image": "quay.io/pets/tick:3", "why": "its code starts it"}]
        rules.write_text(yaml.safe_dump({"release": "mine", "extra-images": extra}))
        more.write_text("quay.io/pets/louse:1\n")
        before = set(invoke("images", "list", release, "-q").stdout.splitlines())
        result = invoke("images", "list", release, "-q", "--rules", rules, "--append", more)
        assert result.exit_code == 0
        added = {"quay.io/pets/tick:3", "quay.io/pets/louse:1"}
        assert set(result.stdout.splitlines()) == before | added

    def test_a_copy_of_a_release_has_its_list_and_rules_of_a_file_add_to_it(
        self, invoke: Invoke, tmp_path: Path
    ) -> None:
        from ckf_airgap.facts.releases import load_release
        from ckf_airgap.rehearsal.standin import write_standins

        release = load_release("1.9")
        bundle, rules = tmp_path / "bundle.yaml", tmp_path / "rules.yaml"
        bundle.write_text(release.bundle.to_yaml())
        write_standins(release, tmp_path / "charms")
        charm: dict[str, object] = {
            "channel": "any",
            "options": {"custom_images": {"images": {"activator": {"image": "a/activator:1"}}}},
        }
        document = {
            "release": "mine",
            "charm-bases": {"repository": "a/base", "tag": "one"},
            "rules": {"knative-serving": charm},
        }
        rules.write_text(yaml.safe_dump(document))
        words = ("images", "list", bundle, "--charms", tmp_path / "charms", "-q")
        before = invoke(*words).stdout.splitlines()
        assert before == invoke("images", "list", "1.9", "-q").stdout.splitlines()
        after = invoke(*words, "--rules", rules).stdout.splitlines()
        assert set(after) == {*before, "a/activator:1", "a/base:one"}

    @pytest.mark.parametrize("release", ["1.8", "1.9", "1.10", "1.11"])
    def test_a_list_appended_to_itself_adds_nothing(
        self, release: str, invoke: Invoke, tmp_path: Path
    ) -> None:
        text = invoke("images", "list", release, "-q").stdout
        listed = tmp_path / "images.txt"
        listed.write_text(text)
        again = invoke("images", "list", release, "--append", listed)
        assert again.stdout == text
        assert "users choose the tag of tensorflow/tensorflow:" in again.stderr

    def test_names_whose_tag_users_choose_are_lines_and_say_so(self, invoke: Invoke) -> None:
        result = invoke("images", "list", "1.10", "--need", "later")
        assert "tensorflow/tensorflow" in result.stdout.splitlines()
        assert "name tags that are used with --append" in result.stderr
        required = invoke("images", "list", "1.10", "--need", "required")
        assert "tensorflow/tensorflow" not in required.stdout.splitlines()
        assert "users choose" not in required.stderr
        document = json.loads(invoke("images", "list", "1.10", "--json").stdout)
        assert [image["image"] for image in document["images"] if "tag" in image] == [
            "tensorflow/tensorflow"
        ]

    def test_the_required_and_the_later_images_make_the_list(self, invoke: Invoke) -> None:
        lines = [
            invoke("images", "list", "1.9", "-q", *args).stdout.splitlines()
            for args in ((), ("--need", "required"), ("--need", "later"))
        ]
        assert sorted(lines[1] + lines[2]) == sorted(lines[0])
        assert "docker.io/istio/pilot:1.22.0" in lines[1]
        assert "kubeflownotebookswg/jupyter-scipy:v1.9.0" in lines[2]

    def test_lists_are_appended_and_the_controller_added(
        self, world: World, invoke: Invoke, tmp_path: Path
    ) -> None:
        more = tmp_path / "more.txt"
        more.write_text("  # tests\n   a/test:1\n")
        output = tmp_path / "images.txt"
        result = invoke(
            *("images", "list", world.bundle, "--charms", world.charms),
            *("--append", more, "--juju-version", "3.6.9", "-o", output),
        )
        assert result.exit_code == 0
        assert result.stdout == ""
        lines = output.read_text().splitlines()
        assert set(ALL) < set(lines)
        assert {"a/test:1", "docker.io/jujusolutions/jujud-operator:3.6.9"} < set(lines)
        assert f"wrote {len(lines)} images to {output}" in result.stderr

    def test_json_has_the_reasons(self, world: World, invoke: Invoke) -> None:
        result = invoke("images", "list", world.bundle, "--charms", world.charms, "--json")
        document = json.loads(result.stdout)
        assert document["schema"] == "ckf-airgap/images/v1"
        assert document["images"][2] == {
            "image": "ghcr.io/pets/flea:2",
            "need": "required",
            "reasons": [
                {
                    "asker": "option",
                    "used": "start",
                    "application": "dog",
                    "charm": "dog",
                    "option": "helper_image",
                    "named-by": "charm",
                }
            ],
        }

    def test_an_overlay_counts(self, world: World, invoke: Invoke, tmp_path: Path) -> None:
        overlay = tmp_path / "o.yaml"
        overlay.write_text("applications: {dog: {options: {helper_image: 'quay.io/pets/tick:3'}}}")
        result = invoke(
            "images", "list", world.bundle, "--charms", world.charms, "--overlay", overlay
        )
        assert "quay.io/pets/tick:3" in result.stdout
        assert "flea" not in result.stdout

    @pytest.mark.parametrize(
        ("args", "code", "message"),
        [
            (("1.99",), 4, "neither a file nor a shipped release"),
            (("1.9", "--append", "/none.txt"), 4, "--append FILE"),
            (("1.9", "--juju-version", "new"), 2, "not a version of Juju"),
            (("1.9", "--charms", "/none"), 4, "no charms directory"),
            (("1.9", "--need", "some"), 2, "'some' is not one of"),
            (("1.9", "--set", "required"), 2, "give --need required"),
            (("1.9", "--set", "optional"), 2, "--need later"),
            (("1.9", "--set", "some"), 2, "--need required|later|all"),
            (("1.9", "-o", "/none/images.txt"), 3, "there is no directory /none"),
        ],
    )
    def test_what_is_wrong_has_its_exit_code(
        self, args: tuple[str, ...], code: int, message: str, invoke: Invoke
    ) -> None:
        result = invoke("images", "list", *args)
        assert result.exit_code == code
        assert message in result.stderr

    def test_mistyped_application_of_an_overlay_is_named(
        self, invoke: Invoke, tmp_path: Path
    ) -> None:
        own = tmp_path / "own.yaml"
        own.write_text("applications: {dex-aut: {options: {x: 1}}}")
        result = invoke("images", "list", "1.11", "--overlay", own)
        assert result.exit_code == 3
        assert "there is no application dex-aut" in result.stderr
        assert "did you mean 'dex-auth'?" in result.stderr


class TestExplain:
    def test_says_who_asks_in_every_release(self, invoke: Invoke) -> None:
        result = invoke("images", "explain", "gcr.io/ml-pipeline/frontend:2.0.3")
        assert result.exit_code == 0
        assert result.stdout.count("gcr.io/ml-pipeline/frontend:2.0.3\n") == 2
        assert "release 1.8: used later" in result.stdout
        assert "kfp-profile-controller: option custom_images, key frontend" in result.stdout

    @pytest.mark.parametrize("place", ["172.17.0.2:5000", "reg.example.com/team/ckf"])
    def test_understands_how_an_image_lies_in_a_private_registry(
        self, place: str, invoke: Invoke
    ) -> None:
        hexadecimal = "c2994c2b6c2c7f38ad1b85c71789bf1753cc8979926423c83231e62258837cb9"
        path = "knative-releases/knative.dev/serving/cmd/activator"
        asked = f"{place}/{path}:{hexadecimal}"
        result = invoke("images", "explain", "--bundle", "1.8", asked, "--json")
        (image,) = json.loads(result.stdout)["images"]
        assert image["image"] == f"gcr.io/{path}@sha256:{hexadecimal}"
        assert image["asked"] == asked
        assert image["reasons"][0]["path"] == ["activator"]

    def test_an_unknown_image_is_told_with_the_nearest(self, invoke: Invoke) -> None:
        result = invoke("images", "explain", "--bundle", "1.9", "istio/pilot:1.22.1", "no/such:1")
        assert result.exit_code == 4
        assert "did you mean 'docker.io/istio/pilot:1.22.0'?" in result.stderr
        assert "no/such:1" in result.stderr

    def test_names_file_and_line_in_the_charm(self, invoke: Invoke, tmp_path: Path) -> None:
        from ckf_airgap.facts.releases import load_release
        from ckf_airgap.rehearsal.standin import write_standins

        write_standins(load_release("1.9"), tmp_path)
        result = invoke(
            *("images", "explain", "--bundle", "1.9", "--charms", tmp_path, "kserve/router:v0.13.0")
        )
        assert "src/default-custom-images.json line 6" in result.stdout

    def test_an_image_that_no_option_reaches_says_so(self, invoke: Invoke) -> None:
        result = invoke("images", "explain", "--bundle", "1.9", "tensorflow/tensorflow:2.5.1")
        assert result.exit_code == 0
        assert "release 1.9: used later" in result.stdout
        assert "tensorboard-controller: image rules - the pod of each Tensorboard" in result.stdout
        assert "by a mirror (ckf-airgap mirrors)" in result.stdout
        assert "Its users choose the tag" not in result.stdout
        reached = invoke("images", "explain", "--bundle", "1.9", "istio/pilot:1.22.0")
        assert "mirror" not in reached.stdout

    @pytest.mark.parametrize(
        "asked",
        [
            "tensorflow/tensorflow:2.5.1",
            "docker.io/tensorflow/tensorflow:2.16.1-gpu",
            f"{REGISTRY}/tensorflow/tensorflow:2.5.1",
            f"{REGISTRY}/team/tensorflow/tensorflow:latest",
        ],
    )
    def test_every_tag_is_found_where_users_choose_it(self, asked: str, invoke: Invoke) -> None:
        result = invoke("images", "explain", "--bundle", "1.10", asked)
        assert result.exit_code == 0
        assert f"tensorflow/tensorflow (asked as {asked})" in result.stdout
        assert "kfp-ui: image rules - the pod of a Tensorboard viewer" in result.stdout
        assert "Its users choose the tag." in result.stdout
        document = json.loads(
            invoke("images", "explain", "--bundle", "1.10", asked, "--json").stdout
        )
        assert document["images"][0]["tag"] == "chosen-by-user"

    def test_the_name_alone_has_no_tag_to_speak_of(self, invoke: Invoke) -> None:
        result = invoke("images", "explain", "--bundle", "1.10", "tensorflow/tensorflow")
        assert "Its users choose the tag." not in result.stdout
        other = invoke("images", "explain", "--bundle", "1.10", "tensorflow/tensorflows:1")
        assert other.exit_code == 4

    @pytest.mark.parametrize(
        ("text", "asked", "standing", "advice"),
        [
            ("A = 'quay.io/pets/tick:3'\n", "quay.io/pets/tick:3", "hidden", "--append"),
            ("A = 'quay.io/pets/tick:3'\n", f"{REGISTRY}/pets/tick:3", "hidden", "mirrors"),
            ("# A = 'quay.io/pets/tick:3'\n", "quay.io/pets/tick:3", "text", "pulls nothing"),
            ("A = f'quay.io/pets/tick:{v}'\n", "quay.io/pets/tick:3", "templated", "option"),
            ("A_IMAGE = f'{r}/pets/tick:{v}'\n", "quay.io/pets/tick:3", "templated", "option"),
            ("A_IMAGE = f'docker.io/pets/tick:{v}-b'\n", "pets/tick:3-b", "templated", "option"),
        ],
    )
    def test_an_image_that_only_a_file_of_a_charm_has_is_found_there(
        self, text: str, asked: str, standing: str, advice: str, *, world: World, invoke: Invoke
    ) -> None:
        plant(world, "src/x.py", text)
        words = ("images", "explain", "--bundle", world.bundle, "--charms", world.charms, asked)
        result = invoke(*words)
        assert result.exit_code == 0, result.output
        assert f"dog: src/x.py line 1 ({standing}): " in result.stdout
        assert advice in result.stdout
        (image,) = json.loads(invoke(*words, "--json").stdout)["images"]
        assert (image["image"], image["need"], image["reasons"]) == (asked, None, [])
        assert (image["files"][0]["file"], image["files"][0]["standing"]) == ("src/x.py", standing)

    @pytest.mark.parametrize(
        "asked",
        ["quay.io/pets/tick:4", "quay.io/pets/ticks:3", "pets/tick:3", "quay.io/a/pets:3", "b/c:1"],
    )
    def test_another_image_is_not_found_in_files(
        self, asked: str, world: World, invoke: Invoke
    ) -> None:
        plant(
            world,
            "src/x.py",
            "A = 'quay.io/pets/tick:3'\nB = f'{r}/{n}:{v}'\nC = f'quay.io/pets:{v}-b'\n",
        )
        result = invoke(
            "images", "explain", "--bundle", world.bundle, "--charms", world.charms, asked
        )
        assert result.exit_code == 4
        assert "--charms DIR to search" not in result.stderr

    def test_without_files_it_says_that_they_can_be_searched(self, invoke: Invoke) -> None:
        result = invoke("images", "explain", "--bundle", "1.9", "quay.io/pets/tick:3")
        assert result.exit_code == 4
        assert "Give --charms DIR to search the files of the charms, too." in result.stderr

    def test_a_list_explains_with_its_line(self, invoke: Invoke, tmp_path: Path) -> None:
        more = tmp_path / "more.txt"
        more.write_text("\nquay.io/pets/tick:3\n")
        result = invoke(
            "images", "explain", "--bundle", "1.9", "--append", more, "quay.io/pets/tick:3"
        )
        assert f"list, {more} line 2" in result.stdout

    def test_charm_files_of_one_release_do_not_stop_the_search_in_all(
        self, invoke: Invoke, tmp_path: Path
    ) -> None:
        from ckf_airgap.facts.releases import load_release
        from ckf_airgap.rehearsal.standin import write_standins

        write_standins(load_release("1.11"), tmp_path)
        result = invoke("images", "explain", "--charms", tmp_path, "alpine:3.10")
        assert result.exit_code == 0, result.output
        assert "release 1.11: used later" in result.stdout
        nowhere = invoke("images", "explain", "--charms", tmp_path / "none", "alpine:3.10")
        assert nowhere.exit_code == 4
        assert "no charms directory" in nowhere.stderr


class TestAudit:
    def audit(self, world: World, invoke: Invoke, *args: str) -> Result:
        return invoke("images", "audit", world.bundle, "--charms", world.charms, *args)

    def test_charms_that_tell_all_pass(self, world: World, invoke: Invoke) -> None:
        result = self.audit(world, invoke)
        assert result.exit_code == 0
        assert result.stdout == ""
        assert result.stderr == (
            "2 charms: 0 hidden images, 0 templated, 0 in text, 2 that the charm declares "
            "elsewhere\n"
        )

    def test_a_hidden_image_fails_with_file_and_line(self, world: World, invoke: Invoke) -> None:
        plant(world, "src/x.yaml.j2", "kind: Job\nimage: quay.io/pets/tick:3\n")
        result = self.audit(world, invoke)
        assert result.exit_code == 4
        row = result.stdout.splitlines()[-1].split()
        assert row == ["hidden", "quay.io/pets/tick:3", "dog", "src/x.yaml.j2:2", "mirror"]
        assert "1 hidden images" in result.stderr
        assert "--rules" in result.stderr

    def test_a_templated_image_is_shown_and_passes(self, world: World, invoke: Invoke) -> None:
        plant(world, "src/x.yaml.j2", "image: quay.io/pets/tick:{{ v }}\n# image: a/b:1.0\n")
        result = self.audit(world, invoke)
        assert result.exit_code == 0
        assert "templated" in result.stdout
        assert "a/b:1.0" not in result.stdout
        assert "a/b:1.0" in self.audit(world, invoke, "-v").stdout

    def test_json_has_every_finding(self, world: World, invoke: Invoke) -> None:
        plant(world, "src/x.py", "IMAGE = 'quay.io/pets/tick:3'\n")
        result = self.audit(world, invoke, "--json")
        assert result.exit_code == 4
        document = json.loads(result.stdout)
        assert document["schema"] == "ckf-airgap/images-audit/v1"
        assert (document["hidden"], document["covered"], document["silent"]) == (1, 2, [])
        (dog,) = (charm for charm in document["charms"] if charm["charm"] == "dog")
        assert {
            "charm": "dog",
            "file": "src/x.py",
            "line": 1,
            "image": "quay.io/pets/tick:3",
            "standing": "hidden",
            "excerpt": "IMAGE = 'quay.io/pets/tick:3'",
            "options": [],
        } in dog["findings"]

    def test_a_rule_settles_a_hidden_image(
        self, world: World, invoke: Invoke, tmp_path: Path
    ) -> None:
        plant(world, "src/x.py", "IMAGE = 'quay.io/pets/tick:3'\n")
        rules = tmp_path / "rules.yaml"
        extra = [{"image": "quay.io/pets/tick:3", "charm": "dog"}]
        rules.write_text(yaml.safe_dump({"release": "mine", "extra-images": extra}))
        assert self.audit(world, invoke, "--rules", str(rules)).exit_code == 0

    def test_places_are_shown_on_request(self, world: World, invoke: Invoke) -> None:
        plant(world, "src/x.yaml", "image: quay.io/pets/tick:3\nother: quay.io/pets/tick:3\n")
        result = self.audit(world, invoke)
        assert "src/x.yaml:1 and 1 more" in " ".join(result.stdout.split())
        assert "1 hidden images" in result.stderr
        assert "mirror: no option reaches the image" in result.stderr
        rows = [line.split() for line in self.audit(world, invoke, "-v").stdout.splitlines()]
        for number in ("1", "2"):
            assert ["hidden", "dog", "src/x.yaml", number, "quay.io/pets/tick:3"] in rows

    def test_json_groups_by_image(self, world: World, invoke: Invoke) -> None:
        plant(world, "src/x.yaml", "image: quay.io/pets/tick:3\nother: quay.io/pets/tick:3\n")
        plant(world, "src/x.py", "HELPER_IMAGE = 'quay.io/pets/mite'\n")
        document = json.loads(self.audit(world, invoke, "--json").stdout)
        mite, tick = document["images"][:2]
        assert tick == {
            "image": "quay.io/pets/tick:3",
            "standing": "hidden",
            "charms": ["dog"],
            "remedy": "mirror",
            "options": [],
            "places": [
                {"charm": "dog", "file": "src/x.yaml", "line": line, "standing": "hidden"}
                for line in (1, 2)
            ],
        }
        assert (mite["remedy"], mite["options"]) == ("set-option", ["dog.helper_image"])
        assert document["hidden"] == 3
        assert document["complete"] is True

    def test_no_hidden_images_is_said_only_when_all_was_searched(
        self, world: World, invoke: Invoke
    ) -> None:
        plant(world, "bin/tool", "\x7fELF\0quay.io/pets/tick:3\0")
        result = self.audit(world, invoke)
        assert result.exit_code == 0
        assert "0 hidden" not in result.stderr
        assert "no hidden images in what could be searched" in result.stderr
        assert "dog: bin/tool: an executable (1 kB) may name images of its own" in result.stderr
        row = result.stdout.splitlines()[-1].split()
        assert row == ["compiled", "quay.io/pets/tick:3", "dog", "bin/tool", "mirror"]
        document = json.loads(self.audit(world, invoke, "--json").stdout)
        assert (document["complete"], document["compiled"]) == (False, 1)

    def test_a_resource_without_image_is_warned_of_and_the_rest_is_searched(
        self, world: World, invoke: Invoke
    ) -> None:
        from ckf_airgap.charms.charm import Charm, Resource
        from ckf_airgap.rehearsal.standin import write_standin

        (world.charms / "dog_r5.charm").unlink()
        dog = Charm(name="dog", resources={"bone-image": Resource(name="bone-image")})
        write_standin(dog, world.charms, 5)
        world.bundle.write_text(
            world.bundle.read_text()
            .replace("    options: {volume: 3}\n", "")
            .replace("relations:\n- [cat:prey, dog:prey]\n", "")
        )
        plant(world, "src/x.yaml", "image: quay.io/pets/tick:3\n")
        result = self.audit(world, invoke)
        assert result.exit_code == 4
        assert "quay.io/pets/tick:3" in result.stdout
        listed = invoke("images", "list", world.bundle, "--charms", world.charms)
        assert listed.exit_code == 0
        assert listed.stdout.splitlines() == IMAGES
        assert "bone-image: charm dog does not declare its image" in listed.stderr
        rendered = invoke("render", *world.args)
        assert rendered.exit_code == 3
        assert "charm dog does not declare its image" in rendered.stderr

    def test_so_does_a_list_that_is_appended(
        self, world: World, invoke: Invoke, tmp_path: Path
    ) -> None:
        plant(world, "src/x.py", "IMAGE = 'quay.io/pets/tick:3'\n")
        more = tmp_path / "more.txt"
        more.write_text("quay.io/pets/tick:3\n")
        result = self.audit(world, invoke, "--append", str(more), "-v")
        assert result.exit_code == 0
        assert "1 that only rules or lists name" in result.stderr
        assert "listed" in result.stdout
        document = json.loads(self.audit(world, invoke, "--append", str(more), "--json").stdout)
        assert (document["hidden"], document["listed"]) == (0, 1)
        quiet = self.audit(world, invoke, "--append", str(more))
        assert "tick" not in quiet.stdout

    def test_a_silent_charm_is_a_warning(self, world: World, invoke: Invoke) -> None:
        from ckf_airgap.charms.charm import Charm
        from ckf_airgap.rehearsal.standin import write_standin

        (world.charms / "dog_r5.charm").unlink()
        silent = Charm(name="dog", metadata={"name": "dog", "containers": {"dog": {}}})
        write_standin(silent, world.charms, 5)
        world.bundle.write_text(world.bundle.read_text().replace("    options: {volume: 3}\n", ""))
        result = self.audit(world, invoke)
        assert result.exit_code == 0
        assert "charm dog runs containers and names no image" in result.stderr


class TestRetag:
    @pytest.fixture
    def images(self, tmp_path: Path) -> Path:
        path = tmp_path / "images.txt"
        path.write_text("docker.io/pets/cat:1.0\nghcr.io/far/away/pets/flea:2\n")
        return path

    def test_prints_the_places(self, images: Path, invoke: Invoke) -> None:
        result = invoke("images", "retag", images, "--registry", REGISTRY)
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            f"{REGISTRY}/pets/cat:1.0",
            f"{REGISTRY}/far/away/pets/flea:2",
        ]
        assert result.stderr == ""

    def test_names_whose_tag_users_choose_are_left_out_unless_asked_for(
        self, images: Path, invoke: Invoke
    ) -> None:
        images.write_text(images.read_text() + "tensorflow/tensorflow\ntensorflow/tensorflow:2.9\n")
        result = invoke("images", "retag", images, "--registry", REGISTRY)
        assert result.stdout.splitlines()[2:] == [f"{REGISTRY}/tensorflow/tensorflow:2.9"]
        assert "left out, since its users choose the tag: tensorflow/tensorflow;" in result.stderr
        whole = invoke("images", "retag", images, "--registry", REGISTRY, "--need", "all")
        assert len(whole.stdout.splitlines()) == 4
        assert whole.stderr == ""
        document = images.with_name("images.json")
        document.write_text(invoke("images", "list", "1.10", "--json").stdout)
        later = invoke("images", "retag", document, "--registry", REGISTRY, "--need", "later")
        assert f"{REGISTRY}/tensorflow/tensorflow" in later.stdout.splitlines()
        assert f"{REGISTRY}/istio/pilot:1.24.2" not in later.stdout.splitlines()

    def test_a_list_of_nothing_else_is_refused(self, images: Path, invoke: Invoke) -> None:
        images.write_text("docker.io/tensorflow/tensorflow\n")
        result = invoke("images", "retag", images, "--registry", REGISTRY)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert f"{images} lists no images" in result.stderr

    def test_a_retagged_list_stays_as_it_is(self, images: Path, invoke: Invoke) -> None:
        output = images.parent / "retagged.txt"
        invoke("images", "retag", images, "--registry", REGISTRY, "-o", output)
        again = invoke("images", "retag", output, "--registry", REGISTRY)
        assert again.stdout == output.read_text()

    def test_folded_paths_want_the_mapping_kept(self, images: Path, invoke: Invoke) -> None:
        result = invoke("images", "retag", images, "--registry", REGISTRY, "--max-depth", "2")
        assert f"{REGISTRY}/far--away--pets/flea:2" in result.stdout
        assert "1 paths were folded: write the --mapping" in result.stderr

    def test_writes_list_and_mapping(self, images: Path, invoke: Invoke) -> None:
        output, mapping = images.parent / "r.txt", images.parent / "m.yaml"
        result = invoke(
            *("images", "retag", images, "--registry", REGISTRY, "--max-depth", "2"),
            *("-o", output, "--mapping", mapping),
        )
        assert result.exit_code == 0
        assert result.stdout == ""
        assert output.read_text().splitlines()[1] == f"{REGISTRY}/far--away--pets/flea:2"
        assert yaml.safe_load(mapping.read_text())["images"][1] == {
            "source": "ghcr.io/far/away/pets/flea:2",
            "target": f"{REGISTRY}/far--away--pets/flea:2",
            "folded": True,
        }

    def test_json_is_the_mapping(self, images: Path, invoke: Invoke) -> None:
        result = invoke("images", "retag", images, "--registry", REGISTRY, "--json")
        assert json.loads(result.stdout)["schema"] == "ckf-airgap/retag-mapping/v1"

    def test_a_collision_is_refused_before_anything_is_written(
        self, images: Path, invoke: Invoke
    ) -> None:
        images.write_text("docker.io/pets/cat:1.0\nghcr.io/pets/cat:1.0\n")
        output = images.parent / "r.txt"
        result = invoke("images", "retag", images, "--registry", REGISTRY, "-o", output)
        assert result.exit_code == 3
        assert "docker.io/pets/cat:1.0 and ghcr.io/pets/cat:1.0 would all become" in result.stderr
        assert not output.exists()

    def test_a_missing_list_is_told(self, invoke: Invoke) -> None:
        result = invoke("images", "retag", "/none.txt", "--registry", REGISTRY)
        assert result.exit_code == 4
        assert "images list" in result.stderr


class TestRenderWithMapping:
    def test_folded_paths_are_found(self, world: World, invoke: Invoke, tmp_path: Path) -> None:
        listed = tmp_path / "images.txt"
        listed.write_text("docker.io/pets/cat:1.0\nghcr.io/pets/flea:2\n")
        mapping = tmp_path / "m.json"
        invoke(
            *("images", "retag", listed, "--registry", REGISTRY, "--max-depth", "1"),
            *("--mapping", mapping),
        )
        result = invoke(
            *("render", world.bundle, "--charms", world.charms, "--mapping", mapping, "--json")
        )
        assert result.exit_code == 0
        document = json.loads(result.stdout)
        assert [entry["target"] for entry in document["proof"]["mapping"]] == [
            f"{REGISTRY}/pets--cat:1.0",
            f"{REGISTRY}/pets--flea:2",
        ]
        assert document["proof"]["unused"] == []

    def test_a_mapping_for_another_registry_is_refused(
        self, world: World, invoke: Invoke, tmp_path: Path
    ) -> None:
        listed = tmp_path / "images.txt"
        listed.write_text("docker.io/pets/cat:1.0\n")
        mapping = tmp_path / "m.json"
        invoke("images", "retag", listed, "--registry", "other.test:5000", "--mapping", mapping)
        result = invoke(
            *("render", world.bundle, "--charms", world.charms, "--mapping", mapping),
            *("--registry", REGISTRY),
        )
        assert result.exit_code == 2
        assert "is the mapping for other.test:5000" in result.stderr

    def test_listed_images_that_nobody_uses_are_named(self, world: World, invoke: Invoke) -> None:
        world.images.write_text(world.images.read_text() + f"{REGISTRY}/pets/tick:3\n")
        result = invoke("render", *world.args, "-v")
        assert f"no application uses {REGISTRY}/pets/tick:3 (line 3)" in result.stderr
        assert "; 1 image of the list is not used (-v lists them)" in result.stderr
