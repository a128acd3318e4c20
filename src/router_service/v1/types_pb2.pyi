from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_CHAT: _ClassVar[Operation]
    OPERATION_COMPLETION: _ClassVar[Operation]
    OPERATION_EMBEDDING: _ClassVar[Operation]

class ProviderKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROVIDER_KIND_UNSPECIFIED: _ClassVar[ProviderKind]
    PROVIDER_KIND_OLLAMA: _ClassVar[ProviderKind]
    PROVIDER_KIND_OPENAI: _ClassVar[ProviderKind]
    PROVIDER_KIND_VLLM: _ClassVar[ProviderKind]

class Location(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOCATION_UNSPECIFIED: _ClassVar[Location]
    LOCATION_LOCAL: _ClassVar[Location]
    LOCATION_CLOUD: _ClassVar[Location]

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_CLOUD_PREMIUM: _ClassVar[Tier]
    TIER_CLOUD_STANDARD: _ClassVar[Tier]
    TIER_CLOUD_ENTRY: _ClassVar[Tier]
    TIER_LOCAL: _ClassVar[Tier]

class Rule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_UNSPECIFIED: _ClassVar[Rule]
    RULE_EXACT: _ClassVar[Rule]
    RULE_PATTERN: _ClassVar[Rule]
    RULE_CAPABILITY: _ClassVar[Rule]
    RULE_POOL: _ClassVar[Rule]
    RULE_SIZE: _ClassVar[Rule]
    RULE_DEFAULT: _ClassVar[Rule]

class Complexity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLEXITY_UNSPECIFIED: _ClassVar[Complexity]
    COMPLEXITY_LOW: _ClassVar[Complexity]
    COMPLEXITY_MEDIUM: _ClassVar[Complexity]
    COMPLEXITY_HIGH: _ClassVar[Complexity]

class OutcomeClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_CLASS_UNSPECIFIED: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_SUCCESS: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_RATE_LIMITED: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_SERVER_ERROR: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_CONNECTION_RESET: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_UNREACHABLE: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_UNAVAILABLE: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_SILENT: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_UNAUTHORIZED: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_MODEL_MISSING: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_CONTEXT_LENGTH: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_CONTENT_POLICY: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_INVALID_REQUEST: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_CANCELLED: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_STREAM_BROKEN: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_DEADLINE: _ClassVar[OutcomeClass]
    OUTCOME_CLASS_DIVERGED: _ClassVar[OutcomeClass]
OPERATION_UNSPECIFIED: Operation
OPERATION_CHAT: Operation
OPERATION_COMPLETION: Operation
OPERATION_EMBEDDING: Operation
PROVIDER_KIND_UNSPECIFIED: ProviderKind
PROVIDER_KIND_OLLAMA: ProviderKind
PROVIDER_KIND_OPENAI: ProviderKind
PROVIDER_KIND_VLLM: ProviderKind
LOCATION_UNSPECIFIED: Location
LOCATION_LOCAL: Location
LOCATION_CLOUD: Location
TIER_UNSPECIFIED: Tier
TIER_CLOUD_PREMIUM: Tier
TIER_CLOUD_STANDARD: Tier
TIER_CLOUD_ENTRY: Tier
TIER_LOCAL: Tier
RULE_UNSPECIFIED: Rule
RULE_EXACT: Rule
RULE_PATTERN: Rule
RULE_CAPABILITY: Rule
RULE_POOL: Rule
RULE_SIZE: Rule
RULE_DEFAULT: Rule
COMPLEXITY_UNSPECIFIED: Complexity
COMPLEXITY_LOW: Complexity
COMPLEXITY_MEDIUM: Complexity
COMPLEXITY_HIGH: Complexity
OUTCOME_CLASS_UNSPECIFIED: OutcomeClass
OUTCOME_CLASS_SUCCESS: OutcomeClass
OUTCOME_CLASS_RATE_LIMITED: OutcomeClass
OUTCOME_CLASS_SERVER_ERROR: OutcomeClass
OUTCOME_CLASS_CONNECTION_RESET: OutcomeClass
OUTCOME_CLASS_UNREACHABLE: OutcomeClass
OUTCOME_CLASS_UNAVAILABLE: OutcomeClass
OUTCOME_CLASS_SILENT: OutcomeClass
OUTCOME_CLASS_UNAUTHORIZED: OutcomeClass
OUTCOME_CLASS_MODEL_MISSING: OutcomeClass
OUTCOME_CLASS_CONTEXT_LENGTH: OutcomeClass
OUTCOME_CLASS_CONTENT_POLICY: OutcomeClass
OUTCOME_CLASS_INVALID_REQUEST: OutcomeClass
OUTCOME_CLASS_CANCELLED: OutcomeClass
OUTCOME_CLASS_STREAM_BROKEN: OutcomeClass
OUTCOME_CLASS_DEADLINE: OutcomeClass
OUTCOME_CLASS_DIVERGED: OutcomeClass

class Attributes(_message.Message):
    __slots__ = ("capability", "priority", "quality_tier", "batch_size", "batch_mode", "request_count", "session", "strategy", "chain", "allowed_deployments")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUALITY_TIER_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    BATCH_MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    capability: str
    priority: str
    quality_tier: str
    batch_size: int
    batch_mode: bool
    request_count: int
    session: str
    strategy: str
    chain: str
    allowed_deployments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, capability: _Optional[str] = ..., priority: _Optional[str] = ..., quality_tier: _Optional[str] = ..., batch_size: _Optional[int] = ..., batch_mode: bool = ..., request_count: _Optional[int] = ..., session: _Optional[str] = ..., strategy: _Optional[str] = ..., chain: _Optional[str] = ..., allowed_deployments: _Optional[_Iterable[str]] = ...) -> None: ...

