"""Real registries for the tests: ``docker-registry`` (distribution), with and without TLS."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import trustme
import yaml
from aiohttp import BasicAuth, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from tests.ports import free_port

USER, PASSWORD = "carrier", "only-in-tests:7"


def scratch(tmp: Path) -> Path:
    """Return a directory for much data: in memory where there is room for it."""
    shm = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    if shm.is_dir() and shutil.disk_usage(shm).free > 8 * 1024**3:
        path = shm / f"ckf-airgap-tests-{uuid.uuid4().hex}"
        path.mkdir()
        return path
    return tmp


@dataclass
class RegistryServer:
    """One registry process.

    Attributes:
        root: Its storage.
        config: What is added to its configuration.
        authority: The CA of its certificate, when it speaks TLS.
        client_authority: The CA of the certificates that its clients must have.
        name: The host that it is known by, besides localhost.
        within: What starts a program where it runs, such as in a network of its own.
    """

    root: Path
    config: dict[str, object] = field(default_factory=dict)
    authority: trustme.CA | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    client_authority: Path | None = None
    name: str = "localhost"
    within: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return f"{self.name}:{self.port}"

    @property
    def blobs(self) -> Path:
        return self.root / "docker" / "registry" / "v2" / "blobs" / "sha256"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("docker-registry")
        assert program, "docker-registry is not installed: apt-get install docker-registry"
        self.root.mkdir(parents=True, exist_ok=True)
        http: dict[str, object] = {"addr": f"127.0.0.1:{self.port}", "secret": "of-the-tests"}
        if self.authority is not None:
            pair = self.authority.issue_cert(*dict.fromkeys(("localhost", self.name)), "127.0.0.1")
            pair.private_key_pem.write_to_path(self.root / "server.key")
            for number, blob in enumerate(pair.cert_chain_pems):
                blob.write_to_path(self.root / "server.crt", append=number > 0)
            http["tls"] = {
                "certificate": str(self.root / "server.crt"),
                "key": str(self.root / "server.key"),
                **({"clientcas": [str(self.client_authority)]} if self.client_authority else {}),
            }
        document = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.root)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": http,
            **self.config,
        }
        path = self.root / "config.yml"
        path.write_text(yaml.safe_dump(document))
        with (self.root / "log.txt").open("ab") as log:
            command = [*self.within, program, "serve", str(path)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._answers():
                return
            assert self.process.poll() is None, (self.root / "log.txt").read_text()[-2000:]
            time.sleep(0.02)
        raise AssertionError(f"docker-registry did not start: {self.root / 'log.txt'}")

    def _answers(self) -> bool:
        if self.within:
            connect = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{self.port}"]
            asked = subprocess.run([*self.within, *connect], capture_output=True, check=False)
            return asked.returncode == 0
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1),
        ):
            return True
        return False

    def stop(self) -> None:
        """Stop it; its storage stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def empty(self) -> None:
        """Forget all images."""
        shutil.rmtree(self.root / "docker", ignore_errors=True)

    def stored_blobs(self) -> set[str]:
        """Return the digests of all blobs and manifests in its storage."""
        return {f"sha256:{path.parent.name}" for path in self.blobs.glob("*/*/data")}

    def damage(self, digest: str) -> None:
        """Flip a byte of a blob in its storage."""
        hexadecimal = digest.partition(":")[2]
        path = self.blobs / hexadecimal[:2] / hexadecimal / "data"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)

    def lose(self, digest: str, repository: str) -> None:
        """Remove a blob from its storage, as a broken garbage collection does."""
        hexadecimal = digest.partition(":")[2]
        shutil.rmtree(self.blobs / hexadecimal[:2] / hexadecimal, ignore_errors=True)
        links = self.root / "docker/registry/v2/repositories" / repository / "_layers/sha256"
        shutil.rmtree(links / hexadecimal, ignore_errors=True)


def htpasswd(path: Path) -> dict[str, object]:
    """Return the configuration of basic auth with `USER` and `PASSWORD`."""
    digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path.write_text(f"{USER}:{digest}\n")
    return {"auth": {"htpasswd": {"realm": "tests", "path": str(path)}}}


class TokenServer:
    """A token server: signs what it grants for a registry that trusts its certificate.

    Args:
        directory: Where its certificate is written.
        port: Where it listens.

    Attributes:
        lifetime_s: Seconds that a token lasts.
        allow: The actions that it grants to a user.
        anonymous: The actions that it grants to everybody.
        requests: The scopes of each request for a token.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self.lifetime_s = 300
        self.allow = {"pull", "push"}
        self.anonymous = {"pull"}
        self.requests: list[list[str]] = []
        self.refresh_token = "a-refresh-token-of-the-tests"
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens of the tests")])
        now = dt.datetime.now(dt.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._certificate = certificate.public_bytes(serialization.Encoding.DER)
        self._bundle = directory / "tokens.pem"
        self._bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def config(self) -> dict[str, object]:
        """The configuration of a registry that trusts it."""
        return {
            "auth": {
                "token": {
                    "realm": f"http://{self.host}/token",
                    "service": "registry of the tests",
                    "issuer": "tests",
                    "rootcertbundle": str(self._bundle),
                }
            }
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[TokenServer]:
        """Serve tokens while the block runs."""
        app = web.Application()
        app.router.add_get("/token", self._get)
        app.router.add_post("/token", self._post)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            yield self
        finally:
            await runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        scopes = request.query.getall("scope", [])
        self.requests.append(scopes)
        header = request.headers.get("Authorization")
        if header is None:
            return self._grant(scopes, self.anonymous)
        login = BasicAuth.decode(header)
        if (login.login, login.password) != (USER, PASSWORD):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        return self._grant(scopes, self.allow)

    async def _post(self, request: web.Request) -> web.Response:
        form = await request.post()
        scopes = str(form.get("scope", "")).split()
        self.requests.append(scopes)
        if form.get("refresh_token") != self.refresh_token:
            return web.json_response({"error": "invalid_grant"}, status=401)
        return self._grant(scopes, self.allow)

    def _grant(self, scopes: list[str], allowed: set[str]) -> web.Response:
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":", 2)
            granted = [action for action in actions.split(",") if action in allowed]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": USER,
            "aud": "registry of the tests",
            "exp": now + self.lifetime_s,
            "nbf": now - 60,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": access,
        }
        header = {
            "typ": "JWT",
            "alg": "ES256",
            "x5c": [base64.b64encode(self._certificate).decode()],
        }
        payload = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(payload, ec.ECDSA(hashes.SHA256())))
        signature = _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        token = (payload + b"." + signature).decode()
        return web.json_response({"token": token, "expires_in": self.lifetime_s})


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
