"""Image rules are read strictly, and those that are shipped fit the charms they are for."""

from __future__ import annotations

import re

import pytest

from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.errors import ExitCode, InputError
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.images.optionrules import (
    Composite,
    CompositeExtra,
    RuleImage,
    SameAs,
    ValueGrammar,
)
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import CharmBases, ExtraImage, ImageRules, JujuImages

RULES = """
release: '7'
charm-bases: {repository: r/base, tag: 'ubuntu-{channel}'}
juju: {repository: r, controller: [jujud-operator]}
rules:
  a-charm:
    channel: 1/stable
    options:
      images-option:
        images:
          b: {image: 'r/b:1', why: somebody}
          a: {image: 'r/a:1', listed: false}
        leave-empty: [c]
        split-at-last-colon: [a]
      parts:
        composite:
          hub: hub
          tag: tag
          names: [pilot, proxy]
          extra: [{name: cni, when-set: [dir], why: on demand}]
      other: {same-as: {option: images-option, key: a}, why: told twice}
      unused: {leave-empty: true}
extra-images:
  - {image: 'r/x:1', why: nobody knows, charm: a-charm}
"""


def rules() -> ImageRules:
    return ImageRules.from_document(load_mapping(RULES, where="images.yaml"), where="images.yaml")


def read(text: str) -> ImageRules:
    return ImageRules.from_document(load_mapping(text, where="images.yaml"), where="images.yaml")


def test_rules_say_what_the_document_says() -> None:
    found = rules()
    assert found.release == "7"
    assert found.charm_bases == CharmBases(repository="r/base", tag="ubuntu-{channel}")
    assert found.charm_bases.image("22.04") == "r/base:ubuntu-22.04"
    assert found.juju == JujuImages(repository="r", controller=("jujud-operator",))
    assert found.extra_images == (ExtraImage(image="r/x:1", why="nobody knows", charm="a-charm"),)
    assert found.charms["a-charm"].channel == "1/stable"
    rule = found.for_option("a-charm", "images-option")
    assert rule is not None
    assert list(rule.images.items()) == [
        ("b", RuleImage(image="r/b:1", why="somebody")),
        ("a", RuleImage(image="r/a:1", listed=False)),
    ]
    assert rule.leave_empty == {"c"}
    assert rule.split == {"a"}
    assert not rule.leave_option_empty
    parts = found.for_option("a-charm", "parts")
    assert parts is not None
    assert parts.composite == Composite(
        hub="hub",
        tag="tag",
        names=("pilot", "proxy"),
        extra=(CompositeExtra(name="cni", when_set=("dir",), why="on demand"),),
    )
    other = found.for_option("a-charm", "other")
    assert other is not None
    assert other.same_as == SameAs(option="images-option", key="a")
    unused = found.for_option("a-charm", "unused")
    assert unused is not None
    assert unused.leave_option_empty
    assert unused.leave_empty == frozenset()


def test_no_rule_for_an_option_or_charm_that_is_not_named() -> None:
    assert rules().for_option("a-charm", "images") is None
    assert rules().for_option("a", "images-option") is None
    assert ImageRules.empty().for_option("a-charm", "images-option") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("leave-empty: [c]", "leave-empty: c", "images-option: leave-empty: must be a list"),
        ("leave-empty: [c]", "leave-empty: [a]", "'a' has an image, but leave-empty lists it too"),
        ("split-at-last-colon", "split-at-colon", "unknown key 'split-at-colon'"),
        ("split-at-last-colon: [a]", "put-before: ['a/B:1']", "'a/B:1' is not an image reference"),
        ("split-at-last-colon: [a]", "put-before: a/b:1", "must be a list of strings"),
        ("listed: false", "listed: 'no'", "images: a: listed: must be true or false, not text"),
        ("{image: 'r/b:1', why: somebody}", "r/b:1", "images: b: must be a mapping, not text"),
        ("{image: 'r/b:1', why: somebody}", "{why: x}", "images: b: image: is missing"),
        ("image: 'r/x:1'", "image: ''", "extra-images[1]: image: is empty"),
        ("channel: 1/stable", "channel: 1", "a-charm: channel: must be text, not an integer"),
        ("hub: hub", "hubs: hub", "composite: unknown key 'hubs'"),
        ("names: [pilot, proxy]", "names: {}", "names: must be a list of strings"),
        (", key: a}", "}", "same-as: key: is missing"),
        ("release: '7'", "releas: '7'", "did you mean 'release'?"),
        ("controller: [jujud-operator]", "controllers: []", "unknown key 'controllers'"),
    ],
)
def test_a_wrong_document_is_an_error_that_names_file_and_key(
    old: str, new: str, problem: str
) -> None:
    assert old in RULES
    with pytest.raises(InputError) as caught:
        read(RULES.replace(old, new, 1))
    assert caught.value.exit_code == ExitCode.INPUT
    assert problem in str(caught.value)
    assert all(found.where.startswith("images.yaml") for found in caught.value.problems)


