"""What is wrong with a provider that was examined, and what to do about it, in plain words.
An error keeps requests from being served; a warning and a note do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from router_service.core import Provider
from router_service.discover.servers import Server
from router_service.doctor.examine import Examined, Key, Missing
from router_service.errors import UpstreamError
from router_service.types import LoadSignals, OutcomeClass

MOST_NAMED = 5
"""Names of models in one message."""

_PRODUCT = {"ollama": "Ollama", "vllm": "vLLM", "openai": "the server"}
_START = {
    "ollama": "ollama serve",
    "vllm": "vllm serve MODEL --port {port}",
    "openai": "llama-server -m MODEL.gguf --port {port}, or whichever server it is",
}
_TOO_LATE = frozenset({OutcomeClass.SILENT, OutcomeClass.DEADLINE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a provider. `code` is a stable short name."""

    provider: str
    severity: Literal["error", "warning", "note"]
    code: str
    message: str
    fix: str


def findings_of(examined: Examined) -> list[Finding]:
    """Errors first; none for a provider that was not asked."""
    found = [*_of_key(examined), *_of_reaching(examined)]
    if examined.listed is not None:
        found += [*_of_models(examined), *_of_signals(examined), *_of_token(examined)]
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity))


# ── The key ──────────────────────────────────────────────────────────────────────────────────────


def _of_key(examined: Examined) -> Iterator[Finding]:
    provider, source = examined.provider, examined.provider.credential
    if examined.key is Key.MISSING:
        yield Finding(
            provider.id, "error", "key-missing", str(examined.key_problem), _set_key(str(source))
        )
    elif examined.key is Key.REFUSED:
        yield _refused_key(provider, examined.error)
    elif examined.key is Key.UNTESTED:
        fix = "test it: router-service doctor --first-token"
        if provider.location == "cloud":
            fix += " --cloud (which asks for one token and costs what that costs)"
        message = f"{provider.id} shows its models without a key too, so the key is not tested"
        yield Finding(provider.id, "note", "key-untested", message, fix)


def _refused_key(provider: Provider, error: UpstreamError | None) -> Finding:
    message = str(error)
    if error is not None and error.status == 402:
        fix = "see to the account's credit; the key itself is known there"
    elif provider.credential is None:
        fix = (
            f"it wants a key: put the key into an environment variable and name that under "
            f"providers.{provider.id}: credential_env: NAME"
        )
    elif "/" in provider.credential:
        fix = f"put a key that is valid there into the file {provider.credential}"
    else:
        fix = f"get a key that is valid there, then: export {provider.credential}=KEY"
    return Finding(provider.id, "error", "key-refused", message, fix)


def _set_key(source: str) -> str:
    if "/" in source:
        return f"put the key into the file {source}, readable by the router's user alone"
    return f"export {source}=KEY, here and where the router is started"


# ── Reaching it ──────────────────────────────────────────────────────────────────────────────────


def _of_reaching(examined: Examined) -> Iterator[Finding]:
    error = examined.error
    if error is None or error.outcome_class is OutcomeClass.UNAUTHORIZED:
        return
    if examined.seen_as is not None:
        yield _other_server(examined.provider, examined.seen_as)
    elif error.outcome_class is OutcomeClass.UNREACHABLE:
        yield _error(examined, "unreachable", error, _reach(examined))
    elif error.outcome_class in _TOO_LATE:
        fix = (
            "it may be overloaded or still starting; look at its log, or wait longer: --timeout 30"
        )
        yield _error(examined, "too-slow", error, fix)
    elif error.outcome_class in (OutcomeClass.MODEL_MISSING, OutcomeClass.SERVER_ERROR):
        yield _error(examined, "not-understood", error, _correct_address(examined.provider))
    else:
        yield _error(examined, "no-list", error, "look at the server's own log, and ask again")


def _other_server(provider: Provider, server: Server) -> Finding:
    message = (
        f"{provider.id}: {provider.base_url} is answered, but not as kind {provider.kind} does"
    )
    fix = (
        f"set providers.{provider.id} to kind: {server.kind} and base_url: {server.base_url}, "
        "or correct the port"
    )
    return Finding(provider.id, "error", "other-server", message, fix)


def _reach(examined: Examined) -> str:
    provider = examined.provider
    address = urlsplit(provider.base_url)
    if provider.location == "cloud":
        return (
            f"check the network from here (a firewall, a proxy), and providers.{provider.id}."
            f"base_url: {provider.base_url}"
        )
    start = _START[provider.kind].format(port=_port(provider))
    key = f"providers.{provider.id}.base_url"
    if examined.elsewhere:
        found = " and ".join(examined.elsewhere)
        return f"one of its kind answers at {found}: correct {key}, or start it: {start}"
    return (
        f"is {_PRODUCT[provider.kind]} running on {address.hostname}? start it: {start}; if it "
        f"listens elsewhere, correct {key}: {provider.base_url}"
    )


