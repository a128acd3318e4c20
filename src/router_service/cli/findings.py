"""The findings of a check in the forms that people and CI systems read: text, JSON, SARIF 2.1.0 and
GitHub's workflow commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_service import __version__

if TYPE_CHECKING:
    from router_service.config.diagnostics import LocatedDiagnostic

Findings = Sequence["LocatedDiagnostic"]

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def counts(found: Findings) -> tuple[int, int]:
    """Errors and warnings."""
    errors = sum(item.severity == "error" for item in found)
    return errors, len(found) - errors


def as_text(file: Path, found: Findings, accepted: Findings, show_accepted: bool) -> str:
    """Two lines each, and the sum."""
    errors, warnings = counts(found)
    summed = f"{file}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
    if accepted:
        summed += f", {len(accepted)} accepted"
    return "\n".join([*map(str, _shown(found, accepted, show_accepted)), summed])


def as_json(file: Path, found: Findings, accepted: Findings, _show_accepted: bool) -> str:
    """Everything, always."""
    errors, warnings = counts(found)
    report = {
        "file": str(file),
        "errors": errors,
        "warnings": warnings,
        "diagnostics": [asdict(item) for item in found],
        "accepted": [asdict(item) for item in accepted],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def as_sarif(_file: Path, found: Findings, accepted: Findings, show_accepted: bool) -> str:
    """One run with one result for each finding, as code scanning takes it."""
    shown = _shown(found, accepted, show_accepted)
    driver = {
        "name": "router-service check",
        "version": __version__,
        "rules": [{"id": code} for code in sorted({item.code for item in shown})],
    }
    run = {"tool": {"driver": driver}, "results": [_sarif_result(item) for item in shown]}
    sarif = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(sarif, indent=2, ensure_ascii=False)


def as_github(_file: Path, found: Findings, accepted: Findings, show_accepted: bool) -> str:
    """One workflow command each, which becomes an annotation at the line."""
    return "\n".join(
        f"::{_github_level(item)} file={_property(item.file)},line={item.line},col={item.column},"
        f"title={_property(item.code)}::{_data(_message(item))}"
        for item in _shown(found, accepted, show_accepted)
    )


FORMATS: dict[str, Callable[[Path, Findings, Findings, bool], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
"""Each takes the file, what was found, what the file accepts, and whether to show that too."""


def _shown(found: Findings, accepted: Findings, show_accepted: bool) -> Findings:
    return [*found, *accepted] if show_accepted else found


def _github_level(item: LocatedDiagnostic) -> str:
    return item.severity if item.accepted is None else "notice"


def _sarif_result(item: LocatedDiagnostic) -> dict[str, Any]:
    region = {"startLine": item.line, "startColumn": item.column}
    place = {"artifactLocation": {"uri": Path(item.file).as_posix()}, "region": region}
    result: dict[str, Any] = {
        "ruleId": item.code,
        "level": item.severity,
        "message": {"text": _message(item)},
        "locations": [{"physicalLocation": place}],
    }
    if item.accepted is not None:
        suppression = {"kind": "external", "justification": item.accepted}
        result["suppressions"] = [suppression]
    return result


def _message(item: LocatedDiagnostic) -> str:
    if item.accepted is not None:
        return f"{item.message}\naccepted: {item.accepted}"
    return f"{item.message}\nfix: {item.suggestion}" if item.suggestion else item.message


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
