"""The base that Juju 3.6 takes; every expectation was asked of Juju's own selector."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bases import choose_base, written
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.bases import described, runs_on, select_base
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import CharmError


def charm(bases: str = "", series: str = "") -> Charm:
    found = []
    for text in bases.split():
        name, _, channel = text.partition("@")
        found.append(Base(name=name, channel=channel))
    return Charm(name="c", bases=tuple(found), series=tuple(series.split()))


def chosen(one: Charm, fields: str = "", top: str = "") -> str:
    text = f"applications: {{a: {{charm: c, scale: 1{', ' if fields else ''}{fields}}}}}\n{top}"
    bundle = Bundle.from_document(load_mapping(text, where="b"), where="b")
    return written(choose_base(bundle.applications["a"], bundle, one))


@pytest.mark.parametrize(
    ("one", "fields", "top", "base"),
    [
        (charm("ubuntu@22.04 ubuntu@20.04"), "", "", "ubuntu@22.04/stable"),
        (charm("ubuntu@22.04 ubuntu@20.04"), "series: kubernetes", "", "ubuntu@20.04/stable"),
        (
            charm("ubuntu@22.04 ubuntu@20.04"),
            "series: kubernetes",
            "default-base: ubuntu@24.04",
            "ubuntu@20.04/stable",
        ),
        (
            charm("ubuntu@22.04 ubuntu@20.04"),
            "",
            "default-base: ubuntu@20.04",
            "ubuntu@20.04/stable",
        ),
        (charm("ubuntu@22.04 ubuntu@20.04"), "", "series: focal", "ubuntu@20.04/stable"),
        (charm("ubuntu@22.04 ubuntu@23.10"), "", "", "ubuntu@22.04/stable"),
        (charm("ubuntu@22.04"), "base: ubuntu@22.04/edge", "", "ubuntu@22.04/edge"),
        (
            charm("ubuntu@22.04"),
            "",
            "default-base: ubuntu@22.04/candidate",
            "ubuntu@22.04/candidate",
        ),
        (charm("ubuntu@22.04/edge"), "", "", "ubuntu@22.04/edge"),
        (charm("ubuntu@22.04", "kubernetes"), "", "", "ubuntu@22.04/stable"),
        (charm("", "kubernetes"), "", "", "ubuntu@20.04/stable"),
        (charm("", "focal kubernetes"), "", "", "ubuntu@20.04/stable"),
        (charm("centos@9/stable"), "", "", "centos@9/stable"),
        (charm("ubuntu@26.04"), "", "", "ubuntu@26.04/stable"),
        # a series of the bundle alone is no base: Juju 3.6 refuses such bundles from before 2.9
        (charm("ubuntu@22.04"), "", "series: kubernetes", "ubuntu@22.04/stable"),
    ],
)
def test_the_base_is_the_one_that_juju_selects(
    one: Charm, fields: str, top: str, base: str
) -> None:
    assert chosen(one, fields, top) == base


@pytest.mark.parametrize(
    ("one", "fields", "top", "text"),
    [
        (
            charm("ubuntu@22.04"),
            "series: kubernetes",
            "",
            'base "ubuntu@20.04" is not supported by charm',
        ),
        (
            charm("ubuntu@22.04 ubuntu@20.04"),
            "",
            "default-base: ubuntu@24.04",
            "supported bases are: ubuntu@22.04, ubuntu@20.04",
        ),
        (charm("ubuntu@23.10"), "", "", 'the charm defined bases "ubuntu@23.10" not supported'),
        (charm("ubuntu@16.04"), "", "", 'the charm defined bases "ubuntu@16.04" not supported'),
        (charm("", "bionic"), "", "", 'the charm defined bases "ubuntu@18.04" not supported'),
        (charm("windows@10"), "", "", 'the charm defined bases "windows@10" not supported'),
        (
            charm("ubuntu@23.10 ubuntu@22.04"),
            "",
            "",
            'base "ubuntu@23.10" is not supported by Juju 3.6',
        ),
        (charm("", "bionic focal"), "", "", 'base "ubuntu@18.04" is not supported by Juju 3.6'),
        (
            charm("ubuntu@22.04 ubuntu@23.10"),
            "base: ubuntu@23.10",
            "",
            "is not supported by Juju 3.6",
        ),
        (
            charm("ubuntu@22.04"),
            "series: bionic",
            "",
            'base "ubuntu@18.04" is not supported by Juju',
        ),
        (charm("ubuntu@22.04"), "series: foo", "", 'series "foo" is not known'),
        (charm("", "xyz"), "", "", 'series "xyz" is not known'),
        (
            charm("ubuntu@20.04"),
            "series: jammy",
            "",
            'base "ubuntu@22.04" is not supported by charm',
        ),
        (charm(), "", "default-base: ubuntu@22.04", "does not define any bases"),
    ],
)
def test_what_juju_refuses_is_refused(one: Charm, fields: str, top: str, text: str) -> None:
    with pytest.raises(CharmError) as raised:
        chosen(one, fields, top)
    assert text in raised.value.message


def test_the_architectures_are_those_of_every_entry_of_the_base() -> None:
    one = Charm(
        name="c",
        bases=(
            Base(name="ubuntu", channel="22.04", architectures=("amd64",)),
            Base(name="ubuntu", channel="24.04", architectures=("riscv64",)),
            Base(name="ubuntu", channel="22.04", architectures=("arm64",)),
        ),
    )
    assert select_base(one, None).architectures == ("amd64", "arm64")
    assert described(one) == "ubuntu@22.04 amd64, ubuntu@24.04 riscv64, ubuntu@22.04 arm64"


def test_a_base_without_architectures_and_one_for_all_run_on_any() -> None:
    assert runs_on(Base(name="ubuntu", channel="22.04"), "arm64")
    assert runs_on(Base(name="ubuntu", channel="22.04", architectures=("all",)), "s390x")
    assert not runs_on(Base(name="ubuntu", channel="22.04", architectures=("amd64",)), "arm64")
