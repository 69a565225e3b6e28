"""The proof: a merged bundle pulls from the private registry only what was carried there."""

from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document
from ckf_airgap.errors import ExitCode, ProofError
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.images.inventory import take_inventory
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.needs import ImageNeed
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.overlay import Rendering, render
from ckf_airgap.rendering.proof import Proof, prove

R = Registry.parse("reg.example.com:5000/ckf")
CHARM: Charm = charm_from_documents(
    metadata={
        "name": "app",
        "resources": {"oci": {"type": "oci-image", "upstream-source": "a/b:1"}},
    },
    config={
        "options": {
            "side-image": {"type": "string", "default": "a/side:1"},
            "custom_images": {"type": "string", "default": "k: a/k:1\n"},
        }
    },
    where="app",
)
GOOD: dict[str, Any] = {
    "resources": {"oci": f"{R}/a/b:1"},
    "options": {"side-image": f"{R}/a/side:1", "custom_images": f"k: {R}/a/k:1\n"},
}
LIST = f"{R}/a/b:1\n{R}/a/side:1\n{R}/a/k:1\n"


def need(source: str, where: str = "resource oci") -> ImageNeed:
    reference = ImageReference.parse(source)
    return ImageNeed(application="app", where=where, source=reference, resource="oci")


def check(
    fields: dict[str, Any] | None = None,
    *,
    listed: str = LIST,
    exchanged: tuple[tuple[str, str], ...] = (),
    rules: ImageRules | None = None,
    **own: Any,
) -> Proof:
    bundle = Bundle.from_document(
        {"applications": {"app": {"charm": "./app.charm", **(fields or GOOD)}}}, where="test"
    )
    images = RetaggedImages.from_list(ImageList.parse(listed, where="list.txt"), registry=R)
    pairs = [
        (need(source, f"resource {number}"), ImageReference.parse(target))
        for number, (source, target) in enumerate(exchanged)
    ]
    juju = (rules or ImageRules.empty()).images_of_no_charm()
    return prove(bundle, {"app": CHARM}, images, pairs, of_no_charm=juju, **own)


def with_options(**options: str) -> dict[str, Any]:
    return {**GOOD, "options": {**GOOD["options"], **options}}


class TestProof:
    def test_a_bundle_whose_images_are_all_listed_is_proved(self) -> None:
        proof = check(exchanged=(("a/b:1", f"{R}/a/b:1"),))
        assert proof.places == 3
        assert proof.unused == ()
        assert [str(image) for image in sorted(proof.used)] == sorted(LIST.split())
        assert proof.to_json()["mapping"] == [
            {"source": "a/b:1", "target": f"{R}/a/b:1", "needed-by": ["app, resource 0"]}
        ]

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({**GOOD, "resources": {"oci": "a/b:1"}}, "app, resource oci: a/b:1 is not in the reg"),
            (
                {"options": GOOD["options"]},
                "app, resource oci: a/b:1 is not in the registry reg.example.com:5000/ckf",
            ),
            (
                with_options(custom_images="k: gcr.io/a/k:1\n"),
                "app, option custom_images, key k: gcr.io/a/k:1 is not in the registry",
            ),
            (
                with_options(**{"side-image": "reg.example.com:5000/a/side:1"}),
                "app, option side-image: reg.example.com:5000/a/side:1 is not in the registry",
            ),
            (
                with_options(**{"side-image": f"{R}/a/side:2"}),
                f"app, option side-image: {R}/a/side:2 is not in list.txt",
            ),
        ],
    )
    def test_an_image_from_elsewhere_is_refused_with_its_place(
        self, fields: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ProofError) as caught:
            check(fields)
        assert message in str(caught.value)
        assert len(caught.value.problems) == 1
        assert caught.value.exit_code is ExitCode.INPUT

    def test_every_place_is_named_at_once(self) -> None:
        with pytest.raises(ProofError) as caught:
            check({}, listed="")
        assert len(caught.value.problems) == 3

    def test_two_images_of_one_target_are_refused_with_who_needs_them(self) -> None:
        with pytest.raises(ProofError) as caught:
            check(
                exchanged=(("gcr.io/a/b:1", f"{R}/a/b:1"), ("quay.io/a/b:1", f"{R}/a/b:1")),
            )
        text = str(caught.value)
        assert "gcr.io/a/b:1 and quay.io/a/b:1 are different images" in text
        assert "app, resource 0 and app, resource 1" in text

    def test_two_spellings_of_one_image_may_share_a_target(self) -> None:
        check(exchanged=(("a/b:1", f"{R}/a/b:1"), ("docker.io/a/b:1", f"{R}/a/b:1")))

    def test_an_image_that_lies_in_the_registry_already_is_its_own_target(self) -> None:
        check(exchanged=(("a/b:1", f"{R}/a/b:1"), (f"{R}/a/b:1", f"{R}/a/b:1")))

    def test_a_place_that_a_person_set_is_left_to_them(self) -> None:
        fields = with_options(**{"side-image": "elsewhere.io/x/y:1"})
        proof = check(fields, given={("app", "side-image"): "elsewhere.io/x/y:1"})
        assert proof.places == 2
        (warning,) = proof.warnings
        assert warning.where == "application app, option side-image"
        assert warning.what == f"elsewhere.io/x/y:1 is not in {R}, and stays since you set it"
        assert check({"options": GOOD["options"]}, own_resources={("app", "oci")}).places == 2

    def test_latest_may_be_written_or_not(self) -> None:
        fields = with_options(**{"side-image": f"{R}/a/side:latest"})
        proof = check(fields, listed=LIST.replace("side:1", "side"))
        assert proof.unused == ()

    def test_what_nobody_uses_is_named_but_not_the_images_of_juju(self) -> None:
        rules = ImageRules.from_document(
            {
                "release": "x",
                "charm-bases": {"repository": "docker.io/j/charm-base", "tag": "ubuntu-{channel}"},
                "juju": {"repository": "docker.io/j", "controller": ["jujud:{version}", "db:4.4"]},
            },
            where="x",
        )
        juju = f"{R}/j/charm-base:ubuntu-22.04\n{R}/j/jujud:3.6.9\n{R}/j/db:4.4\n"
        proof = check(listed=f"{LIST}{juju}{R}/a/more:1\n", rules=rules)
        assert [str(entry) for entry in proof.unused] == [f"{R}/a/more:1 (line 7)"]


