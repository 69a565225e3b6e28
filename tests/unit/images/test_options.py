"""References are found and exchanged in options of every shape, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Charm, DefaultImages, Option, OptionType, OptionValue
from ckf_airgap.documents import JSONValue, load_mapping, load_yaml
from ckf_airgap.errors import OptionError
from ckf_airgap.facts.releases import load_release
from ckf_airgap.images.judge import Circumstances, judge
from ckf_airgap.images.keys import NOTHING, Meaning, names_images
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.plans import OptionPlan
from ckf_airgap.images.recognise import images_in_text
from ckf_airgap.images.reference import ImageReference, Registry, retag
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText

HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"
R = Registry("172.17.0.2:5000")
PATH = Registry("reg.example.com", "ckf")


def charm(
    default: OptionValue | None,
    *,
    option: str = "custom_images",
    kind: OptionType = "string",
    file: str | None = None,
    path: str = "src/default-custom-images.json",
    name: str = "a-charm",
) -> Charm:
    files = []
    if file is not None:
        files = [DefaultImages(path=path, text=file, value=load_yaml(file, where=path))]
    options = {option: Option(name=option, type=kind, default=default)}
    return Charm(name=name, options=options, default_images=tuple(files))


def rules(text: str, name: str = "a-charm", option: str = "custom_images") -> ImageRules:
    rule = load_mapping(text, where="rules")
    charms: JSONValue = {name: {"channel": "1/stable", "options": {option: rule}}}
    return ImageRules.from_document({"release": "x", "rules": charms}, where="rules")


def plan(
    given_charm: Charm,
    given_rules: ImageRules | None = None,
    known: Iterable[str] = (),
    **values: OptionValue,
) -> OptionPlan | None:
    listed = {ImageReference.parse(text) for text in known}
    found = plan_options(
        given_charm,
        {name.replace("__", "-"): value for name, value in values.items()},
        given_rules or ImageRules.empty(),
        known=listed.__contains__,
    )
    assert len(found) <= 1
    return found[0] if found else None


def rendered(found: OptionPlan | None, registry: Registry = R) -> str:
    assert found is not None
    return found.render(lambda source: retag(source, registry))


def untouched(found: OptionPlan | None) -> bool:
    return found is None or not found.uses


def sources(found: OptionPlan | None) -> list[tuple[tuple[str | int, ...], str, str]]:
    assert found is not None
    return [(use.path, str(use.reference), use.origin) for use in found.uses]


# 1. One reference


@pytest.mark.parametrize(
    ("option", "default", "value"),
    [
        ("executor-image", "charmedkubeflow/argoexec:3.4", "R/charmedkubeflow/argoexec:3.4"),
        ("proxy-image", "docker.io/istio/proxyv2:1.22.0", "R/istio/proxyv2:1.22.0"),
        ("cache-image", "gcr.io/google-containers/busybox", "R/google-containers/busybox"),
        ("cache-image", "registry.k8s.io/busybox", "R/busybox"),
        ("driver-image", f"gcr.io/ml/kfp-driver@sha256:{HEX}", f"R/ml/kfp-driver:{HEX}"),
        ("executor-container-image-and-version", "docker.io/a/b:1.17", "R/a/b:1.17"),
        ("workload", "docker.io/a/b:1.17", "R/a/b:1.17"),
        ("workload", f"a/b@sha256:{HEX}", f"R/a/b:{HEX}"),
        ("base-image", "ubuntu:22.04", "R/ubuntu:22.04"),
        ("db-image", "postgres:16", "R/postgres:16"),
        ("db-image", "redis:7", "R/redis:7"),
        ("cache-image", "registry.k8s.io/busybox\n", "R/busybox\n"),
        ("cache-image", "  gcr.io/a/b ", "  R/a/b "),
        ("images", "a/b:1,c/d:2", None),
        ("images", "a/b:v1, docker.io/c/d:v2", "R/a/b:v1, R/c/d:v2"),
        ("args", "--image=a/b:v1 --port=8080", "--image=R/a/b:v1 --port=8080"),
        ("args", "'a/b:v1' \"c/d:v2\"", "'R/a/b:v1' \"R/c/d:v2\""),
    ],
)
def test_a_reference_is_exchanged(option: str, default: str, value: str | None) -> None:
    expected = "R/a/b:1,R/c/d:2" if value is None else value
    found = plan(charm(default, option=option))
    assert rendered(found) == expected.replace("R/", f"{R}/")


def test_the_value_of_the_bundle_outdoes_the_default() -> None:
    found = plan(charm("a/b:1", option="x-image"), x__image="c/d:2")
    assert sources(found) == [((), "c/d:2", "bundle")]
    assert rendered(found) == f"{R}/c/d:2"


HOSTILE = [
    "IfNotPresent",
    "Always",
    "12:30",
    "12:30:45",
    "1.9",
    "8080",
    "v2",
    "true",
    "null",
    "~",
    "minio:9000",
    "localhost:5000",
    "172.17.0.2:5000",
    "https://example.com/a/b:1.2",
    "see https://example.com/a/b:1.2 for more",
    "oci://r.io/a/b:1.2",
    "me@example.com",
    "me@example.com:8080/a:1.2",
    "nvcr.io",
    "nvcr.io,ghcr.io",
    r"C:\images\a:1.2",
    r"run C:\images\a/b:1.2 now",
    "{{ image }}",
    "{{ registry }}/a/b:1.2",
    "{{registry}}/a/b:{{tag}}",
    "$REGISTRY/a/b:1.2",
    "${REGISTRY}/a/b:1.2",
    "${{ a/b:1.2}",
    "%(registry)s/a/b:1.2",
    "/var/run/a/b:1.2",
    "../a/b:1.2",
    "key=value",
    "a" * 100_000,
    "é/b:1.2",
    "日本/b:1.2",
    "a/b:1.2\u200b",
    "[",
    "{",
    "- [",
    "\x00",
    "[fd00::1]:5000",
    "fd00::1/64",
]


@pytest.mark.parametrize("value", HOSTILE, ids=[f"hostile-{n}" for n, _ in enumerate(HOSTILE)])
@pytest.mark.parametrize("option", ["port", "pull-image-policy", "images"])
def test_what_is_no_reference_is_left_alone(option: str, value: str) -> None:
    assert untouched(plan(charm(value, option=option)))


@pytest.mark.parametrize(
    "value",
    ["nvidia.com/gpu", "a/b", "a/b:latest", "a/b:9000", "minio.svc/x:80", "application/json"],
)
def test_what_may_be_a_reference_is_one_where_the_name_says_so_or_the_list_has_it(
    value: str,
) -> None:
    assert untouched(plan(charm(value, option="resource")))
    assert sources(plan(charm(value, option="resource"), known=[value])) == [((), value, "option")]
    assert sources(plan(charm(value, option="x-image"))) == [((), value, "option")]


def test_a_bare_word_is_an_image_only_where_both_name_and_list_say_so() -> None:
    assert untouched(plan(charm("busybox", option="x-image")))
    assert untouched(plan(charm("busybox", option="x"), known=["busybox"]))
    found = plan(charm("busybox", option="x-image"), known=["busybox"])
    assert rendered(found) == f"{R}/busybox"


@pytest.mark.parametrize(
    "name",
    [
        "image",
        "images",
        "proxy-image",
        "custom_images",
        "containerImage",
        "DISPATCHER_IMAGE",
        "OCIImage",
        "related-image-v2",
        "image-configuration",
        "image2",
        "a/image",
    ],
)
def test_names_that_say_image(name: str) -> None:
    assert names_images(name)


@pytest.mark.parametrize(
    "name", ["", "imagery", "imagination", "registry", "version", "pilgrimage"]
)
def test_names_that_do_not(name: str) -> None:
    assert not names_images(name)


@pytest.mark.parametrize(("kind", "value"), [("int", 5), ("boolean", True), ("float", 1.5)])
def test_options_that_are_no_text_are_left_alone(kind: OptionType, value: OptionValue) -> None:
    assert plan(charm(value, option="x-image", kind=kind)) is None
    assert plan(charm(None, option="x-image", kind="secret")) is None


# 2. A list

LIST = "- kubeflownotebookswg/jupyter-scipy:v1.9.0\n- ghcr.io/a/b/c/d:v1\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (LIST, "- R/kubeflownotebookswg/jupyter-scipy:v1.9.0\n- R/a/b/c/d:v1\n"),
        ("['a/b:1','c/d:2']", "['R/a/b:1','R/c/d:2']"),
        ('["a/b:1", "docker.io/c/d"]', '["R/a/b:1", "R/c/d"]'),
        ("[a/b:1, c/d:2]", "[R/a/b:1, R/c/d:2]"),
        ("- 'a/b:1' # the default\n- x\n", "- 'R/a/b:1' # the default\n- x\n"),
        ("- a/b:1\n- a/b:1\n", "- R/a/b:1\n- R/a/b:1\n"),
        ("- {image: a/b:1, name: c/d}\n", "- {image: R/a/b:1, name: c/d}\n"),
    ],
)
def test_a_list_keeps_its_order_and_dialect(value: str, expected: str) -> None:
    option = "other" if "name:" in value else "jupyter-images"
    found = plan(charm(value, option=option))
    assert rendered(found) == expected.replace("R/", f"{R}/")


# 3. A list in a file of the charm


@pytest.mark.parametrize("default", ["", None, "\n", "null", "~"])
def test_an_empty_list_option_becomes_the_charms_file(default: str | None) -> None:
    found = plan(
        charm(default, option="jupyter-images", file=LIST, path="src/default-jupyter-images.yaml")
    )
    assert [origin for _, _, origin in sources(found)] == ["file", "file"]
    assert load_yaml(rendered(found), where="x") == [
        f"{R}/kubeflownotebookswg/jupyter-scipy:v1.9.0",
        f"{R}/a/b/c/d:v1",
    ]


@pytest.mark.parametrize("value", ["[]", " [] ", "[ ]"])
def test_a_list_that_offers_nothing_stays(value: str) -> None:
    with_file = charm(
        "", option="jupyter-images", file=LIST, path="src/default-jupyter-images.yaml"
    )
    assert untouched(plan(with_file, jupyter__images=value))


# 4. A mapping with its defaults in a file

FILE = json.dumps({"agent": "kserve/agent:v1", "art": "kserve/art", "new__key": "docker.io/a/b:1"})
KEYS = "agent : ''\nart: ''\nnot_in_file: ''\n"


def test_empty_values_are_filled_from_the_file_which_decides_the_keys() -> None:
    found = plan(charm(KEYS, file=FILE))
    assert rendered(found) == (
        f"agent : '{R}/kserve/agent:v1'\nart: '{R}/kserve/art:latest'\nnot_in_file: ''\n"
        f"new__key: '{R}/a/b:1'\n"
    )
    assert sources(found) == [
        (("agent",), "kserve/agent:v1", "file"),
        (("art",), "kserve/art", "file"),
        (("new__key",), "docker.io/a/b:1", "file"),
    ]
    assert found is not None
    assert not found.warnings


def test_an_empty_option_becomes_the_whole_file() -> None:
    for value in ("", "null", "{}"):
        found = plan(charm(KEYS, file=FILE), custom_images=value)
        assert load_mapping(rendered(found), where="x") == {
            "agent": f"{R}/kserve/agent:v1",
            "art": f"{R}/kserve/art:latest",
            "new__key": f"{R}/a/b:1",
        }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            '{"agent": "my/agent:2", "art": ""}',
            '{"agent": "R/my/agent:2", "art": "R/kserve/art:latest", "new__key": "R/a/b:1"}',
        ),
        (
            '{"agent":"my/agent:2","art":null}',
            '{"agent":"R/my/agent:2","art":"R/kserve/art:latest","new__key":"R/a/b:1"}',
        ),
        (
            '{\n  "agent": "my/agent:2"\n}\n',
            (
                '{\n  "agent": "R/my/agent:2",\n  "art": "R/kserve/art:latest",\n'
                '  "new__key": "R/a/b:1"\n}\n'
            ),
        ),
        (
            "agent: my/agent:2 # mine\nnew__key:\n",
            "agent: R/my/agent:2 # mine\nnew__key: 'R/a/b:1'\nart: 'R/kserve/art:latest'\n",
        ),
        (
            "{agent: my/agent:2, new__key: ~}",
            "{agent: R/my/agent:2, new__key: 'R/a/b:1', art: 'R/kserve/art:latest'}",
        ),
    ],
)
def test_what_the_bundle_sets_keeps_its_dialect_and_gets_the_missing_keys(
    value: str, expected: str
) -> None:
    found = plan(charm(KEYS, file=FILE), custom_images=value)
    assert rendered(found) == expected.replace("R/", f"{R}/")


def test_keys_that_the_charm_splits_at_the_last_colon_have_a_tag() -> None:
    found = plan(
        charm("a: ''\nb: docker.io/x/y\n", file='{"a": "gcr.io/google-containers/busybox"}')
    )
    for value in load_mapping(rendered(found), where="x").values():
        name, _, tag = str(value).rpartition(":")
        assert (name.startswith(f"{R}/"), tag) == (True, "latest")


def test_an_alias_of_an_empty_value_is_filled_too() -> None:
    found = plan(charm("agent: &none ''\nart: *none\nnew__key: x/y:1\n", file=FILE))
    assert yaml.safe_load(rendered(found)) == {
        "agent": f"{R}/kserve/agent:v1",
        "art": f"{R}/kserve/art:latest",
        "new__key": f"{R}/x/y:1",
    }


# 5. A mapping with its defaults in the rules

RULES = rules(
    f"""
