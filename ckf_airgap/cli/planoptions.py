"""The options of commands that plan a deployment: how far it may go, and with which logins."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, apply
from ckf_airgap.errors import InputError, ModelNotFoundError, unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import RegistryLogin

_F = TypeVar("_F", bound=Callable[..., Any])

PASSWORD_VARIABLE: Final = "CKF_AIRGAP_REGISTRY_PASSWORD"  # noqa: S105 - a name
MAX_PASSWORD_BYTES: Final = 64 * 1024
"""Size of a password's file; tokens that registries take for one have a few thousand bytes."""

create_model_option = click.option(
    "--create-model", is_flag=True, help="Create the model if it does not exist."
)
"""``--create-model``"""

skip_releases_option = click.option(
    "--skip-releases",
    is_flag=True,
    help="Deploy over a release that is not the one before (docs/upgrading.md).",
)
"""``--skip-releases``"""


only_option = click.option(
    "--application",
    "only",
    multiple=True,
    metavar="APP",
    help="Only this application of the bundle; may be repeated.",
)
"""``--application``, as ``only``"""

_POLICY: Final = [
    only_option,
    click.option(
        "--prune",
        is_flag=True,
        help="Remove applications and relations that the bundle does not have.",
    ),
    click.option(
        "--reset-foreign",
        is_flag=True,
        help="Reset what neither the bundle nor an earlier deployment has set.",
    ),
    click.option(
        "--replace",
        multiple=True,
        metavar="APP",
        help="Remove this application and deploy it again where Juju cannot change it in place; "
        "the plan says which storage is lost. May be repeated.",
    ),
]

_LOGINS: Final = [
    click.option(
        "--registry-username",
        envvar="CKF_AIRGAP_REGISTRY_USERNAME",
        show_envvar=True,
        metavar="NAME",
        help="User name with which the cluster pulls images from the registry.",
    ),
    click.option(
        "--registry-password-file",
        type=UserPath(),
        metavar="FILE",
        help=f"File with the password for that user.  [default: ${PASSWORD_VARIABLE}]",
    ),
    click.option(
        "--registry-config",
        type=UserPath(),
        envvar="CKF_AIRGAP_REGISTRY_CONFIG",
        show_envvar=True,
        metavar="FILE",
        help="A config.json of Docker with the logins with which the cluster pulls images; each "
        "goes with the images that it is for.",
    ),
]


@contextlib.contextmanager
def naming_create_model() -> Iterator[None]:
    """Say of a model that is not there that it can be made."""
    try:
        yield
    except ModelNotFoundError as missing:
        raise ModelNotFoundError(
            missing.message, fix=f"{missing.fix} Use --create-model to create it."
        ) from missing


def policy_options(function: _F) -> _F:
    """Add the options that say how far a plan may go, as one argument ``policy``."""

    @functools.wraps(function)
    def with_policy(
        *args: Any,
        prune: bool,
        reset_foreign: bool,
        replace: tuple[str, ...],
        only: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        policy = ckf_airgap.Policy(
            prune=prune,
            reset_foreign=reset_foreign,
            replace=frozenset(replace),
            only=frozenset(only) or None,
        )
        return function(*args, policy=policy, **rest)

    return apply(_POLICY, cast("_F", with_policy))


def login_options(function: _F) -> _F:
    """Add the options for logins to registries: ``registry_login`` and ``registry_config``."""

    @functools.wraps(function)
    def with_login(
        *args: Any,
        registry_username: str | None,
        registry_password_file: Path | None,
        **rest: Any,
    ) -> Any:
        login = _registry_login(registry_username, registry_password_file)
        return function(*args, registry_login=login, **rest)

    return apply(_LOGINS, cast("_F", with_login))


def _registry_login(username: str | None, password_file: Path | None) -> RegistryLogin | None:
    """Return the login to the registry; a password never comes from the command line."""
    from ckf_airgap.files import read_small_text

    if username is None:
        return None
    if password_file is not None:
        try:
            text = read_small_text(password_file, MAX_PASSWORD_BYTES, what="a password", pipes=True)
            password: str | None = text.rstrip("\r\n")
        except UnicodeDecodeError as exc:
            raise InputError(f"the password file {password_file} is not UTF-8 text") from exc
        except OSError as exc:
            raise unreadable(exc, f"the password file {password_file}") from exc
    else:
        password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        raise InputError(
            f"there is no password for {username} at the registry",
            fix=f"Set {PASSWORD_VARIABLE}, or name a file with --registry-password-file.",
        )
    return ckf_airgap.RegistryLogin(username=username, password=password)
