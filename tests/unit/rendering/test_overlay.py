"""The overlay gives every charm its file and every image its place in the private registry."""

from __future__ import annotations

import copy
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from ckf_airgap.bundle.bases import choose_base
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.charms.charm import Base, Charm, DefaultImages, Endpoint, Option, Resource
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, JSONValue, load_mapping, load_yaml
from ckf_airgap.errors import (
    BundleError,
    CharmError,
    CharmNotFoundError,
    ExitCode,
    ImageNotFoundError,
    InputError,
    OptionError,
    UsageError,
)
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.images.discover import discover_images
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import standin_revisions
from ckf_airgap.rendering.generating import charm_path
from ckf_airgap.rendering.overlay import Rendering, render

FIXTURE = Path(__file__).parents[2] / "fixtures" / "deploy-plan-1.9.yaml"
R = Registry("172.17.0.2:5000")
REGISTRIES = [R, Registry("reg.example.com", "ckf"), Registry("[fd00::1]:5000")]


def doc(text: str) -> Document:
    return load_mapping(text, where="test")


def mapping(value: JSONValue) -> Document:
    assert isinstance(value, dict)
    return value


def standins(release: Release) -> CharmDirectory:
    revisions = standin_revisions(release)
    return CharmDirectory.of(
        [
            dataclasses.replace(
                charm, revision=revisions[name], path=Path(f"{name}_r{revisions[name]}.charm")
            )
            for name, charm in release.charms.items()
        ],
        path=Path("charms"),
    )


def retagged(release: Release, registry: Registry) -> RetaggedImages:
    """Return everything that a release needs, as if it had been carried into the registry."""
    charms = {
        name: release.charms[application.charm_name]
        for name, application in release.bundle.applications.items()
    }
    found = discover_images(release.bundle, charms, release.rules)
    sources = [need.source for entry in found for need in entry.needs()]
    return RetaggedImages.by_rule(sources, registry)


def rendered(release: Release, registry: Registry = R) -> Rendering:
    return render(
        release.bundle,
        charms=standins(release),
        images=retagged(release, registry),
        rules=release.rules,
    )


@pytest.fixture(params=release_names())
def release(request: pytest.FixtureRequest) -> Release:
    return load_release(request.param)


# The deployment of 1.9 that was recorded


def fixture() -> Document:
    return load_mapping(FIXTURE.read_text(encoding="utf-8"), where=str(FIXTURE))


def entries(document: Document, key: str) -> list[Document]:
    items = document[key]
    assert isinstance(items, list)
    return [mapping(item) for item in items]


def corrected(recorded: Document) -> dict[str, Document]:
    """Return what the recording passes to Juju, mended where its findings say that it is wrong."""
    applications = {
        name: mapping(copy.deepcopy(fields))
        for name, fields in mapping(recorded["applications"]).items()
    }
    for finding in [*entries(recorded, "findings"), *entries(recorded, "also-set")]:
        fields = applications[str(finding["application"])]
        value = finding.get("correct", finding.get("bundle"))
        section = "resources" if "resource" in finding else "options"
        name = str(finding.get("resource", finding.get("option")))
        place = mapping(fields.setdefault(section, {}))
        if "key" in finding:
            inner = mapping(parsed(place[name]))
            inner[str(finding["key"])] = value
            place[name] = yaml.safe_dump(inner)
        else:
            place[name] = value
    return applications


def parsed(value: JSONValue) -> JSONValue:
    """Read a YAML mapping or list; another text is itself.

    Charms drop the empty entries of a mapping, so an empty one and none are the same.
    """
    inner = load_yaml(value, where="option") if isinstance(value, str) else value
    if isinstance(inner, dict):
        return {key: item for key, item in inner.items() if item != ""}
    return inner if isinstance(inner, list) else value


def differences(ours: Bundle, expected: dict[str, Document]) -> list[str]:
    """Return every place where a bundle differs from what is expected."""
    found = sorted(expected.keys() ^ ours.applications.keys())
    for name, fields in expected.items():
        application = ours.applications.get(name)
        if application is None:
            continue
        pairs: list[tuple[str, JSONValue, JSONValue]] = [
            (key, getattr(application, key), fields.get(key, default))
            for key, default in (("charm", ""), ("trust", False), ("constraints", ""))
        ]
        for section, values in (
            ("resources", application.resources),
            ("options", application.options),
        ):
            wanted = mapping(fields.get(section, {}))
            pairs += [
                (f"{section} {key}", parsed(values.get(key)), parsed(wanted.get(key)))
                for key in sorted(values.keys() | wanted.keys())
            ]
        found += [
            f"{name} {place}: {mine!r} is not {other!r}"
            for place, mine, other in pairs
            if mine != other
        ]
    return found


def images_of_fixture(recorded: Document) -> ImageList:
    """Return the list that the recording was given, and what its findings say is missing in it."""
    lines = recorded["images"]
    assert isinstance(lines, list)
    missing = [
        str(finding["correct"])
        for finding in [*entries(recorded, "findings"), *entries(recorded, "also-set")]
        if "correct" in finding
        and finding["correct"] not in lines
        and finding.get("names-an-image") is not False
    ]
    return ImageList.parse("\n".join([*map(str, lines), *missing]), where="retagged-images.txt")


