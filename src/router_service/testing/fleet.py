"""The reference fleet as fake providers on free ports, together or as processes that can be killed.

It also writes a routing config that points at them, so that a router can be started beside it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self

from router_service.testing.behaviour import Behaviour
from router_service.testing.journal import Entry
from router_service.testing.process import ProviderProcess
from router_service.testing.provider import FakeProvider
from router_service.testing.wire import ProviderSpec, Server

CLOUD_KEY = "fake-cloud-key"
"""Bearer key that the fake cloud providers demand."""

_CLOUD_MODELS = (
    "deepseek-v3.1:671b",
    "kimi-k2:1t",
    "qwen3-coder:480b",
    "gpt-oss:120b",
    "gpt-oss:20b",
    "glm-4.6",
)
_REFERENCE = (
    ProviderSpec("ollama", Server.OLLAMA),
    ProviderSpec("llama_cpp_python", Server.LLAMA_CPP_PYTHON, context_window=8192),
    ProviderSpec("llama_cpp_native", Server.LLAMA_CPP, context_window=8192),
    ProviderSpec(
        "vllm-qwen",
        Server.VLLM,
        models=("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ",),
        context_window=4096,
    ),
    ProviderSpec(
        "vllm-dolphin",
        Server.VLLM,
        models=("solidrust/dolphin-2.8-mistral-7b-v02-AWQ",),
        context_window=4096,
    ),
    ProviderSpec(
        "ollama_cloud",
        Server.OLLAMA,
        # The service lists plain names; its command line adds the suffix. Both are taken.
        models=tuple(
            name + suffix
            for name in _CLOUD_MODELS
            for suffix in ("", ":cloud" if name == "glm-4.6" else "-cloud")
        ),
        api_key=CLOUD_KEY,
    ),
    ProviderSpec(
        "huggingface",
        Server.OPENAI,
        models=("meta-llama/Llama-3.2-3B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        api_key=CLOUD_KEY,
    ),
)
_PACE = {
    "ollama": (0.100, 60),
    "llama_cpp_python": (0.080, 40),
    "llama_cpp_native": (0.050, 60),
    "vllm-qwen": (0.120, 120),
    "vllm-dolphin": (0.120, 120),
    "ollama_cloud": (0.350, 80),
    "huggingface": (0.300, 80),
}
"""Seconds to the first token and tokens per second, for a fleet with a natural pace."""


class RunningProvider(Protocol):
    """What FakeProvider and ProviderProcess have in common."""

    spec: ProviderSpec
    port: int

    @property
    def id(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...
    async def restart(self) -> None: ...
    async def behave(self, behaviour: Behaviour) -> None: ...
    async def reset(self) -> None: ...
    async def log(self) -> list[Entry]: ...


def reference_specs(*, paced: bool = False) -> list[ProviderSpec]:
    """The fleet of the shipped config; paced gives each provider its usual speed."""
    if not paced:
        return list(_REFERENCE)
    return [replace(spec, behaviour=_pace(spec.id)) for spec in _REFERENCE]


def _pace(provider_id: str) -> Behaviour:
    first_token_s, tokens_per_s = _PACE[provider_id]
    return Behaviour(first_token_s=first_token_s, tokens_per_s=tokens_per_s)


class FakeFleet:
    """All providers, started and stopped together. Use as an async context manager.

    `async with FakeFleet() as fleet:` runs them in this process, `processes=True` each in its own.
    """

    def __init__(
        self, specs: Sequence[ProviderSpec] | None = None, *, processes: bool = False
    ) -> None:
        build = ProviderProcess if processes else FakeProvider
        chosen = reference_specs() if specs is None else specs
        self._providers: dict[str, RunningProvider] = {spec.id: build(spec) for spec in chosen}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Provider id → base URL."""
        return {name: provider.base_url for name, provider in self._providers.items()}

    def __getitem__(self, provider_id: str) -> RunningProvider:
        return self._providers[provider_id]

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="router-service-fleet-")
        try:
            async with asyncio.TaskGroup() as starting:
                for provider in self._providers.values():
                    starting.create_task(provider.start())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()
        stops = (provider.stop() for provider in self._providers.values())
        await asyncio.gather(*stops)

    async def kill(self, provider_id: str) -> None:
        """Let a provider vanish: SIGKILL where it is a process."""
        await self[provider_id].kill()

    async def restart(self, provider_id: str) -> None:
        """Bring a killed provider back on its port."""
        await self[provider_id].restart()

    def routing_config(self, path: Path) -> Path:
        """A copy of a routing config, its providers' addresses replaced by the fleet's.

        The copy lives as long as the fleet. Raises ValueError where the file's `providers` lack one
        of the fleet's.
        """
        if self._folder is None:
            raise ValueError("the fleet is not running: use it as an async context manager")
        config = _read_yaml(path)
        providers = config.get("providers") or {}
        for name, address in self.addresses.items():
            if name not in providers:
                raise ValueError(f"{path}: providers has no {name}, so its address cannot be set")
            providers[name]["base_url"] = address
        copy = Path(self._folder.name) / path.name
        _write_yaml(config, copy)
        return copy

    def environment(self, config: Path) -> dict[str, str]:
        """The variables a router needs: for each credential the config names, the key that fits."""
        providers = _read_yaml(config).get("providers") or {}
        return {
            providers[name]["credential_env"]: provider.spec.api_key
            for name, provider in self._providers.items()
            if provider.spec.api_key is not None and "credential_env" in providers.get(name, {})
        }


def _read_yaml(path: Path) -> Any:
    from ruamel.yaml import YAML  # a fleet without a config starts sooner

    config = YAML().load(path)
    if not isinstance(config, dict):
        raise ValueError(f"{path}: a routing config is a mapping")
    return config


def _write_yaml(config: Any, path: Path) -> None:
    from ruamel.yaml import YAML

    YAML().dump(config, path)
