"""Recognise a container whose image cannot be pulled, in what a status says. Pure.

Juju puts the container's waiting reason into the status of the unit: ``OCI image pull error: ...``
for ``ErrImagePull``, and ``unknown container reason "ImagePullBackOff": ...`` for those that it has
no words of its own for. The rest is the kubelet's text, and that of the container runtime.
"""

from __future__ import annotations

import re
from typing import Final

_FAILURE: Final = re.compile(
    r"""
      ErrImagePull | ImagePullBackOff | InvalidImageName | ErrImageNeverPull | RegistryUnavailable
    | ImageInspectError | SignatureValidationFailed
    | OCI\ image\ pull\ error
    | back-?off\ pulling\ image
    | failed\ to\ pull\ (?:and\ unpack\ )?image
    | error\ pulling\ image
    | failed\ to\ apply\ default\ image\ tag
    | (?:image|manifest|repository)\b.*\b(?:unauthorized|pull\ access\ denied|manifest\ unknown)
    | (?:unauthorized|pull\ access\ denied|manifest\ unknown)\b.*\b(?:image|manifest|repository)
    """,
    re.IGNORECASE | re.VERBOSE,
)

_IMAGE: Final = re.compile(
    r"""(?:image|image\ tag)\ \\?["'](?P<image>[^"'\\\s]+)\\?["']""", re.IGNORECASE | re.VERBOSE
)

_LOGIN: Final = re.compile(
    r"unauthori[sz]ed|pull access denied|authentication required|no basic auth|\b40[13]\b"
    r"|authorization failed",
    re.IGNORECASE,
)

_UNTRUSTED: Final = re.compile(r"x509|certificate|tls:", re.IGNORECASE)


def is_pull_failure(text: str) -> bool:
    """Whether a status says that an image cannot be pulled."""
    return _FAILURE.search(text) is not None


def failed_image(text: str) -> str:
    """Return the image that a status says cannot be pulled; empty when it does not say which."""
    match = _IMAGE.search(text)
    return match["image"] if match is not None else ""


def pull_advice(text: str) -> str:
    """Return what to look at first, going by the reason that the runtime gives."""
    if _LOGIN.search(text):
        return "give the cluster a login to the registry that may read it"
    if _UNTRUSTED.search(text):
        return "let the nodes trust the registry's certificate"
    return "check that the image is in the registry and that the nodes can reach and trust it"
