"""The soak as CI runs it: two minutes, always with the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .report import TABLES
from .soak import soak

pytestmark = [pytest.mark.gameday, pytest.mark.timeout(300)]

MINUTES = 2
SEED = 4


async def test_two_minutes_of_everything(tmp_path: Path) -> None:
    found = await soak(MINUTES, SEED, tmp_path)
    TABLES.append(found.text)
    assert found.faults == []