def rendered_as_recorded(registry: Registry | None = None) -> Rendering:
    release = load_release("1.9")
    return render(
        release.bundle,
        charms=standins(release),
        images=images_of_fixture(fixture()),
        registry=registry,
        rules=release.rules,
    )


@pytest.mark.parametrize("given", [True, False], ids=["registry given", "registry from list"])
def test_1_9_is_what_the_recorded_script_passes_except_in_its_findings(given: bool) -> None:
    recorded = fixture()
    rendering = rendered_as_recorded(R if given else None)
    assert rendering.registry == R
    assert differences(rendering.bundle, corrected(recorded)) == []


def changed(value: JSONValue) -> list[JSONValue]:
    """Return a value with one thing changed in it: each key, the order of a list, the text."""
    inner = parsed(value)
    if isinstance(inner, dict):
        return [yaml.safe_dump({**inner, key: "x/y:1"}) for key in [*inner, "new"]]
    if isinstance(inner, list):
        return [
            yaml.safe_dump([*inner, "x/y:1"]),
            *([yaml.safe_dump(inner[::-1])] * bool(inner[1:])),
        ]
    return [f"{value}x", None]


def test_the_comparison_sees_every_single_change() -> None:
    ours = rendered_as_recorded().bundle
    expected = corrected(fixture())
    count = 0
    for name, fields in expected.items():
        for section in ("resources", "options"):
            values = mapping(fields.get(section, {}))
            for key, value in values.items():
                for other in changed(value):
                    one = {name: {**fields, section: {**values, key: other}}}
                    found = differences(only(ours, name), one)
                    assert len(found) == 1
                    assert found[0].startswith(f"{name} {section} {key}: ")
                    count += 1
        for key in ("charm", "trust", "constraints"):
            assert len(differences(only(ours, name), {name: {**fields, key: "other"}})) == 1
    assert count > 150
    assert len(differences(only(ours, "minio"), expected)) == len(expected) - 1


def only(bundle: Bundle, name: str) -> Bundle:
    return dataclasses.replace(bundle, applications={name: bundle.applications[name]})


def test_the_recording_without_its_corrections_differs_in_the_findings_only() -> None:
    recorded = fixture()
    script = {name: mapping(fields) for name, fields in mapping(recorded["applications"]).items()}
    found = differences(rendered_as_recorded().bundle, script)
    places = {
        f"{finding['application']} "
        + (
            f"resources {finding['resource']}"
            if "resource" in finding
            else f"options {finding['option']}"
        )
        for finding in [*entries(recorded, "findings"), *entries(recorded, "also-set")]
    }
    assert {line.partition(":")[0] for line in found} == places


# Nothing is left outside


WORD = re.compile(r"[^\s'\"=,;{}()<>|]+")


def words(value: object) -> list[str]:
    if isinstance(value, dict):
        return [word for item in value.values() for word in words(item)]
    if isinstance(value, list):
        return [word for item in value for word in words(item)]
    return WORD.findall(str(value))


def looks_public(word: str, registry: Registry) -> bool:
    """Whether a word may be an image that is pulled from elsewhere, judged without our grammar."""
    if word.startswith((f"{registry}/", "http://", "https://")):
        return False
    path, slash, last = word.rpartition("/")
    tagged = re.search(r"[\w.-]:[\w][\w.-]*$|@sha256:", last if slash else word)
    hosted = slash and re.match(
        r"^(docker\.io|gcr\.io|ghcr\.io|quay\.io|registry\.k8s\.io|nvcr\.io)", path
    )
    named = re.match(r"^[a-z]+:\d", word) and not slash
    return bool((slash and tagged) or hosted or named)


@pytest.mark.parametrize("registry", REGISTRIES, ids=str)
def test_no_resource_or_option_of_a_release_names_an_image_outside_the_registry(
    release: Release, registry: Registry
) -> None:
    bundle = rendered(release, registry).bundle
    count = 0
    for application in bundle.applications.values():
        for value in [*application.resources.values(), *application.options.values()]:
            for word in words(value):
                assert not looks_public(word, registry), (application.name, word)
                count += word.startswith(f"{registry}/")
    assert count > 80


@pytest.mark.parametrize("registry", REGISTRIES, ids=str)
def test_every_default_that_stays_in_force_names_no_image_outside_the_registry(
    release: Release, registry: Registry
) -> None:
    """What the overlay does not set is the charm's default: no image may hide there either."""
    rendering = rendered(release, registry)
    for name, application in rendering.bundle.applications.items():
        charm = rendering.charms[name]
        for option in charm.options.values():
            if option.name not in application.options:
                for word in words(option.default):
                    assert not looks_public(word, registry), (name, option.name, word)
        assert {image.name for image in charm.images} <= application.resources.keys()


@pytest.mark.parametrize(
    "word",
    ["docker.io/a/b", "a/b:1", "gcr.io/x@sha256:ab", "busybox:1.28", "172.17.0.2:5000x/a/b:1"],
)
def test_the_check_itself_sees_public_images(word: str) -> None:
    assert looks_public(word, R)
    assert not looks_public(f"{R}/{word}", R)


# What the overlay holds


