"""The service config as frozen types, declared once: defaults, bounds and descriptions.

It says how this process listens, limits and logs; where requests go is the routing config's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from router_service.config.reference import REFERENCE_CONFIG

MIB = 1024 * 1024

SHORTEST_INTERVAL_S = 0.1
"""Asking more often would burden a provider and tell nothing new."""

USUAL_PORTS = (11434, 8080, 8000, 8001, 1234)
"""Where model servers listen unless told otherwise: Ollama, llama.cpp, llama-cpp-python and vLLM, a
second vLLM, LM Studio."""

_NEVER_FORWARDED = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """Relative paths are relative to the file they stand in, like include."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path.expanduser()


def _log_destination(*words: str) -> Callable[[str, ValidationInfo], str]:
    """One of these words, or a file path."""

    def destination(text: str, info: ValidationInfo) -> str:
        return text if text in words else str(_beside_the_file(Path(text), info))

    return destination


def _forwardable(name: str) -> str:
    lowered = name.lower()
    if lowered in _NEVER_FORWARDED:
        raise ValueError(f"{lowered} is never forwarded: it belongs to this hop alone")
    return lowered


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _worth_it(seconds: float) -> float:
    if 0 < seconds < SHORTEST_INTERVAL_S:
        raise ValueError(f"should be 0 (off) or at least {SHORTEST_INTERVAL_S:g} s")
    return seconds


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
Host = Annotated[
    str,
    Field(
        min_length=1,
        description="address to listen on; beyond loopback API keys are required",
    ),
]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bound = Annotated[int, Field(ge=1, le=100_000)] | None
Interval = Annotated[float, Field(ge=0, le=3600), AfterValidator(_worth_it)]
HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"), AfterValidator(_forwardable)
]
DiscoverPort = Annotated[int, Field(ge=1, le=65_535)]
Command = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Port = Annotated[int, Field(ge=0, le=65_535, description="port, 0 to 65535; 0 takes any free one")]