@pytest.fixture(scope="module", params=release_names())
def release(request: pytest.FixtureRequest) -> Release:
    return load_release(request.param)


@pytest.fixture(scope="module")
def charms(release: Release, tmp_path_factory: pytest.TempPathFactory) -> CharmDirectory:
    directory = tmp_path_factory.mktemp(release.name)
    write_standins(release, directory)
    return CharmDirectory.scan(directory)


class TestRendering:
    def rendered(
        self, release: Release, charms: CharmDirectory, max_depth: int | None, **more: Any
    ) -> Rendering:
        by_application = {
            name: charms.find(application.charm_name)
            for name, application in release.bundle.applications.items()
        }
        inventory = take_inventory(
            release.bundle, by_application, release.rules, juju_version="3.6.9"
        )
        mapping = retag_images([image.reference for image in inventory], R, max_depth=max_depth)
        return render(
            release.bundle, charms=charms, images=mapping.retagged(), rules=release.rules, **more
        )

    @pytest.mark.parametrize("max_depth", [None, 2, 3])
    def test_every_release_is_proved_with_long_and_with_folded_paths(
        self, release: Release, charms: CharmDirectory, max_depth: int | None
    ) -> None:
        rendering = self.rendered(release, charms, max_depth)
        proof = rendering.proof
        assert proof.places == len(rendering.replacements) > 100
        assert proof.used == rendering.images
        targets = {exchange.target.canonical() for exchange in proof.mapping}
        assert len(targets) == len({exchange.source.canonical() for exchange in proof.mapping})
        depth = max_depth or 99
        assert all(len(target.repository.split("/")) <= depth for target in proof.used)

    def test_only_images_for_other_settings_are_not_used(
        self, release: Release, charms: CharmDirectory
    ) -> None:
        unused = [str(entry) for entry in self.rendered(release, charms, None).proof.unused]
        assert all(
            any(part in name for part in ("/install-cni:", "/net-istio-webhook:", "/cmd/queue:"))
            for name in unused
        )
        assert any("/install-cni:" in name for name in unused)

    def test_a_setting_makes_use_of_what_was_carried_for_it(
        self, release: Release, charms: CharmDirectory
    ) -> None:
        settings = [
            Setting.parse("istio-pilot.cni-bin-dir=/opt/cni/bin"),
            Setting.parse("istio-pilot.cni-conf-dir=/etc/cni/net.d"),
        ]
        rendering = self.rendered(release, charms, None, settings=settings)
        assert any("/install-cni:" in str(image) for image in rendering.proof.used)

    def test_two_needed_images_in_one_place_are_refused(
        self, release: Release, charms: CharmDirectory
    ) -> None:
        other: Document = {
            "applications": {
                "minio": {"resources": {"oci-image": "quay.io/x/y:1"}},
                "dex-auth": {"resources": {"oci-image": "gcr.io/x/y:1"}},
            }
        }
        bundle = Bundle.from_document(merge_documents(release.bundle.document, other), where="test")
        lines = "".join(f"{image}\n" for image in self.rendered(release, charms, None).images)
        images = ImageList.parse(f"{lines}{R}/x/y:1\n", where="list.txt")
        with pytest.raises(ProofError, match=r"quay\.io/x/y:1") as caught:
            render(bundle, charms=charms, images=images, registry=R, rules=release.rules)
        assert "gcr.io/x/y:1" in str(caught.value)