images:
  activator: {{image: 'gcr.io/k/activator@sha256:{HEX}', why: a deployment}}
  migrate: {{image: 'gcr.io/k/migrate:1', listed: false, why: a job}}
leave-empty: [domain-mapping]
"""
)


def test_empty_values_are_filled_from_the_rules_and_unlisted_keys_are_added() -> None:
    found = plan(charm("activator: ''\ndomain-mapping: ''\nstrange: ''\n"), RULES)
    assert rendered(found) == (
        f"activator: '{R}/k/activator:{HEX}'\ndomain-mapping: ''\nstrange: ''\n"
        f"migrate: '{R}/k/migrate:1'\n"
    )
    assert found is not None
    assert [use.why for use in found.uses] == ["a deployment", "a job"]
    assert [problem.where for problem in found.warnings] == ["option custom_images, key strange"]


@pytest.mark.parametrize("option", ["components", "image-registry", "disk-image"])
def test_an_option_for_which_the_rules_have_images_holds_images(option: str) -> None:
    given = rules("images: {a: {image: k/a:1}}", option=option)
    found = plan(charm("a: ''\nb: acme/b\n", option=option), given)
    assert [image for _, image, _ in sources(found)] == ["acme/b", "k/a:1"]
    assert rendered(found) == f"a: '{R}/k/a:1'\nb: {R}/acme/b:latest\n"


def test_an_empty_option_becomes_the_keys_of_the_rules() -> None:
    found = plan(charm(""), RULES)
    assert rendered(found) == (f"activator: '{R}/k/activator:{HEX}'\nmigrate: '{R}/k/migrate:1'\n")


def test_the_file_outdoes_the_rules() -> None:
    found = plan(charm("activator: ''\n", file='{"activator": "mine/activator:2"}'), RULES)
    assert sources(found)[0] == (("activator",), "mine/activator:2", "file")
    assert sources(found)[1][2] == "rule"


# 6. Hub, tag and names

COMPOSITE = (
    "pilot-image: 'pilot'  # values.pilot.image\n"
    "global-tag: '1.22.0'  # values.global.tag\n"
    "global-hub: 'docker.io/istio' # values.global.hub\n"
    "global-proxy-image: 'proxyv2'\n"
    "grpc-bootstrap-init: 'busybox:1.28'\n"
)
PARTS = rules(
    """
