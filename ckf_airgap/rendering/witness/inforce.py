"""What is in force in a merged bundle: what charms will act on. Pure.

An option that the bundle leaves out has the charm's default. An option that is empty, or null, has
the charm's own file of default images where there is one. A mapping is laid over that file as the
charm lays it: an empty value, or a key that is missing, means the file's. A list replaces the file,
an empty list (``[]``) included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.bundle.bundle import Application
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import JSONValue
from ckf_airgap.rendering.witness.survey import document

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class OptionInForce:
    """An option, and the value that the charm acts on.

    Attributes:
        name: The option.
        value: The document or text in force.
        filled: The keys whose value is the one of the charm's file; ``None`` when the whole value
            is.
    """

    name: str
    value: JSONValue
    filled: frozenset[str] | None = frozenset()


def options_in_force(application: Application, charm: Charm) -> Iterator[OptionInForce]:
    """Yield each option of an application that holds text."""
    for option in charm.options.values():
        if option.type != "string":
            continue
        value = application.options.get(option.name, option.default)
        text = value if isinstance(value, str) else ""
        file = charm.defaults_for(option.name)
        if file is None:
            if text.strip() not in _NULLS:
                yield OptionInForce(option.name, text)
            continue
        if text.strip() in _NULLS:
            yield OptionInForce(option.name, file.value, None)
            continue
        given = document(text)
        if isinstance(given, dict) and isinstance(file.value, dict):
            missing = {key for key in file.value if is_empty(given.get(key))}
            laid = {**given, **{key: file.value[key] for key in missing}}
            yield OptionInForce(option.name, laid, frozenset(missing))
        else:
            yield OptionInForce(option.name, text if given is None else given)


def images_in_force(application: Application, charm: Charm) -> Mapping[str, str]:
    """Return the image of each resource: the bundle's, else the one that the charm names."""
    found = {}
    for resource in charm.images:
        given = application.resources.get(resource.name)
        declared = resource.upstream_source or resource.old_upstream
        text = given if isinstance(given, str) else declared
        if text:
            found[resource.name] = text
    return found


def is_empty(value: JSONValue) -> bool:
    """Whether a charm takes the value of a key for left out."""
    return value is None or (isinstance(value, str) and value.strip() in _NULLS)
