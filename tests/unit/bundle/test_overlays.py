"""Overlay files: several documents, paths, and what has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.bundlefile import Overlays, load_bundle, load_overlay, load_overlays
from ckf_airgap.bundle.charmpaths import local_files
from ckf_airgap.bundle.checks import overlaid
from ckf_airgap.errors import BundleError

PETS = """\
bundle: kubernetes
applications:
  pets: {charm: pets, scale: 1, options: {mode: b, size: 3}, resources: {policy: mine.tar}}
  flea: {charm: flea, scale: 1}
relations: [[pets, flea]]
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(directory: Path, *overlays: str) -> tuple[Bundle, Overlays]:
    """Return the bundle of pets in a directory with overlays that are in its ``own/``."""
    bundle = load_bundle(write(directory / "bundle.yaml", PETS))
    files = [
        write(directory / "own" / f"{number}.yaml", text) for number, text in enumerate(overlays)
    ]
    found = load_overlays(files, bundle.directory)
    return overlaid(bundle, found.documents), found


def test_a_removal_in_a_later_document_of_an_overlay_is_made(tmp_path: Path) -> None:
    merged, _ = read(tmp_path, "applications: {pets: {scale: 2}}\n---\napplications: {flea: }\n")
    assert {name: one.scale for name, one in merged.applications.items()} == {"pets": 2}
    assert merged.relations == ()


def test_a_null_option_in_a_later_document_takes_the_option_away(tmp_path: Path) -> None:
    second = "applications: {pets: {options: {mode: }}}"
    merged, _ = read(tmp_path, f"applications: {{pets: {{scale: 2}}}}\n---\n{second}\n")
    assert merged.applications["pets"].options == {"size": 3}


def test_an_application_that_is_removed_and_added_again_is_new(tmp_path: Path) -> None:
    added = "applications: {pets: {charm: cats, scale: 3}}"
    merged, _ = read(tmp_path, f"applications: {{pets: }}\n---\n{added}\n")
    pets = merged.applications["pets"]
    assert (pets.charm, pets.scale, pets.options, pets.resources) == ("cats", 3, {}, {})


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "---\n# nothing\n---\n"])
def test_an_overlay_without_content_changes_nothing(tmp_path: Path, text: str) -> None:
    merged, found = read(tmp_path, text)
    assert merged == load_bundle(tmp_path)
    assert found.warnings == ()


def test_an_empty_document_does_not_end_an_overlay(tmp_path: Path) -> None:
    merged, _ = read(tmp_path, "---\n---\napplications: {pets: {scale: 4}}")
    assert merged.applications["pets"].scale == 4


def test_what_has_no_effect_is_told_once_for_each_place(tmp_path: Path) -> None:
    text = "applications: {pets: {scale: 0}, flea: {scale: }}"
    merged, _ = read(tmp_path, text)
    assert [one.scale for one in merged.applications.values()] == [1, 1]
    assert [warning.where for warning in merged.warnings] == [
        "application pets",
        "application flea",
    ]


def test_a_charm_in_an_overlay_starts_from_the_directory_of_the_overlay(tmp_path: Path) -> None:
    merged, _ = read(tmp_path, "applications: {pets: {charm: ./pets.charm}, flea: {charm: ../f}}")
    assert merged.applications["pets"].charm == "./own/pets.charm"
    assert {name: path.resolve() for name, path in local_files(merged).items()} == {
        "pets": tmp_path / "own" / "pets.charm",
        "flea": tmp_path / "f",
    }


def test_paths_of_an_overlay_are_in_full_where_no_bundle_is_a_file(tmp_path: Path) -> None:
    overlay = write(tmp_path / "o.yaml", "applications: {pets: {charm: ./pets.charm}}")
    (document,) = load_overlay(overlay)
    assert document == {"applications": {"pets": {"charm": str(tmp_path / "pets.charm")}}}


