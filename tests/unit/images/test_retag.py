"""Retagging a list: places, folded paths, collisions, and the mapping file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import ImageNotFoundError, InputError, UsageError
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import SCHEMA, RetagMapping, retag_images

R = Registry.parse("172.17.0.2:5000")

COMPONENTS = st.from_regex(r"[a-z0-9]{1,5}(?:(?:\.|_|__|-|--)[a-z0-9]{1,4}){0,2}", fullmatch=True)
HOSTS = st.sampled_from([None, "docker.io", "gcr.io", "ghcr.io", "[fd00::1]:5000", "localhost"])
TAGS = st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True))
DIGESTS = st.one_of(
    st.none(), st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda h: f"sha256:{h}")
)


@st.composite
def references(draw: st.DrawFn) -> ImageReference:
    host = draw(HOSTS)
    path = "/".join(draw(st.lists(COMPONENTS, min_size=1, max_size=6)))
    assume(host or "." not in path.partition("/")[0])  # would be read as a host
    tag, digest = draw(TAGS), draw(DIGESTS)
    text = f"{host}/{path}" if host else path
    return ImageReference.parse(
        text + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    )


REGISTRIES = st.sampled_from(
    ["172.17.0.2:5000", "reg.example.com", "gitlab.example.com:5050/team/ckf", "[fd00::1]:5000/x"]
).map(Registry.parse)


def refs(*texts: str) -> list[ImageReference]:
    return [ImageReference.parse(text) for text in texts]


def targets(mapping: RetagMapping) -> list[str]:
    return [str(image.target) for image in mapping.images]


def retag_or_refuse(
    sources: list[ImageReference], registry: Registry, depth: int | None
) -> RetagMapping:
    try:
        return retag_images(sources, registry, max_depth=depth)
    except InputError:
        assume(False)  # refused, which is the other right answer
        raise


LISTS = st.lists(references(), max_size=8)
DEPTHS = st.one_of(st.none(), st.integers(min_value=3, max_value=6))


class TestProperties:
    @given(LISTS, REGISTRIES, DEPTHS)
    def test_different_images_have_different_places(
        self, sources: list[ImageReference], registry: Registry, depth: int | None
    ) -> None:
        mapping = retag_or_refuse(sources, registry, depth)
        images = {image.source.canonical() for image in mapping.images}
        places = {image.target.canonical() for image in mapping.images}
        assert len(images) == len(places)

    @given(LISTS, REGISTRIES, DEPTHS)
    def test_a_retagged_list_is_retagged_to_itself(
        self, sources: list[ImageReference], registry: Registry, depth: int | None
    ) -> None:
        once = retag_or_refuse(sources, registry, depth)
        again = retag_images(ImageList.parse(once.to_text(), where="x"), registry, max_depth=depth)
        assert again.to_text() == once.to_text()
        assert not any(image.folded for image in again.images)

    @given(LISTS, REGISTRIES, DEPTHS, st.sampled_from(["m.json", "m.yaml"]))
    def test_the_mapping_file_leads_back_to_every_source(
        self, sources: list[ImageReference], registry: Registry, depth: int | None, name: str
    ) -> None:
        mapping = retag_or_refuse(sources, registry, depth)
        text = mapping.dump(name)
        read = RetagMapping.from_document(load_mapping(text, where=name), where=name)
        assert read == mapping
        for image in read.images:
            assert read.target_of(image.source) == image.target

    @given(LISTS, REGISTRIES, st.integers(min_value=3, max_value=6))
    def test_no_path_is_deeper_than_allowed_and_every_place_can_be_read(
        self, sources: list[ImageReference], registry: Registry, depth: int
    ) -> None:
        for image in retag_or_refuse(sources, registry, depth).images:
            assert len(image.target.repository.split("/")) <= depth
            assert registry.holds(image.target)
            assert ImageReference.parse(str(image.target)) == image.target

    @given(LISTS, REGISTRIES, DEPTHS)
    def test_rendering_finds_every_source_by_the_mapping(
        self, sources: list[ImageReference], registry: Registry, depth: int | None
    ) -> None:
        mapping = retag_or_refuse(sources, registry, depth)
        images = mapping.retagged()
        for source in sources:
            assert images.find(source) == mapping.target_of(source)


class TestFolding:
    SOURCE = "gcr.io/knative-releases/knative.dev/serving/cmd/queue:1"

    @pytest.mark.parametrize(
        ("registry", "depth", "target"),
        [
            ("r.io", 5, "r.io/knative-releases/knative.dev/serving/cmd/queue:1"),
            ("r.io", 3, "r.io/knative-releases--knative.dev--serving/cmd/queue:1"),
            ("r.io", 2, "r.io/knative-releases--knative.dev--serving--cmd/queue:1"),
            ("r.io", 1, "r.io/knative-releases--knative.dev--serving--cmd--queue:1"),
            ("r.io/a/b", 4, "r.io/a/b/knative-releases--knative.dev--serving--cmd/queue:1"),
        ],
    )
    def test_the_front_of_a_long_path_becomes_one_level(
        self, registry: str, depth: int, target: str
    ) -> None:
        mapping = retag_images(refs(self.SOURCE), Registry.parse(registry), max_depth=depth)
        assert targets(mapping) == [target]
        assert mapping.images[0].folded is (depth != 5)

    @pytest.mark.parametrize(("registry", "depth"), [("r.io/a", 1), ("r.io/a/b/c", 3)])
    def test_a_registry_that_uses_all_levels_itself_is_refused(
        self, registry: str, depth: int
    ) -> None:
        with pytest.raises(UsageError, match="leaves none free"):
            retag_images(refs("a/b:1"), Registry.parse(registry), max_depth=depth)

    def test_paths_that_fold_to_one_are_refused(self) -> None:
        with pytest.raises(InputError) as caught:
            retag_images(refs("a--b/c/x:1", "a/b--c/x:1", "d/e:1"), R, max_depth=2)
        assert "a--b/c/x:1 and a/b--c/x:1 would all become" in str(caught.value)
        assert "d/e:1" not in str(caught.value)


class TestPlaces:
    def test_the_lines_of_old_lists_stay(self) -> None:
        old = refs("172.17.0.2:5000/docker.io/ubuntu:22.04", "172.17.0.2:5000/a/b:" + "0" * 64)
        assert [image.target for image in retag_images(old, R).images] == old

    def test_a_look_up_over_an_old_list_finds_what_a_mapping_does_not_have(self) -> None:
        old = ImageList.parse("172.17.0.2:5000/docker.io/ubuntu:22.04\n", where="old.txt")
        images = retag_images([], R).retagged(old)
        assert str(images.find(ImageReference.parse("docker.io/ubuntu:22.04"))) == (
            "172.17.0.2:5000/docker.io/ubuntu:22.04"
        )

    def test_a_place_of_the_mapping_that_is_not_in_the_list_is_not_found(self) -> None:
        mapping = retag_images(refs("a/b:1", "a/c:1"), R)
        have = ImageList.parse("172.17.0.2:5000/a/b:1\n", where="x")
        images = mapping.retagged(have)
        assert images.find(ImageReference.parse("docker.io/a/b:1")) is not None
        assert images.find(ImageReference.parse("a/c:1")) is None

    def test_every_collision_is_refused_at_once(self) -> None:
        with pytest.raises(InputError) as caught:
            retag_images(refs("gcr.io/a/b:1", "quay.io/a/b:1", "a/c", "ghcr.io/a/c:latest"), R)
        assert len(caught.value.problems) == 2

    def test_spellings_of_one_image_share_its_place(self) -> None:
        mapping = retag_images(refs("ubuntu", "docker.io/library/ubuntu:latest", "a/b:1"), R)
        assert targets(mapping)[:2] == ["172.17.0.2:5000/ubuntu"] * 2
        assert mapping.to_text().splitlines() == ["172.17.0.2:5000/ubuntu", "172.17.0.2:5000/a/b:1"]

    def test_a_name_that_becomes_too_long_is_refused(self) -> None:
        with pytest.raises(InputError, match="too long"):
            retag_images(refs("a/" + "b" * 249), Registry.parse("registry.example.com:5000/path"))
        with pytest.raises(InputError, match="too long"):
            retag_images(refs("quay.io/" + "b" * 248), Registry.parse("docker.io"))

    def test_the_registry_does_not_count_in_the_length_of_a_name(self) -> None:
        mapping = retag_images(refs("a/" + "b" * 248), Registry.parse("r.example.com:5000/path"))
        assert targets(mapping) == ["r.example.com:5000/path/a/" + "b" * 248]


class TestMappingFile:
    def document(self, **fields: Any) -> dict[str, Any]:
        images = [{"source": "a/b:1", "target": "172.17.0.2:5000/a/b:1"}]
        return {"schema": SCHEMA, "registry": str(R), "images": images, **fields}

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"schema": "other/v9"}, "its schema is 'other/v9'"),
            ({"registry": "http://x"}, "not a registry"),
            ({"images": [{"source": "a/b:1"}]}, "image 1: source and target must be"),
            ({"images": [{"source": "A B", "target": "172.17.0.2:5000/x"}]}, "image 1"),
            ({"images": ["text"]}, "image 1: .* must be a mapping"),
            (
                {"images": [{"source": "a/b:1", "target": "elsewhere.io/a/b:1"}]},
                "elsewhere.io/a/b:1 is not in 172.17.0.2:5000",
            ),
            (
                {
                    "images": [
                        {"source": "a/b:1", "target": "172.17.0.2:5000/x:1"},
                        {"source": "a/c:1", "target": "172.17.0.2:5000/x:1"},
                    ]
                },
                "collide",
            ),
        ],
    )
    def test_what_is_wrong_is_refused_by_name(self, fields: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError) as caught:
            RetagMapping.from_document(self.document(**fields), where="m.json")
        assert re.search(message, str(caught.value))

    def test_a_file_is_read_whatever_its_dialect(self, tmp_path: Path) -> None:
        mapping = retag_images(refs("gcr.io/a/b/c/d:1"), R, max_depth=2)
        for name in ("m.json", "m.yaml", "m"):
            path = tmp_path / name
            path.write_text(mapping.dump(name))
            assert RetagMapping.read(path) == mapping
        assert json.loads((tmp_path / "m.json").read_text())["images"] == [
            {
                "source": "gcr.io/a/b/c/d:1",
                "target": "172.17.0.2:5000/a--b--c/d:1",
                "folded": True,
            }
        ]

    @pytest.mark.parametrize("key", ["max-depth", "max_depth"])
    def test_the_depth_is_read_by_its_key_and_by_that_of_before(self, key: str) -> None:
        found = RetagMapping.from_document(self.document(**{key: 4}), where="m.json")
        assert found.max_depth == 4
        assert found.to_json()["max-depth"] == 4
        assert "max_depth" not in found.to_json()

    def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ImageNotFoundError, match="cannot read the mapping"):
            RetagMapping.read(tmp_path / "none.json")

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError, match="not UTF-8"):
            RetagMapping.read(tmp_path / "m")
