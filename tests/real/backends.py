"""Real backends on a tiny model, and the routing configs that point at them.

Each knows how to start one server and what a user would write about it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .prepare import LLAMA_PYTHON
from .processes import START_TIMEOUT_S, answers, clean_environment, free_port, running, wait_for

# A slow machine under load must not look like a broken provider.
_PATIENCE = {"connect_timeout_ms": 10_000, "first_token_timeout_ms": 60_000} | {
    "idle_timeout_ms": 60_000
}
_OLLAMA_TEMPLATE = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}\n{{ end }}<assistant>"


@dataclass(frozen=True)
class Backend:
    """A running server."""

    base_url: str
    """As a routing config has it."""
    log: Path


@contextlib.contextmanager
def llama_cpp_server(model: Path, folder: Path) -> Iterator[Backend]:
    """llama-cpp-python's own server."""
    port, log = free_port(), folder / "llama_cpp.log"
    options = {
        "--model": model,
        "--model_alias": "tiny",
        "--host": "127.0.0.1",
        "--port": port,
        "--n_ctx": 0,  # the model's own
        # Several threads wait for each other by spinning, which a busy machine makes very slow.
        "--n_threads": 1,
        "--n_threads_batch": 1,
        "--interrupt_requests": False,
    }
    arguments = [str(word) for pair in options.items() for word in pair]
    with running([LLAMA_PYTHON, "-m", "llama_cpp.server", *arguments], log) as process:
        wait_for(process, log, lambda: answers(f"http://127.0.0.1:{port}/v1/models"))
        yield Backend(f"http://127.0.0.1:{port}/v1", log)


@contextlib.contextmanager
def ollama_server(program: Path, model: Path, folder: Path) -> Iterator[Backend]:
    """Ollama with the model imported as `tiny`."""
    address, log = f"127.0.0.1:{free_port()}", folder / "ollama.log"
    environment = {
        "OLLAMA_HOST": address,
        "OLLAMA_MODELS": str(folder / "models"),
        "HOME": str(folder),
    }
    with running([program, "serve"], log, environment) as process:
        wait_for(process, log, lambda: answers(f"http://{address}/api/version"))
        modelfile = folder / "Modelfile"
        modelfile.write_text(
            f'FROM {model}\nTEMPLATE """{_OLLAMA_TEMPLATE}"""\nPARAMETER num_thread 1\n'
        )
        subprocess.run(
            [program, "create", "tiny", "--file", modelfile],
            check=True,
            capture_output=True,
            timeout=START_TIMEOUT_S,
            env=clean_environment(environment),
        )
        yield Backend(f"http://{address}", log)


def routing_config(path: Path, kind: str, base_url: str, **settings: object) -> Path:
    """A routing config with the model `tiny` there, and `rescued`, whose own provider is dead.

    `settings`: further ones of that provider.
    """
    dead = f"http://127.0.0.1:{free_port()}/v1"
    config: dict[str, Any] = {
        "providers": {
            "dead": {"kind": "openai", "base_url": dead, "failure_domain": "nowhere"},
            "backend": {"kind": kind, "base_url": base_url, "capacity": 2} | _PATIENCE | settings,
        },
        "models": {
            "tiny": {"provider": "backend", "tier": "local", "aliases": ["small"]},
            "rescued": {"provider": "dead", "upstream_model": "gone", "tier": "local"},
        },
        "fallback_chains": {"rescued": {"chain": ["tiny"]}},
        "router_settings": {"timeout": 120},
        "unknown_model": "reject",
    }
    path.write_text(json.dumps(config, indent=2))
    return path