class Provider(_message.Message):
    __slots__ = ("id", "kind", "base_url", "location", "credential", "connect_timeout_us", "first_token_timeout_us", "idle_timeout_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIMEOUT_US_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_TIMEOUT_US_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: ProviderKind
    base_url: str
    location: Location
    credential: str
    connect_timeout_us: int
    first_token_timeout_us: int
    idle_timeout_us: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[ProviderKind, str]] = ..., base_url: _Optional[str] = ..., location: _Optional[_Union[Location, str]] = ..., credential: _Optional[str] = ..., connect_timeout_us: _Optional[int] = ..., first_token_timeout_us: _Optional[int] = ..., idle_timeout_us: _Optional[int] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("deployment", "model", "upstream_model", "provider", "tier", "param_change_pct", "permit", "permit_expires_us", "quality")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PARAM_CHANGE_PCT_FIELD_NUMBER: _ClassVar[int]
    PERMIT_FIELD_NUMBER: _ClassVar[int]
    PERMIT_EXPIRES_US_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    deployment: str
    model: str
    upstream_model: str
    provider: Provider
    tier: Tier
    param_change_pct: float
    permit: str
    permit_expires_us: int
    quality: Quality
    def __init__(self, deployment: _Optional[str] = ..., model: _Optional[str] = ..., upstream_model: _Optional[str] = ..., provider: _Optional[_Union[Provider, _Mapping]] = ..., tier: _Optional[_Union[Tier, str]] = ..., param_change_pct: _Optional[float] = ..., permit: _Optional[str] = ..., permit_expires_us: _Optional[int] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ...) -> None: ...