USED = """\
release: '7'
rules:
  a-charm:
    channel: 1/stable
    options:
      images-option:
        used: later
        used-by-key: {a: start}
        images:
          a: {image: 'r/a:1', otherwise: 'r/other:1'}
      empty-option: {otherwise: 'r/none:1'}
extra-images:
- {image: 'r/x:1', used: later}
- {image: 'r/y:1'}
juju: {repository: r, controller: ['jujud:{version}', 'db:4.4']}
"""


def test_rules_tell_when_an_image_is_used_and_what_is_pulled_otherwise() -> None:
    found = read(USED)
    rule = found.for_option("a-charm", "images-option")
    assert rule is not None
    assert (rule.used_for("a"), rule.used_for("b"), rule.used_for("")) == (
        "start",
        "later",
        "later",
    )
    assert rule.images["a"].otherwise == "r/other:1"
    empty = found.for_option("a-charm", "empty-option")
    assert empty is not None
    assert (empty.otherwise, empty.used_for("")) == ("r/none:1", None)
    assert [(extra.image, extra.used) for extra in found.extra_images] == [
        ("r/x:1", "later"),
        ("r/y:1", "start"),
    ]
    assert found.juju is not None
    assert found.juju.images("3.6.9") == ("r/jujud:3.6.9", "r/db:4.4")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("used: later", "used: soon", "used: must be start or later, not 'soon'"),
        ("{a: start}", "{a: never}", "used-by-key: a: must be start or later, not 'never'"),
        ("'r/other:1'", "'Not An Image'", "otherwise: 'Not An Image' is not an image reference"),
        ("'r/none:1'", "'r/none:1 '", "empty-option: otherwise: 'r/none:1 ' is not an image"),
        ("'r/y:1'", "'http://r/y'", "extra-images[2]: image: 'http://r/y' is not an image"),
    ],
)
def test_wrong_words_and_references_are_named(old: str, new: str, problem: str) -> None:
    assert old in USED
    with pytest.raises(InputError) as caught:
        read(USED.replace(old, new, 1))
    assert problem in str(caught.value)


GRAMMAR = """\
release: '7'
rules:
  a-charm:
    channel: 1/stable
    options:
      all:
        value:
          kind: mapping
          unknown-keys: blocked
          unreadable: ignored
          empty: error
          nulls: taken
          plain: true
      least: {value: {kind: list}}
      parts: {value: {kind: composite}, composite: {hub: hub, tag: tag, names: [pilot]}}
      none: {used: later}
"""


def test_rules_tell_what_a_value_must_be_like() -> None:
    found = read(GRAMMAR).charms["a-charm"].options
    assert {name: rule.value for name, rule in found.items()} == {
        "all": ValueGrammar(
            kind="mapping",
            unknown_keys="blocked",
            unreadable="ignored",
            empty="error",
            nulls="taken",
            plain=True,
        ),
        "least": ValueGrammar(
            kind="list", unknown_keys="ignored", unreadable="error", empty="taken", nulls="ignored"
        ),
        "parts": ValueGrammar(kind="composite"),
        "none": None,
    }


@pytest.mark.parametrize("kind", ["mapping", "list", "reference", "registries"])
def test_every_kind_can_be_said(kind: str) -> None:
    rule = read(GRAMMAR.replace("kind: list", f"kind: {kind}")).for_option("a-charm", "least")
    assert rule is not None
    assert rule.value is not None
    assert rule.value.kind == kind


@pytest.mark.parametrize("outcome", ["blocked", "error", "ignored", "taken"])
def test_every_outcome_can_be_said(outcome: str) -> None:
    rule = read(GRAMMAR.replace("unreadable: ignored", f"unreadable: {outcome}"))
    found = rule.for_option("a-charm", "all")
    assert found is not None
    assert found.value is not None
    assert found.value.unreadable == outcome


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: list", "kind: lists", "value: kind: must be mapping or list or reference or"),
        ("kind: list", "empty: error", "least: value: kind: is missing"),
        ("kind: list", "kind: composite", "least: value: kind: composite belongs to an option"),
        ("value: {kind: composite}", "value: {kind: list}", "parts: value: kind: composite"),
        ("unknown-keys", "unknown-key", "unknown key 'unknown-key'"),
        ("nulls: taken", "nulls: none", "nulls: must be blocked or error or ignored or taken"),
        ("plain: true", "plain: 1", "value: plain: must be true or false, not an integer"),
        ("{kind: list}", "list", "least: value: must be a mapping, not text"),
    ],
)
def test_a_wrong_grammar_is_named(old: str, new: str, problem: str) -> None:
    assert old in GRAMMAR
    with pytest.raises(InputError) as caught:
        read(GRAMMAR.replace(old, new, 1))
    assert problem in str(caught.value)


