"""What the policies say of the documented chains, and what the page on policies says of them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("router_service._core", reason="the core is not built")

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.config.routing import check, load_routing
from router_service.core import Table

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
VERSIONS = {
    "v1.7": DATA / "chains-v1.7.yaml",
    "v1.7.1": DATA / "chains-v1.7.1.yaml",
    "shipped": ROOT / "config" / "model-mappings.yaml",
}


def models(found: list[LocatedDiagnostic], code: str) -> set[str]:
    """The first model that each finding of a policy names."""
    messages = [item.message for item in found if item.code == code]
    named = [re.search("plan of `([^`]+)`", message) for message in messages]
    return {match.group(1) for match in named if match}


def test_the_chains_of_v1_7() -> None:
    found = check(VERSIONS["v1.7"])
    assert models(found, "single-failure-domain") == {"qwen-coder-vllm"}
    assert models(found, "shared-last-domain") == {"gpt-oss:120b", "glm-4.6"}
    lost = [item.message for item in found if item.code == "capability-lost"]
    assert any("`kimi-k2:1t` loses the capability `large_context`" in text for text in lost)


def test_the_repair_of_v1_7_1() -> None:
    found = check(VERSIONS["v1.7.1"])
    assert models(found, "single-failure-domain") == {"qwen-coder-vllm", "llama-cpp-native"}
    assert models(found, "shared-last-domain") == {"gpt-oss:120b", "gpt-oss:20b", "glm-4.6"}


def test_the_page_tells_how_many_findings_each_version_has() -> None:
    counted = {}
    for version, path in VERSIONS.items():
        loaded = load_routing(path)
        assert not [item for item in loaded.findings if item.severity == "error"]
        counted[version] = Counter(item.code for item in [*loaded.findings, *loaded.accepted])
    header, *rows = [line for line in PAGE.splitlines() if line.startswith("| ")][-9:]
    assert [cell.strip() for cell in header.strip("|").split("|")][1:] == [*VERSIONS]
    for row in rows:
        code, *told = [cell.strip(" `") for cell in row.strip("|").split("|")]
        code = code.removesuffix("` (off)")
        expected = [str(counted[version][code]) for version in VERSIONS]
        assert [cell.split(",")[0] for cell in told] == expected, code


def test_the_page_describes_every_policy() -> None:
    """With the level it has where a config says nothing."""
    import json

    schema = json.loads(Table.schema())
    entry = schema["$defs"]["PoliciesEntry"]["properties"]["severity"]
    for code, declared in entry["properties"].items():
        level = declared["description"].rsplit("Default: ", 1)[-1].rstrip(".")
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{code}` "))
        assert row.split("|")[2].strip() in (level, "always an error"), code
