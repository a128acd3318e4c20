"""Writes a routing config for servers that were found: providers, their models, a default.
It is an ordinary document, with values a person would begin with."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from router_service.discover.servers import Server

_USUAL_NAMES = {8080: "llama_cpp", 8000: "llama_cpp_python", 8001: "vllm", 1234: "lm_studio"}
"""Who listens there by default; for servers that do not tell who they are."""
_SETTINGS: dict[str, dict[str, Any]] = {
    "ollama": {"capacity": 4},
    "vllm": {"capacity": 64, "prefill": True},
    "llama_cpp": {"capacity": 4, "prefill": True},
    # It counts no tokens in streams.
    "llama_cpp_python": {"capacity": 2, "stream_whole_answers": False},
}
_OTHERS = {"capacity": 4}
_WRITTEN_SIZE = re.compile(r"\d+(\.\d+)?[KMBT]", re.IGNORECASE)
_LATEST = ":latest"
_HEADING = """\
# The model servers found on this machine, written by: router-service config discover
# Capacities (requests at once) are starting values. Check it after each change:
#   router-service check FILE
"""


def document_of(servers: Sequence[Server]) -> dict[str, Any]:
    """A routing config for these servers; one that wants a key is left out.

    One model per listed name, deployed wherever it is listed. A name no rule knows goes to the
    first server, which gets it unchanged.
    """
    providers: dict[str, Any] = {}
    listed: dict[str, list[str]] = {}
    sizes: dict[str, str | int] = {}
    for server in servers:
        if server.locked:
            continue
        name = _provider_name(server, providers)
        providers[name] = _provider(server)
        for model, size in server.models.items():
            listed.setdefault(model, []).append(name)
            if (parameters := _parameters(size)) is not None:
                sizes.setdefault(model, parameters)
    models = {model: _model(model, listed, sizes.get(model)) for model in listed}
    return {
        "default_provider": next(iter(providers)),
        "providers": providers,
        "models": models,
        # On one machine it cannot be helped.
        "policies": {"severity": {"single-failure-domain": "off"}},
    }


def as_yaml(document: dict[str, Any]) -> str:
    """The document as a file to keep."""
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML().dump(document, text)
    return _HEADING + text.getvalue()


def summary(server: Server) -> str:
    """One line for people."""
    if server.locked:
        return (
            f"{server.base_url} wants a key, so it is left out; "
            "name it in a routing config, with credential_env"
        )
    number = len(server.models)
    models = "1 model" if number == 1 else f"{number} models"
    return f"{_own_name(server)} at {server.base_url}: {models}"


def _model(
    name: str, listed: Mapping[str, Sequence[str]], parameters: str | int | None
) -> dict[str, Any]:
    """`listed`: the providers that list each name."""
    providers = listed[name]
    model: dict[str, Any] = {"provider": providers[0]}
    if len(providers) > 1:
        model = {"deployments": [{"provider": provider} for provider in providers]}
    if name.endswith(_LATEST) and (plain := name.removesuffix(_LATEST)) not in listed:
        model["aliases"] = [plain]
    return model if parameters is None else model | {"parameters": parameters}


def _provider(server: Server) -> dict[str, Any]:
    settings = _SETTINGS.get(_own_name(server), _OTHERS)
    return {"kind": server.kind, "base_url": server.base_url, "location": "local", **settings}


def _provider_name(server: Server, taken: dict[str, Any]) -> str:
    name = _own_name(server)
    return f"{name}_{_port(server)}" if name in taken else name


def _own_name(server: Server) -> str:
    if server.kind != "openai":
        return server.kind
    if server.signals.running is not None:
        return "llama_cpp"
    return _USUAL_NAMES.get(_port(server), f"openai_{_port(server)}")


def _port(server: Server) -> int:
    return urlsplit(server.base_url).port or 80


def _parameters(size: str | None) -> str | int | None:
    """A stated size as config has it; None for what is not one."""
    if size is None:
        return None
    if size.isdecimal():
        return int(size) or None
    return size if _WRITTEN_SIZE.fullmatch(size) else None
