"""``config.yaml`` as Juju's charm library reads it: options and their typed defaults. Pure.

See ``config.go`` of ``github.com/juju/charm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ckf_airgap.charms.charm import Option, OptionValue
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.golang import schema
from ckf_airgap.rehearsal.golang.formatting import GoValue, go_value, quoted
from ckf_airgap.rehearsal.golang.schema import Checker, Path, SchemaError
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import (
    ANY,
    RAW_MAP,
    STRING,
    GoMap,
    GoPointer,
    GoStruct,
    GoYamlError,
)

_OPTION: Final = GoStruct("charm.Option", {"type": STRING, "description": STRING, "default": ANY})
_CONFIG: Final = GoPointer(GoStruct("charm.Config", {"options": GoMap(_OPTION)}))


def read_config(text: str, *, where: str) -> dict[str, Option]:
    """Return the options of a charm.

    Raises:
        UnreadableCharmError: in Juju's words.
    """
    try:
        config = unmarshal(text, _CONFIG, where=where)
        if config is None:
            raise _empty()
        if config["options"] is None:
            given = unmarshal(text, RAW_MAP, where=where)
            if "options" not in given:
                raise _empty()
    except GoYamlError as exc:
        raise UnreadableCharmError(exc.message) from exc
    return {name: _option(name, fields) for name, fields in (config["options"] or {}).items()}


def secret_reference(value: GoValue, path: Path) -> str:
    """Accept the URI of a secret, or an empty text, as an option of type ``secret`` does.

    Raises:
        SchemaError: when it is anything else.
    """
    text = schema.string(value, path)
    try:
        scheme = urlsplit(text).scheme
    except ValueError as exc:
        raise SchemaError(f"parse {quoted(text)}: {exc}") from exc
    if text and scheme != "secret":
        what = f"secret URI scheme {quoted(scheme)}" if scheme else "secret URI scheme missing"
        raise SchemaError(f"{what} not valid")
    return text


OPTION_CHECKERS: Final[Mapping[str, Checker]] = {
    "string": schema.string,
    "int": schema.integer,
    "float": schema.floating,
    "boolean": schema.boolean,
    "secret": secret_reference,
}
"""The checker for the values of each option type."""


def _empty() -> UnreadableCharmError:
    return UnreadableCharmError("invalid config: empty configuration")


def _option(name: str, fields: dict[str, Any]) -> Option:
    kind: Any = fields["type"] or "string"
    if kind not in OPTION_CHECKERS:
        raise UnreadableCharmError(
            f"invalid config: option {quoted(name)} has unknown type {quoted(kind)}"
        )
    default: GoValue = fields["default"]
    is_empty_text = default == "" and kind in ("string", "secret")
    value: OptionValue | None = "" if is_empty_text else None
    if default is not None and not is_empty_text:
        try:
            value = OPTION_CHECKERS[kind](default, ())
        except SchemaError:
            raise UnreadableCharmError(
                f"invalid config default: option {quoted(name)} expected {kind}, got "
                f"{go_value(default)}"
            ) from None
    return Option(name=name, type=kind, default=value, description=fields["description"])
