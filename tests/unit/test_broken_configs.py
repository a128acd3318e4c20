"""One mistake in a good config is one finding, at the place of the mistake, with a fix."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("router_service._core", reason="the core is not built")

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.config.routing import check

GOOD = """\
providers:
  one:
    kind: openai
    base_url: http://127.0.0.1:1/v1
    capacity: 4
  two:
    kind: ollama
    base_url: http://127.0.0.1:2
models:
  big-70b:
    provider: one
    tier: local
  small-7b:
    deployments:
    - provider: two
      weight: 0.7
    - provider: one
      weight: 0.3
exact_matches:
  alias:
    provider: two
    fallback: small-7b
patterns:
- pattern: ^meta/.*
  provider: one
capabilities:
  chat:
    preferred_models: [big-70b, small-7b]
    routing_strategy: direct
load_balancing:
  shared:
    strategy: weighted
    providers:
    - provider: one
      preferred_model: big-70b
      weight: 1
    - provider: two
      preferred_model: small-7b
      condition: local_saturated
fallback_chains:
  big-70b:
    chain: [small-7b]
router_settings:
  timeout: 30
model_size_routing:
- size: "< 8B"
  provider: two
unknown_model: reject
"""
HERE = "▶"
"""Stands before the place that the finding must name."""

LAST = "unknown_model: reject"
SHADOWED = "- pattern: ^meta/.*\n  provider: one"
SEVERITY = "\npolicies: {severity: "
ACCEPT = "\npolicies: {accept: ["
MISTAKES = {
    "typo in a key": ("unknown-key", "    capacity: 4", "    ▶capcity: 4"),
    "typo in a section": ("unknown-key", "fallback_chains:", "▶fallback_chain:"),
    "typo in a capability's key": ("unknown-key", "    preferred_models", "    ▶prefered_models"),
    "dangling model in a chain": ("unknown-model", "[small-7b]", "[▶smal-7b]"),
    "dangling model in a capability": ("unknown-model", "-70b, small-7b", "-70b, ▶small-8b"),
    "dangling model in a pool": ("unknown-model", "model: small-7b", "model: ▶tiny"),
    "dangling provider of a model": (
        "unknown-provider",
        "  big-70b:\n    provider: one",
        "  big-70b:\n    provider: ▶onne",
    ),
    "dangling provider of a pattern": (
        "unknown-provider",
        "  provider: one\ncapab",
        "  provider: ▶oen\ncapab",
    ),
    "dangling provider of a name": ("unknown-provider", "s:\n    provider: two", None),
    "dangling provider of a deployment": (
        "unknown-provider",
        "- provider: two\n      weight: 0.7",
        "- provider: ▶tow\n      weight: 0.7",
    ),
    "dangling provider of a size": ("unknown-provider", '8B"\n  provider: two', None),
    "model not deployed there": ("no-deployment", "model: small-7b", "model: ▶big-70b"),
    "model deployed nowhere": (
        "no-deployment",
        "  small-7b:\n    deployments:\n"
        "    - provider: two\n      weight: 0.7\n    - provider: one\n      weight: 0.3",
        "  ▶small-7b:\n    deployments: []",
    ),
    "unit behind a time": ("wrong-type", "timeout: 30", "timeout: ▶30s"),
    "unit behind a count": ("wrong-type", "capacity: 4", "capacity: ▶4 requests"),
    "fraction of a request": ("wrong-type", "capacity: 4", "capacity: ▶4.5"),
    "no capacity": ("out-of-range", "capacity: 4", "capacity: ▶0"),
    "negative weight": ("out-of-range", "weight: 0.3", "weight: ▶-0.3"),
    "weight that is no number": ("bad-value", "weight: 0.3", "weight: ▶.nan"),
    "availability in per cent": ("out-of-range", "capacity: 4", "availability: ▶99"),
    "key given twice": ("duplicate-key", "    tier: local", "    tier: local\n    ▶tier: local"),
    "model given twice": (
        "duplicate-key",
        "exact_matches:",
        "  ▶big-70b:\n    provider: two\nexact_matches:",
    ),
    "name given twice": (
        "duplicate-name",
        "    tier: local",
        "    tier: local\n    aliases: [▶small-7b]",
    ),
    "unknown kind": ("unknown-value", "kind: ollama", "kind: ▶olama"),
    "unknown strategy of a pool": ("unknown-value", "strategy: weighted", "strategy: ▶wieghted"),
    "unknown strategy": ("unknown-value", "strategy: direct", "strategy: ▶derict"),
    "unknown tier": ("unknown-value", "tier: local", "tier: ▶premium"),
    "unknown choice": ("unknown-value", LAST, "unknown_model: ▶refuse"),
    "unclosed pattern": ("bad-pattern", "^meta/.*", "^meta/▶(.*"),
    "pattern never reached": (
        "unreachable-pattern",
        SHADOWED,
        SHADOWED + "\n- pattern: ▶^meta/llama.*\n  provider: two",
    ),
    "size never reached": (
        "unreachable-size",
        '- size: "< 8B"\n  provider: two',
        '- size: "< 8B"\n  provider: two\n- size: ▶7B\n  provider: two',
    ),
    "patterns that overlap": (
        "pattern-overlap",
        SHADOWED,
        SHADOWED + "\n- pattern: ▶.*:7b\n  provider: two",
    ),
    "unknown name in a condition": ("bad-condition", "local_saturated", "▶local_satured"),
    "text compared with a number": (
        "bad-condition",
        "condition: local_saturated",
        "condition: prompt_tokens == ▶'many'",
    ),
    "condition without an end": (
        "bad-condition",
        "condition: local_saturated",
        "condition: prompt_tokens >▶",
    ),
    "size without a unit we know": ("bad-size", '"< 8B"', '▶"< 8X"'),
    "address without a scheme": ("bad-url", "http://127.0.0.1:2", "▶127.0.0.1:2"),
    "variable that is not replaced": ("bad-url", "http://127.0.0.1:2", "▶${OLLAMA_URL}"),
    "key written into the file": (
        "bad-credential",
        "    capacity: 4",
        "    credential_env: ▶sk-abcdefghijklmnop1234567890",
    ),
    "tab": ("yaml-syntax", "    capacity: 4", "▶\tcapacity: 4"),
    "list for a mapping": (
        "wrong-type",
        "  big-70b:\n    provider: one\n    tier: local",
        "  big-70b: ▶[one]",
    ),
    "text for a list": ("wrong-type", "chain: [small-7b]", "chain: ▶small-7b"),
    "chain that names its own model": ("self-reference", "[small-7b]", "[▶big-70b]"),
    "chain that repeats itself": ("repeated-step", "[small-7b]", "[small-7b, ▶small-7b]"),
    "include that is not there": ("unreadable-file", LAST, LAST + "\ninclude: ▶none.yaml"),
    "include of itself": ("include-cycle", LAST, LAST + "\ninclude: ▶fleet.yaml"),
    "unknown policy": ("unknown-key", LAST, LAST + SEVERITY + "{▶capability-lose: error}}"),
    "unknown severity": ("unknown-value", LAST, LAST + SEVERITY + "{cycle: ▶eror}}"),
    "policy that cannot be lowered": (
        "fixed-policy",
        LAST,
        LAST + SEVERITY + "{unknown-model: ▶warning}}",
    ),
    "unknown policy accepted": (
        "unknown-value",
        LAST,
        LAST + ACCEPT + "{policy: ▶cycles, at: big-70b, reason: so}]}",
    ),
    "accepted without a reason": (
        "missing-key",
        LAST,
        LAST + ACCEPT + "▶{policy: capability-lost, at: big-70b}]}",
    ),
    "accepted for an empty reason": (
        "empty-reason",
        LAST,
        LAST + ACCEPT + "{policy: capability-lost, at: big-70b, reason: ▶''}]}",
    ),
    "accepted where nothing is": (
        "unused-accept",
        LAST,
        LAST + ACCEPT + "{policy: capability-lost, at: ▶big-70b, reason: so}]}",
    ),
}
"""What is wrong: the finding's code, the good text, and the bad text that takes its place."""

