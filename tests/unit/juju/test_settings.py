"""Options, trust, constraints, scale, exposure and annotations: the bundle's, ours, and others'."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import BundleError
from ckf_airgap.juju.planning.differences import Difference, Foreign, Policy
from ckf_airgap.juju.planning.identity import (
    DeploymentRecord,
    HeldIdentity,
    Ownership,
    WantedIdentity,
)
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.settings import ASKED, OURS
from ckf_airgap.juju.planning.steps import (
    Expose,
    RefreshApplication,
    ResetOptions,
    Scale,
    SetAnnotations,
    SetBindings,
    SetConstraints,
    SetOptions,
    Step,
    Unexpose,
)
from ckf_airgap.juju.planning.values import live_text, same_value
from tests.unit.juju.samples import bare, bundle, charm

PETS = charm(
    """
    name: pets
    provides: {website: {interface: http}, api: {interface: rest}}
    options:
      port: {type: int, default: 80}
      name: {type: string}
      ratio: {type: float, default: 1.0}
      tags: {type: boolean, default: false}
    """
)
EVERYWHERE = ExposedEndpoint(cidrs=("0.0.0.0/0", "::/0"))
OFFICE = ExposedEndpoint(cidrs=("10.0.0.0/8",))


def held(**owned: Any) -> HeldIdentity:
    names: dict[str, Any] = {
        key: value if isinstance(value, bool) else frozenset(value) for key, value in owned.items()
    }
    return HeldIdentity(
        charm_url="local:pets-0",
        record=DeploymentRecord(
            charm_url="local:pets-0", charm_sha256="a" * 64, owned=Ownership(**names)
        ),
        fingerprints={},
        option_types={name: option.type for name, option in PETS.options.items()},
    )


def present(**fields: Any) -> LiveApplication:
    options = {"port": 80, "name": None, "ratio": 1, "tags": False, **fields.pop("options", {})}
    return LiveApplication(name="pets", charm="pets", scale=1, options=options, **fields)


def plan(
    fields: str,
    application: LiveApplication,
    *,
    charm_: Charm = PETS,
    sha256: str | None = None,
    **policy: Any,
) -> Plan:
    text = f"bundle: kubernetes\napplications: {{pets: {{charm: ./p.charm, {fields}}}}}"
    identities = (
        {"pets": WantedIdentity(charm_file="p.charm", charm_sha256=sha256)} if sha256 else None
    )
    live = LiveModel(name="m", applications={"pets": application})
    return plan_deployment(bundle(text), {"pets": charm_}, live, identities, Policy(**policy))


def steps(fields: str, application: LiveApplication, **more: Any) -> tuple[Step, ...]:
    return bare(plan(f"scale: 1, {fields}", application, **more).steps)


def foreign(fields: str, application: LiveApplication) -> list[tuple[str, str, Any]]:
    found = plan(f"scale: 1, {fields}", application).foreign
    assert all(item.application == "pets" and "--reset-foreign" in item.fix for item in found)
    return [(item.kind, item.name, item.value) for item in found]


class TestOptions:
    def test_only_those_that_differ_are_set_with_both_values(self) -> None:
        there = present(options={"port": 81, "name": "x"}, user_set=frozenset({"port", "name"}))
        (step,) = plan("scale: 1, options: {port: 82, name: x, ratio: 1.0}", there).steps
        assert isinstance(step, SetOptions)
        assert step.options == {"port": "82"}
        assert step.differences == (
            Difference(application="pets", kind="option", name="port", old="81", new="82"),
        )

    def test_what_somebody_else_has_set_is_listed_and_left_alone(self) -> None:
        there = present(options={"name": "mine"}, user_set=frozenset({"name"}), identity=held())
        assert steps("options: {port: 80}", there) == ()
        assert foreign("options: {port: 80}", there) == [("option", "name", "mine")]

    def test_what_somebody_else_has_set_is_reset_when_that_is_asked_for(self) -> None:
        there = present(
            options={"name": "mine"},
            user_set=frozenset({"name", "trust"}),
            trust=True,
            identity=held(),
        )
        done = plan("scale: 1", there, reset_foreign=True)
        (step,) = done.steps
        assert isinstance(step, ResetOptions)
        assert step.names == ("name", "trust")
        assert [(item.kind, item.name, item.old, item.new) for item in step.differences] == [
            ("option", "name", "mine", None),
            ("trust", "", "true", "false"),
        ]
        assert {item.reason for item in step.differences} == {ASKED}
        assert done.foreign == ()

    def test_what_an_earlier_deployment_set_is_reset(self) -> None:
        there = present(
            options={"name": "ours"},
            user_set=frozenset({"name"}),
            identity=held(options=["name", "port"]),
        )
        (step,) = plan("scale: 1", there).steps
        assert isinstance(step, ResetOptions)
        assert step.names == ("name",)
        assert [item.reason for item in step.differences] == [OURS]

    def test_what_is_at_its_default_needs_no_reset(self) -> None:
        there = present(identity=held(options=["name", "port"]))
        assert steps("options: {}", there) == ()
        assert foreign("options: {}", there) == []

    @pytest.mark.parametrize("own", ["juju-external-hostname", "kubernetes-service-type"])
    def test_options_of_juju_itself_are_options_too(self, own: str) -> None:
        there = present(own_options={own: "x"}, user_set=frozenset({own}))
        assert foreign("options: {}", there) == [("option", own, "x")]
        assert steps(f"options: {{{own}: x}}", there) == ()
        assert steps(f"options: {{{own}: other}}", there) == (
            SetOptions(application="pets", options={own: "other"}),
        )
        ours = dataclasses.replace(there, identity=held(options=[own]))
        assert steps("options: {}", ours) == (ResetOptions(application="pets", names=(own,)),)


class TestOptionsOfAnotherCharm:
    """A refresh takes the options with it; those that the new charm lacks are gone."""

    NEWER = charm(
        """
        name: pets
        options:
          port: {type: string, default: '80'}
          name: {type: string, default: none}
          ratio: {type: float, default: 2.0}
          more: {type: int, default: 1}
        """
    )

    def refresh(self, fields: str, there: LiveApplication, **more: Any) -> Plan:
        return plan(f"scale: 1, {fields}", there, charm_=self.NEWER, sha256="b" * 64, **more)

    def test_what_must_be_so_goes_with_the_charm(self) -> None:
        there = present(options={"name": "x"}, user_set=frozenset({"name"}), identity=held())
        done = self.refresh("options: {port: '80', name: x, ratio: 1.0, more: 2}", there)
        refresh, note = done.steps[1:]
        assert isinstance(refresh, RefreshApplication)
        # port becomes a string and would fall back to its default, which it is; the value of name
        # was set and stays; the default of ratio changes; more is new.
        assert refresh.options == {"ratio": "1.0", "more": "2"}
        changes = [(item.name, item.old, item.new) for item in refresh.differences]
        assert changes == [
            ("", "local:pets-0", "pets.charm"),
            ("more", None, "2"),
        ]
        assert note.describe() == "note what pets was deployed from"

    def test_a_value_that_was_set_is_lost_with_its_type(self) -> None:
        there = present(options={"port": 81}, user_set=frozenset({"port"}), identity=held())
        (refresh,) = [
            step
            for step in self.refresh("options: {port: '81'}", there).steps
            if isinstance(step, RefreshApplication)
        ]
        assert refresh.options == {"port": "81"}
        assert [item.kind for item in refresh.differences] == ["charm"]

    def test_a_value_whose_type_is_not_known_is_taken_to_stay(self) -> None:
        identity = dataclasses.replace(held(), option_types=None)
        there = present(options={"name": "x"}, user_set=frozenset({"name"}), identity=identity)
        (refresh,) = [
            step
            for step in self.refresh("options: {name: x}", there).steps
            if isinstance(step, RefreshApplication)
        ]
        assert refresh.options == {}

    def test_what_the_new_charm_lacks_is_told(self) -> None:
        there = present(options={"tags": True}, user_set=frozenset({"tags"}), identity=held())
        done = self.refresh("options: {}", there)
        (refresh,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        (gone,) = [item for item in refresh.differences if item.kind == "option"]
        assert (gone.name, gone.old, gone.new) == ("tags", "true", None)
        assert gone.reason == "charm pets.charm has no such option"
        assert done.foreign == ()

    @pytest.mark.parametrize(
        ("there", "resets", "names"),
        [
            (present(identity=held(options=["ratio"])), False, ("ratio",)),
            (present(identity=held()), False, None),
            (present(identity=held()), True, ("ratio",)),
            (present(identity=held(options=["name", "port", "more"])), False, None),
        ],
    )
    def test_what_was_set_to_a_default_that_changes_is_reset(
        self, there: LiveApplication, resets: bool, names: tuple[str, ...] | None
    ) -> None:
        """Whether it was set cannot be told from its value, and the controller would keep it."""
        done = self.refresh("options: {}", there, reset_foreign=resets)
        found = [step.names for step in done.steps if isinstance(step, ResetOptions)]
        assert found == ([names] if names else [])

    def test_what_the_bundle_sets_is_not_reset_and_nothing_is_reset_twice(self) -> None:
        there = present(identity=held(options=["ratio"]))
        done = self.refresh("options: {ratio: 1.0}", there)
        assert not [step for step in done.steps if isinstance(step, ResetOptions)]
        there = present(
            options={"ratio": 3.0}, user_set=frozenset({"ratio"}), identity=held(options=["ratio"])
        )
        done = self.refresh("options: {}", there)
        assert [step.names for step in done.steps if isinstance(step, ResetOptions)] == [("ratio",)]

    def test_a_default_that_stays_needs_no_reset(self) -> None:
        same = charm(
            "{name: pets, options: {ratio: {type: float, default: 1}, name: {type: string}}}"
        )
        there = present(identity=held(options=["ratio", "name"]))
        done = plan("scale: 1", there, charm_=same, sha256="b" * 64)
        assert not [step for step in done.steps if isinstance(step, ResetOptions)]


class TestTrust:
    @pytest.mark.parametrize(
        ("fields", "trusted", "owned", "expected"),
        [
            (
                "trust: true",
                False,
                False,
                SetOptions(application="pets", options={"trust": "true"}),
            ),
            ("trust: true", True, False, None),
            (
                "trust: false",
                True,
                False,
                SetOptions(application="pets", options={"trust": "false"}),
            ),
            ("trust: false", False, True, None),
            (
                "options: {trust: false}",
                True,
                False,
                SetOptions(application="pets", options={"trust": "false"}),
            ),
            ("options: {trust: false}, trust: true", True, False, None),
            ("options: {}", True, True, ResetOptions(application="pets", names=("trust",))),
            ("options: {}", True, False, None),
            ("options: {}", False, True, None),
        ],
    )
    def test_the_bundle_wins_ours_is_taken_back_and_that_of_others_stays(
        self, fields: str, trusted: bool, owned: bool, expected: Step | None
    ) -> None:
        there = present(trust=trusted, identity=held(trust=owned))
        done = plan(f"scale: 1, {fields}", there)
        assert bare(done.steps) == ((expected,) if expected is not None else ())
        if isinstance(expected, ResetOptions):
            assert done.steps[0].differences == (  # type: ignore[union-attr]
                Difference(application="pets", kind="trust", old="true", new="false", reason=OURS),
            )

    def test_that_of_others_is_listed(self) -> None:
        there = present(trust=True, identity=held(), user_set=frozenset({"trust"}))
        assert foreign("options: {}", there) == [("trust", "", "true")]
        assert foreign("trust: false", there) == []

    def test_both_values_are_told(self) -> None:
        (step,) = plan("scale: 1, trust: false", present(trust=True)).steps
        assert isinstance(step, SetOptions)
        (found,) = step.differences
        assert (found.kind, found.name, found.old, found.new) == ("trust", "", "true", "false")


class TestConstraints:
    @pytest.mark.parametrize(
        ("fields", "live", "owned", "expected"),
        [
            ("constraints: mem=1G", {"arch": "amd64", "mem": 1024}, [], None),
            ("constraints: mem=1G", {"mem": 1024}, [], None),
            (
                "constraints: mem=1G",
                {"arch": "amd64", "mem": 512},
                [],
                {"arch": "amd64", "mem": 1024},
            ),
            ("constraints: mem=1G", {"arch": "amd64"}, [], {"arch": "amd64", "mem": 1024}),
            ("constraints: mem=1G", {"mem": 1024, "cores": 2}, [], None),
            (
                "constraints: mem=1G",
                {"mem": 1024, "cores": 2},
                ["cores"],
                {"arch": "amd64", "mem": 1024},
            ),
            (
                "constraints: mem=1G",
                {"mem": 1, "cores": 2},
                [],
                {"arch": "amd64", "mem": 1024, "cores": 2},
            ),
            ("options: {}", {"arch": "amd64", "mem": 1024}, ["mem"], {"arch": "amd64"}),
            ("options: {}", {"arch": "amd64", "mem": 1024}, [], None),
            ("options: {}", {"arch": "amd64"}, ["arch", "mem"], None),
            ("constraints: ''", {"arch": "amd64", "mem": 1024}, [], {"arch": "amd64"}),
            ("constraints: 'tags='", {"arch": "amd64"}, [], None),
            ("constraints: arch=amd64", {}, [], {"arch": "amd64"}),
            (
                "constraints: mem=1G",
                {"arch": "arm64", "mem": 1},
                [],
                {"arch": "arm64", "mem": 1024},
            ),
        ],
    )
    def test_each_is_the_bundles_ours_or_of_others(
        self, fields: str, live: Any, owned: list[str], expected: Any
    ) -> None:
        there = present(constraints=live, identity=held(constraints=owned))
        assert steps(fields, there) == (
            () if expected is None else (SetConstraints(application="pets", constraints=expected),)
        )

    def test_those_of_others_are_listed_and_reset_when_asked_for(self) -> None:
        there = present(constraints={"arch": "amd64", "mem": 1024}, identity=held())
        assert foreign("options: {}", there) == [("constraints", "mem", 1024)]
        assert foreign("constraints: cores=2", there) == [("constraints", "mem", 1024)]
        assert foreign("constraints: ''", there) == []
        done = plan("scale: 1", there, reset_foreign=True)
        assert bare(done.steps) == (
            SetConstraints(application="pets", constraints={"arch": "amd64"}),
        )
        assert done.foreign == ()

    def test_the_architecture_stays_whatever_is_reset(self) -> None:
        for arch in ("amd64", "arm64"):
            there = present(
                constraints={"arch": arch, "mem": 1, "cores": 2},
                identity=held(constraints=["arch", "mem"]),
            )
            (step,) = plan("scale: 1", there, reset_foreign=True).steps
            assert isinstance(step, SetConstraints)
            assert step.constraints == {"arch": arch}
            assert step.differences == (
                Difference(
                    application="pets",
                    kind="constraints",
                    old=f"arch={arch} mem=1 cores=2",
                    new=f"arch={arch}",
                    reason=f"{OURS}; {ASKED}",
                ),
            )
        alone = present(constraints={"arch": "arm64"}, identity=held(constraints=["arch"]))
        assert plan("scale: 1", alone, reset_foreign=True).steps == ()

    def test_nothing_is_told_as_nothing(self) -> None:
        arm = charm("name: pets", bases="[ubuntu@22.04:arm64]")
        there = present(constraints={"mem": 1}, identity=held(constraints=["mem"]))
        (step,) = plan("scale: 1", there, charm_=arm).steps
        assert isinstance(step, SetConstraints)
        assert step.constraints == {}
        assert [(item.old, item.new) for item in step.differences] == [("mem=1", None)]
        (step,) = plan("scale: 1, constraints: mem=2M", present(), charm_=arm).steps
        assert isinstance(step, SetConstraints)
        assert step.constraints == {"mem": 2}
        assert [(item.old, item.new) for item in step.differences] == [(None, "mem=2")]

    def test_both_values_are_told_as_a_bundle_writes_them(self) -> None:
        there = present(
            constraints={"arch": "amd64", "cores": 2}, identity=held(constraints=["cores"])
        )
        (step,) = plan("scale: 1, constraints: 'mem=1G tags=a,b'", there).steps
        assert isinstance(step, SetConstraints)
        assert step.differences == (
            Difference(
                application="pets",
                kind="constraints",
                old="arch=amd64 cores=2",
                new="mem=1024 tags=a,b arch=amd64",
                reason=OURS,
            ),
        )


class TestScale:
    @pytest.mark.parametrize(("scale", "live"), [(2, 1), (0, 1), (1, 0)])
    def test_one_that_differs_is_changed(self, scale: int, live: int) -> None:
        there = dataclasses.replace(present(), scale=live)
        (step,) = plan(f"scale: {scale}", there).steps
        assert bare([step]) == (Scale(application="pets", scale=scale, was=live),)
        assert isinstance(step, Scale)
        assert [(item.old, item.new) for item in step.differences] == [(live, scale)]

    def test_one_that_is_the_same_and_that_of_a_subordinate_is_not(self) -> None:
        assert plan("scale: 1", present()).steps == ()
        subordinate = dataclasses.replace(PETS, subordinate=True)
        assert plan("scale: 3", present(), charm_=subordinate).steps == ()


def exposed(
    endpoints: Mapping[str, ExposedEndpoint], owned: list[str] | None = None, *, is_so: bool = True
) -> LiveApplication:
    return present(
        exposed=is_so,
        exposed_endpoints=endpoints,
        own_options={"juju-external-hostname": "h"},
        identity=held(exposed=owned or []),
    )


class TestExposure:
    @pytest.mark.parametrize(
        ("fields", "there", "expected"),
        [
            ("expose: true", exposed({}, is_so=False), [Expose(application="pets")]),
            ("expose: true", exposed({"": EVERYWHERE}), []),
            ("expose: true", exposed({}), []),
            ("expose: true", exposed({"website": OFFICE}), [Expose(application="pets")]),
            (
                "expose: true",
                exposed({"website": OFFICE}, ["website"]),
                [Unexpose(application="pets"), Expose(application="pets")],
            ),
            (
                "expose: true",
                exposed({"": EVERYWHERE, "api": OFFICE}, ["api"]),
                [Unexpose(application="pets", endpoints=("api",))],
            ),
            ("expose: true", exposed({"": OFFICE}), [Expose(application="pets")]),
            ("options: {}", exposed({"": EVERYWHERE}), []),
            ("options: {}", exposed({"": EVERYWHERE}, [""]), [Unexpose(application="pets")]),
            ("options: {}", exposed({"": EVERYWHERE}, [""], is_so=False), []),
            (
                "options: {}",
                exposed({"": EVERYWHERE, "api": OFFICE}, [""]),
                [Unexpose(application="pets", endpoints=("",))],
            ),
            ("expose: false", exposed({"": EVERYWHERE}), [Unexpose(application="pets")]),
            ("expose: false", exposed({}, is_so=False), []),
            (
                "exposed-endpoints: {api: {expose-to-cidrs: [10.0.0.0/8]}}",
                exposed({"api": OFFICE}),
                [],
            ),
            (
                "exposed-endpoints: {api: {expose-to-cidrs: [10.0.0.0/8]}}",
                exposed({"api": EVERYWHERE}),
                [Expose(application="pets", endpoints={"api": OFFICE})],
            ),
            (
                "exposed-endpoints: {api: {}}",
                exposed({"api": EVERYWHERE}),
                [],
            ),
        ],
    )
    def test_each_endpoint_is_the_bundles_ours_or_of_others(
        self, fields: str, there: LiveApplication, expected: list[Step]
    ) -> None:
        assert [*steps(fields, there)] == expected

    def test_that_of_others_is_listed_and_reset_when_asked_for(self) -> None:
        there = exposed({"": EVERYWHERE, "api": OFFICE})
        networks = {"expose-to-spaces": [], "expose-to-cidrs": ["10.0.0.0/8"]}
        assert foreign("expose: true", there) == [("expose", "api", networks)]
        done = plan("scale: 1", there, reset_foreign=True)
        assert bare(done.steps) == (Unexpose(application="pets"),)
        assert [item.name for item in done.steps[0].differences] == ["", "api"]  # type: ignore[union-attr]
        assert done.foreign == ()

    def test_both_values_are_told(self) -> None:
        (step,) = plan("scale: 1, expose: true", exposed({"": OFFICE})).steps
        assert isinstance(step, Expose)
        (found,) = step.differences
        assert found.old == {"expose-to-spaces": [], "expose-to-cidrs": ["10.0.0.0/8"]}
        assert found.new == {"expose-to-spaces": [], "expose-to-cidrs": []}
        (step,) = plan("scale: 1, expose: false", exposed({"": OFFICE})).steps
        assert isinstance(step, Unexpose)
        assert [item.reason for item in step.differences] == [
            "the bundle says that it is not exposed"
        ]

    def test_each_endpoint_that_is_no_longer_exposed_is_told_with_the_reason(self) -> None:
        networks: Any = {"expose-to-spaces": [], "expose-to-cidrs": ["10.0.0.0/8"]}
        there = exposed({"website": OFFICE, "api": OFFICE}, ["api"])
        for fields, reset, expected in (
            ("scale: 1", False, [("api", OURS)]),
            ("scale: 1", True, [("website", ASKED), ("api", OURS)]),
            (
                "scale: 1, expose: false",
                True,
                [("website", "the bundle says that it is not exposed"), ("api", OURS)],
            ),
        ):
            (step,) = plan(fields, there, reset_foreign=reset).steps
            assert isinstance(step, Unexpose)
            assert step.endpoints == (("api",) if len(expected) == 1 else ())
            assert step.differences == tuple(
                Difference(
                    application="pets", kind="expose", name=name, old=networks, reason=reason
                )
                for name, reason in expected
            )

    def test_what_is_exposed_to_spaces_is_compared_with_them(self) -> None:
        spaces = ExposedEndpoint(spaces=("alpha",))
        fields = "scale: 1, exposed-endpoints: {api: {expose-to-spaces: [alpha]}}"
        assert plan(fields, exposed({"api": spaces})).steps == ()
        (step,) = plan(fields, exposed({"api": EVERYWHERE})).steps
        assert isinstance(step, Expose)
        assert step.endpoints == {"api": spaces}
        assert len(plan("scale: 1, exposed-endpoints: {api: {}}", exposed({"api": spaces})).steps)

    def test_it_takes_the_option_that_juju_asks_for(self) -> None:
        with pytest.raises(BundleError, match="juju-external-hostname"):
            plan("scale: 1, expose: true", present())
        ours = present(
            own_options={"juju-external-hostname": "h"},
            user_set=frozenset({"juju-external-hostname"}),
            identity=held(options=["juju-external-hostname"]),
        )
        with pytest.raises(BundleError, match="juju-external-hostname"):  # which is reset
            plan("scale: 1, expose: true", ours)


class TestAnnotations:
    def test_each_is_the_bundles_ours_or_of_others(self) -> None:
        there = present(
            annotations={"same": "1", "other": "1", "ours": "1", "theirs": "1", "ckf-airgap": "{}"},
            identity=held(annotations=["ours", "other"]),
        )
        fields = "annotations: {same: '1', other: '2', new: '3', none: ''}"
        (step,) = plan(f"scale: 1, {fields}", there).steps
        assert isinstance(step, SetAnnotations)
        assert step.annotations == {"other": "2", "new": "3", "ours": ""}
        assert [(item.name, item.old, item.new, item.reason) for item in step.differences] == [
            ("other", "1", "2", ""),
            ("new", None, "3", ""),
            ("ours", "1", None, OURS),
        ]
        assert foreign(fields, there) == [("annotation", "theirs", "1")]

    def test_those_of_others_are_reset_when_asked_for_and_the_record_is_not(self) -> None:
        there = present(annotations={"theirs": "1", "ckf-airgap": "{}"})
        done = plan("scale: 1", there, reset_foreign=True)
        assert bare(done.steps) == (SetAnnotations(application="pets", annotations={"theirs": ""}),)
        assert [item.reason for item in done.steps[0].differences] == [ASKED]  # type: ignore[union-attr]

    def test_one_that_goes_is_told_to_go(self) -> None:
        (step,) = plan("scale: 1, annotations: {a: ''}", present(annotations={"a": "1"})).steps
        assert isinstance(step, SetAnnotations)
        assert [(item.old, item.new) for item in step.differences] == [("1", None)]

    def test_that_of_the_record_is_this_tools_own(self) -> None:
        with pytest.raises(BundleError, match="annotation ckf-airgap"):
            plan("scale: 1, annotations: {ckf-airgap: x}", present())


class TestBindings:
    @pytest.mark.parametrize(
        ("bindings", "live", "expected"),
        [
            ("{website: alpha}", {"": "alpha"}, {}),
            ("{website: alpha}", {"": "alpha", "website": "beta"}, {"website": "alpha"}),
            ("{website: alpha}", {"": "beta"}, {"website": "alpha"}),
            ("{website: ''}", {"website": "beta"}, {}),
            ("{website: alpha}", {}, {}),
            ("{website: alpha}", None, {}),
        ],
    )
    def test_those_that_differ_are_changed(
        self, bindings: str, live: dict[str, str] | None, expected: dict[str, str]
    ) -> None:
        there = present(bindings=live)
        wanted = SetBindings(application="pets", bindings=expected)
        done = plan(f"scale: 1, bindings: {bindings}", there)
        assert bare(done.steps) == ((wanted,) if expected else ())
        for step in done.steps:
            assert step.differences == (  # type: ignore[union-attr]
                Difference(
                    application="pets", kind="binding", name="website", old="beta", new="alpha"
                ),
            )

    def test_they_go_with_a_refresh(self) -> None:
        there = present(bindings={"website": "beta"}, identity=held())
        done = plan("scale: 1, bindings: {website: alpha}", there, sha256="b" * 64)
        (refresh,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        assert refresh.bindings == {"website": "alpha"}
        assert ("binding", "website", "beta", "alpha") in [
            (item.kind, item.name, item.old, item.new) for item in refresh.differences
        ]
        assert not [step for step in done.steps if isinstance(step, SetBindings)]


@pytest.mark.parametrize(
    ("live", "text", "same"),
    [
        (None, "", False),
        ("x", "x", True),
        ("x", "X", False),
        ("1", "1", True),
        (1, "1", True),
        (1, "1.0", True),
        (1, "2", False),
        (1, "one", False),
        (0.5, "0.5", True),
        (1e-7, "1e-07", True),
        (0.5, "0.6", False),
        (2**63 - 1, str(2**63 - 1), True),
        (2**63 - 1, str(2**63 - 2), False),
        (True, "true", True),
        (True, "True", True),
        (True, "false", False),
        (False, "false", True),
        (False, "true", False),
        (True, "1", True),
        ({"a": "b", "c": 1}, "c=1 a=b", True),
        ({"a": "b"}, "a=c", False),
        (["a", "b"], "a,b", True),
        (["a", "b"], "a b", True),
        (["a"], "b", False),
    ],
)
def test_values_are_compared_as_what_they_mean(live: Any, text: str, same: bool) -> None:
    assert same_value(live, text) is same


@pytest.mark.parametrize(
    ("live", "text"),
    [
        (None, None),
        (True, "true"),
        (1, "1"),
        (0.5, "0.5"),
        ("x", "x"),
        ({"a": "b", "c": "d"}, "a=b c=d"),
        (["a", "b"], "a,b"),
    ],
)
def test_live_values_are_shown_as_a_bundle_writes_them(live: Any, text: str | None) -> None:
    assert live_text(live) == text


def test_what_may_be_secret_is_hidden_where_it_is_foreign() -> None:
    item = Foreign(application="a", kind="option", name="static-password", value="hunter2")
    assert "hunter2" not in str(item.to_json()) + repr(item)
