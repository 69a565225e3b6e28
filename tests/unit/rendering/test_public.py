"""What stays public in a rendered bundle: refused, warned of, or put in place of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charms.charm import Base, Charm, DefaultImages, Option
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.errors import OptionError, ProofError, UsageError
from ckf_airgap.facts.releases import load_release, release_names
from ckf_airgap.images import discover
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.allowing import parse_place
from ckf_airgap.rendering.lookup import find_images
from ckf_airgap.rendering.overlay import Rendering, render
from ckf_airgap.rendering.proof import prove

R = Registry.parse("r.io:5000")
FILE = DefaultImages(
    path="src/default-custom-images.json",
    text='{"a": "quay.io/acme/a:1", "b": "quay.io/acme/b:1", "c": "quay.io/acme/c:1"}',
    value={"a": "quay.io/acme/a:1", "b": "quay.io/acme/b:1", "c": "quay.io/acme/c:1"},
)
LIST = DefaultImages(
    path="src/default-more-images.yaml", text="- quay.io/acme/l:1\n", value=["quay.io/acme/l:1"]
)


def option(name: str, default: str | None = "") -> Option:
    return Option(name=name, type="string", default=default)


def cat(*options: Option, files: tuple[DefaultImages, ...] = (FILE, LIST)) -> Charm:
    return Charm(
        name="cat",
        path=Path("cat_r1.charm"),
        options={one.name: one for one in options},
        bases=(Base(name="ubuntu", channel="22.04"),),
        default_images=files,
    )


CAT = cat(option("custom_images", "a: ''\nb: ''\n"), option("more-images"), option("words", "hi"))


def rendered(
    charm: Charm = CAT,
    *,
    sets: tuple[str, ...] = (),
    overlays: tuple[str, ...] = (),
    rules: str = "",
    options: str = "{}",
    allow: tuple[str, ...] = (),
    images: ImageList | None = None,
) -> Rendering:
    bundle = load_mapping(
        f"applications: {{tom: {{charm: cat, scale: 1, options: {options}}}}}", where="bundle"
    )
    return render(
        Bundle.from_document(bundle, where="bundle"),
        charms=CharmDirectory.of([charm], path=Path("charms")),
        images=images,
        registry=R,
        rules=ImageRules.from_document(load_mapping(rules, where="rules"), where="rules")
        if rules
        else None,
        settings=[Setting.parse(text) for text in sets],
        overlays=[load_mapping(text, where="overlay") for text in overlays],
        allow_public=map(parse_place, allow),
    )


def value(rendering: Rendering, name: str = "custom_images") -> Document:
    text = rendering.bundle.applications["tom"].options[name]
    return load_mapping(str(text), where=name)


def warnings(rendering: Rendering) -> list[str]:
    return [str(warning) for warning in rendering.warnings]


PARTIAL = "a: quay.io/mine/a:9"


@pytest.mark.parametrize(
    "given",
    [
        {"sets": (f"tom.custom_images={PARTIAL}",)},
        {"overlays": (f"applications: {{tom: {{options: {{custom_images: '{PARTIAL}'}}}}}}",)},
    ],
    ids=["set", "overlay"],
)
def test_a_partial_mapping_of_a_person_is_completed_and_their_keys_stay(
    given: dict[str, tuple[str, ...]],
) -> None:
    rendering = rendered(**given)  # type: ignore[arg-type]
    assert value(rendering) == {
        "a": "quay.io/mine/a:9",
        "b": "r.io:5000/acme/b:1",
        "c": "r.io:5000/acme/c:1",
    }
    (told,) = rendering.warnings
    assert told.where == "application tom, option custom_images, key a"
    assert told.what == "quay.io/mine/a:9 is not in r.io:5000, and stays since you set it"
    assert {one.need.where for one in rendering.replacements} == {
        "option custom_images, key b",
        "option custom_images, key c",
        "option more-images, item [0]",
    }


def test_keys_that_the_private_registry_serves_need_no_warning() -> None:
    rendering = rendered(sets=("tom.custom_images={a: 'r.io:5000/mine/a:9'}",))
    assert value(rendering)["a"] == "r.io:5000/mine/a:9"
    assert warnings(rendering) == []


def test_an_empty_mapping_is_completed_as_a_whole() -> None:
    assert set(value(rendered(sets=("tom.custom_images={}",)))) == {"a", "b", "c"}


@pytest.mark.parametrize("empty", ["''", "null", "' '", ""])
def test_a_key_that_a_person_empties_is_left_to_them_with_a_warning(empty: str) -> None:
    rendering = rendered(sets=(f"tom.custom_images=b: {empty}\n",))
    assert set(value(rendering)) == {"a", "b", "c"}
    assert not value(rendering)["b"] or value(rendering)["b"] == " "
    told = [str(warning) for warning in rendering.warnings if "outside" in warning.what]
    expected = (
        "application tom, option custom_images, key b: quay.io/acme/b:1 is pulled from outside "
        "r.io:5000, since you left it empty (leave the key out, and it is put in)"
    )
    assert told == [expected]


def test_an_option_that_a_person_empties_is_left_to_them_with_a_warning_for_each_image() -> None:
    rendering = rendered(sets=("tom.custom_images=", "tom.more-images="))
    assert rendering.replacements == ()
    assert len(rendering.warnings) == 4
    assert {warning.where for warning in rendering.warnings} == {
        "application tom, option custom_images, key a",
        "application tom, option custom_images, key b",
        "application tom, option custom_images, key c",
        "application tom, option more-images, item [0]",
    }


def test_a_list_of_a_person_stays_as_it_is() -> None:
    for given in ("[]", "[r.io:5000/mine/x:1]"):
        rendering = rendered(sets=(f"tom.more-images={given}",))
        assert rendering.bundle.applications["tom"].options["more-images"] == given
        assert warnings(rendering) == []


RULES = """
release: x
rules:
  cat:
    channel: stable
    options:
      custom_images:
        images:
          d: {image: "quay.io/acme/d:1"}
          e: {image: "quay.io/acme/e:1", otherwise: "gcr.io/other/e:1"}
