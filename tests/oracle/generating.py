"""Generated cases, close to the bundles, charms, option values and references that people write."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import strategies as st

from tests.oracle.comparing import Case
from tests.oracle.ours import archive_of
from tests.oracle.scalars import Raw, Written, document, mostly, odd, scalars, texts

ROOT: Final = Path(__file__).resolve().parents[2]


def raw(*words: str) -> st.SearchStrategy[Raw]:
    """Return one of some words, as it is."""
    return st.sampled_from(words).map(Raw)


def some(
    fields: dict[str, st.SearchStrategy[Any]], always: tuple[str, ...] = ()
) -> st.SearchStrategy[dict[str, Written]]:
    """Return a mapping with some of the fields."""
    return st.fixed_dictionaries(
        {key: fields[key] for key in always},
        optional={key: value for key, value in fields.items() if key not in always},
    )


# YAML

_leaves: st.SearchStrategy[Written] = scalars
_keys = st.sampled_from(("a", "b", "c", "d", "e-f", "a", "b", "<<", "'1'", "x y", '"y"', "!!str 1"))
_trees = st.recursive(
    _leaves,
    lambda inner: st.dictionaries(_keys, inner, max_size=4) | st.lists(inner, max_size=4),
    max_leaves=8,
)


def yaml_cases() -> st.SearchStrategy[Case]:
    """Texts read without a declared type."""
    one = st.dictionaries(_keys, _trees, min_size=1, max_size=4).map(document)
    several = st.lists(one, min_size=1, max_size=2).map("---\n".join)
    return several.map(lambda text: Case("yaml", "yaml", {"text": text}))


_numbers = (
    st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from((1e-5, 1e5, 1e16, 1e22, 0.1, -0.0, 1.0, 1e400, -1e400))
)
_values = st.recursive(
    texts | _numbers | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def written_cases() -> st.SearchStrategy[Case]:
    """Values that our writer writes."""
    whole = st.dictionaries(texts, _values, min_size=1, max_size=4).map(
        lambda value: Case("written", "yaml", given={"value": value})
    )
    of_text = st.dictionaries(texts, texts, min_size=1, max_size=4).map(
        lambda value: Case("written texts", "texts", given={"value": value})
    )
    return whole | of_text


_OPTION_TEXTS: Final = (
    "image: a/b:1\nport: 80\n",
    "- a/b:1\n- c/d:2\n",
    "image: 'a/b:1'\n",
    'image: "a/b:1"\n',
    "{image: a/b:1, x: z}",
    '{"image": "a/b:1"}',
    "image: |\n  a/b:1\nx: 1\n",
)


def edited_cases() -> st.SearchStrategy[Case]:
    """Texts in which our writer puts a value in the place of another."""
    return st.builds(
        lambda text, value: Case("edited", "yaml", given={"text": text, "value": value}),
        st.sampled_from(_OPTION_TEXTS),
        texts,
    )


# Bundles

_names = st.sampled_from(("pets", "flea", "pets-db", "a1"))
_odd_names = st.sampled_from(("pets", "Pets", "pets-1", "1a", "a_b", "a-", "x" * 80))
_words = raw("x", "a b", "'1'", "some-text", "8080")
_texts_of = functools.partial(
    st.dictionaries, st.sampled_from(("a", "b", "data", "gpu", "1")), max_size=3
)
_application = some(
    {
        "charm": mostly(raw("pets", "ch:pets", "flea-k8s", "Pets", "cs:pets", "pets-1"), one_in=12),
        "channel": mostly(raw("stable", "1.9/stable", "latest/edge", "1.10"), one_in=4),
        "revision": mostly(raw("1", "42", "-1"), one_in=8),
        "scale": mostly(raw("0", "1", "2"), one_in=8),
        "num_units": mostly(raw("0", "1"), one_in=8),
        "trust": mostly(raw("true", "false"), one_in=6),
        "expose": mostly(raw("true", "false"), one_in=6),
        "series": mostly(raw("jammy", "focal", "kubernetes"), one_in=10),
        "base": mostly(raw("ubuntu@22.04", "ubuntu@22.04/stable", "ubuntu@20.04"), one_in=10),
        "options": _texts_of(scalars | odd),
        "resources": _texts_of(mostly(raw("1", "image:1", "./file", "5"), one_in=8)),
        "annotations": _texts_of(scalars),
        "bindings": _texts_of(mostly(_words)),
        "constraints": mostly(raw("mem=1G", "arch=amd64 cores=2"), one_in=20),
        "to": st.lists(
            mostly(raw("kubernetes.io/os=linux", "a=b", "a=b,c=d"), one_in=8), max_size=2
        ),
        "placement": mostly(raw("a=b", "a=b,c=d"), one_in=8),
        "plan": mostly(_words),
        "storage": st.dictionaries(
            st.sampled_from(("data", "my-data")), mostly(raw("1G", "2,5G"), one_in=8), max_size=1
        ),
    },
    always=("charm",),
)
_usual_application = some(
    {
        "charm": raw("pets", "flea", "ch:pets"),
        "channel": mostly(raw("1.9/stable", "latest/edge"), one_in=4),
        "scale": raw("1", "2"),
        "trust": raw("true"),
        "options": _texts_of(scalars),
        "annotations": _texts_of(scalars),
        "to": st.lists(raw("a=b"), max_size=1),
    },
    always=("charm", "scale"),
)
_end = st.builds(
    lambda name, endpoint: f"{name}{endpoint}",
    _names,
    st.sampled_from(("", ":db", ":db", ":web-1", ":R", ":p.q", ":")),
)
_relation: st.SearchStrategy[Written] = (
    st.lists(_end.map(Raw), min_size=2, max_size=2)
    | st.lists(_end.map(lambda end: Raw(f"'{end}'")), min_size=2, max_size=2)
    | st.lists(_end.map(Raw) | st.just(Raw("[flea:a, flea:b]")), min_size=1, max_size=3)
)


def _bundle_document(
    application: st.SearchStrategy[Any], names: st.SearchStrategy[str] = _names
) -> st.SearchStrategy[dict[str, Written]]:
    return some(
        {
            "bundle": mostly(raw("kubernetes"), one_in=40),
            "name": _words,
            "applications": st.dictionaries(names, application, min_size=1, max_size=3),
            "relations": st.lists(_relation, max_size=2),
            "series": mostly(raw("jammy", "focal"), one_in=10),
            "default-base": mostly(raw("ubuntu@22.04", "ubuntu@20.04/stable"), one_in=10),
            "description": mostly(_words),
            "tags": st.lists(mostly(_words), max_size=2),
            "issues": _words,
        },
        always=("bundle", "applications"),
    )


_overlay_application = st.one_of(
    some(
        {
            "scale": mostly(raw("0", "1", "3"), one_in=6),
            "num_units": raw("0", "2"),
            "channel": mostly(raw("1.10/stable", "edge"), one_in=4),
            "trust": raw("true", "false"),
            "options": _texts_of(scalars) | st.just(Raw("")),
            "annotations": _texts_of(mostly(_words)) | st.just(Raw("")),
            "resources": _texts_of(raw("2", "x", "")),
            "constraints": raw("mem=2G", "''"),
            "charm": raw("pets", "flea"),
            "to": st.lists(raw("c=d"), max_size=1),
            "base": raw("ubuntu@22.04", "''"),
        }
    ),
    st.just(Raw("")),
    st.just(Raw("{}")),
)
_overlay_document = some(
    {
        "applications": st.dictionaries(_names, _overlay_application, min_size=1, max_size=2),
        "relations": st.lists(_relation, max_size=1),
        "series": raw("jammy", "noble", ""),
        "description": _words,
        "default-base": raw("ubuntu@24.04"),
    }
)
_overlay = st.lists(_overlay_document.map(document), min_size=1, max_size=2).map("---\n".join)


def bundle_cases() -> st.SearchStrategy[Case]:
    """Bundles alone: made up, or a shipped one with a scalar or a line changed."""
    odd_names = _bundle_document(_usual_application, _odd_names)
    usual = _bundle_document(_usual_application)
    made = _bundle_document(_application) | usual | odd_names
    texts_ = made.map(document) | _shipped_mutations()
    return texts_.map(lambda text: Case("bundle", "bundle", {"text": text}))


def overlay_cases() -> st.SearchStrategy[Case]:
    """Bundles with overlays of one or two documents."""
    return st.builds(
        lambda base, overlays: Case("bundle", "bundle", {"text": base, "overlays": overlays}),
        _bundle_document(_usual_application).map(document),
        st.lists(_overlay, min_size=1, max_size=2),
    )


@functools.cache
def _shipped() -> tuple[str, ...]:
    """Return two applications and their relations of each shipped bundle."""
    parts = []
    for path in sorted((ROOT / "bundles").glob("*/bundle.yaml")):
        bundle = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = list(bundle["applications"])
        for first in range(0, len(names), 4):
            kept = names[first : first + 4]
            relations = [
                ends
                for ends in bundle["relations"]
                if all(end.partition(":")[0] in kept for end in ends)
            ]
            part = {name: bundle["applications"][name] for name in kept}
            small = {**bundle, "applications": part, "relations": relations}
            parts.append(yaml.safe_dump(small, sort_keys=False))
    return tuple(parts)


@st.composite
def _shipped_mutations(draw: st.DrawFn) -> str:
    """Return part of a shipped bundle with a value, or a whole line, exchanged or left out."""
    lines = draw(st.sampled_from(_shipped())).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 2))):
        index = draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[index].partition(": ")
        match draw(st.integers(0, 3)):
            case 0:
                del lines[index]
            case 1:
                lines.insert(index, lines[index])
            case _ if colon:
                lines[index] = f"{key}: {draw(scalars).text}\n"
        if not lines:
            break
    return "".join(lines)


# Charms

_endpoint = some(
    {
        "interface": mostly(raw("http", "mysql"), one_in=12),
        "limit": mostly(raw("1"), one_in=4),
        "optional": mostly(raw("true", "false"), one_in=4),
        "scope": mostly(raw("global", "container"), one_in=8),
        "schema": st.just(Raw("{}")),
    },
    always=("interface",),
) | raw("http", "", "[]")
_endpoints = st.dictionaries(
    st.sampled_from(("web", "db", "juju-info", "A_b")), _endpoint, max_size=2
)
_resource = some(
    {
        "type": mostly(raw("oci-image", "file"), one_in=10),
        "filename": mostly(raw("x.tar", "a/b", "''"), one_in=10),
        "description": mostly(_words),
        "upstream-source": mostly(raw("a/b:1"), one_in=10),
    },
    always=("type",),
)
_storage = some(
    {
        "type": mostly(raw("filesystem", "block"), one_in=8),
        "location": mostly(raw("/data"), one_in=10),
        "multiple": some({"range": mostly(raw("1", "0-", "1-3", "2-1"), one_in=3)}),
        "minimum-size": mostly(raw("1G", "100M", "5"), one_in=4),
        "shared": mostly(raw("true"), one_in=4),
        "read-only": mostly(raw("true"), one_in=4),
        "description": mostly(_words),
    },
    always=("type",),
)
_container = some(
    {
        "resource": mostly(raw("image", "none"), one_in=10),
        "mounts": st.lists(
            some(
                {"storage": mostly(raw("data", "none"), one_in=10), "location": mostly(raw("/x"))},
                always=("storage",),
            ),
            max_size=1,
        ),
        "uid": mostly(raw("0", "1", "1000", "10000"), one_in=6),
        "gid": mostly(raw("0", "10000"), one_in=6),
    },
)
_feature = raw(
    "juju",
    "k8s-api",
    "juju >= 3.1",
    "juju < 4",
    "k8s-api >= 1.20.3",
    "juju > 3.4",
    "juju = 3",
    "juju <= 3.6",
    "juju>=3",
    "foo_bar",
    "Foo",
    "juju >= 3.6-rc1",
    "juju >= 3.6.12.1",
    "juju >= x",
    "5",
    "''",
)
_assumes: st.SearchStrategy[Written] = st.lists(
    _feature
    | st.dictionaries(
        st.sampled_from(("any-of", "all-of", "any-of", "all-of", "one-of")),
        st.lists(_feature, max_size=2) | _feature,
        max_size=2,
    ),
    max_size=2,
)
_metadata = some(
    {
        "name": mostly(raw("pets", "pets-k8s", "Pets", "p"), one_in=20),
        "summary": mostly(raw("A charm"), one_in=20),
        "description": mostly(raw("It does."), one_in=20),
        "display-name": mostly(_words),
        "provides": _endpoints,
        "requires": _endpoints,
        "peers": _endpoints,
        "resources": st.dictionaries(st.sampled_from(("image", "f")), _resource, max_size=2),
        "storage": st.dictionaries(st.sampled_from(("data", "D")), _storage, max_size=1),
        "containers": st.dictionaries(st.sampled_from(("web", "c")), _container, max_size=1),
        "assumes": _assumes,
        "series": st.lists(mostly(raw("jammy", "kubernetes")), max_size=2),
        "subordinate": mostly(raw("true", "false"), one_in=4),
        "tags": st.lists(mostly(_words), max_size=2),
        "min-juju-version": mostly(raw("2.9.0", "3.1")),
        "charm-user": mostly(raw("root", "sudoer", "non-root")),
        "docs": mostly(raw("https://example.com")),
        "extra-bindings": st.dictionaries(st.sampled_from(("e",)), raw("", "x"), max_size=1),
    },
    always=("name", "summary", "description"),
)
_usual_endpoints = st.dictionaries(
    st.sampled_from(("db", "web", "ingress")),
    some({"interface": raw("mysql", "http"), "optional": raw("true", "y")}, always=("interface",))
    | raw("http"),
    max_size=2,
)
_usual_metadata = some(
    {
        "name": raw("pets", "pets-k8s"),
        "summary": mostly(raw("A charm", "'1.0'"), one_in=40),
        "description": raw("It does.", "|\n  Two\n  lines."),
        "requires": _usual_endpoints,
        "provides": st.dictionaries(
            st.sampled_from(("metrics", "api")), raw("prometheus", "{interface: rest}"), max_size=1
        ),
        "assumes": st.lists(raw("juju", "juju >= 3.1", "k8s-api"), max_size=2)
        | st.just([{"any-of": [Raw("juju >= 3.6"), Raw("x")]}]),
        "containers": st.just({"web": {"resource": Raw("image")}}),
        "resources": st.just({"image": {"type": Raw("oci-image"), "upstream-source": Raw("a/b:1")}})
        | st.just({"image": {"type": Raw("file"), "filename": Raw("x.tar")}}),
        "storage": st.just({"data": {"type": Raw("filesystem"), "location": Raw("/data")}})
        | st.dictionaries(st.sampled_from(("data",)), _storage, max_size=1),
        "docs": raw("https://example.com"),
        "tags": st.lists(raw("x", "'1'"), max_size=1),
        "subordinate": raw("false", "n"),
        "x-unknown": scalars,
    },
    always=("name", "summary", "description"),
)
_TYPES: Final = ("string", "int", "float", "boolean", "secret")
_option = some(
    {
        "type": mostly(raw(*_TYPES), one_in=20),
        "default": scalars | raw("text", "5", "0.5", "true"),
        "description": mostly(_words),
    }
)
_config = some(
    {"options": st.dictionaries(st.sampled_from(("a", "b")), _option, max_size=2)}, ("options",)
)
_manifest = some(
    {
        "bases": st.lists(
            some(
                {
                    "name": mostly(raw("ubuntu", "centos"), one_in=12),
                    "channel": mostly(
                        raw("'22.04'", "22.04", '"20.04/stable"', "'24.04/foo'"), one_in=12
                    ),
                    "architectures": st.lists(
                        mostly(raw("amd64", "arm64", "x86", "all"), one_in=12), max_size=2
                    ),
                },
                always=("name", "channel"),
            ),
            max_size=2,
        )
        | raw("", "x"),
        "charmcraft-version": _words,
    },
    always=("bases",),
)
_usual_manifest = st.just("bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\n")
_actions = st.dictionaries(
    st.sampled_from(("backup", "my-action", "my_action", "A", "juju-x")),
    some(
        {
            "description": mostly(_words),
            "params": st.dictionaries(
                st.sampled_from(("name", "$ref", "n")),
                some({"type": mostly(raw("string", "integer", "array"), one_in=6)}) | raw("", "x"),
                max_size=1,
            )
            | raw(""),
            "required": st.lists(_words, max_size=1),
            "additionalProperties": mostly(raw("false", "true")),
        }
    ),
    max_size=2,
)
_member_texts: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {"metadata.yaml": _metadata.map(document) | _usual_metadata.map(document)},
    optional={
        "manifest.yaml": _manifest.map(document) | _usual_manifest,
        "config.yaml": _config.map(document) | st.sampled_from(("", "options:\n", "options: {}\n")),
        "actions.yaml": _actions.map(document),
        "revision": st.sampled_from(("7", "7 # by ci", "+3", "0x10", "010", "x", "", "3\n", "-1")),
        "version": st.sampled_from(("abc", "'a1b2c3'\nsecond\n", "", "a \n")),
    },
)
_usual_option = st.sampled_from(
    (
        {"type": Raw("string"), "default": Raw("''")},
        {"type": Raw("string"), "default": Raw("a b"), "description": Raw("y")},
        {"type": Raw("int"), "default": Raw("0x10")},
        {"type": Raw("int")},
        {"type": Raw("float"), "default": Raw("1e+3")},
        {"type": Raw("boolean"), "default": Raw("on")},
        {"type": Raw("secret")},
        {"type": Raw(""), "default": Raw("x")},
        {"description": Raw("without a type")},
    )
)
_usual_config = st.fixed_dictionaries(
    {"options": st.dictionaries(st.sampled_from(("a", "b", "c-d")), _usual_option, max_size=3)}
)
_usual_texts: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {"metadata.yaml": _usual_metadata.map(document), "manifest.yaml": _usual_manifest},
    optional={
        "config.yaml": _usual_config.map(document),
        "actions.yaml": st.just("backup: {description: d, params: {n: {type: string}}}\n")
        | _actions.map(document),
        "revision": st.sampled_from(("7", "3\n")),
        "version": st.sampled_from(("abc", "a1b2c3\nsecond\n")),
    },
)
_LINKS: Final[tuple[dict[str, str], ...]] = (
    {},
    {},
    {},
    {"venv/python": "/usr/bin/python3"},
    {"venv/up": "../../x"},
    {"venv/inside": "other"},
)


@st.composite
def charm_cases(draw: st.DrawFn, kind: str) -> Case:
    """Archives of charms, with some links in them: uploaded, or as a file that is planned with."""
    members = draw(_member_texts | _usual_texts | _usual_texts)
    links = draw(st.sampled_from(_LINKS))
    archive = archive_of(members, links)
    return _charm_case(kind, archive, {**members, **links}, unpack=bool(links))


def _charm_case(kind: str, archive: bytes, shown: dict[str, Any], *, unpack: bool) -> Case:
    request = {"archive": base64.b64encode(archive).decode("ascii"), "unpack": unpack}
    return Case(kind, "charm", request, {**shown, "bytes": archive})


def charm_file(members: dict[str, str | bytes]) -> Case:
    """Return the case of a charm's file with some members."""
    usual = {"manifest.yaml": "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\n"}
    archive = archive_of({**usual, **members}, {})
    return _charm_case("charm file", archive, {**members}, unpack=False)


