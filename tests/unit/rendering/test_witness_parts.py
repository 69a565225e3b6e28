"""The words of texts, and references in parts, as the witness reads them; and where it looks."""

from __future__ import annotations

import json
import textwrap

import pytest

from ckf_airgap.documents import JSONValue
from ckf_airgap.rendering.witness.composing import Composed, compose
from ckf_airgap.rendering.witness.judging import Verdict
from ckf_airgap.rendering.witness.survey import MAX_NESTED, Found, document, survey
from ckf_airgap.rendering.witness.texts import is_list, words_of_text

HEX = "a" * 64
PRIVATE = "reg.example.com"


def look(value: JSONValue, *names: str, private: str = PRIVATE) -> list[Found]:
    return list(survey(value, names or ("words",), private=private))


def told(value: JSONValue, *names: str, private: str = PRIVATE) -> list[tuple[str, str]]:
    """Return text and verdict of each that is found."""
    found = look(value, *names, private=private)
    return [(one.judged.text, one.judged.verdict.value) for one in found]


# Words of texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b:1", [("line 1 column 1", "a/b:1", "", False)]),
        ("see a/b:1 there", [("line 1 column 5", "a/b:1", "", False)]),
        ("\na/b:1\n\nx c/d e/f\ng", [
            ("line 2 column 1", "a/b:1", "", False),
            ("line 4 column 3", "c/d", "", False),
            ("line 4 column 7", "e/f", "", False),
        ]),
        ("one two:3 four", [("line 1 column 5", "two:3", "", False)]),
        ("one two four@x.y", []),
        ("a/b:X, c/d:1-. e/f_", [
            ("line 1 column 1", "a/b:X", "", False),
            ("line 1 column 8", "c/d:1", "", False),
            ("line 1 column 16", "e/f", "", False),
        ]),
        ("/etc/x:1 a/b", [("line 1 column 10", "a/b", "", False)]),
        ("https://q.io/a/b:1 a/b", [("line 1 column 20", "a/b", "", False)]),
        ("docker://q.io/a://b", [("line 1 column 1", "q.io/a://b", "", False)]),
        ("OCI://q.io/a:1", [("line 1 column 1", "q.io/a:1", "", False)]),
        ("a/b=c/d", [("line 1 column 5", "c/d", "b", False)]),
        ("x/y= a/b", [("line 1 column 6", "a/b", "y", False)]),
        ("k=a/b:1", [("line 1 column 3", "a/b:1", "k", False)]),
        ("key: 'a/b:1'", [("line 1 column 7", "a/b:1", "key", False)]),
        ("(= a/b:1", [("line 1 column 4", "a/b:1", "", False)]),
        ("--the-key-=a/b:1", [("line 1 column 12", "a/b:1", "the-key-", False)]),
        ("--Xkey=a/b:1", [("line 1 column 8", "a/b:1", "Xkey", False)]),
        ("--the-key- a/b:1", [("line 1 column 12", "a/b:1", "the-key-", False)]),
        ("--Xkey a/b:1", [("line 1 column 8", "a/b:1", "Xkey", False)]),
        ("--key 'a/b:1'", [("line 1 column 8", "a/b:1", "key", False)]),
        ("--key'a/b:1'", [("line 1 column 7", "a/b:1", "", False)]),
        ("--key and a/b:1", [("line 1 column 11", "a/b:1", "", False)]),
        ("--key X'a/b:1'", [("line 1 column 9", "a/b:1", "", False)]),
        ("key:\n a/b:1", [("line 2 column 2", "a/b:1", "", False)]),
        ("${X:-a/b:1}", [("line 1 column 3", "a/b:1", "", False)]),
        ("k=X:-a/b:1", [("line 1 column 3", "a/b:1", "", False)]),
        ("a/b:${X} a/c{{ x }} a/d<x> a/e%x a/f", [
            ("line 1 column 1", "a/b", "", True),
            ("line 1 column 10", "a/c", "", True),
            ("line 1 column 21", "a/d", "", True),
            ("line 1 column 28", "a/e", "", True),
            ("line 1 column 34", "a/f", "", False),
        ]),
    ],
)  # fmt: skip
def test_words_that_may_be_references(
    text: str, expected: list[tuple[str, str, str, bool]]
) -> None:
    words = list(words_of_text(text))
    assert [(word.place, word.text, word.name, word.cut) for word in words] == expected


