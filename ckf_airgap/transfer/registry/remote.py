"""Registries: one client for all of them, and what can be asked of each.

The API is that of the OCI distribution specification 1.1 (``/v2/``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Final, final

import aiohttp

from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import decimal
from ckf_airgap.errors import IntegrityError, TransferError
from ckf_airgap.logins.credentials import CredentialStore
from ckf_airgap.net.proxies import Proxies
from ckf_airgap.net.trust import TrustStore
from ckf_airgap.transfer.events import Listener, ignore
from ckf_airgap.transfer.oci import MANIFEST_TYPES, Descriptor, Digest, Manifest, parse_manifest
from ckf_airgap.transfer.registry.answers import error_codes
from ckf_airgap.transfer.registry.auth import pull_scope, push_scope
from ckf_airgap.transfer.registry.endpoint import ClientOptions, Endpoint
from ckf_airgap.transfer.registry.session import USER_AGENT, RegistrySession, Request
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES

_ACCEPT: Final = ", ".join(MANIFEST_TYPES)
_UNKNOWN_PARTS: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})


class MissingPartsError(TransferError):
    """A registry refuses a manifest because it lacks a blob or a child of it."""


class RemoteRegistry:
    """One registry: manifests, and questions about blobs.

    Downloads and uploads of blobs are in `ckf_airgap.transfer.registry.download` and ``upload``.

    Args:
        session: The session with it.
    """

    def __init__(self, session: RegistrySession) -> None:
        self.session = session
        self.host = session.endpoint.host

    async def manifest(
        self, repository: str, reference: str | Digest, *, writing: bool = False
    ) -> Manifest:
        """Return a manifest by its tag or digest, its digest checked.

        Args:
            repository: The repository.
            reference: A tag, or a digest.
            writing: Whether it is looked at for a push, which decides the token that is used.

        Raises:
            AbsentError: when there is none.
            IntegrityError: when its bytes have another digest than asked for, or than announced.
            TransferError: when the registry refuses or fails.
        """
        wanted = reference if isinstance(reference, Digest) else None
        answer = await self.session.ask(
            self._manifest_request("GET", repository, reference, writing)
        )
        announced = _announced(answer.headers.get("Docker-Content-Digest"))
        try:
            return parse_manifest(
                answer.content, answer.headers.get("Content-Type"), expected=wanted or announced
            )
        except IntegrityError as exc:
            name = _name(repository, reference)
            raise IntegrityError(f"{self.host}/{name}: {exc.message}", fix=exc.fix) from exc

    async def find_manifest(
        self, repository: str, reference: str | Digest, *, writing: bool = False
    ) -> Digest | None:
        """Return the digest of a manifest by its tag or digest, or ``None`` when there is none.

        Raises:
            TransferError: when the registry refuses or fails.
        """
        request = self._manifest_request("HEAD", repository, reference, writing)
        answer = await self.session.ask(replace(request, accept=frozenset({200, 404})))
        if answer.status == 404:
            return None
        digest = _announced(answer.headers.get("Docker-Content-Digest"))
        if digest is not None:
            return digest
        return (await self.manifest(repository, reference, writing=writing)).digest

    async def put_manifest(
        self, repository: str, reference: str | Digest, manifest: Manifest
    ) -> None:
        """Put a manifest, whose blobs and children are there, under a tag or its digest.

        Raises:
            MissingPartsError: when the registry says that parts are missing.
            IntegrityError: when the registry keeps it under another digest.
            TransferError: when the registry refuses or fails.
        """
        name = _name(repository, reference)
        answer = await self.session.ask(
            Request(
                method="PUT",
                url=f"/v2/{repository}/manifests/{reference}",
                what=f"the manifest {name}",
                repository=repository,
                scopes=(push_scope(repository),),
                accept=frozenset({200, 201, 202, 400, 404}),
                headers={"Content-Type": manifest.media_type},
                body=manifest.content,
                writing=True,
            )
        )
        if answer.status in (400, 404):
            refusal = self.session.refused(
                answer, what=f"the manifest {name}", repository=repository, writing=True
            )
            if error_codes(answer.content) & _UNKNOWN_PARTS:
                raise MissingPartsError(
                    f"{self.host} says that parts of {name} are missing: {refusal.words}",
                    fix="Run the same command again with --recheck.",
                )
            raise refusal.error()
        kept = _announced(answer.headers.get("Docker-Content-Digest"))
        if kept is None:
            kept = await self.find_manifest(repository, reference, writing=True)
        if kept != manifest.digest:
            raise IntegrityError(
                f"{self.host} keeps {name} under the digest {kept} instead of {manifest.digest}"
            )

    async def has_blob(self, repository: str, blob: Descriptor, *, writing: bool = False) -> bool:
        """Whether a repository has a blob, of the size that its descriptor says.

        Raises:
            TransferError: when the registry refuses or fails.
        """
        request = Request(
            method="HEAD",
            url=f"/v2/{repository}/blobs/{blob.digest}",
            what=f"the blob {blob.digest.short} of {repository}",
            repository=repository,
            scopes=(push_scope(repository) if writing else pull_scope(repository),),
            accept=frozenset({200, 404}),
        )
        answer = await self.session.ask(request)
        length = decimal(answer.headers.get("Content-Length", ""))
        return answer.status == 200 and length in (None, blob.size)

    def _manifest_request(
        self, method: str, repository: str, reference: str | Digest, writing: bool
    ) -> Request:
        return Request(
            method=method,
            url=f"/v2/{repository}/manifests/{reference}",
            what=f"the manifest {_name(repository, reference)}",
            repository=repository,
            scopes=(push_scope(repository) if writing else pull_scope(repository),),
            headers={"Accept": _ACCEPT},
        )


@final
class RegistryClient:
    """A client of any number of registries; use it as an asynchronous context.

    Args:
        options: How to talk to registries.
        credentials: The logins; by default those of ``docker login`` and ``podman login``.
        trust: Certificate authorities and client certificates; by default the system's.
        listener: Is notified of retries.

    Example:
        async with RegistryClient(ClientOptions(ca_file=Path("ca.crt"))) as client:
            registry = await client.registry("registry.example.com:5000")
            manifest = await registry.manifest("kubeflow/notebook", "v1.9")
    """

    def __init__(
        self,
        options: ClientOptions | None = None,
        *,
        credentials: CredentialStore | None = None,
        trust: TrustStore | None = None,
        listener: Listener = ignore,
    ) -> None:
        self.options = options or ClientOptions()
        self.listener = listener
        self._credentials = credentials or CredentialStore(
            helper_timeout_s=self.options.policy.timeouts.helper_s
        )
        self._trust = trust or TrustStore(self.options.ca_file)
        self._proxies = Proxies.from_environment() if self.options.trust_env else Proxies({})
        self._http: aiohttp.ClientSession | None = None
        self._registries: dict[Endpoint, RemoteRegistry] = {}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> RegistryClient:
        """Open the client."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=CHUNK_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def registry(self, host: str) -> RemoteRegistry:
        """Return the registry of a host, without asking it anything yet.

        Raises:
            InputError: when a certificate for it cannot be read.
        """
        return await self.at(self.options.endpoint(host))

    async def at(self, endpoint: Endpoint) -> RemoteRegistry:
        """Return the registry at an address.

        Raises:
            InputError: when a certificate for it cannot be read.
        """
        if self._http is None:
            raise RuntimeError(
                "a RegistryClient is used as `async with RegistryClient() as client`"
            )
        async with self._lock:
            if endpoint not in self._registries:
                context = await in_thread(self._trust.context, endpoint.host)
                session = RegistrySession(
                    self._http,
                    endpoint,
                    context,
                    store=self._credentials,
                    plain_http=self.options.plain_http,
                    proxies=self._proxies,
                    policy=self.options.policy,
                    listener=self.listener,
                )
                self._registries[endpoint] = RemoteRegistry(session)
            return self._registries[endpoint]


def merge_errors(errors: Iterable[TransferError]) -> TransferError:
    """Return the last of some errors, which says what came before it."""
    *earlier, last = errors
    if not earlier:
        return last
    seen = "; ".join(dict.fromkeys(error.message for error in earlier))
    return type(last)(f"{last.message} (before that: {seen})", fix=last.fix)


def _name(repository: str, reference: str | Digest) -> str:
    mark = "@" if isinstance(reference, Digest) else ":"
    return f"{repository}{mark}{reference}"


def _announced(header: str | None) -> Digest | None:
    """Return the digest of a header; one of an unknown algorithm says nothing."""
    if not header:
        return None
    try:
        return Digest.parse(header.strip())
    except IntegrityError:
        return None