def test_a_file_of_an_overlay_starts_from_the_bundle_and_then_from_the_overlay(
    tmp_path: Path,
) -> None:
    text = "applications: {pets: {resources: {policy: other.tar}}}"
    write(tmp_path / "own" / "other.tar", "x")
    merged, found = read(tmp_path, text)
    assert merged.applications["pets"].resources == {"policy": "./own/other.tar"}
    assert found.warnings == ()

    write(tmp_path / "other.tar", "y")
    merged, found = read(tmp_path, text)
    assert merged.applications["pets"].resources == {"policy": "other.tar"}
    (warning,) = found.warnings
    assert "is taken from the directory of the bundle" in warning.what
    assert warning.where == "application pets, resource policy"


def test_an_image_is_no_path_whatever_is_beside_the_overlay(tmp_path: Path) -> None:
    merged, _ = read(
        tmp_path, f"applications: {{pets: {{resources: {{policy: '{'a/' * 200}b'}}}}}}"
    )
    assert merged.applications["pets"].resources == {"policy": "a/" * 200 + "b"}


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("resource: {a: b}", "did you mean 'resources'?"),
        ("option: {a: b}", "did you mean 'options'?"),
        ("config: {a: b}", "did you mean 'options'?"),
        ("units: 3", "did you mean 'scale'?"),
        ("num-units: 3", "did you mean 'num_units'?"),
        ("zzz: 1", ""),
    ],
)
def test_a_key_that_juju_does_not_know_is_told_with_the_one_that_is_meant(
    tmp_path: Path, key: str, fix: str
) -> None:
    overlay = f"applications:\n  pets:\n    {key}\n    scale: 2\n"
    merged, found = read(tmp_path, overlay)
    (warning,) = found.warnings
    name = key.partition(":")[0]
    assert warning.what == (
        f"Juju does not know the key applications.pets.{name}, which has no effect"
    )
    assert warning.where == f"{tmp_path}/own/0.yaml, line 3"
    assert warning.fix == fix
    assert merged.applications["pets"].scale == 2


def test_keys_that_are_meant_for_others_are_not_told(tmp_path: Path) -> None:
    file = write(
        tmp_path / "bundle.yaml",
        "x-shared: &s {scale: 1}\nname: zoo\nwebsite: x\nissues: y\nsummary: z\n"
        "applications: {pets: {<<: *s, charm: pets, _path_in_github_repo: '.'}}\n",
    )
    assert load_bundle(file).warnings == ()
    write(file, file.read_text() + "saass: {}\n")
    assert [warning.fix for warning in load_bundle(file).warnings] == ["did you mean 'saas'?"]


def test_a_bundle_is_one_without_its_second_document(tmp_path: Path) -> None:
    file = write(
        tmp_path / "bundle.yaml",
        "applications: {pets: {charm: pets}}\nrelations: [['pets:a', 'flea:b']]\n"
        "---\napplications: {flea: {charm: flea}}\n",
    )
    with pytest.raises(BundleError, match="its first document") as raised:
        load_bundle(file)
    assert 'refers to application "flea" not defined in this bundle' in str(raised.value)


def test_an_image_id_is_for_overlays(tmp_path: Path) -> None:
    text = "applications: {pets: {charm: pets, constraints: 'mem=1G image-id=x'}}"
    with pytest.raises(BundleError, match="'image-id' constraint in a base bundle") as raised:
        load_bundle(write(tmp_path / "bundle.yaml", text))
    assert "set it in an overlay" in str(raised.value)
    merged, _ = read(tmp_path, "applications: {pets: {constraints: image-id=x}}")
    assert merged.applications["pets"].constraints == "image-id=x"
    write(tmp_path / "bundle.yaml", text.replace("image-id=x", "image-id="))
    assert load_bundle(tmp_path).applications


def test_what_only_an_overlay_may_have_is_written_as_a_second_document(tmp_path: Path) -> None:
    text = (
        "applications: {pets: {offers: {o: {endpoints: [p]}}},"
        " flea: {exposed-endpoints: {'': {expose-to-cidrs: [10.0.0.0/8]}}}}"
    )
    merged, _ = read(tmp_path, text)
    written = merged.to_yaml()
    assert written.count("--- # overlay.yaml\n") == 1
    base, _, overlay = written.partition("--- # overlay.yaml\n")
    assert "offers" not in base
    assert "charm" not in overlay
    assert load_bundle(write(tmp_path / "written.yaml", written)) == merged
    plain, _ = read(tmp_path)
    assert "---" not in plain.to_yaml()