"""


def test_what_the_rules_know_is_put_in_or_warned_of_likewise() -> None:
    charm = cat(option("custom_images", "d: ''\n"), files=())
    rendering = rendered(charm, sets=("tom.custom_images={x: 'r.io:5000/x:1'}",), rules=RULES)
    assert value(rendering) == {
        "x": "r.io:5000/x:1",
        "d": "r.io:5000/acme/d:1",
        "e": "r.io:5000/acme/e:1",
    }
    rendering = rendered(charm, sets=("tom.custom_images={d: '', e: ''}",), rules=RULES)
    told = [warning.what for warning in rendering.warnings if "outside" in warning.what]
    assert told == [
        "quay.io/acme/d:1 is pulled from outside r.io:5000, since you left it empty",
        "gcr.io/other/e:1 is pulled from outside r.io:5000, since you left it empty",
    ]


def test_an_overlay_that_is_taken_back_by_a_later_one_is_nobodys() -> None:
    rendering = rendered(
        overlays=(
            "applications: {tom: {options: {custom_images: 'a: quay.io/mine/a:9'}}}",
            "applications: {tom: {options: {custom_images: }}}",
        )
    )
    assert value(rendering)["a"] == "r.io:5000/acme/a:1"
    assert warnings(rendering) == []


# What rendering leaves public


def test_what_no_renderer_took_for_an_image_is_refused_all_together() -> None:
    charm = cat(
        option("worker", "docker://quay.io/acme/worker:1"),
        option("other", "oci://ghcr.io/acme/helper:2"),
        files=(),
    )
    with pytest.raises(ProofError) as caught:
        rendered(charm)
    assert [str(problem) for problem in caught.value.problems] == [
        "tom, option worker: quay.io/acme/worker:1 is not in the registry r.io:5000",
        "tom, option other: ghcr.io/acme/helper:2 is not in the registry r.io:5000",
    ]
    assert "--set" in caught.value.fix
    settled = rendered(
        charm,
        sets=("tom.worker=docker://quay.io/acme/worker:1",),
        overlays=("applications: {tom: {options: {other: none}}}",),
    )
    assert [warning.what for warning in settled.warnings] == [
        "quay.io/acme/worker:1 is not in r.io:5000, and stays since you set it"
    ]


PARTS = cat(option("image-registry", "quay.io"), option("words", "hi"), files=())


def test_a_part_that_stays_public_is_a_warning_until_it_is_allowed() -> None:
    (told,) = warnings(rendered(PARTS))
    assert told.startswith("application tom, option image-registry: quay.io stays public")
    assert "--allow-public tom.image-registry" in told
    assert warnings(rendered(PARTS, allow=("tom.image-registry",))) == []
    assert warnings(rendered(PARTS, allow=("tom.words",))) == [told]
    set_it = ("tom.image-registry=quay.io/acme",)
    (told,) = warnings(rendered(PARTS, sets=set_it))
    assert "quay.io/acme stays public" in told
    assert warnings(rendered(PARTS, sets=set_it, allow=("tom.image-registry",))) == []
    for private in ("r.io:5000", "r.io:5000/acme", "r.io:5000/"):
        assert warnings(rendered(PARTS, sets=(f"tom.image-registry={private}",))) == []


def test_a_whole_image_is_told_of_whatever_is_allowed() -> None:
    allowed = ("tom.words",)
    with pytest.raises(ProofError):
        rendered(cat(option("words", "docker://quay.io/a/b:1")), allow=allowed)
    told = warnings(rendered(sets=("tom.words=quay.io/a/b:1",), allow=allowed))
    assert len(told) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tim.words", r"--allow-public tim.words: there is no application tim \(did you mean"),
        ("tom.word", r"--allow-public tom.word: charm cat has no option word \(did you mean"),
    ],
)
def test_an_option_that_does_not_exist_cannot_be_allowed(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        rendered(allow=(text,))


@pytest.mark.parametrize("text", ["", "tom", "tom.", ".words", "tom.words=x"])
def test_what_names_no_option_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an option of an application"):
        parse_place(text)
    assert parse_place(" tom.words ") == ("tom", "words")


@pytest.mark.parametrize(
    ("options", "listed", "problem"),
    [
        ({"image-registry": "r.io:5000", "cat-image": "acme/cat:1"}, "r.io:5000/acme/cat:1", ""),
        (
            {"image-registry": "r.io:5000", "cat-image": "acme/cat:1"},
            "r.io:5000/acme/x:1",
            "tom, option cat-image: acme/cat:1 is not in the registry r.io:5000",
        ),
        (
            {"cat-registry": "quay.io", "cat-image": "acme/cat", "cat-tag": "1"},
            "r.io:5000/acme/cat:1",
            "tom, option cat-image: quay.io/acme/cat:1 is not in the registry r.io:5000",
        ),
        (
            {"cat-registry": "r.io:5000", "cat-image": "acme/cat", "cat-tag": "2"},
            "r.io:5000/acme/cat:1",
            "tom, option cat-image: r.io:5000/acme/cat:2 is not in list",
        ),
        ({"cat-image": "r.io:5000/acme/cat", "cat-version": "7"}, "r.io:5000/acme/cat", ""),
        (
            {"cat-image": "r.io:5000/acme/cat", "cat-version": "7"},
            "r.io:5000/acme/cat:8",
            "tom, option cat-image: r.io:5000/acme/cat:7 is not in list",
        ),
        ({"cat-image": "busybox"}, "r.io:5000/other:1", ""),
        (
            {"cat-image": "busybox"},
            "r.io:5000/busybox",
            "tom, option cat-image: busybox is not in the registry r.io:5000",
        ),
    ],
)
def test_options_that_make_an_image_together_are_proved_together(
    options: dict[str, str], listed: str, problem: str
) -> None:
    charm = cat(*(option(name, text) for name, text in options.items()), files=())
    bundle = Bundle.from_document({"applications": {"tom": {"charm": "./c.charm"}}}, where="x")
    images = RetaggedImages.from_list(ImageList.parse(listed, where="list"), registry=R)
    if not problem:
        prove(bundle, {"tom": charm}, images)
        return
    with pytest.raises(ProofError) as caught:
        prove(bundle, {"tom": charm}, images)
    assert [str(one) for one in caught.value.problems] == [problem]


# One look for images


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the charms whose options were looked through, in that order."""
    seen: list[str] = []

    def counted(charm: Charm, *args: object, **more: object) -> object:
        seen.append(charm.name)
        return plan_options(charm, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(discover, "plan_options", counted)
    return seen


@pytest.fixture(scope="module", params=release_names())
def shipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, CharmDirectory]:
    directory = tmp_path_factory.mktemp("charms")
    write_standins(load_release(request.param), directory)
    return request.param, CharmDirectory.scan(directory)


