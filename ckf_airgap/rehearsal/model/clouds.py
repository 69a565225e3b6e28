"""The clouds of a controller, who may use them, and the credentials for them.

All of it is kept in memory. The checks are those of ``state/cloud.go``,
``state/clouduser.go`` and ``state/cloudcredentials.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.permission import CLOUD_ACCESS, at_least
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    mapping_field,
    mappings_field,
    text_field,
    texts_field,
)

DEFAULT_REGION: Final = "default"
"""The region of a cloud that does not declare any."""

KUBERNETES: Final = "kubernetes"

AUTH_TYPES: Final = ("certificate", "clientcertificate", "oauth2", "oauth2withcert", "userpass")
"""The authentication types of a Kubernetes cluster."""

MAX_CLOUDS: Final = 1000
MAX_CREDENTIALS: Final = 10_000

_WHITELIST: Final = ("lxd", "maas", "openstack")
_CREDENTIAL_NAME: Final = re.compile(r"^[a-zA-Z][a-zA-Z0-9.@_+-]*$")
_CLOUD_NAME: Final = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9.-]*$")

_SCHEMAS: Final[Mapping[str, tuple[tuple[str, bool], ...]]] = {
    "userpass": (("username", False), ("password", True)),
    "oauth2": (("Token", True), ("rbac-id", False)),
    "clientcertificate": (
        ("ClientCertificateData", False),
        ("ClientKeyData", True),
        ("rbac-id", False),
    ),
    "oauth2withcert": (
        ("ClientCertificateData", False),
        ("ClientKeyData", True),
        ("Token", True),
    ),
    "certificate": (("ClientCertificateData", False), ("Token", True), ("rbac-id", False)),
}
"""The attributes of a credential by its type, and whether each is a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudDefinition:
    """A cloud, as clients describe it.

    Attributes:
        name: Its name.
        type: The type of its provider, ``kubernetes``.
        auth_types: The supported authentication types.
        endpoints: ``endpoint``, ``identity-endpoint`` and ``storage-endpoint``, as far as given.
        regions: Its regions, each with ``name`` and endpoints.
        ca_certificates: The CA certificates to verify its endpoints with.
        skip_tls_verify: Whether to skip the verification of its endpoints.
        config: The model defaults of the cloud.
        region_config: The model defaults of its regions.
    """

    name: str
    type: str
    auth_types: tuple[str, ...] = ()
    endpoints: Document = field(default_factory=dict)
    regions: tuple[Document, ...] = ()
    ca_certificates: tuple[str, ...] = ()
    skip_tls_verify: bool = False
    config: Document = field(default_factory=dict)
    region_config: Mapping[str, Document] = field(default_factory=dict)

    @classmethod
    def from_document(cls, name: str, document: Document) -> CloudDefinition:
        """Return the cloud that a request describes; one without regions gets ``default``."""
        regions = tuple(
            {"name": text_field(region, "name"), **_endpoints(region)}
            for region in mappings_field(document, "regions")
        )
        by_region = mapping_field(document, "region-config")
        return cls(
            name=name,
            type=text_field(document, "type"),
            auth_types=tuple(texts_field(document, "auth-types")),
            endpoints=_endpoints(document),
            regions=regions or ({"name": DEFAULT_REGION},),
            ca_certificates=tuple(texts_field(document, "ca-certificates")),
            skip_tls_verify=bool_field(document, "skip-tls-verify"),
            config=mapping_field(document, "config"),
            region_config={region: mapping_field(by_region, region) for region in by_region},
        )

    @property
    def region_names(self) -> list[str]:
        """The names of its regions, sorted."""
        return sorted(str(region["name"]) for region in self.regions)

    def check_region(self, name: str) -> None:
        """Check that the cloud has a region; the case of its name does not matter.

        Raises:
            ApiError: ``region "x" not found (expected one of ["default"])``.
        """
        if any(known.casefold() == name.casefold() for known in self.region_names):
            return
        expected = " ".join(go_value(known) for known in self.region_names)
        raise ApiError(
            f"region {go_value(name)} not found (expected one of [{expected}])", NOT_FOUND
        )

    def check(self) -> None:
        """Check that nothing is missing; `ApiError` otherwise."""
        if not _CLOUD_NAME.match(self.name):
            what = "empty Name" if not self.name else f"cloud name {go_value(self.name)}"
            raise ApiError(f"{what} not valid", NOT_VALID)
        if not self.type:
            raise ApiError("empty Type not valid", NOT_VALID)
        if not self.auth_types:
            raise ApiError("empty auth-types not valid", NOT_VALID)
        if self.skip_tls_verify and self.ca_certificates[:1] not in ((), ("",)):
            raise ApiError(
                "cloud with both skip-TLS-verify=true and CA certificates not valid", NOT_VALID
            )

    def details(self) -> Document:
        """Return the cloud as in ``CloudInfo`` and ``ListCloudInfo``."""
        return {
            "type": self.type,
            "auth-types": [*self.auth_types],
            **self.endpoints,
            "regions": [*sorted(self.regions, key=lambda region: str(region["name"]))],
        }

    def document(self, *, is_controller_cloud: bool) -> Document:
        """Return the full cloud as in ``Cloud`` and ``Clouds``."""
        shown = self.details()
        if self.ca_certificates:
            shown["ca-certificates"] = [*self.ca_certificates]
        if self.skip_tls_verify:
            shown["skip-tls-verify"] = True
        if is_controller_cloud:
            shown["is-controller-cloud"] = True
        return shown


