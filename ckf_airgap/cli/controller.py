"""``ckf-airgap controller``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    BundleName,
    UserPath,
    json_option,
    registry_option,
    script_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import AirgapError, InterruptedRunError
from ckf_airgap.facts.defaults import DEFAULT_MODEL, DEFAULT_SPEED

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import RehearsalController

SCHEMA: Final = "ckf-airgap/controller/v1"


@click.command(
    "controller",
    epilog="""\b
Example, with Juju's own client in another terminal:
  ckf-airgap controller --juju-data /tmp/rehearsal --port 17070
  JUJU_DATA=/tmp/rehearsal juju status
""",
)
@click.option(
    "--juju-data",
    type=UserPath("directory"),
    metavar="DIR",
    help="Where to write the client store; it must not belong to another controller.  "
    "[default: a private directory, removed at the end]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port to listen on.  [default: any free port]",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    show_default=True,
    metavar="NAME",
    help="A model to start with; may be repeated.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_SPEED,
    show_default=True,
    help="How much faster units settle than in a cluster.",
)
@click.option(
    "--release",
    type=BundleName(),
    metavar="RELEASE",
    help="Let units wait for the relations that they need in this release.  "
    "[default: those needed in all]",
)
@click.option(
    "--charms",
    type=UserPath("directory"),
    metavar="DIR",
    help="The charm store: .charm files that clients deploy by name, the newest revision of a "
    "channel first. NAME_rN.charm is revision N of NAME, any other file revision 0. The lock "
    "beside them (ckf-airgap.lock) says their channels; a charm that it does not list is in every "
    "channel. A channel without a track means any track, since the default one is not known. "
    "Files resource_NAME_rN are resources, named as by juju download --resources.  "
    "[default: there is no store]",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND@PLACE[=N]",
    help="What is to go wrong, such as close@Application.Deploy=3, cut@upload=2,byte=1000 or "
    "random@seed=7 (docs/rehearsal.md has them all); may be repeated. One line on stderr tells of "
    "each that happens.",
)
@script_option
@registry_option()
@json_option
@verbosity_options
def command(
    *,
    juju_data: Path | None,
    host: str,
    port: int,
    models: tuple[str, ...],
    speed: float,
    release: str | None,
    charms: Path | None,
    faults: tuple[str, ...],
    script_file: Path | None,
    registry: str | None,
) -> None:
    """Run the embedded controller until stopped.

    It speaks Juju's API over TLS: `juju`, libjuju and other clients can add models, deploy local
    charms, integrate and wait, as far as that needs no cluster. It prints one line beginning
    with `ready` when clients can connect, and shuts down cleanly on Ctrl-C and SIGTERM.
    """
    from ckf_airgap.cli.runner import run
    from ckf_airgap.files import resolved

    terminal = Terminal.current()
    known = ckf_airgap.load_release(release) if release else None
    script = ckf_airgap.Script(
        needed_endpoints=ckf_airgap.needed_endpoints(known)
        if known
        else ckf_airgap.common_needed_endpoints(),
        needed_options=known.site.needed_options if known else ckf_airgap.common_needed_options(),
    )
    controller = ckf_airgap.RehearsalController(
        juju_data=resolved(juju_data) if juju_data else None,
        host=host,
        port=port,
        models=models,
        speed=speed,
        charms=charms,
        released=ckf_airgap.released_channels(charms) if charms else None,
        script=script,
        script_file=script_file,
        script_changed=lambda problem: _tell_script(terminal, script_file, problem),
        registry=registry,
        faults=faults,
        fault_happened=terminal.note,
    )
    try:
        run(_serve(controller, terminal))
    except InterruptedRunError as stopped:
        terminal.note(stopped.message)
    controller.check()


def _tell_script(terminal: Terminal, path: Path | None, problem: AirgapError | None) -> None:
    if problem is None:
        terminal.note(f"read {path} again")
    else:
        terminal.warn(
            f"{problem.message}; the script stays as it was", [*map(str, problem.problems)]
        )


async def _serve(controller: RehearsalController, terminal: Terminal) -> None:
    import asyncio

    async with controller:
        for problem in controller.charm_problems:
            terminal.warn(problem)
        terminal.result(
            f"ready {controller.endpoint} JUJU_DATA={controller.juju_data}",
            document={
                "schema": SCHEMA,
                "event": "ready",
                "controller": controller.name,
                "endpoint": controller.endpoint,
                "juju-data": str(controller.juju_data),
                "models": list(controller.models),
            },
            one_line=True,
        )
        try:
            await asyncio.Event().wait()
        finally:
            for model, findings in controller.findings.items():
                for finding in findings:
                    terminal.warn(
                        f"model {model}, {finding.application}: {finding.what}, {finding.why}"
                    )
