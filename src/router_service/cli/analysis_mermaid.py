"""An analysed config as a Mermaid graph: tiers and failure domains as boxes, chains as arrows.

Chains are numbered in their order; dotted lines lead from a model to where it is deployed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from router_service.cli.analysis_layout import grouped


def mermaid_of(graph: dict[str, Any]) -> str:
    """The text of a flowchart. `graph` is that of `analyze --json`."""
    return "\n".join(("flowchart LR", *_lines(graph)))


def _lines(graph: dict[str, Any]) -> Iterator[str]:
    models = {item["model"]: f"m{place}" for place, item in enumerate(graph["models"])}
    providers = {item["provider"]: f"p{place}" for place, item in enumerate(graph["providers"])}
    for place, (tier, members) in enumerate(grouped(graph["models"], "tier").items()):
        named = (f"{models[item['model']]}[{_text(item['model'])}]" for item in members)
        yield from _box(f"t{place}", f"tier {tier}", named)
    for place, (domain, members) in enumerate(
        grouped(graph["providers"], "failure_domain").items()
    ):
        named = (f"{providers[item['provider']]}([{_text(_provider(item))}])" for item in members)
        yield from _box(f"d{place}", f"failure domain {domain}", named)
    for item in graph["models"]:
        own = models[item["model"]]
        for number, member in enumerate(item["chain"], start=1):
            yield f"  {own} -->|{number}| {models[member]}"
        for provider in item["providers"]:
            yield f"  {own} -.-> {providers[provider]}"


def _box(name: str, title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"  subgraph {name}[{_text(title)}]"
    for line in lines:
        yield f"    {line}"
    yield "  end"


def _provider(item: dict[str, Any]) -> str:
    availability = f"{100 * item['availability']:g} %"
    return f"{item['provider']}, {availability if item['active'] else 'not active'}"


def _text(text: str) -> str:
    """A quoted label; Mermaid writes what would end it, or begin an entity, as an entity."""
    escaped = text.replace("#", "#35;").replace('"', "#quot;")
    return f'"{escaped}"'
