"""Credentials for registries: Docker's ``config.json`` and the credential helpers that it names.

What ``docker login`` and ``podman login`` left is used; nothing is ever written or logged.
"""

from __future__ import annotations

import asyncio
import base64
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
from ckf_airgap.documents import MAX_BYTES, Document, parse_json
from ckf_airgap.errors import InputError, LoginError, unreadable
from ckf_airgap.files import read_small, reads_once
from ckf_airgap.logins.dockerconfig import (
    HUB_HOSTS,
    HUB_KEY,
    helper_name,
    host_entry,
    namespace_entry,
)

_DOCKERS_FILE: Final = "config.json"
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
        document = parse_json(read_small(path, MAX_BYTES, what="a file of logins"))
    except OSError as exc:
        raise unreadable(exc, f"the logins {path}") from exc
    except ValueError as exc:
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
        self._found: dict[tuple[str, str], Credentials | None] = {}
        self._configs: list[tuple[Path, Document]] | None = None
        self._helped: dict[tuple[str, str], Credentials | None] = {}
        self._lock = asyncio.Lock()
        self.troubles: list[str] = []

    async def find(self, host: str, repository: str = "") -> Credentials | None:
        """Return the login for an image in a registry, or ``None`` when there is none.

        Of the first file that has one: a login for a path that the image is below, the longest
        path first, then the login of the host. ``credHelpers`` for the host come before both,
        ``credsStore`` between them.

        An unusable file or helper is not an error by itself, since many registries need no
        login: it is noted in `troubles`, which is part of the message when a login is refused.

        Args:
            host: The registry.
            repository: The path of the image in it.
        """
        if host in self._given:
            return self._given[host]
        async with self._lock:
            key = (host, repository)
            if key not in self._found:
                self._found[key] = await self._look_up(host, repository)
            return self._found[key]

    async def _look_up(self, host: str, repository: str) -> Credentials | None:
        if self._configs is None:
            self._configs = await in_thread(self._read_all)
        for path, config in self._configs:
            helper, is_hosts = helper_name(config, host)
            below = namespace_entry(config, host, repository)
            if not is_hosts and below and (found := self._from_entry(below, host, path)):
                return found
            if helper and (found := await self._from_helper(helper, host, path)):
                return found
            entry = below or host_entry(config, host, any_path=path.name == _DOCKERS_FILE)
            if entry and (found := self._from_entry(entry, host, path)):
                return found
        return None

    def _read_all(self) -> list[tuple[Path, Document]]:
        read = [(path, self._read(path)) for path in self._paths]
        return [(path, config) for path, config in read if config is not None]

    def _read(self, path: Path) -> Document | None:
        try:
            content = read_small(path, MAX_BYTES, what="a file of logins", pipes=True)
            document = parse_json(content)
        except FileNotFoundError:
            return None
        except OSError as exc:
            self._note(f"{path} cannot be read: {exc.strerror}")
            return None
        except InputError as exc:
            self._note(exc.message)
            return None
        except ValueError:
            self._note(f"{path} is not valid JSON")
            return None
        return document if isinstance(document, dict) else None

    def _note(self, trouble: str) -> None:
        if trouble not in self.troubles:
            self.troubles.append(trouble)

    async def _from_helper(self, name: str, host: str, path: Path) -> Credentials | None:
        program = f"docker-credential-{name}"
        if (program, host) not in self._helped:
            self._helped[program, host] = await self._ask_helper(program, host, path)
        return self._helped[program, host]

    async def _ask_helper(self, program: str, host: str, path: Path) -> Credentials | None:
        if "/" in program or shutil.which(program) is None:
            self._note(f"the credential helper {program} of {path} is not installed")
            return None
        try:
            return await self._run(program, HUB_KEY if host in HUB_HOSTS else host, path)
        except (LoginError, OSError) as exc:
            self._note(f"the credential helper {program} of {path} failed: {exc}")
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
        except (ValueError, KeyError, TypeError, RecursionError):
            raise LoginError("its answer is not a login") from None
        origin = f"{program} ({path})"
        if user == _TOKEN_USER:
            return Credentials(identity_token=secret, origin=origin)
        return Credentials(username=user, password=secret, origin=origin)

    def _from_entry(self, entry: Document, host: str, path: Path) -> Credentials | None:
        token = entry.get("identitytoken")
        if isinstance(token, str) and token:
            return Credentials(identity_token=token, origin=str(path))
        user, password = entry.get("username"), entry.get("password")
        packed = entry.get("auth")
        if isinstance(packed, str) and packed:
            try:
                user, _, password = _unpacked(packed)
            except ValueError:
                self._note(f"{path} has an entry for {host} that cannot be decoded")
                return None
        if isinstance(user, str) and isinstance(password, str) and user:
            return Credentials(username=user, password=password, origin=str(path))
        return None


def _unpacked(packed: str) -> tuple[str, str, str]:
    """Return user, colon and password of the ``auth`` of an entry.

    Raises:
        ValueError: when it is not that.
    """
    user, colon, password = base64.b64decode(packed).decode().partition(":")
    if not colon:
        raise ValueError("no colon between user and password")
    return user, colon, password.rstrip("\0")
