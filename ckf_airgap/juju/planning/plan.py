"""A plan: what will be done to a model, in which order, and what is left alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem, RefusedError, raise_all
from ckf_airgap.juju.planning.differences import Foreign, Refusal
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    ApplicationChange,
    DeployApplication,
    RemoveApplication,
    RemoveRelation,
    Step,
    UploadCharm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done to a model, in order: uploads, applications, relations, offers.

    Attributes:
        model: The model's name.
        uuid: The model's UUID; empty for one that is yet to be made.
        steps: What will be done.
        unchanged: Applications that already are as they should be.
        kept_relations: How many of the bundle's relations exist already.
        foreign: What neither the bundle nor an earlier deployment has set, and stays.
        refused: What Juju cannot change in place; nothing is done while there is some.
        warnings: What the user should know before the plan is carried out.
        releases: The release in the record of each application of the model that has one.
        providers: The requirer and the provider of each relation of the bundle, for the order in
            which applications are refreshed.
    """

    model: str
    uuid: str = ""
    steps: tuple[Step, ...] = field(default=(), repr=False)
    unchanged: tuple[str, ...] = field(default=(), repr=False)
    kept_relations: int = 0
    foreign: tuple[Foreign, ...] = field(default=(), repr=False)
    refused: tuple[Refusal, ...] = field(default=(), repr=False)
    warnings: tuple[Problem, ...] = ()
    releases: Mapping[str, str] = field(default_factory=dict, repr=False)
    providers: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)

    @property
    def uploads(self) -> tuple[UploadCharm, ...]:
        """The charms to upload."""
        return tuple(step for step in self.steps if isinstance(step, UploadCharm))

    @property
    def deploys(self) -> tuple[DeployApplication, ...]:
        """The applications to deploy."""
        return tuple(step for step in self.steps if isinstance(step, DeployApplication))

    @property
    def changes(self) -> tuple[ApplicationChange, ...]:
        """The changes to applications that are in the model, or will be."""
        return tuple(step for step in self.steps if isinstance(step, ApplicationChange))

    @property
    def removals(self) -> tuple[RemoveApplication | RemoveRelation, ...]:
        """What is removed."""
        return tuple(
            step for step in self.steps if isinstance(step, RemoveApplication | RemoveRelation)
        )

    @property
    def relations(self) -> tuple[AddRelation, ...]:
        """The relations to make."""
        return tuple(step for step in self.steps if isinstance(step, AddRelation))

    @property
    def offers(self) -> tuple[MakeOffer | GrantOffer, ...]:
        """The offers to make, and what is granted of offers."""
        return tuple(step for step in self.steps if isinstance(step, MakeOffer | GrantOffer))

    def raise_refused(self) -> None:
        """Raise what Juju cannot change in place, if there is something.

        Raises:
            RefusedError: naming every application that would have to be replaced.
        """
        raise_all(
            RefusedError,
            f"Juju cannot make model {self.model} what the bundle says; nothing was changed",
            [refusal.problem for refusal in self.refused],
        )

    def describe(self) -> Iterator[str]:
        """Yield one line of text for each step, then one for what is there already."""
        for step in self.steps:
            yield step.describe()
        if self.unchanged or self.kept_relations:
            yield (
                f"nothing to do for {len(self.unchanged)} applications and "
                f"{self.kept_relations} relations that are in model {self.model} already"
            )
        elif not self.steps:
            yield f"nothing to do in model {self.model}"

    def to_json(self) -> Document:
        """Return the plan as JSON."""
        steps: list[JSONValue] = [step.to_json() for step in self.steps]
        return {
            "model": self.model,
            "steps": steps,
            "unchanged": [*self.unchanged],
            "kept-relations": self.kept_relations,
            "foreign": [foreign.to_json() for foreign in self.foreign],
            "refused": [refusal.to_json() for refusal in self.refused],
        }
