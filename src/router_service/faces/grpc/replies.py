"""Our frozen types as wire messages. A Route answer is built here on the hot path, so whatever is
the same for every request to a provider is built once per routing config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_service.core import Decision, Hop, Skip
from router_service.faces.grpc import explanations
from router_service.serving.ports import RequestService
from router_service.types import (
    Answer,
    AttemptRecord,
    Continued,
    Delta,
    Opened,
    OutcomeClass,
    Served,
    StreamItem,
    Usage,
)
from router_service.v1 import router_pb2, types_pb2

KINDS = {
    "ollama": types_pb2.PROVIDER_KIND_OLLAMA,
    "openai": types_pb2.PROVIDER_KIND_OPENAI,
    "vllm": types_pb2.PROVIDER_KIND_VLLM,
}
LOCATIONS = {"local": types_pb2.LOCATION_LOCAL, "cloud": types_pb2.LOCATION_CLOUD}
_TIERS = {
    "cloud_premium": types_pb2.TIER_CLOUD_PREMIUM,
    "cloud_standard": types_pb2.TIER_CLOUD_STANDARD,
    "cloud_entry": types_pb2.TIER_CLOUD_ENTRY,
    "local": types_pb2.TIER_LOCAL,
}
_RULES = {
    "exact": types_pb2.RULE_EXACT,
    "pattern": types_pb2.RULE_PATTERN,
    "capability": types_pb2.RULE_CAPABILITY,
    "pool": types_pb2.RULE_POOL,
    "size": types_pb2.RULE_SIZE,
    "default": types_pb2.RULE_DEFAULT,
}
RULE_WORDS: dict[int, str] = {number: word for word, number in _RULES.items()}
_COMPLEXITIES = {
    "low": types_pb2.COMPLEXITY_LOW,
    "medium": types_pb2.COMPLEXITY_MEDIUM,
    "high": types_pb2.COMPLEXITY_HIGH,
}
REPORT_STATUSES = {
    "accepted": router_pb2.REPORT_STATUS_ACCEPTED,
    "duplicate": router_pb2.REPORT_STATUS_DUPLICATE,
    "expired": router_pb2.REPORT_STATUS_EXPIRED,
    "unknown": router_pb2.REPORT_STATUS_UNKNOWN,
}
_OUTCOME_CLASSES = {known: f"OUTCOME_CLASS_{known.name}" for known in OutcomeClass}

_PLANS_KEPT = 1024


class DecisionWriter:
    """Decisions as messages; knows the providers' addresses through the request service. For
    readers who send nothing there, providers are named only."""

    def __init__(self, requests: RequestService, *, with_addresses: bool = True) -> None:
        self._requests = requests
        self._with_addresses = with_addresses
        self._table_version = ""
        self._providers: dict[str, types_pb2.Provider] = {}
        self._plans: dict[tuple[str, bytes], types_pb2.Decision] = {}

    def decision(
        self, decision: Decision, message: types_pb2.Decision, *, with_candidates: bool
    ) -> None:
        """Writes a decision into an empty message, where it lies in its reply already.

        Candidates are its plan and what was left out of it.
        """
        self.without_permit(decision, message)
        if permit := decision.permit:
            target = message.targets[0]
            target.permit = permit
            target.permit_expires_us = decision.permit_expires_us
        if with_candidates:
            ranked = enumerate(decision.plan, 1)
            message.candidates.extend(_planned(place, hop) for place, hop in ranked)
            message.candidates.extend(map(skipped, decision.skipped))

    def without_permit(self, decision: Decision, message: types_pb2.Decision) -> None:
        """Writes what others than its caller may see of a decision into an empty message."""
        message.CopyFrom(self._targets(decision))
        message.decision_id = decision.decision_id
        message.rule = _RULES.get(decision.rule, types_pb2.RULE_UNSPECIFIED)
        message.matched = decision.matched
        message.strategy = decision.strategy
        message.complexity = _COMPLEXITIES.get(
            decision.complexity, types_pb2.COMPLEXITY_UNSPECIFIED
        )
        message.prompt_tokens = decision.prompt_tokens
        message.propensity = decision.propensity
        message.seed = decision.seed
        if deprecated := decision.deprecated:
            message.deprecated = deprecated
        if notes := decision.notes:
            message.notes.extend(notes)

    def _targets(self, decision: Decision) -> types_pb2.Decision:
        """What equal plans for one requested name share, under one routing config."""
        providers = self._of_table(decision.table_version)
        requested = decision.requested_model
        key = (requested, decision.plan_key)
        known = self._plans.get(key)
        if known is None:
            known = types_pb2.Decision(
                table_version=decision.table_version,
                requested_model=requested,
                targets=[self._target(hop, providers) for hop in decision.plan],
            )
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            self._plans[key] = known
        return known

    def explanation(self, document: Mapping[str, Any]) -> router_pb2.ExplainResponse:
        """An explanation, from the JSON document the core writes."""
        version = document["table_version"]
        providers = self._of_table(version)
        decision = types_pb2.Decision(
            table_version=version,
            requested_model=document.get("requested_model"),
            rule=_RULES.get(document["rule"]),
            matched=document.get("matched"),
            strategy=document["strategy"],
            targets=[self._explained_target(hop, providers) for hop in document["plan"]],
            complexity=_COMPLEXITIES.get(document["complexity"]),
            prompt_tokens=document["prompt_tokens"],
            deprecated=document.get("deprecated"),
            notes=document.get("notes"),
            propensity=document.get("propensity"),
            seed=document.get("seed"),
            candidates=map(explanations.candidate, document["candidates"]),
        )
        return explanations.response(decision, document)

    def _of_table(self, version: str) -> dict[str, types_pb2.Provider]:
        if version != self._table_version:
            self._table_version, self._providers, self._plans = version, {}, {}
        return self._providers

    def _provider(
        self, provider_id: str, known: dict[str, types_pb2.Provider]
    ) -> types_pb2.Provider:
        message = known.get(provider_id)
        if message is None:
            message = known[provider_id] = self._read_provider(provider_id)
        return message

    def _read_provider(self, provider_id: str) -> types_pb2.Provider:
        if not self._with_addresses:
            return types_pb2.Provider(id=provider_id)
        provider = self._requests.provider(provider_id)
        return types_pb2.Provider(
            id=provider.id,
            kind=KINDS.get(provider.kind),
            base_url=provider.base_url,
            location=LOCATIONS.get(provider.location),
            credential=provider.credential,
            connect_timeout_us=provider.connect_us,
            first_token_timeout_us=provider.first_token_us,
            idle_timeout_us=provider.idle_us,
        )

    def _target(self, hop: Hop, providers: dict[str, types_pb2.Provider]) -> types_pb2.Target:
        return types_pb2.Target(
            deployment=hop.deployment,
            model=hop.model,
            upstream_model=hop.upstream_model,
            provider=self._provider(hop.provider, providers),
            tier=_TIERS.get(hop.tier) if hop.tier else None,
            param_change_pct=hop.param_change_pct,
        )

    def _explained_target(
        self, hop: Mapping[str, Any], providers: dict[str, types_pb2.Provider]
    ) -> types_pb2.Target:
        return types_pb2.Target(
            deployment=hop.get("deployment"),
            model=hop["model"],
            upstream_model=hop.get("upstream_model"),
            provider=self._provider(hop["provider"], providers),
            tier=_TIERS.get(hop.get("tier") or ""),
            param_change_pct=hop.get("param_change_pct"),
            quality=explanations.quality(hop),
        )


def _planned(place: int, hop: Hop) -> types_pb2.Candidate:
    return types_pb2.Candidate(
        model=hop.model,
        provider=hop.provider,
        deployment=hop.deployment,
        eligible=True,
        reason=f"number {place} of the plan",
    )


def skipped(skip: Skip) -> types_pb2.Candidate:
    """A deployment that was left out, and why."""
    return types_pb2.Candidate(
        model=skip.model, provider=skip.provider, deployment=skip.deployment, reason=skip.reason
    )


def served(record: Served) -> types_pb2.Served:
    """What really answered."""
    return types_pb2.Served(
        decision_id=record.decision_id,
        request_id=record.request_id,
        model=record.model,
        provider=record.provider,
        deployment=record.deployment,
        upstream_model=record.upstream_model,
        rule=_RULES.get(record.rule),
        strategy=record.strategy,
        attempts=record.attempts,
        table_version=record.table_version,
        deprecated=record.deprecated,
    )


def attempt(record: AttemptRecord) -> types_pb2.Attempt:
    """One try, times in microseconds."""
    outcome = types_pb2.Outcome(
        outcome_class=_OUTCOME_CLASSES[record.outcome],
        status=record.status,
        ttft_us=None if record.ttft_s is None else round(record.ttft_s * 1e6),
        total_us=round(record.total_s * 1e6),
    )
    return types_pb2.Attempt(
        number=record.number,
        model=record.model,
        provider=record.provider,
        deployment=record.deployment,
        upstream_model=record.upstream_model,
        outcome=outcome,
        message=record.message,
        kind=record.kind,
    )


def answer(whole: Answer) -> router_pb2.GenerateResponse:
    """A whole answer."""
    return router_pb2.GenerateResponse(
        served=served(whole.served),
        text=whole.text,
        finish_reason=whole.finish_reason,
        usage=usage_of(whole.usage),
        body=whole.body,
    )


def event(item: StreamItem) -> router_pb2.GenerateStreamResponse:
    """One event of a streamed answer."""
    if isinstance(item, Delta):
        delta = router_pb2.StreamDelta(text=item.text, raw=item.raw)
        return router_pb2.GenerateStreamResponse(delta=delta)
    if isinstance(item, Opened):
        opened = router_pb2.StreamOpened(served=served(item.served))
        return router_pb2.GenerateStreamResponse(opened=opened)
    if isinstance(item, Continued):
        continued = router_pb2.StreamContinued(served=served(item.served), by=item.by)
        return router_pb2.GenerateStreamResponse(continued=continued)
    finished = router_pb2.StreamFinished(
        finish_reason=item.finish_reason, usage=usage_of(item.usage), served_model=item.served_model
    )
    return router_pb2.GenerateStreamResponse(finished=finished)


def usage_of(usage: Usage | None) -> types_pb2.Usage | None:
    if usage is None:
        return None
    return types_pb2.Usage(
        prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
    )
