"""What uploads to a model need."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccess:
    """What uploads to a model need.

    Attributes:
        endpoint: ``host:port``.
        model_uuid: The model.
        authorization: The value of the ``Authorization`` header.
        cookie: The value of the ``Cookie`` header; empty for a login with a password.
        ssl_context: Verifies the controller as the websocket does.
    """

    endpoint: str
    model_uuid: str
    authorization: str = field(repr=False)
    cookie: str = field(default="", repr=False)
    ssl_context: ssl.SSLContext

    @property
    def headers(self) -> dict[str, str]:
        """The headers that log in."""
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        return {"Authorization": self.authorization, **cookie}

    @property
    def model_url(self) -> str:
        """The URL that the paths of uploads begin with."""
        return f"https://{self.endpoint}/model/{self.model_uuid}"
