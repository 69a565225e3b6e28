"""Charm archives that the controller refuses, in the words of Juju 3.6 and its charm library."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.rehearsal.archives.reading import UploadMethod, read_archive
from ckf_airgap.rehearsal.entities.charmarchive import CharmArchive
from ckf_airgap.rehearsal.wire import BAD_REQUEST, ApiError

METADATA: dict[str, Any] = {"name": "pets", "summary": "Pets.", "description": "Of a test."}
MANIFEST = "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]"

Member = tuple[str, str | bytes, int]
"""Name, content, and mode: 0 for none."""


def written(path: Path, members: list[Member]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            member = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    return path


def charm(path: Path, *more: Member, metadata: Any = None, **documents: str) -> Path:
    text = metadata if isinstance(metadata, str) else yaml.safe_dump(METADATA | (metadata or {}))
    files = {"metadata.yaml": text, "manifest.yaml": MANIFEST}
    files |= {f"{name.replace('_', '-')}.yaml": content for name, content in documents.items()}
    members: list[Member] = [(name, content, 0) for name, content in files.items()]
    return written(path, [*members, *more])


def refusal(path: Path, method: UploadMethod = "PUT") -> str:
    with pytest.raises(ApiError) as caught:
        read_archive(path, method=method)
    assert caught.value.code == BAD_REQUEST
    assert caught.value.message.startswith("cannot upload charm: ")
    return caught.value.message.removeprefix("cannot upload charm: ")


def taken(path: Path, method: UploadMethod = "PUT") -> CharmArchive:
    return read_archive(path, method=method)


INVALID = "invalid charm archive: "


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"requires": None}, "metadata: requires: expected map, got nothing"),
        ({"tags": None}, "metadata: tags: expected list, got nothing"),
        ({"storage": None}, "metadata: storage: expected map, got nothing"),
        ({"summary": None}, "metadata: summary: expected string, got nothing"),
        ("name: pets\nsummary: x", "metadata: description: expected string, got nothing"),
        ({"name": 5}, "metadata: name: expected string, got int(5)"),
        ({"tags": ["a", 1.5]}, "metadata: tags[1]: expected string, got float64(1.5)"),
        ({"terms": "x"}, 'metadata: terms: expected list, got string("x")'),
        ({"revision": "x"}, 'metadata: revision: expected int, got string("x")'),
        ({"subordinate": "maybe"}, 'metadata: subordinate: expected bool, got string("maybe")'),
        (
            {"provides": {"web": {"limit": 1}}},
            "metadata: provides.web.interface: expected string, got nothing",
        ),
        ({"peers": {"p": 5}}, "metadata: peers.p: expected map, got int(5)"),
        (
            {"requires": {"db": {"interface": "x", "scope": "model"}}},
            'metadata: requires.db.scope: unexpected value "model"',
        ),
        (
            {"requires": {"db": {"interface": "x", "limit": "many"}}},
            'metadata: requires.db.limit: unexpected value "many"',
        ),
        ({"storage": {"data": {}}}, "metadata: storage.data.type: unexpected value <nil>"),
        (
            {"storage": {"data": {"type": "filesystem", "minimum-size": 5}}},
            "metadata: storage.data.minimum-size: expected string, got int(5)",
        ),
        (
            {"storage": {"data": {"type": "block", "minimum-size": "5X"}}},
            'metadata: invalid multiplier suffix "X", expected one of MGTPEZY',
        ),
        (
            {"storage": {"data": {"type": "block", "multiple": {"range": "1-x"}}}},
            (
                "metadata: storage.data.multiple.range: value \"1-x\" does not match 'm', 'm-n', "
                "or 'm+'"
            ),
        ),
        (
            {"storage": {"data": {"type": "block", "multiple": {"range": 0}}}},
            "metadata: storage.data.multiple.range: invalid count 0",
        ),
        (
            {"storage": {"data": {"type": "block", "properties": ["fast"]}}},
            'metadata: storage.data.properties[0]: unexpected value "fast"',
        ),
        ({"devices": {"g": {"type": "gpu", "countmin": -1}}}, "metadata: invalid device count -1"),
        ({"resources": {"img": {"type": "tar"}}}, 'unsupported resource type "tar"'),
        (
            {"extra-bindings": {"x": "space"}},
            'metadata: extra-bindings.x: expected empty value, got string("space")',
        ),
        (
            {"containers": {"c": {"resource": "img"}}},
            'parsing containers: referenced resource "img" not found',
        ),
        (
            {
                "containers": {"c": {"resource": "f"}},
                "resources": {"f": {"type": "file", "filename": "f"}},
            },
            'parsing containers: referenced resource "f" is not a oci-image',
        ),
        (
            {"containers": {"c": {"mounts": [{"location": "/x"}]}}},
            'parsing containers: container "c": storage must be specifed on mount',
        ),
        (
            {"containers": {"c": {"mounts": [{"storage": "s", "location": "/x"}]}}},
            'parsing containers: container "c": storage "s" not valid',
        ),
        (
            {"containers": {"c": {"uid": 1000}}},
            (
                'parsing containers: container "c" has invalid uid 1000: uid cannot be in reserved '
                "range 1000-9999"
            ),
        ),
        (
            {"containers": {"c": {"gid": 9999}}},
            (
                'parsing containers: container "c" has invalid gid 9999: gid cannot be in reserved '
                "range 1000-9999"
            ),
        ),
        (
            {"charm-user": "nobody"},
            (
                'parsing charm-user: invalid charm-user "nobody" expected one of root, sudoer or '
                "non-root"
            ),
        ),
        (
            {"min-juju-version": "3.6"},
            'invalid min-juju-version: invalid version "3.6"',
        ),
        (
            {"deployment": {"type": "stateful"}},
            "charm with deployment metadata must declare at least one series",
        ),
        (
            {"deployment": {"mode": "x"}, "series": ["kubernetes"]},
            'metadata: deployment.mode: unexpected value "x"',
        ),
        (
            {"containers": {"c": {}}, "series": ["kubernetes"]},
            'ambiguous metadata: keys "series" cannot be used with "containers"',
        ),
        (
            {"assumes": [], "charm-user": "root", "min-juju-version": "3.1.0"},
            (
                'ambiguous metadata: keys "min-juju-version" cannot be used with "assumes", '
                '"charm-user"'
            ),
        ),
        (
            "name: pets\nsummary: x\ndescription: d\n1: z",
            (
                "metadata: expected map[string], got map[interface {}]interface {}"
                '(map[interface {}]interface {}{"description":"d", "name":"pets", "summary":"x", '
                '1:"z"})'
            ),
        ),
        (
            "[a]",
            (
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into "
                "map[interface {}]interface {}"
            ),
        ),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("a: 1\nb: {", "yaml: line 2: did not find expected node content"),
    ],
)
def test_metadata_that_is_refused(tmp_path: Path, metadata: Any, error: str) -> None:
    path = charm(tmp_path / "x.charm", metadata=metadata)
    assert refusal(path) == refusal(path, "POST") == INVALID + error


@pytest.mark.parametrize(
    ("assumes", "error"),
    [
        (["juju > 3.4"], 'parsing expression 1 in top level "assumes" block: {}"juju > 3.4"'),
        (
            ["k8s-api", "juju = 3"],
            'parsing expression 2 in top level "assumes" block: {}"juju = 3"',
        ),
        (["juju <= 3.6"], 'parsing expression 1 in top level "assumes" block: {}"juju <= 3.6"'),
        (["foo_bar"], 'parsing expression 1 in top level "assumes" block: {}"foo_bar"'),
        (
            ["juju >= 3.x"],
            (
                'parsing expression 1 in top level "assumes" block: {}"juju >= 3.x": invalid '
                'version "3.x"'
            ),
        ),
        (
            [{"one-of": ["a1"]}],
            (
                'parsing expression 1 in top level "assumes" block: malformed composite '
                'expression; expected an "any-of" or "all-of" block'
            ),
        ),
        (
            [{}],
            'parsing expression 1 in top level "assumes" block: malformed composite expression',
        ),
        (
            [{"any-of": "a1"}],
            (
                'parsing expression 1 in top level "assumes" block: malformed "any-of" expression; '
                "expected a list of sub-expressions"
            ),
        ),
        (
            [{"any-of": [{"all-of": ["A"]}]}],
            (
                'parsing expression 1 in top level "assumes" block: parsing "any-of" expression: '
                'parsing "all-of" expression: {}"A"'
            ),
        ),
        (
            [5],
            (
                'parsing expression 1 in top level "assumes" block: expected a feature, "any-of" '
                'or "all-of" expression'
            ),
        ),
        (
            {"juju": 3},
            (
                "metadata: assumes: expected list, got map[interface {}]interface {}(map"
                '[interface {}]interface {}{"juju":3})'
            ),
        ),
    ],
)
def test_assumptions_that_are_refused(tmp_path: Path, assumes: Any, error: str) -> None:
    path = charm(tmp_path / "x.charm", metadata={"assumes": assumes})
    assert refusal(path) == INVALID + error.replace('{}"', 'malformed feature expression "')


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ("", "invalid config: empty configuration"),
        ("# nothing", "invalid config: empty configuration"),
        ("{}", "invalid config: empty configuration"),
        (
            "x",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `x` into charm.Config",
        ),
        (
            "options:\n  x: 5",
            "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!int `5` into charm.Option",
        ),
        ("options: {x: {type: text}}", 'invalid config: option "x" has unknown type "text"'),
        (
            "options: {x: {type: string, default: 1.10}}",
            'invalid config default: option "x" expected string, got 1.1',
        ),
        (
            "options: {x: {default: yes}}",
            'invalid config default: option "x" expected string, got true',
        ),
        (
            "options: {x: {type: int, default: many}}",
            'invalid config default: option "x" expected int, got "many"',
        ),
        (
            "options: {x: {type: int, default: 1e3}}",
            'invalid config default: option "x" expected int, got "1e3"',
        ),
        (
            "options: {x: {type: int, default: 9223372036854775808}}",
            'invalid config default: option "x" expected int, got 0x8000000000000000',
        ),
        (
            "options: {x: {type: float, default: '1.5'}}",
            'invalid config default: option "x" expected float, got "1.5"',
        ),
        (
            "options: {x: {type: boolean, default: ''}}",
            'invalid config default: option "x" expected boolean, got ""',
        ),
        (
            "options: {x: {type: secret, default: my-secret}}",
            'invalid config default: option "x" expected secret, got "my-secret"',
        ),
        (
            "options: {x: {type: string, default: [a, {b: ~}]}}",
            (
                'invalid config default: option "x" expected string, got []interface {}{"a", '
                'map[interface {}]interface {}{"b":interface {}(nil)}}'
            ),
        ),
    ],
)
def test_config_that_is_refused(tmp_path: Path, config: str, error: str) -> None:
    assert refusal(charm(tmp_path / "x.charm", config=config)) == INVALID + error


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("{type: int, default: '5'}", 5),
        ("{type: int, default: '0x10'}", 16),
        ("{type: boolean, default: y}", True),
        ("{type: boolean, default: 'F'}", False),
        ("{type: float, default: 5}", 5.0),
        ("{type: float, default: 1e+3}", 1000.0),
        ("{type: string, default: ''}", ""),
        ("{type: '', default: x}", "x"),
        ("{type: , default: x}", "x"),
        ("{type: secret, default: 'secret:abc'}", "secret:abc"),
        ("{type: int, default: }", None),
        ("", None),
    ],
)
def test_defaults_have_the_type_of_their_option(tmp_path: Path, field: str, value: Any) -> None:
    option = taken(charm(tmp_path / "x.charm", config=f"options:\n  x: {field}")).charm.options["x"]
    assert (option.default, type(option.default)) == (value, type(value))


def test_a_config_may_say_that_there_are_no_options(tmp_path: Path) -> None:
    for text in ("options:", "options: {}"):
        assert taken(charm(tmp_path / "x.charm", config=text)).charm.options == {}


PARSING = INVALID + 'parsing "manifest.yaml" file: manifest: '


@pytest.mark.parametrize(
    ("manifest", "error"),
    [
        ("analysis: {}", "coerce: expected list, got nothing"),
        ("bases: x", 'coerce: expected list, got string("x")'),
        (
            "bases: [{name: ubuntu, channel: 22.04}]",
            "coerce: [0].channel: expected string, got float64(22.04)",
        ),
        ("bases: [{name: foo, channel: '1'}]", 'os "foo" not valid'),
        ("bases: [{channel: '1'}]", "base without name not valid"),
        ("bases: [{name: ubuntu}]", "channel not valid"),
        (
            "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64, x86]}]",
            'architecture "x86" not valid',
        ),
        (
            "bases: [{name: ubuntu, channel: 22.04/foo}]",
            'parsing channel "22.04/foo": risk in channel "22.04/foo" not valid',
        ),
        (
            "bases: [{name: ubuntu, channel: ''}]",
            'parsing channel "": empty channel not valid',
        ),
        (
            "[]",
            (
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into "
                "map[interface {}]interface {}"
            ),
        ),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, manifest: str, error: str) -> None:
    assert refusal(charm(tmp_path / "x.charm", manifest=manifest)) == PARSING + error


def test_architectures_of_a_manifest_have_jujus_names(tmp_path: Path) -> None:
    text = "bases: [{name: ubuntu, channel: 22.04/edge, architectures: [x86_64, aarch64]}]"
    (base,) = taken(charm(tmp_path / "x.charm", manifest=text)).charm.bases
    assert (base.track, base.architectures) == ("22.04", ("amd64", "arm64"))


@pytest.mark.parametrize(
    ("document", "text", "error"),
    [
        ("actions", "my_action: {}", "bad action name my_action"),
        ("actions", "A: {}", "bad action name A"),
        ("actions", "go: {params: }", "params failed to parse as a map"),
        ("actions", "go: {params: {1: x}}", "map keyed with non-string value"),
        (
            "actions",
            "go: x",
            (
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `x` into "
                "map[string]interface {}"
            ),
        ),
        (
            "actions",
            "go: {params: {x: {minimum: 5, maximum: 3}}}",
            "invalid params schema for action schema go: minimum cannot be greater than maximum",
        ),
        (
            "actions",
            "go: {required: [a, a]}",
            "invalid params schema for action schema go: required items must be unique",
        ),
        (
            "actions",
            "go: {params: {x: {pattern: '(?=a)'}}}",
            "invalid params schema for action schema go: pattern must be a valid regex",
        ),
        (
            "metrics",
            "metrics: {pings: {type: speed}}",
            'invalid metrics declaration: metric "pings" has unknown type "speed"',
        ),
        (
            "metrics",
            "metrics: {juju-units: {type: gauge}}",
            (
                'metric "juju-units" is using a prefix reserved for built-in metrics: it should '
                "not have type or description specification"
            ),
        ),
        (
            "lxd_profile",
            "config: []",
            (
                "failed to unmarshall lxd-profile.yaml: yaml: unmarshal errors:\n  line 1: cannot "
                "unmarshal !!seq into map[string]string"
            ),
        ),
    ],
)
def test_other_documents_that_are_refused(
    tmp_path: Path, document: str, text: str, error: str
) -> None:
    assert refusal(charm(tmp_path / "x.charm", **{document: text})) == INVALID + error


@pytest.mark.parametrize(
    "metadata",
    [
        {"resources": {"f": {"type": "file"}}},
        {"resources": {"f": {"type": "file", "filename": "a/b"}}},
        {"provides": {"juju-x": {"interface": "juju"}}},
        {"provides": {"x": {"interface": "i"}}, "requires": {"x": {"interface": "i"}}},
        {"extra-bindings": {}},
        {"assumes": ["juju>=3.6-rc1", {"any-of": []}]},
    ],
)
def test_what_only_a_client_refuses_is_taken(tmp_path: Path, metadata: Any) -> None:
    taken(charm(tmp_path / "x.charm", metadata=metadata))
    without = [("metadata.yaml", yaml.safe_dump(METADATA | {"containers": {"c": {}}}), 0)]
    taken(written(tmp_path / "y.charm", [*without]))


def test_short_and_converted_forms_are_read(tmp_path: Path) -> None:
    metadata = {
        "subordinate": "true",
        "provides": {"website": "http"},
        "requires": {"db": {"interface": "sql", "optional": "T", "limit": "0x2"}},
    }
    found = taken(charm(tmp_path / "x.charm", metadata=metadata)).charm
    assert found.subordinate
    assert (found.endpoints["website"].interface, found.endpoints["website"].limit) == (
        "http",
        None,
    )
    assert (found.endpoints["db"].optional, found.endpoints["db"].limit) == (True, 2)


def test_only_the_first_document_and_the_last_of_equal_keys_count(tmp_path: Path) -> None:
    text = "name: a\nname: b\nsummary: !note s\ndescription: !!binary aGk=\n---\nnot: [yaml\n"
    found = taken(charm(tmp_path / "x.charm", metadata=text)).charm
    assert (found.name, found.summary, found.metadata["description"]) == ("b", "s", "hi")


@pytest.mark.parametrize(
    ("text", "revision"),
    [("7 # built by ci", 7), ("\n +3\n", 3), ("0x10", 16), ("010", 8), ("1_0", 10), ("08", 0)],
)
def test_a_revision_file_is_scanned_as_go_does(tmp_path: Path, text: str, revision: int) -> None:
    assert taken(charm(tmp_path / "x.charm", ("revision", text, 0))).revision == revision


@pytest.mark.parametrize("text", ["", "x7", "0b", "9" * 5000, "_1"])
def test_a_revision_file_without_a_number_is_refused(tmp_path: Path, text: str) -> None:
    path = charm(tmp_path / "x.charm", ("revision", text, 0))
    assert refusal(path) == INVALID + "invalid revision file"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("a1b2c3\nbuilt today", "a1b2c3"),
        ("revision-id: me\r\n", "me"),
        (" 1 ", " 1 "),
        ("x" * 150, "x" * 100),
    ],
)
def test_a_version_file_has_one_line(tmp_path: Path, text: str, version: str) -> None:
    assert taken(charm(tmp_path / "x.charm", ("version", text, 0))).version == version


EXTRACTING = "cannot extract uploaded charm: cannot extract "
LINK = stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (
            [("venv/bin/python", "/usr/bin/python3", LINK)],
            '"venv/bin/python": symlink "/usr/bin/python3" is absolute',
        ),
        ([("lib/x", "../../y", LINK)], '"lib/x": symlink "../../y" leads out of scope'),
        ([("up", "..", LINK)], '"up": symlink ".." leads out of scope'),
        ([("pipe", "", stat.S_IFIFO | 0o644)], '"pipe": unknown file type 33554432'),
        ([("sock", "", stat.S_IFSOCK | 0o644)], '"sock": unknown file type 16777216'),
        ([("dev", "", stat.S_IFBLK | 0o644)], '"dev": unknown file type 67108864'),
        ([("tty", "", stat.S_IFCHR | 0o644)], '"tty": unknown file type 69206016'),
        (
            [("a", "x", 0), ("a/b", "x", 0)],
            '"a/b": mkdir /tmp/charm-download/extracted/a: not a directory',
        ),
        (
            [("l", "nowhere", LINK), ("l/b", "x", 0)],
            '"l/b": mkdir /tmp/charm-download/extracted/l: file exists',
        ),
        (
            [("l", "l", LINK), ("l/b", "x", 0)],
            '"l/b": mkdir /tmp/charm-download/extracted/l: too many levels of symbolic links',
        ),
        (
            [("n" * 256, "x", 0)],
            f'"{"n" * 256}": open /tmp/charm-download/extracted/{"n" * 256}: file name too long',
        ),
    ],
)
def test_members_that_cannot_be_extracted(
    tmp_path: Path, members: list[Member], error: str
) -> None:
    assert refusal(charm(tmp_path / "x.charm", *members)) == EXTRACTING + error


@pytest.mark.parametrize(
    "members",
    [
        [("lib", "src", LINK), ("src/x", "x", 0)],
        [("src/x", "x", 0), ("lib", "src", LINK), ("lib/y", "x", 0)],
        [("a/b", "x", 0), ("a", "x", 0)],
        [("a", "x", 0), ("a/", "", 0)],
        [("dangling", "nowhere/at/all", LINK)],
        [("a", "", stat.S_IFDIR | 0o755), ("a/b", "x", 0)],
    ],
)
def test_members_that_can_be_extracted(tmp_path: Path, members: list[Member]) -> None:
    taken(charm(tmp_path / "x.charm", *members))


@pytest.mark.parametrize(
    ("member", "error"),
    [
        (
            "config.yaml/",
            (
                'cannot read extracted charm: parsing "config.yaml" file: read '
                "/tmp/charm-download/extracted/config.yaml: is a directory"
            ),
        ),
        (
            "version/",
            (
                'cannot read extracted charm: parsing "version" file: cannot read version file: '
                "read /tmp/charm-download/extracted/version: is a directory"
            ),
        ),
        (
            "actions.yaml/x",
            (
                "cannot read extracted charm: read /tmp/charm-download/extracted/actions.yaml: is "
                "a directory"
            ),
        ),
        (
            "revision/",
            (
                "cannot extract uploaded charm: open /tmp/charm-download/extracted/revision: is a "
                "directory"
            ),
        ),
    ],
)
def test_documents_that_are_directories(tmp_path: Path, member: str, error: str) -> None:
    assert refusal(charm(tmp_path / "x.charm", (member, "", 0))) == error


def test_what_is_extracted_last_is_read_again(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = charm(tmp_path / "x.charm", ("metadata.yaml", "name: other", 0), ("version", "1", 0))
    assert refusal(path) == (
        'cannot read extracted charm: parsing "metadata.yaml" file: metadata: summary: expected '
        "string, got nothing"
    )
    path = charm(tmp_path / "y.charm", ("version", "1", 0), ("./version", "2", 0))
    assert taken(path).version == "2"


def damaged(path: Path, name: str) -> Path:
    """Flip one bit of what a member that nobody reads holds."""
    content = bytearray(path.read_bytes())
    content[content.index(name.encode()) + len(name) + 2] ^= 1
    path.write_bytes(content)
    return path


def test_a_damaged_member_that_nobody_reads_is_found(tmp_path: Path) -> None:
    path = charm(tmp_path / "x.charm")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("big", "x" * 5000)
    assert refusal(damaged(path, "big")) == EXTRACTING + '"big": zip: checksum error'


def test_other_compressions_are_unknown_to_go(tmp_path: Path) -> None:
    path = charm(tmp_path / "x.charm")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("big", "x" * 5000)
    assert refusal(path) == EXTRACTING + '"big": zip: unsupported compression algorithm'


def test_a_member_that_is_longer_than_it_says_is_no_zip(tmp_path: Path) -> None:
    path = charm(tmp_path / "x.charm", ("big", "x" * 5000, 0))
    content = path.read_bytes()
    place = content.rindex(b"PK\x01\x02")
    directory = bytearray(content[place:])
    directory[24:28] = (10).to_bytes(4, "little")
    path.write_bytes(content[:place] + bytes(directory))
    assert refusal(path) == EXTRACTING + '"big": zip: not a valid zip file'


def test_a_charm_below_a_directory_is_extracted_before_it_is_read(tmp_path: Path) -> None:
    members = [(f"sub/{name}", text, mode) for name, text, mode in _plain()]
    assert taken(written(tmp_path / "x.charm", members), "POST").charm.name == "pets"
    link: Member = ("sub/l", "/x", LINK)
    assert refusal(written(tmp_path / "y.charm", [*members, link]), "POST") == (
        'cannot extract charm archive: cannot extract "sub/l": symlink "/x" is absolute'
    )
    bad: Member = ("sub/config.yaml", "{}", 0)
    assert refusal(written(tmp_path / "z.charm", [*members, bad]), "POST") == (
        'cannot read extracted archive: parsing "config.yaml" file: invalid config: empty '
        "configuration"
    )
    assert refusal(written(tmp_path / "x.charm", members)) == (
        INVALID + 'archive file "metadata.yaml" not found'
    )


def _plain() -> list[Member]:
    return [("metadata.yaml", yaml.safe_dump(METADATA), 0), ("manifest.yaml", MANIFEST, 0)]


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/../../b"])
def test_members_outside_are_refused_where_juju_strips_them(tmp_path: Path, name: str) -> None:
    error = refusal(charm(tmp_path / "x.charm", (name, "x", 0)))
    assert error == f"{INVALID}the upload is not a charm: it holds the unsafe path {name!r}"
