"""`replay` on logs of the real core: what it prints, its exit codes, and whether its estimates are
true where the truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("router_service._core", reason="the core is not built")

from router_service.cli import router_service

from .logging_router import COST_USD, PROVIDERS, TTFT_US, experiment, fleet, logged, written

METHODS = ("ips", "snips", "doubly_robust")


def replay(*args: Path | str, stdin: str | None = None) -> Result:
    words = ["replay", *map(str, args)]
    return CliRunner().invoke(router_service, words, input=stdin, env={"COLUMNS": "120"})


def told(*args: Path | str, code: int = 0) -> dict[str, Any]:
    result = replay(*args, "--json")
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def same(tmp_path: Path) -> Path:
    return written(fleet(), tmp_path / "fleet.json")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return written(fleet(one=3.0), tmp_path / "other.json")


def log(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


# ── The same config ──────────────────────────────────────────────────────────────────────────────


def test_the_config_that_decided_decides_the_same_again(tmp_path: Path, same: Path) -> None:
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 500, sessions=20, unknown=0.1))
    result = replay(decisions, "--config", same)
    assert result.exit_code == 0, result.output
    assert "500 of 500 decisions of this config" in result.stdout
    assert "are made again bit for bit" in result.stdout
    assert result.stderr == ""
    assert told(decisions, "--config", same)["difference"] is None


def test_one_bit_is_found_and_is_exit_code_1(tmp_path: Path, same: Path) -> None:
    lines = logged(fleet(), 20)
    place = next(at for at, line in enumerate(lines) if '"kind":"decision"' in line)
    changed = lines[place].replace(
        '"propensity":0.3333333333333333', '"propensity":0.33333333333333337'
    )
    assert changed != lines[place]
    decisions = log(tmp_path / "d.jsonl", [*lines[:place], changed, *lines[place + 1 :]])
    result = replay(decisions, "--config", same)
    assert result.exit_code == 1
    assert "19 of 20 decisions" in result.stdout
    for shown in ("r1-1", "decision.propensity", "0.33333333333333337", "0.3333333333333333"):
        assert shown in result.stdout
    assert told(decisions, "--config", same, code=1)["same_config"]["first_differences"] == [
        {
            "decision_id": "r1-1",
            "field": "decision.propensity",
            "logged": 0.33333333333333337,
            "replayed": 0.3333333333333333,
        }
    ]


def test_a_record_that_cannot_be_made_again_is_exit_code_1(tmp_path: Path, same: Path) -> None:
    lines = logged(fleet(), 5)
    broken = lines[0].replace('"now_us":', '"when_us":')
    decisions = log(tmp_path / "d.jsonl", [broken, *lines[1:]])
    result = replay(decisions, "--config", same)
    assert result.exit_code == 1
    assert "1 decisions could not be made again and were left out; the first: r1-1" in result.stderr
    assert "4 of 4 decisions" in result.stdout


def test_rotated_files_in_any_order_are_one_log(tmp_path: Path, same: Path) -> None:
    lines = logged(fleet("weighted"), 300)
    same.write_text(json.dumps(fleet("weighted")))
    names = ("d.jsonl.2", "d.jsonl.1", "d.jsonl")
    files = [
        log(tmp_path / name, lines[at * 200 : (at + 1) * 200]) for at, name in enumerate(names)
    ]
    found = told(*reversed(files), "--config", same)
    assert found["same_config"]["identical"] == 300
    assert found["left_out"] == []


def test_a_log_cut_in_the_middle_of_a_line_is_read_up_to_there_and_says_so(
    tmp_path: Path, same: Path
) -> None:
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 50))
    whole = decisions.read_bytes()
    last = whole.rstrip(b"\n").rfind(b'{"kind":"decision"')
    decisions.write_bytes(whole[: last + 300])
    result = replay(decisions, "--config", same)
    assert result.exit_code == 0
    assert "49 of 49 decisions" in result.stdout
    assert "the last line is cut off; the log was read up to there" in result.stderr


def test_stdin_is_read(tmp_path: Path, same: Path) -> None:
    lines = "".join(f"{line}\n" for line in logged(fleet(), 10))
    result = replay("-", "--config", same, stdin=lines)
    assert "10 of 10 decisions" in result.stdout


# ── Another config ───────────────────────────────────────────────────────────────────────────────


def test_another_config_is_compared_and_is_no_failure(tmp_path: Path, other: Path) -> None:
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 2_000, unknown=0.05))
    found = told(decisions, "--config", other)
    assert found["same_config"]["decisions"] == 0
    difference = found["difference"]
    assert difference["requests"] == 2_000
    served = difference["requests"] - difference["providers"]["before"]["refused"]
    assert difference["providers"]["after"]["one"] / served == pytest.approx(0.6, abs=0.05)
    assert difference["moved"] == sum(move["requests"] for move in difference["providers"]["moves"])
    assert set(difference["rules"]) == {"exact", "refused"}
    assert difference["cost"]["answers_uncounted"] == 1
    cost = difference["cost"]["before_usd"] / difference["cost"]["requests"]
    assert cost == pytest.approx(COST_USD["three"] / 3, rel=0.1)
    assert {each["source"] for each in difference["ttft"]["deployments"].values()} == {"measured"}
    result = replay(decisions, "--config", other)
    assert result.exit_code == 0
    for shown in ("another first choice", "Rules", "Providers", "doubly robust"):
        assert shown in result.stdout


def test_decisions_of_both_versions_are_told_apart(tmp_path: Path, same: Path) -> None:
    lines = logged(fleet(), 30) + logged(fleet(one=3.0), 20, seed=2)
    found = told(log(tmp_path / "d.jsonl", lines), "--config", same)
    assert found["same_config"]["identical"] == 30
    assert found["difference"]["requests"] == 20
    assert sorted(found["versions"].values()) == [20, 30]


def test_estimates_are_true(tmp_path: Path, other: Path) -> None:
    """Under the other config one has three fifths of the requests, two and three one each."""
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 4_000))
    estimates = told(decisions, "--config", other)["estimates"]
    shares = {"one": 0.6, "two": 0.2, "three": 0.2}
    truth = {
        "success": 1.0,
        "ttft_s": sum(shares[name] * TTFT_US[name] / 1e6 for name in PROVIDERS),
        "cost_usd": sum(shares[name] * COST_USD[name] for name in PROVIDERS),
    }
    assert estimates["refused"] is None
    assert estimates["coverage"]["uncovered"] < 0.01
    for reward, true in truth.items():
        found = estimates["rewards"][reward]
        assert found["logged"]["value"] == pytest.approx(true, rel=1e-9) or (
            not found["logged"]["low"] <= true <= found["logged"]["high"]
        ), "the log itself is of other shares"
        for method in METHODS:
            assert found[method]["low"] - 1e-9 <= true <= found[method]["high"] + 1e-9
            assert found[method]["value"] == pytest.approx(true, rel=0.06)


def test_an_experiments_other_share_is_estimated_over_its_units(tmp_path: Path) -> None:
    """Half of the sessions were in the fast arm; eight in ten are to be."""
    decisions = log(tmp_path / "d.jsonl", logged(experiment(0.5), 3_000, sessions=100_000))
    wanted = written(experiment(0.8), tmp_path / "wanted.json")
    found = told(decisions, "--config", wanted)["estimates"]
    true = (0.8 * TTFT_US["one"] + 0.2 * TTFT_US["two"]) / 1e6
    assert found["mean_weight"] == pytest.approx(1, abs=0.05)
    for method in METHODS:
        estimate = found["rewards"]["ttft_s"][method]
        assert estimate["low"] <= true <= estimate["high"]


def test_propensities_that_cannot_be_are_noticed(tmp_path: Path) -> None:
    """All requests are of one session, so all are in one arm, whatever its share."""
    lines = logged(experiment(0.5), 1_000, sessions=1)
    (chosen,) = {
        json.loads(line)["decision"]["arm"] for line in lines if '"kind":"decision"' in line
    }
    share = 0.9 if chosen == "fast" else 0.1
    wanted = written(experiment(share), tmp_path / "wanted.json")
    found = told(log(tmp_path / "d.jsonl", lines), "--config", wanted)["estimates"]
    assert "the propensities do not describe this log" in found["refused"]


def test_a_log_without_chance_says_what_to_do(tmp_path: Path) -> None:
    decisions = log(tmp_path / "d.jsonl", logged(fleet("weighted"), 600))
    wanted = written(fleet("weighted", one=3.0), tmp_path / "wanted.json")
    result = replay(decisions, "--config", wanted)
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "the log holds no chance picks to learn from" in said
    assert "set exploration or a randomised strategy such as simple_shuffle" in said
    assert "doubly robust" not in said


def test_other_weights_are_met_exactly(tmp_path: Path) -> None:
    """Turns that were owed under the logged weights say nothing of these."""
    decisions = log(tmp_path / "d.jsonl", logged(fleet("weighted"), 600))
    wanted = written(fleet("weighted", one=3.0), tmp_path / "wanted.json")
    shares = told(decisions, "--config", wanted)["difference"]["providers"]
    assert shares["before"] == {"one": 200, "two": 200, "three": 200}
    assert shares["after"] == {"one": 360, "two": 120, "three": 120}


def test_the_bounds_are_options(tmp_path: Path, other: Path) -> None:
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 150))
    assert "fewer than the 400 asked for" in " ".join(
        replay(decisions, "--config", other, "--least-ess", "400").stdout.split()
    )
    found = told(decisions, "--config", other, "--least-ess", "20", "--draws", "16")
    assert (found["estimates"]["refused"], found["estimates"]["draws"]) == (None, 16)


# ── What goes wrong ──────────────────────────────────────────────────────────────────────────────


def test_a_file_without_decisions_is_refused(tmp_path: Path, same: Path) -> None:
    access = log(tmp_path / "access.log", ['{"time": "2026-01-01T00:00:00Z", "status": "ok"}'])
    result = replay(access, "--config", same)
    assert result.exit_code == 1
    assert "no decision in it" in result.stderr
    assert "1 lines could not be read" in result.stderr
    assert "decision_log.file" in result.stderr


def test_a_missing_file_and_a_broken_config_are_told(tmp_path: Path, same: Path) -> None:
    missing = replay(tmp_path / "nothing.jsonl", "--config", same)
    assert (missing.exit_code, "No such file" in missing.stderr) == (1, True)
    decisions = log(tmp_path / "d.jsonl", logged(fleet(), 3))
    same.write_text("modles: {}\n")
    broken = replay(decisions, "--config", same)
    assert broken.exit_code == 1
    assert "did you mean" in broken.stderr or "models" in broken.stderr


def test_stdin_stands_alone(tmp_path: Path) -> None:
    result = replay(tmp_path / "d.jsonl", "-")
    assert result.exit_code == 2
    assert "give - alone" in result.stderr


def test_help_teaches() -> None:
    shown = replay("--help").stdout
    assert "router-service replay decisions.jsonl* --config proposed.yaml" in shown
    assert "exit code 1" in shown
