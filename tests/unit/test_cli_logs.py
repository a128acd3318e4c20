"""`logs` and `uptime`: figures from lines as the access log writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service
from router_service.logs.lines import decision_line_of
from router_service.logs.uptime import Uptime
from router_service.observe.access_log import request_fields, router_lines
from router_service.types import AttemptRecord, Operation, OutcomeClass, RequestRecord, Usage

NOON = 1_769_860_800.0

SUCCESS = AttemptRecord(
    number=1,
    kind="first",
    model="m",
    provider="one",
    deployment="m@one",
    upstream_model="m",
    outcome=OutcomeClass.SUCCESS,
    status=200,
    message=None,
    ttft_s=0.1,
    total_s=0.5,
)
REFUSED = replace(SUCCESS, outcome=OutcomeClass.UNAVAILABLE, status=503, ttft_s=None, total_s=0.01)
RESCUED = replace(SUCCESS, number=2, kind="fallback", provider="two", deployment="m@two")
REQUEST = RequestRecord(
    request_id="r",
    face="http",
    operation=Operation.CHAT,
    stream=True,
    principal="ann",
    requested_model="m",
    decision_id="d",
    rule="exact",
    matched="m",
    strategy="weighted",
    notes=(),
    attempts=(SUCCESS,),
    status="ok",
    error=None,
    queued_s=0.0,
    decision_s=4e-6,
    ttft_s=0.1,
    total_s=0.6,
    overhead_s=0.0004,
    usage=Usage(3, 4),
    table_version="t",
    provider="one",
    ended_at=NOON,
)
MOVED = replace(REQUEST, attempts=(REFUSED, RESCUED), total_s=1.0)
LOST = replace(REQUEST, attempts=(REFUSED,), status="all_attempts_failed")


def lines_of(*records: RequestRecord) -> str:
    return "".join(
        "".join(f"{line}\n" for line in router_lines(record))
        + json.dumps(request_fields(record))
        + "\n"
        for record in records
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(lines_of(REQUEST, REQUEST, MOVED, LOST))
    return path


def run(*args: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(router_service, [str(arg) for arg in args], input=stdin)


def figures(*args: object, stdin: str | None = None) -> dict[str, Any]:
    result = run(*args, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


# ── analyze ──────────────────────────────────────────────────────────────────────────────────────


def test_requests_and_providers_are_counted(log: Path) -> None:
    told = figures("logs", "analyze", log)
    assert told["requests"] == 4
    assert told["statuses"] == {"ok": 3, "all_attempts_failed": 1}
    assert told["fallback"] == {"requests": 1, "answered": 1}
    one, two = told["providers"]["one"], told["providers"]["two"]
    assert (one["attempts"], one["answered"], one["success_rate"]) == (4, 2, 0.5)
    assert one["outcomes"] == {"success": 2, "unavailable": 2}
    assert (two["attempts"], two["success_rate"]) == (1, 1.0)
    assert one["share"] == pytest.approx(2 / 3)
    assert one["ttft_s"]["p50"] == pytest.approx(0.1, rel=0.01)
    assert one["total_s"]["mean"] == pytest.approx(0.5)
    assert told["fallback_chains"] == [{"way": ["one (503)", "two (success)"], "requests": 1}]
    assert told["left_out"] == []


def test_what_is_the_callers_fault_counts_against_nobody(tmp_path: Path) -> None:
    own = replace(SUCCESS, outcome=OutcomeClass.INVALID_REQUEST, status=400)
    log = tmp_path / "log"
    log.write_text(lines_of(REQUEST, replace(REQUEST, attempts=(own,), status="invalid_request")))
    assert figures("logs", "analyze", log)["providers"]["one"]["success_rate"] == 1.0


def test_only_what_fell_back(log: Path) -> None:
    assert figures("logs", "analyze", log, "--filter", "fallback_chain")["requests"] == 1
    shown = run("logs", "analyze", log, "--filter", "fallback_chain").output
    assert "one (503) -> two (success)" in shown
    assert "share" not in shown


def test_only_the_providers(log: Path) -> None:
    shown = run("logs", "analyze", log, "--provider-stats").output
    assert "one: unavailable 2" in shown
    assert "Fallbacks" not in shown


def test_what_is_older_is_left_out(log: Path) -> None:
    assert figures("logs", "analyze", log, "--since", "24h")["requests"] == 0
    assert "no request" in run("logs", "analyze", log, "--since", "24h").output


def test_a_cut_log_is_read_up_to_there_and_says_so(log: Path) -> None:
    whole = log.read_text()
    log.write_text(whole[:-10])
    told = figures("logs", "analyze", log)
    assert told["requests"] == 3
    assert told["left_out"] == ["the last line is cut off and was left out"]
    assert "cut off" in run("logs", "analyze", log).stderr


@pytest.mark.parametrize("line", ["{", "{}", '{"time": 3}', "{" * 20_000, '{"time": "today"}'])
def test_what_is_no_record_is_counted(log: Path, line: str) -> None:
    told = figures("logs", "analyze", "-", stdin=line + "\n" + log.read_text())
    assert told["requests"] == 4
    assert told["left_out"] == ["1 lines could not be read and were left out"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = run("logs", "analyze", tmp_path / "none.log")
    assert result.exit_code == 1
    assert "none.log: No such file" in result.stderr


@pytest.mark.parametrize("span", ["24", "0h", "-1h", "1w", "soon"])
def test_a_span_needs_its_unit(log: Path, span: str) -> None:
    result = run("uptime", log, f"--period={span}")
    assert result.exit_code == 2
    assert "write 90s, 15m, 24h or 7d" in result.stderr


# ── tail ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_latest_in_a_line_each(log: Path) -> None:
    shown = run("logs", "tail", log, "-n", 2).output.splitlines()
    assert len(shown) == 2
    assert shown[0].endswith("ok 1,000 ms m [exact] one (unavailable) -> two")
    assert "all_attempts_failed" in shown[1]


def test_a_name_cannot_forge_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(lines_of(replace(REQUEST, requested_model="x\n\x1b[2Jok")))
    (line,) = run("logs", "tail", log).output.splitlines()
    assert r"x\n\x1b[2Jok" in line


def test_following_shows_what_comes_also_after_a_rotation(tmp_path: Path, log: Path) -> None:
    command = [sys.executable, "-c", "from router_service.cli import main; main()"]
    begun, rest = (text := lines_of(MOVED))[:-30], text[-30:]
    log.write_text(log.read_text() + begun)
    with subprocess.Popen(
        [*command, "logs", "tail", str(log), "-n", "1", "--follow"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "all_attempts_failed" in process.stdout.readline()
            with log.open("a") as grows:
                grows.write(rest)
            assert "one (unavailable) -> two" in process.stdout.readline()
            log.rename(tmp_path / "access.log.1")
            log.write_text(lines_of(replace(REQUEST, requested_model="after")))
            assert " after " in process.stdout.readline()
        finally:
            process.terminate()


DECISION: dict[str, Any] = {
    "time": "2026-01-31T12:00:00.000Z",
    "requested_model": "m",
    "rule": "pool",
    "strategy": "least_loaded",
    "model": "m",
    "provider": "one",
    "attempts": [],
    "status": None,
}


def test_a_decision_in_one_line() -> None:
    assert decision_line_of(DECISION) == (
        "2026-01-31T12:00:00.000Z decided m [pool, least_loaded] one"
    )
    tried = request_fields(MOVED)["attempts"]
    assert decision_line_of(DECISION | {"attempts": tried, "status": "ok"}) == (
        "2026-01-31T12:00:00.000Z ok m [pool, least_loaded] one (unavailable) 10 ms -> two 500 ms"
    )


@pytest.mark.parametrize("name", ["time", "requested_model", "rule", "strategy", "provider"])
def test_no_name_of_a_decision_can_forge_a_line(name: str) -> None:
    line = decision_line_of(DECISION | {name: "x\n\x1b[2J\u202eok"})
    assert line.isprintable()
    assert r"x\n\x1b[2J\u202eok" in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("FILE", "--live"), "FILE and --live exclude each other"),
        ((), "name the FILE to read, or watch a running router with --live"),
        (("FILE", "--model", "m"), "--model, --provider and --rule go with --live"),
        (("FILE", "--rule", "exact"), "--model, --provider and --rule go with --live"),
        (("--live", "--rule", "exakt"), "'exakt' is not one of 'exact'"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    log: Path, options: tuple[str, ...], told: str
) -> None:
    result = run("logs", "tail", *(log if option == "FILE" else option for option in options))
    assert result.exit_code == 2
    assert told in result.stderr


# ── uptime ───────────────────────────────────────────────────────────────────────────────────────


def test_minutes_up_and_down() -> None:
    begin = datetime.fromtimestamp(NOON, UTC)
    uptime = Uptime(begin, begin + timedelta(hours=1))
    for minute, request in ((0, REQUEST), (0, LOST), (1, LOST), (2, MOVED), (7, REQUEST)):
        uptime.add(request_fields(replace(request, ended_at=NOON + 60 * minute + 1)))
    told = uptime.as_json()
    assert told["minutes"] == 60
    one = told["providers"]["one"]
    assert (one["minutes_up"], one["minutes_down"], one["minutes_unknown"]) == (2, 2, 56)
    assert one["uptime"] == 0.5
    assert one["last_down"].endswith("12:02:00+00:00")
    assert told["providers"]["two"]["uptime"] == 1.0


def test_uptime_of_a_log(log: Path) -> None:
    told = figures("uptime", log, "--period", "9999d")
    assert told["providers"]["one"]["minutes_up"] == 1
    assert "100.00%" in run("uptime", log, "--period", "9999d").output