@pytest.mark.parametrize(
    ("overlay", "endpoints", "expose"),
    [
        ("applications: {pets: {exposed-endpoints: {p: {expose-to-cidrs: [10.0.0.0/24]}}}}", 1, 0),
        (
            (
                "applications: {pets: {expose: true}}\n---\n"
                "applications: {pets: {exposed-endpoints: {p: {}}}}"
            ),
            0,
            1,
        ),
        (
            (
                "applications: {pets: {exposed-endpoints: {p: {expose-to-spaces: [alpha]}}}}\n---\n"
                "applications: {pets: {exposed-endpoints: {p: {}, q: {expose-to-spaces: [alpha]}}}}"
            ),
            1,
            0,
        ),
    ],
)
def test_endpoints_are_exposed_and_taken_away_by_overlays(
    tmp_path: Path, overlay: str, endpoints: int, expose: int
) -> None:
    merged, _ = read(tmp_path, overlay)
    pets = merged.applications["pets"]
    assert (len(pets.exposed_endpoints), pets.expose) == (endpoints, bool(expose))


@pytest.mark.parametrize("between", ["\n---\n", None])
def test_exposing_whole_and_by_endpoint_in_two_documents_is_refused(
    tmp_path: Path, between: str | None
) -> None:
    texts = [
        "applications: {pets: {expose: true}}",
        "applications: {pets: {exposed-endpoints: {p: {expose-to-spaces: [alpha]}}}}",
    ]
    with pytest.raises(BundleError) as raised:
        read(tmp_path, *(texts if between is None else [between.join(texts)]))
    assert "as this poses a security risk" in str(raised.value.problems)


@pytest.mark.parametrize("relation", ["[flea]", "[flea, pets, flea]"])
def test_a_relation_that_is_no_pair_is_not_lost_with_its_application(
    tmp_path: Path, relation: str
) -> None:
    with pytest.raises(BundleError, match=r"endpoint\(s\), not 2"):
        read(tmp_path, f"relations: [{relation}]\n---\napplications: {{flea: }}\n")


def test_pairs_are_removed_with_either_of_their_applications(tmp_path: Path) -> None:
    added = "relations: [[pets:a, flea], [flea:b, pets], [pets:c, cats]]"
    cats = "applications: {cats: {charm: cats, scale: 1}}"
    merged, _ = read(tmp_path, f"{added}\n---\n{cats}\n---\napplications: {{flea: }}\n")
    assert [tuple(map(str, relation.ends)) for relation in merged.relations] == [("pets:c", "cats")]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("applications: {cats: }", None),
        ("applications: {flea: {}}\n---\napplications: {cats: }", None),
        ("applications: {cats: {charm: cats, scale: 1}}", {"mode": "c"}),
    ],
)
def test_an_application_without_a_charm_may_be_settled_by_a_later_overlay(
    tmp_path: Path, later: str, expected: dict[str, str] | None
) -> None:
    first = "applications: {cats: {options: {mode: c}}}"
    merged, _ = read(tmp_path, first, *later.split("---\n"))
    found = merged.applications.get("cats")
    assert (found and found.options) == expected


@pytest.mark.parametrize(
    "overlays",
    [
        ("applications: {cats: {options: {mode: c}}}", "applications: {flea: }"),
        ("applications: {cats: }", "applications: {cats: {options: {mode: c}}}"),
        ("applications: {cats: {options: {mode: c}}}", "applications: {cats: {scale: 1}}"),
    ],
)
def test_an_application_without_a_charm_is_taken_for_a_mistyped_name(
    tmp_path: Path, overlays: tuple[str, str]
) -> None:
    with pytest.raises(BundleError, match="there is no application cats"):
        read(tmp_path, *overlays)
