"""`config export-litellm`: the file on stdout or where --output says, the report on stderr or as
JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from router_service.cli import router_service

FLEET = str(Path(__file__).parent / "export" / "weighted-fleet.yaml")


def run(*args: str) -> Result:
    return CliRunner().invoke(router_service, ["config", "export-litellm", *args])


def test_the_file_goes_to_stdout_and_the_report_to_stderr() -> None:
    result = run(FLEET)
    assert result.exit_code == 0, result.output
    config = YAML(typ="safe").load(result.stdout)
    assert config["model_list"]
    assert "not expressed: LiteLLM has globs" in result.stderr
    assert "weighted-fleet.yaml:" in result.stderr


def test_output_writes_the_file(tmp_path: Path) -> None:
    target = tmp_path / "litellm.yaml"
    result = run(FLEET, "--output", str(target))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert target.read_text() == run(FLEET).stdout


def test_json_holds_config_and_report(tmp_path: Path) -> None:
    target = tmp_path / "litellm.yaml"
    result = run(FLEET, "--json", "--output", str(target))
    report = json.loads(result.stdout)
    assert report["config"] == YAML(typ="safe").load(target.read_text())
    assert {"file", "line", "column", "pointer", "reason", "instead"} == set(
        report["not_expressed"][0]
    )
    assert result.stderr == ""


def test_the_reference_fleet_without_a_file() -> None:
    assert "llama3.1:latest" in run().stdout


def test_a_broken_config_is_refused_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("providers:\n  one: {kind: telnet, base_url: 'http://127.0.0.1:1/v1'}\n")
    result = run(str(broken))
    assert result.exit_code == 1
    assert "broken.yaml:2" in result.stderr
    assert result.stdout == ""


def test_an_output_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    result = run(FLEET, "--output", str(tmp_path / "nowhere" / "litellm.yaml"))
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


@pytest.mark.parametrize("word", ["Example", "--output", "--json"])
def test_help_teaches(word: str) -> None:
    assert word in run("--help").output
