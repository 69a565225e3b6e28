"""The credentials of users for clouds, and the credential of a model."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.clouds import (
    MAX_CREDENTIALS,
    Clouds,
    CredentialTag,
    check_credential,
    public_attributes,
    secret_attributes,
    shown_attributes,
)
from ckf_airgap.rehearsal.model.usernames import user_name
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    NOT_FOUND,
    ApiError,
    bool_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)


class CloudCredentials(Facade):
    """The methods of the facade ``Cloud`` for credentials.

    A credential is a document with ``auth-type`` and ``attrs``. It is kept in memory, and its
    secrets are shown to its owner only, on request.
    """

    @rpc_method
    async def user_credentials(self, params: Document) -> Document:
        """Return the tags of users' credentials for clouds."""

        async def tags(item: Document) -> Document:
            owner = self._owner(user_name(text_field(item, "user-tag")))
            cloud = tag_id(text_field(item, "cloud-tag"), "cloud")
            own = f"cloudcred-{cloud}_{owner}_"
            found = [tag for tag in self._credentials if tag.startswith(own)]
            return {"result": [*found]}

        return await results_of(mappings_field(params, "user-clouds"), tags)

    @rpc_method
    async def credential(self, params: Document) -> Document:
        """Return credentials, without anything secret in them."""

        async def find(text: str) -> Document:
            tag = self._tag(text)
            held = self._credentials.get(str(tag))
            if held is None:
                raise ApiError(f"credential {go_value(tag.name)} not found", NOT_FOUND)
            auth_type = text_field(held, "auth-type")
            result: Document = {"auth-type": auth_type}
            if attributes := public_attributes(held):
                result["attrs"] = attributes
            if redacted := secret_attributes(auth_type):
                result["redacted"] = [*redacted]
            return {"result": result}

        return await results_of(tags_field(params), find)

    @rpc_method
    async def check_credentials_models(self, params: Document) -> Document:
        """Return which models would use changed credentials; nothing is changed."""
        return await self._update(params, store=False)

    @rpc_method
    async def update_credentials_check_models(self, params: Document) -> Document:
        """Add or replace credentials; return which models use them."""
        if bool_field(params, "force") and not self.session.user.is_superuser:
            raise ApiError("unexpected force specified: bad request", BAD_REQUEST)
        return await self._update(params, store=True)

    @rpc_method
    async def add_credentials(self, params: Document) -> Document:
        """Add credentials."""

        async def add(item: Document) -> Document:
            self._store(self._tag(text_field(item, "tag")), mapping_field(item, "credential"))
            return {}

        return await results_of(mappings_field(params, "credentials"), add)

    @rpc_method
    async def revoke_credentials_check_models(self, params: Document) -> Document:
        """Revoke credentials; those that models use are only revoked by force."""

        async def revoke(item: Document) -> Document:
            tag = self._tag(text_field(item, "tag"))
            models = self.session.controller.models_with(str(tag))
            if models and not bool_field(item, "force"):
                raise ApiError(
                    f"cannot revoke credential {tag}: it is still used by {len(models)} "
                    f"model{'' if len(models) == 1 else 's'}"
                )
            self._credentials.pop(str(tag), None)
            for model in models:
                model.credential = ""
            return {}

        return await results_of(mappings_field(params, "credentials"), revoke)

    @rpc_method
    async def credential_contents(self, params: Document) -> Document:
        """Return the user's own credentials, all or the requested ones, and models with them."""
        user = self.session.user.name
        with_secrets = bool_field(params, "include-secrets")
        wanted = mappings_field(params, "credentials")

        async def named(item: Document) -> Document:
            tag = CredentialTag.parse(
                f"cloudcred-{text_field(item, 'cloud-name')}_{user}_"
                f"{text_field(item, 'credential-name')}"
            )
            if str(tag) not in self._credentials:
                raise ApiError(f"cloud credential {go_value(tag.id)} not found", NOT_FOUND)
            return self._contents(tag, with_secrets=with_secrets)

        if wanted:
            return await results_of(wanted, named)
        own = [CredentialTag.parse(text) for text in self._credentials]
        results: list[JSONValue] = [
            self._contents(tag, with_secrets=with_secrets) for tag in own if tag.owner == user
        ]
        if not results:
            raise ApiError(f"cloud credentials for {go_value(user)} not found", NOT_FOUND)
        return {"results": results}

    @property
    def _credentials(self) -> dict[str, Document]:
        return self.session.controller.credentials

    @property
    def _clouds(self) -> Clouds:
        return self.session.controller.clouds

    async def _update(self, params: Document, *, store: bool) -> Document:
        results: list[JSONValue] = []
        for item in mappings_field(params, "credentials"):
            text = text_field(item, "tag")
            result: Document = {"tag": text}
            try:
                tag = self._tag(text)
                models = self.session.controller.models_with(str(tag))
                if models:
                    result["models"] = [
                        {"uuid": model.uuid, "name": model.name}
                        for model in sorted(models, key=lambda model: model.uuid)
                    ]
                if store:
                    self._store(tag, mapping_field(item, "credential"), updates=True)
            except ApiError as error:
                result["error"] = error.as_document()
            results.append(result)
        return {"results": results}

    def _store(self, tag: CredentialTag, credential: Document, *, updates: bool = False) -> None:
        """Store a credential after checking that its cloud supports it."""
        known = str(tag) in self._credentials
        what = "updating cloud credentials" if known else "creating cloud credential"
        try:
            cloud = self._clouds.get(tag.cloud)
        except ApiError as error:
            if updates:
                raise ApiError(
                    f"cannot update credential {go_value(tag.name)}: controller does not manage "
                    f"cloud {go_value(tag.cloud)}"
                ) from error
            raise error.annotated("updating cloud credentials") from error
        try:
            check_credential(cloud, tag, credential)
        except ApiError as error:
            raise error.annotated(
                f"updating cloud credentials: validating credential {go_value(tag.id)} for cloud "
                f"{go_value(cloud.name)}"
            ) from error
        if not known and len(self._credentials) >= MAX_CREDENTIALS:
            raise ApiError(f"{what}: a rehearsal holds {MAX_CREDENTIALS} credentials")
        self._credentials[str(tag)] = credential

    def _contents(self, tag: CredentialTag, *, with_secrets: bool) -> Document:
        controller, held = self.session.controller, self._credentials[str(tag)]
        owner = next((user for user in controller.users if user.name == tag.owner), None)
        content: Document = {
            "name": tag.name,
            "cloud": tag.cloud,
            "auth-type": text_field(held, "auth-type"),
            "valid": True,
        }
        if attributes := shown_attributes(held, with_secrets=with_secrets):
            content["attrs"] = attributes
        models: list[JSONValue] = [
            {
                "model": model.name,
                "access": controller.users.model_access(owner, model_uuid=model.uuid)
                if owner
                else "",
            }
            for model in controller.models_with(str(tag))
        ]
        result: Document = {"content": content}
        if models:
            result["models"] = models
        return {"result": result}

    def _owner(self, owner: str) -> str:
        if owner != self.session.user.name and not self.session.user.is_superuser:
            raise unauthorized()
        return owner

    def _tag(self, text: str) -> CredentialTag:
        tag = CredentialTag.parse(text)
        self._owner(tag.owner)
        return tag


class CredentialManager(Facade):
    """The credential of a model: refused on Kubernetes, whose facades do not have it."""

    name: ClassVar[str] = "CredentialManager"
    versions: ClassVar[tuple[int, ...]] = (1,)
    refused_on_containers: ClassVar[bool] = True