def test_bundle_and_overlay_make_the_rendered_bundle(release: Release) -> None:
    rendering = rendered(release)
    merged = merge_documents(release.bundle.document, rendering.overlay)
    for name, fields in mapping(merged["applications"]).items():
        channel = mapping(fields).pop("channel", None)
        assert channel == ("" if release.bundle.applications[name].channel else None)
    assert merged == rendering.bundle.document
    assert doc(rendering.overlay_yaml()) == rendering.overlay
    assert doc(rendering.bundle_yaml()) == rendering.bundle.document


def test_the_overlay_holds_only_what_must_change(release: Release) -> None:
    overlay = rendered(release).overlay
    assert set(overlay) == {"applications"}
    base = mapping(release.bundle.document["applications"])
    for name, fields in mapping(overlay["applications"]).items():
        before = mapping(base[name])
        for key, value in mapping(fields).items():
            assert key in ("charm", "channel", "base", "series", "resources", "options")
            if isinstance(value, dict):
                for inner, item in value.items():
                    assert mapping(before.get(key, {})).get(inner) != item
            else:
                assert before.get(key) != value


def test_juju_knows_every_application_again_when_a_release_is_deployed_twice(
    release: Release,
) -> None:
    """``juju deploy`` compares channel, revision and base with what is in the model.

    An application of a local charm has no channel and no revision there, and the base that it was
    deployed on. Where one differs, Juju takes the charm for another one, and fails to upload it.
    """
    rendering = rendered(release)
    with_overlay = merge_documents(release.bundle.document, rendering.overlay)
    for document in (with_overlay, rendering.bundle.document):
        for name, item in mapping(document["applications"]).items():
            fields, charm = mapping(item), rendering.charms[name]
            assert not fields.get("channel")
            assert fields.get("revision") is None
            base = Base.parse(str(fields["base"]))
            assert base.channel.endswith("/stable")
            assert base.same_os(charm.bases[0])
            assert base.same_os(
                choose_base(release.bundle.applications[name], release.bundle, charm)
            )
            assert fields.get("series") in (None, "focal")
            assert base.track == "20.04" or "series" not in fields


def test_options_without_images_keep_the_value_of_the_bundle(release: Release) -> None:
    rendering = rendered(release)
    for name, application in release.bundle.applications.items():
        ours = rendering.bundle.applications[name]
        assert application.options.keys() <= ours.options.keys()
        assert (ours.trust, ours.scale, ours.constraints) == (
            application.trust,
            application.scale,
            application.constraints,
        )
    assert rendering.bundle.relations == release.bundle.relations


def test_rendering_what_was_rendered_changes_nothing(release: Release) -> None:
    first = rendered(release)
    again = render(
        first.bundle,
        charms=standins(release),
        images=retagged(release, R),
        rules=release.rules,
    )
    assert again.overlay == {}
    assert again.bundle == first.bundle


def test_every_exchange_is_told(release: Release) -> None:
    rendering = rendered(release)
    assert {replacement.target for replacement in rendering.replacements} == rendering.images
    assert all(R.holds(image) for image in rendering.images)
    told = rendering.replacements[0].to_json()
    assert set(told) == {"application", "where", "source", "target"}


def test_one_charm_for_two_applications_is_one_file() -> None:
    rendering = rendered(load_release("1.11"))
    assert rendering.charms["katib-db"] is rendering.charms["kfp-db"]
    paths = {rendering.bundle.applications[name].charm for name in ("katib-db", "kfp-db")}
    assert len(paths) == 1
    assert next(iter(paths)).startswith("./mysql-k8s_r")


# A bundle of one's own

CAT = Charm(
    name="cat",
    revision=5,
    path=Path("cat_r5.charm"),
    resources={
        "image": Resource(name="image", upstream_source="docker.io/acme/cat:1"),
        "file": Resource(name="file", type="file"),
    },
    options={
        "sidecar-image": Option(name="sidecar-image", type="string", default="acme/sidecar:2"),
        "my-images": Option(name="my-images", type="string", default=""),
        "words": Option(name="words", type="string", default="meow"),
        "lives": Option(name="lives", type="int", default=9),
    },
    bases=(Base(name="ubuntu", channel="22.04"),),
    endpoints={
        "prey": Endpoint(name="prey", role="requirer", interface="prey", limit=2),
        "fleas": Endpoint(name="fleas", role="requirer", interface="pest"),
    },
    default_images=(
        DefaultImages(
            path="src/default-my-images.yaml",
            text="- quay.io/acme/toy:3\n",
            value=["quay.io/acme/toy:3"],
        ),
    ),
)
OLD_CAT = dataclasses.replace(CAT, revision=4, path=Path("cat_r4.charm"))
DOG = Charm(
    name="dog",
    revision=7,
    path=Path("dog_r7.charm"),
    resources={"image": Resource(name="image", upstream_source="acme/dog:1")},
    bases=(Base(name="ubuntu", channel="20.04"), Base(name="ubuntu", channel="22.04")),
    endpoints={"prey": Endpoint(name="prey", role="provider", interface="prey")},
)
CHARMS = CharmDirectory.of([CAT, OLD_CAT, DOG], path=Path("charms"))
ZOO = """
bundle: kubernetes
applications:
  tom: {charm: cat, num_units: 1, channel: 1/stable, options: {words: purr}}
  rex: {charm: dog, scale: 2}
relations: [[tom, rex]]
"""
LINES = """
r.io:5000/acme/cat:1
r.io:5000/acme/sidecar:2
r.io:5000/acme/toy:3
r.io:5000/acme/dog:1
"""
LIST = ImageList.parse(LINES, where="retagged-images.txt")


