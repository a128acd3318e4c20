"""What every test shares: a folder for state, so that no router writes into the user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(_state_folder(tmp_path_factory)))


def _state_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "state"
    folder.mkdir(exist_ok=True)
    return folder
