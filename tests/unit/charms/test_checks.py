"""Charms that Juju refuses are refused in its words; every text was asked of its own library."""

from __future__ import annotations

import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.charmfile import check_members, read_charm
from ckf_airgap.charms.checks.clientside import client_problems
from ckf_airgap.charms.checks.gotext import go_value
from ckf_airgap.errors import CharmError

SAID = "name: c\nsummary: s\ndescription: d\n"
MANIFEST = "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\n"


def pack(path: Path, **files: str) -> Path:
    """Write a charm; ``config`` stands for ``config.yaml``, and ``metadata`` goes behind `SAID`."""
    content = {"metadata.yaml": SAID + files.pop("metadata", ""), "manifest.yaml": MANIFEST}
    content |= {f"{name.replace('_', '-')}.yaml": text for name, text in files.items()}
    with zipfile.ZipFile(path / "c.charm", "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return path / "c.charm"


def refused(path: Path) -> str:
    with pytest.raises(CharmError) as raised:
        read_charm(path)
    return "; ".join([raised.value.message, *map(str, raised.value.problems)])


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ("requires:\n", "metadata: requires: expected map, got nothing"),
        ("tags:\n", "metadata: tags: expected list, got nothing"),
        ("containers:\n", "metadata: containers: expected map, got nothing"),
        ("tags: x\n", 'metadata: tags: expected list, got string("x")'),
        ("terms: [1.5]\n", "metadata: terms[0]: expected string, got float64(1.5)"),
        ("subordinate: maybe\n", 'metadata: subordinate: expected bool, got string("maybe")'),
        ("format: 1.5\n", "metadata: format: expected int, got float64(1.5)"),
        ("revision: x\n", 'metadata: revision: expected int, got string("x")'),
        ("provides: {a: 5}\n", "metadata: provides.a: expected map, got int(5)"),
        ("provides: {a: {}}\n", "metadata: provides.a.interface: expected string, got nothing"),
        ("provides: {1: http}\n", "metadata: provides: expected string, got int(1)"),
        (
            "peers: {a: {interface: x, limit: many}}\n",
            'metadata: peers.a.limit: unexpected value "many"',
        ),
        ("peers: {a: {interface: x, scope: all}}\n", 'peers.a.scope: unexpected value "all"'),
        ("storage: {data: {}}\n", "metadata: storage.data.type: unexpected value <nil>"),
        (
            "storage: {d: {type: block, multiple: {range: 0}}}\n",
            "metadata: storage.d.multiple.range: invalid count 0",
        ),
        (
            "storage: {d: {type: block, multiple: {range: 1..2}}}\n",
            "storage.d.multiple.range: value \"1..2\" does not match 'm', 'm-n', or 'm+'",
        ),
        (
            "storage: {d: {type: block, minimum-size: 5}}\n",
            "metadata: storage.d.minimum-size: expected string, got int(5)",
        ),
        ("storage: {d: {type: block, minimum-size: 1Q}}\n", 'invalid multiplier suffix "Q"'),
        ("devices: {g: {type: gpu, countmin: -1}}\n", "metadata: invalid device count -1"),
        ("extra-bindings: {a: 5}\n", "extra-bindings.a: expected empty value, got int(5)"),
        ("extra-bindings: {'': }\n", 'expected non-empty binding name, got string("")'),
        ("charm-user: admin\n", 'invalid charm-user "admin" expected one of root, sudoer'),
        ("min-juju-version: soon\n", 'invalid min-juju-version: invalid version "soon"'),
        ("resources: {r: {type: docker}}\n", 'unsupported resource type "docker"'),
        ("deployment: {type: stateful}\n", "must declare at least one series"),
        (
            "series: [focal]\ndeployment: {type: stateful}\n",
            'charms with deployment metadata only supported for "kubernetes"',
        ),
        (
            "containers: {c: {resource: r}}\n",
            'parsing containers: referenced resource "r" not found',
        ),
        (
            "containers: {c: {resource: r}}\nresources: {r: {type: file, filename: f}}\n",
            'referenced resource "r" is not a oci-image',
        ),
        (
            "containers: {c: {mounts: [{storage: s, location: /x}]}}\n",
            'container "c": storage "s" not valid',
        ),
        ("containers: {c: {mounts: [{location: /x}]}}\n", 'container "c": storage must be'),
        ("containers: {c: {uid: 1000}}\n", 'container "c" has invalid uid 1000'),
        (
            "containers: {c: {}}\nseries: [focal]\n",
            'ambiguous metadata: keys "series" cannot be used with "containers"',
        ),
        (
            "assumes: [juju]\nmin-juju-version: 3.1.0\n",
            'ambiguous metadata: keys "min-juju-version" cannot be used with "assumes"',
        ),
        ("assumes: juju\n", 'metadata: assumes: expected list, got string("juju")'),
        ("assumes: [juju > 3.4]\n", 'malformed feature expression "juju > 3.4"'),
        ("assumes: [k8s-api, foo_bar]\n", 'parsing expression 2 in top level "assumes" block'),
        ("assumes: [juju >= x]\n", 'feature expression "juju >= x": invalid version "x"'),
        ("assumes: [{one-of: [juju]}]\n", 'expected an "any-of" or "all-of" block'),
        ("assumes: [{}]\n", "malformed composite expression"),
        ("assumes: [{any-of: juju}]\n", 'malformed "any-of" expression; expected a list'),
        ("assumes: [{all-of: [{any-of: [a]}]}]\n", 'parsing "all-of" expression: parsing "any-of"'),
        ("assumes: [5]\n", 'expected a feature, "any-of" or "all-of" expression'),
    ],
)
def test_metadata_that_juju_refuses(tmp_path: Path, metadata: str, text: str) -> None:
    assert text in refused(pack(tmp_path, metadata=metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        "provides: {website: http}\n",
        "subordinate: y\nrequires: {a: {interface: x, scope: container, optional: 'true'}}\n",
        "peers: {a: {interface: x, limit: '2'}}\n",
        "storage: {d: {type: block, multiple: {range: 1-3}, minimum-size: 1.5GiB}}\n",
        "assumes: [juju >= 3.6.12.1, k8s-api, {any-of: [juju >= 3.6-rc1, juju < 3]}]\n",
        "series: [kubernetes]\ndeployment: {type: stateful, service: omit}\n",
        "unknown: {1: a}\nmin-juju-version: 3.6-rc1\n",
        "tags: !custom [a]\nterms: [!!binary aGk=]\n",
        "---\nname: second\n",
    ],
)
def test_metadata_that_juju_takes(tmp_path: Path, metadata: str) -> None:
    assert read_charm(pack(tmp_path, metadata=metadata)).name == "c"