TIER = "    tier: local"
CHAIN = "fallback_chains:\n  big-70b:\n    chain: [small-7b]"
BROKEN_POLICIES = {
    "few-cloud-attempts": [
        (TIER, "    tier: cloud_premium"),
        ("chains:\n  big", "chains:\n  ▶big"),
    ],
    "single-failure-domain": [(CHAIN, "fallback_chains:\n  ▶big-70b:\n    chain: []")],
    "shared-last-domain": [
        ("exact_matches:", "  mid-30b:\n    provider: two\nexact_matches:"),
        ("[small-7b]", "[mid-30b, ▶alias]\n  mid-30b:\n    chain: [big-70b]"),
    ],
    "capability-lost": [(TIER, TIER + "\n    capabilities: [chat]"), ("[small-7b]", "[▶small-7b]")],
    "parameter-drop": [(TIER, TIER + "\n    parameters: 71B"), ("[small-7b]", "[▶small-7b]")],
    "disabled-model": [
        ("exact_matches:", "  off-9b:\n    provider: one\n    enabled: false\nexact_matches:"),
        ("[small-7b]", "[small-7b, ▶off-9b]"),
    ],
    "cycle": [
        (LAST, LAST + SEVERITY + "{cycle: warning}}"),
        (CHAIN, CHAIN.replace("  big", "  ▶big") + "\n  small-7b:\n    chain: [big-70b]"),
    ],
}
"""By the policy that is broken: good texts, and what takes the place of each."""


def broken(old: str, new: str | None) -> str:
    """The config with the mistake; None puts an unknown provider where `two` stands."""
    return GOOD.replace(old, old.replace("two", "▶tow") if new is None else new)


def test_without_a_mistake_there_is_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(GOOD)
    assert check(path) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_one_finding_at_its_place_with_a_fix(mistake: str, tmp_path: Path) -> None:
    code, old, new = MISTAKES[mistake]
    assert GOOD.count(old) == 1, "the case changes one place"
    finds(tmp_path / "fleet.yaml", code, broken(old, new))


@pytest.mark.parametrize("policy", BROKEN_POLICIES)
def test_a_policy_that_is_broken_is_one_warning(policy: str, tmp_path: Path) -> None:
    marked = GOOD
    for old, new in BROKEN_POLICIES[policy]:
        assert marked.count(old) == 1
        marked = marked.replace(old, new)
    found = finds(tmp_path / "fleet.yaml", policy, marked)
    assert found.severity == "warning"


def finds(path: Path, code: str, marked: str) -> LocatedDiagnostic:
    """The one finding of a config, which is at the mark."""
    path.write_text(marked.replace(HERE, ""))
    (found,) = check(path)
    before = marked[: marked.index(HERE)]
    assert (found.code, found.line) == (code, before.count("\n") + 1)
    assert found.column == len(before) - before.rfind("\n")
    assert found.suggestion
    return found