def _correct_address(provider: Provider) -> str:
    path = "has no path" if provider.kind == "ollama" else "mostly ends in /v1"
    return (
        f"check kind and port; the base_url of kind {provider.kind} {path}, and here it is "
        f"{provider.base_url}"
    )


# ── What it offers ───────────────────────────────────────────────────────────────────────────────


def _of_models(examined: Examined) -> Iterator[Finding]:
    provider, listed = examined.provider, examined.listed or ()
    if not listed:
        message = f"{provider.id} lists no model"
        yield Finding(provider.id, "warning", "no-models", message, _get_model(provider, "NAME"))
    if _took_other_name(examined):
        return
    for missing in examined.missing:
        yield _missing_model(examined, missing)


def _takes_any_name(examined: Examined) -> bool:
    """Whether it may: a server of one model, as llama.cpp's, answers whatever it is asked for."""
    provider, listed = examined.provider, examined.listed or ()
    return provider.kind == "openai" and provider.location == "local" and len(listed) == 1


def _took_other_name(examined: Examined) -> bool:
    """Whether it has answered to a name it does not list, as it then does to all."""
    token = examined.first_token
    unlisted = {missing.upstream_model for missing in examined.missing}
    answered = token is not None and token.error is None and token.upstream_model in unlisted
    return answered and _takes_any_name(examined)


def _missing_model(examined: Examined, missing: Missing) -> Finding:
    provider = examined.provider
    wanted = missing.upstream_model
    message = f"{provider.id} does not list {wanted}"
    if wanted != missing.model:
        message += f", which config has as {missing.model}"
    known = missing.closest or (examined.listed or ())[:MOST_NAMED]
    if known:
        message += f"; {'closest' if missing.closest else 'it lists'}: {', '.join(known)}"
    if _takes_any_name(examined):
        fix = (
            "a server of one model mostly answers to any name; find out: "
            "router-service doctor --first-token"
        )
        return Finding(provider.id, "warning", "model-not-listed", message, fix)
    fix = f"{_get_model(provider, wanted)}, or correct upstream_model of models.{missing.model}"
    return Finding(provider.id, "error", "model-missing", message, fix)


def _get_model(provider: Provider, model: str) -> str:
    if provider.location == "cloud":
        return "see which models the account has there"
    if provider.kind == "ollama":
        return f"ollama pull {model}"
    if provider.kind == "vllm":
        return f"vllm serve {model} --port {_port(provider)}"
    return f"load {model} into the server"


def _port(provider: Provider) -> int:
    address = urlsplit(provider.base_url)
    return address.port or (443 if address.scheme == "https" else 80)


def _of_signals(examined: Examined) -> Iterator[Finding]:
    provider, error = examined.provider, examined.signals_error
    if error is not None:
        fix = "without them its load is what this router sends there; look at the server's own log"
        yield Finding(provider.id, "warning", "no-load-figures", str(error), fix)
    elif provider.kind == "vllm" and examined.signals == LoadSignals():
        message = f"{provider.id} tells nothing of its load, though its kind is vllm"
        fix = "start vLLM without --disable-log-stats, or set kind: openai"
        yield Finding(provider.id, "warning", "no-load-figures", message, fix)


def _of_token(examined: Examined) -> Iterator[Finding]:
    token = examined.first_token
    if token is None or token.error is None:
        return
    provider, error = examined.provider, token.error
    if error.outcome_class is OutcomeClass.UNAUTHORIZED:
        yield _refused_key(provider, error)
        return
    absent = error.outcome_class is OutcomeClass.MODEL_MISSING
    unlisted = {missing.upstream_model for missing in examined.missing}
    if absent and token.upstream_model in unlisted and not _takes_any_name(examined):
        return  # that it is missing has been said
    fix = "look at the server's own log"
    if absent:
        fix = _get_model(provider, token.upstream_model)
    elif error.outcome_class in _TOO_LATE:
        fix = (
            "if it was loading the model, ask again; else raise "
            f"providers.{provider.id}.first_token_timeout_ms"
        )
    message = f"{error.message} (asked {token.upstream_model} for one token)"
    yield Finding(provider.id, "error", "no-answer", message, fix)


def _error(examined: Examined, code: str, error: UpstreamError, fix: str) -> Finding:
    return Finding(examined.provider.id, "error", code, error.message, fix)