def zoo(
    text: str = ZOO,
    *,
    images: ImageList = LIST,
    charms: CharmDirectory = CHARMS,
    sets: tuple[str, ...] = (),
    overlays: tuple[str, ...] = (),
    rules: ImageRules | None = None,
    relative_to: Path | None = None,
) -> Rendering:
    return render(
        Bundle.from_document(doc(text), where="zoo.yaml"),
        charms=charms,
        images=images,
        settings=[Setting.parse(item) for item in sets],
        overlays=[doc(item) for item in overlays],
        rules=rules,
        relative_to=relative_to,
    )


def test_a_bundle_of_charms_that_no_release_has_is_rendered_alike() -> None:
    rendering = zoo()
    assert rendering.overlay == doc(
        """
applications:
  tom:
    charm: ./cat_r5.charm
    channel: ''
    base: ubuntu@22.04/stable
    resources: {image: 'r.io:5000/acme/cat:1'}
    options: {sidecar-image: 'r.io:5000/acme/sidecar:2', my-images: "- r.io:5000/acme/toy:3\\n"}
  rex:
    charm: ./dog_r7.charm
    base: ubuntu@20.04/stable
    resources: {image: 'r.io:5000/acme/dog:1'}
"""
    )
    assert rendering.bundle.applications["tom"].channel is None
    assert rendering.warnings == ()
    assert [str(replacement.need) for replacement in rendering.replacements] == [
        "tom, resource image",
        "tom, option sidecar-image",
        "tom, option my-images, item [0]",
        "rex, resource image",
    ]


def test_what_is_given_stays_as_it_was() -> None:
    bundle = Bundle.from_document(doc(ZOO), where="zoo.yaml")
    render(bundle, charms=CHARMS, images=LIST)
    assert bundle.document == doc(ZOO)


def test_what_the_bundle_sets_is_rewritten_and_not_lost() -> None:
    text = ZOO.replace("words: purr", "words: purr, sidecar-image: 'docker.io/acme/dog:1'").replace(
        "scale: 2", "scale: 2, resources: {image: 'quay.io/acme/toy:3'}"
    )
    applications = zoo(text).bundle.applications
    assert applications["tom"].options["sidecar-image"] == "r.io:5000/acme/dog:1"
    assert applications["tom"].options["words"] == "purr"
    assert applications["rex"].resources == {"image": "r.io:5000/acme/toy:3"}


def test_a_resource_of_the_store_becomes_the_charms_image() -> None:
    text = ZOO.replace("scale: 2", "scale: 2, resources: {image: 12}")
    assert zoo(text).bundle.applications["rex"].resources == {"image": "r.io:5000/acme/dog:1"}


@pytest.mark.parametrize(
    ("relative_to", "path"),
    [
        (None, "./cat_r5.charm"),
        (Path(), "./charms/cat_r5.charm"),
        (Path("charms"), "./cat_r5.charm"),
        (Path("elsewhere"), "../charms/cat_r5.charm"),
    ],
)
def test_paths_of_charms_begin_with_a_dot(relative_to: Path | None, path: str) -> None:
    charm = dataclasses.replace(CAT, path=Path("charms/cat_r5.charm"))
    assert charm_path(charm, relative_to) == path


# Bases


@pytest.mark.parametrize(
    ("fields", "top", "added"),
    [
        ("scale: 1", "", {"base": "ubuntu@20.04/stable"}),
        ("base: ubuntu@22.04", "", {}),
        ("base: ubuntu@22.04/stable", "series: focal", {}),
        ("series: focal", "", {"base": "ubuntu@20.04/stable"}),
        ("series: jammy", "series: focal", {"base": "ubuntu@22.04/stable"}),
        ("scale: 1", "series: jammy", {"base": "ubuntu@22.04/stable"}),
        ("scale: 1", "default-base: ubuntu@22.04", {"base": "ubuntu@22.04/stable"}),
        ("scale: 1", "series: kubernetes", {"base": "ubuntu@20.04/stable"}),
        ("series: kubernetes", "", {"series": None, "base": "ubuntu@20.04/stable"}),
        ("series: kubernetes", "series: jammy", {"series": None, "base": "ubuntu@20.04/stable"}),
    ],
)
def test_every_application_has_the_base_that_it_is_deployed_on(
    fields: str, top: str, added: Document
) -> None:
    text = f"{ZOO.replace('scale: 2', f'num_units: 1, {fields}')}{top}\n".replace(
        "num_units: 1, scale: 1", "scale: 1"
    )
    rendering = zoo(text, overlays=("applications: {tom: {base: ubuntu@22.04}}",))
    rex = mapping(mapping(rendering.overlay["applications"])["rex"])
    assert {key: rex[key] for key in ("series", "base") if key in rex} == added
    assert rendering.warnings == ()
    written = rendering.bundle.applications["rex"].base
    assert written is not None
    for bundle in (rendering.bundle, Bundle.from_document(doc(text), where="zoo.yaml")):
        assert choose_base(bundle.applications["rex"], bundle, DOG).same_os(written)


