"""What a replay found, for a terminal.

The fields are those of `replay --json`; this room only lays them out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.compact_table import compact_table

_MOST_ROWS = 10
_REWARDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "success": ("success, per cent", lambda value: f"{100 * value:.2f}"),
    "ttft_s": ("TTFT, ms", lambda value: f"{1000 * value:,.1f}"),
    "cost_usd": ("cost, USD per 1,000", lambda value: f"{round(1000 * value, 9) + 0.0:.4g}"),
}
_METHODS = {
    "logged": "the log",
    "ips": "IPS",
    "snips": "SNIPS",
    "doubly_robust": "doubly robust",
}


def print_replay(found: dict[str, Any], console: Console | None = None) -> None:
    """Identity first, then what moves, then what that would have been worth."""
    console = console or Console()
    same = found["same_config"]
    if same["decisions"]:
        _print_identity(console, same, found["table_version"])
    difference = found["difference"]
    if difference is not None:
        others = sum(n for name, n in found["versions"].items() if name != found["table_version"])
        console.print(
            f"{others:,} decisions were made with another version of the config than "
            f"{found['table_version']}"
        )
        _print_difference(console, difference)
        _print_estimates(console, found["estimates"])


def _print_identity(console: Console, same: dict[str, Any], version: str) -> None:
    console.print(
        f"{same['identical']:,} of {same['decisions']:,} decisions of this config ({version}) "
        "are made again bit for bit"
    )
    if not same["differing"]:
        return
    table = compact_table(f"First differences of {same['differing']:,} decisions")
    for column in ("decision", "field", "logged", "replayed"):
        table.add_column(column, overflow="fold")
    for each in same["first_differences"]:
        table.add_row(
            escape(each["decision_id"]),
            escape(each["field"]),
            *(escape(_value(each, side)) for side in ("logged", "replayed")),
        )
    console.print(table)


def _value(difference: dict[str, Any], side: str) -> str:
    return json.dumps(difference[side], ensure_ascii=False) if side in difference else "absent"


def _print_difference(console: Console, difference: dict[str, Any]) -> None:
    console.print(
        f"  moved: {difference['moved']:,} of {difference['requests']:,} "
        f"({_percent(difference['moved_share'])}) have another first choice; "
        f"{difference['plan_changed']:,} the same one and another plan behind it"
    )
    console.print(
        f"  refused now: {difference['refused_now']:,}; served now: {difference['served_now']:,}"
    )
    console.print(_rules(difference["rules"]))
    for name in ("tiers", "providers"):
        if difference[name]["moves"]:
            _print_shares(console, name, difference[name], difference["requests"])
    _print_expected(console, difference)


def _rules(rules: dict[str, dict[str, int]]) -> Table:
    table = _headed("Rules", "rule", "requests", "moved", "share", "now by another rule")
    for name, told in rules.items():
        share = _percent(told["moved"] / told["requests"])
        counts = (f"{told['requests']:,}", f"{told['moved']:,}", share, f"{told['rule_changed']:,}")
        table.add_row(escape(name), *counts)
    return table


def _print_shares(console: Console, title: str, matrix: dict[str, Any], requests: int) -> None:
    before, after = matrix["before"], matrix["after"]
    table = _headed(f"{title.capitalize()}: share of first choices", "", "before", "after")
    for name in {**before, **after}:
        table.add_row(
            escape(name), *(_percent(side.get(name, 0) / requests) for side in (before, after))
        )
    console.print(table)
    moves = matrix["moves"]
    table = _headed("", "from", "to", "requests")
    table.columns[1].justify = "left"
    for move in moves[:_MOST_ROWS]:
        table.add_row(escape(move["from"]), escape(move["to"]), f"{move['requests']:,}")
    if len(moves) > _MOST_ROWS:
        rest = sum(move["requests"] for move in moves[_MOST_ROWS:])
        table.add_row("others", "", f"{rest:,}")
    console.print(table)


def _print_expected(console: Console, difference: dict[str, Any]) -> None:
    cost, ttft = difference["cost"], difference["ttft"]
    if cost["requests"]:
        console.print(
            f"Expected cost of first choices, at the prices of this config: "
            f"{cost['before_usd']:,.4f} USD before, {cost['after_usd']:,.4f} USD after "
            f"({cost['requests']:,} requests; {cost['answers_uncounted']:,} answers were not "
            f"counted and are taken to have {cost['answer_tokens']:,.0f} tokens)"
        )
    if ttft["requests"]:
        console.print(
            f"Expected TTFT of first choices: {_ms(ttft['before_s'])} before, "
            f"{_ms(ttft['after_s'])} after ({ttft['requests']:,} requests; "
            f"{_sources(ttft['deployments'])})"
        )


def _sources(deployments: dict[str, Any]) -> str:
    priors = [name for name, told in deployments.items() if told["source"] == "prior"]
    if not priors:
        return "every deployment was measured in this log"
    named = ", ".join(escape(name) for name in priors[:_MOST_ROWS])
    more = f" and {len(priors) - _MOST_ROWS} more" if len(priors) > _MOST_ROWS else ""
    return f"not measured in this log, so taken by their providers' priors: {named}{more}"


def _print_estimates(console: Console, told: dict[str, Any]) -> None:
    if told["refused"] is not None:
        console.print(f"No estimate of how they would have gone: {escape(told['refused'])}")
    coverage = told["coverage"]
    if coverage is not None:
        console.print(
            f"Weights of {told['records']:,} requests whose outcome is known: effective sample "
            f"size {told['effective_sample_size']:,.0f}, largest {told['largest_weight']:.3g}, "
            f"mean {told['mean_weight']:.3f}; the log cannot speak for "
            f"{_percent(coverage['uncovered'])} of the new choices"
        )
        _print_never_chosen(console, coverage["never_chosen"])
    if told["rewards"]:
        console.print(_rewards(told["rewards"]))
        for name, reward in told["rewards"].items():
            if reward["refused"] is not None:
                console.print(f"{_REWARDS[name][0]}: {escape(reward['refused'])}")


def _print_never_chosen(console: Console, never: dict[str, float]) -> None:
    if never:
        listed = list(never.items())[:_MOST_ROWS]
        named = ", ".join(f"{escape(name)} {_percent(share)}" for name, share in listed)
        console.print(f"  never chosen in this log: {named}")


def _rewards(rewards: dict[str, Any]) -> Table:
    table = _headed("First attempts, as logged and as estimated", "", "by", "mean", "95 % interval")
    table.columns[1].justify = "left"
    for name, reward in rewards.items():
        if reward["refused"] is None:
            label, shown = _REWARDS[name]
            for method, words in _METHODS.items():
                told = reward[method]
                interval = f"{shown(told['low'])} to {shown(told['high'])}"
                table.add_row(label, words, shown(told["value"]), interval)
                label = ""
    return table


def _headed(title: str, *columns: str) -> Table:
    table = compact_table(title)
    first, *others = columns
    table.add_column(first, overflow="fold")
    for column in others:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"
