"""Which of the images of a rendering a model has: what was asked for may not be what is."""

from __future__ import annotations

from dataclasses import dataclass

from ckf_airgap.documents import Document
from ckf_airgap.images.needs import ImageNeed
from ckf_airgap.juju.controller.planreading import KnownModel
from ckf_airgap.juju.planning.identity import holds
from ckf_airgap.rendering.lookup import Replacement
from ckf_airgap.rendering.overlay import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInModel:
    """An image of the rendering, looked for in the model afterwards.

    Attributes:
        replacement: The image, and the place that names it.
        seen: Whether the model has it there: the option has the rendered value, or the resource
            the fingerprint of what was rendered. Otherwise it is not known which image the model
            has.
    """

    replacement: Replacement
    seen: bool

    def to_json(self) -> Document:
        """Return the image as JSON; its target is null where the model's is not known."""
        document = self.replacement.to_json()
        return document if self.seen else {**document, "target": None}


def images_in_model(
    rendering: Rendering, known: KnownModel, only: frozenset[str] | None = None
) -> tuple[ImageInModel, ...]:
    """Look for each image of a rendering in the model.

    Args:
        rendering: What was deployed.
        known: The model, as it was read after that.
        only: The applications that were deployed; ``None`` for all.
    """
    bundle, charms = rendering.bundle, rendering.charms
    live, wanted = known.live, known.identities

    def seen(need: ImageNeed) -> bool:
        present = live.applications.get(need.application)
        identity = wanted.get(need.application)
        if present is None or identity is None:
            return False
        if need.resource:
            resource = identity.resources.get(need.resource)
            fingerprints = present.identity.fingerprints or {}
            return resource is not None and holds(resource, fingerprints.get(need.resource))
        options = bundle.applications[need.application].options
        declared = charms[need.application].options.get(need.option)
        value = options.get(need.option, declared.default if declared else None)
        found = present.options.get(need.option)
        return value is not None and found is not None and str(found) == str(value)

    return tuple(
        ImageInModel(replacement=replacement, seen=seen(replacement.need))
        for replacement in rendering.replacements
        if only is None or replacement.need.application in only
    )
