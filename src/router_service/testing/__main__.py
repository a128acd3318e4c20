"""`python -m router_service.testing --spec JSON`: one fake provider as a process of its own.

Its first line on stdout is a JSON object with its ports; it runs until SIGTERM, SIGINT or, where
asked, until its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from router_service.testing.provider import FakeProvider
from router_service.testing.wire import ProviderSpec


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m router_service.testing", description="Run one fake provider."
    )
    parser.add_argument("--spec", required=True, help='such as {"id": "a", "server": "ollama"}')
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent")
    return parser.parse_args()


async def _run(spec: ProviderSpec, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, loop, ended)
    async with FakeProvider(spec) as provider:
        ports = {"port": provider.port, "control_port": provider.control_port}
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await ended.wait()


def _read_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        ended.set()


def main() -> int:
    arguments = _arguments()
    try:
        spec = ProviderSpec.from_json(arguments.spec)
        asyncio.run(_run(spec, arguments.until_stdin_closes))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"fake provider: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
