"""Reading decision logs: order, what is left out, and that it is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from router_service.replay import log as log_room
from router_service.replay.log import Reading, in_order

from .records import decided, decision, lines, outcome, refusal


def read(written: bytes) -> tuple[list[str], Reading]:
    reading = Reading()
    found = [record["kind"] for record, _ in reading.records("log", io.BytesIO(written))]
    return found, reading


def test_decisions_and_outcomes_are_read_with_their_lines() -> None:
    written = lines(decided(), outcome())
    reading = Reading()
    found = list(reading.records("log", io.BytesIO(written)))
    assert [record["kind"] for record, _ in found] == ["decision", "outcome"]
    assert b"".join(line for _, line in found) == written
    assert reading.remarks == []


@pytest.mark.parametrize("kept", [1, 20, 100, -2, -1])
def test_a_log_cut_in_the_middle_of_a_line_is_read_up_to_there_and_says_so(kept: int) -> None:
    whole = lines(decided(1), outcome(1))
    found, reading = read(whole + lines(decided(2))[:kept])
    assert found == ["decision", "outcome"]
    assert reading.remarks == [
        "log, line 3: the last line is cut off; the log was read up to there"
    ]


def test_gaps_are_counted() -> None:
    gap = {"kind": "gap", "v": 1, "time": "2026-01-01T00:00:00.000Z", "lost": 7}
    found, reading = read(lines(decided(), gap, gap, outcome()))
    assert found == ["decision", "outcome"]
    assert (reading.gaps, reading.lost) == (2, 14)
    assert "14 records were lost while the log was written" in reading.remarks[0]


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[1, 2]\n",
        b"null\n",
        b'{"kind": "decision"}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        lines(decided(time="yesterday")),
        lines(decided(time="2026-01-01T00:00:00")),
        lines(decided(v="1")),
        lines(decided(decision=None)),
        lines(decided(decision_id=None)),
        lines(decided(decision=decision(plan=[]))),
        lines(decided(decision=decision(propensity="1"))),
        lines(outcome(attempts=None)),
        lines(outcome(attempts=[{}])),
    ],
)
def test_what_is_no_record_is_left_out_and_counted(line: bytes) -> None:
    found, reading = read(lines(decided(1)) + line + lines(decided(2)))
    assert found == ["decision"] * 2
    assert reading.unreadable == 1
    assert reading.remarks == ["1 lines could not be read and were left out"]


def test_a_refusal_needs_no_decision() -> None:
    assert read(lines(refusal()))[0] == ["decision"]


def test_records_of_another_version_are_told_apart_and_other_kinds_passed_over() -> None:
    found, reading = read(lines(decided(v=2), decided(kind="later"), decided()))
    assert found == ["decision"]
    assert (reading.newer, reading.unreadable) == (1, 0)
    assert "another version than 1" in reading.remarks[0]


def test_empty_lines_say_nothing() -> None:
    found, reading = read(b"\n" + lines(decided()) + b" \n")
    assert (found, reading.remarks) == (["decision"], [])


def test_a_line_without_bound_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_room, "LONGEST_LINE", 1_000)
    found, reading = read(lines(decided(1)) + b"x" * 5_000 + b"\n" + lines(decided(2)))
    assert found == ["decision"] * 2
    assert reading.unreadable == 1


def test_rotated_files_are_read_in_order_of_time(tmp_path: Path) -> None:
    names = ("decisions.jsonl", "decisions.jsonl.1", "decisions.jsonl.2", "decisions.jsonl.10")
    for age, name in enumerate(reversed(names)):
        (tmp_path / name).write_bytes(b"junk\n" + lines(decided(age)))
    given = [tmp_path / name for name in sorted(names)]
    assert [file.name for file in in_order(given)] == list(reversed(names))


def test_files_of_the_same_moment_go_by_their_numbers(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("d.jsonl", "d.jsonl.2", "d.jsonl.1")]
    for file in files:
        file.write_bytes(lines(decided()))
    assert [file.name for file in in_order(files)] == ["d.jsonl.2", "d.jsonl.1", "d.jsonl"]
