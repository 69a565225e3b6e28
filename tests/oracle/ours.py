"""What ckf-airgap makes of the cases that Juju's libraries are asked about."""

from __future__ import annotations

import io
import stat
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.bundlefile import load_bundle, load_overlays
from ckf_airgap.bundle.checks import with_overlays
from ckf_airgap.charms.charm import Charm, Option
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.charms.checks.clientside import client_problems
from ckf_airgap.documents import dump_yaml, load_all_yaml
from ckf_airgap.errors import AirgapError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import ValueText
from ckf_airgap.rehearsal.archives.reading import read_archive
from ckf_airgap.rehearsal.model.optionvalues import parse_settings
from ckf_airgap.rehearsal.wire import ApiError
from tests.oracle.comparing import Case, Outcome, plain, untyped

Values = Mapping[str, Any]


def answer(case: Case) -> Outcome:
    """Return what ours makes of a case; any error but a declared one is raised."""
    try:
        return Outcome(value=_ANSWERS[case.kind](case))
    except (AirgapError, ApiError) as exc:
        problems = [str(problem) for problem in getattr(exc, "problems", ())]
        return Outcome(error="\n".join([str(exc), *problems]))


def theirs(case: Case, value: Any) -> Any:
    """Return the oracle's value in the form of `answer`'s."""
    convert = _THEIRS.get(case.kind)
    return value if convert is None else convert(value, case)


def notes(case: Case, value: Any) -> tuple[str, ...]:
    """Return what the oracle says beside its value."""
    return tuple(value["ignored"]) if case.kind == "bundle" else ()


def with_text(case: Case) -> Case:
    """Return the case with what ours wrote as the text that the oracle reads.

    Raises:
        AirgapError: when ours does not write it.
    """
    return Case(
        case.kind, case.asked, {**case.request, "text": WRITERS[case.kind](case)}, case.given
    )


# YAML: read without a type


def _read_yaml(case: Case) -> Any:
    return [
        plain(document)
        for document in load_all_yaml(case.request["text"], where="it", allow_duplicate_keys=True)
    ]


# YAML: what ours writes, read by yaml.v2 and by PyYAML


def _write(case: Case) -> str:
    return dump_yaml(case.given["value"])


def _written(case: Case) -> Any:
    """Return the value that was to be written, once PyYAML has read it back, too."""
    expected = plain(case.given["value"])
    read = plain(yaml.safe_load(case.request["text"]))
    return [expected if read == expected else ("PyYAML reads", read)]


def _written_texts(case: Case) -> Any:
    return dict(case.given["value"])


def _edit(case: Case) -> str:
    value = ValueText.parse(case.given["text"])
    return value.edit({scalar.path: case.given["value"] for scalar in value.scalars[:1]})


def _edited(case: Case) -> Any:
    """Return the text before the edit with the new value at the first scalar's place."""
    before = yaml.safe_load(case.given["text"])
    path = ValueText.parse(case.given["text"]).scalars[0].path
    _put(before, path, case.given["value"])
    expected = plain(before)
    read = plain(yaml.safe_load(case.request["text"]))
    return [expected if read == expected else ("PyYAML reads", read)]


def _put(value: Any, path: tuple[str | int, ...], item: str) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = item


# Bundles


def _bundle(case: Case) -> Any:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        path = directory / "bundle.yaml"
        path.write_text(case.request["text"], encoding="utf-8", newline="")
        overlays = []
        for number, text in enumerate(case.request.get("overlays", ())):
            overlays.append(directory / f"overlay-{number}.yaml")
            overlays[-1].write_text(text, encoding="utf-8", newline="")
        bundle = load_bundle(path)
        if overlays:
            bundle, problems = with_overlays(bundle, load_overlays(overlays).documents)
            if problems:
                raise AirgapError("\n".join(map(str, problems)))
    return _bundle_value(bundle)


def _bundle_value(bundle: Bundle) -> Values:
    return {
        "type": bundle.kind or "",
        "series": bundle.series or "",
        "default-base": str(bundle.default_base or ""),
        "applications": {
            name: _application_value(application)
            for name, application in bundle.applications.items()
        },
        "relations": [[str(end) for end in relation.ends] for relation in bundle.relations],
    }


def _application_value(application: Application) -> Values:
    return {
        "charm": application.charm,
        "channel": application.channel or "",
        "revision": application.revision,
        "series": application.series or "",
        "base": str(application.base or ""),
        "scale": application.scale,
        "to": list(application.placement),
        "expose": application.expose,
        "trust": application.trust,
        "constraints": application.constraints,
        "options": plain(dict(application.options)),
        "resources": plain(dict(application.resources)),
        "annotations": dict(application.annotations),
        "storage": dict(application.storage),
        "devices": dict(application.devices),
        "bindings": dict(application.bindings),
    }


_NOT_OF_A_BUNDLE: Final = ("offers", "exposed-endpoints")


