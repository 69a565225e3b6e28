"""``ckf-airgap render``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, json_option, output_option, verbosity_options
from ckf_airgap.cli.renderoptions import rendering_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import plural
from ckf_airgap.facts.defaults import DEFAULT_MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Inputs, Problem, Rendering

SCHEMA: Final = "ckf-airgap/render/v1"


@click.command(
    "render",
    epilog="""\b
Example:
  ckf-airgap render 1.11 --charms ~/charms --images ~/retagged-images.txt -o overlay.yaml
""",
)
@rendering_options()
@output_option("the overlay")
@click.option(
    "--bundle-out",
    type=UserPath(),
    metavar="FILE",
    help="Also write the merged bundle, which needs no overlay.",
)
@click.option(
    "--relative-to",
    type=UserPath("directory"),
    metavar="DIR",
    help="Directory that the file will be in; charm paths are relative to it.  "
    "[default: that of the charms]",
)
@click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME",
    help="The model that it will be deployed in; some addresses have its name in them.",
)
@json_option
@verbosity_options
def command(
    inputs: Inputs,
    output: Path | None,
    bundle_out: Path | None,
    relative_to: Path | None,
    model: str,
) -> None:
    """Make the overlay that points a bundle at a private registry.

    The overlay gives every application its local charm file, and every image, in resources and in
    options, the one in the registry. It is what `juju deploy BUNDLE --overlay FILE` needs; `deploy`
    makes its own.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    rendering = run(
        _render(
            dataclasses.replace(inputs, relative_to=relative_to, model=model), output, bundle_out
        )
    )
    for warning in _warnings(rendering):
        terminal.warn(str(warning))
    if terminal.json:
        terminal.document(_document(rendering, output, bundle_out))
    elif output is None:
        terminal.text(rendering.overlay_yaml())
    unused = rendering.proof.unused
    if terminal.verbosity > 0:
        for entry in unused:
            terminal.note(f"no application uses {entry}")
    for path, what in ((output, "overlay"), (bundle_out, "merged bundle")):
        if path is not None:
            terminal.note(f"wrote the {what} to {path}")
            if relative_to is None and not _beside_charms(path, rendering):
                terminal.note(
                    "its charm paths are relative to the directory of the charms: put it there "
                    f"before Juju's own client reads it, or render with --relative-to {path.parent}"
                )
    terminal.note(
        f"{plural(len(rendering.charms), 'application')} "
        f"{'names' if len(rendering.charms) == 1 else 'name'} "
        f"{plural(len(rendering.images), 'image')} of {rendering.registry} "
        f"in {plural(len(rendering.replacements), 'place')}" + _unused(len(unused))
    )


def _warnings(rendering: Rendering) -> list[Problem]:
    return [*rendering.warnings, *rendering.order_warnings]


def _unused(count: int) -> str:
    """Return how many images of the list no application uses, to be put behind a sentence."""
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return f"; {plural(count, 'image')} of the list {are} not used (-v lists them)"


def _beside_charms(path: Path, rendering: Rendering) -> bool:
    """Whether a file lies in the directory of the charms, where its charm paths start."""
    directories = {charm.path.parent.resolve() for charm in rendering.charms.values() if charm.path}
    return directories == {path.parent.resolve()}


async def _render(inputs: Inputs, output: Path | None, bundle_out: Path | None) -> Rendering:
    from ckf_airgap.concurrency import in_thread
    from ckf_airgap.files import write_text

    rendering = await ckf_airgap.render_release(inputs)
    if output is not None:
        await in_thread(write_text, output, rendering.overlay_yaml())
    if bundle_out is not None:
        await in_thread(write_text, bundle_out, rendering.bundle_yaml())
    return rendering


def _document(
    rendering: Rendering, output: Path | None, bundle_out: Path | None
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "registry": str(rendering.registry),
        "overlay": rendering.overlay,
        "images": [replacement.to_json() for replacement in rendering.replacements],
        "proof": rendering.proof.to_json(),
        "charms": {
            name: {"name": charm.name, "revision": charm.revision, "path": str(charm.path)}
            for name, charm in rendering.charms.items()
        },
        "warnings": [warning.to_json() for warning in _warnings(rendering)],
        "written": [str(path) for path in (output, bundle_out) if path is not None],
    }
