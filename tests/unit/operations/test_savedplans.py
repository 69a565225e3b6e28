"""Plans in files: what is kept of them, and what they are compared by."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap import (
    Difference,
    Inputs,
    JujuTarget,
    Plan,
    Policy,
    SavedPlan,
    load_plan,
    save_plan,
)
from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document
from ckf_airgap.errors import InputError, MissingError, RefusedError
from ckf_airgap.juju.planning.identity import DeploymentRecord
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    AttachResources,
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    ResourceUpload,
    SetOptions,
    Step,
    UploadCharm,
    WriteRecord,
)
from ckf_airgap.operations import savedplans

TARGET = JujuTarget(model="kubeflow")
BASE = Base(name="ubuntu", channel="24.04/stable")
SECRETS = ("hunter2", "hunter3", "s3cr3t")


def sets(name: str, old: str | None, new: str | None, application: str = "dex") -> SetOptions:
    difference = Difference(
        application=application, kind="option", name=name, old=old, new=new, reason="why"
    )
    return SetOptions(application=application, options={}, differences=(difference,))


def refresh(path: Path, **changes: Any) -> RefreshApplication:
    step = RefreshApplication(
        application="minio",
        charm="minio",
        charm_path=path,
        base=BASE,
        architecture="amd64",
        options={"b": "1", "a": "2"},
        resources=(ResourceUpload(name="i", type="oci-image", value="r/x:1", path="r/x:1"),),
    )
    return dataclasses.replace(step, **changes)


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "minio.charm"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "changes.plan"


def inputs(*settings: str) -> Inputs:
    return Inputs(bundle="1.11", charms=Path("/charms"), settings=settings)


async def kept(file: Path, *steps: Step, uuid: str = "") -> SavedPlan:
    """Return a plan that was written and read again."""
    plan = Plan(model="kubeflow", uuid=uuid, steps=steps)
    saved = await save_plan(file, plan, inputs=inputs(), target=TARGET)
    read = load_plan(file)
    assert read == saved
    return read


async def refusal(saved: SavedPlan, *steps: Step, uuid: str = "") -> list[str]:
    """Return why a plan is not the one that was kept."""
    with pytest.raises(RefusedError, match="nothing was changed") as caught:
        await saved.check(Plan(model="kubeflow", uuid=uuid, steps=steps))
    assert "make a new one: ckf-airgap plan" in caught.value.fix
    assert not any(secret in str(caught.value) for secret in SECRETS)
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def resource_beside(charm: Path) -> Path:
    path = charm.with_name("conf.tar")
    path.write_bytes(b"conf")
    return path


def every_step(charm: Path) -> tuple[Step, ...]:
    relation = (EndpointRef("a", "x"), EndpointRef("b", "y"))
    record = DeploymentRecord(charm_url="", charm_sha256="ab")
    return (
        UploadCharm(charm="minio", revision=1, path=charm, size_bytes=3, applications=("minio",)),
        RemoveApplication(application="mlmd", deploys_again=True, lost=("data/0",)),
        DeployApplication(
            application="mlmd",
            charm="mlmd",
            charm_path=charm,
            base=BASE,
            architecture="amd64",
            scale=1,
            trust=False,
        ),
        refresh(charm),
        AttachResources(
            application="ui",
            resources=(
                ResourceUpload(name="f", type="file", value=str(resource_beside(charm)), path="f"),
            ),
        ),
        sets("static-password", "hunter2", "hunter3"),
        sets("volume", "1", "2", "dog"),
        WriteRecord(application="minio", record=record),
        AddRelation(requirer=relation[0], provider=relation[1]),
        MakeOffer(application="a", offer="o", endpoints=("x",)),
        GrantOffer(application="a", offer="o", user="ann", access="read"),
    )


async def test_a_plan_that_is_the_same_may_be_carried_out(file: Path, charm: Path) -> None:
    steps = every_step(charm)
    saved = await kept(file, *steps, uuid="u")
    await saved.check(Plan(model="kubeflow", uuid="u", steps=steps))
    assert len(saved.changes) == len(steps) + 2
    assert saved.files == {
        str(path): hashlib.sha384(path.read_bytes()).hexdigest()
        for path in (charm, resource_beside(charm))
    }


async def test_what_is_kept_of_a_step_can_be_read(file: Path, charm: Path) -> None:
    saved = await kept(file, *every_step(charm))
    shown = {one.what: one.shown for one in saved.changes}
    image: Document = {"i": "r/x:1"}
    assert shown == {
        f"upload-charm {charm}": {},
        "remove mlmd": {"deploys-again": True, "lost": ["data/0"]},
        "deploy mlmd": {"path": str(charm), "architecture": "amd64"},
        "refresh minio": {
            "path": str(charm),
            "base": "ubuntu@24.04",
            "architecture": "amd64",
            "options": ["a", "b"],
            "resources": image,
        },
        "attach-resources ui": {"resources": {"f": str(resource_beside(charm))}},
        "set-options dex": {},
        "dex: option static-password": {"old": "(hidden)", "new": "(hidden)"},
        "set-options dog": {},
        "dog: option volume": {"old": "1", "new": "2"},
        "write-record minio": {
            "record": json.loads(DeploymentRecord(charm_url="", charm_sha256="ab").to_text())
        },
        "relate a:x b:y": {},
        "offer o": every_step(charm)[-2].to_json(),
        "grant-offer o ann": every_step(charm)[-1].to_json(),
    }
    assert file.read_text().splitlines()[:2] == ["{", ' "schema": "ckf-airgap/saved-plan/v1",']


async def test_hidden_values_in_another_order_are_the_same(file: Path) -> None:
    def step(**keys: str) -> SetOptions:
        difference = Difference(application="a", kind="option", name="token", new={**keys})
        return SetOptions(application="a", options={}, differences=(difference,))

    saved = await kept(file, step(x="1", y="2"))
    await saved.check(Plan(model="m", steps=(step(y="2", x="1"),)))


async def test_the_file_has_no_secret_and_only_its_owner_reads_it(file: Path, charm: Path) -> None:
    file.write_text("")
    file.chmod(0o644)
    plan = Plan(model="kubeflow", steps=every_step(charm))
    settings = ("dex.static-password=s3cr3t", "dog.volume=3", "dex.config=token=s3cr3t")
    saved = await save_plan(file, plan, inputs=inputs(*settings), target=TARGET)
    text = file.read_text()
    assert not any(secret in text for secret in SECRETS)
    assert saved.inputs.settings == ("dog.volume=3",)
    assert saved.again == ("dex.static-password", "dex.config")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [path for path in file.parent.iterdir() if path.name.endswith(".part")]


async def test_equal_secrets_have_different_digests(file: Path) -> None:
    steps = (sets("a-token", None, "hunter2"), sets("b-token", None, "hunter2"))
    first = await kept(file, *steps)
    again = await kept(file, *steps)
    digests = [one.hidden for saved in (first, again) for one in saved.changes if one.hidden]
    assert len(digests) == len(set(digests)) == 4
    assert {len(digest) for digest in digests} == {64}


async def test_the_inputs_and_options_come_back(file: Path, tmp_path: Path) -> None:
    given = Inputs(
        bundle=str(tmp_path / "b.yaml"),
        charms=tmp_path,
        images=tmp_path / "i",
        mapping=tmp_path / "m",
        registry="r:5000",
        settings=("a.b=c",),
        overlays=(tmp_path / "o",),
        rules=tmp_path / "rules",
        architecture="arm64",
        allow_public=("a.b",),
    )
    target = JujuTarget(model="me/ml", controller="k8s", juju_data=tmp_path)
    policy = Policy(
        prune=True, reset_foreign=True, replace=frozenset({"b", "a"}), only=frozenset({"c"})
    )
    saved = await save_plan(
        file,
        Plan(model="ml"),
        inputs=given,
        target=target,
        policy=policy,
        create_model=True,
        skip_releases=True,
    )
    read = load_plan(file)
    assert read == saved
    assert (read.inputs, read.target, read.policy) == (given, target, policy)
    assert (read.create_model, read.skip_releases) == (True, True)


async def test_the_options_that_are_left_out_come_back(file: Path) -> None:
    saved = await kept(file)
    assert saved.inputs == inputs()
    assert (saved.target, saved.policy) == (TARGET, Policy())
    assert (saved.create_model, saved.skip_releases, saved.again) == (False, False, ())


async def test_what_differs_is_named(file: Path, charm: Path) -> None:
    saved = await kept(file, sets("a", "1", "2"), sets("static-password", "hunter2", "s3cr3t"))
    assert await refusal(
        saved, sets("a", "1", "3"), sets("static-password", "hunter2", "hunter3")
    ) == [
        'dex: option a: new was "2" and is "3" now',
        "dex: option static-password: a value that is hidden is another one now",
    ]
    assert await refusal(
        saved, sets("a", "0", "2"), sets("static-password", "hunter3", "s3cr3t")
    ) == [
        'dex: option a: old was "1" and is "0" now',
        "dex: option static-password: a value that is hidden is another one now",
    ]


async def test_what_comes_and_what_goes_is_named(file: Path) -> None:
    saved = await kept(file, sets("a", "1", "2"))
    assert await refusal(saved, sets("b", "1", "2", "dog")) == [
        "set-options dex: it would not be done any more",
        "dex: option a: it would not be done any more",
        "set-options dog: it would be done, too",
        "dog: option b: it would be done, too",
    ]
    assert len(await refusal(saved)) == 2


async def test_another_order_is_another_plan(file: Path) -> None:
    one, other = sets("a", "1", "2", "x"), sets("a", "1", "2", "y")
    saved = await kept(file, one, other)
    assert await refusal(saved, other, one) == [
        "the plan: the steps would be done in another order"
    ]


async def test_steps_of_one_name_are_told_apart(file: Path) -> None:
    saved = await kept(file, sets("a", "1", "2"), sets("b", "1", "2"))
    assert [one.what for one in saved.changes] == [
        "set-options dex",
        "dex: option a",
        "set-options dex (2)",
        "dex: option b",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": Base(name="ubuntu", channel="22.04")}, "base was"),
        ({"architecture": "arm64"}, 'architecture was "amd64" and is "arm64" now'),
        ({"options": {"a": "1"}}, 'options was ["a", "b"] and is ["a"] now'),
        ({"resources": ()}, "resources was"),
        ({"charm_path": Path("/other.charm")}, "path was"),
    ],
)
async def test_how_a_refresh_differs_is_said(
    file: Path, charm: Path, changes: dict[str, Any], said: str
) -> None:
    saved = await kept(file, refresh(charm))
    (problem,) = await refusal(saved, refresh(charm, **changes))
    assert problem.startswith("refresh minio: ")
    assert said in problem


async def test_a_value_that_is_no_longer_known_is_another_one(file: Path) -> None:
    known = Difference(application="a", kind="charm", old="x", new="y")
    unknown = dataclasses.replace(known, is_known=False)
    saved = await kept(file, refresh(Path("x.charm"), differences=(known,)))
    assert await refusal(saved, refresh(Path("x.charm"), differences=(unknown,))) == [
        "a: charm: old-unknown was null and is true now"
    ]


async def test_a_reason_in_other_words_is_the_same_plan(file: Path) -> None:
    step = sets("a", "1", "2")
    saved = await kept(file, step)
    other = dataclasses.replace(step.differences[0], reason="in other words")
    await saved.check(Plan(model="m", steps=(dataclasses.replace(step, differences=(other,)),)))


async def test_another_record_lost_storage_or_offer_is_named(file: Path) -> None:
    def steps(sha256: str, lost: str, access: str) -> tuple[Step, ...]:
        return (
            RemoveApplication(application="a", lost=(lost,)),
            WriteRecord(
                application="a", record=DeploymentRecord(charm_url="", charm_sha256=sha256)
            ),
            GrantOffer(application="a", offer="o", user="ann", access=access),
        )

    saved = await kept(file, *steps("ab", "x/0", "read"))
    await saved.check(Plan(model="m", steps=steps("ab", "x/0", "read")))
    problems = await refusal(saved, *steps("cd", "x/1", "admin"))
    assert [problem.partition(":")[0] for problem in problems] == [
        "remove a",
        "write-record a",
        "grant-offer o ann",
    ]


async def test_a_file_with_another_content_is_named(file: Path, charm: Path) -> None:
    upload = UploadCharm(
        charm="minio", revision=1, path=charm, size_bytes=3, applications=("minio",)
    )
    saved = await kept(file, upload)
    charm.write_bytes(b"two")
    assert await refusal(saved, upload) == [f"{charm}: its content is another one now"]


async def test_another_model_of_the_name_is_another_plan(file: Path) -> None:
    saved = await kept(file, uuid="one")
    assert await refusal(saved, uuid="two") == [
        "model kubeflow: it is another model of that name now"
    ]
    await saved.check(Plan(model="kubeflow", uuid="one"))
    new = await kept(file)  # the model is made for it
    await new.check(Plan(model="kubeflow", uuid="two"))


async def test_a_plan_of_another_version_is_made_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = await kept(file, sets("a", "1", "2"))
    monkeypatch.setattr(savedplans, "__version__", "99")
    (problem,) = await refusal(saved)
    assert problem == f"the plan: it was made by ckf-airgap {saved.version}, and this is 99"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a plan"),
        ("[]", "its schema is not ckf-airgap/saved-plan/v1"),
        ('{"schema": "ckf-airgap/plan/v2"}', "its schema is not"),
        ('{"schema": "ckf-airgap/saved-plan/v1"}', "is damaged: KeyError 'inputs'"),
    ],
)
def test_another_file_is_no_plan(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        load_plan(file)


async def test_a_plan_may_come_through_a_pipe(file: Path) -> None:
    saved = await kept(file, sets("a", "1", "2"))
    reading, writing = os.pipe()
    os.write(writing, file.read_bytes())
    os.close(writing)
    assert load_plan(f"/dev/fd/{reading}") == saved
    os.close(reading)


async def test_values_are_told_as_they_are(file: Path) -> None:
    saved = await kept(file, sets("a", "ä", "ö"))
    assert await refusal(saved, sets("a", "ä", "ü")) == [
        'dex: option a: new was "ö" and is "ü" now'
    ]


def test_a_file_that_is_not_there_is_missing(file: Path) -> None:
    with pytest.raises(MissingError, match="cannot read the plan"):
        load_plan(file)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        load_plan(file)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("salt",), "xyz"),
        (("salt",), None),
        (("inputs",), []),
        (("inputs", "set"), "a.b=c"),
        (("inputs", "charms"), 7),
        (("policy", "prune"), "yes"),
        (("policy", "application"), "a"),
        (("changes",), {}),
        (("changes",), ["x"]),
        (("files",), {"a": 1}),
        (("version",), 1),
    ],
)
async def test_a_damaged_plan_is_said_to_be(file: Path, path: tuple[str, ...], value: Any) -> None:
    await kept(file, sets("a", "1", "2"))
    document = json.loads(file.read_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match="is damaged") as caught:
        load_plan(file)
    assert caught.value.fix == "Make the plan again."
