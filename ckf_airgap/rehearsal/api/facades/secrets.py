"""User secrets, and the backends that store them."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.entities.resources import rfc3339
from ckf_airgap.rehearsal.model.deployment import string_map
from ckf_airgap.rehearsal.model.usersecrets import Revision, Secret, SecretChange
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    field,
    int_field,
    list_field,
    mapping_field,
    mappings_field,
    results_of,
    text_field,
    texts_field,
    unauthorized,
)

_WRITES_SECRETS: Final = 2
"""The first version in which users can create secrets."""

_INTERNAL: Final = "internal"
_PROVIDERS: Final = ("controller", "kubernetes", "vault")


class Secrets(Facade):
    """The secrets of a model; only model admins see their content."""

    name: ClassVar[str] = "Secrets"
    versions: ClassVar[tuple[int, ...]] = (1, 2)

    @rpc_method
    async def list_secrets(self, params: Document) -> Document:
        """Return secrets with their revisions, and the content of one revision if requested."""
        model = self.session.model
        show = bool_field(params, "show-secrets")
        if show and not self.session.controller.may(self.session.user, model, "admin"):
            raise unauthorized()
        wanted = mapping_field(params, "filter")
        number = _optional_int(wanted, "revision")
        owner = _optional_text(wanted, "owner-tag")
        secrets = model.secrets.matching(
            uri=_optional_text(wanted, "uri"), label=_optional_text(wanted, "label")
        )
        if owner not in (None, f"model-{model.uuid}"):
            secrets = []
        return {"results": [self._shown(secret, number, show=show) for secret in secrets]}

    @rpc_method
    async def create_secrets(self, params: Document) -> Document:
        """Create secrets owned by the model and return their URIs."""
        self._check_writes("CreateSecrets")

        async def one(document: Document) -> Document:
            change = _change(document)
            if field(document, "uri") is not None:
                raise ApiError(
                    "secret uri cannot be set on user secret create not valid", NOT_VALID
                )
            owner = text_field(document, "owner-tag")
            if owner not in ("", self.session.model.uuid):
                raise ApiError(f'owner tag "{owner}" not valid', NOT_VALID)
            if not change.data:
                raise ApiError("empty secret value not valid", NOT_VALID)
            return {"result": self.session.model.secrets.create(change).uri}

        results = await results_of(mappings_field(params, "args"), one)
        return _with_result(results)

    @rpc_method
    async def update_secrets(self, params: Document) -> Document:
        """Update secrets; changed content creates a new revision."""
        self._check_writes("UpdateSecrets")

        async def one(document: Document) -> Document:
            secrets = self.session.model.secrets
            uri, label = text_field(document, "uri"), text_field(document, "existing-label")
            change = _change(document)
            if change.is_empty:
                raise ApiError("at least one attribute to update must be specified")
            if not uri and not label:
                raise ApiError("must specify either URI or label")
            if uri and label:
                raise ApiError("must specify either URI or label but not both")
            if not uri and not secrets.matching(uri=None, label=label):
                # A real controller drops the reason too.
                raise ApiError("empty URI", NOT_VALID)
            secrets.update(secrets.find(uri=uri, label=label), change)
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def remove_secrets(self, params: Document) -> Document:
        """Remove secrets, or revisions of them."""
        self._check_writes("RemoveSecrets")

        async def one(document: Document) -> Document:
            secrets = self.session.model.secrets
            secret = secrets.find(
                uri=text_field(document, "uri"), label=text_field(document, "label")
            )
            revisions = list_field(document, "revisions")
            secrets.remove(secret, [number for number in revisions if isinstance(number, int)])
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def grant_secret(self, params: Document) -> Document:
        """Grant applications access to a secret."""
        self._check_writes("GrantSecret")
        return await self._change_access(params, grant=True)

    @rpc_method
    async def revoke_secret(self, params: Document) -> Document:
        """Revoke applications' access to a secret."""
        self._check_writes("RevokeSecret")
        return await self._change_access(params, grant=False)

    def _check_writes(self, method: str) -> None:
        if self.version < _WRITES_SECRETS:
            raise ApiError(f"Secrets(1).{method} not supported", NOT_SUPPORTED)

    async def _change_access(self, params: Document, *, grant: bool) -> Document:
        secrets = self.session.model.secrets
        uri, label = text_field(params, "uri"), text_field(params, "label")
        if not uri and not label:
            raise ApiError("must specify either URI or name")
        secret = secrets.find(uri=uri, label=label)

        async def one(application: str) -> Document:
            try:
                if grant:
                    secrets.grant(secret, application)
                else:
                    secrets.revoke(secret, application)
            except ApiError as error:
                raise error.annotated(
                    f'cannot change access to "{secret.uri}" for "{application}"'
                ) from error
            return {}

        return await results_of(texts_field(params, "applications"), one)

    def _shown(self, secret: Secret, number: int | None, *, show: bool) -> Document:
        model = self.session.model
        secrets = model.secrets
        revisions = (
            list(secret.revisions.values())
            if number is None
            else [secrets.revision(secret, number)]
        )
        shown: Document = {
            "uri": secret.uri,
            "version": 1,
            "owner-tag": f"model-{model.uuid}",
            "latest-revision": secret.latest,
            "latest-revision-checksum": secret.checksum,
            "create-time": rfc3339(secret.made_at),
            "update-time": rfc3339(secret.updated_at),
            "revisions": [_revision(revision) for revision in revisions],
        }
        if secret.label:
            shown["label"] = secret.label
        if secret.description:
            shown["description"] = secret.description
        granted = secrets.grants(secret)
        if granted:
            shown["access"] = [
                {
                    "target-tag": f"application-{name}",
                    "scope-tag": f"model-{model.uuid}",
                    "role": "view",
                }
                for name in granted
            ]
        if show:
            try:
                latest = secrets.revision(secret, secret.latest if number is None else number)
                shown["value"] = {"data": dict(latest.data)}
            except ApiError as error:
                shown["value"] = {"error": error.as_document()}
        return shown