def test_rules_of_a_file_replace_the_grammar_of_an_option_and_keep_all_others() -> None:
    mine = GRAMMAR.replace("{kind: list}", "{kind: reference}").replace("kind: composite", "")
    mine = mine.replace("value: {}, ", "")
    found = read(GRAMMAR).extended_by(read(mine), where="mine.yaml").charms["a-charm"].options
    assert found["least"].value == ValueGrammar(kind="reference")
    assert found["parts"].value == ValueGrammar(kind="composite")


def test_all_problems_of_a_document_are_told_together() -> None:
    with pytest.raises(InputError) as caught:
        read(RULES.replace("why: somebody", "wy: somebody").replace("tag: tag", "tag: 3"))
    assert len(caught.value.problems) == 2


def test_a_document_without_rules_has_none() -> None:
    empty: Document = {"release": "7"}
    assert ImageRules.from_document(empty, where="x").charms == {}


@pytest.fixture(params=release_names())
def shipped(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_shipped_rules_name_charms_options_and_keys_that_exist(shipped: str) -> None:
    release = load_release(shipped)
    assert release.rules.release == shipped
    channels = {
        application.charm_name: application.channel
        for application in release.bundle.applications.values()
    }
    for name, charm_rules in release.rules.charms.items():
        charm = release.charms[name]
        assert charm_rules.channel == channels[name]
        for option, rule in charm_rules.options.items():
            default = charm.options[option].default
            known = set(re.findall(r"^([^\s:]+)\s*:", str(default), flags=re.MULTILINE))
            file = charm.defaults_for(option)
            if file is not None and isinstance(file.value, dict):
                known |= set(file.value)
            assert rule.leave_empty | rule.split <= known
            listed = {key for key, image in rule.images.items() if image.listed}
            assert listed == known & rule.images.keys()
            if rule.composite is not None:
                parts = {rule.composite.hub, rule.composite.tag, *rule.composite.names}
                assert parts <= known
                for extra in rule.composite.extra:
                    assert set(extra.when_set) <= set(charm.options)
            if rule.same_as is not None:
                assert default == ""
                other = charm_rules.options[rule.same_as.option]
                named = charm.defaults_for(rule.same_as.option)
                keys = set(other.images)
                if named is not None and isinstance(named.value, dict):
                    keys |= set(named.value)
                assert rule.same_as.key in keys


def test_shipped_rules_hold_references(shipped: str) -> None:
    rules = load_release(shipped).rules
    assert rules.charm_bases is not None
    assert rules.juju is not None
    images = [rules.charm_bases.image("24.04"), f"{rules.juju.repository}/jujud-operator"]
    for charm_rules in rules.charms.values():
        for rule in charm_rules.options.values():
            images += [image.image for image in rule.images.values()]
    for image in images:
        assert str(ImageReference.parse(image)) == image


def test_every_empty_key_of_a_shipped_mapping_has_an_image_or_a_reason(shipped: str) -> None:
    """Whatever key a default lists without image, the file or the rules say what to do."""
    release = load_release(shipped)
    for charm in release.charms.values():
        for option in charm.options.values():
            if option.name != "custom_images":
                continue
            rule = release.rules.for_option(charm.name, option.name)
            file = charm.defaults_for(option.name)
            told = set(file.value) if file is not None and isinstance(file.value, dict) else set()
            if rule is not None:
                told |= set(rule.images) | set(rule.leave_empty)
            keys = set(load_mapping(str(option.default), where=charm.name))
            assert keys <= told, charm.name


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("1.8", ["migrate", "APISERVER_RA_IMAGE", "DISPATCHER_IMAGE"]),
        ("1.9", ["migrate", "APISERVER_RA_IMAGE", "DISPATCHER_IMAGE"]),
        ("1.10", ["migrate", "APISERVER_RA_IMAGE", "DISPATCHER_IMAGE", "job-sink"]),
        ("1.11", ["migrate", "APISERVER_RA_IMAGE", "DISPATCHER_IMAGE", "job-sink"]),
    ],
)
def test_keys_that_no_default_lists_are_told(name: str, keys: list[str]) -> None:
    rules = load_release(name).rules
    eventing = rules.for_option("knative-eventing", "custom_images")
    serving = rules.for_option("knative-serving", "custom_images")
    assert eventing is not None
    assert [key for key, image in eventing.images.items() if not image.listed] == keys
    unlisted = [
        key for key, image in (serving.images if serving else {}).items() if not image.listed
    ]
    assert unlisted == (["cleanup"] if "job-sink" in keys else [])


