"""Option values as the controller parses them: charm options, and the application's own.

The messages are those of Juju's charm library, with values formatted like Go's ``%#v``. See
``parseCharmSettings`` of ``apiserver/facades/client/application``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ckf_airgap.charms.charm import Option, OptionValue
from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.archives.config import OPTION_CHECKERS
from ckf_airgap.rehearsal.entities.secreturi import parse_secret_uri
from ckf_airgap.rehearsal.golang.formatting import GoValue, go_value, quoted
from ckf_airgap.rehearsal.golang.numbers import parse_bool, parse_float, parse_int
from ckf_airgap.rehearsal.golang.schema import SchemaError
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import ANY, GoMap, GoYamlError
from ckf_airgap.rehearsal.model.applicationoptions import APPLICATION_OPTIONS, parse_own
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

_SECRET_TYPE_ERROR: Final = "secret value should be a string, got string instead not valid"  # noqa: S105 - a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in a request: options of the charm, and options of the application."""

    charm: Mapping[str, OptionValue | None] = field(default_factory=dict)
    """``None`` for an option that is reset to its default."""
    application: Mapping[str, JSONValue] = field(default_factory=dict)


def parse_settings(
    options: Mapping[str, Option],
    *,
    application: str,
    strings: Mapping[str, str],
    yaml_text: str = "",
) -> Settings:
    """Return the settings of a request, each with the type of its option.

    Args:
        options: The charm's options.
        application: The key of the values in the YAML.
        strings: Values as text; they take precedence over the YAML.
        yaml_text: A YAML document that maps application names to options, or the YAML output of
            ``juju config``; empty for none.

    Raises:
        ApiError: for an unknown option or a value of the wrong type.
    """
    values: dict[str, GoValue] = {}
    shown: dict[str, GoValue] = {}
    if yaml_text:
        values, shown = _yaml_values(yaml_text, application)
    given = {**values, **strings}
    own = {
        name: parse_own(name, value) for name, value in given.items() if name in APPLICATION_OPTIONS
    }
    charm: dict[str, OptionValue | None] = {}
    for name, value in {**shown, **given}.items():
        if name in own:
            continue
        if name not in options:
            raise unknown_option(name)
        is_shown = name in shown and name not in given
        charm[name] = (_validated if is_shown else parse_value)(options[name], value)
    _check_secrets(options, charm)
    return Settings(charm=charm, application=own)


def kept_settings(
    options: Mapping[str, Option], settings: Mapping[str, OptionValue]
) -> dict[str, OptionValue]:
    """Return the settings that another charm can have: it has the option, and the value fits.

    See ``FilterSettings`` of Juju's charm library: what does not fit is dropped without an error.
    """
    kept: dict[str, OptionValue] = {}
    for name, value in settings.items():
        if name not in options:
            continue
        try:
            fitting = _validated(options[name], value)
        except ApiError:
            continue
        if fitting is not None:
            kept[name] = fitting
    return kept


def unknown_option(name: str) -> ApiError:
    """Return the error of an option that a charm does not have."""
    return ApiError(f"unknown option {quoted(name)}")


def parse_value(option: Option, value: GoValue) -> OptionValue | None:
    """Return a value with the type of its option; text is parsed, ``None`` is kept.

    Raises:
        ApiError: ``option "port" expected int, got "abc"``.
    """
    if not isinstance(value, str):
        return _validated(option, value)
    parsers: dict[str, Any] = {"int": parse_int, "float": parse_float, "boolean": parse_bool}
    parse = parsers.get(option.type)
    parsed: OptionValue | None = value if parse is None else parse(value)
    if parsed is None:
        raise _mistyped(option, value)
    return parsed


def _validated(option: Option, value: GoValue) -> OptionValue | None:
    if value is None:
        return None
    try:
        checked: OptionValue = OPTION_CHECKERS[option.type](value, ())
    except SchemaError:
        raise _mistyped(option, value) from None
    return checked


def _mistyped(option: Option, value: GoValue) -> ApiError:
    return ApiError(f"option {quoted(option.name)} expected {option.type}, got {go_value(value)}")


def _check_secrets(
    options: Mapping[str, Option], settings: Mapping[str, OptionValue | None]
) -> None:
    """Refuse values of options of type ``secret`` that are not secret URIs."""
    for name, value in settings.items():
        if options[name].type != "secret":
            continue
        if not isinstance(value, str):
            raise ApiError(_SECRET_TYPE_ERROR, NOT_VALID)
        if not value:
            return
        try:
            parse_secret_uri(value)
        except ApiError as error:
            raise error.annotated(f"invalid secret URI for option {quoted(name)}") from error


def _yaml_values(text: str, application: str) -> tuple[dict[str, GoValue], dict[str, GoValue]]:
    """Return the values for an application, and those in the output of ``juju config``."""
    try:
        document = unmarshal(text, GoMap(ANY), where="settings") or {}
    except GoYamlError as exc:
        raise ApiError(f"cannot parse settings data: {exc.message}") from exc
    values = document.get(application)
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items()}, {}
    settings = document.get("settings")
    if not isinstance(settings, dict) or not all(
        isinstance(name, str) and isinstance(fields, dict) for name, fields in settings.items()
    ):
        raise ApiError(f"no settings found for {quoted(application)}")
    return {}, {name: fields["value"] for name, fields in settings.items() if "value" in fields}