def test_everything_is_named_at_once(tmp_path: Path) -> None:
    text = refused(pack(tmp_path, metadata="tags:\nterms: x\n", config="{}"))
    assert "tags: expected list" in text
    assert "terms: expected list" in text
    assert "invalid config: empty configuration" in text


def test_texts_become_what_they_are_declared_as(tmp_path: Path) -> None:
    metadata = (
        "subordinate: 'true'\nprovides: {a: http, b: {interface: x, optional: '1', limit: '0x2'}}\n"
    )
    config = "options: {n: {type: int, default: '5'}, b: {type: boolean, default: y}, t: {type: }}"
    charm = read_charm(pack(tmp_path, metadata=metadata, config=config))
    assert charm.subordinate
    assert charm.endpoints["a"].interface == "http"
    assert charm.endpoints["b"].optional
    assert charm.endpoints["b"].limit == 2
    assert charm.options["n"].default == 5
    assert charm.options["b"].default is True
    assert charm.options["t"].type == "string"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("", "invalid config: empty configuration"),
        ("{}", "invalid config: empty configuration"),
        ("# nothing\n", "invalid config: empty configuration"),
        ("options: {x: {type: list}}", 'invalid config: option "x" has unknown type "list"'),
        ("options: {x: {default: 1.10}}", 'default: option "x" expected string, got 1.1'),
        ("options: {x: {default: y}}", 'default: option "x" expected string, got true'),
        ("options: {x: {type: int, default: many}}", 'option "x" expected int, got "many"'),
        ("options: {x: {type: int, default: 1.0}}", 'option "x" expected int, got 1'),
        ("options: {x: {type: boolean, default: ''}}", 'option "x" expected boolean, got ""'),
        ("options: {x: {type: float, default: '1'}}", 'option "x" expected float, got "1"'),
        ("options: {x: {type: secret, default: a}}", 'option "x" expected secret, got "a"'),
        ("options: {x: {default: [a]}}", 'expected string, got []interface {}{"a"}'),
        ("options: [x]", "options"),
    ],
)
def test_options_that_juju_refuses(tmp_path: Path, config: str, text: str) -> None:
    assert text in refused(pack(tmp_path, config=config))


