"""Loads the routing config: files to JSON to a compiled table, every finding with its place.

What the keys mean is declared in the core alone; this room only reads, joins and points.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from router_service.config.files import Files, Stamp
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
    return table_of(load_routing(path, environ))


def load_with_places(
    path: Path | str = REFERENCE_CONFIG, environ: Mapping[str, str] = os.environ
) -> tuple[Table, Document]:
    """As load_table, with what was written and where."""
    try:
        document = read_with_includes(Path(path))
    except DocumentError as problem:
        raise ConfigRejected(listing([problem.diagnostic]), [problem.diagnostic]) from None
    return table_of(load_document(document, Files({}), environ)), document


def check(path: Path | str, environ: Mapping[str, str] = os.environ) -> list[LocatedDiagnostic]:
    """Every error and warning of a routing config, in reading order; empty where it is clean."""
    return load_routing(path, environ).findings


@dataclass(frozen=True, slots=True)
class Loaded:
    """What reading a routing config gave. serving.ports.Loaded says what for."""

    table: Table | None
    findings: list[LocatedDiagnostic]
    document: bytes
    files: Files
    accepted: Sequence[LocatedDiagnostic] = ()
    """What the config accepts, in reading order; not among the findings."""


def load_routing(path: Path | str, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read and compile a routing config, keeping what a running router has to know of it."""
    stamps: dict[str, Stamp] = {}
    try:
        document = read_with_includes(Path(path), stamps)
    except DocumentError as problem:
        return Loaded(None, [problem.diagnostic], b"", Files(stamps))
    return load_document(document, Files(stamps), environ)


def load_document(
    document: Document, files: Files, environ: Mapping[str, str] = os.environ
) -> Loaded:
    """As load_routing, for a document that was read from these files."""
    try:
        apply_environment(document, environ)
    except DocumentError as problem:
        return Loaded(None, [problem.diagnostic], b"", files)
    found = list(document.problems)
    if not document.complete:
        return Loaded(None, in_reading_order(found), b"", files)
    text = json.dumps(document.value, allow_nan=False).encode()
    table: Table | None = None
    try:
        table = Table.compile(text)
        of_core = located([*table.warnings, *table.accepted], document.places)
    except ConfigRejected as rejected:
        of_core = located(rejected.diagnostics, document.places)
    # A value that YAML itself is wrong about says nothing to the core.
    known = {item.place for item in document.problems}
    found += [item for item in of_core if item.place not in known]
    accepted = in_reading_order(item for item in found if item.accepted is not None)
    found = in_reading_order(item for item in found if item.accepted is None)
    return Loaded(None if document.problems else table, found, text, files, accepted)


def table_of(loaded: Loaded) -> Table:
    """The table, where there is one. Raises ConfigRejected as load_table does."""
    if loaded.table is None:
        raise ConfigRejected(listing(loaded.findings), loaded.findings)
    return loaded.table


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
                accepted=item.accepted,
            )
        )
    return found
