"""The state `route` decides on: a snapshot, or one line of a decision log.

A line brings the request, the time and the seed along that its decision was made with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from router_service.errors import InvalidRequest

if TYPE_CHECKING:
    from router_service.core import Facts, Router


class Recorded(NamedTuple):
    """What a decision was made with, besides the state."""

    facts: Facts
    now_us: int
    seed: int


def restored(router: Router, file: Path) -> Recorded | None:
    """Puts a router into the state of a file. Raises OSError or InvalidRequest."""
    content = file.read_bytes()
    try:
        if _is_record(content):
            return Recorded(*router.recall(content))
        unknown = router.restore(content)
    except ValueError as problem:
        raise InvalidRequest(
            f"{file}: not a usable state snapshot, and no line of a decision log: {problem}"
        ) from None
    if unknown:
        names = ", ".join(unknown)
        click.echo(f"{file}: ids this config does not know were left out: {names}", err=True)
    return None


def _is_record(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("kind") == "decision"
