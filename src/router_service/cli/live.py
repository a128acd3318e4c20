"""Asks a running router, over gRPC, for what an operator wants of it, or why it decides as it does.

The one module of the command line that knows the wire's messages; commands get plain values.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from router_service.errors import CallFailed
from router_service.v1 import admin_pb2, admin_pb2_grpc, router_pb2, router_pb2_grpc, types_pb2

RELOAD_TIMEOUT_S = 60.0
"""Longest wait for a reload, which reads and compiles files."""
SWITCH_TIMEOUT_S = 2 * 86_400.0
"""The longest switch a router carries out, and as much for taking it back."""

EXPLAIN_TIMEOUT_S = 30.0
"""Longest wait for an explanation, which waits its turn among decisions."""

_OPTIONS = (
    # A router is asked directly, whatever proxy the environment names for the web.
    ("grpc.enable_http_proxy", 0),
    # What waits for a router that is gone without a word ends after these.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
_NAME = re.compile(r"(?!.*-bin$)[a-z0-9_.-]+")
_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True, slots=True)
class Admin:
    """AdminService of a running router. Every call raises CallFailed."""

    stub: admin_pb2_grpc.AdminServiceStub
    metadata: tuple[tuple[str, str], ...]
    address: str

    def reload(self, *, dry_run: bool = False, rollback_to: str = "") -> dict[str, Any]:
        """The fields of ReloadConfigResponse."""
        request = admin_pb2.ReloadConfigRequest(dry_run=dry_run, rollback_to=rollback_to)
        with _answering(self.address):
            reply = self.stub.ReloadConfig(
                request, metadata=self.metadata, timeout=RELOAD_TIMEOUT_S
            )
        return _fields(reply)

    def switch(self, target: str, timeout_s: float | None) -> Iterator[dict[str, Any]]:
        """The fields of each SwitchModelResponse as it comes, with the stage as a short word."""
        request = admin_pb2.SwitchModelRequest(target=target)
        if timeout_s is not None:
            request.timeout_us = round(timeout_s * 1e6)
        with _answering(self.address):
            for reply in self.stub.SwitchModel(
                request, metadata=self.metadata, timeout=SWITCH_TIMEOUT_S
            ):
                stage = _word(admin_pb2.SwitchStage, reply.stage)
                yield _fields(reply) | {"stage": stage, "elapsed_us": reply.elapsed_us}

    @contextmanager
    def watching(
        self, *, model: str, provider: str, rule: str, fallbacks_only: bool
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Decisions as their requests end (docs/cli.md has their keys, but for `time_us`), once the
        router has taken this watcher on. Empty texts match all."""
        request = admin_pb2.WatchDecisionsRequest(
            model=model,
            provider=provider,
            rule=f"RULE_{(rule or 'unspecified').upper()}",
            fallbacks_only=fallbacks_only,
        )
        with _answering(self.address):
            call = self.stub.WatchDecisions(request, metadata=self.metadata)
            # A refusal may have metadata too, before it is known to be one.
            if not any(key == "watching" for key, _ in call.initial_metadata()):
                next(call)  # raises what the router said
            yield map(_watched, call)


@contextmanager
def admin(address: str, api_key_env: str) -> Iterator[Admin]:
    """A connection that lasts as long as the block."""
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        yield Admin(stub, _metadata(api_key_env), address)


def explain(
    address: str, api_key_env: str, headers: Mapping[str, str], **asked: Any
) -> dict[str, Any]:
    """Why a router would decide as it does now: what the core writes of it.

    asked are fields of RouteRequest. Raises CallFailed.
    """
    request = router_pb2.ExplainRequest(route=router_pb2.RouteRequest(**asked))
    metadata = (*map(_sendable, headers.items()), *_metadata(api_key_env))
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)  # type: ignore[no-untyped-call]
        with _answering(address):
            reply = stub.Explain(request, metadata=metadata, timeout=EXPLAIN_TIMEOUT_S)
    document: dict[str, Any] = json.loads(reply.explanation_json)
    return document


def _sendable(header: tuple[str, str]) -> tuple[str, str]:
    """A header as gRPC takes it."""
    name, value = header
    if _NAME.fullmatch(name) is None or not (value.isascii() and value.isprintable()):
        raise CallFailed(
            "invalid_header",
            f"the header {name!r} cannot be sent over gRPC: names are of a-z, 0-9, -, _ and . and "
            "do not end in -bin, values are printable ASCII",
        )
    return header


def _metadata(api_key_env: str) -> tuple[tuple[str, str], ...]:
    key = os.environ.get(api_key_env, "").strip()
    return (("x-api-key", key),) if key else ()


@contextmanager
def _answering(address: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise _failure(error, address) from None


def _failure(error: Any, address: str) -> CallFailed:
    """What the router said, or that it said nothing."""
    details = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    if details is not None and any(detail.Unpack(info) for detail in details.details):
        return CallFailed(info.reason.lower(), error.details())
    if error.code() in _NO_ANSWER:
        return CallFailed(
            "no_answer",
            f"no router answers at {address} ({error.details()}); start one, or name its gRPC "
            "address with --address",
        )
    return CallFailed(error.code().name.lower(), f"{address}: {error.details()}")


def _fields(message: Any) -> dict[str, Any]:
    """Every field by its name, also those that are empty."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _watched(seen: admin_pb2.WatchDecisionsResponse) -> dict[str, Any]:
    decision, first = seen.decision, seen.decision.targets[0]
    return {
        "time_us": seen.time_us,
        "request_id": seen.request_id,
        "decision_id": decision.decision_id,
        "table_version": decision.table_version,
        "requested_model": decision.requested_model,
        "rule": _word(types_pb2.Rule, decision.rule),
        "matched": decision.matched,
        "strategy": decision.strategy,
        "model": first.model,
        "provider": first.provider.id,
        "plan": [target.deployment for target in decision.targets],
        "complexity": _word(types_pb2.Complexity, decision.complexity),
        "prompt_tokens": decision.prompt_tokens,
        "propensity": decision.propensity,
        "seed": decision.seed,
        "notes": list(decision.notes),
        "attempts": [_attempt(attempt) for attempt in seen.attempts],
        "status": seen.status or None,
        "missed": seen.missed,
    }


def _attempt(attempt: types_pb2.Attempt) -> dict[str, Any]:
    """As a record of the access log has it."""
    outcome = attempt.outcome
    return {
        "number": attempt.number,
        "kind": attempt.kind,
        "model": attempt.model,
        "provider": attempt.provider,
        "deployment": attempt.deployment,
        "upstream_model": attempt.upstream_model,
        "outcome": _word(types_pb2.OutcomeClass, outcome.outcome_class),
        "status": outcome.status if outcome.HasField("status") else None,
        "ttft_s": outcome.ttft_us / 1e6 if outcome.HasField("ttft_us") else None,
        "total_s": outcome.total_us / 1e6,
    }


def _word(kind: Any, number: int) -> str:
    """Of an enum's value the short word, such as `exact` of RULE_EXACT."""
    first: str = kind.keys()[0]
    name: str = kind.Name(number)
    return name.removeprefix(first.removesuffix("UNSPECIFIED")).lower()
