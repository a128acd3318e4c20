"""How a command fails: a few lines on stderr, or one JSON object, and exit code 1.

Never a traceback for what config, input or the environment got wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from router_service.errors import (
    ConfigRejected,
    DecisionError,
    RouterError,
    ServiceConfigRejected,
)


@contextmanager
def reported(*, as_json: bool = False, code: int = 1) -> Iterator[None]:
    """Run a command's body; a failure in it is shown and ends the process with this code."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read the output wants no more of it; click ends the process quietly
    except (RouterError, OSError) as problem:
        if as_json:
            click.echo(json.dumps({"error": error_object(problem)}, indent=2, ensure_ascii=False))
        else:
            click.echo(error_text(problem), err=True)
        sys.exit(code)


def error_object(problem: RouterError | OSError) -> dict[str, Any]:
    """code and message; diagnostics for a rejected config, the core's details for a decision."""
    if isinstance(problem, OSError):
        return {"code": "io_error", "message": _os_text(problem)}
    shown: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if isinstance(problem, ConfigRejected):
        shown["diagnostics"] = [asdict(item) for item in problem.diagnostics]
    if isinstance(problem, DecisionError):
        shown["details"] = problem.details
    return shown


def error_text(problem: RouterError | OSError) -> str:
    """The lines for people. Findings of a config name their place and need no heading."""
    if isinstance(problem, OSError):
        return f"error: {_os_text(problem)}"
    if isinstance(problem, ConfigRejected | ServiceConfigRejected):
        return problem.message
    return f"error: {problem.message}"


def _os_text(problem: OSError) -> str:
    reason = problem.strerror or str(problem)
    return f"{problem.filename}: {reason}" if problem.filename else reason
