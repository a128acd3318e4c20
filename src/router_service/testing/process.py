"""One fake provider as a process of its own, so that it can be killed for good.

It is steered over HTTP on its second port, and it ends by itself when its parent is gone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from typing import Any

import aiohttp

from router_service.testing.behaviour import Behaviour
from router_service.testing.journal import Entry
from router_service.testing.wire import ProviderSpec

_START_S = 20.0
_STOP_S = 5.0
_CONTROL_S = 5.0


class ProviderProcess:
    """The same interface as FakeProvider, carried out in another process."""

    def __init__(self, spec: ProviderSpec) -> None:
        self.spec = spec
        self.port = spec.port
        self.control_port = 0
        self._process: Process | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def base_url(self) -> str:
        """As a routing config has it, once started."""
        return f"http://127.0.0.1:{self.port}{self.spec.base_path}"

    async def __aenter__(self) -> ProviderProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the process and wait until it listens. Raises RuntimeError where it does not."""
        spec = replace(self.spec, port=self.port)
        command = (sys.executable, "-m", "router_service.testing", "--until-stdin-closes")
        process = await asyncio.create_subprocess_exec(
            *command, "--spec", spec.to_json(), stdin=PIPE, stdout=PIPE
        )
        self._process = process
        try:
            async with asyncio.timeout(_START_S):
                line = await process.stdout.readline() if process.stdout is not None else b""
            ports = json.loads(line)
        except (TimeoutError, ValueError):
            await self.kill()
            raise RuntimeError(
                f"fake provider {self.id} did not start; its own message is on stderr"
            ) from None
        self.port, self.control_port = ports["port"], ports["control_port"]

    async def stop(self) -> None:
        """Ask it to end, and kill it where it does not; a second call does nothing."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await self._process.wait()
            except TimeoutError:
                pass  # kill below does not ask
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()

    async def restart(self) -> None:
        """Start anew after kill, on the same port."""
        await self.kill()
        await self.start()

    async def behave(self, behaviour: Behaviour) -> None:
        """Change how it behaves from the next request on. Counts of faults start again."""
        await self._control("POST", "behaviour", behaviour.to_json())

    async def reset(self) -> None:
        """Back to the first behaviour, with an empty log."""
        await self._control("POST", "reset")

    async def log(self) -> list[Entry]:
        """What it saw since it started, oldest first."""
        return [Entry.from_json(entry) for entry in await self._control("GET", "log")]

    async def _control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.control_port}/_fake/{path}"
        timeout = aiohttp.ClientTimeout(total=_CONTROL_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.request(method, url, json=body) as response,
        ):
            return await response.json()