def test_a_base_is_written_with_the_risk_that_the_charm_names() -> None:
    edge = dataclasses.replace(CAT, bases=(Base(name="ubuntu", channel="24.04/edge"),))
    charms = CharmDirectory.of([edge, DOG], path=Path("charms"))
    applications = mapping(zoo(charms=charms).overlay["applications"])
    assert mapping(applications["tom"])["base"] == "ubuntu@24.04/edge"


@pytest.mark.parametrize(
    ("fields", "top", "what"),
    [
        ("base: ubuntu@24.04", "", 'base "ubuntu@24.04" is not supported by charm cat'),
        ("series: focal", "", 'base "ubuntu@20.04" is not supported by charm cat'),
        ("scale: 1", "default-base: ubuntu@20.04", 'base "ubuntu@20.04" is not supported by'),
        ("series: warty", "", 'series "warty" is not known'),
    ],
)
def test_a_base_that_no_file_has_is_refused_with_what_is_there(
    fields: str, top: str, what: str
) -> None:
    text = f"{ZOO.replace('channel: 1/stable', fields)}{top}\n".replace(
        "num_units: 1, scale: 1", "scale: 1"
    )
    with pytest.raises((CharmNotFoundError, CharmError)) as raised:
        zoo(text, overlays=("applications: {rex: {base: ubuntu@20.04}}",))
    (problem,) = raised.value.problems
    assert problem.where == "application tom"
    assert what in problem.what
    assert "cat_r5.charm (ubuntu@22.04)" in problem.fix or "use one of focal" in problem.fix


def test_a_charm_without_bases_is_a_warning() -> None:
    bare = dataclasses.replace(CAT, bases=())
    rendering = zoo(charms=CharmDirectory.of([bare, DOG], path=Path("charms")))
    (warning,) = rendering.warnings
    assert str(warning).startswith("application tom: charm cat does not define any bases")


# Channels and revisions


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ("channel: 1/stable", {"channel": ""}),
        ("channel: stable", {"channel": ""}),
        ("channel: ''", {}),
        ("channel: ", {}),
        ("trust: false", {}),
        ("channel: 1/stable, revision: 5", {"channel": "", "revision": None}),
    ],
)
def test_a_channel_and_a_revision_are_taken_away_where_there_are_any(
    fields: str, added: Document
) -> None:
    rendering = zoo(ZOO.replace("channel: 1/stable", fields))
    tom = mapping(mapping(rendering.overlay["applications"])["tom"])
    assert {key: tom[key] for key in ("channel", "revision") if key in tom} == added
    kept = mapping(mapping(rendering.bundle.document["applications"])["tom"])
    assert not {"channel", "revision"} & kept.keys()


# What is missing


def test_each_missing_image_is_listed_with_who_needs_it_and_the_nearest_line() -> None:
    images = ImageList.parse(
        "r.io:5000/acme/cat:1.1\nr.io:5000/acme/sidecar:2\nr.io:5000/other/dog:1\n", where="x.txt"
    )
    text = ZOO.replace("relations: [[tom, rex]]", "").replace(
        "rex:", "felix: {charm: cat, options: {my-images: '[]'}}\n  rex:"
    )
    with pytest.raises(ImageNotFoundError) as raised:
        zoo(text, images=images)
    assert raised.value.exit_code is ExitCode.MISSING
    assert raised.value.message == "3 image(s) are not in x.txt"
    assert [str(problem) for problem in raised.value.problems] == [
        (
            "docker.io/acme/cat:1 (needed by tom, resource image and felix, resource image; "
            "nearest: r.io:5000/acme/cat:1.1 (line 1))"
        ),
        "quay.io/acme/toy:3 (needed by tom, option my-images, item [0])",
        "acme/dog:1 (needed by rex, resource image; nearest: r.io:5000/other/dog:1 (line 3))",
    ]


def test_a_similar_name_in_the_list_is_no_match() -> None:
    images = ImageList.parse(LINES.replace("acme/cat:1", "acme/cat-food:1"), where="x.txt")
    with pytest.raises(ImageNotFoundError, match=r"docker\.io/acme/cat:1"):
        zoo(images=images)


def test_a_missing_image_of_a_release_names_its_key() -> None:
    release = load_release("1.11")
    lines = [str(image) for image in retagged(release, R).images if "activator" not in str(image)]
    with pytest.raises(ImageNotFoundError) as raised:
        render(
            release.bundle,
            charms=standins(release),
            images=ImageList.parse("\n".join(lines), where="x.txt"),
            rules=release.rules,
        )
    assert len(raised.value.problems) == 1
    assert "knative-serving, option custom_images, key activator" in str(raised.value)


def test_every_missing_charm_is_named() -> None:
    text = ZOO.replace("charm: cat", "charm: cats").replace("charm: dog", "charm: wolf")
    with pytest.raises(CharmNotFoundError) as raised:
        zoo(text)
    assert raised.value.exit_code is ExitCode.MISSING
    assert [problem.where for problem in raised.value.problems] == [
        "application tom",
        "application rex",
    ]
    assert "did you mean 'cat'?" in str(raised.value)
    assert raised.value.fix == "charms has: cat, dog."


