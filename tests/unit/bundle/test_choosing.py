"""Of several files of a charm an application gets the newest of those that it can run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.choosing import ChosenCharms, architecture_constraint, choose_charms
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import AirgapError, CharmError, CharmNotFoundError, ExitCode


def pets(revision: int | None, *bases: str, file: str = "") -> Charm:
    """Return a charm whose bases are written ``22.04:amd64,arm64``."""
    found = []
    for text in bases:
        version, _, architectures = text.partition(":")
        names = tuple(filter(None, architectures.split(",")))
        found.append(Base(name="ubuntu", channel=version, architectures=names))
    name = file or (f"pets_r{revision}.charm" if revision is not None else "pets.charm")
    return Charm(name="pets", revision=revision, path=Path("charms") / name, bases=tuple(found))


AMD = pets(100, "22.04:amd64")
ARM = pets(101, "22.04:arm64")


def choose(
    fields: str, *files: Charm, top: str = "", arch: str | None = None, charm: str = "pets"
) -> ChosenCharms:
    text = (
        f"applications: {{a: {{charm: {charm}, scale: 1{', ' if fields else ''}{fields}}}}}\n{top}"
    )
    bundle = Bundle.from_document(load_mapping(text, where="b"), where="b")
    return choose_charms(bundle, CharmDirectory.of(files, path=Path("charms")), architecture=arch)


def file_of(found: ChosenCharms) -> str:
    path = found.charms["a"].path
    assert path is not None
    return path.name


def refused(fields: str, *files: Charm, top: str = "", arch: str | None = None) -> AirgapError:
    with pytest.raises(AirgapError) as raised:
        choose(fields, *files, top=top, arch=arch)
    return raised.value


@pytest.mark.parametrize(
    ("fields", "arch", "file"),
    [
        ("constraints: arch=amd64", None, "pets_r100.charm"),
        ("constraints: arch=arm64", None, "pets_r101.charm"),
        ("constraints: mem=2G arch=arm64", "amd64", "pets_r101.charm"),
        ("", None, "pets_r100.charm"),
        ("", "arm64", "pets_r101.charm"),
        ("", "amd64", "pets_r100.charm"),
    ],
)
def test_the_architecture_decides_before_the_revision(
    fields: str, arch: str | None, file: str
) -> None:
    assert file_of(choose(fields, AMD, ARM, arch=arch)) == file


@pytest.mark.parametrize(
    ("fields", "top", "revision"),
    [
        ("base: ubuntu@20.04", "", 3),
        ("base: ubuntu@22.04/stable", "", 5),
        ("series: focal", "", 3),
        ("series: kubernetes", "", 3),
        ("series: kubernetes", "default-base: ubuntu@24.04", 3),
        ("", "default-base: ubuntu@22.04", 5),
        ("", "series: jammy", 5),
        ("", "", 7),
    ],
)
def test_the_base_decides_before_the_revision(fields: str, top: str, revision: int) -> None:
    files = [
        pets(2, "20.04"),
        pets(3, "20.04"),
        pets(4, "22.04"),
        pets(5, "22.04", "24.04"),
        pets(7, "24.04"),
    ]
    assert choose(fields, *files, top=top).charms["a"].revision == revision


def test_of_those_that_fit_the_highest_revision_is_taken_and_one_without_is_the_oldest() -> None:
    assert file_of(choose("", pets(9, "22.04"), pets(10, "22.04"), pets(None, "22.04"))) == (
        "pets_r10.charm"
    )
    assert file_of(choose("", pets(None, "22.04:amd64"), ARM)) == "pets.charm"


def test_a_base_that_juju_does_not_have_is_passed_over() -> None:
    assert (
        choose("", pets(1, "22.04"), pets(2, "23.10"), pets(3, "16.04")).charms["a"].revision == 1
    )


def test_a_path_names_its_file_whatever_else_is_there() -> None:
    files = [
        pets(None, f"{version}:amd64", file=f"pets_ubuntu@{version}-amd64.charm")
        for version in ("20.04", "22.04", "24.04")
    ]
    for version in ("20.04", "22.04", "24.04"):
        name = f"pets_ubuntu@{version}-amd64.charm"
        assert file_of(choose("", *files, charm=f"./{name}")) == name
        assert file_of(choose(f"base: ubuntu@{version}", *files)) == name


def test_a_path_to_a_file_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CharmNotFoundError, match="no file of charm pets is for arm64"):
        choose("constraints: arch=arm64", AMD, ARM, charm="./pets_r100.charm")
    with pytest.raises(CharmNotFoundError, match=r'base "ubuntu@24\.04" is not supported by charm'):
        choose("base: ubuntu@24.04", AMD, charm="./pets_r100.charm")


def test_a_path_whose_file_is_not_there_stands_for_the_charm() -> None:
    assert file_of(choose("", AMD, ARM, charm="./pets_e6a9c6c.charm")) == "pets_r100.charm"


def test_a_revision_of_the_bundle_is_the_only_one_that_is_taken() -> None:
    pinned = "channel: stable, revision: 101"
    assert file_of(choose(pinned, AMD, ARM, arch="arm64")) == "pets_r101.charm"
    error = refused(pinned, AMD, ARM)
    assert "no file of charm pets is for amd64" in str(error)
    assert "pets_r101.charm (ubuntu@22.04 arm64)" in str(error)
    assert "pets_r100" not in str(error)


def test_what_fits_nothing_lists_the_files_with_base_and_architecture() -> None:
    error = refused("constraints: arch=s390x", AMD, ARM)
    assert error.exit_code is ExitCode.MISSING
    (problem,) = error.problems
    assert problem.what == "no file of charm pets is for s390x, as its constraints ask"
    assert (
        "pets_r100.charm (ubuntu@22.04 amd64), pets_r101.charm (ubuntu@22.04 arm64)" in problem.fix
    )
    error = refused("base: ubuntu@24.04", pets(1, "22.04:amd64"), pets(2, "23.10:amd64"))
    assert "pets_r1.charm (ubuntu@22.04 amd64), pets_r2.charm (ubuntu@23.10 amd64)" in str(error)
    assert "--arch" not in str(error)


def test_an_architecture_that_nobody_named_is_said_to_be_assumed() -> None:
    error = refused("", ARM)
    assert "is for amd64, which is assumed" in str(error)
    assert "--arch arm64" in str(error)
    assert "as --arch says" in str(refused("", AMD, arch="arm64"))


def test_a_note_says_when_another_architecture_would_have_another_file() -> None:
    (note,) = choose("", AMD, ARM).warnings
    assert "charms for amd64 are taken, and there are others: pets_r101.charm for arm64" in str(
        note
    )
    assert choose("", AMD, ARM, arch="amd64").warnings == ()
    assert choose("constraints: arch=amd64", AMD, ARM).warnings == ()
    assert choose("", AMD).warnings == ()
    assert choose("", pets(1, "22.04"), pets(2, "22.04:amd64,arm64")).warnings == ()


def test_what_another_architecture_would_have_is_known() -> None:
    found = choose("", AMD, ARM)
    assert found.architecture == "amd64"
    assert found.otherwise["a"]["arm64"] is ARM
    assert found.otherwise["a"]["s390x"] is None
    assert "amd64" not in found.otherwise["a"]
    assert choose("constraints: arch=amd64", AMD, ARM).otherwise == {}
    assert choose("", pets(1, "22.04")).otherwise == {}


def write(path: Path, content: bytes, *bases: str, revision: int | None = None) -> Charm:
    path.write_bytes(content)
    charm = pets(revision, *bases)
    return Charm(name="pets", revision=revision, path=path, bases=charm.bases)


def test_files_that_claim_the_same_are_refused_where_both_would_fit(tmp_path: Path) -> None:
    one = write(tmp_path / "pets_a.charm", b"1", "22.04:amd64")
    two = write(tmp_path / "pets_b.charm", b"2", "22.04:amd64")
    copy = write(tmp_path / "pets_c.charm", b"1", "22.04:amd64")
    arm = write(tmp_path / "pets_d.charm", b"3", "22.04:arm64")
    with pytest.raises(CharmError, match=r"pets_a\.charm, pets_b\.charm differ, and each claims"):
        choose("", one, two)
    assert choose("", one, copy).charms["a"].path in (one.path, copy.path)
    assert choose("", one, arm).charms["a"] is one
    assert choose("", one, two, charm="./pets_b.charm").charms["a"] is two
    newer = write(tmp_path / "pets_r1.charm", b"4", "22.04", revision=1)
    assert choose("", one, two, newer).charms["a"] is newer


def test_files_of_a_charm_that_nobody_asks_for_stop_nothing(tmp_path: Path) -> None:
    others = [Charm(name="other", path=tmp_path / f"other_{number}.charm") for number in range(2)]
    for number, other in enumerate(others):
        assert other.path is not None
        other.path.write_bytes(bytes([number]))
    assert file_of(choose("", AMD, *others)) == "pets_r100.charm"


def test_a_series_that_juju_does_not_know_is_an_error_of_the_bundle() -> None:
    error = refused("series: warty", AMD)
    assert error.exit_code is ExitCode.INPUT
    assert 'application a: series "warty" is not known' in str(error)


@pytest.mark.parametrize(
    ("text", "architecture"),
    [
        ("", None),
        ("mem=2G", None),
        ("arch=arm64", "arm64"),
        ("mem=2G arch=s390x", "s390x"),
        ("arch=", None),
    ],
)
def test_the_architecture_of_constraints(text: str, architecture: str | None) -> None:
    assert architecture_constraint(text) == architecture