def test_images_are_looked_for_once_however_they_are_listed(
    shipped: tuple[str, CharmDirectory], looks: list[str]
) -> None:
    name, charms = shipped
    release = load_release(name)
    registry = Registry.parse("reg.example.com:5000/team/ckf")
    first = render(
        release.bundle, charms=charms, images=None, registry=registry, rules=release.rules
    )
    assert len(looks) == len(release.bundle.applications)
    lines = "".join(f"{image}\n" for image in sorted(map(str, first.images)))
    listed = ImageList.parse(lines, where="list")
    for images, given in ((listed, None), (listed, registry)):
        looks.clear()
        again = render(
            release.bundle, charms=charms, images=images, registry=given, rules=release.rules
        )
        assert len(looks) == len(release.bundle.applications)
        assert again.overlay == first.overlay


def test_an_application_is_looked_at_again_when_the_list_is_of_another_registry(
    looks: list[str],
) -> None:
    """Beside a path of its own, the list would make ``cat:9000`` an image; it is none."""
    charm = cat(option("words", "cat:9000"), option("x-image", "acme/x:1"), files=())
    other = cat(option("x-image", "acme/y:1"), files=())
    bundle = Bundle.from_document(
        {"applications": {"tom": {"charm": "cat"}, "tim": {"charm": "dog"}}}, where="x"
    )
    listed = ImageList.parse(
        "r.io:5000/acme/x:1\nr.io:5000/acme/y:1\nr.io:5000/acme/cat:9000\n", where="l"
    )
    found, retagged = find_images(
        bundle,
        {"tom": charm, "tim": other},
        ImageRules.empty(),
        listed,
        None,
        own_options=(),
        own_resources=(),
    )
    assert retagged.registry == R
    assert [str(need.source) for entry in found for need in entry.needs()] == [
        "acme/x:1",
        "acme/y:1",
    ]
    assert ImageReference.parse("cat:9000") in {*found[0].unknown}
    assert len(looks) == 3
