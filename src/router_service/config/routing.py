"""Loads the routing config: files to JSON to a compiled table, every finding with its place.

What the keys mean is declared in the core alone; this room only reads, joins and points.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from router_service.config.diagnostics import (
    DocumentError,
    LocatedDiagnostic,
    in_reading_order,
    listing,
)
from router_service.config.document import Document
from router_service.config.environment import apply_environment
from router_service.config.include import read_with_includes
from router_service.config.places import Places
from router_service.config.reference import REFERENCE_CONFIG
from router_service.core import Table
from router_service.errors import ConfigRejected

if TYPE_CHECKING:
    from router_service.core import Diagnostic


def load_table(
    path: Path | str = REFERENCE_CONFIG, environ: Mapping[str, str] = os.environ
) -> Table:
    """Compile a routing config, with what the environment sets of model routing.

    Raises ConfigRejected whose diagnostics are LocatedDiagnostic, warnings among them.
    """
    table, found = compile_table(path, environ)
    if table is None:
        raise ConfigRejected(listing(found), found)
    return table


def check(path: Path | str, environ: Mapping[str, str] = os.environ) -> list[LocatedDiagnostic]:
    """Every error and warning of a routing config, in reading order; empty where it is clean."""
    return compile_table(path, environ)[1]


def compile_table(
    path: Path | str, environ: Mapping[str, str] = os.environ
) -> tuple[Table | None, list[LocatedDiagnostic]]:
    """A table where there is no error, and all findings in reading order."""
    try:
        document = read_with_includes(Path(path))
    except DocumentError as problem:
        return None, [problem.diagnostic]
    return compile_document(document, environ)


def compile_document(
    document: Document, environ: Mapping[str, str] = os.environ
) -> tuple[Table | None, list[LocatedDiagnostic]]:
    """As compile_table, for a document that has been read, which the environment may change."""
    try:
        apply_environment(document, environ)
    except DocumentError as problem:
        return None, [problem.diagnostic]
    found = list(document.problems)
    table: Table | None = None
    if not document.complete:
        return None, in_reading_order(found)
    try:
        table = Table.compile(json.dumps(document.value, allow_nan=False).encode())
        found += located(table.warnings, document.places)
    except ConfigRejected as rejected:
        found += located(rejected.diagnostics, document.places)
    return (None if document.problems else table), in_reading_order(found)


def located(diagnostics: Iterable[Diagnostic], places: Places) -> list[LocatedDiagnostic]:
    """The core's findings with the places of a document that was read for it."""
    found = []
    for item in diagnostics:
        place = places.locate(item.pointer, at_key=item.at_key, offset=item.offset)
        found.append(
            LocatedDiagnostic(
                file=place.file,
                line=place.line,
                column=place.column,
                severity="warning" if item.severity == "warning" else "error",
                code=item.code,
                message=item.message,
                suggestion=item.suggestion,
                pointer=item.pointer,
            )
        )
    return found