def _their_bundle(value: Any, case: Case) -> Values:
    applications = {}
    for name, fields in value["applications"].items():
        kept = {key: item for key, item in fields.items() if key not in _NOT_OF_A_BUNDLE}
        kept["resources"] = {name: untyped(item) for name, item in fields["resources"].items()}
        # An option without a value has its default, so ours leaves it out.
        kept["options"] = {
            name: untyped(item) for name, item in fields["options"].items() if item is not None
        }
        kept["base"] = kept["base"].partition("/")[0]
        applications[name] = kept
    kept = {key: value[key] for key in ("type", "series", "relations")}
    base = value["default-base"].partition("/")[0]
    return {**kept, "default-base": base, "applications": applications}


# Charms


def _uploaded(case: Case) -> Any:
    with tempfile.NamedTemporaryFile(suffix=".charm") as file:
        file.write(case.given["bytes"])
        file.flush()
        archive = read_archive(Path(file.name), method="PUT")
    return {
        **_charm_value(archive.charm),
        "actions": sorted(archive.actions),
        "version": archive.version,
        "revision": archive.revision,
    }


def _charm_file(case: Case) -> Any:
    with tempfile.NamedTemporaryFile(suffix=".charm") as file:
        file.write(case.given["bytes"])
        file.flush()
        charm = read_charm(file.name)
    return {**_charm_value(charm), "for the client": bool(client_problems(charm))}


def _charm_value(charm: Charm) -> Values:
    return {
        "name": charm.name,
        "summary": charm.summary,
        "subordinate": charm.subordinate,
        "series": list(charm.series),
        "endpoints": {
            f"{endpoint.role} {name}": {
                "interface": endpoint.interface,
                "optional": endpoint.optional,
                "scope": endpoint.scope,
            }
            for name, endpoint in charm.endpoints.items()
        },
        "resources": {
            name: {
                "type": resource.type,
                "filename": resource.filename or "",
                "description": resource.description,
            }
            for name, resource in charm.resources.items()
        },
        "options": {
            name: {"type": option.type, "default": plain(option.default)}
            for name, option in charm.options.items()
        },
        "bases": [
            {"name": base.name, "track": base.track, "architectures": list(base.architectures)}
            for base in charm.bases
        ],
    }


def _their_upload(value: Any, case: Case) -> Values:
    kept = {key: value[key] for key in ("name", "summary", "subordinate", "series", "resources")}
    kept["endpoints"] = {
        name: {key: item for key, item in fields.items() if key != "limit"}
        for name, fields in value["endpoints"].items()
    }
    kept["options"] = {
        name: {"type": fields["type"], "default": untyped(fields["default"])}
        for name, fields in value["options"].items()
    }
    kept["bases"] = [
        {key: item for key, item in base.items() if key != "channel"} for base in value["bases"]
    ]
    if case.kind == "charm file":
        return {**kept, "for the client": bool(value["client"])}
    for key in ("version", "revision"):
        kept[key] = value[key]
    return {**kept, "actions": sorted(value["actions"])}


def archive_of(members: Mapping[str, str | bytes], links: Mapping[str, str]) -> bytes:
    """Return a zip with some members, and with symbolic links to some targets."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for name, target in links.items():
            member = zipfile.ZipInfo(name)
            member.create_system = 3
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return buffer.getvalue()


# Option values


def _options(case: Case) -> dict[str, Option]:
    return {name: Option(name=name, type=kind) for name, kind in case.given["options"].items()}


def _settings(case: Case) -> Any:
    settings = parse_settings(
        _options(case),
        application=case.request["key"],
        strings={},
        yaml_text=case.request["text"],
    )
    return {name: plain(value) for name, value in settings.charm.items()}


def _strings(case: Case) -> Any:
    settings = parse_settings(
        _options(case), application="app", strings=case.request["strings"], yaml_text=""
    )
    return {name: plain(value) for name, value in settings.charm.items()}


def _their_settings(value: Any, case: Case) -> Values:
    return {name: untyped(item) for name, item in value.items()}


# References


def _reference(case: Case) -> Any:
    reference = ImageReference.parse(case.request["text"])
    canonical = reference.canonical()
    return {
        "registry": canonical.registry,
        "repository": canonical.repository,
        "tag": reference.tag or "",
        "digest": reference.digest or "",
        "pulled": str(canonical),
    }


_ANSWERS: Final[Mapping[str, Callable[[Case], Any]]] = {
    "yaml": _read_yaml,
    "written": _written,
    "written texts": _written_texts,
    "edited": _edited,
    "bundle": _bundle,
    "upload": _uploaded,
    "charm file": _charm_file,
    "settings": _settings,
    "strings": _strings,
    "reference": _reference,
}
WRITERS: Final[Mapping[str, Callable[[Case], str]]] = {
    "written": _write,
    "written texts": _write,
    "edited": _edit,
}
_THEIRS: Final[Mapping[str, Callable[[Any, Case], Any]]] = {
    "yaml": lambda value, _: [untyped(document) for document in value],
    "written": lambda value, _: [untyped(document) for document in value],
    "edited": lambda value, _: [untyped(document) for document in value],
    "bundle": _their_bundle,
    "upload": _their_upload,
    "charm file": _their_upload,
    "settings": _their_settings,
    "strings": _their_settings,
}
