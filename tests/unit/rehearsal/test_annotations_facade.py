from __future__ import annotations

from typing import Any

from ckf_airgap.rehearsal.api.facades.annotations import Annotations
from ckf_airgap.rehearsal.wire import UNAUTHORIZED
from tests.unit.rehearsal.harness import Rehearsal


async def set_annotations(rehearsal: Rehearsal, tag: str, **values: str) -> Any:
    entry = {"entity": tag, "annotations": values}
    reply: Any = await rehearsal.call(Annotations, "Set", {"annotations": [entry]})
    return reply["results"]


async def test_annotations_are_set_read_and_taken_away(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    tags = ("application-minio", "unit-minio-0", f"model-{rehearsal.model.uuid}")
    for tag in tags:
        assert await set_annotations(rehearsal, tag, a="1", b="2") == []
        assert await set_annotations(rehearsal, tag, a="") == []
    params: Any = {"entities": [{"tag": tag} for tag in tags]}
    reply = await rehearsal.call(Annotations, "Get", params)
    assert reply["results"] == [
        {"entity": tag, "annotations": {"b": "2"}, "error": {}} for tag in tags
    ]


async def test_an_error_is_nested_twice_when_read(rehearsal: Rehearsal) -> None:
    params: Any = {"entities": [{"tag": "application-dex"}, {"tag": "nonsense"}]}
    reply: Any = await rehearsal.call(Annotations, "Get", params)
    missing, nonsense = reply["results"]
    assert missing == {
        "entity": "application-dex",
        "annotations": None,
        "error": {
            "error": {
                "message": 'while getting annotations to "application-dex": permission denied',
                "code": UNAUTHORIZED,
            }
        },
    }
    assert nonsense["error"]["error"]["message"] == (
        'while getting annotations to "nonsense": "nonsense" is not a valid tag'
    )


async def test_bad_keys_and_entities_are_refused(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio")
    (result,) = await set_annotations(rehearsal, "application-minio", **{"a.b": "1"})
    assert result["error"]["message"] == (
        'while setting annotations to "application-minio": cannot update annotations on '
        'application-minio: invalid key "a.b"'
    )
    (result,) = await set_annotations(rehearsal, "model-other", a="1")
    assert "permission denied" in result["error"]["message"]


async def test_annotations_go_with_what_they_are_on(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio")
    rehearsal.settle()
    watcher = rehearsal.model.watch()
    tags = ("application-minio", "unit-minio-0")
    for tag in tags:
        await set_annotations(rehearsal, tag, a="1")
    await watcher.next()
    rehearsal.model.topology.remove_application(minio)
    rehearsal.settle()
    deltas: Any = await watcher.next()
    removed = [delta for delta in deltas if delta[:2] == ["annotation", "remove"]]
    assert {delta[2]["tag"] for delta in removed} == set(tags)
    rehearsal.deploy("minio", "local:minio-0")
    params: Any = {"entities": [{"tag": tag} for tag in tags]}
    reply: Any = await rehearsal.call(Annotations, "Get", params)
    assert [found["annotations"] for found in reply["results"]] == [{}, {}]
