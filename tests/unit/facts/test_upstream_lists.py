"""Lists made by upstream's scripts: they render, and what they miss is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.errors import ImageNotFoundError
from ckf_airgap.facts.releases import load_release
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.overlay import Rendering, render

FIXTURES = Path(__file__).parents[2] / "fixtures"
R = Registry.parse("172.17.0.2:5000")
ADAPTER = "sha256:fa8798fbc3558b2abbe9da0e969d72e197c75a2d2fc20c8fb4b4cd4937c64eae"


@pytest.fixture(scope="module")
def charms(tmp_path_factory: pytest.TempPathFactory) -> CharmDirectory:
    directory = tmp_path_factory.mktemp("charms")
    write_standins(load_release("1.9"), directory)
    return CharmDirectory.scan(directory)


@pytest.fixture(scope="module")
def recorded() -> list[str]:
    """The retagged list that upstream's script was given for 1.9."""
    plan = yaml.safe_load((FIXTURES / "deploy-plan-1.9.yaml").read_text(encoding="utf-8"))
    return [str(line) for line in plan["images"]]


def rendered(lines: list[str], charms: CharmDirectory) -> Rendering:
    release = load_release("1.9")
    images = ImageList.parse("\n".join(lines), where="retagged-images.txt")
    return render(release.bundle, charms=charms, images=images, rules=release.rules)


def missed() -> ImageList:
    return ImageList.read(FIXTURES / "missed-images-1.9.txt")


def test_the_recorded_list_is_the_retagged_list_of_the_fixture(recorded: list[str]) -> None:
    """It differs in the one image of two parts whose registry the old scripts keep."""
    ours = retag_images(ImageList.read(FIXTURES / "images-1.9.txt"), R).to_text().split()
    assert set(recorded) - set(ours) == {"172.17.0.2:5000/docker.io/ubuntu:22.04"}
    assert set(ours) - set(recorded) == {"172.17.0.2:5000/ubuntu:22.04"}


def test_what_the_recorded_list_lacks_is_named_at_once(
    recorded: list[str], charms: CharmDirectory
) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        rendered(recorded, charms)
    named = {problem.what for problem in caught.value.problems}
    assert named == {
        "busybox:1.28",
        "gcr.io/ml-pipeline/frontend:2.0.3",
        "gcr.io/ml-pipeline/visualization-server:2.0.3",
        f"gcr.io/knative-releases/knative.dev/eventing/cmd/apiserver_receive_adapter@{ADAPTER}",
    }


def test_with_what_it_lacks_it_renders_and_no_line_of_it_is_unused(
    recorded: list[str], charms: CharmDirectory
) -> None:
    """Upstream's own deployment leaves seven of its lines unused."""
    more = retag_images(missed(), R).to_text().split()
    proof = rendered(sorted({*recorded, *more}), charms).proof
    unused = {str(entry.reference) for entry in proof.unused}
    assert unused.isdisjoint(recorded)
    assert unused == {
        "172.17.0.2:5000/charmedkubeflow/net-istio-webhook:1.12.3-b455143",
        "172.17.0.2:5000/istio/install-cni:1.22.0",
    }


def test_retagging_a_recorded_list_again_changes_nothing(recorded: list[str]) -> None:
    images = ImageList.parse("\n".join(recorded), where="x")
    assert retag_images(images, R).to_text().split() == recorded