@pytest.mark.parametrize(
    "config",
    [
        "options:",
        "options: {}",
        "options: {x: }",
        "options: {x: {type: '', default: ''}}",
        "options: {x: {type: secret, default: 'secret:9m4e2mr0ui3e8a215n4g'}}",
        "options: {x: {type: float, default: 1}, y: {description: 5}}",
    ],
)
def test_options_that_juju_takes(tmp_path: Path, config: str) -> None:
    assert read_charm(pack(tmp_path, config=config)).documents


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ("{}", "manifest: coerce: expected list, got nothing"),
        ("bases: x", 'manifest: coerce: expected list, got string("x")'),
        ("bases: [{name: ubuntu, channel: 22.04}]", "[0].channel: expected string, got float64("),
        ("bases: [{channel: '22.04'}]", "manifest: base without name not valid"),
        ("bases: [{name: foo, channel: '1'}]", 'manifest: os "foo" not valid'),
        ("bases: [{name: ubuntu}]", "manifest: channel not valid"),
        ("bases: [{name: ubuntu, channel: 22.04/foo}]", 'risk in channel "22.04/foo" not valid'),
        ("bases: [{name: ubuntu, channel: a/b/c/d}]", "channel is malformed and has too many"),
        (
            "bases: [{name: ubuntu, channel: '1', architectures: [x86]}]",
            'manifest: architecture "x86" not valid',
        ),
    ],
)
def test_manifests_that_juju_refuses(tmp_path: Path, manifest: str, text: str) -> None:
    assert text in refused(pack(tmp_path, manifest=manifest))


def test_architectures_have_the_names_of_juju_and_an_empty_manifest_is_none(
    tmp_path: Path,
) -> None:
    text = "bases: [{name: ubuntu, channel: '22.04', architectures: [x86_64, aarch64]}]"
    assert read_charm(pack(tmp_path, manifest=text)).bases[0].architectures == ("amd64", "arm64")
    assert read_charm(pack(tmp_path, manifest="# nothing")).bases == ()


@pytest.mark.parametrize(
    ("actions", "text"),
    [
        ("x: {params: {n: {type: string}}}", "map keyed with non-string value"),
        ("x: {params: {a: {enum: [{1: b}]}}}", "map keyed with non-string value"),
        ("my_action: {}", "bad action name my_action"),
        ("A: {}", "bad action name A"),
        ("juju-x: {}", 'cannot use action name juju-x: the "juju-" prefix is reserved'),
        ("a: {params: }", "params failed to parse as a map"),
        ("a: {params: {b: {$ref: x}}}", 'schema key "$ref" not compatible with this version'),
        ("a: {description: 5}", 'value for schema key "description" must be a string'),
        ("a: {parallel: 'yes'}", 'value for schema key "parallel" must be a bool'),
        ("a: {required: b}", 'value for schema key "required" must be a YAML list'),
        ("a: {params: {b: {type: text}}}", "invalid params schema for action schema a: text is"),
        ("a: {params: {b: 5}}", "schema must be of type object"),
        ("a: {params: {b: {enum: [x, x]}}}", "enum items must be unique"),
        ("a: {params: {b: {minimum: 5, maximum: 1}}}", "minimum cannot be greater than maximum"),
        ("a: {params: {b: {pattern: '('}}}", "pattern must be a valid regex"),
        ("a: {params: {b: {minLength: -1}}}", "minLength must be greater than or equal to 0"),
        ("a: {params: {b: {items: 5}}}", "items must be of type schema/array of schemas"),
        ("a: {params: {b: {oneOf: {}}}}", "oneOf must be of an array"),
        ("a: {additionalProperties: 5}", "additionalProperties must be of type boolean/schema"),
        ("a: {foo: .inf}", "json: unsupported value: +Inf"),
        ("a: {params: {n: {type: string}}}", "map keyed with non-string value"),
        ("a: {params: {b: {enum: [{1: x}]}}}", "map keyed with non-string value"),
        ("a: 5", "action a must be a mapping, not an integer"),
    ],
)
def test_actions_that_juju_refuses(tmp_path: Path, actions: str, text: str) -> None:
    assert text in refused(pack(tmp_path, actions=actions))


