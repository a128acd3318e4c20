"""What the demo prints: progress, the table of decisions and answers, and lines to try.

Nothing is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.testing.demo.result import Result
from router_service.testing.demo.router_process import RouterProcess
from router_service.testing.demo.steps import Step

_TEXT_LENGTH = 60
_PLAIN_WIDTH = 120
"""Columns where the output is no terminal, such as a log."""
_SERVICE = "router_service.v1.RouterService"


def open_console() -> Console:
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def starting_fleet(console: Console, number: int) -> None:
    console.print(f"Starting {number} fake providers, each a process of its own")


def starting_router(console: Console, router: RouterProcess) -> None:
    console.print("Starting the router")
    for face, port, moved in (
        ("gRPC", router.grpc_port, router.grpc_moved),
        ("HTTP", router.http_port, router.http_moved),
    ):
        if moved:
            console.print(
                f"[yellow]the usual {face} port is in use by another program; "
                f"taking {port} instead[/yellow]"
            )


def seconds(console: Console, what: str, spent: float) -> None:
    console.print(f"  {what} in {spent:.1f} s")


def asking(console: Console, number: int, step: Step) -> None:
    console.print(f"{number:2}  {escape(step.title)} [dim]({step.via})[/dim]")


def piece(console: Console, text: str) -> None:
    """A piece of a stream, as it comes."""
    console.print(f"[cyan]{escape(text)}[/cyan]", end="", soft_wrap=True)
    console.file.flush()


def answered(console: Console, result: Result) -> None:
    if result.complaint is not None:
        console.print(f"    [red]{escape(result.complaint)}[/red]")
    elif result.step.via.streams:
        console.print()


def results(console: Console, results: Sequence[Result]) -> None:
    """Every decision and answer as one table."""
    table = Table(title="What was asked, how it was decided, who answered", show_lines=True)
    table.add_column("", justify="right")
    table.add_column("request", overflow="fold")
    table.add_column("decision", no_wrap=True)
    table.add_column("answered by", no_wrap=True)
    table.add_column("answer", overflow="fold")
    table.add_column("ms", justify="right")
    for number, result in enumerate(results, 1):
        table.add_row(str(number), *_cells(result), f"{result.seconds * 1000:.0f}")
    console.print(table)
    failed = sum(1 for result in results if result.complaint)
    if failed:
        console.print(f"[red]{failed} of {len(results)} steps did not get what they expect[/red]")
    else:
        console.print(f"[green]all {len(results)} steps got the expected answer, whole[/green]")


def _cells(result: Result) -> tuple[str, str, str, str]:
    step, seen = result.step, result.seen
    headers = "".join(f"\n{name}: {value}" for name, value in step.headers.items())
    limit = f", max_tokens {step.max_tokens}" if step.max_tokens is not None else ""
    sent = escape(f"{step.model or '(no model)'}{limit}{headers}\n{_short(step.prompt)}")
    asked = f"[b]{escape(step.title)}[/b]\n{sent}"
    if seen is None:
        return asked, "", "", f"[red]{escape(result.complaint or '')}[/red]"
    tries = f"\nafter {seen.attempts} attempts" if seen.attempts > 1 else ""
    note = f"\n[yellow]{escape(seen.note)}[/yellow]" if seen.note else ""
    text = "[dim](decision only)[/dim]" if seen.text is None else escape(_short(seen.text))
    if result.complaint is not None:
        text = f"[red]{escape(result.complaint)}[/red]"
    return (
        asked,
        f"{seen.rule}\n{seen.strategy}{note}",
        f"{escape(seen.model)}\non {seen.provider}{tries}",
        text,
    )


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_LENGTH else text[: _TEXT_LENGTH - 1] + "…"


def invitation(console: Console, router: RouterProcess, addresses: Mapping[str, str]) -> None:
    """Addresses, and lines that work as they stand."""
    http, grpc = f"http://127.0.0.1:{router.http_port}", f"127.0.0.1:{router.grpc_port}"
    chat = {"model": "code", "messages": [{"role": "user", "content": "print hello"}]}
    ask = {"model": "code", "prompt": "print hello", "max_tokens": 50}
    fault = {"faults": [{"kind": "status", "status": 503, "times": 3}]}
    ollama = addresses["ollama"]
    ghz = f"ghz --insecure --call {_SERVICE}"
    console.print(f"\n[b]HTTP[/b] {http}   [b]gRPC[/b] {grpc}   [b]log[/b] {router.log}\n")
    lines = (
        ("an answer", f"curl -si {http}/v1/chat/completions {_data(chat)}"),
        ("a stream", f"curl -sN {http}/v1/chat/completions {_data(chat | {'stream': True})}"),
        ("why", f"curl -s '{http}/v1/route?explain=true' {_data(ask)}"),
        ("figures", f"curl -s {http}/metrics"),
        ("let a provider fail", f"curl -s {ollama}/_fake/behaviour {_data(fault)}"),
        ("a decision", f"grpcurl -plaintext -d '{json.dumps(ask)}' {grpc} {_SERVICE}/Route"),
        ("an answer", f"grpcurl -plaintext -d '{json.dumps(ask)}' {grpc} {_SERVICE}/Generate"),
        ("load: answers", f"{ghz}/Generate -n 300 -c 20 -d '{json.dumps(ask)}' {grpc}"),
        (
            "load: decisions; nobody reports on them, so their slots come free after 30 s",
            f"{ghz}/Route -n 3000 -c 20 -d '{json.dumps(ask)}' {grpc}",
        ),
    )
    for title, line in lines:
        console.print(f"[dim]# {title}[/dim]")
        console.print(line, markup=False, soft_wrap=True)
    console.print("\nCtrl-C stops everything")


def _data(value: Any) -> str:
    return f"-H 'content-type: application/json' -d '{json.dumps(value)}'"