def test_words_are_no_longer_than_references() -> None:
    longest = "a" * 698 + "/b"
    words = list(words_of_text(f"{longest}, {longest}c, d/e"))
    assert [word.text for word in words] == [longest, "d/e"]
    assert is_list(f"{longest}, d/e")
    assert not is_list(f"{longest}c, d/e")


def test_the_name_of_a_word_is_near_to_it() -> None:
    (word,) = words_of_text("x" * 200 + "=a/b")
    assert word.name == "x" * 119


@pytest.mark.parametrize(
    "text", ["a/b", "a/b,c/d", " 'a/b'; (c) ", "X/a", "a b\nc", '[a, "b"]', "`a`|b", "", " , "]
)
def test_a_row_of_words_is_a_list(text: str) -> None:
    assert is_list(text)


@pytest.mark.parametrize("text", ["a/b {x}", "run: $A", "a, *", "é", "<a>"])
def test_what_has_more_than_words_is_none(text: str) -> None:
    assert not is_list(text)


# References in parts


def made(fields: dict[str, str], *around: str) -> list[Composed]:
    return list(compose(fields, around))


def short(fields: dict[str, str], *around: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return each reference with the keys of its parts."""
    return [(str(one.reference), one.keys) for one in made(fields, *around)]


def test_a_reference_has_the_keys_of_its_parts() -> None:
    fields = {
        "cat-registry": "q.io",
        "cat-image-namespace": "a",
        "cat-image": "cat",
        "cat-tag": "1",
    }
    (one,) = made(fields)
    assert (one.name, one.hub, one.owner, one.tag) == (
        "cat-image",
        "cat-registry",
        "cat-image-namespace",
        "cat-tag",
    )
    assert str(one.reference) == "q.io/a/cat:1"
    assert one.certain
    (one,) = made({"cat-image": "a/cat", "cat-tag": "1"})
    assert (one.hub, one.owner, one.tag) == ("", "", "cat-tag")
    assert one.certain
    (one,) = made({"registry": "q.io", "cat-image": "a/cat"})
    assert (one.hub, one.owner, one.tag) == ("registry", "", "")
    assert not one.certain


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # a scheme is no part of a registry, and makes a name none
        ({"registry": "https://q.io", "image": "a/cat"}, ["q.io/a/cat"]),
        ({"cat-image": "https://q.io/cat", "cat-tag": "1"}, []),
        ({"registry": " q.io/ ", "image": " a/cat "}, ["q.io/a/cat"]),
        ({"registry": " ", "image": "a/cat", "tag": " "}, []),
        ({"cat-registry": "REG.X", "cat-image": "a/cat:1"}, ["REG.X/a/cat:1"]),
        ({"cat-registry": "q io", "cat-image": "a/cat:1"}, []),
        # a name may have a tag or digest already
        (
            {"cat-registry": "q.io", "cat-image": "a/cat:2", "cat-tag": "1"},
            ["q.io/a/cat:2"],
        ),
        ({"cat-image": f"a/cat@sha256:{HEX}", "cat-tag": "1"}, []),
        ({"cat-registry": "q.io", "cat-image": f"a/cat@sha256:{HEX}"}, []),
        ({"cat-image": "q.io/a/cat", "cat-registry": "r.io", "cat-tag": "1"}, ["q.io/a/cat:1"]),
        # names that make none are passed over
        (
            {
                "registry": "q.io",
                "one-image": "not one",
                "two-image": "r.io/a/two:1",
                "three-image": "a/three",
                "four-image": "a/four",
            },
            ["q.io/a/three", "q.io/a/four"],
        ),
        ({"one-tag": "1", "two-image": "a/two", "one-image": "a/one"}, ["a/one:1"]),
        ({"cat-image": "a/cat", "cat-tag": "no tag"}, []),
        # a name is one of an image, or beside nothing else
        ({"registry": "q.io", "cat-name": "a/cat"}, []),
        ({"registry": "q.io", "cat-image-name": "a/cat"}, ["q.io/a/cat"]),
        ({"cat-repository": "a/cat", "cat-tag": "1"}, []),
        ({"image-repository": "a/cat", "image-tag": "1"}, ["a/cat:1"]),
        # what stands between registry and name
        (
            {"image-registry": "q.io", "image-namespace": "cat", "image-name": "cat"},
            ["q.io/cat/cat"],
        ),
        (
            {"image-registry": "q.io", "image-namespace": "/a/", "image-name": "cat"},
            ["q.io/a/cat"],
        ),
        ({"image-registry": "q.io", "namespace": "a", "image-name": "cat"}, ["q.io/cat"]),
        ({"image-registry": "q.io", "image-repository": "a", "image-name": "cat"}, ["q.io/a/cat"]),
        ({"image-registry": "q.io", "image-repo": "a", "image-name": "cat"}, ["q.io/a/cat"]),
        (
            {"image-registry": "q.io", "image-repository": "a/cat", "image-name": "cat"},
            ["q.io/a/cat"],
        ),
        (
            {"image-registry": "q.io", "image-repository": "a/xcat", "image-name": "cat"},
            ["q.io/a/xcat/cat"],
        ),
        (
            {
                "image-registry": "r.io",
                "image-repository": "q.io/a",
                "image-name": "cat",
                "image-tag": "1",
            },
            ["q.io/a/cat:1"],
        ),
        ({"image-repository": "Xa", "image-name": "cat", "image-tag": "1"}, ["Xa/cat:1"]),
        ({"image-repository": "not one", "image-name": "cat", "image-tag": "1"}, []),
        (
            {
                "image-repository": "a",
                "image-namespace": "b",
                "image-name": "cat",
                "image-tag": "1",
            },
            ["a:1", "cat:1"],
        ),
        (
            {"image-namespace": "a", "image-name": "q.io/cat", "image-tag": "1"},
            ["q.io/cat:1"],
        ),
        # which of several belongs to a name
        (
            {"cat-registry": "q.io", "registry": "r.io", "cat-image": "cat:1"},
            ["q.io/cat:1"],
        ),
        ({"cat-registry": "q.io", "cat-image": "cat:1", "dog-image": "dog:1"}, ["q.io/cat:1"]),
        ({"image-registry": "q.io", "oci-registry": "r.io", "cat-image": "cat:1"}, []),
        ({"mirror": "q.io", "cat-image": "cat:1"}, []),
        ({"image-mirror": "q.io", "cat-image": "cat:1"}, ["q.io/cat:1"]),
        ({"tag": "1", "cat-image": "a/cat"}, []),
        ({"--": "x", "image-tag": "1", "image": "a/cat"}, ["a/cat:1"]),
        ({"image-version": "1", "image": "a/cat"}, ["a/cat:1"]),
        ({"cat-dog-image-tag": "1", "cat-dog-image": "a/cat"}, ["a/cat:1"]),
    ],
)
def test_what_options_make_together(fields: dict[str, str], expected: list[str]) -> None:
    assert [reference for reference, _ in short(fields)] == expected


def test_a_repository_with_the_name_at_its_end_is_the_name() -> None:
    fields = {"image-repository": "q.io/a/cat", "image-name": "cat", "image-tag": "1"}
    assert short(fields) == [("q.io/a/cat:1", ("image-repository", "image-tag"))]


@pytest.mark.parametrize(
    ("fields", "around", "expected"),
    [
        ({"name": "a/cat", "tag": "1"}, ("image",), ["a/cat:1"]),
        ({"name": "a/cat", "tag": "1"}, ("pod",), []),
        ({"name": "a/cat", "tag": "1"}, ("images", "cat"), ["a/cat:1"]),
        ({"registry": "q.io", "name": "cat"}, ("image",), ["q.io/cat"]),
        ({"repository": "a/cat", "tag": "1"}, ("image",), ["a/cat:1"]),
        ({"repository": "a/cat", "tag": "1"}, ("pod",), []),
        ({"hub": "q.io/a", "cat-image": "cat"}, ("pod",), ["q.io/a/cat"]),
        ({"hub": "q.io/a", "image": "cat", "release-tag": "1"}, ("pod",), ["q.io/a/cat:1"]),
        ({"hub": "q.io/a", "image": "cat", "x-tag": "1", "y-tag": "2"}, ("pod",), ["q.io/a/cat"]),
    ],
)
def test_what_keys_of_a_mapping_make_together(
    fields: dict[str, str], around: tuple[str, ...], expected: list[str]
) -> None:
    assert [reference for reference, _ in short(fields, *around)] == expected
    assert all(one.certain for one in made(fields, *around))


# Where it looks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "\x7f"}', {"a": "\x7f"}),
        ('["\x7f"]', ["\x7f"]),
        ("{a}", {"a": None}),
        ("[a]", ["a"]),
        ("? a", {"a": None}),
        ("!!seq [a]", ["a"]),
        ("&x [a]", ["a"]),
        ("- a", ["a"]),
        ("a:\tb", {"a": "b"}),
        ("a: 1\na: 2\n", {"a": 2}),
        ("a:", {"a": None}),
        (" a: 1 ", {"a": 1}),
        ("- a\n---\nb: 1\n", [["a"], {"b": 1}]),
        ("---\n- a\n", ["a"]),
        ("---\na\n", None),
        ("- a\n---\nb\n", None),
    ],
)
def test_documents(text: str, expected: JSONValue) -> None:
    assert document(text) == expected


@pytest.mark.parametrize("depth", [1, MAX_NESTED - 1, MAX_NESTED, MAX_NESTED + 1])
def test_documents_are_opened_so_deep(depth: int) -> None:
    text = "quay.io/acme/cat:1"
    for _ in range(depth):
        text = "- |\n" + textwrap.indent(text, "  ") + "\n"
    (one,) = look(text)
    opened = min(depth, MAX_NESTED)
    rest = () if depth <= MAX_NESTED else ("line 2 column 3",)
    assert one.path == (0,) * opened + rest
    assert one.judged.text == "quay.io/acme/cat:1"


def test_everything_in_a_value_is_looked_at() -> None:
    value: JSONValue = {
        "a": "quay.io/x/a:1",
        "b": ["quay.io/x/b:1", {"c": ["quay.io/x/c:1"]}, 7],
        "d": {"e": "quay.io/x/e:1", "f": None},
        "g": '["quay.io/x/g:1"]',
        "h": [],
    }
    found = {one.path: one.judged.text for one in look(value)}
    assert found == {
        ("a",): "quay.io/x/a:1",
        ("b", 0): "quay.io/x/b:1",
        ("b", 1, "c", 0): "quay.io/x/c:1",
        ("d", "e"): "quay.io/x/e:1",
        ("g", 0): "quay.io/x/g:1",
    }


def test_a_name_beside_a_value_is_that_of_the_value_only() -> None:
    assert told({"name": "WORKER_IMAGE", "value": "acme/tool"}) == [("acme/tool", "image")]
    assert told({"name": "WORKER_IMAGE", "path": "acme/tool"}) == [("acme/tool", "perhaps")]
    assert told({"name": 5, "value": "acme/tool"}) == [("acme/tool", "perhaps")]
    assert told({"key": "worker-image", "default": "acme/tool"}) == [("acme/tool", "image")]
    assert told({"variable": "IMAGE", "val": "acme/tool"}) == [("acme/tool", "image")]


def test_the_private_registry_counts_wherever_it_is() -> None:
    word = f"{PRIVATE}/a:whatever"
    assert told(word) == [(word, "image")]
    assert told(word, private="") == [(word, "perhaps")]
    assert told(f"see {word} there") == [(word, "image")]
    assert told(f"see {word} there", private="") == [(word, "perhaps")]
    assert told({word: 1}) == [(word, "image")]
    assert told({word: 1}, private="") == []
    assert told(f"{PRIVATE}/a/${{X}}") == [(f"{PRIVATE}/a", "part")]
    assert told(f"{PRIVATE}/a/${{X}}", private="") == []
    assert told(f"{PRIVATE}, quay.io", "model-registry") == [(PRIVATE, "part"), ("quay.io", "part")]
    assert told(f"{PRIVATE}, quay.io", "model-registry", private="") == [("quay.io", "part")]


def test_a_key_is_a_reference_with_a_registry_only() -> None:
    assert told({f"quay.io/a/b@sha256:{HEX}": 1}) == [(f"quay.io/a/b@sha256:{HEX}", "image")]
    assert told({f"b@sha256:{HEX}": 1, "a/b:1.2": 1, "quay.io/a": 1, "quay.io": 1}) == []
    (one,) = look({"k": {"quay.io/a/b:1": {}}})
    assert (one.path, one.is_key) == (("k", "quay.io/a/b:1"), True)


def test_the_words_of_a_list_are_what_its_name_says() -> None:
    assert told("acme/a, acme/b", "x-images") == [("acme/a", "image"), ("acme/b", "image")]
    assert told("acme/a, {acme/b}", "x-images") == [("acme/a", "perhaps"), ("acme/b", "perhaps")]
    assert told("--path=acme/a acme/b", "x-images") == [
        ("acme/a", "perhaps"),
        ("acme/b", "perhaps"),
    ]
    assert told("path=acme/a x", "x-images") == [("acme/a", "perhaps")]


def test_the_registries_of_a_list_are_parts_once_each() -> None:
    text = "quay.io/acme, docker.io ghcr.io:443"
    assert told(text, "image-registry") == [
        ("quay.io/acme", "part"),
        ("ghcr.io:443", "part"),
        ("docker.io", "part"),
    ]
    assert [one.path for one in look(text, "image-registry")] == [
        ("line 1 column 1",),
        ("line 1 column 25",),
        (),
    ]
    assert told("quay.io {x}", "image-registry") == []
    assert told("quay.io docker.io", "words") == []
    assert told(["quay.io, x"], "image-registry") == [("quay.io", "part")]
    assert look(["quay.io, x"], "image-registry")[0].path == (0,)


def test_what_stands_before_a_template_is_a_part_with_its_text() -> None:
    (one,) = look("quay.io/acme/x/${NAME}:1")
    judged = one.judged
    assert (judged.verdict, judged.text) == (Verdict.PART, "quay.io/acme/x")
    assert str(judged.reference) == "quay.io/acme/x"
    assert told("acme/x/${NAME}:1") == []
    assert told("quay.io${NAME}") == []
    assert told("x: quay.io/A$B") == []


def test_what_is_beside_a_reference_in_parts_is_looked_at() -> None:
    value = json.dumps({"hub": "q.io/a", "cat-image": "cat", "tag": "1", "x": "quay.io/x/y:1"})
    assert told(value) == [("q.io/a/cat:1", "image"), ("quay.io/x/y:1", "image")]


def test_an_address_may_be_the_host_of_a_registry() -> None:
    assert told("[fd00::1]:5000", "image-registry") == [("[fd00::1]:5000", "part")]
    assert told("[fd00::1]:5000/x:whatever") == [("[fd00::1]:5000/x:whatever", "image")]


def test_a_reference_in_parts_is_at_its_name() -> None:
    value = json.dumps({"x": {"hub": "q.io/a", "tag": "1", "cat-image": "cat", "n": 5}})
    (one,) = look(value)
    assert one.path == ("x", "cat-image")
    assert one.parts == (("x", "hub"), ("x", "cat-image"), ("x", "tag"))
    assert (one.certain, one.is_key) == (True, False)
    judged = one.judged
    assert (judged.verdict, judged.text) == (Verdict.IMAGE, "q.io/a/cat:1")