def test_actions_that_juju_takes(tmp_path: Path) -> None:
    params = "{b: {type: [string, integer], pattern: '^[a-z]+$', items: {type: string}}}"
    text = f"a: {{description: d, params: {params}, required: [b]}}\n9b:\n"
    assert read_charm(pack(tmp_path, actions=text)).name == "c"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("metrics.yaml", "metrics: {a: {type: x}}", 'metric "a" has unknown type "x"'),
        ("metrics.yaml", "metrics: {a: {type: gauge}}", 'metric "a" lacks description'),
        ("metrics.yaml", "metrics: {juju-units: {type: gauge}}", "reserved for built-in metrics"),
        ("lxd-profile.yaml", "devices: {a: b}", "devices.a"),
        ("revision", "seven", "invalid revision file"),
        ("revision", "99999999999999999999", "invalid revision file"),
        ("version", "x" * 70_000, "cannot read version file"),
        ("config.yaml/", "", 'parsing "config.yaml" file: it is a directory'),
        ("revision/", "", 'parsing "revision" file: it is a directory'),
        ("manifest.yaml/x", "", 'cannot extract "manifest.yaml/x": mkdir manifest.yaml: not a'),
        ("long/" + "n" * 300, "", "file name too long"),
        ("./metadata.yaml", SAID, "ambiguous root directory"),
    ],
)
def test_members_that_juju_refuses(tmp_path: Path, name: str, content: str, text: str) -> None:
    path = pack(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, content)
    assert text in refused(path)


@pytest.mark.parametrize("content", ["7 # built by ci", "+3", "0x10", "010", "\n 5", "-1"])
def test_the_first_number_of_a_revision_counts(tmp_path: Path, content: str) -> None:
    path = pack(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("revision", content)
        archive.writestr("version", "a1b2c3\nbuilt today\n")
    assert read_charm(path).revision is None


def special(path: Path, name: str, mode: int, content: str = "") -> Path:
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, (mode | 0o644) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, content)
    return path


@pytest.mark.parametrize(
    ("name", "target", "text"),
    [
        ("venv/bin/python", "/usr/bin/python3", 'symlink "/usr/bin/python3" is absolute'),
        ("lib/x", "../../y", 'cannot extract "lib/x": symlink "../../y" leads out of scope'),
        ("x", "..", 'symlink ".." leads out of scope'),
        ("x", "", "symlink: no such file or directory"),
        ("x", "a\0b", "symlink: invalid argument"),
        ("a/b", "../c/../../d", "leads out of scope"),
    ],
)
def test_symlinks_out_of_the_charm_are_refused(
    tmp_path: Path, name: str, target: str, text: str
) -> None:
    assert text in refused(special(pack(tmp_path), name, stat.S_IFLNK, target))


def test_symlinks_within_the_charm_are_taken(tmp_path: Path) -> None:
    path = special(pack(tmp_path), "lib/x", stat.S_IFLNK, "../src/x")
    assert read_charm(special(path, "y", stat.S_IFLNK, ".")).name == "c"


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (stat.S_IFIFO, 33554432),
        (stat.S_IFSOCK, 16777216),
        (stat.S_IFBLK, 67108864),
        (stat.S_IFCHR, 69206016),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, kind: int, number: int) -> None:
    text = f'cannot extract "x": unknown file type {number}'
    assert text in refused(special(pack(tmp_path), "x", kind))


def test_two_documents_of_one_name_are_refused_when_they_differ(tmp_path: Path) -> None:
    path = pack(tmp_path, config="options: {}")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("config.yaml", "options: {x: {}}")
    assert "config.yaml is there twice" in refused(path)


def damage(path: Path, content: bytes) -> None:
    data = path.read_bytes()
    place = data.index(content)
    path.write_bytes(data[:place] + b"!" + data[place + 1 :])


