"""The file of the decision log: put aside at its size, whole lines only, one writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_service.observe.rotating_file import InUse, RotatingFile

LINE = b"x" * 99 + b"\n"


def opened(path: Path, *, max_bytes: int = 250, keep: int = 2) -> RotatingFile:
    return RotatingFile(path, max_bytes=max_bytes, keep=keep)


def test_a_full_file_is_put_aside_and_the_oldest_leave(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = opened(path)
    for number in range(7):
        file.write(b"%d" % number + LINE[1:])
    file.close()
    firsts = {p.name: p.read_bytes()[::100] for p in tmp_path.iterdir() if p.suffix != ".lock"}
    assert firsts == {"log": b"6", "log.1": b"45", "log.2": b"23"}


def test_with_none_kept_the_file_begins_anew(tmp_path: Path) -> None:
    file = opened(tmp_path / "log", keep=0)
    for _ in range(3):
        file.write(LINE)
    file.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.lock"]
    assert (tmp_path / "log").read_bytes() == LINE


def test_lines_larger_than_the_size_are_written_all_the_same(tmp_path: Path) -> None:
    file = opened(tmp_path / "log", max_bytes=50)
    file.write(LINE)
    file.write(LINE)
    file.close()
    assert (tmp_path / "log").read_bytes() == LINE
    assert (tmp_path / "log.1").read_bytes() == LINE


def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    first = opened(tmp_path / "log")
    with pytest.raises(InUse, match="another process writes it"):
        opened(tmp_path / "log")
    first.close()
    opened(tmp_path / "log").close()


def test_a_line_cut_off_by_a_kill_is_ended_first(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'{"kind":"deci')
    file = opened(tmp_path / "log")
    file.write(LINE)
    file.close()
    assert (tmp_path / "log").read_bytes() == b'{"kind":"deci\n' + LINE


def test_what_cannot_be_written_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    file = opened(tmp_path / "log")
    with pytest.raises(OSError, match="No space left"):
        file.write(LINE)
    (tmp_path / "log").unlink()
    file.reopen()
    file.write(LINE)
    file.close()
    assert (tmp_path / "log").read_bytes() == LINE
