"""The error of a charm that Juju's library cannot read."""

from __future__ import annotations


class UnreadableCharmError(ValueError):
    """What is wrong with a charm, in the words of ``github.com/juju/charm``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def annotated(self, prefix: str) -> UnreadableCharmError:
        """Return the error as ``prefix: message``."""
        return UnreadableCharmError(f"{prefix}: {self.message}")
