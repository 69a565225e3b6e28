"""A plan as a person reads it, in a pipe and on terminals of several widths."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.charms.charm import Base
from ckf_airgap.cli.planview import PlanView, differences_of, summary
from ckf_airgap.cli.safetext import SafeConsole
from ckf_airgap.documents import JSONValue
from ckf_airgap.facts.upgrades import ManualStep
from ckf_airgap.juju.planning.differences import Difference, Foreign, Kind, Refusal
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    AttachResources,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    ResourceUpload,
    SetOptions,
    Step,
    UploadCharm,
    WriteRecord,
)
from ckf_airgap.operations.upgrading import ByHand, Upgrade

BASE = Base(name="ubuntu", channel="24.04/stable")
REGISTRY = "registry.example:5000/charmedkubeflow"


def differs(
    application: str,
    kind: Kind,
    name: str = "",
    old: JSONValue = None,
    new: JSONValue = None,
    *,
    reason: str = "",
    is_known: bool = True,
) -> Difference:
    return Difference(
        application=application,
        kind=kind,
        name=name,
        old=old,
        new=new,
        reason=reason,
        is_known=is_known,
    )


def image(name: str = "oci-image") -> ResourceUpload:
    return ResourceUpload(name=name, type="oci-image", value="r/x:1", path="r/x:1")


def sets(*differences: Difference) -> SetOptions:
    return SetOptions(
        application=differences[0].application, options={}, differences=tuple(differences)
    )


def refresh(*differences: Difference) -> RefreshApplication:
    return RefreshApplication(
        application=differences[0].application,
        charm="x",
        charm_path=Path("x.charm"),
        base=BASE,
        architecture="amd64",
        resources=(image(),),
        differences=tuple(differences),
    )


def deploys(*differences: Difference) -> DeployApplication:
    return DeployApplication(
        application=differences[0].application,
        charm="x",
        charm_path=Path("x.charm"),
        base=BASE,
        architecture="amd64",
        scale=1,
        trust=False,
        resources=(image(),),
        differences=tuple(differences),
    )


def removes(application: str, *lost: str, again: bool = False) -> RemoveApplication:
    gone = differs(application, "application", old=f"local:{application}-0")
    return RemoveApplication(
        application=application, deploys_again=again, lost=lost, differences=(gone,)
    )


def relates(requirer: str, provider: str) -> AddRelation:
    key = f"{requirer}:x {provider}:x"
    return AddRelation(
        requirer=EndpointRef(requirer, "x"),
        provider=EndpointRef(provider, "x"),
        differences=(differs(requirer, "relation", key, new=key),),
    )


def unrelates(requirer: str, provider: str) -> RemoveRelation:
    key = f"{requirer}:x {provider}:x"
    return RemoveRelation(
        requirer=EndpointRef(requirer, "x"),
        provider=EndpointRef(provider, "x"),
        differences=(differs(requirer, "relation", key, old=key),),
    )


def planned(
    *steps: Step,
    foreign: tuple[Foreign, ...] = (),
    refused: tuple[Refusal, ...] = (),
    unchanged: tuple[str, ...] = (),
) -> Plan:
    return Plan(
        model="kubeflow", steps=steps, foreign=foreign, refused=refused, unchanged=unchanged
    )


def drawn(plan: Plan, width: int = 100_000, upgrade: Upgrade | None = None) -> list[str]:
    """Return the lines, without the summary."""
    stream = io.StringIO()
    SafeConsole(file=stream, width=width).print(PlanView(plan, upgrade))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    counted = str(summary(plan))
    taken = ""
    while lines and taken != counted:
        taken = f"{lines.pop()} {taken}".strip()
    return lines


def told(plan: Plan) -> str:
    return str(summary(plan))


OLD_IMAGE, NEW_IMAGE = f"{REGISTRY}/api-server:2.5.0", f"{REGISTRY}/api-server:2.15.0"


@pytest.fixture
def upgraded() -> Plan:
    return planned(
        UploadCharm(
            charm="x", revision=1, path=Path("x.charm"), size_bytes=1, applications=("kfp-api",)
        ),
        refresh(
            differs("kfp-api", "charm", old="kfp-api_r1.charm", new="kfp-api_r2.charm"),
            differs("kfp-api", "resource", "oci-image", OLD_IMAGE, NEW_IMAGE),
            differs("kfp-api", "option", "log-level", "INFO", "DEBUG", reason="it is so"),
        ),
    )


def test_in_a_pipe_each_change_is_a_line(upgraded: Plan) -> None:
    assert drawn(upgraded) == [
        "~ kfp-api  charm             kfp-api_r1.charm -> kfp-api_r2.charm",
        f"~ kfp-api  image oci-image   {OLD_IMAGE} -> {NEW_IMAGE}",
        "~ kfp-api  option log-level  INFO -> DEBUG  (it is so)",
        "",
    ]
    assert told(upgraded) == "3 changes"


def test_what_does_not_fit_goes_on_below(upgraded: Plan) -> None:
    assert drawn(upgraded, 68) == [
        "~ kfp-api  charm             kfp-api_r1.charm -> kfp-api_r2.charm",
        "~ kfp-api  image oci-image",
        f"    - {OLD_IMAGE}",
        f"    + {NEW_IMAGE}",
        "~ kfp-api  option log-level  INFO -> DEBUG  (it is so)",
        "",
    ]
    assert drawn(upgraded, 48)[-3:] == [
        "~ kfp-api  option log-level  INFO -> DEBUG",
        "    (it is so)",
        "",
    ]


def test_a_line_that_just_fits_is_whole() -> None:
    old, new = "kfp-api_r1.charm (sha256 12)", "kfp-api_r2.charm"
    line = f"~ kfp-api  charm  {old} -> {new}"
    plan = planned(refresh(differs("kfp-api", "charm", old=old, new=new)))
    assert drawn(plan, len(line))[0] == line
    assert drawn(plan, len(line) - 1)[:3] == ["~ kfp-api  charm", f"    - {old}", f"    + {new}"]


def test_a_key_and_its_values_that_just_fit_are_on_one_line() -> None:
    line = "    ~ tag  1.24.2 -> 1.28.0"
    plan = planned(sets(differs("a", "option", "o", "tag: 1.24.2\nb: 1", "tag: 1.28.0\nb: 1")))
    assert drawn(plan, len(line))[1] == line
    assert drawn(plan, len(line) - 1)[1:4] == ["    ~ tag", "      - 1.24.2", "      + 1.28.0"]


def test_a_long_value_goes_on_under_itself_and_is_not_cut() -> None:
    value = " ".join(f"word{number}" for number in range(30))
    lines = drawn(planned(sets(differs("a", "option", "o", "x", value))), 60)
    assert lines[:2] == ["~ a  option o", "    - x"]
    assert lines[2].startswith("    + word0 ")
    assert all(line.startswith("      word") for line in lines[3:-1])
    assert " ".join(line.strip(" +") for line in lines[2:-1]) == value


def test_a_document_is_shown_by_its_keys() -> None:
    old = "pilot: 'a' # note\ntag: 1.24.2\nhub: r\nproxy:\n  image: r/p:1\n  cpu: 1\n"
    new = "pilot: 'a' # note\ntag: 1.28.0\nhub: r\nproxy:\n  image: r/p:2\n  extra: yes\n"
    plan = planned(sets(differs("istio", "option", "images", old, new)))
    assert drawn(plan, 80) == [
        "~ istio  option images",
        "    ~ tag  1.24.2 -> 1.28.0",
        "    ~ proxy",
        "      ~ image  r/p:1 -> r/p:2",
        "      - cpu    1",
        "      + extra  true",
        "",
    ]
    assert drawn(plan, 26)[1:7] == [
        "    ~ tag",
        "      - 1.24.2",
        "      + 1.28.0",
        "    ~ proxy",
        "      ~ image",
        "        - r/p:1",
    ]


def test_a_list_is_shown_by_its_items_with_those_around_them() -> None:
    old = "\n".join(f"- r/{name}:1" for name in "abcdefg")
    plan = planned(sets(differs("ui", "option", "images", old, old.replace("e:1", "e:2"))))
    assert drawn(plan) == [
        "~ ui  option images",
        "      …",
        "      r/c:1",
        "      r/d:1",
        "    - r/e:1",
        "    + r/e:2",
        "      r/f:1",
        "      r/g:1",
        "",
    ]


def test_an_empty_line_is_one() -> None:
    plan = planned(sets(differs("a", "option", "o", "x: [\n\nb", "x: [\n\nc")))
    assert drawn(plan)[1:5] == ["      x: [", "", "    - b", "    + c"]


def test_what_comes_and_what_goes() -> None:
    plan = planned(
        removes("seldon"),
        deploys(
            differs("envoy", "application", new="envoy_r3.charm"),
            differs("envoy", "resource", "oci-image", new="r/envoy:1"),
            differs("envoy", "option", "text", new="one\ntwo"),
            differs("envoy", "option", "empty", new=""),
        ),
        sets(differs("dex", "option", "port", "80", None, reason="no longer in the bundle")),
        relates("envoy", "dex"),
        relates("envoy", "fox"),
        unrelates("dex", "old"),
    )
    assert drawn(plan) == [
        "- seldon  application      local:seldon-0",
        "+ envoy   application      envoy_r3.charm",
        "+ envoy   image oci-image  r/envoy:1",
        "+ envoy   option text",
        "    + one",
        "    + two",
        '+ envoy   option empty     ""',
        "- dex     option port      80  (no longer in the bundle)",
        "+ envoy   relation         envoy:x dex:x",
        "+ envoy   relation         envoy:x fox:x",
        "- dex     relation         dex:x old:x",
        "",
    ]
    assert told(plan) == (
        "1 new application, 1 removed application, 1 change, 2 new relations, 1 removed relation"
    )


def test_a_replaced_application_says_what_is_lost() -> None:
    plan = planned(
        removes("minio", "minio-data/0 (10G)", "x/1", again=True),
        deploys(differs("minio", "application", new="minio_r2.charm")),
    )
    assert drawn(plan) == [
        "- minio  application  local:minio-0  (loses minio-data/0 (10G), x/1)",
        "+ minio  application  minio_r2.charm",
        "",
    ]
    assert told(plan) == "1 replaced application"


def test_what_is_not_known_is_said() -> None:
    plan = planned(
        refresh(
            differs("a", "charm", old="local:a-0", new="a.charm", is_known=False, reason="why"),
            differs("a", "resource", "oci-image", new="r/a:1", is_known=False),
            differs("a", "option", "x", old="1", is_known=False),
        )
    )
    assert drawn(plan)[:3] == [
        "~ a  charm            local:a-0 (not known) -> a.charm  (why)",
        "~ a  image oci-image  (not known) -> r/a:1",
        '~ a  option x         1 (not known) -> ""',
    ]


def test_a_resource_is_an_image_where_it_is_one() -> None:
    attach = AttachResources(
        application="a",
        resources=(
            image("one"),
            ResourceUpload(name="two", type="file", value="./two", path="two"),
        ),
        differences=(
            differs("a", "resource", "one", "r/x:0", "r/x:1"),
            differs("a", "resource", "two", None, "./two"),
            differs("a", "pull-login", "one", "no login", "login of the registry"),
        ),
    )
    assert drawn(planned(attach)) == [
        "~ a  image one       r/x:0 -> r/x:1",
        "+ a  resource two    ./two",
        "~ a  pull-login one  no login -> login of the registry",
        "",
    ]


def test_secrets_are_hidden_and_their_change_is_seen() -> None:
    plan = planned(
        sets(
            differs("dex", "option", "static-password", "hunter2", "hunter3"),
            differs("dex", "option", "config", "id: a\ntoken: x\n", "id: b\ntoken: y\n"),
            differs("dex", "option", "auth", "token: x", "token: y"),
        ),
    )
    assert drawn(plan) == [
        "~ dex  option static-password  (hidden) -> (hidden)",
        "~ dex  option config",
        "    ~ id  a -> b",
        "    (parts of it are hidden, and may differ, too)",
        "~ dex  option auth             token: (hidden) -> token: (hidden)",
        "",
    ]


def test_records_that_are_brought_up_to_date_share_a_line() -> None:
    def note(application: str, old: str) -> WriteRecord:
        from ckf_airgap.juju.planning.identity import DeploymentRecord

        return WriteRecord(
            application=application,
            record=DeploymentRecord(charm_url="", charm_sha256=""),
            differences=(differs(application, "record", "", old, "2", reason="noted"),),
        )

    plan = planned(note("a", "1"), note("b", "1"), note("c", "0"))
    assert drawn(plan) == [
        "~ 2 applications  record  1 -> 2  (noted: a, b)",
        "~ c               record  0 -> 2  (noted)",
        "",
    ]
    assert told(plan) == "3 records"


def test_what_stays_and_what_is_refused_follow() -> None:
    plan = planned(
        sets(differs("a", "option", "o", "1", "2")),
        foreign=(
            Foreign(
                application="dex", kind="option", name="static-password", value="x", fix="do that"
            ),
            Foreign(application="dex", kind="option", name="text", value="one\ntwo"),
            Foreign(application="x", kind="relation", name="x:y z:y", value="y"),
            Foreign(application="old", kind="application"),
        ),
        refused=(
            Refusal(
                application="minio",
                kind="storage",
                name="data",
                what="it cannot change",
                fix="fix",
                lost=("data/0",),
            ),
            Refusal(application="mlmd", kind="charm", what="it is another one"),
        ),
        unchanged=("b", "c"),
    )
    assert drawn(plan) == [
        "~ a      option o                1 -> 2",
        "",
        "left alone, since neither the bundle nor an earlier deployment has set it:",
        "* dex    option static-password  (hidden)  (do that)",
        "* dex    option text",
        "      one",
        "      two",
        "* x      relation                x:y z:y",
        "* old    application",
        "",
        "cannot be changed in place, so that nothing is changed:",
        "! minio  storage data            it cannot change  (replacing it loses data/0; fix)",
        "! mlmd   charm                   it is another one",
        "",
    ]
    assert told(plan) == "1 change, 2 applications unchanged, 4 left alone, 2 refused"


def test_what_is_done_by_hand_is_said() -> None:
    step = ManualStep(
        charms=("minio",), kind="backup", what="copy it", why="it goes", source="https://x"
    )
    upgrade = Upgrade(
        release="2", by_hand=(ByHand(release="2", applications=("minio", "store"), step=step),)
    )
    assert drawn(planned(), upgrade=upgrade) == [
        "by hand, before the first change (upgrade to 2):",
        "* minio, store: copy it",
        "    it goes; see https://x",
        "",
    ]


def test_nothing_to_do_is_said() -> None:
    assert drawn(planned()) == []
    assert told(planned(unchanged=("a",))) == (
        "nothing to do in model kubeflow, 1 application unchanged"
    )


def test_differences_are_by_application_and_relations_come_last() -> None:
    plan = planned(
        sets(differs("a", "option", "o", "1", "2")),
        relates("a", "b"),
        sets(differs("b", "option", "o", "1", "2")),
        sets(differs("a", "trust", "", "true", "false")),
    )
    found = [(one.application, one.kind) for _, one in differences_of(plan)]
    assert found == [("a", "option"), ("a", "trust"), ("b", "option"), ("a", "relation")]


def test_names_from_outside_do_not_act_on_the_terminal() -> None:
    evil = "x\x1b[31m"
    plan = planned(
        sets(differs(evil, "option", evil, f"{evil}\nb", f"{evil}\nc", reason=evil)),
        foreign=(Foreign(application=evil, kind="option", name=evil, value=evil, fix=evil),),
    )
    for width in (40, 100_000):
        text = "\n".join(drawn(plan, width))
        assert "\x1b" not in text
        assert r"x\x1b[31m" in text


def tagged(plan: Plan, width: int, upgrade: Upgrade | None = None) -> list[str]:
    """Return the lines with their styles: ``<31>`` is red, ``<0>`` none."""
    stream = io.StringIO()
    SafeConsole(
        file=stream, width=width, force_terminal=True, color_system="standard", no_color=False
    ).print(PlanView(plan, upgrade))
    text = re.sub(r"\x1b\[([\d;]*)m", r"<\1>", stream.getvalue())
    return [re.sub(r" +(<0>)?$", r"\1", line) for line in text.splitlines()]


def test_everything_has_its_colour_where_there_are_some() -> None:
    step = ManualStep(
        charms=("minio",), kind="backup", what="copy it", why="it goes", source="https://x"
    )
    upgrade = Upgrade(
        release="2", by_hand=(ByHand(release="2", applications=("minio",), step=step),)
    )
    plan = planned(
        sets(
            differs("a", "option", "o", "1", "2", reason="why"),
            differs("a", "option", "p", "k: 1\nl: 1\nm: 1", "k: 2\nl: 1\nn: 1"),
            differs("a", "option", "q", "x: [\nb", "x: [\nc"),
            differs("a", "option", "r", "old", None),
        ),
        deploys(differs("b", "application", new="b.charm")),
        removes("c"),
        relates("b", "a"),
        unrelates("a", "c"),
        foreign=(Foreign(application="a", kind="option", name="f", value="v", fix="fix"),),
        refused=(Refusal(application="a", kind="storage", what="no"),),
        unchanged=("u",),
    )
    assert tagged(plan, 250, upgrade)[:-1] == [
        "<33>~ <0>a  <36>option o   <0>  <31>1<0> -> <32>2<0>  <2>(why)<0>",
        "<33>~ <0>a  <36>option p<0>",
        "<33>    ~ <0><1>k<0>  <31>1<0> -> <32>2<0>",
        "<31>    - <0><1>m<0>  <31>1<0>",
        "<32>    + <0><1>n<0>  <32>1<0>",
        "<33>~ <0>a  <36>option q<0>",
        "<2>      <0><2>x: [<0>",
        "<31>    - <0><31>b<0>",
        "<32>    + <0><32>c<0>",
        "<31>- <0>a  <36>option r   <0>  <31>old<0>",
        "<32>+ <0>b  <36>application<0>  <32>b.charm<0>",
        "<31>- <0>c  <36>application<0>  <31>local:c-0<0>",
        "<31>- <0>a  <36>relation   <0>  <31>a:x c:x<0>",
        "<32>+ <0>b  <36>relation   <0>  <32>b:x a:x<0>",
        "",
        "<1>left alone, since neither the bundle nor an earlier deployment has set it:<0>",
        "* a  <36>option f   <0>  v  <2>(fix)<0>",
        "",
        "<1>cannot be changed in place, so that nothing is changed:<0>",
        "<1;31>! <0>a  <36>storage    <0>  no",
        "",
        "<1>by hand, before the first change (upgrade to 2):<0>",
        "* minio: copy it",
        "    <2>it goes; see https://x<0>",
        "",
    ]
    assert tagged(plan, 250, upgrade)[-1] == (
        "<32>1 new application<0>, <31>1 removed application<0>, <33>4 changes<0>, "
        "<32>1 new relation<0>, <31>1 removed relation<0>, 1 application unchanged, 1 left alone, "
        "<1;31>1 refused<0>"
    )
    narrow = tagged(planned(sets(differs("a", "option", "o", "one", "two", reason="why"))), 16)
    assert narrow[:4] == [
        "<33>~ <0>a  <36>option o<0>",
        "<31>    - <0><31>one<0>",
        "<32>    + <0><32>two<0>",
        "    <2>(why)<0>",
    ]


def test_colours_stay_where_values_go_below() -> None:
    lines = tagged(planned(sets(differs("a", "option", "o", "key: 1\nb: 1", "key: 2\nb: 1"))), 15)
    assert lines[:4] == [
        "<33>~ <0>a  <36>option o<0>",
        "<33>    ~ <0><1>key<0>",
        "<31>      - <0><31>1<0>",
        "<32>      + <0><32>2<0>",
    ]
    refused = (Refusal(application="a", kind="storage", what="it cannot change"),)
    assert tagged(planned(refused=refused), 20)[3:6] == [
        "<1;31>! <0>a  <36>storage<0>",
        "<2>      <0><2>it cannot<0>",
        "      <2>change<0>",
    ]


def test_nothing_to_do_is_green() -> None:
    assert tagged(planned(), 80) == ["<32>nothing to do in model kubeflow<0>"]


def test_a_value_without_blanks_goes_on_too() -> None:
    value = "x" * 100
    lines = drawn(planned(sets(differs("a", "option", "o", "1", value))), 40)
    assert "".join(line.strip(" +") for line in lines[2:]) == value


def test_where_there_is_little_room_names_do_not_take_all_of_it() -> None:
    name = "a-very-long-name-of-an-application"
    plan = planned(
        sets(differs(name, "option", "o", "1", "2")), sets(differs("b", "option", "o", "1", "2"))
    )
    assert drawn(plan, 60)[:2] == [
        f"~ {name}  option o  1 -> 2",
        f"~ b{' ' * 17}  option o  1 -> 2",
    ]
