"""An operator's command: run as it is written, waited for, and never left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router_service.serving.command import MOST_KEPT, CommandFailed, run


def python(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", text, *arguments]


async def test_arguments_arrive_as_they_are_written(tmp_path: Path) -> None:
    found = tmp_path / "found"
    text = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    await run(python(text, str(found), "$HOME; `ls` *"))
    assert found.read_text() == "$HOME; `ls` *"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["/no/such/program"], "/no/such/program cannot be started: .*No such file"),
        (["a\0b"], "cannot be started"),
        (python("import sys; sys.exit('no GPU')"), "ended with code 1: no GPU"),
        (python("import os; os.kill(os.getpid(), 9)"), "was ended by signal 9"),
    ],
)
async def test_what_goes_wrong_is_told(argv: list[str], message: str) -> None:
    with pytest.raises(CommandFailed, match=message):
        await run(argv)


async def test_of_what_it_writes_only_the_end_is_kept() -> None:
    with pytest.raises(CommandFailed) as caught:
        await run(python("print('x' * 10**6); raise SystemExit('the reason')"))
    assert str(caught.value).endswith("the reason")
    assert len(str(caught.value)) < MOST_KEPT + 200


async def test_one_whose_time_is_over_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        "import os, sys, time, subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(sys.argv[1] + '.part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.rename(sys.argv[1] + '.part', sys.argv[1])\n"
        "time.sleep(600)\n"
    )
    running = asyncio.create_task(run(python(text, str(pids))))
    await until(pids.exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    started = [int(pid) for pid in pids.read_text().split()]
    await until(lambda: not any(_runs(pid) for pid in started))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether it is there and no zombie that nobody waits for."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