class Section(BaseModel):
    """What all sections share: immutable, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FaceConfig(Section):
    """What both faces have: an address, and their part of the limits."""

    host: Host = "127.0.0.1"
    max_concurrent: Bound = Field(
        default=None,
        description="of limits.max_concurrent, how many requests over this face; null is all",
    )
    max_queue: Bound = Field(
        default=None, description="of limits.max_queue, how many over this face; null is all"
    )


class GrpcConfig(FaceConfig):
    port: Port = 50_051
    max_message_bytes: int = Field(
        default=20 * MIB, ge=1024, le=1024 * MIB, description="largest message received, bytes"
    )


class HttpConfig(FaceConfig):
    port: Port = 4000
    max_body_bytes: int = Field(
        default=16 * MIB, ge=1024, le=1024 * MIB, description="largest request body, bytes"
    )


class AuthConfig(Section):
    api_keys_file: FilePath | None = Field(
        default=None, description="file of API keys, one `name:key` or bare key on each line"
    )
    api_keys_env: str = Field(
        default="ROUTER_SERVICE_API_KEYS",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="name of the environment variable that holds API keys",
    )


class LimitsConfig(Section):
    max_concurrent: int = Field(
        default=512,
        ge=1,
        le=100_000,
        description="requests carried out at once, both faces together",
    )
    max_queue: int = Field(
        default=512,
        ge=0,
        le=100_000,
        description="requests waiting for room; more are refused at once",
    )
    queue_timeout_s: Seconds = Field(default=5, description="longest wait for room, seconds")
    max_concurrent_per_caller: Bound = Field(
        default=None,
        description="requests of one caller carried out at once; null is max_concurrent, since "
        "callers who compete have their turns one after another anyway",
    )
    max_queue_per_caller: Bound = Field(
        default=None,
        description="requests of one caller waiting for room; null is max_queue, since the caller "
        "with the most waiting gives way when it is full",
    )
    max_deciding: int = Field(
        default=512,
        ge=1,
        le=100_000,
        description="decisions without carrying out at once, and RouteStream calls open at once",
    )
    max_body_bytes_held: int = Field(
        default=256 * MIB,
        ge=1024,
        le=1024 * 1024 * MIB,
        description="bytes of bodies held for requests being carried out, and as many for "
        "decisions; never less than the largest body either face takes",
    )
    drain_timeout_s: Seconds = Field(
        default=30,
        description="time running requests get to finish when the service stops, seconds",
    )
    stream_timeout_s: Seconds = Field(
        default=600, description="deadline of a streamed request whose caller names none, seconds"
    )


class PollingConfig(Section):
    load_interval_s: Interval = Field(
        default=1,
        description="time between two looks at a local provider's load, seconds; 0 is never",
    )
    health_interval_s: Interval = Field(
        default=5,
        description="time between two probes of providers that could not be reached, seconds; "
        "0 is never",
    )


class ReloadConfig(Section):
    on_change: bool = Field(
        default=True, description="whether the routing config is read again when its files change"
    )
    state_dir: FilePath | None = Field(
        default=None,
        description="folder where the last good routing configs are kept over restarts, to go back "
        "to; null keeps them in memory alone",
    )


class SwitchConfig(Section):
    commands: dict[str, Command] = Field(
        default_factory=dict,
        max_length=64,
        description="program and arguments that make a member of an exclusive group ready, by its "
        "provider id; no shell reads them",
    )
    timeout_s: Seconds = Field(
        default=300, description="longest time a switch may take, its drain included, seconds"
    )


class LoggingConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe messages shown"
    )
    format: Literal["text", "json"] = Field(
        default="text", description="form of the messages on stderr"
    )
    access_log: Annotated[
        str, Field(min_length=1), AfterValidator(_log_destination("stderr", "off"))
    ] = Field(
        default="stderr", description="where the line per request goes: stderr, off, or a file path"
    )


class DecisionLogConfig(Section):
    file: Annotated[str, Field(min_length=1), AfterValidator(_log_destination("auto", "off"))] = (
        Field(
            default="auto",
            description="where each decision is written with what it was made of: a file path, "
            "off, or auto, which is router-service/decisions.jsonl in XDG_STATE_HOME or "
            "~/.local/state",
        )
    )
    max_bytes: int = Field(
        default=64 * MIB,
        ge=4096,
        le=1024 * 1024 * MIB,
        description="size at which the file is put aside and a new one begun, bytes",
    )
    keep: int = Field(
        default=8, ge=0, le=1000, description="files put aside that are kept, the newest ones"
    )
    prompts: bool = Field(
        default=False,
        description="whether the bodies of requests, prompts and all, are written too",
    )


class RoutingConfig(Section):
    # A factory keeps this machine's path out of the JSON Schema.
    config: FilePath = Field(
        default_factory=lambda: REFERENCE_CONFIG,
        description="routing config; without one, what answers on discover_ports, and where "
        "nothing does, the shipped reference fleet",
    )
    discover_ports: tuple[DiscoverPort, ...] = Field(
        default=USUAL_PORTS,
        max_length=64,
        description="ports of this machine asked for model servers where no routing config is "
        "named; none asks nobody",
    )

    @property
    def named(self) -> bool:
        """Whether anybody has named a routing config."""
        return "config" in self.model_fields_set


class ServiceConfig(Section):
    """The whole service config. Every key has a default."""

    grpc: GrpcConfig = GrpcConfig()
    http: HttpConfig = HttpConfig()
    auth: AuthConfig = AuthConfig()
    limits: LimitsConfig = LimitsConfig()
    polling: PollingConfig = PollingConfig()
    reload: ReloadConfig = ReloadConfig()
    switch: SwitchConfig = SwitchConfig()
    logging: LoggingConfig = LoggingConfig()
    decision_log: DecisionLogConfig = DecisionLogConfig()
    forward_headers: Annotated[tuple[HeaderName, ...], AfterValidator(_distinct)] = Field(
        default=(),
        max_length=64,
        description="client headers sent upstream, besides tracing headers",
    )
    routing: RoutingConfig = Field(default_factory=RoutingConfig)
