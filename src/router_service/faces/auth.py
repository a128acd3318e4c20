"""API keys of both faces: where they come from, and which principal a presented key stands for.
Keys are held as digests only, so no message or log line of this room can show one."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from router_service.errors import ServiceConfigRejected, Unauthenticated

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


def load_keys(environ: Mapping[str, str], variable: str, file: Path | None = None) -> Keys:
    """Read the accepted keys from an environment variable and, if given, a file.

    Entries are separated by commas or line ends; each is `key` or `name key`; lines starting with #
    are comments. Raises ServiceConfigRejected naming the place, never the key.
    """
    principals: dict[str, str] = {}
    if file is not None:
        found = dict(_entries(_read(file), str(file)))
        if not found:
            raise ServiceConfigRejected(f"{file}: holds no API key; write one on each line")
        principals.update(found)
    principals.update(_entries(environ.get(variable, ""), f"environment variable {variable}"))
    return Keys(principals)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ServiceConfigRejected(
            f"{file}: the API keys cannot be read ({reason}); fix the file or auth.api_keys_file"
        ) from None


def _entries(text: str, source: str) -> Iterator[tuple[str, str]]:
    """Pairs of key and principal."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        for entry in filter(None, (part.split() for part in line.split(","))):
            key = entry[-1]
            if len(entry) > 2 or not (key.isascii() and key.isprintable()):
                raise ServiceConfigRejected(
                    f"{source}, line {number}: not an API key entry; write 'key' or 'name key', "
                    "the key in visible ASCII"
                )
            yield key, entry[0] if len(entry) == 2 else f"key-{_digest(key).hex()[:8]}"


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
