"""What `doctor` found, as JSON values and as a table with findings for a terminal.

The table shows what --json has; this room only lays it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.doctor.examine import Examined
from router_service.doctor.findings import findings_of
from router_service.types import LoadSignals

_MOST_NAMES = 12
_COLOUR = {"error": "red", "warning": "yellow", "note": "cyan"}
_COLUMNS = ("provider", "reached", "connect", "list", "models", "key", "token")
_FIGURES = ("running", "waiting", "cache_used", "loaded")


def report(table_version: str, examined: Sequence[Examined]) -> dict[str, Any]:
    """Everything that was found. Times are milliseconds."""
    findings = [asdict(finding) for one in examined for finding in findings_of(one)]
    return {
        "usable": not any(finding["severity"] == "error" for finding in findings),
        "table_version": table_version,
        "providers": [_provider(one) for one in examined],
        "findings": findings,
    }


def print_report(found: dict[str, Any], console: Console | None = None) -> None:
    """One line per provider, what each serves, and what to do next."""
    console = console or Console()
    table = Table(box=SIMPLE_HEAD, header_style="dim", pad_edge=False, collapse_padding=True)
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for provider in found["providers"]:
        table.add_row(*_row(provider, _missing(provider, found["findings"])))
    console.print(table)
    for provider in found["providers"]:
        if provider["models"]:
            told = f"{provider['id']} serves {_names(provider['models'])}{_load(provider)}"
            console.print(told, markup=False, soft_wrap=True)
    if found["findings"]:
        console.print()
    for finding in found["findings"]:
        colour = _COLOUR[finding["severity"]]
        head = f"[{colour}]{finding['severity']}[/] {escape(finding['message'])}"
        console.print(f"{head} \\[{finding['code']}]", soft_wrap=True, highlight=False)
        console.print(f"  fix: {finding['fix']}", markup=False, soft_wrap=True, highlight=False)
    console.print()
    console.print(_verdict(found), markup=False, soft_wrap=True)


def _provider(one: Examined) -> dict[str, Any]:
    provider, token = one.provider, one.first_token
    return {
        "id": provider.id,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "location": provider.location,
        "active": provider.active,
        "reached": _reached(one),
        "connect_ms": _ms(one.connect_s),
        "list_ms": _ms(one.list_s),
        "models": None if one.listed is None else list(one.listed),
        "missing": [asdict(missing) for missing in one.missing],
        "key": str(one.key),
        "load_signals": None if one.signals is None else _offered(one.signals),
        "first_token": None
        if token is None
        else {
            "model": token.upstream_model,
            "first_byte_ms": _ms(token.first_byte_s),
            "first_token_ms": _ms(token.first_token_s),
        },
    }


def _reached(one: Examined) -> bool | None:
    """Whether a connection was made; None for a provider that was not asked."""
    return one.connect_s is not None if one.provider.active else None


def _offered(signals: LoadSignals) -> list[str]:
    return [name for name in _FIGURES if getattr(signals, name) is not None]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _missing(provider: dict[str, Any], findings: Sequence[dict[str, Any]]) -> int:
    """Of its deployments; those it answers for all the same are no finding."""
    codes = ("model-missing", "model-not-listed")
    return sum(
        finding["provider"] == provider["id"] and finding["code"] in codes for finding in findings
    )


def _row(provider: dict[str, Any], missing: int) -> list[str]:
    name = escape(provider["id"])
    if not provider["active"]:
        return [name, "inactive", *[""] * (len(_COLUMNS) - 2)]
    token = provider["first_token"]
    return [
        name,
        "yes" if provider["reached"] else "[red]no[/]",
        _shown(provider["connect_ms"]),
        _shown(provider["list_ms"]),
        _models(provider, missing),
        {"missing": "[red]missing[/]", "refused": "[red]refused[/]"}.get(
            provider["key"], provider["key"]
        ),
        _shown(token["first_token_ms"]) if token else "",
    ]


def _shown(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.0f} ms"


def _models(provider: dict[str, Any], missing: int) -> str:
    if provider["models"] is None:
        return ""
    return f"{len(provider['models'])}" + (f", {missing} missing" if missing else "")


def _load(provider: dict[str, Any]) -> str:
    offered = provider["load_signals"]
    if offered is None:
        return ""
    figures = ", ".join(offered).replace("cache_used", "cache used")
    return f"; of its load it tells {figures or 'nothing'}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _verdict(found: dict[str, Any]) -> str:
    active = [provider["id"] for provider in found["providers"] if provider["active"]]
    wrong = {item["provider"] for item in found["findings"] if item["severity"] == "error"}
    text = f"{len(active) - len(wrong)} of {len(active)} active providers usable"
    inactive = len(found["providers"]) - len(active)
    return f"{text}; {inactive} inactive and not asked" if inactive else text