def test_serving_and_eventing_have_each_their_own_migration(shipped: str) -> None:
    rules = load_release(shipped).rules
    serving = rules.for_option("knative-serving", "custom_images")
    eventing = rules.for_option("knative-eventing", "custom_images")
    assert eventing is not None
    own = eventing.images["migrate"].image
    assert (
        serving is None
        or "migrate" not in serving.images
        or (
            serving.images["migrate"].image.partition("@")[0] == own.partition("@")[0]
            and serving.images["migrate"].image != own
        )
    )


def test_the_tag_of_an_extra_image_may_be_left_to_users() -> None:
    (extra,) = read(
        "release: '7'\nextra-images: [{image: a/viewer, tag: chosen-by-user}]\n"
    ).extra_images
    assert extra == ExtraImage(image="a/viewer", used="later", user_tagged=True)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("image: a/x, tag: '2.1'", "tag: must be chosen-by-user, not '2.1'"),
        ("image: 'a/x:1', tag: chosen-by-user", "image: must have neither tag nor digest"),
        (f"image: 'a/x@sha256:{'0' * 64}', tag: chosen-by-user", "neither tag nor digest"),
        ("image: a/x, tag: chosen-by-user, used: start", "used: must be later"),
    ],
)
def test_a_tag_left_to_users_goes_with_a_name_that_is_used_later(fields: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"release: '7'\nextra-images: [{{{fields}}}]\n")
    assert problem in str(caught.value)


class TestAdding:
    """Rules of a user's file are added to those of a release; none is lost."""

    def test_every_rule_of_a_release_survives_a_file_with_one_image(self) -> None:
        mine = read("release: mine\nextra-images: [{image: 'quay.io/a/tick:3'}]\n")
        for name in release_names():
            known = load_release(name).rules
            added = known.extended_by(mine, where="mine.yaml")
            assert added.charms == known.charms
            assert (added.charm_bases, added.juju) == (known.charm_bases, known.juju)
            assert added.extra_images == (*known.extra_images, *mine.extra_images)

    def test_a_release_added_to_itself_is_itself(self) -> None:
        for name in release_names():
            known = load_release(name).rules
            assert known.extended_by(known, where="copy.yaml") == known

    def test_images_of_one_option_are_joined_and_the_file_wins_where_both_name_a_key(self) -> None:
        mine = read(
            """
release: mine
rules:
  a-charm:
    channel: 2/edge
    options:
      images-option:
        images: {a: {image: 'mine/a:2'}, c: {image: 'mine/c:2'}}
        used: later
      new: {images: {x: {image: 'mine/x:1'}}}
  b-charm: {channel: stable, options: {o: {leave-empty: true}}}
"""
        )
        added = rules().extended_by(mine, where="mine.yaml")
        assert set(added.charms) == {"a-charm", "b-charm"}
        assert added.charms["a-charm"].channel == "1/stable"
        assert set(added.charms["a-charm"].options) == {
            "images-option",
            "parts",
            "other",
            "unused",
            "new",
        }
        option = added.for_option("a-charm", "images-option")
        assert option is not None
        assert {key: image.image for key, image in option.images.items()} == {
            "b": "r/b:1",
            "a": "mine/a:2",
            "c": "mine/c:2",
        }
        assert option.leave_empty == frozenset()
        assert (option.split, option.used) == (frozenset({"a"}), "later")

    def test_what_there_can_be_one_of_is_replaced(self) -> None:
        mine = read("release: mine\ncharm-bases: {repository: mine/base, tag: '{channel}'}\n")
        added = rules().extended_by(mine, where="mine.yaml")
        assert added.charm_bases == mine.charm_bases
        assert added.juju == rules().juju

    def test_images_that_are_needed_cannot_be_taken_away_and_all_are_named(self) -> None:
        mine = read(
            """
release: mine
rules:
  a-charm:
    channel: 1/stable
    options:
      images-option: {leave-empty: [b, z]}
      parts: {leave-empty: true}
      other: {same-as: {option: elsewhere, key: k}}
      unused: {leave-empty: true}
"""
        )
        with pytest.raises(InputError) as caught:
            rules().extended_by(mine, where="mine.yaml")
        assert [problem.where for problem in caught.value.problems] == [
            "mine.yaml: a-charm images-option",
            "mine.yaml: a-charm parts",
            "mine.yaml: a-charm other",
        ]
        assert "'b' is left empty, but r/b:1 is needed" in str(caught.value)