def test_a_damaged_member_that_nobody_reads_is_found(tmp_path: Path) -> None:
    path = pack(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("venv/big", b"0123456789" * 10)
        archive.writestr("venv/other", b"abcdefghij" * 10)
    check_members(path)
    damage(path, b"0123456789")
    assert read_charm(path).name == "c"
    with pytest.raises(CharmError, match='cannot extract "venv/big": zip: checksum error') as one:
        check_members(path)
    assert "venv/other" not in str(one.value)
    damage(path, b"abcdefghij")
    with pytest.raises(CharmError, match="venv/other"):
        check_members(path)


# What only the client refuses


def client(path: Path, metadata: str, **files: str) -> list[str]:
    return client_problems(read_charm(pack(path, metadata=metadata, **files)))


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ("resources: {f: {}}\n", "resource missing filename"),
        ("resources: {f: {filename: a/b}}\n", 'filename cannot contain "/" (got "a/b")'),
        ("provides: {juju: x}\n", 'charm "c" using a reserved relation name: "juju"'),
        ("requires: {juju-x: x}\n", 'charm "c" using a reserved relation name: "juju-x"'),
        ("peers: {a: juju-x}\n", 'charm "c" relation "a" using a reserved interface: "juju-x"'),
        ("peers: {a: x}\nrequires: {a: x}\n", 'using a duplicated relation name: "a"'),
        ("extra-bindings: {}\n", "invalid extra bindings: extra bindings cannot be empty"),
        ("extra-bindings: {a: }\npeers: {a: x}\n", "relation names (a) cannot be used in extra"),
        ("subordinate: true\n", 'subordinate charm "c" lacks "requires" relation'),
        ("series: [Bad]\n", 'charm "c" declares invalid series: "Bad"'),
        ("min-juju-version: 3.1.0\n", "min-juju-version in metadata v2 not valid"),
        (
            "storage: {d: {type: block, location: /x}}\n",
            'charm "c" storage "d": location may not be specified for "type: block"',
        ),
        (
            "devices: {g: {type: gpu, countmin: 3, countmax: 2}}\n",
            "maximum count 2 can not be smaller than minimum count 3",
        ),
        ("devices: {g: {type: ''}}\n", 'charm "c" device "g": type must be specified'),
        ("payloads: {a_b: {type: kvm}}\n", 'invalid payload class "a_b"'),
        ("terms: [A]\n", 'wrong term name format "A"'),
        ("terms: [a/b/c/d]\n", 'unknown term id format "a/b/c/d"'),
    ],
)
def test_what_only_the_client_refuses_is_known(tmp_path: Path, metadata: str, text: str) -> None:
    (problem,) = client(tmp_path, metadata)
    assert text in problem


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ("containers: {c: {}}\n", "containers in metadata v1 not valid"),
        ("assumes: [juju]\n", "assumes in metadata v1 not valid"),
    ],
)
def test_containers_and_assumes_go_with_bases(tmp_path: Path, metadata: str, text: str) -> None:
    assert client(tmp_path, metadata) == []
    assert client(tmp_path, metadata, manifest="bases: []") == [text]


def test_a_good_charm_and_facts_have_no_problem_of_the_client(tmp_path: Path) -> None:
    assert client(tmp_path, "requires: {a: x}\nresources: {f: {filename: x}}\n") == []
    within = "subordinate: true\nrequires: {juju-info: {interface: juju-info, scope: container}}\n"
    assert client(tmp_path, within) == []
    assert client_problems(Charm(name="c", subordinate=True)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e6, "1e+06"),
        (123456.789, "123456.789"),
        (1e-05, "1e-05"),
        (0.0001, "0.0001"),
        (3.0, "3"),
        (float("-inf"), "-Inf"),
        (2**63, "0x8000000000000000"),
        ([None, 1, "a"], '[]interface {}{interface {}(nil), 1, "a"}'),
        ({"b": None, "a": 1.5}, 'map[interface {}]interface {}{"a":1.5, "b":interface {}(nil)}'),
        ('a\n"\u00e9\x01', '"a\\n\\"\u00e9\\x01"'),
    ],
)
def test_values_look_as_go_prints_them(value: object, text: str) -> None:
    assert go_value(value) == text  # type: ignore[arg-type]
