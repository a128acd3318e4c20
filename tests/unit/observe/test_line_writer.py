"""The writer's thread: order, rotation, full disks, closed and stalled pipes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router_service.observe.line_writer import LineWriter, open_file

NEVER = 3600.0


class Pipe:
    """A pipe whose write end a LineWriter opens; the read end stays with the test."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def open(self) -> int:
        return os.dup(self._write_end)

    def read_all(self) -> bytes:
        """Everything up to the end; the writer must be closed or closing."""
        self._close_write_end()
        with os.fdopen(self.read_end, "rb") as stream:
            self.read_end = -1
            return stream.read()

    def break_off(self) -> None:
        os.close(self.read_end)
        self.read_end = -1

    def close(self) -> None:
        self._close_write_end()
        if self.read_end >= 0:
            os.close(self.read_end)

    def _close_write_end(self) -> None:
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_lines_arrive_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = LineWriter(open_file(path), "log", flush_chars=100)
    expected = [f"line {n}" for n in range(5000)]
    for line in expected:
        writer.write(line)
    writer.close()
    assert path.read_text().splitlines() == expected
    assert writer.dropped == 0


def test_a_lone_line_is_written_without_waiting_for_more(pipe: Pipe) -> None:
    writer = LineWriter(pipe.open, "log", flush_interval_s=0.001)
    writer.write("alone")
    assert os.read(pipe.read_end, 100) == b"alone\n"
    writer.close()


def test_the_threshold_flushes_before_the_interval(pipe: Pipe) -> None:
    writer = LineWriter(pipe.open, "log", flush_interval_s=NEVER, flush_chars=10)
    writer.write("0123456789")
    assert os.read(pipe.read_end, 100) == b"0123456789\n"
    writer.close()


def test_reopen_goes_on_in_a_new_file(tmp_path: Path) -> None:
    path, rotated = tmp_path / "log", tmp_path / "log.1"
    opened = threading.Semaphore(0)

    def opener() -> int:
        descriptor = open_file(path)()
        opened.release()
        return descriptor

    writer = LineWriter(opener, "log", flush_interval_s=NEVER)
    assert opened.acquire(timeout=10)
    path.rename(rotated)
    writer.reopen()
    assert opened.acquire(timeout=10)
    writer.write("after")
    writer.close()
    assert rotated.read_text() == ""
    assert path.read_text() == "after\n"


def test_a_failed_reopen_keeps_the_old_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = LineWriter(open_file(folder / "log"), "log", flush_interval_s=NEVER)
    folder.rename(tmp_path / "moved")
    writer.reopen()
    writer.write("kept")
    writer.close()
    assert (tmp_path / "moved" / "log").read_text() == "kept\n"
    assert "the old file stays in use" in caplog.text


def test_a_full_disk_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    writer = LineWriter(open_file(Path("/dev/full")), "log", flush_chars=1)
    for _ in range(3):
        writer.write("lost")
    writer.close()
    assert writer.dropped == 3
    assert caplog.text.count("could not be written") == 1
    assert "No space left" in caplog.text


def test_a_closed_pipe_never_raises(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    writer = LineWriter(pipe.open, "log")
    pipe.break_off()
    writer.write("lost")
    writer.close()
    assert writer.dropped == 1
    assert "Broken pipe" in caplog.text


def test_a_stalled_pipe_holds_no_writer_and_loses_only_what_does_not_fit(pipe: Pipe) -> None:
    writer = LineWriter(pipe.open, "log", flush_chars=1000, max_pending_chars=10_000)
    line = "x" * 999
    for _ in range(1000):  # far more than the pipe and the buffer hold
        writer.write(line)
    assert writer.dropped > 0
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_all()))
    reader.start()
    writer.close(timeout_s=30)
    reader.join(timeout=30)
    lines = received[0].splitlines()
    assert set(lines) == {line.encode()}
    assert len(lines) + writer.dropped == 1000


def test_closing_on_a_stalled_pipe_gives_up(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    writer = LineWriter(pipe.open, "log", flush_chars=1)
    for _ in range(200):
        writer.write("x" * 1000)
    with caplog.at_level(logging.WARNING):
        writer.close(timeout_s=0.05)
    assert "closing took longer" in caplog.text
    pipe.break_off()  # lets the thread go


def test_a_line_cut_by_an_error_does_not_swallow_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    real_write = os.write
    failed = threading.Event()

    def write_three_bytes_then_fail(descriptor: int, data: bytes) -> int:
        if failed.is_set():
            return real_write(descriptor, data)
        if path.stat().st_size == 3:
            failed.set()
            raise OSError(28, "No space left on device")
        return real_write(descriptor, bytes(data)[:3])

    monkeypatch.setattr(os, "write", write_three_bytes_then_fail)
    writer = LineWriter(open_file(path), "log", flush_chars=1)
    writer.write("first")
    assert failed.wait(timeout=10)
    writer.write("second")
    writer.close()
    assert path.read_text() == "fir\nsecond\n"
    assert writer.dropped == 1


def test_writing_after_close_is_counted(tmp_path: Path) -> None:
    writer = LineWriter(open_file(tmp_path / "log"), "log")
    writer.close()
    writer.close()
    writer.write("late")
    assert writer.dropped == 1
