"""What becomes of each key our config may have: one entry for every key of its schema.

Keys whose loss depends on what they mean, such as a strategy's name, are judged in `judged`.
"""

from __future__ import annotations

from router_service.export.losses import EACH, Inside, Kept, Lost, Treatment

_KEPT = Kept()

# ── Reasons that several keys share ─────────────────────────────────────────────────────────────

_CONDITION_OF_MEMBER = Lost(
    "LiteLLM has no conditions on a group's members",
    "the member comes after those without a condition; where all have one, after those on local "
    "servers",
)
_CONDITION_OF_STEP = Lost(
    "LiteLLM has no conditions on fallbacks", "the fallback is taken whenever its turn comes"
)
_DELIVERY = Lost(
    "LiteLLM neither holds streams back nor lets attempts race, and continues broken ones only on "
    "models of its own list",
    "left out: a stream that breaks off ends with an error",
)
_PARAMETERS = Lost("LiteLLM's strategies take no such parameters", "left out")
_FEATURES = Lost(
    "LiteLLM judges features by its own list of models, not by declared ones", "left out"
)
_HEALTH = Lost(
    "LiteLLM's cooldowns have one length and end without a test or a ramp",
    "left out: `cooldown_time` is the length of each",
)
_MATCHED_BY_PATTERN = Lost(
    "LiteLLM has globs, no regular expressions over names",
    "left out: a name it matches goes where unknown names go",
)

# ── Parts of the tree ───────────────────────────────────────────────────────────────────────────

_STEP_KEYS: dict[str, Treatment] = {
    "provider": _KEPT,
    "model": _KEPT,
    "preferred_model": _KEPT,
    "condition": _CONDITION_OF_STEP,
}
_STEP = Inside(_STEP_KEYS)
_STEP_KEYS |= dict.fromkeys(("primary", "secondary", "tertiary"), _STEP)
_STEPS = Inside({EACH: _STEP})
_FALLBACKS = Inside({EACH: Inside({"model": _KEPT, "fallback_models": _STEPS, EACH: _STEPS})})
_CHAIN = Inside(
    {
        "chain": _STEPS,
        "primary": _STEP,
        "secondary": _STEP,
        "tertiary": _STEP,
        "tier": _KEPT,
        "retry_attempts": Lost("LiteLLM counts fallbacks for all groups together", "left out"),
        "retry_delay_ms": Lost("LiteLLM does not wait between fallbacks", "left out"),
        EACH: _STEP,
    }
)
_PROVIDER = Inside(
    {
        "kind": _KEPT,
        "base_url": _KEPT,
        "location": _KEPT,
        "failure_domain": Lost(
            "LiteLLM does not know what fails together", "left out: each deployment cools by itself"
        ),
        "availability": Lost("LiteLLM has no expected availability", "left out"),
        "ttft_prior_ms": Lost(
            "LiteLLM has no expected times",
            "left out: what is not measured yet counts as fastest",
        ),
        "capacity": Lost(
            "LiteLLM limits requests at once by deployment and process, and refuses what is over",
            "`max_parallel_requests` on each of the provider's deployments",
        ),
        "context_window": _KEPT,
        "exclusive_group": Lost(
            "LiteLLM has no servers that take turns", "left out: those in use now are exported"
        ),
        "active": _KEPT,
        "enabled": _KEPT,
        "credential_env": _KEPT,
        "credential_file": _KEPT,
        "price": Inside(
            {
                "usd_per_request": Lost(
                    "LiteLLM's prices of chats are by token",
                    "left out: it looks for a price in its own list",
                ),
                "usd_per_1k_prompt_tokens": _KEPT,
                "usd_per_1k_completion_tokens": _KEPT,
            }
        ),
        "features": _FEATURES,
        "connect_timeout_ms": Lost(
            "LiteLLM has no time limit of its own for connecting", "left out"
        ),
        "first_token_timeout_ms": Lost(
            "LiteLLM has one time limit for every silence of a stream",
            "`stream_timeout` is the longer of first-token and idle limit",
        ),
        "idle_timeout_ms": Lost(
            "LiteLLM has one time limit for every silence of a stream",
            "`stream_timeout` is the longer of first-token and idle limit",
        ),
        "total_timeout_ms": _KEPT,
        "prefill": Lost("LiteLLM goes by its own list of models", "left out"),
        "stream_whole_answers": Lost(
            "LiteLLM does not ask for whole answers as streams", "left out"
        ),
    }
)
_MODEL = Inside(
    {
        "parameters": Lost("LiteLLM does not route by size", "left out"),
        "tier": _KEPT,
        "capabilities": _KEPT,
        "context_window": _KEPT,
        "aliases": _KEPT,
        "features": _FEATURES,
        "enabled": _KEPT,
        "deployments": _KEPT,
        "provider": _KEPT,
        "upstream_model": _KEPT,
        "delivery": _DELIVERY,
    }
)
_CAPABILITY = Inside(
    {
        "preferred_models": Inside(
            {EACH: Inside({"model": _KEPT, "condition": _CONDITION_OF_MEMBER, "weight": _KEPT})}
        ),
        "provider": _KEPT,
        "providers": _KEPT,
        "fallback": _KEPT,
        "routing_strategy": _KEPT,
        "min_model_size": Lost("LiteLLM does not route by size", "members of any size are used"),
        "min_context": Lost(
            "LiteLLM has no least context window", "members of any window are used"
        ),
        "parameters": _PARAMETERS,
        "delivery": _DELIVERY,
    },
    lost=Lost(
        "LiteLLM knows no capabilities, only names",
        "a group of that name; the header and the field that ask for it are not read",
    ),
)
_POOL = Inside(
    {
        "providers": Inside(
            {
                EACH: Inside(
                    {
                        "provider": _KEPT,
                        "weight": _KEPT,
                        "condition": _CONDITION_OF_MEMBER,
                        "preferred_model": _KEPT,
                    }
                )
            }
        ),
        "strategy": _KEPT,
        "parameters": _PARAMETERS,
        "fallback": _KEPT,
        "delivery": _DELIVERY,
    }
)
_SETTINGS = Inside(
    {
        "routing_strategy": _KEPT,
        "session_affinity": Lost(
            "LiteLLM's affinity is a check of another kind, off unless asked for",
            "left out: each request is chosen for by itself",
        ),
        "exploration": Lost("LiteLLM has no share for the unmeasured", "left out"),
        "allow_strategy_override": Lost(
            "LiteLLM's callers name no strategy by a header", "left out"
        ),
        "model_group_alias": _KEPT,
        "allowed_fails": _KEPT,
        "num_retries": _KEPT,
        "max_attempts": _KEPT,
        "timeout": Lost(
            "LiteLLM has no deadline of a whole request", "`timeout` holds for each attempt"
        ),
        "cooldown_time": _KEPT,
        "delivery": _DELIVERY,
        "short_retry_after_seconds": Lost("LiteLLM has a limit of its own, 60 s", "left out"),
        "content_policy_fallback": _KEPT,
        "permit_ttl_seconds": Lost("LiteLLM gives no permits", "left out"),
        "unknown_model": _KEPT,
        "default_provider": _KEPT,
        "fallbacks": _FALLBACKS,
        "enable_pre_call_checks": _KEPT,
        "redis_host": _KEPT,
        "redis_port": _KEPT,
    }
)

