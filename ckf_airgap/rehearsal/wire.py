"""The vocabulary of Juju's RPC: requests, errors with their codes, and the fields of parameters.

A request names a facade, its version and a method; the answer is a response or an error, never
both, and an error always carries an empty response, since python-libjuju reads it unconditionally.
Keys are case-insensitive, as for Go's JSON decoder, and ``null`` is the zero value.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ckf_airgap.documents import Document, JSONValue, parse_json

NOT_FOUND: Final = "not found"


ALREADY_EXISTS: Final = "already exists"


BAD_REQUEST: Final = "bad request"


NOT_SUPPORTED: Final = "not supported"


NOT_VALID: Final = "not valid"


UNAUTHORIZED: Final = "unauthorized access"


FORBIDDEN: Final = "forbidden"


OPERATION_BLOCKED: Final = "operation is blocked"


MODEL_NOT_FOUND: Final = "model not found"


METHOD_NOT_ALLOWED: Final = "method not allowed"


NOT_YET_AVAILABLE: Final = "not yet available; try again later"


STOPPED: Final = "stopped"


QUOTA_LIMIT_EXCEEDED: Final = "quota limit exceeded"


STORAGE_ATTACHED: Final = "storage is attached"


PERSISTENT_STORAGE: Final = "controller/model has persistent storage"


INCOMPATIBLE_BASE: Final = "incompatible base"


HAS_UNITS: Final = "application should not have units"


QUOTA_EXCEEDED: Final = "quota limit exceeded"


DISCHARGE_REQUIRED: Final = "macaroon discharge required"


_HTTP_STATUS: Final[Mapping[str, int]] = {
    UNAUTHORIZED: 401,
    DISCHARGE_REQUIRED: 401,
    NOT_FOUND: 404,
    MODEL_NOT_FOUND: 404,
    BAD_REQUEST: 400,
    OPERATION_BLOCKED: 400,
    FORBIDDEN: 403,
    METHOD_NOT_ALLOWED: 405,
    NOT_YET_AVAILABLE: 409,
}


class ApiError(Exception):
    """A refusal by the controller, with the message and code of a real one.

    Args:
        message: The text of the error, exactly as Juju words it.
        code: The error code; empty for a plain error of the server.
        info: The ``error-info`` that accompanies some codes.
    """

    def __init__(self, message: str, code: str = "", info: Document | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.info = info

    @property
    def http_status(self) -> int:
        """The HTTP status of a failed upload: 500 for every code without its own."""
        return _HTTP_STATUS.get(self.code, 500)

    def as_document(self) -> Document:
        """Return the error as it appears inside results: ``message``, ``code``, ``info``."""
        document: Document = {"message": self.message, "code": self.code}
        if self.info:
            document["info"] = self.info
        return document

    def annotated(self, prefix: str) -> ApiError:
        """Return the same error as ``prefix: message``, with the same code."""
        return ApiError(f"{prefix}: {self.message}", self.code, self.info)


def unauthorized(message: str = "permission denied") -> ApiError:
    """Return the error for a user without permission."""
    return ApiError(message, UNAUTHORIZED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of a client."""

    request_id: int
    facade: str
    version: int
    object_id: str
    method: str
    params: Document
    camel_case: bool = False
    """Whether the client uses the oldest codec (``RequestId``), which it is answered in."""

    @classmethod
    def parse(cls, frame: str) -> Request:
        """Return the request in a text frame.

        Raises:
            ValueError: when it is not a JSON object with a request; a real controller drops such a
                connection.
        """
        document = parse_json(frame)
        if not isinstance(document, dict):
            raise ValueError("a request must be a JSON object")  # noqa: TRY004
        keys = {key.lower(): value for key, value in document.items() if value is not None}
        camel_case = not keys.get("request-id")
        request_id = keys.get("requestid" if camel_case else "request-id")
        params = keys.get("params", {})
        version = keys.get("version", 0)
        if not isinstance(request_id, int) or request_id < 1 or not isinstance(params, dict):
            raise ValueError("a request needs a request-id and params that are an object")
        if not isinstance(version, int):
            raise ValueError("the version of a facade is a number")  # noqa: TRY004
        return cls(
            request_id=request_id,
            facade=str(keys.get("type", "")),
            version=version,
            object_id=str(keys.get("id", "")),
            method=str(keys.get("request", "")),
            params=params,
            camel_case=camel_case,
        )

    def answer(self, response: Document) -> str:
        """Return the frame of a response."""
        if self.camel_case:
            return json.dumps({"RequestId": self.request_id, "Response": response})
        return json.dumps({"request-id": self.request_id, "response": response})

    def refuse(self, error: ApiError) -> str:
        """Return the frame of an error, with the empty response that it must have."""
        names = (
            ("RequestId", "Error", "ErrorCode", "ErrorInfo", "Response")
            if self.camel_case
            else ("request-id", "error", "error-code", "error-info", "response")
        )
        frame: Document = {names[0]: self.request_id, names[1]: error.message}
        if error.code:
            frame[names[2]] = error.code
        if error.info:
            frame[names[3]] = error.info
        frame[names[4]] = {}
        return json.dumps(frame)


