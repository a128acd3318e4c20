"""API keys as both faces check them: which principal a presented key stands for.
Keys are held as digests only, so no message or log line of this room can show one."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from router_service.errors import Unauthenticated

ANONYMOUS = "anonymous"
"""The principal of every caller where no keys are configured."""


class Keys:
    """The keys this service accepts. An empty set lets everybody in as `anonymous`."""

    def __init__(self, principals: Mapping[str, str]) -> None:
        """principals maps each key to the name its holder has in logs and limits."""
        self._principals = tuple((_digest(key), name) for key, name in principals.items())

    def __bool__(self) -> bool:
        """Whether any key is configured."""
        return bool(self._principals)

    def check(self, presented: str | None) -> str:
        """The principal of a presented key. Raises Unauthenticated.

        Every configured key is compared in constant time, also after a match.
        """
        if not self._principals:
            return ANONYMOUS
        if not presented:
            raise Unauthenticated(
                "no API key given; send one as 'Authorization: Bearer <key>' or 'x-api-key: <key>'"
            )
        digest = _digest(presented)
        principal: str | None = None
        for known, name in self._principals:
            if hmac.compare_digest(digest, known):
                principal = name
        if principal is None:
            raise Unauthenticated("the API key given is not one this service knows")
        return principal


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key a request carries: a bearer token, else x-api-key, else api-key.

    headers are lower-cased names or a case-insensitive mapping.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key") or headers.get("api-key")


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
