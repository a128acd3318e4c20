"""The log file argument, and spans of time such as 90s, 15m, 24h or 7d, for the commands that read
access logs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(text: str) -> timedelta:
    """A duration as a command line has it. Raises click.BadParameter."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{text!r} is no span of time; write 90s, 15m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def log_argument(command: Callable[..., None]) -> Callable[..., None]:
    """FILE, or - for stdin."""
    argument = click.argument("file", type=click.Path(path_type=Path))
    return argument(command)


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The log's lines. Raises OSError."""
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as log:
        yield log


def tell(remarks: list[str]) -> None:
    """What was left out of the figures, on stderr."""
    for remark in remarks:
        click.echo(f"note: {remark}", err=True)
