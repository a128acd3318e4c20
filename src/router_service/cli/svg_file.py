"""An SVG picture that a command is asked for: its name, the library that draws it, and a form that
follows from what is drawn alone.

What is drawn is the matter of each command.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from router_service.errors import InvalidRequest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "router-service",
}
"""Text stays text, also where a name has dollar signs in it, and the same figures give the same
file. Versions of matplotlib type the keys differently."""


def refuse_other_names(path: Path | None, option: str) -> None:
    """Raises click.BadParameter for a file that is not to be an SVG."""
    if path is not None and path.suffix.lower() != ".svg":
        raise click.BadParameter(f"{str(path)!r} is no .svg file", param_hint=option)


@contextmanager
def needing_matplotlib(option: str) -> Iterator[None]:
    """To import what draws. Raises InvalidRequest where matplotlib is not there."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise InvalidRequest(
            f"{option} needs matplotlib, and there is no module {problem.name!r}; "
            "run: pip install matplotlib"
        ) from None


def save(figure: Figure, path: Path, command: str) -> None:
    """Raises OSError where the file cannot be written."""
    metadata = {"Creator": f"router-service {command}", "Date": None}
    figure.savefig(path, format="svg", metadata=metadata)
