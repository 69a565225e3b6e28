"""The options of the commands that move images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, apply, max_depth_option, registry_option
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import UsageError
from ckf_airgap.net.limits import DEFAULT_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import ImageReference, Mapper
    from ckf_airgap.images.lists import Need

_F = TypeVar("_F", bound=Callable[..., Any])


def transfer_options(
    *, platforms: bool = False, recheck: bool = True, only: bool = True
) -> Callable[[_F], _F]:
    """Return the options of a transfer, which reach the command as one argument ``settings``.

    Args:
        platforms: Whether it takes ``--platform``.
        recheck: Whether it takes ``--recheck``.
        only: Whether it takes ``--only``.
    """
    decorators = [
        click.option(
            "--jobs",
            type=click.IntRange(1, 64),
            default=DEFAULT_LIMIT,
            show_default=True,
            help="How many layers to transfer at the same time.",
        ),
        click.option(
            "--ca",
            type=UserPath(),
            envvar="CKF_AIRGAP_CA",
            show_envvar=True,
            metavar="FILE",
            help="A CA certificate for the registry."
            "  [default: the system's, and /etc/docker/certs.d]",
        ),
        click.option(
            "--plain-http",
            multiple=True,
            metavar="HOST[:PORT]",
            help="A registry, storage or token server without TLS; may be repeated.",
        ),
        click.option(
            "--docker-config",
            type=UserPath(),
            metavar="FILE",
            help="The config.json with logins.  [default: that of docker and podman]",
        ),
        click.option(
            "--mirror",
            "mirrors",
            multiple=True,
            metavar="HOST=MIRROR[:PORT][/PATH]",
            help="Read images of HOST from this registry first; may be repeated.",
        ),
    ]
    if only:
        decorators.append(
            click.option(
                "--only",
                multiple=True,
                metavar="IMAGE",
                help="Only this image of the list; may be repeated.",
            )
        )
    if platforms:
        decorators.append(
            click.option(
                "--platform",
                "platforms",
                multiple=True,
                metavar="OS/ARCH",
                help="Only this platform of images that have several; may be repeated.",
            )
        )
    if recheck:
        decorators.append(
            click.option(
                "--recheck", is_flag=True, help="Check again what seems to be there already."
            )
        )

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def with_settings(
            *args: Any,
            jobs: int,
            ca: Path | None,
            plain_http: tuple[str, ...],
            docker_config: Path | None,
            mirrors: tuple[str, ...],
            only: tuple[str, ...] = (),
            platforms: tuple[str, ...] = (),
            recheck: bool = False,
            **rest: Any,
        ) -> Any:
            settings = ckf_airgap.TransferSettings(
                jobs=jobs,
                ca_file=ca,
                plain_http=frozenset(plain_http),
                docker_config=docker_config,
                only=frozenset(ckf_airgap.ImageReference.parse(one).canonical() for one in only),
                platforms=tuple(ckf_airgap.Platform.parse(one) for one in platforms),
                recheck=recheck,
                mirrors=_mirrors(mirrors),
            )
            settings.check()
            return function(*args, settings=settings, **rest)

        return cast("_F", apply(decorators, with_settings))

    return decorate


def engine_option(function: _F) -> _F:
    """Add ``--engine``."""
    return click.option(
        "--engine",
        type=click.Choice(["registry", "docker"]),
        default="registry",
        show_default=True,
        help="Talk to registries directly, or through a Docker Engine.",
    )(function)


def library_option(default: str) -> Callable[[_F], _F]:
    """Return ``--library/--no-library``.

    Args:
        default: What counts when neither is given.
    """
    return click.option(
        "--library/--no-library",
        "library",
        default=None,
        help="Whether official images of Docker Hub also have the name that nodes with mirrors ask"
        f" for: library/alpine next to alpine.  [default: {default}]",
    )


def place_options(function: _F) -> _F:
    """Add the options that say where images go, as one argument ``mapper`` or ``None``."""

    @functools.wraps(function)
    def with_mapper(
        *args: Any, registry: str | None, mapping: Path | None, max_depth: int | None, **rest: Any
    ) -> Any:
        return function(*args, mapper=_mapper(registry, mapping, max_depth), **rest)

    return apply(
        [
            registry_option(),
            click.option(
                "--mapping",
                type=UserPath(),
                metavar="FILE",
                help="Where images go, as `images retag --mapping` wrote it.",
            ),
            max_depth_option,
        ],
        cast("_F", with_mapper),
    )


def needed(mapper: Mapper | None) -> Mapper:
    """Return the mapper.

    Raises:
        UsageError: when neither a registry nor a mapping was named.
    """
    if mapper is None:
        raise UsageError(
            "no private registry was given",
            fix="Name it with --registry HOST[:PORT][/PATH], or with --mapping FILE.",
        )
    return mapper


def one_registry(path: Path, references: Sequence[ImageReference]) -> None:
    """Refuse a list that is not of images in one registry: it is not the private one's.

    Raises:
        UsageError: when it names several.
    """
    hosts = sorted({str(one.canonical().registry) for one in references})
    if len(hosts) > 1:
        raise UsageError(
            f"{path} names images in {len(hosts)} registries ({', '.join(hosts[:4])}"
            f"{', ...' if len(hosts) > 4 else ''}), so it does not list those of the private one",
            fix="Name the private registry with --registry HOST[:PORT][/PATH], or give the list"
            " that `ckf-airgap images retag` wrote.",
        )


def read_list(
    path: Path, need: Need | None = None, *, takes_need: bool = True
) -> tuple[ImageReference, ...]:
    """Read a list of images, and say which are left out; blocks on the disk.

    Args:
        path: The file.
        need: Which of them; ``None`` is all whose tag is known.
        takes_need: Whether the command has ``--need``.

    Raises:
        MissingError: when it is not there.
        InputError: when it cannot be read.
        UsageError: when it has no images that are needed so, or does not say what they are for.
    """
    from ckf_airgap.operations.lists import read_image_list

    images = read_image_list(path)
    chosen = images.chosen(need)
    if not len(chosen):
        which = f" that are {'used ' if need == 'later' else ''}{need}"
        raise UsageError(f"{path} lists no images{which if need not in (None, 'all') else ''}")
    names = sorted({one.reference.name for one in images.entries if one.user_tagged})
    if need is None and names:
        Terminal.current().note(
            f"left out, since its users choose the tag: {', '.join(names)}; add lines with the "
            f"tags that they use{', or give --need all to take latest' if takes_need else ''}"
        )
    return tuple(chosen)


def _mapper(registry: str | None, mapping: Path | None, max_depth: int | None) -> Mapper | None:
    if max_depth is not None and (mapping is not None or registry is None):
        raise UsageError(
            "--max-depth needs --registry; a mapping has its own"
            if mapping is not None
            else "--max-depth needs --registry"
        )
    if mapping is not None:
        places = ckf_airgap.RetagMapping.read(mapping)
        if registry is not None and ckf_airgap.Registry.parse(registry) != places.registry:
            raise UsageError(
                f"{mapping} is for the registry {places.registry}, not {registry}",
                fix="Leave out --registry, or retag for it.",
            )
        return ckf_airgap.places_of_mapping(places)
    if registry is None:
        return None
    return ckf_airgap.places_in_registry(ckf_airgap.Registry.parse(registry), max_depth=max_depth)


def _mirrors(texts: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the mirrors of each host, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        host, equals, mirror = text.partition("=")
        if not equals or not host:
            raise UsageError(f"--mirror {text!r} is not of the form HOST=MIRROR")
        found[host] = (*found.get(host, ()), str(ckf_airgap.Registry.parse(mirror)))
    return found
