"""Who calls: principal, request id and headers, read once from a call's metadata.
Keys and routing metadata never travel further than this."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from router_service.faces.auth import Keys, presented_key

REQUEST_ID = "x-request-id"

_SECRETS = ("authorization", "x-api-key", "api-key")

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's sender. headers are its text metadata without keys, names lower-cased."""

    request_id: str
    principal: str
    headers: Mapping[str, str]
    timeout_s: float | None = None
    """The call's own deadline, from its arrival."""
    arrived: float = field(default_factory=time.monotonic)
    """When the call came, time.monotonic()."""
    queued_s: float = 0.0
    """Time it waited for its slot."""


def headers_of(context: Context) -> dict[str, str]:
    """The call's text metadata; gRPC has lower-cased the names and bounded the whole."""
    return {
        name: value for name, value in context.invocation_metadata() or () if type(value) is str
    }


def identify(
    headers: dict[str, str], request_id: str, keys: Keys, timeout_s: float | None
) -> Caller:
    """Check the key and drop it from the headers. Raises Unauthenticated."""
    principal = keys.check(presented_key(headers))
    for name in _SECRETS:
        headers.pop(name, None)
    return Caller(request_id, principal, headers, timeout_s)