composite:
  hub: global-hub
  tag: global-tag
  names: [pilot-image, global-proxy-image]
  extra: [{name: install-cni, when-set: [cni-bin-dir, cni-conf-dir], why: a plugin}]
""",
    option="image-configuration",
)


def composite(value: str = COMPOSITE, **options: str) -> Charm:
    base = charm(value, option="image-configuration")
    others = {
        name.replace("_", "-"): Option(name=name.replace("_", "-"), type="string", default=default)
        for name, default in options.items()
    }
    return Charm(name="a-charm", options={**base.options, **others})


@pytest.mark.parametrize("given_rules", [PARTS, ImageRules.empty()], ids=["rule", "no rule"])
@pytest.mark.parametrize("registry", [R, PATH, Registry("[fd00::1]:5000")], ids=str)
def test_hub_and_tag_of_a_composite_are_exchanged(
    given_rules: ImageRules, registry: Registry
) -> None:
    found = plan(composite(), given_rules)
    assert rendered(found, registry) == COMPOSITE.replace(
        "docker.io/istio", f"{registry}/istio"
    ).replace("busybox", f"{registry}/busybox")
    assert [image for _, image, _ in sources(found)] == [
        "docker.io/istio/pilot:1.22.0",
        "docker.io/istio/proxyv2:1.22.0",
        "busybox:1.28",
    ]


def test_a_composite_in_json_stays_json() -> None:
    value = json.dumps(load_mapping(COMPOSITE, where="x"))
    found = plan(composite(value), PARTS)
    assert rendered(found) == value.replace("docker.io/istio", f"{R}/istio").replace(
        "busybox", f"{R}/busybox"
    )


def test_an_extra_image_is_needed_when_all_its_options_are_set() -> None:
    one = plan_options(composite(cni_bin_dir="/a", cni_conf_dir=""), {}, PARTS)
    both = plan_options(composite(cni_bin_dir="/a", cni_conf_dir=""), {"cni-conf-dir": "/b"}, PARTS)
    assert len(one[0].uses) == 3
    extra = both[0].uses[2]
    assert (str(extra.reference), extra.why) == ("docker.io/istio/install-cni:1.22.0", "a plugin")
    assert rendered(both[0]) == rendered(one[0])


def test_a_composite_whose_images_have_no_tag_in_the_registry_gets_latest() -> None:
    found = plan(composite(), PARTS)
    assert found is not None
    value = found.render(lambda source: R.place(source.repository, None))
    assert scalars(value)[("global-tag",)] == "latest"
    assert scalars(value)[("global-hub",)] == f"{R}/istio"


def test_images_that_lie_in_different_places_cannot_share_hub_and_tag() -> None:
    found = plan(composite(), PARTS)
    assert found is not None
    targets = {"pilot": f"{R}/istio/pilot:1.22.0", "proxyv2": f"{R}/other/proxyv2:1.22.1"}

    def find(source: ImageReference) -> ImageReference:
        name = source.repository.rpartition("/")[2]
        return ImageReference.parse(targets.get(name, f"{R}/{name}:1"))

    with pytest.raises(OptionError, match="are in different places") as raised:
        found.render(find)
    assert [problem.what for problem in raised.value.problems] == [
        f"{R}/istio with tag 1.22.0: {R}/istio/pilot:1.22.0",
        f"{R}/other with tag 1.22.1: {R}/other/proxyv2:1.22.1",
    ]


def test_every_missing_part_of_a_composite_is_named() -> None:
    with pytest.raises(OptionError) as raised:
        plan(composite("pilot-image: pilot\nglobal-tag: ''\nglobal-hub: x/y\n"), PARTS)
    assert [problem.where for problem in raised.value.problems] == [
        "option image-configuration, key global-tag",
        "option image-configuration, key global-proxy-image",
    ]


def test_parts_that_make_no_reference_are_refused() -> None:
    with pytest.raises(OptionError, match=r"key pilot-image.*is not an image reference"):
        plan(composite(COMPOSITE.replace("docker.io/istio", "https://istio")), PARTS)


def test_a_reference_inside_a_composites_other_values_is_exchanged() -> None:
    value = COMPOSITE + 'sidecar: \'{"image": "docker.io/x/y:1"}\'\n'
    found = plan(composite(value), PARTS)
    assert f'{{"image": "{R}/x/y:1"}}' in rendered(found)


def test_a_mapping_with_a_tag_but_no_hub_is_no_composite() -> None:
    found = plan(charm("image: a/b:1\ntag: '2'\n"))
    assert rendered(found) == f"image: {R}/a/b:1\ntag: '2'\n"


# 7. Empty options


def test_an_empty_option_takes_the_image_of_the_place_that_the_rule_names() -> None:
    release = load_release("1.11")
    plans = {
        found.option: found
        for found in plan_options(release.charms["knative-serving"], {}, release.rules)
    }
    sidecar, custom = plans["queue_sidecar_image"], plans["custom_images"]
    mapping = load_mapping(rendered(custom), where="x")
    assert rendered(sidecar) == mapping["queue-proxy"]
    (use,) = sidecar.uses
    assert (use.option, use.path, use.origin) == ("queue_sidecar_image", (), "rule")
    assert use.why.startswith("sidecar of each service's pod")
    set_by_bundle = plan_options(
        release.charms["knative-serving"], {"queue_sidecar_image": "my/queue:1"}, release.rules
    )
    assert {found.option: rendered(found) for found in set_by_bundle}[
        "queue_sidecar_image"
    ] == f"{R}/my/queue:1"


def test_the_image_of_the_other_place_may_be_the_bundles() -> None:
    release = load_release("1.9")
    found = plan_options(
        release.charms["knative-serving"], {"custom_images": "queue-proxy: my/q:1"}, release.rules
    )
    assert {plan.option: rendered(plan) for plan in found}["queue_sidecar_image"] == f"{R}/my/q:1"


def test_an_empty_option_that_nothing_explains_is_a_warning() -> None:
    found = plan(charm("", option="related-image-executor"))
    assert found is not None
    assert not found.uses
    assert found.warnings[0].where == "option related-image-executor"


def test_an_empty_option_that_may_stay_empty_is_none() -> None:
    may = rules("leave-empty: true", option="related-image-executor")
    assert plan(charm("", option="related-image-executor"), may) is None
    assert plan(charm("", option="domain")) is None


# 8. Registry hosts, and documents inside documents


def test_hosts_of_registries_are_no_images() -> None:
    option = "registries-skipping-tag-resolving"
    for value in ("nvcr.io", "nvcr.io,172.17.0.2:5000", "nvcr.io, ghcr.io:443"):
        assert untouched(plan(charm(value, option=option)))


NESTED = """\
defaults: |
  {"sidecar": {"image": "docker.io/a/b:1"}, "port": "minio:9000",
   "more": "images:\\n- c/d:2\\n- 12:30\\n"}