def test_an_empty_charm_directory_is_told_once() -> None:
    with pytest.raises(CharmNotFoundError) as raised:
        zoo(charms=CharmDirectory.of([], path=Path("charms")))
    assert [problem.fix for problem in raised.value.problems] == ["", ""]
    assert raised.value.fix.startswith("charms has no charm file at all: ")
    assert str(raised.value).count("no charm file at all") == 1


def test_charms_are_not_listed_where_each_missing_one_has_a_hint() -> None:
    with pytest.raises(CharmNotFoundError) as raised:
        zoo(ZOO.replace("charm: cat", "charm: cats"))
    assert raised.value.problems[0].fix == "did you mean 'cat'?"
    assert raised.value.fix == ""


def test_a_pinned_revision_is_taken_or_missed_by_its_number() -> None:
    pinned = ZOO.replace("channel: 1/stable", "channel: 1/stable, revision: 4")
    rendering = zoo(pinned)
    assert rendering.bundle.applications["tom"].charm == "./cat_r4.charm"
    assert rendering.bundle.applications["tom"].revision is None
    with pytest.raises(CharmNotFoundError, match="charm cat revision 6") as raised:
        zoo(pinned.replace("revision: 4", "revision: 6"))
    assert "4, 5" in str(raised.value)


def test_a_revision_beside_a_local_path_does_not_choose_the_file() -> None:
    text = ZOO.replace("channel: 1/stable", "channel: 1/stable, revision: 4")
    assert zoo(text.replace("charm: cat", "charm: ./cat_r9.charm")).charms["tom"] is CAT
    assert zoo(text.replace("charm: cat", "charm: ./cat_r5.charm")).charms["tom"] is CAT
    assert zoo(text).charms["tom"] is OLD_CAT


def test_a_charm_that_the_bundle_gives_as_a_file_is_that_file() -> None:
    assert zoo(ZOO.replace("charm: cat", "charm: ./cat_r4.charm")).charms["tom"] is OLD_CAT
    assert zoo(ZOO.replace("charm: cat", "charm: ./cat_r9.charm")).charms["tom"] is CAT


def test_a_resource_without_image_and_one_that_is_none_are_both_named() -> None:
    bare = dataclasses.replace(DOG, resources={"image": Resource(name="image")})
    charms = CharmDirectory.of([CAT, bare], path=Path("charms"))
    text = ZOO.replace("options: {words: purr}", "resources: {image: 'https://x'}")
    with pytest.raises(InputError) as raised:
        zoo(text, charms=charms)
    assert [problem.where for problem in raised.value.problems] == [
        "application tom, resource image",
        "application rex, resource image",
    ]


# What the user sets


def test_settings_and_overlays_are_applied_last_in_this_order() -> None:
    rendering = zoo(
        overlays=(
            "applications: {tom: {scale: 3, options: {words: hiss, lives: 7}}}",
            "applications: {tom: {options: {words: spit}}}",
        ),
        sets=("tom.lives=8",),
    )
    tom = rendering.bundle.applications["tom"]
    assert (tom.scale, tom.options["words"], tom.options["lives"]) == (3, "spit", 8)
    merged = merge_documents(doc(ZOO), rendering.overlay)
    assert mapping(mapping(merged["applications"])["tom"])["scale"] == 3


def test_images_that_the_user_sets_stay_and_public_ones_are_told() -> None:
    rendering = zoo(
        sets=("tom.sidecar-image=docker.io/mine/sidecar:9",),
        overlays=(
            (
                "applications: {rex: {resources: {image: 'quay.io/mine/dog:8'}},"
                " tom: {options: {my-images: \"['r.io:5000/mine/toy:1']\"}}}"
            ),
        ),
    )
    applications = rendering.bundle.applications
    assert applications["tom"].options["sidecar-image"] == "docker.io/mine/sidecar:9"
    assert applications["tom"].options["my-images"] == "['r.io:5000/mine/toy:1']"
    assert applications["rex"].resources == {"image": "quay.io/mine/dog:8"}
    assert [str(warning) for warning in rendering.warnings] == [
        (
            "application tom, option sidecar-image: docker.io/mine/sidecar:9 is not in r.io:5000, "
            "and stays since you set it"
        ),
        (
            "application rex, resource image: quay.io/mine/dog:8 is not in r.io:5000, "
            "and stays since you set it"
        ),
    ]


def test_an_option_that_an_overlay_resets_is_rendered_from_the_default() -> None:
    text = ZOO.replace("words: purr", "sidecar-image: 'acme/unknown:1'")
    rendering = zoo(text, overlays=("applications: {tom: {options: {sidecar-image: }}}",))
    tom = rendering.bundle.applications["tom"]
    assert tom.options["sidecar-image"] == "r.io:5000/acme/sidecar:2"


def test_an_application_that_an_overlay_removes_needs_neither_charm_nor_image() -> None:
    rendering = zoo(ZOO.replace("charm: dog", "charm: wolf"), overlays=("applications: {rex: }",))
    assert set(rendering.bundle.applications) == {"tom"}
    assert rendering.bundle.relations == ()
    assert mapping(rendering.overlay["applications"])["rex"] is None


