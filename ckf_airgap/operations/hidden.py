"""Images hidden in the files of charms, looked for while these are deployed.

Rendering points at the private registry what charms declare. An image that only their code names is
pulled from where it says, so that a deployment behind a gap goes wrong days later. The audit finds
it (`ckf_airgap.images.audit`); here it is part of deploying and rehearsing.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import Document
from ckf_airgap.errors import AirgapError, Problem
from ckf_airgap.facts.defaults import DEFAULT_CHARMS
from ckf_airgap.images.audit import audit_charms
from ckf_airgap.images.auditreport import AuditFinding
from ckf_airgap.images.inventory import Inventory, take_inventory
from ckf_airgap.operations.rendering import Inputs
from ckf_airgap.rendering.overlay import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenImages:
    """The images in the files of charms that no resource, option, rule or list names.

    Attributes:
        findings: Where they are, one for each place.
        command: The command that shows them, with all else that an audit finds.
        unreached: Images that only rules name: known, but no resource and no option points them
            at the private registry either.
    """

    findings: tuple[AuditFinding, ...] = field(repr=False)
    command: str
    unreached: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """The images, each once, as they are written."""
        return tuple(sorted({finding.image for finding in self.findings}))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a person is told: a line for each kind of which there are any."""
        return (*self._hidden_warning(), *self._unreached_warning())

    def _hidden_warning(self) -> tuple[Problem, ...]:
        count = len(self.images)
        if not count:
            return ()
        charms = sorted({finding.charm for finding in self.findings})
        what = f"{count} images are" if count > 1 else "1 image is"
        return (
            Problem(
                f"{what} hidden in the files of {', '.join(charms)}: nothing points "
                f"{'them' if count > 1 else 'it'} at the private registry",
                fix=f"see {self.command}",
            ),
        )

    def _unreached_warning(self) -> tuple[Problem, ...]:
        count = len(self.unreached)
        if not count:
            return ()
        what = f"{count} images are" if count > 1 else "1 image is"
        them = "them" if count > 1 else "it"
        return (
            Problem(
                f"{what} fixed in charms or their workloads ({', '.join(self.unreached)}): pods "
                f"ask for {them} by the public name",
                fix="have the nodes look in the private registry: ckf-airgap mirrors",
            ),
        )

    def to_json(self) -> Document:
        """Return them as a JSON document."""
        return {
            "images": list(self.images),
            "findings": [finding.to_json() for finding in self.findings],
            "command": self.command,
            "unreached": list(self.unreached),
        }


def find_hidden(rendering: Rendering, inputs: Inputs) -> HiddenImages:
    """Search the charms of a rendering; blocks on the disk for a second or two.

    Args:
        rendering: What was rendered from charm files.
        inputs: What it was rendered from.

    Raises:
        CharmError: when a file cannot be read.
    """
    inventory = Inventory(images=())
    # What a setting of the command line put right may be wrong in the bundle, whose images are then
    # those that charms declare.
    with contextlib.suppress(AirgapError):
        inventory = take_inventory(rendering.source, rendering.charms, rendering.rules)
    report = audit_charms(rendering.charms, inventory, rendering.rules)
    return HiddenImages(
        findings=report.of_standing("hidden"),
        command=audit_command(inputs),
        unreached=tuple(
            str(image.reference)
            for image in inventory
            if all(reason.asker == "rule" for reason in image.reasons)
        ),
    )


def audit_command(inputs: Inputs) -> str:
    """Return the command that audits what is rendered from `inputs`."""
    words = ["ckf-airgap", "images", "audit", str(inputs.bundle)]
    words += ["--charms", str(inputs.charms or DEFAULT_CHARMS)]
    for overlay in inputs.overlays:
        words += ["--overlay", str(overlay)]
    if inputs.rules is not None:
        words += ["--rules", str(inputs.rules)]
    if inputs.architecture is not None:
        words += ["--arch", inputs.architecture]
    return shlex.join(words)


@contextlib.asynccontextmanager
async def looking_for_hidden(
    rendering: Rendering, inputs: Inputs | None, on_found: Callable[[HiddenImages], None]
) -> AsyncIterator[Awaitable[HiddenImages | None]]:
    """Look for hidden images in a thread while the body runs.

    Args:
        rendering: What was rendered.
        inputs: What it was rendered from; ``None`` looks for none, as for stand-ins.
        on_found: Is called with what was found, on the event loop.

    Yields:
        What is found; ``None`` when nothing is looked for, or a charm cannot be searched.
    """

    async def look() -> HiddenImages | None:
        if inputs is None:
            return None
        try:
            found = await in_thread(find_hidden, rendering, inputs)
        except AirgapError:
            return None  # a damaged charm is refused by the deployment, with all that is wrong
        on_found(found)
        return found

    task = asyncio.ensure_future(look())
    try:
        yield task
    except BaseException:
        task.cancel()
        raise
