"""The cloud, region and credential of a new model, chosen and checked as Juju does.

The order follows ``ModelManager.CreateModel`` of Juju 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.clouds import KUBERNETES, Clouds, CredentialTag
from ckf_airgap.rehearsal.model.modelschema import AGENT_VERSION_KEY, DEFAULT_BASE, DEFAULT_SERIES
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_SUPPORTED, NOT_VALID, ApiError, text_field

_EMPTY_AUTH = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The names of a model's cloud and region, and the tag of its credential."""

    cloud: str
    region: str
    credential: str


def choose_cloud(clouds: Clouds, cloud: str) -> str:
    """Return the name of the requested cloud, or of the controller's when none is given.

    Raises:
        ApiError: when the cloud does not exist; the message lists those that do.
    """
    if not cloud:
        return clouds.own.name
    known = [definition.name for definition in clouds]
    if cloud not in known:
        listed = " ".join(go_value(name) for name in known)
        raise ApiError(f"cloud {go_value(cloud)} not found, expected one of [{listed}]", NOT_FOUND)
    return cloud


def place_model(
    clouds: Clouds,
    credentials: Mapping[str, Document],
    *,
    cloud: str,
    region: str,
    credential: str,
    controllers: Placement | None,
    owns_controller: bool,
) -> Placement:
    """Return the placement of a new model.

    Args:
        clouds: The clouds.
        credentials: The credentials by tag.
        cloud: The requested cloud; empty for the controller's.
        region: The requested region; if empty, the controller's region in its own cloud, or the
            only region of another cloud.
        credential: The tag of the requested credential, or empty.
        controllers: The placement of the controller model; ``None`` while that is created.
        owns_controller: Whether the model's owner owns the controller model, too, whose credential
            is used then when none is given.

    Raises:
        ApiError: when the cloud, region or credential does not exist, or they do not match.
    """
    name = choose_cloud(clouds, cloud)
    definition = clouds.get(name)
    if not region and name == clouds.own.name:
        region = controllers.region if controllers else definition.region_names[0]
    if not credential and _EMPTY_AUTH not in definition.auth_types:
        if not owns_controller or controllers is None:
            raise ApiError("no credential specified", NOT_VALID)
        credential = controllers.credential
    auth_type = ""
    if credential:
        tag = CredentialTag.parse(credential)
        credential = str(tag)
        if credential not in credentials:
            raise ApiError(
                f"getting credential: cloud credential {go_value(tag.id)} not found", NOT_FOUND
            )
        auth_type = text_field(credentials[credential], "auth-type")
    if region:
        try:
            definition.check_region(region)
        except ApiError as error:
            raise error.annotated("getting cloud region definition") from error
    if definition.type != KUBERNETES:
        raise ApiError(
            f"a rehearsal does not simulate models on clouds of type {go_value(definition.type)}: "
            "add the model to a cloud of type kubernetes",
            NOT_SUPPORTED,
        )
    opening = "failed to create config: provider config preparation failed: validating cloud spec: "
    if not credential:
        raise ApiError(f"{opening}missing credential not valid", NOT_VALID)
    if auth_type not in definition.auth_types:
        raise ApiError(f"{opening}{go_value(auth_type)} auth-type not supported", NOT_SUPPORTED)
    if not region:
        if len(definition.regions) > 1:
            raise ApiError("failed to create new model: missing cloud region not valid", NOT_VALID)
        region = definition.region_names[0]
    return Placement(cloud=name, region=region, credential=credential)


def check_new_config(name: str, config: Mapping[str, JSONValue], *, agent_version: str) -> None:
    """Check that a new model's config has no forbidden or conflicting settings.

    Raises:
        ApiError: naming the setting.
    """
    if config.get(DEFAULT_SERIES) is not None and DEFAULT_BASE in config:
        raise ApiError("default-base and default-series cannot both be set")
    opening = "failed to create config: "
    if "uuid" in config:
        raise ApiError(f"{opening}uuid is generated, you cannot specify one")
    if not name:
        raise ApiError(f"{opening}Name must be specified", NOT_VALID)
    if "name" in config:
        raise ApiError(f"{opening}name must not be specified in config")
    asked = config.get(AGENT_VERSION_KEY, agent_version)
    if not isinstance(asked, str):
        raise ApiError(f"{opening}agent-version must be a string but has type 'float64'")
    if _numbers(asked) is None:
        raise ApiError(f"{opening}invalid version {go_value(asked)}")
    if (_numbers(asked) or ()) > (_numbers(agent_version) or ()):
        raise ApiError(
            f"{opening}agent-version ({asked}) cannot be greater than the controller "
            f"({agent_version})"
        )


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None
