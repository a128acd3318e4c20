"""The decision log's own part: the order of records, what is told of losses, and where it goes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router_service.errors import ServiceConfigRejected
from router_service.observe import decision_log
from router_service.observe.decision_log import DecisionLog, open_decision_log, outcome_fields
from router_service.observe.rotating_file import RotatingFile
from router_service.types import RequestRecord

MakeRecord = Callable[..., RequestRecord]
SIZES: dict[str, Any] = {"max_bytes": 1_000_000, "keep": 1}
SOON_S = 5.0


class FakeRecording:
    """Hands out what it is given, as the core does."""

    def __init__(self) -> None:
        self.recording = False
        self.lines: list[str] = []
        self.lost = 0

    def record(self, open: bool) -> None:
        self.recording = open

    def take_records(self) -> tuple[list[str], int]:
        lines, lost, self.lines, self.lost = self.lines, self.lost, [], 0
        return lines, lost


@pytest.fixture
def router() -> FakeRecording:
    return FakeRecording()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


@pytest.fixture
def log(router: FakeRecording, path: Path) -> Iterator[DecisionLog]:
    log = DecisionLog(router, RotatingFile(path, **SIZES), flush_s=0.01)
    yield log
    log.close()


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_end_stands_after_its_decision(
    router: FakeRecording, log: DecisionLog, path: Path, make_record: MakeRecord
) -> None:
    assert router.recording
    router.lines = ['{"kind":"decision","decision_id":"dec-1"}']
    log.request_finished(make_record())
    log.close()
    assert [record["kind"] for record in written(path)] == ["decision", "outcome"]
    assert not router.recording


def test_what_was_never_decided_is_not_written(
    log: DecisionLog, path: Path, make_record: MakeRecord
) -> None:
    log.request_finished(make_record(decision_id=None))
    log.close()
    assert path.read_text() == ""


def test_a_loss_in_the_core_is_told_after_what_came_before_it(
    router: FakeRecording, log: DecisionLog, path: Path
) -> None:
    router.lines, router.lost = ['{"kind":"decision"}'], 3
    log.close()
    decision, gap = written(path)
    assert (decision["kind"], gap["kind"], gap["lost"]) == ("decision", "gap", 3)
    assert log.lost == 3


def test_ends_of_requests_wait_in_a_bounded_list(
    router: FakeRecording, path: Path, make_record: MakeRecord
) -> None:
    log = DecisionLog(router, RotatingFile(path, **SIZES), flush_s=60)
    for _ in range(decision_log.MOST_WAITING + 2):
        log.request_finished(make_record())
    log.close()
    records = written(path)
    assert len(records) == decision_log.MOST_WAITING + 1
    assert (records[-1]["kind"], records[-1]["lost"]) == ("gap", 2)


def test_what_a_full_disk_loses_is_told_once_it_can_be(
    router: FakeRecording, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.symlink_to("/dev/full")
    log = DecisionLog(router, RotatingFile(path, **SIZES), flush_s=0.01)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            router.lines = ['{"kind":"decision"}']
            until(lambda: not router.lines)
        until(lambda: log.lost == 2)
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert "cannot be written (No space left on device)" in warnings[0]
    path.unlink()
    log.reopen()
    until(lambda: path.exists() and path.read_text())
    log.close()
    assert [(record["kind"], record["lost"]) for record in written(path)] == [("gap", 2)]


def test_an_end_has_what_the_request_came_to(make_record: MakeRecord) -> None:
    fields = outcome_fields(make_record())
    assert fields["decision_id"] == "dec-1"
    assert fields["attempts"][0]["deployment"] == "llama3.1:latest@ollama"
    assert "body" not in fields


def test_a_body_is_there_where_it_is_kept_and_only_up_to_a_size(make_record: MakeRecord) -> None:
    assert outcome_fields(make_record(body=b'{"model":"m"}'))["body"] == '{"model":"m"}'
    large = outcome_fields(make_record(body=b"x" * (decision_log.MOST_BODY_BYTES + 1)))
    assert "body" not in large
    assert large["body_bytes"] == decision_log.MOST_BODY_BYTES + 1


def test_routers_of_one_user_find_files_of_their_own(
    router: FakeRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    logs = [open_decision_log(router, "auto", **SIZES) for _ in range(2)]
    for log in logs:
        assert log is not None
        log.close()
    folder = tmp_path / "router-service"
    assert sorted(p.name for p in folder.glob("*.jsonl")) == [
        "decisions-2.jsonl",
        "decisions.jsonl",
    ]


def test_a_folder_of_its_own_that_cannot_be_had_is_only_warned_of(
    router: FakeRecording,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert open_decision_log(router, "auto", **SIZES) is None
    assert "decisions are not logged" in caplog.text
    assert "set decision_log.file to a file that can be written, or to off" in caplog.text


def test_a_path_that_cannot_be_written_is_refused(router: FakeRecording, tmp_path: Path) -> None:
    with pytest.raises(ServiceConfigRejected, match=r"decision log .*: No such file or directory"):
        open_decision_log(router, str(tmp_path / "no" / "log"), **SIZES)


def test_off_records_nothing(router: FakeRecording) -> None:
    assert open_decision_log(router, "off", **SIZES) is None
    assert not router.recording
