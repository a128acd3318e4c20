"""The stub of the compiled core tells the truth: mypy's stubtest compares it with the built module,
and the names that cross the boundary are the same on both sides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from router_service import core
from router_service.core import OUTCOME_CLASSES, Outcome
from router_service.types import OutcomeClass

SOURCE = Path(core.__file__).parents[1]
STUB = SOURCE / "router_service" / "_core.pyi"
MODULE = "router_service._core"
ALLOWED = "router_service\\._core\\.__all__\n"
"""The extension lists its names in `__all__`; a stub needs none."""


def stubtest(folder: Path, stub: str) -> subprocess.CompletedProcess[str]:
    """Compares the built module with a stub."""
    package = folder / "stubs" / "router_service"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_core.pyi").write_text(stub, encoding="utf-8")
    (folder / "allowed.txt").write_text(ALLOWED)
    return subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", MODULE, "--allowlist=allowed.txt", "--concise"],
        capture_output=True,
        text=True,
        timeout=50,
        env={"PYTHONPATH": str(SOURCE), "MYPYPATH": str(package.parent)},
        cwd=folder,
    )


def test_the_stub_is_what_was_built(tmp_path: Path) -> None:
    done = stubtest(tmp_path, STUB.read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_stub_is_noticed(tmp_path: Path) -> None:
    stub = STUB.read_text(encoding="utf-8")
    wrong = stub.replace("def tick(self, now_us: int)", "def tick(self)")
    wrong += "def invented() -> None: ...\n"
    done = stubtest(tmp_path, wrong)
    assert done.returncode == 1
    assert "Router.tick" in done.stdout
    assert "invented" in done.stdout


def test_outcome_classes_are_the_same_on_both_sides() -> None:
    assert list(OUTCOME_CLASSES) == [outcome.value for outcome in OutcomeClass]
    for outcome in OutcomeClass:
        assert Outcome(outcome.value).outcome_class == outcome
    with pytest.raises(ValueError, match="failed"):
        Outcome("failed")


def test_core_passes_on_what_it_says_it_does() -> None:
    assert all(hasattr(core, name) for name in core.__all__)
