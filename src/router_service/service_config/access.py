"""Who may call: the API keys, and the refusal to listen to strangers without any.

Keys come from the environment or a file and are never part of a message.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from router_service.errors import ServiceConfigRejected
from router_service.service_config.model import AuthConfig

MOST_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


def load_api_keys(auth: AuthConfig, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Every accepted API key with the principal it stands for; empty where none is configured.

    Entries are separated by commas or line ends; each is `name:key` or a bare key, whose principal
    is a short hash. Several keys may share a name, so keys can be rotated. In the file, lines that
    begin with # are remarks. Raises ServiceConfigRejected naming the place, never the key.
    """
    keys: dict[str, str] = {}
    if auth.api_keys_file is not None:
        _add(keys, _file_text(auth.api_keys_file), str(auth.api_keys_file))
        if not keys:
            raise ServiceConfigRejected(
                f"{auth.api_keys_file}: holds no API key\n  fix: write one on each line, or remove "
                "auth.api_keys_file"
            )
    _add(keys, environ.get(auth.api_keys_env, ""), auth.api_keys_env)
    return keys


def check_binding(host: str, keys: Mapping[str, str]) -> None:
    """Refuse an address beyond loopback without API keys. Raises ServiceConfigRejected."""
    if keys or is_loopback(host):
        return
    raise ServiceConfigRejected(
        f"listening on {host} without API keys would let anyone on the network send requests\n"
        "  fix: set API keys (ROUTER_SERVICE_API_KEYS or auth.api_keys_file), "
        "or listen on 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; of names, only localhost is trusted."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _add(keys: dict[str, str], text: str, source: str) -> None:
    for number, entry in _entries(text):
        name, colon, key = entry.partition(":")
        principal, key = (name.strip(), key.strip()) if colon else ("", entry)
        if not key or (colon and not principal) or not (key.isascii() and key.isprintable()):
            raise _bad_entry(source, number, "is no API key")
        if any(character.isspace() for character in key + principal):
            raise _bad_entry(source, number, "has a space in it")
        principal = principal or f"key-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        if keys.setdefault(key, principal) != principal:
            raise _bad_entry(source, number, f"gives the key of {keys[key]!r} a second name")


def _entries(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("#"):
            yield from ((number, part.strip()) for part in line.split(",") if part.strip())


def _bad_entry(source: str, line: int, reason: str) -> ServiceConfigRejected:
    return ServiceConfigRejected(
        f"{source}, line {line}: an entry {reason}\n  fix: write name:key or a bare key, in "
        "visible ASCII, separated by commas or line ends"
    )


def _file_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise _unreadable(path, "a folder or special file" if path.exists() else "no such file")
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as problem:
        raise _unreadable(path, problem.strerror or "cannot be opened") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "not UTF-8 text") from None
    if len(raw) > MOST_BYTES:
        raise _unreadable(path, f"larger than {MOST_BYTES:,} bytes")
    if mode & stat.S_IROTH:
        logger.warning("%s: every user of this machine can read the API keys; chmod 600 it", path)
    return text


def _unreadable(path: Path, reason: str) -> ServiceConfigRejected:
    return ServiceConfigRejected(
        f"{path}: the API keys cannot be read ({reason})\n  fix: correct auth.api_keys_file or the "
        "file's permissions"
    )
