"""The command line: results, --json, and failures as a few lines with exit code 1."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service import __version__
from router_service.cli import router_service
from router_service.config.routing import load_table
from router_service.core import Facts, Router

ROOT = Path(__file__).parents[2]
REFERENCE = str(ROOT / "config/model-mappings.yaml")
FLEET = (
    "providers:\n"
    "  one: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}\n"
    "  two: {kind: openai, base_url: 'http://127.0.0.1:2/v1'}\n"
    "models:\n"
    "  big-70b: {provider: one}\n"
    "  small-7b: {provider: two}\n"
    "fallback_chains:\n"
    "  big-70b: {chain: [small-7b]}\n"
    "policies: {severity: {single-failure-domain: off}}\n"
    "unknown_model: reject\n"
)


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return str(path)


def run(*args: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(router_service, args, input=stdin, env=env or {})


def routed(*args: str, stdin: str | bytes | None = None) -> dict[str, Any]:
    result = run("route", *args, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    decision: dict[str, Any] = json.loads(result.stdout)
    return decision


# ── help ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["demo"],
        ["check"],
        ["doctor"],
        ["analyze"],
        ["route"],
        ["simulate"],
        ["logs", "tail"],
        ["logs", "analyze"],
        ["uptime"],
        ["config", "schema"],
        ["config", "discover"],
        [],
    ],
)
def test_every_help_has_an_example(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output


def test_version() -> None:
    assert run("--version").output == f"router-service, version {__version__}\n"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, router_service.cli\n"
        "heavy = {'grpc', 'aiohttp', 'rich', 'pydantic', 'ruamel.yaml', 'router_service._core'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "[]\n"


# ── check ────────────────────────────────────────────────────────────────────────────────────────


def test_check_of_a_good_file(fleet: str) -> None:
    result = run("check", fleet)
    assert result.exit_code == 0
    assert result.stdout.endswith(f"{fleet}: 0 errors, 0 warnings\n")


def test_check_lists_errors_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(FLEET.replace("chain: [small-7b]", "chain: [smal-7b]") + "colour: red\n")
    result = run("check", str(path))
    assert result.exit_code == 1
    assert f"{path}:8:21: error: " in result.stdout
    assert f"{path}:11:1: error: " in result.stdout
    assert result.stdout.endswith(f"{path}: 2 errors, 0 warnings\n")


def test_check_as_json(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.yaml"), "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["errors"], report["warnings"]) == (1, 0)
    assert report["diagnostics"][0]["code"] == "unreadable-file"


def test_check_as_sarif(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(FLEET.replace("chain: [small-7b]", "chain: [smal-7b]") + "colour: red\n")
    result = run("check", str(path), "--format", "sarif")
    assert result.exit_code == 1
    sarif = json.loads(result.stdout)
    assert sarif["version"] == "2.1.0"
    (scan,) = sarif["runs"]
    places = [found["locations"][0]["physicalLocation"] for found in scan["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {path.as_posix()}
    assert [place["region"] for place in places] == [
        {"startLine": 8, "startColumn": 21},
        {"startLine": 11, "startColumn": 1},
    ]
    assert {found["level"] for found in scan["results"]} == {"error"}
    rules = {rule["id"] for rule in scan["tool"]["driver"]["rules"]}
    assert rules == {found["ruleId"] for found in scan["results"]}


def test_check_as_github_annotations(tmp_path: Path) -> None:
    path = tmp_path / "bad, 100%.yaml"
    path.write_text(FLEET.replace("chain: [small-7b]", "chain: [smal-7b]"))
    result = run("check", str(path), "--format", "github")
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"::error file={tmp_path}/bad%2C 100%25.yaml,line=8,col=21,title=")
    assert "%0Afix: " in line


def test_a_good_file_has_no_annotation(fleet: str) -> None:
    result = run("check", fleet, "--format", "github")
    assert (result.exit_code, result.stdout) == (0, "")


ACCEPTED = FLEET.replace(
    "policies: {severity: {single-failure-domain: off}}\n",
    "policies: {accept: [{policy: single-failure-domain, at: small-7b, reason: no other}]}\n",
)


def test_what_is_accepted_is_counted_and_shown_on_request(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(ACCEPTED)
    result = run("check", str(path), "--strict")
    assert (result.exit_code, result.stdout) == (0, f"{path}: 0 errors, 0 warnings, 1 accepted\n")
    shown = run("check", str(path), "--show-accepted").stdout.splitlines()
    assert shown[0].startswith(f"{path}:6:3: accepted: nothing is left of the plan of `small-7b`")
    assert shown[1:] == ["  reason: no other", result.stdout.rstrip()]


def test_what_is_accepted_is_part_of_every_machine_form(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(ACCEPTED)
    report = json.loads(run("check", str(path), "--json").stdout)
    assert (report["diagnostics"], report["errors"], report["warnings"]) == ([], 0, 0)
    (accepted,) = report["accepted"]
    assert (accepted["code"], accepted["accepted"]) == ("single-failure-domain", "no other")
    sarif = json.loads(run("check", str(path), "--format", "sarif", "--show-accepted").stdout)
    (found,) = sarif["runs"][0]["results"]
    assert found["suppressions"] == [{"kind": "external", "justification": "no other"}]
    github = run("check", str(path), "--format", "github", "--show-accepted").stdout
    assert github.startswith(f"::notice file={path},line=6,col=3,title=single-failure-domain::")
    assert run("check", str(path), "--format", "github").stdout == ""


def test_strict_makes_warnings_fail(tmp_path: Path) -> None:
    path = tmp_path / "warned.yaml"
    path.write_text(FLEET + "router_settings: {redis_host: localhost}\n")
    assert run("check", str(path)).exit_code == 0
    strict = run("check", str(path), "--strict")
    assert strict.exit_code == 1
    assert f"{path}:11:" in strict.stdout
    assert "warning: " in strict.stdout


# ── route ────────────────────────────────────────────────────────────────────────────────────────


def test_route_prints_every_promised_field(fleet: str) -> None:
    decision = routed("--config", fleet, "--model", "big-70b", "--prompt", "print hello")
    assert (decision["rule"], decision["model"], decision["provider"]) == (
        "exact",
        "big-70b",
        "one",
    )
    assert decision["complexity"] in {"low", "medium", "high"}
    assert decision["prompt_tokens"] == 2
    assert {"strategy", "table_version"} <= decision.keys()
    assert [(hop["model"], hop["provider"]) for hop in decision["plan"]] == [
        ("big-70b", "one"),
        ("small-7b", "two"),
    ]
    assert decision["plan"][1]["param_change_pct"] == pytest.approx(-90)
    for candidate in decision["candidates"]:
        assert {"model", "provider", "eligible", "reason", "score"} <= candidate.keys()


def test_route_as_a_table(fleet: str) -> None:
    result = run("route", "--config", fleet, "--model", "big-70b", "--prompt", "hi")
    assert result.exit_code == 0, result.output
    for shown in ("big-70b on one", "exact", "Plan", "small-7b", "90 % fewer", "Candidates"):
        assert shown in result.stdout


def test_route_tells_what_candidates_are_scored_by_and_what_hops_cost(fleet: str) -> None:
    decision = routed("--config", fleet, "--model", "big-70b", "--prompt", "hi")
    chosen, fallback = decision["candidates"]
    assert chosen["terms"]["strategy"] == "weighted"
    assert {"formula", "weight", "load", "in_flight", "capacity"} <= chosen["terms"].keys()
    assert fallback["score"] is None
    first, second = decision["plan"]
    assert first["quality"] == "as good as the first"
    assert second["quality"].endswith("90 % fewer parameters")
    assert {
        "tier_step",
        "capabilities_kept",
        "capabilities_lost",
        "context_window",
    } <= second.keys()


def test_route_names_the_nearest_changes(fleet: str, tmp_path: Path) -> None:
    args = ("--config", fleet, "--model", "big-70b", "--prompt", "hi")
    decision = routed(*args)
    capacity = decision["candidates"][0]["terms"]["capacity"]
    full = next(
        change for change in decision["nearest_changes"] if change["kind"] == "more_in_flight"
    )
    assert full["amount"] == capacity
    assert full["text"] == f"one: {capacity} more requests in flight → {full['first']}"
    assert decision["reruns"] <= 200
    shown = run("route", *args).stdout
    assert "Nearest changes" in shown
    assert full["text"] in " ".join(shown.split())
    # The change as told, made to the state, puts that one first; one request less does not.
    for in_flight, provider in ((capacity, "two"), (capacity - 1, "one")):
        state = {"version": 3, "providers": {"one": {"in_flight": in_flight}}}
        file = tmp_path / f"{in_flight}.json"
        file.write_text(json.dumps(state))
        assert routed(*args, "--state", str(file))["provider"] == provider


def test_route_says_where_nothing_would_alter_the_choice(fleet: str) -> None:
    args = ("--config", fleet, "--model", "small-7b", "--prompt", "hi")
    assert routed(*args)["nearest_changes"] == []
    shown = run("route", *args).stdout
    assert "Nothing that was tried would put another first" in shown
    assert "more requests in flight" in shown


def test_route_takes_up_one_line_of_a_decision_log(fleet: str, tmp_path: Path) -> None:
    router = Router(load_table(Path(fleet)), "log")
    router.restore(b'{"version": 3, "providers": {"one": {"in_flight": 2}}}')
    router.record(True)
    router.decide(Facts("big-70b", prompt_tokens=77), 1_000_000_000_000_000, 5)
    (line,), _ = router.take_records()
    file = tmp_path / "record.json"
    file.write_text(line)
    again = routed("--config", fleet, "--state", str(file))
    made = json.loads(line)["decision"]
    assert {
        name: again[name] for name in ("deployment", "seed", "prompt_tokens", "propensity")
    } == {name: made[name] for name in ("deployment", "seed", "prompt_tokens", "propensity")}
    assert again["candidates"][0]["terms"]["in_flight"] == 2
    # What is given counts before the record.
    other = routed("--config", fleet, "--state", str(file), "--model", "small-7b", "--seed", "6")
    assert (other["deployment"], other["seed"]) == ("small-7b@two", 6)


def test_a_snapshot_names_no_request(fleet: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"version": 3}')
    result = run("route", "--config", fleet, "--state", str(file))
    assert result.exit_code == 2
    assert "name a --model" in result.stderr
    file.write_text('{"kind": "decision", "v": 1}')
    result = run("route", "--config", fleet, "--state", str(file))
    assert result.exit_code == 1
    assert "not the record of a decision" in result.stderr


@pytest.mark.parametrize(
    "beside", [("--config", "fleet.yaml"), ("--state", "state.json"), ("--seed", "1")]
)
def test_a_running_router_has_its_own_config_state_and_seed(beside: tuple[str, str]) -> None:
    result = run("route", "--model", "m", "--address", "127.0.0.1:1", *beside)
    assert result.exit_code == 2
    assert f"give --address or {beside[0]}, not both" in result.stderr


def test_route_says_where_no_router_answers() -> None:
    # The variable names a config for other uses of the command, so it is no contradiction.
    environment = {"ROUTER_SERVICE_CONFIG": "fleet.yaml"}
    result = run("route", "--model", "m", "--address", "127.0.0.1:1", env=environment)
    assert result.exit_code == 1
    assert "no router answers at 127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("header", ["x y=1", "x-trace-bin=1", "x-name=gr\u00fcn"])
def test_a_header_that_grpc_cannot_send_is_a_message(header: str) -> None:
    result = run("route", "--model", "m", "--address", "127.0.0.1:1", "--header", header)
    assert result.exit_code == 1
    assert "cannot be sent over gRPC" in result.stderr


def test_the_same_seed_gives_the_same_decision(fleet: str) -> None:
    args = ("--config", fleet, "--model", "big-70b", "--seed", "7")
    first, second = routed(*args), routed(*args)
    assert first["seed"] == second["seed"] == 7
    assert first["plan"] == second["plan"]


def test_the_prompt_may_come_from_a_file_or_stdin(fleet: str, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("print hello")
    args = ("--config", fleet, "--model", "big-70b")
    assert routed(*args, "--prompt-file", str(file))["prompt_tokens"] == 2
    assert routed(*args, "--prompt-file", "-", stdin="print hello")["prompt_tokens"] == 2
    assert routed(*args, "--prompt", "-", stdin="print hello")["prompt_tokens"] == 2


def test_headers_reach_the_decision() -> None:
    decision = routed(
        "--config", REFERENCE, "--header", "X-Capability=code", "--prompt", "print hello"
    )
    assert (decision["rule"], decision["matched"]) == ("capability", "code")


def test_the_environment_names_the_config(fleet: str) -> None:
    result = run("route", "--model", "big-70b", "--json", env={"ROUTER_SERVICE_CONFIG": fleet})
    assert json.loads(result.stdout)["provider"] == "one"


def test_without_a_config_the_reference_fleet_decides() -> None:
    assert routed("--model", "qwen2.5-coder:7b")["provider"] == "ollama"


@pytest.mark.parametrize(
    ("prompt", "max_tokens", "model"),
    [
        ("print hello", "50", "qwen2.5-coder:7b"),
        ("print hello", "4096", "qwen2.5-coder:7b"),
        (
            "Implement a complete REST API with authentication, database integration, and "
            "comprehensive error handling",
            "500",
            "qwen3-coder:480b-cloud",
        ),
    ],
)
def test_documented_complexity_examples(prompt: str, max_tokens: str, model: str) -> None:
    decision = routed(
        "--config", REFERENCE, "--model", "code", "--prompt", prompt, "--max-tokens", max_tokens
    )
    assert decision["model"] == model


def test_no_decision_is_an_error_object(fleet: str) -> None:
    args = ("route", "--config", fleet, "--model", "big-7ob")
    result = run(*args, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "unknown_model"
    assert "big-70b" in error["details"]["suggestions"]
    plain = run(*args)
    assert plain.exit_code == 1
    assert plain.stdout == ""
    assert plain.stderr.startswith("error: ")


def test_bad_configs_files_and_headers_are_messages(fleet: str, tmp_path: Path) -> None:
    missing = run("route", "--config", str(tmp_path / "none.yaml"), "--model", "x")
    assert missing.exit_code == 1
    assert "none.yaml:1:1: error: " in missing.stderr
    as_json = run("route", "--config", str(tmp_path / "none.yaml"), "--model", "x", "--json")
    assert json.loads(as_json.stdout)["error"]["diagnostics"][0]["code"] == "unreadable-file"
    args = ("route", "--config", fleet, "--model", "big-70b")
    for extra, said in [
        (("--prompt-file", str(tmp_path / "none.txt")), "none.txt: No such file"),
        (("--state", str(tmp_path / "none.json")), "none.json: No such file"),
        (("--state", fleet), "not a usable state snapshot"),
        (("--header", "x-batch-size=many"), "x-batch-size"),
    ]:
        failed = run(*args, *extra)
        assert failed.exit_code == 1
        assert failed.stderr.startswith("error: ")
        assert said in failed.stderr
    binary = run(*args, "--prompt-file", "-", stdin=b"\xff")
    assert (binary.exit_code, "not UTF-8" in binary.stderr) == (1, True)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--model", "x", "--prompt", "a", "--prompt-file", "b"],
        ["--model", "x", "--header", "priority"],
        ["--model", "x", "--max-tokens", "0"],
        ["--model", "x", "--seed", "-1"],
    ],
)
def test_wrong_usage_is_exit_code_2(args: list[str]) -> None:
    result = run("route", *args)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


# ── config schema ────────────────────────────────────────────────────────────────────────────────


def test_schemas() -> None:
    routing = json.loads(run("config", "schema").stdout)
    assert {"providers", "models", "patterns"} <= routing["properties"].keys()
    service = json.loads(run("config", "schema", "--service").stdout)
    assert {"grpc", "http", "limits"} <= service["properties"].keys()
    assert str(ROOT) not in json.dumps(service)


# ── serve and demo ───────────────────────────────────────────────────────────────────────────────


class FakeService:
    """Stands where the composition root does, and keeps what it was started with."""

    def __init__(self) -> None:
        self.config: Any = None
        self.loaded: Any = None
        self.load: Any = None

    async def serve(self, config: Any, loaded: Any, load: Any) -> int:
        self.config, self.loaded, self.load = config, loaded, load
        return 3


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    fake = FakeService()
    module = ModuleType("router_service.app")
    module.serve = fake.serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "router_service.app", module)
    return fake


def test_serve_hands_over_config_and_table(
    fleet: str, tmp_path: Path, service: FakeService
) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("http: {port: 4100, max_body_bytes: 4096}\nlimits: {max_queue: 7}\n")
    options = ["--config", fleet, "--service-config", str(file), "--http-port", "4200"]
    result = run("serve", *options, "--grpc-host", "::1", "--log-level", "debug")
    assert result.exit_code == 3, result.output
    assert (service.config.http.port, service.config.http.max_body_bytes) == (4200, 4096)
    assert (service.config.grpc.host, service.config.grpc.port) == ("::1", 50051)
    assert service.config.logging.level == "debug"
    assert service.config.limits.max_queue == 7
    assert [item.id for item in service.loaded.table.providers] == ["one", "two"]
    again = service.load()
    assert (again.table.version, again.findings) == (service.loaded.table.version, [])
    assert (again.document, again.files) == (service.loaded.document, service.loaded.files)


def test_the_command_line_goes_before_the_environment(fleet: str, service: FakeService) -> None:
    environ = {"ROUTER_SERVICE_CONFIG": "/nowhere.yaml"}
    assert run("serve", "--config", fleet, env=environ).exit_code == 3
    refused = run("serve", env=environ)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("/nowhere.yaml:1:1: error: ")


def test_serve_points_at_warnings(tmp_path: Path, service: FakeService) -> None:
    path = tmp_path / "warned.yaml"
    path.write_text(FLEET + "router_settings: {redis_host: localhost}\n")
    result = run("serve", "--config", str(path))
    assert result.exit_code == 3
    assert f"router-service check {path}" in result.stderr


def test_serve_without_a_config_where_nobody_is(tmp_path: Path, service: FakeService) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("routing: {discover_ports: [4321]}\n")
    # Its own port is not asked, so no port is left.
    result = run("serve", "--service-config", str(file), "--http-port", "4321")
    assert result.exit_code == 3, result.output
    assert "no model server answers on this machine (ports asked: none)" in result.stderr
    assert "using the shipped reference fleet" in result.stderr
    assert service.loaded.table.version == load_table(REFERENCE).version
    again = service.load()
    assert again.table is None
    assert [finding.code for finding in again.findings] == ["nothing-found"]


def test_serve_refuses_bad_service_configs(tmp_path: Path, service: FakeService) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("grpc: {prot: 1}\n")
    result = run("serve", "--service-config", str(file))
    assert result.exit_code == 1
    assert result.stderr == (
        f"{file}:1:8: error: there is no key grpc.prot [unknown-key]\n  fix: did you mean port?\n"
    )
    assert service.config is None


@pytest.mark.parametrize("args", [[], ["--once"]])
def test_demo_runs_the_tour(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def tour(once: bool) -> int:
        return 10 + once

    module = ModuleType("router_service.testing.demo")
    module.run = tour  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "router_service.testing.demo", module)
    assert run("demo", *args).exit_code == 10 + len(args)