class SecretBackends(Facade):
    """Secret backends: the controller's own, and the cluster of each model."""

    name: ClassVar[str] = "SecretBackends"
    versions: ClassVar[tuple[int, ...]] = (1,)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def list_secret_backends(self, params: Document) -> Document:
        """Return the controller's own backend and those of the models that have secrets."""
        if bool_field(params, "reveal"):
            self._check_superuser()
        controller = self.session.controller
        names = texts_field(params, "names")
        kept = {(controller.uuid, _INTERNAL, "controller"): 0}
        for model in controller:
            for secret in model.secrets:
                backends = {revision.backend for revision in secret.revisions.values()}
                for backend in backends:
                    key = (
                        (controller.uuid, _INTERNAL, "controller")
                        if backend == _INTERNAL
                        else (model.uuid, backend, "kubernetes")
                    )
                    kept[key] = kept.get(key, 0) + 1
        results: list[JSONValue] = [
            {
                "result": {"name": name, "backend-type": kind, "config": {}},
                "id": backend_id,
                "num-secrets": count,
                "status": "active",
            }
            for (backend_id, name, kind), count in sorted(kept.items())
            if not names or name in names
        ]
        return {"results": results}

    @rpc_method
    async def add_secret_backends(self, params: Document) -> Document:
        """Refuse: external backends are not supported."""
        self._check_superuser()

        async def one(document: Document) -> Document:
            _check_backend_name(text_field(document, "name"))
            kind = text_field(document, "backend-type")
            if kind not in _PROVIDERS:
                raise ApiError(
                    f'creating backend provider type "{kind}": no registered provider for "{kind}"'
                )
            raise ApiError(
                "a rehearsal keeps secrets in memory and cannot reach a backend of the type "
                f"{kind}: leave the model's secret-backend at auto or {_INTERNAL}",
                NOT_SUPPORTED,
            )

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def update_secret_backends(self, params: Document) -> Document:
        """Refuse: there is only the controller's own backend."""
        self._check_superuser()

        async def one(document: Document) -> Document:
            name = text_field(document, "name")
            _check_backend_name(name)
            raise ApiError(f'secret backend "{name}" not found', NOT_FOUND)

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def remove_secret_backends(self, params: Document) -> Document:
        """Remove backends; unknown names are ignored."""
        self._check_superuser()

        async def one(document: Document) -> Document:
            _check_backend_name(text_field(document, "name"))
            return {}

        return await results_of(mappings_field(params, "args"), one)

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()


def _check_backend_name(name: str) -> None:
    if not name:
        raise ApiError("missing backend name not valid", NOT_VALID)
    if name in (_INTERNAL, "auto"):
        # A real controller also fails to put the name into its message.
        raise ApiError("backend %!q(MISSING) not valid", NOT_VALID)


def _revision(revision: Revision) -> Document:
    return {
        "revision": revision.number,
        "backend-name": revision.backend,
        "create-time": rfc3339(revision.made_at),
        "update-time": rfc3339(revision.made_at),
    }


def _change(document: Document) -> SecretChange:
    prune = field(document, "auto-prune")
    return SecretChange(
        data=string_map(mapping_field(document, "content"), "data"),
        label=_optional_text(document, "label"),
        description=_optional_text(document, "description"),
        auto_prune=None if prune is None else bool_field(document, "auto-prune"),
    )


def _with_result(results: Document) -> Document:
    shown: list[JSONValue] = [{"result": "", **item} for item in mappings_field(results, "results")]
    return {"results": shown}


def _optional_text(document: Document, name: str) -> str | None:
    return None if field(document, name) is None else text_field(document, name)


def _optional_int(document: Document, name: str) -> int | None:
    return None if field(document, name) is None else int_field(document, name)