def test_an_application_that_an_overlay_adds_is_rendered() -> None:
    overlay = (
        "{applications: {felix: {charm: cat, channel: 2/edge}}, relations: [['felix', 'rex']]}"
    )
    rendering = zoo(overlays=(overlay,))
    felix = mapping(mapping(rendering.overlay["applications"])["felix"])
    assert (felix["charm"], felix["channel"]) == ("./cat_r5.charm", "")
    assert felix["base"] == "ubuntu@22.04/stable"
    assert rendering.overlay["relations"] == [["felix", "rex"]]
    assert rendering.bundle.applications["felix"].channel is None
    merged = merge_documents(doc(ZOO), rendering.overlay)
    assert set(mapping(merged["applications"])) == {"tom", "rex", "felix"}


def test_offers_of_an_overlay_are_kept() -> None:
    offers = "applications: {tom: {offers: {o: {endpoints: [x]}}}}"
    merged = zoo(overlays=(offers,)).bundle.document
    assert mapping(mapping(merged["applications"])["tom"])["offers"] == {"o": {"endpoints": ["x"]}}


@pytest.mark.parametrize(
    ("sets", "overlays", "expected"),
    [
        (("tim.lives=1",), (), "there is no application tim (did you mean 'tom'?)"),
        (("tom.live=1",), (), "charm cat has no option live (did you mean 'lives'?)"),
        (("tom.lives=many",), (), "--set tom.lives: expected int, got 'many'"),
        (
            (),
            ("applications: {tom: {options: {lives: many}}}",),
            "application tom, option lives: expected int, got 'many'",
        ),
        (
            (),
            ("applications: {tom: {options: {live: 1}}}",),
            "application tom, option live: charm cat has no option live (did you mean 'lives'?)",
        ),
        (
            (),
            ("applications: {tom: {resources: {imag: x}}}",),
            "application tom, resource imag: charm cat has no such resource",
        ),
    ],
)
def test_what_does_not_fit_a_charm_is_named_with_the_nearest(
    sets: tuple[str, ...], overlays: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(OptionError) as raised:
        zoo(sets=sets, overlays=overlays)
    assert expected in str(raised.value)
    assert raised.value.exit_code is ExitCode.INPUT


def test_all_that_does_not_fit_is_reported_together() -> None:
    with pytest.raises(OptionError) as raised:
        zoo(
            sets=("tom.live=1", "tim.x=1"),
            overlays=("applications: {tom: {options: {lives: many}, resources: {imag: x}}}",),
        )
    assert len(raised.value.problems) == 4


def test_a_mistyped_application_of_an_overlay_is_named_with_the_nearest_and_all_else() -> None:
    with pytest.raises(OptionError) as raised:
        zoo(overlays=("applications: {tomm: {options: {x: 1}}, tom: {options: {live: 1}}}",))
    assert [str(problem) for problem in raised.value.problems] == [
        "overlay: there is no application tomm (did you mean 'tom'?)",
        "application tom, option live: charm cat has no option live (did you mean 'lives'?)",
    ]


def test_a_mistyped_application_is_named_beside_what_else_breaks_the_bundle() -> None:
    with pytest.raises(BundleError) as raised:
        zoo(overlays=("{applications: {tomm: {}}, relations: [['tomm:x', 'rex:y']]}",))
    first, second = raised.value.problems
    assert str(first) == "overlay: there is no application tomm (did you mean 'tom'?)"
    assert 'refers to application "tomm"' in second.what


def test_all_malformed_images_are_named_with_option_and_key() -> None:
    text = ZOO.replace("words: purr", "sidecar-image: 'quay.io/Bad::y'")
    with pytest.raises(OptionError) as raised:
        zoo(
            text,
            overlays=(
                (
                    "applications: {tom: {options: {my-images: \"['a/b:1', 'a/B:1']\"}},"
                    " rex: {resources: {image: 'a/B:2'}}}"
                ),
            ),
        )
    assert raised.value.exit_code is ExitCode.INPUT
    assert [problem.where for problem in raised.value.problems] == [
        "application tom, option sidecar-image",
        "application tom, option my-images, item [1]",
        "application rex, resource image",
    ]


@pytest.mark.parametrize("looked_up", [True, False], ids=["look-up", "list"])
def test_what_a_person_sets_must_be_well_formed_all_the_same(looked_up: bool) -> None:
    bundle = Bundle.from_document(doc(ZOO), where="zoo.yaml")
    with pytest.raises(OptionError, match=r"option sidecar-image: 'quay.io/Bad::y' is not an"):
        render(
            bundle,
            charms=CHARMS,
            images=RetaggedImages.from_list(LIST) if looked_up else LIST,
            settings=[Setting.parse("tom.sidecar-image=quay.io/Bad::y")],
        )


def cat_with(name: str, default: str) -> CharmDirectory:
    cat = dataclasses.replace(
        CAT, options={name: Option(name=name, type="string", default=default)}
    )
    return CharmDirectory.of([cat, DOG], path=Path("charms"))


QUIET = ZOO.replace("options: {words: purr}", "trust: false")


def test_a_malformed_default_of_a_charm_is_a_warning_and_stays() -> None:
    charms = cat_with("my-images", "[acme/toy:3, 'acme/Toy:4']")
    rendering = zoo(QUIET, charms=charms)
    tom = rendering.bundle.applications["tom"]
    assert tom.options == {"my-images": "[r.io:5000/acme/toy:3, 'acme/Toy:4']"}
    (warning,) = rendering.warnings
    assert str(warning).startswith("application tom, option my-images, item [1]: 'acme/Toy:4' is")


def test_a_bare_name_is_rendered_when_it_is_listed_and_told_when_not() -> None:
    charms = cat_with("worker-image", "busybox")
    rendering = zoo(QUIET, charms=charms)
    assert rendering.bundle.applications["tom"].options == {}
    (warning,) = rendering.warnings
    assert warning.where == "application tom, option worker-image"
    assert "'busybox' may be an image" in warning.what
    assert zoo(QUIET, charms=charms, sets=("tom.worker-image=busybox",)).warnings == ()
    listed = ImageList.parse(f"{LINES}r.io:5000/library/busybox:latest\n", where="x")
    rendering = zoo(QUIET, charms=charms, images=listed)
    assert rendering.warnings == ()
    assert rendering.bundle.applications["tom"].options == {
        "worker-image": "r.io:5000/library/busybox:latest"
    }


def test_a_name_without_tag_beside_an_image_does_not_stay_public() -> None:
    charms = cat_with("config", "{x: 'quay.io/acme/toy:3', y: 'quay.io/acme/ball'}")
    with pytest.raises(ImageNotFoundError, match=r"quay\.io/acme/ball"):
        zoo(QUIET, charms=charms)
    listed = ImageList.parse(f"{LINES}r.io:5000/acme/ball:latest\n", where="x")
    tom = zoo(QUIET, charms=charms, images=listed).bundle.applications["tom"]
    assert tom.options == {"config": "{x: 'r.io:5000/acme/toy:3', y: 'r.io:5000/acme/ball:latest'}"}


@pytest.mark.parametrize("registry", REGISTRIES, ids=str)
def test_only_a_registry_that_yaml_needs_quotes_for_is_told(
    release: Release, registry: Registry
) -> None:
    warnings = rendered(release, registry).warnings
    if not registry.host.startswith("["):
        assert warnings == ()
        return
    (warning,) = warnings
    assert warning.where == "registry [fd00::1]:5000"
    assert "knative-serving custom_images" in warning.what
    assert "kfp-api" not in warning.what


def test_without_a_list_all_images_are_taken_to_be_in_the_registry() -> None:
    bundle = Bundle.from_document(doc(ZOO), where="zoo.yaml")
    rendering = render(bundle, charms=CHARMS, images=None, registry=R)
    assert {str(image) for image in rendering.images} == {
        f"{R}/acme/{name}" for name in ("cat:1", "dog:1", "sidecar:2", "toy:3")
    }
    with pytest.raises(UsageError, match="neither a list of images nor a registry"):
        render(bundle, charms=CHARMS, images=None)


def test_an_overlay_that_breaks_the_bundle_is_refused() -> None:
    with pytest.raises(BundleError, match='refers to application "bird"'):
        zoo(overlays=("relations: [['tom:x', 'bird:y']]",))


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("[tom, 'rex:nothere']", 'relation tom rex:nothere: application "rex" has no "nothere"'),
        ("['tom:pray', rex]", "did you mean 'prey'?"),
        ("['tom:fleas', rex]", "relation tom:fleas rex: no relations found (tom:prey would fit)"),
        ("['tom:fleas', 'rex:prey']", "tom:fleas is a requirer of pest and rex:prey is a provider"),
    ],
)
def test_relations_that_no_endpoints_fit_are_refused(relation: str, expected: str) -> None:
    with pytest.raises(BundleError, match=re.escape(expected)) as raised:
        zoo(overlays=(f"relations: [{relation}]",))
    assert raised.value.exit_code is ExitCode.INPUT


