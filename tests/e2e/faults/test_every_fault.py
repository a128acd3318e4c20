"""Every fault, streamed or not, over either face, from providers of either protocol: the caller
gets what is promised, and the providers see no request more."""

from __future__ import annotations

from pathlib import Path

import pytest

from .promises import Case, cases
from .scenarios import SCENARIOS
from .table import Report
from .trial import carried_out
from .verdict import shortfalls


@pytest.mark.parametrize("case", cases(SCENARIOS), ids=str)
async def test_every_fault(case: Case, tmp_path: Path, report: Report) -> None:
    finding = await carried_out(case, tmp_path)
    report.findings.append(finding)
    assert shortfalls(finding) == []
