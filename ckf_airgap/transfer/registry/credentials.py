"""Credentials for registries: Docker's ``config.json`` and the credential helpers that it names.

What ``docker login`` and ``podman login`` left is used; nothing is ever written or logged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread, timeout
from ckf_airgap.documents import MAX_BYTES, Document, JSONValue
from ckf_airgap.errors import InputError, LoginError, unreadable
from ckf_airgap.files import read_small, reads_once
from ckf_airgap.images.reference import DOCKER_HUB

HUB_KEY: Final = "https://index.docker.io/v1/"
"""Under which ``docker login`` keeps the credentials of Docker Hub."""

_HUB_HOSTS: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_TOKEN_USER: Final = "<token>"  # noqa: S105 - how a helper says that its secret is a token
_NOT_FOUND: Final = "credentials not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A login to a registry.

    Attributes:
        username: The user; empty with an identity token.
        password: The password or access token.
        identity_token: An OAuth2 refresh token, which is used instead of the two.
        origin: Where it was found, for messages.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    origin: str = ""

    def basic(self) -> str:
        """Return the value of a basic ``Authorization`` header."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


def config_paths(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return the files that logins are looked up in, in order; they need not exist.

    Args:
        environment: Environment variables instead of the process's. ``DOCKER_CONFIG`` names the
            directory of ``config.json``, ``REGISTRY_AUTH_FILE`` the file of podman and skopeo.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME") or Path.home())
    docker = Path(env["DOCKER_CONFIG"]) if env.get("DOCKER_CONFIG") else home / ".docker"
    paths = [docker / "config.json"]
    if env.get("REGISTRY_AUTH_FILE"):
        paths.insert(0, Path(env["REGISTRY_AUTH_FILE"]))
    if env.get("XDG_RUNTIME_DIR"):
        paths.append(Path(env["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    paths.append(home / ".config" / "containers" / "auth.json")
    return tuple(paths)


def check_config(path: Path) -> None:
    """Return when a file that was named is a ``config.json`` of Docker; blocks on the disk.

    Of the files that are looked up by themselves none needs to be there; see `CredentialStore`.

    Raises:
        MissingError: when it is not there.
        InputError: when it cannot be read or is something else.
    """
    if reads_once(path):
        return
    try:
        document: JSONValue = json.loads(read_small(path, MAX_BYTES, what="a file of logins"))
    except OSError as exc:
        raise unreadable(exc, f"the logins {path}") from exc
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path} is not valid JSON, as Docker's config.json is: {exc}") from exc
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a config.json of Docker: it does not hold a mapping")


class CredentialStore:
    """Finds the login for a registry.

    Args:
        paths: The files to look in, in order.
        given: Logins by host, which come before all files.
        helper_timeout_s: Seconds that a helper may take.
    """

    def __init__(
        self,
        paths: Iterable[Path] | None = None,
        *,
        given: Mapping[str, Credentials] | None = None,
        helper_timeout_s: float = 30.0,
    ) -> None:
        self._paths = tuple(config_paths() if paths is None else paths)
        self._given = dict(given or {})
        self._helper_timeout_s = helper_timeout_s
        self._found: dict[str, Credentials | None] = {}
        self._lock = asyncio.Lock()
        self.troubles: list[str] = []

    async def find(self, host: str) -> Credentials | None:
        """Return the login for a registry host, or ``None`` when there is none.

        An unusable file or helper is not an error by itself, since many registries need no
        login: it is noted in `troubles`, which is part of the message when a login is refused.
        """
        if host in self._given:
            return self._given[host]
        async with self._lock:
            if host not in self._found:
                self._found[host] = await self._look_up(host)
            return self._found[host]

    async def _look_up(self, host: str) -> Credentials | None:
        for path in self._paths:
            config = await in_thread(self._read, path)
            if config is None:
                continue
            found = await self._from_helper(config, host, path) or self._from_file(
                config, host, path
            )
            if found is not None:
                return found
        return None

    def _read(self, path: Path) -> Document | None:
        try:
            content = read_small(path, MAX_BYTES, what="a file of logins", pipes=True)
            document: JSONValue = json.loads(content)
        except FileNotFoundError:
            return None
        except OSError as exc:
            self.troubles.append(f"{path} cannot be read: {exc.strerror}")
            return None
        except InputError as exc:
            self.troubles.append(exc.message)
            return None
        except ValueError:
            self.troubles.append(f"{path} is not valid JSON")
            return None
        return document if isinstance(document, dict) else None

    async def _from_helper(self, config: Document, host: str, path: Path) -> Credentials | None:
        helpers = config.get("credHelpers")
        name: JSONValue = None
        if isinstance(helpers, dict):
            name = next((helpers[key] for key in _keys(host) if key in helpers), None)
        name = name or config.get("credsStore")
        if not isinstance(name, str) or not name:
            return None
        program = f"docker-credential-{name}"
        if "/" in name or shutil.which(program) is None:
            self.troubles.append(f"the credential helper {program} of {path} is not installed")
            return None
        try:
            return await self._run(program, HUB_KEY if host in _HUB_HOSTS else host, path)
        except (LoginError, OSError) as exc:
            self.troubles.append(f"the credential helper {program} of {path} failed: {exc}")
            return None

    async def _run(self, program: str, server: str, path: Path) -> Credentials | None:
        process = await asyncio.create_subprocess_exec(
            program,
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with timeout(self._helper_timeout_s):
                output, _ = await process.communicate(server.encode())
        except TimeoutError:
            raise LoginError(f"no answer in {self._helper_timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                # With what it has started: its end is seen when its output is closed.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode != 0:
            if _NOT_FOUND in output.decode(errors="replace").lower():
                return None
            raise LoginError(f"it ended with exit code {process.returncode}")
        try:
            document = json.loads(output)
            user, secret = str(document["Username"]), str(document["Secret"])
        except (ValueError, KeyError, TypeError):
            raise LoginError("its answer is not a login") from None
        origin = f"{program} ({path})"
        if user == _TOKEN_USER:
            return Credentials(identity_token=secret, origin=origin)
        return Credentials(username=user, password=secret, origin=origin)

    def _from_file(self, config: Document, host: str, path: Path) -> Credentials | None:
        auths = config.get("auths")
        if not isinstance(auths, dict):
            return None
        by_host = {_host_of(key): entry for key, entry in auths.items()}
        entry = next(
            (entries[key] for key in _keys(host) for entries in (auths, by_host) if key in entries),
            None,
        )
        if not isinstance(entry, dict):
            return None
        token = entry.get("identitytoken")
        if isinstance(token, str) and token:
            return Credentials(identity_token=token, origin=str(path))
        user, password = entry.get("username"), entry.get("password")
        packed = entry.get("auth")
        if isinstance(packed, str) and packed:
            try:
                pair = base64.b64decode(packed).decode()
            except (binascii.Error, ValueError):
                self.troubles.append(f"{path} has an entry for {host} that cannot be decoded")
                return None
            user, _, password = pair.partition(":")
            password = password.rstrip("\0")
        if isinstance(user, str) and isinstance(password, str) and user:
            return Credentials(username=user, password=password, origin=str(path))
        return None


def _keys(host: str) -> tuple[str, ...]:
    """Return the names that a registry may have in ``config.json``."""
    if host in _HUB_HOSTS:
        return (HUB_KEY, DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
    return (host, f"https://{host}", f"http://{host}")


def _host_of(key: str) -> str:
    """Return the host of a key that may have a scheme and a path."""
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.rstrip("/")