def test_all_relations_that_cannot_be_made_are_named() -> None:
    dogs = ", ".join(f"dog{n}: {{charm: dog}}" for n in range(2))
    relations = "['tom', 'dog0'], ['tom', 'dog1'], ['dog0:a', 'tom'], ['dog1:b', 'tom']"
    with pytest.raises(BundleError) as raised:
        zoo(overlays=(f"{{applications: {{{dogs}}}, relations: [{relations}]}}",))
    assert [problem.where for problem in raised.value.problems] == [
        "relation dog0:a tom",
        "relation dog1:b tom",
        "endpoint tom:prey",
    ]


def test_relations_to_another_model_are_kept() -> None:
    overlay = "{saas: {cos: {url: 'admin/cos.prey'}}, relations: [[tom, 'cos:prey']]}"
    assert zoo(overlays=(overlay,)).overlay["relations"] == [["tom", "cos:prey"]]


def test_a_composite_that_cannot_be_written_names_its_application() -> None:
    release = load_release("1.11")
    images = [
        str(image).replace("istio/pilot", "elsewhere/pilot")
        for image in retagged(release, R).images
    ]
    with pytest.raises(ImageNotFoundError, match="istio-pilot, option image-configuration"):
        render(
            release.bundle,
            charms=standins(release),
            images=ImageList.parse("\n".join(images), where="x"),
            rules=release.rules,
        )


def test_the_target_of_a_source_is_one_reference_everywhere() -> None:
    seen: dict[ImageReference, ImageReference] = {}
    for replacement in rendered(load_release("1.11")).replacements:
        assert seen.setdefault(replacement.need.source, replacement.target) == replacement.target
