"""`config export-litellm` in front of the real litellm package: its own Router builds from the file
without a warning, holds the same groups, and picks what we would let it pick.

No request is sent. litellm lives in an environment of its own, see prepare.py.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router_service.cli import router_service
from router_service.config.reference import REFERENCE_CONFIG

from .conftest import missing
from .prepare import LITELLM_PYTHON
from .processes import clean_environment

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

WEIGHTED = Path(__file__).parents[1] / "unit" / "export" / "weighted-fleet.yaml"
SCRIPT = Path(__file__).parent / "litellm_picks.py"
PICKS = 1000
MOST_OFF = 0.08
"""A share may be off by this: five standard deviations of the share of 1,000 picks."""


@dataclass(frozen=True)
class Both:
    """The file as we wrote it and as LiteLLM reads it."""

    written: dict[str, Any]
    seen: dict[str, Any]

    def members(self, group: str) -> list[dict[str, Any]]:
        return [entry for entry in self.written["model_list"] if entry["model_name"] == group]


@pytest.fixture(scope="module", params=[REFERENCE_CONFIG, WEIGHTED], ids=lambda path: path.stem)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    if not LITELLM_PYTHON.exists():
        missing("litellm is not installed")
    target = tmp_path_factory.mktemp("litellm") / "litellm.yaml"
    command = ["config", "export-litellm", str(request.param), "--output", str(target), "--json"]
    exported = CliRunner().invoke(router_service, command)
    assert exported.exit_code == 0, exported.output
    # Its list of prices is the one in the package: nothing is fetched.
    environment = clean_environment({"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    done = subprocess.run(
        [LITELLM_PYTHON, SCRIPT, target, str(PICKS)],
        capture_output=True,
        text=True,
        timeout=150,
        env=environment,
        cwd=target.parent,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Both(json.loads(exported.stdout)["config"], json.loads(done.stdout.splitlines()[-1]))


def test_the_router_builds_and_picks_without_a_warning(both: Both) -> None:
    assert both.seen["problems"] == []


def test_every_group_has_its_deployments(both: Both) -> None:
    assert both.seen["groups"] == Counter(e["model_name"] for e in both.written["model_list"])


def test_every_pick_is_of_the_group_and_of_its_first_level(both: Both) -> None:
    aliases = both.written["router_settings"]["model_group_alias"]
    assert set(both.seen["picks"]) == set(both.seen["groups"]) | set(aliases)
    for name, picks in both.seen["picks"].items():
        first = defaultdict(set)
        for entry in both.members(aliases.get(name, name)):
            first[entry["litellm_params"].get("order")].add(entry["model_info"]["id"])
        level = min(first, key=lambda order: order or 0)
        assert set(picks) <= first[level], name


def test_shares_are_those_of_the_weights(both: Both) -> None:
    other = {
        name
        for group in both.written["router_settings"].get("routing_groups", [])
        for name in group["models"]
    }
    compared = 0
    for group in set(both.seen["groups"]) - other:
        members, picks = both.members(group), both.seen["picks"][group]
        first = [e for e in members if e["litellm_params"].get("order", 1) == 1]
        weights = {e["model_info"]["id"]: e["litellm_params"].get("weight", 1) for e in first}
        for deployment, weight in weights.items():
            share = picks.get(deployment, 0) / sum(picks.values())
            assert share == pytest.approx(weight / sum(weights.values()), abs=MOST_OFF)
        compared += len(weights) > 1
    assert compared >= 2


def test_a_name_nobody_knows_goes_to_the_default_provider(both: Both) -> None:
    takes_all = both.members("*")
    if takes_all:
        assert both.seen["unknown"] == "ollama_chat/a-name-that-nobody-knows"
    else:
        assert both.seen["unknown"] is None
