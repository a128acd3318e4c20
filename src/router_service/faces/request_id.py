"""The id by which a request is found again in logs, traces and at the provider. Both faces name a
request alike: by the client's own id where it is sane, else by a new one."""

from __future__ import annotations

import itertools
import secrets

LONGEST = 128

_PROCESS = secrets.token_hex(8)
"""Random once a process and counted on from there: asking the system for each id costs a call."""
_numbers = itertools.count(1)


def request_id_of(given: str | None) -> str:
    """The client's x-request-id if it is at most 128 visible ASCII characters, else a new one."""
    sane = given and len(given) <= LONGEST and given.isascii() and given.isprintable()
    return given if given and sane and " " not in given else f"{_PROCESS}{next(_numbers):016x}"
