"""The steps of one application, in parts that are carried out together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ckf_airgap.juju.planning.steps import (
    ApplicationStep,
    DeployApplication,
    RefreshApplication,
    SetAnnotations,
    WriteRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Steps of an application that are carried out together.

    Attributes:
        steps: The steps; none when all there is to do are annotations of a deployment.
        annotations: The annotations to set, without the record.
        record: The record to write with them.
    """

    steps: tuple[ApplicationStep, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    record: WriteRecord | None = None

    @property
    def annotates(self) -> bool:
        """Whether the part sets annotations, and does nothing else."""
        return bool(self.annotations) or self.record is not None


def parts_of(steps: Sequence[ApplicationStep]) -> list[Part]:
    """Return the steps of an application in parts, in their order.

    Annotations and records that follow each other are one part. The API does not take annotations
    with a deployment: they go with what annotates next, or are a part of their own.
    """
    parts: list[Part] = []
    carried: dict[str, str] = {}
    together: list[ApplicationStep] = []
    record: WriteRecord | None = None
    for step in [*steps, None]:
        if isinstance(step, SetAnnotations | WriteRecord):
            together.append(step)
            if isinstance(step, WriteRecord):
                record = step
            else:
                carried.update(step.annotations)
            continue
        if together or carried:
            parts.append(Part(steps=tuple(together), annotations=carried, record=record))
            carried, together, record = {}, [], None
        if step is not None:
            parts.append(Part(steps=(step,)))
        if isinstance(step, DeployApplication):
            carried = {**step.annotations}
    return parts


def brings_about(steps: Sequence[ApplicationStep]) -> bool:
    """Whether steps deploy or refresh the application, so that others wait for it."""
    return any(isinstance(step, DeployApplication | RefreshApplication) for step in steps)