class Clouds:
    """The clouds of a controller, and who may use them.

    Args:
        own: The cloud that the controller is in.
        owner: The name of the user who owns it.
    """

    def __init__(self, own: CloudDefinition, *, owner: str) -> None:
        self.own = own
        self._clouds = {own.name: own}
        self._access: dict[str, dict[str, str]] = {own.name: {owner: "admin"}}

    def __iter__(self) -> Iterator[CloudDefinition]:
        return iter([self._clouds[name] for name in sorted(self._clouds)])

    def get(self, name: str) -> CloudDefinition:
        """Return a cloud; `ApiError` (not found) when it does not exist."""
        try:
            return self._clouds[name]
        except KeyError:
            raise ApiError(f"cloud {go_value(name)} not found", NOT_FOUND) from None

    def document(self, cloud: CloudDefinition) -> Document:
        """Return the full cloud as shown to clients."""
        return cloud.document(is_controller_cloud=cloud.name == self.own.name)

    def add(self, cloud: CloudDefinition, *, owner: str, force: bool = False) -> None:
        """Add a cloud; its owner may do everything with it.

        Raises:
            ApiError: when it is incomplete, the name is taken, or a controller on Kubernetes does
                not support its type.
        """
        if cloud.type not in (KUBERNETES, *_WHITELIST) and not force:
            raise ApiError(
                f"cloud type {go_value(cloud.type)} is not whitelisted for controller cloud type "
                f'"{KUBERNETES}", current whitelist: [{" ".join(_WHITELIST)}]',
                "incompatible clouds",
            )
        try:
            cloud.check()
        except ApiError as error:
            raise error.annotated("invalid cloud") from error
        if cloud.name in self._clouds:
            raise ApiError(f"cloud {go_value(cloud.name)} already exists", ALREADY_EXISTS)
        if len(self._clouds) >= MAX_CLOUDS:
            raise ApiError(f"a rehearsal holds {MAX_CLOUDS} clouds; remove one first")
        self._clouds[cloud.name] = cloud
        self._access[cloud.name] = {owner: "admin"}

    def update(self, cloud: CloudDefinition) -> None:
        """Replace the definition of a cloud; `ApiError` when it is incomplete or changes type."""
        known = self.get(cloud.name)
        if known.type != cloud.type:
            raise ApiError(
                f"cannot change cloud {go_value(cloud.name)} type from {go_value(known.type)} to "
                f"{go_value(cloud.type)}"
            )
        cloud.check()
        self._clouds[cloud.name] = cloud
        if cloud.name == self.own.name:
            self.own = cloud

    def remove(self, name: str, *, models: int) -> None:
        """Remove a cloud that no model uses.

        Args:
            name: Its name.
            models: How many models are in it.

        Raises:
            ApiError: when it does not exist, or models are in it.
        """
        self.get(name)
        if models:
            raise ApiError(f"cloud is used by {models} model{'' if models == 1 else 's'}")
        del self._clouds[name], self._access[name]

    def access(self, name: str, user: str) -> str:
        """Return a user's access to a cloud, one of `CLOUD_ACCESS`."""
        return self._access.get(name, {}).get(user, "")

    def may(self, name: str, user: str, access: str) -> bool:
        """Whether a user has at least the given access to a cloud."""
        return at_least(CLOUD_ACCESS, self.access(name, user), access)

    def users(self, name: str) -> Mapping[str, str]:
        """Return the access of each user who has any."""
        return dict(sorted(self._access[name].items()))

    def grant(self, name: str, user: str, access: str) -> None:
        """Grant a user more access; `ApiError` when they have it already."""
        if self.may(name, user, access):
            raise ApiError(
                f'could not grant cloud access: user already has "{access}" access or greater'
            )
        self._access[name][user] = access

    def revoke(self, name: str, user: str, access: str) -> None:
        """Revoke access from a user, who keeps the next lower level.

        Raises:
            ApiError: when the user has no access.
        """
        what = (
            "could not revoke cloud access"
            if access == "add-model"
            else "could not set cloud access to add-model"
        )
        if not self.access(name, user):
            raise ApiError(f"{what}: user {go_value(user)} not found", NOT_FOUND)
        if access == "add-model":
            del self._access[name][user]
        else:
            self._access[name][user] = "add-model"

    def forget_user(self, user: str) -> None:
        """Revoke all access of a removed user."""
        for held in self._access.values():
            held.pop(user, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTag:
    """The tag of a credential: ``cloudcred-<cloud>_<owner>_<name>``, or ``cloud/owner/name``."""

    cloud: str
    owner: str
    name: str

    @classmethod
    def parse(cls, tag: str) -> CredentialTag:
        """Return the parsed tag; `ApiError` when it is not a credential tag."""
        prefix, _, rest = tag.partition("-")
        parts = rest.split("_", 2)
        if prefix != "cloudcred" or len(parts) != 3 or not all(parts):
            raise ApiError(f"{go_value(tag)} is not a valid cloudcred tag")
        if not _CREDENTIAL_NAME.match(parts[2]):
            raise ApiError(f"{go_value(tag)} is not a valid cloudcred tag")
        return cls(cloud=parts[0], owner=parts[1].removesuffix("@local"), name=parts[2])

    @property
    def id(self) -> str:
        """The id, as in messages: ``k8s/admin/k8s``."""
        return f"{self.cloud}/{self.owner}/{self.name}"

    def __str__(self) -> str:
        """Return the tag."""
        return f"cloudcred-{self.cloud}_{self.owner}_{self.name}"


def check_credential(cloud: CloudDefinition, tag: CredentialTag, credential: Document) -> None:
    """Check that a credential is valid for a cloud.

    Raises:
        ApiError: when it is for another cloud, or of a type that the cloud does not support.
    """
    auth_type = text_field(credential, "auth-type")
    if tag.cloud != cloud.name:
        raise ApiError(f"cloud {go_value(tag.cloud)} not valid", NOT_VALID)
    if auth_type not in cloud.auth_types:
        known = " ".join(go_value(known) for known in cloud.auth_types)
        raise ApiError(
            f"supported auth-types [{known}], {go_value(auth_type)} not supported", NOT_SUPPORTED
        )


def secret_attributes(auth_type: str) -> list[str]:
    """Return the secret attributes of a credential type."""
    return [name for name, secret in _SCHEMAS.get(auth_type, ()) if secret]


def shown_attributes(credential: Document, *, with_secrets: bool) -> Document:
    """Return the attributes of a credential that its type declares, secrets only on request."""
    held = mapping_field(credential, "attrs")
    shown: dict[str, JSONValue] = {}
    for name, secret in _SCHEMAS.get(text_field(credential, "auth-type"), ()):
        if name in held and (with_secrets or not secret):
            shown[name] = held[name]
    return shown


def public_attributes(credential: Document) -> Document:
    """Return the attributes of a credential without the secret ones."""
    hidden: Sequence[str] = secret_attributes(text_field(credential, "auth-type"))
    held = mapping_field(credential, "attrs")
    return {name: value for name, value in held.items() if name not in hidden}


def _endpoints(document: Document) -> Document:
    names = ("endpoint", "identity-endpoint", "storage-endpoint")
    return {name: text_field(document, name) for name in names if text_field(document, name)}
