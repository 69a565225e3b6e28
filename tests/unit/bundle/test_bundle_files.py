"""What a bundle file may be besides YAML: an archive, or, refused with a hint, a template."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundlefile import load_bundle, load_overlays
from ckf_airgap.documents import MAX_BYTES
from ckf_airgap.errors import BundleError

PETS = "applications: {pets: {charm: pets, scale: 1}}\n"


def archive(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return path


def test_a_bundle_archive_is_read(tmp_path: Path) -> None:
    file = archive(tmp_path / "pets_r3.bundle", {"README.md": "x", "bundle.yaml": PETS})
    assert set(load_bundle(file).applications) == {"pets"}
    assert load_bundle(file).directory == tmp_path
    renamed = file.rename(tmp_path / "pets.yaml")
    assert set(load_bundle(renamed).applications) == {"pets"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"README.md": "x"}, "is an archive without a bundle.yaml"),
        ({"metadata.yaml": "name: x"}, "This is a charm: name a bundle."),
        ({"bundle.yaml": b"\xff"}, "is not UTF-8 text"),
        ({"bundle.yaml": "a: ["}, "is not valid YAML"),
        ({"bundle.yaml": b" " * (MAX_BYTES + 1)}, "the bundle.yaml of .* is too large"),
        ({f"{number}": "" for number in range(10_001)}, "it has 10001 members"),
    ],
    ids=["without", "charm", "binary", "yaml", "large", "members"],
)
def test_an_archive_that_is_no_bundle_is_refused(
    tmp_path: Path, members: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        load_bundle(archive(tmp_path / "x.bundle", members))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "x.bundle", {"bundle.yaml": PETS})
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:40] + b"!!!!" + whole[44:]):
        file.write_bytes(content)
        with pytest.raises(BundleError, match="archive"):
            load_bundle(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bundle.yaml.j2", "applications:\n  pets:\n    charm: {{ charm|default('pets') }}\n"),
        ("bundle.yaml", "applications:\n{%- if pets %}\n  pets: {charm: pets}\n{%- endif %}\n"),
        ("bundle.yaml", "{# pets #}\napplications: {pets: {charm: pets}}\n"),
        ("bundle.yaml", 'applications: {pets: {charm: pets, channel: "{{ channel }}"}}\n'),
        ("bundle.yaml", 'applications: {"{{ name }}": {charm: pets}}\n'),
        (
            "bundle.yaml",
            'applications: {a: {charm: a}, b: {charm: b}}\nrelations: [["{{a}}", b]]\n',
        ),
        ("bundle.tmpl", "applications: [\n"),
        ("bundle.yaml", "applications: {pets: {charm: pets, scale: ${N}}}\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    num_units: ${N}\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: ${CHARM:-pets}\n    scale: 1\n"),
        ("bundle.yaml", "applications:\n  ${APP}:\n    charm: pets\n    scale: 1\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    scale: $N\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: $CHARM\n    scale: 1\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    scale: %(n)s\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: '%(name)s'\n    scale: 1\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    scale: @N@\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    channel: '@TRACK@/edge'\n"),
        ("bundle.yaml", "applications:\n  pets:\n    charm: pets\n    scale: <%= n %>\n"),
        ("bundle.yaml", "applications:\n<% if x %>\n  pets:\n    charm: pets\n<% end %>\n"),
        ("bundle.yaml", "applications: {pets: {charm: pets, options: {'${X}': 1}}}\n"),
    ],
)
def test_a_template_is_told_from_a_bundle(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(BundleError, match=r"the bundle .* is a template") as raised:
        load_bundle(file)
    assert "Render it first" in raised.value.fix
    with pytest.raises(BundleError, match=r"the overlay .* is a template"):
        load_overlays([file])


@pytest.mark.parametrize(
    "text",
    [
        "applications: {pets: {charm: pets, options: {rule: '{{ $value }}'}}}\n",
        "description: 'uses {{ templates }}'\napplications: {pets: {charm: pets}}\n",
        "applications: {pets: {charm: pets, annotations: {x: '{% y %}'}}}\n",
        "applications: {pets: {charm: pets, options: {a: '${HOME}', b: '%(x)s', c: '@V@'}}}\n",
        "applications: {pets: {charm: pets, options: {a: '<% x %>', b: '$X', c: $Y}}}\n",
        "x-own: &own {a: '${HOME}'}\napplications: {pets: {charm: pets, options: *own}}\n",
        "applications: {pets: {charm: pets, base: ubuntu@22.04, resources: {f: ./a$b@c@d}}}\n",
    ],
)
def test_text_that_looks_like_one_is_left_alone_where_text_is_free(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "bundle.yaml.j2"
    file.write_text(text)
    assert load_bundle(file).applications


@pytest.mark.parametrize(
    "text",
    [
        "applications: {pets: {charm: pets, scale: x, options: {a: '{{ x }}', b: '${HOME}'}}}\n",
        "applications:\n  a:\n    charm: a\n    options: {a: '${HOME}'}\n    scale: 1\n   x\n",
        "applications: {pets: {charm: {x: y}, options: {a: '${HOME}'}}}\n",
    ],
)
def test_what_is_wrong_elsewhere_does_not_make_a_template_of_a_bundle(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text(text)
    with pytest.raises(BundleError) as raised:
        load_bundle(file)
    assert "template" not in str(raised.value)


def test_a_template_with_placeholders_for_numbers_names_them_all(tmp_path: Path) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text("applications:\n  a: {charm: a, scale: '${N}'}\n  b: {charm: b, trust: '$T'}\n")
    with pytest.raises(BundleError, match="is a template") as raised:
        load_bundle(file)
    assert [problem.where for problem in raised.value.problems] == [
        "applications.a.scale, line 2",
        "applications.b.trust, line 3",
    ]


@pytest.mark.parametrize("head", ["%YAML 1.1\n---\n", "\ufeff", ""])
def test_a_bundle_may_begin_as_yaml_does(tmp_path: Path, head: str) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text(head + PETS.replace("\n", "\r\n"), encoding="utf-8")
    assert set(load_bundle(file).applications) == {"pets"}


def test_another_version_of_yaml_is_refused_as_juju_does(tmp_path: Path) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text(f"%YAML 1.2\n---\n{PETS}")
    with pytest.raises(BundleError, match="incompatible YAML"):
        load_bundle(file)


def test_many_marks_without_end_take_no_time(tmp_path: Path) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text("applications: [" + "{{" * 2_000_000)
    with pytest.raises(BundleError, match=r"is not valid YAML|nested deeper"):
        load_bundle(file)


def test_a_revision_without_end_is_no_revision(tmp_path: Path) -> None:
    file = tmp_path / "bundle.yaml"
    file.write_text(f"applications: {{pets: {{charm: local:pets-{'1' * 5000}}}}}")
    with pytest.raises(BundleError, match="invalid charm URL"):
        load_bundle(file)