def field(params: Mapping[str, JSONValue], name: str) -> JSONValue:
    """Return the value of a key, whatever its case; absent and ``null`` are both ``None``."""
    if name in params:
        return params[name]
    wanted = name.lower()
    for key, value in params.items():
        if key.lower() == wanted:
            return value
    return None


def text_field(params: Mapping[str, JSONValue], name: str, default: str = "") -> str:
    """Return the text of a key, or `default` when it is absent."""
    value = field(params, name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _mistyped(name, value, "string")
    return value


def int_field(params: Mapping[str, JSONValue], name: str, default: int = 0) -> int:
    """Return the integer of a key, or `default` when it is absent."""
    value = field(params, name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(name, value, "int")
    return value


def bool_field(params: Mapping[str, JSONValue], name: str, default: bool = False) -> bool:
    """Return the boolean of a key, or `default` when it is absent."""
    value = field(params, name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _mistyped(name, value, "bool")
    return value


def list_field(params: Mapping[str, JSONValue], name: str) -> list[JSONValue]:
    """Return the list of a key, or an empty one when it is absent."""
    value = field(params, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mistyped(name, value, "[]interface {}")
    return value


def texts_field(params: Mapping[str, JSONValue], name: str) -> list[str]:
    """Return the list of texts of a key, or an empty one when it is absent."""
    items = list_field(params, name)
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != len(items):
        raise _mistyped(name, next(i for i in items if not isinstance(i, str)), "string")
    return texts


def mapping_field(params: Mapping[str, JSONValue], name: str) -> Document:
    """Return the mapping of a key, or an empty one when it is absent."""
    value = field(params, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mistyped(name, value, "map[string]interface {}")
    return value


def mappings_field(params: Mapping[str, JSONValue], name: str) -> list[Document]:
    """Return the list of mappings of a key, or an empty one when it is absent."""
    items = list_field(params, name)
    mappings = [item for item in items if isinstance(item, dict)]
    if len(mappings) != len(items):
        raise _mistyped(name, next(i for i in items if not isinstance(i, dict)), "struct")
    return mappings


def tags_field(params: Mapping[str, JSONValue], name: str = "entities") -> list[str]:
    """Return the tags of ``{"entities": [{"tag": ...}]}``."""
    return [text_field(item, "tag") for item in mappings_field(params, name)]


def _mistyped(name: str, value: JSONValue, wanted: str) -> ApiError:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}
    kind = kinds.get(type(value), "object")
    return ApiError(f"json: cannot unmarshal {kind} into Go struct field .{name} of type {wanted}")


async def results_of(
    items: Iterable[JSONValue] | Iterable[Document] | Iterable[str],
    call: Callable[[Any], Awaitable[Document]],
) -> Document:
    """Return ``{"results": [...]}`` with one entry per item, in order.

    Args:
        items: The items to process.
        call: Returns the entry of an item; an `ApiError` becomes ``{"error": {...}}``.
    """
    results: list[JSONValue] = []
    for item in items:
        try:
            results.append(await call(item))
        except ApiError as error:
            results.append({"error": error.as_document()})
    return {"results": results}


def tag_id(tag: str, kind: str) -> str:
    """Return the id of a tag such as ``application-minio`` for the kind ``application``.

    Raises:
        ApiError: when it is a tag of another kind, or not a tag at all.
    """
    prefix = f"{kind}-"
    if not tag.startswith(prefix) or len(tag) == len(prefix):
        raise ApiError(f'"{tag}" is not a valid {kind} tag')
    return tag[len(prefix) :]