TREATMENT = Inside(
    {
        "include": _KEPT,
        "providers": Inside({EACH: _PROVIDER}),
        "models": Inside({EACH: _MODEL}),
        "exact_matches": _KEPT,
        "patterns": Inside({EACH: _MATCHED_BY_PATTERN}),
        "capabilities": Inside({EACH: _CAPABILITY}),
        "load_balancing": Inside({EACH: _POOL}),
        "redundant_models": _KEPT,
        "model_size_routing": Inside(
            {
                EACH: Lost(
                    "LiteLLM does not route by the size in a name",
                    "left out: such names go where unknown names go",
                )
            }
        ),
        "request_metadata_routing": Inside(
            {EACH: Lost("LiteLLM has no preferences by what a request says of itself", "left out")}
        ),
        "fallback_chains": Inside({EACH: _CHAIN}),
        "fallbacks": _FALLBACKS,
        "unknown_model": _KEPT,
        "default_provider": _KEPT,
        "complexity": Lost("LiteLLM does not measure complexity for such groups", "left out"),
        "router_settings": _SETTINGS,
        "rate_limited_fallback": Lost(
            "LiteLLM's cooldown after a 429 is Retry-After or `cooldown_time`, and a group of one "
            "has none",
            "left out",
        ),
        "error_based_routing": Inside(
            {
                "enabled": _KEPT,
                "error_threshold": _KEPT,
                "cooldown_seconds": _HEALTH,
                "half_open_probes": _HEALTH,
                "recovery_seconds": _HEALTH,
            }
        ),
        "first_request_routing": Lost("LiteLLM does not ask which models are loaded", "left out"),
        "usage_based": Lost("LiteLLM's strategies take no weight factors", "left out"),
        "budgets": Lost(
            "LiteLLM has no budgets for all that goes to the cloud: its own are by kind of "
            "provider, deployment or tag, or by keys kept in a database",
            "left out: nothing limits spending",
        ),
        "experiments": Inside(
            {
                EACH: Lost(
                    "LiteLLM has no experiments: no arms that are kept, compared and rolled back",
                    "left out",
                )
            }
        ),
        "query_classes": Lost("LiteLLM does not classify queries", "left out"),
        "policies": _KEPT,  # They are about this file, not about where requests go.
        "metadata": _KEPT,
    }
)