class Quality(_message.Message):
    __slots__ = ("tier_step", "capabilities_kept", "capabilities_lost", "context_window", "context_change_pct", "text")
    TIER_STEP_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_KEPT_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_LOST_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_WINDOW_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_CHANGE_PCT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    tier_step: int
    capabilities_kept: _containers.RepeatedScalarFieldContainer[str]
    capabilities_lost: _containers.RepeatedScalarFieldContainer[str]
    context_window: int
    context_change_pct: float
    text: str
    def __init__(self, tier_step: _Optional[int] = ..., capabilities_kept: _Optional[_Iterable[str]] = ..., capabilities_lost: _Optional[_Iterable[str]] = ..., context_window: _Optional[int] = ..., context_change_pct: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("model", "provider", "deployment", "eligible", "reason", "score", "terms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    model: str
    provider: str
    deployment: str
    eligible: bool
    reason: str
    score: float
    terms: ScoreTerms
    def __init__(self, model: _Optional[str] = ..., provider: _Optional[str] = ..., deployment: _Optional[str] = ..., eligible: bool = ..., reason: _Optional[str] = ..., score: _Optional[float] = ..., terms: _Optional[_Union[ScoreTerms, _Mapping]] = ...) -> None: ...

class ScoreTerms(_message.Message):
    __slots__ = ("strategy", "formula", "load", "in_flight", "capacity", "weight_wanted", "weight_left", "weight_used", "credit", "latency_us", "latency_source", "latency_samples", "success_rate", "reliability", "cost_usd", "set_back", "behind")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_WANTED_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_LEFT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_USED_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    SET_BACK_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    strategy: str
    formula: str
    load: float
    in_flight: int
    capacity: int
    weight_wanted: float
    weight_left: float
    weight_used: float
    credit: float
    latency_us: float
    latency_source: str
    latency_samples: int
    success_rate: float
    reliability: float
    cost_usd: float
    set_back: _containers.RepeatedScalarFieldContainer[str]
    behind: str
    def __init__(self, strategy: _Optional[str] = ..., formula: _Optional[str] = ..., load: _Optional[float] = ..., in_flight: _Optional[int] = ..., capacity: _Optional[int] = ..., weight_wanted: _Optional[float] = ..., weight_left: _Optional[float] = ..., weight_used: _Optional[float] = ..., credit: _Optional[float] = ..., latency_us: _Optional[float] = ..., latency_source: _Optional[str] = ..., latency_samples: _Optional[int] = ..., success_rate: _Optional[float] = ..., reliability: _Optional[float] = ..., cost_usd: _Optional[float] = ..., set_back: _Optional[_Iterable[str]] = ..., behind: _Optional[str] = ...) -> None: ...

class NearestChange(_message.Message):
    __slots__ = ("kind", "deployment", "amount", "unit", "first", "distance", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    deployment: str
    amount: float
    unit: str
    first: str
    distance: float
    text: str
    def __init__(self, kind: _Optional[str] = ..., deployment: _Optional[str] = ..., amount: _Optional[float] = ..., unit: _Optional[str] = ..., first: _Optional[str] = ..., distance: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("decision_id", "table_version", "requested_model", "rule", "matched", "strategy", "targets", "complexity", "prompt_tokens", "deprecated", "notes", "propensity", "seed", "candidates")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    TABLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_MODEL_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    COMPLEXITY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEPRECATED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    table_version: str
    requested_model: str
    rule: Rule
    matched: str
    strategy: str
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    complexity: Complexity
    prompt_tokens: int
    deprecated: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    propensity: float
    seed: int
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    def __init__(self, decision_id: _Optional[str] = ..., table_version: _Optional[str] = ..., requested_model: _Optional[str] = ..., rule: _Optional[_Union[Rule, str]] = ..., matched: _Optional[str] = ..., strategy: _Optional[str] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., complexity: _Optional[_Union[Complexity, str]] = ..., prompt_tokens: _Optional[int] = ..., deprecated: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., propensity: _Optional[float] = ..., seed: _Optional[int] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("outcome_class", "status", "ttft_us", "total_us", "usage", "retry_after_us", "served_model")
    OUTCOME_CLASS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TTFT_US_FIELD_NUMBER: _ClassVar[int]
    TOTAL_US_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    SERVED_MODEL_FIELD_NUMBER: _ClassVar[int]
    outcome_class: OutcomeClass
    status: int
    ttft_us: int
    total_us: int
    usage: Usage
    retry_after_us: int
    served_model: str
    def __init__(self, outcome_class: _Optional[_Union[OutcomeClass, str]] = ..., status: _Optional[int] = ..., ttft_us: _Optional[int] = ..., total_us: _Optional[int] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., retry_after_us: _Optional[int] = ..., served_model: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("number", "model", "provider", "deployment", "upstream_model", "outcome", "message", "kind")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    number: int
    model: str
    provider: str
    deployment: str
    upstream_model: str
    outcome: Outcome
    message: str
    kind: str
    def __init__(self, number: _Optional[int] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., deployment: _Optional[str] = ..., upstream_model: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., message: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class Served(_message.Message):
    __slots__ = ("decision_id", "request_id", "model", "provider", "deployment", "upstream_model", "rule", "strategy", "attempts", "table_version", "deprecated")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    TABLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEPRECATED_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    request_id: str
    model: str
    provider: str
    deployment: str
    upstream_model: str
    rule: Rule
    strategy: str
    attempts: int
    table_version: str
    deprecated: str
    def __init__(self, decision_id: _Optional[str] = ..., request_id: _Optional[str] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., deployment: _Optional[str] = ..., upstream_model: _Optional[str] = ..., rule: _Optional[_Union[Rule, str]] = ..., strategy: _Optional[str] = ..., attempts: _Optional[int] = ..., table_version: _Optional[str] = ..., deprecated: _Optional[str] = ...) -> None: ...