time: 12:30
note: use e/f:v3 or https://g.h/i:v4
gpus: [{limitsKey: nvidia.com/gpu, uiName: NVIDIA}]
template: '{{ registry }}/j/k:v5'
"""


def test_json_inside_yaml_inside_an_option_is_reached() -> None:
    found = plan(charm(NESTED, option="configuration"))
    expected = NESTED
    for image in ("docker.io/a/b:1", "c/d:2", "e/f:v3"):
        expected = expected.replace(image, f"{R}/{image.removeprefix('docker.io/')}")
    assert rendered(found) == expected


def test_yaml_inside_json_keeps_its_escapes() -> None:
    inner = "image: docker.io/a/b:1 # é\nquote: '\"'\n"
    value = json.dumps({"spec": inner, "x": [json.dumps({"image": "c/d:2"})]})
    found = json.loads(rendered(plan(charm(value, option="configuration"))))
    assert found["spec"] == inner.replace("docker.io/", f"{R}/")
    assert json.loads(found["x"][0]) == {"image": f"{R}/c/d:2"}


def test_repeated_keys_are_read_as_the_charm_reads_them() -> None:
    found = plan(charm("image: a/b:1\nimage: c/d:2\n", option="configuration"))
    assert yaml.safe_load(rendered(found)) == {"image": f"{R}/c/d:2"}
    found = plan(charm('{"image": "a/b:1", "image": "no image"}', option="configuration"))
    assert untouched(found)


def test_anchors_are_exchanged_once_and_aliases_follow() -> None:
    value = "a: &image docker.io/a/b:1\nb: *image\nc:\n  <<: {image: *image}\n"
    found = plan(charm(value, option="configuration"))
    assert rendered(found) == value.replace("docker.io/", f"{R}/")


@pytest.mark.parametrize("name", ["1.8", "1.9", "1.10", "1.11"])
@pytest.mark.parametrize("registry", [R, PATH, Registry("[fd00::1]:5000", "a/b")], ids=str)
def test_every_option_of_the_releases_keeps_all_but_its_references(
    name: str, registry: Registry
) -> None:
    release = load_release(name)
    count = 0
    for declared in release.charms.values():
        for found in plan_options(declared, {}, release.rules):
            count += len(found.uses)
            if not found.uses:
                continue
            text = rendered(found, registry)
            before, after = scalars(found.value), scalars(text)
            exchanged_paths = {use.path for use in found.uses}
            hubs = {("global-hub",), ("global-tag",)} if found.composite else set()
            for path, value in before.items():
                assert after[path] == value or path in exchanged_paths | hubs
            for path, value in after.items():
                if path in exchanged_paths and not found.composite:
                    assert registry.holds(ImageReference.parse(value or ""))
            for public in ("docker.io", "gcr.io", "ghcr.io", "registry.k8s.io", "nvcr.io"):
                assert public not in text
    assert count > 60


def scalars(text: str) -> dict[KeyPath, str | None]:
    return {scalar.path: scalar.value for scalar in ValueText.parse(text).scalars}


# Judging texts


def test_all_references_of_a_text_are_told_for_its_name() -> None:
    found = images_in_text("image: a/b\nother: c/d\nmore: e/f:v1", "configuration")
    assert [str(image) for image in found] == ["a/b", "e/f:v1"]


@given(st.text(max_size=30), st.booleans())
def test_judging_never_fails_and_never_alters(text: str, hinted: bool) -> None:
    around = Circumstances(said=Meaning("image") if hinted else NOTHING)
    found = judge(text, around).image
    assert found is None or str(found) == text


IMAGES = ("docker.io/a/b:v1", f"gcr.io/c/d@sha256:{HEX}", "e/f:1.0")
OTHERS = (
    *("text", "12:30", "minio:9000", "https://x.y/z:v1", "{{ a }}/b/c:v1", "é", ""),
    *("nvidia.com/gpu", "C:\\a\\b:v1", "null", "a@b.c"),
)
words = st.sampled_from(IMAGES) | st.sampled_from(OTHERS)
planted: st.SearchStrategy[JSONValue] = st.recursive(
    words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l l", "m/n", "port"]), inner, max_size=3)
        | inner.map(
            lambda value: json.dumps(value, indent=1) if not isinstance(value, str) else value
        )
        | inner.map(lambda value: yaml.safe_dump(value) if not isinstance(value, str) else value)
    ),
    max_leaves=8,
)
trees = st.lists(planted, min_size=1, max_size=3) | st.dictionaries(
    st.sampled_from(["a", "b", "port"]), planted, min_size=1
)


@settings(max_examples=60)
@given(trees, st.booleans())
def test_planted_references_are_exchanged_at_any_depth_and_nothing_else(
    value: dict[str, JSONValue] | list[JSONValue], as_json: bool
) -> None:
    text = json.dumps(value) if as_json else yaml.safe_dump(value, allow_unicode=True)
    found = plan(charm(text, option="configuration"))
    after = rendered(found) if found is not None else text
    assert load(after) == exchanged(value), (text, after)


def load(text: str) -> JSONValue:
    """Read a document, and every document inside its strings."""
    found: JSONValue = yaml.safe_load(text)
    return deep(found)


def deep(value: JSONValue) -> JSONValue:
    if isinstance(value, dict):
        return {key: deep(item) for key, item in value.items()}
    if isinstance(value, list):
        return [deep(item) for item in value]
    if isinstance(value, str) and ("\n" in value or value[:1] in ("{", "[")):
        try:
            inner = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        return deep(inner) if isinstance(inner, dict | list) else value
    return value


def exchanged(value: JSONValue) -> JSONValue:
    value = deep(value)
    if isinstance(value, dict):
        return {key: exchanged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exchanged(item) for item in value]
    if value in IMAGES:
        return str(retag(ImageReference.parse(str(value)), R))
    return value