# Option values

_typed_options = st.dictionaries(
    st.sampled_from(("a", "b", "c")), st.sampled_from(_TYPES[:4]), min_size=1, max_size=2
)


def config_of(options: dict[str, str]) -> str:
    """Return the ``config.yaml`` of options of some types."""
    return yaml.safe_dump({"options": {name: {"type": kind} for name, kind in options.items()}})


@st.composite
def settings_cases(draw: st.DrawFn) -> Case:
    """Option values in YAML, as Deploy and SetConfigs get them."""
    options = draw(_typed_options)
    values = {name: draw(scalars | _words) for name in options}
    request = {"config": config_of(options), "text": document({"app": values}), "key": "app"}
    return Case("settings", "settings", request, {"options": options})


_number_texts = st.text("0123456789+-._eExXinfaty ", max_size=7)


@st.composite
def strings_cases(draw: st.DrawFn) -> Case:
    """Option values that are all text, as `juju config` gives them."""
    options = draw(_typed_options)
    values = {name: draw(texts | _number_texts) for name in options}
    request = {"config": config_of(options), "strings": values}
    return Case("strings", "strings", request, {"options": options})


# References

_PARTS: Final = """
docker.io index.docker.io library nginx reg.example.com localhost A a_b a__b a---b
a..b [fd00::1] reg:5000 reg:999999 a.b -a 127.0.0.1 registry-1.docker.io a_b.com reg:0 Reg.io
"""
_part = st.sampled_from(
    (
        *_PARTS.split(),
        "x" * 130,
        "x" * 254,
        "\u00e9",
        "",
    )
)
_HEX: Final = "0123456789abcdef"
_suffix = st.sampled_from(
    (
        "",
        "",
        ":1",
        ":latest",
        ":" + "t" * 128,
        ":" + "t" * 129,
        ":.x",
        ":",
        "@",
        "@sha256:" + "a" * 64,
        "@sha256:" + "A" * 64,
        "@sha256:" + "a" * 63,
        "@sha512:" + "b" * 128,
        "@sha384:" + "c" * 96,
        "@sha1:" + "a" * 40,
        "@SHA256:" + "a" * 64,
        "@a+b:" + "a" * 64,
        ":1@sha256:" + "a" * 64,
    )
)


def reference_cases() -> st.SearchStrategy[Case]:
    """References to images."""
    built = st.builds(
        lambda parts, suffix: "/".join(parts) + suffix,
        st.lists(_part, min_size=1, max_size=4),
        _suffix,
    )
    loose = st.text("ab1.:/@_-A", min_size=1, max_size=14) | st.text(_HEX, min_size=63, max_size=65)
    return (built | loose).map(lambda text: Case("reference", "reference", {"text": text}))


KINDS: Final = {
    "yaml": (yaml_cases(), 15),
    "written": (written_cases(), 11),
    "edited": (edited_cases(), 4),
    "bundle": (bundle_cases(), 18),
    "overlay": (overlay_cases(), 14),
    "upload": (charm_cases("upload"), 10),
    "charm file": (charm_cases("charm file"), 10),
    "settings": (settings_cases(), 7),
    "strings": (strings_cases(), 4),
    "reference": (reference_cases(), 7),
}
"""The strategies, and of a hundred cases how many are of each."""
