"""The settings of models: inherited values, the model's own, and the source of each.

A model copies what it inherits when it is created: Juju's defaults, then those of its cloud, then
those of its region. A value that equals an inherited one counts as inherited, as in
``state/modelconfig.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ckf_airgap.charms.charm import SERIES_CHANNELS
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.loggingconfig import parse_logging_config
from ckf_airgap.rehearsal.model.modelchecks import (
    check_changes,
    check_stored,
    check_values,
    coerce,
    coerced,
)
from ckf_airgap.rehearsal.model.modelschema import (
    AGENT_VERSION_KEY,
    AUTHORIZED_KEYS,
    CHARMHUB_URL,
    DEFAULT_BASE,
    DEFAULT_SERIES,
    LOGGING_CONFIG,
    OPERATOR_STORAGE,
    WORKLOAD_STORAGE,
    juju_defaults,
)
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_VALID, ApiError

CLOUD_STORAGE: Final[Mapping[str, JSONValue]] = {
    OPERATOR_STORAGE: "standard",
    WORKLOAD_STORAGE: "standard",
}
"""The storage classes that ``juju bootstrap`` finds in the cluster and sets for its cloud."""

_STORAGE_SOURCES: Final = ("storage-default-block-source", "storage-default-filesystem-source")
_STORAGE_PROVIDER: Final = "kubernetes"
_CONTROLLER_SECRETS: Final = ("auto", "internal", "kubernetes")
_VALIDATED_AS: Final = {
    "name": "controller",
    "type": "caas",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class ModelDefaults:
    """The defaults of new models, by cloud and region; an empty region means the whole cloud."""

    def __init__(self) -> None:
        self._by_region: dict[tuple[str, str], dict[str, JSONValue]] = {}

    @classmethod
    def bootstrapped(cls, cloud: str) -> ModelDefaults:
        """Return the defaults of a new controller in a cloud."""
        defaults = cls()
        defaults.update(cloud, "", CLOUD_STORAGE)
        return defaults

    def sources(self, cloud: str, region: str) -> list[tuple[str, Mapping[str, JSONValue]]]:
        """Return the values that models of a region inherit, by source; later ones win."""
        found: list[tuple[str, Mapping[str, JSONValue]]] = [
            ("default", juju_defaults()),
            ("controller", self._by_region.get((cloud, ""), {})),
        ]
        if region:
            found.append(("region", self._by_region.get((cloud, region), {})))
        return found

    def inherited(self, cloud: str, region: str) -> dict[str, JSONValue]:
        """Return the values that models of a region inherit."""
        return {
            name: value
            for _, values in self.sources(cloud, region)
            for name, value in values.items()
        }

    def describe(self, cloud: str, regions: Iterable[str]) -> Document:
        """Return every default as in ``ModelDefaultsForClouds``."""
        described: dict[str, Document] = {}
        for source, values in self.sources(cloud, ""):
            for name, value in values.items():
                described.setdefault(name, {})[source] = value
        for region in regions:
            for name, value in self._by_region.get((cloud, region), {}).items():
                known = described.setdefault(name, {})
                listed = known.get("regions")
                known["regions"] = [
                    *(listed if isinstance(listed, list) else ()),
                    {"region-name": region, "value": value},
                ]
        return {name: described[name] for name in sorted(described)}

    def update(
        self,
        cloud: str,
        region: str,
        changes: Mapping[str, JSONValue],
        *,
        removed: Iterable[str] = (),
    ) -> None:
        """Change defaults, either all of the given ones or none.

        Raises:
            ApiError: when a value is not allowed for models.
        """
        typed = {name: _storable(coerce(name, changes[name])) for name in sorted(changes)}
        after = {**self._by_region.get((cloud, region), {}), **typed}
        for name in removed:
            after.pop(name, None)
        check_values(coerced({**after, **_VALIDATED_AS}))
        self._by_region[cloud, region] = after

    def forget(self, cloud: str) -> None:
        """Remove the defaults of a removed cloud and its regions."""
        for key in [key for key in self._by_region if key[0] == cloud]:
            del self._by_region[key]


class ModelSettings:
    """The settings of one model.

    Args:
        identity: ``name``, ``type``, ``uuid`` and ``agent-version``.
        given: The other settings that the model was created with.
        defaults: The defaults that it inherits.
        cloud: Its cloud.
        region: The region of the cloud.

    Attributes:
        values: Every setting that has a value, each with its proper type.

    Raises:
        ApiError: when a value is not allowed for the model.
    """

    def __init__(
        self,
        *,
        identity: Mapping[str, JSONValue],
        given: Mapping[str, JSONValue],
        defaults: ModelDefaults,
        cloud: str,
        region: str,
    ) -> None:
        self._defaults, self._cloud, self._region = defaults, cloud, region
        self._levels_of, self._levels = "", dict[str, str]()
        merged = {**defaults.inherited(cloud, region), **identity, **_with_base(given)}
        for name in _STORAGE_SOURCES:
            merged[name] = merged.get(name) or _STORAGE_PROVIDER
        try:
            self.values: dict[str, JSONValue] = coerced(merged)
            check_values(self.values)
        except ApiError as error:
            raise error.annotated("creating config from values failed") from error
        check_stored(self.values)

    def described(self) -> Document:
        """Return every setting with its source, as in ``ModelGet``.

        ``authorized-keys`` is left out; ``default-series`` is always present, for older clients.
        """
        sources = self._defaults.sources(self._cloud, self._region)
        shown: dict[str, Document] = {}
        for name, value in self.values.items():
            if name != AUTHORIZED_KEYS:
                shown[name] = {"value": value, "source": _source(name, value, sources)}
        base = shown.get(DEFAULT_BASE, {})
        shown[DEFAULT_SERIES] = {
            "value": series_of(str(base.get("value") or "")),
            "source": base["source"] if base.get("value") else "default",
        }
        return {name: shown[name] for name in sorted(shown)}

    def log_threshold(self, module: str) -> str:
        """Return the lowest level to keep for a logging module, according to ``logging-config``."""
        text = str(self.values.get(LOGGING_CONFIG) or "")
        if text != self._levels_of:
            self._levels_of, self._levels = text, parse_logging_config(text)
        while module:
            if module in self._levels and self._levels[module] != "UNSPECIFIED":
                return self._levels[module]
            module = module.rpartition(".")[0]
        return self._levels.get("<root>", "WARNING")

    def set(self, changes: Mapping[str, JSONValue], *, is_superuser: bool) -> None:
        """Change settings, either all of the given ones or none.

        Args:
            changes: New values, text or of the right type.
            is_superuser: Whether the user may do everything on the controller.

        Raises:
            ApiError: for an invalid value, or a setting that cannot be changed.
        """
        self._check_set(changes, is_superuser=is_superuser)
        self._apply(_with_base(changes), ())

    def unset(self, names: Iterable[str]) -> None:
        """Reset settings to their inherited values; those without one are removed.

        Raises:
            ApiError: for a setting that must have a value.
        """
        inherited = self._defaults.inherited(self._cloud, self._region)
        wanted = [DEFAULT_BASE if name == DEFAULT_SERIES else name for name in names]
        back = {name: inherited[name] for name in wanted if name in inherited}
        self._apply(back, [name for name in wanted if name not in inherited])

    def _check_set(self, changes: Mapping[str, JSONValue], *, is_superuser: bool) -> None:
        """Check changes as ``ModelConfig.ModelSet`` does before it checks values, in its order."""
        if (
            changes.get(AGENT_VERSION_KEY, self.values[AGENT_VERSION_KEY])
            != (self.values[AGENT_VERSION_KEY])
        ):
            raise ApiError("agent-version cannot be changed")
        logging = changes.get(LOGGING_CONFIG)
        if isinstance(logging, str) and not is_superuser:
            if "TRACE" in parse_logging_config(logging).values():
                raise ApiError("only controller admins can set a model's logging level to TRACE")
        elif isinstance(logging, str):
            parse_logging_config(logging)
        space = changes.get("default-space", "")
        if not isinstance(space, str):
            raise ApiError('"default-space" is not a string not valid', NOT_VALID)
        if space not in ("", "alpha"):
            raise ApiError(f"space {go_value(space)} not found", NOT_FOUND)
        if changes.get(CHARMHUB_URL, self.values[CHARMHUB_URL]) != self.values[CHARMHUB_URL]:
            raise ApiError("charmhub-url cannot be changed")
        _check_backend(changes)
        if changes.get(DEFAULT_SERIES) and DEFAULT_BASE in changes:
            raise ApiError("cannot set both default-series and default-base")
        if AUTHORIZED_KEYS in changes:
            raise ApiError("authorized-keys cannot be set")

    def _apply(self, changes: Mapping[str, JSONValue], removed: Iterable[str]) -> None:
        after = {**self.values, **changes}
        for name in removed:
            after.pop(name, None)
        after = coerced(after)
        check_values(after)
        check_stored(after)
        check_changes(after, self.values)
        self.values = after


def series_of(base: str) -> str:
    """Return the series of a base such as ``ubuntu@22.04``; empty without a base."""
    version = base.partition("@")[2].partition("/")[0]
    return next((name for name, known in SERIES_CHANNELS.items() if known == version), "")


def _with_base(given: Mapping[str, JSONValue]) -> dict[str, JSONValue]:
    """Return settings with ``default-series`` converted to ``default-base``."""
    changes = dict(given)
    if DEFAULT_SERIES not in changes:
        return changes
    series = str(changes.pop(DEFAULT_SERIES) or "")
    if not series:
        changes.setdefault(DEFAULT_BASE, "")
    elif series not in SERIES_CHANNELS:
        raise ApiError(f"series {go_value(series)} not valid", NOT_VALID)
    else:
        changes[DEFAULT_BASE] = f"ubuntu@{SERIES_CHANNELS[series]}/stable"
    return changes


def _check_backend(changes: Mapping[str, JSONValue]) -> None:
    if "secret-backend" not in changes:
        return
    backend = changes["secret-backend"]
    if not isinstance(backend, str):
        raise ApiError('"secret-backend" config value is not a string', NOT_VALID)
    if not backend:
        raise ApiError('empty "secret-backend" config value not valid', NOT_VALID)
    if backend not in _CONTROLLER_SECRETS:
        raise ApiError(f"secret backend {go_value(backend)} not found", NOT_FOUND)


def _source(
    name: str, value: JSONValue, sources: Iterable[tuple[str, Mapping[str, JSONValue]]]
) -> str:
    """Return the last source with that value; a mapping never equals its text form."""
    found = "model"
    for source, values in sources:
        if name in values and not isinstance(value, dict) and values[name] == value:
            found = source
    return found


def _storable(value: JSONValue) -> JSONValue:
    """Return a value in the form of defaults: a mapping as ``key=value`` texts."""
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items())
    return value
