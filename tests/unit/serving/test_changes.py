"""What a reload says it changed: one short line for each thing, whatever section it stands in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router_service.serving.changes import MOST_CHARACTERS, MOST_LINES, changes

BASE: dict[str, Any] = {
    "providers": {"a": {"kind": "openai", "capacity": 4}, "b": {"kind": "ollama"}},
    "models": {
        "m": {"deployments": [{"provider": "a", "weight": 1}, {"provider": "b", "weight": 1}]},
        "n": {"provider": "a"},
    },
    "patterns": [{"pattern": "x.*", "provider": "a"}, {"pattern": "y.*", "provider": "b"}],
    "load_balancing": {"pool": {"strategy": "weighted", "providers": [{"provider": "a"}]}},
    "fallback_chains": {"m": {"chain": ["n"]}},
    "router_settings": {"timeout": 20},
    "default_provider": "a",
}


def differing(**sections: Any) -> list[str]:
    """From BASE to BASE with these sections in the place of its own; None leaves one out."""
    after = {name: section for name, section in (BASE | sections).items() if section is not None}
    return list(changes(json.dumps(BASE).encode(), json.dumps(after).encode()))


def test_equal_configs_have_none() -> None:
    assert differing() == []


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        (
            {"providers": {"a": {"kind": "openai", "capacity": 8}, "c": {"kind": "vllm"}}},
            ["provider a: capacity 4 → 8", "provider b: removed", "provider c: added"],
        ),
        (
            {
                "models": {
                    "m": {
                        "deployments": [
                            {"provider": "a", "weight": 3},
                            {"provider": "c", "weight": 1},
                        ]
                    },
                    "n": {"provider": "a", "tier": "local"},
                }
            },
            [
                "model m: deployment a weight 1 → 3",
                "model m: deployment b removed",
                "model m: deployment c added",
                "model n: tier added: local",
            ],
        ),
        (
            {"patterns": list(reversed(BASE["patterns"]))},
            ["patterns: order changed"],
        ),
        (
            {"patterns": [{"pattern": "x.*", "provider": "b"}, {"pattern": "z", "provider": "a"}]},
            ["pattern x.*: provider a → b", "pattern y.*: removed", "pattern z: added"],
        ),
        (
            {
                "load_balancing": {
                    "pool": {"strategy": "weighted", "providers": [{"provider": "a", "weight": 2}]}
                }
            },
            ["pool pool: provider a weight added: 2"],
        ),
        (
            {"fallback_chains": {"m": {"chain": ["n", "o"]}}},
            ['fallback chain m: chain ["n"] → ["n", "o"]'],
        ),
        ({"fallback_chains": None}, ["fallback chain m: removed"]),
        ({"router_settings": {"timeout": 30}}, ["router_settings: timeout 20 → 30"]),
        ({"default_provider": "b"}, ["default_provider: a → b"]),
        ({"models": None}, ["models: now the reference fleet's"]),
        ({"budgets": {"day_usd": 5}}, ["budgets: added"]),
    ],
)
def test_each_kind_of_change_has_its_line(sections: dict[str, Any], lines: list[str]) -> None:
    assert differing(**sections) == lines


def test_items_that_cannot_be_told_apart_are_compared_as_a_whole() -> None:
    twice = [{"provider": "a", "upstream_model": "x"}, {"provider": "a", "upstream_model": "y"}]
    (line,) = differing(models=BASE["models"] | {"m": {"deployments": twice}})
    assert line.startswith("model m: deployments [")


def test_lines_and_their_number_are_bounded() -> None:
    found = differing(providers={f"p{number}": {} for number in range(3 * MOST_LINES)})
    assert len(found) == MOST_LINES + 1
    assert found[-1] == f"and {2 + 2 * MOST_LINES} more"
    (long,) = differing(default_provider="p\n" * 500)
    assert len(long) <= MOST_CHARACTERS + 1
    assert "\n" not in long
