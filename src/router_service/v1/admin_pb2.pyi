from router_service.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProviderState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROVIDER_STATE_UNSPECIFIED: _ClassVar[ProviderState]
    PROVIDER_STATE_ENABLED: _ClassVar[ProviderState]
    PROVIDER_STATE_DRAINING: _ClassVar[ProviderState]
    PROVIDER_STATE_DISABLED: _ClassVar[ProviderState]

class Health(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_UNSPECIFIED: _ClassVar[Health]
    HEALTH_HEALTHY: _ClassVar[Health]
    HEALTH_DEGRADED: _ClassVar[Health]
    HEALTH_COOLING_DOWN: _ClassVar[Health]
    HEALTH_HALF_OPEN: _ClassVar[Health]
    HEALTH_RECOVERING: _ClassVar[Health]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]

class SwitchStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWITCH_STAGE_UNSPECIFIED: _ClassVar[SwitchStage]
    SWITCH_STAGE_DRAINING: _ClassVar[SwitchStage]
    SWITCH_STAGE_SWITCHING: _ClassVar[SwitchStage]
    SWITCH_STAGE_WAITING_FOR_HEALTH: _ClassVar[SwitchStage]
    SWITCH_STAGE_ACTIVE: _ClassVar[SwitchStage]

class GuardrailVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARDRAIL_VERDICT_UNSPECIFIED: _ClassVar[GuardrailVerdict]
    GUARDRAIL_VERDICT_PASS: _ClassVar[GuardrailVerdict]
    GUARDRAIL_VERDICT_REVIEW: _ClassVar[GuardrailVerdict]
    GUARDRAIL_VERDICT_ROLLED_BACK: _ClassVar[GuardrailVerdict]
PROVIDER_STATE_UNSPECIFIED: ProviderState
PROVIDER_STATE_ENABLED: ProviderState
PROVIDER_STATE_DRAINING: ProviderState
PROVIDER_STATE_DISABLED: ProviderState
HEALTH_UNSPECIFIED: Health
HEALTH_HEALTHY: Health
HEALTH_DEGRADED: Health
HEALTH_COOLING_DOWN: Health
HEALTH_HALF_OPEN: Health
HEALTH_RECOVERING: Health
SEVERITY_UNSPECIFIED: Severity
SEVERITY_ERROR: Severity
SEVERITY_WARNING: Severity
SWITCH_STAGE_UNSPECIFIED: SwitchStage
SWITCH_STAGE_DRAINING: SwitchStage
SWITCH_STAGE_SWITCHING: SwitchStage
SWITCH_STAGE_WAITING_FOR_HEALTH: SwitchStage
SWITCH_STAGE_ACTIVE: SwitchStage
GUARDRAIL_VERDICT_UNSPECIFIED: GuardrailVerdict
GUARDRAIL_VERDICT_PASS: GuardrailVerdict
GUARDRAIL_VERDICT_REVIEW: GuardrailVerdict
GUARDRAIL_VERDICT_ROLLED_BACK: GuardrailVerdict

class GetStatusRequest(_message.Message):
    __slots__ = ("include_deployments",)
    INCLUDE_DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    include_deployments: bool
    def __init__(self, include_deployments: bool = ...) -> None: ...

class ProviderStatus(_message.Message):
    __slots__ = ("id", "kind", "location", "state", "active", "health", "in_flight", "capacity", "saturated", "cooldown_until_us", "reason", "exclusive_group")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    SATURATED_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_GROUP_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: _types_pb2.ProviderKind
    location: _types_pb2.Location
    state: ProviderState
    active: bool
    health: Health
    in_flight: int
    capacity: int
    saturated: bool
    cooldown_until_us: int
    reason: str
    exclusive_group: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.ProviderKind, str]] = ..., location: _Optional[_Union[_types_pb2.Location, str]] = ..., state: _Optional[_Union[ProviderState, str]] = ..., active: bool = ..., health: _Optional[_Union[Health, str]] = ..., in_flight: _Optional[int] = ..., capacity: _Optional[int] = ..., saturated: bool = ..., cooldown_until_us: _Optional[int] = ..., reason: _Optional[str] = ..., exclusive_group: _Optional[str] = ...) -> None: ...

class DeploymentStatus(_message.Message):
    __slots__ = ("id", "model", "provider", "weight", "health", "in_flight", "outcomes", "success_rate", "ttft_p50_us", "ttft_p95_us", "cooldown_until_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    TTFT_P50_US_FIELD_NUMBER: _ClassVar[int]
    TTFT_P95_US_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    provider: str
    weight: float
    health: Health
    in_flight: int
    outcomes: int
    success_rate: float
    ttft_p50_us: int
    ttft_p95_us: int
    cooldown_until_us: int
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., provider: _Optional[str] = ..., weight: _Optional[float] = ..., health: _Optional[_Union[Health, str]] = ..., in_flight: _Optional[int] = ..., outcomes: _Optional[int] = ..., success_rate: _Optional[float] = ..., ttft_p50_us: _Optional[int] = ..., ttft_p95_us: _Optional[int] = ..., cooldown_until_us: _Optional[int] = ...) -> None: ...

class Purse(_message.Message):
    __slots__ = ("spent_usd", "set_aside_usd", "limit_usd")
    SPENT_USD_FIELD_NUMBER: _ClassVar[int]
    SET_ASIDE_USD_FIELD_NUMBER: _ClassVar[int]
    LIMIT_USD_FIELD_NUMBER: _ClassVar[int]
    spent_usd: float
    set_aside_usd: float
    limit_usd: float
    def __init__(self, spent_usd: _Optional[float] = ..., set_aside_usd: _Optional[float] = ..., limit_usd: _Optional[float] = ...) -> None: ...

class CallerSpending(_message.Message):
    __slots__ = ("caller", "purse")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PURSE_FIELD_NUMBER: _ClassVar[int]
    caller: str
    purse: Purse
    def __init__(self, caller: _Optional[str] = ..., purse: _Optional[_Union[Purse, _Mapping]] = ...) -> None: ...

class CloudSpending(_message.Message):
    __slots__ = ("day", "day_ends_us", "callers", "requests", "fallbacks_to_cloud", "fallback_limit")
    DAY_FIELD_NUMBER: _ClassVar[int]
    DAY_ENDS_US_FIELD_NUMBER: _ClassVar[int]
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_TO_CLOUD_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_LIMIT_FIELD_NUMBER: _ClassVar[int]
    day: Purse
    day_ends_us: int
    callers: _containers.RepeatedCompositeFieldContainer[CallerSpending]
    requests: int
    fallbacks_to_cloud: int
    fallback_limit: float
    def __init__(self, day: _Optional[_Union[Purse, _Mapping]] = ..., day_ends_us: _Optional[int] = ..., callers: _Optional[_Iterable[_Union[CallerSpending, _Mapping]]] = ..., requests: _Optional[int] = ..., fallbacks_to_cloud: _Optional[int] = ..., fallback_limit: _Optional[float] = ...) -> None: ...

class KeptConfig(_message.Message):
    __slots__ = ("version", "since_us", "in_use")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    version: str
    since_us: int
    in_use: bool
    def __init__(self, version: _Optional[str] = ..., since_us: _Optional[int] = ..., in_use: bool = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("instance", "version", "table_version", "started_us", "draining", "in_flight", "providers", "deployments", "spending", "rolled_back", "kept_configs")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TABLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_US_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    SPENDING_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FIELD_NUMBER: _ClassVar[int]
    KEPT_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    version: str
    table_version: str
    started_us: int
    draining: bool
    in_flight: int
    providers: _containers.RepeatedCompositeFieldContainer[ProviderStatus]
    deployments: _containers.RepeatedCompositeFieldContainer[DeploymentStatus]
    spending: CloudSpending
    rolled_back: bool
    kept_configs: _containers.RepeatedCompositeFieldContainer[KeptConfig]
    def __init__(self, instance: _Optional[str] = ..., version: _Optional[str] = ..., table_version: _Optional[str] = ..., started_us: _Optional[int] = ..., draining: bool = ..., in_flight: _Optional[int] = ..., providers: _Optional[_Iterable[_Union[ProviderStatus, _Mapping]]] = ..., deployments: _Optional[_Iterable[_Union[DeploymentStatus, _Mapping]]] = ..., spending: _Optional[_Union[CloudSpending, _Mapping]] = ..., rolled_back: bool = ..., kept_configs: _Optional[_Iterable[_Union[KeptConfig, _Mapping]]] = ...) -> None: ...

class ReloadConfigRequest(_message.Message):
    __slots__ = ("dry_run", "rollback_to")
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_TO_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    rollback_to: str
    def __init__(self, dry_run: bool = ..., rollback_to: _Optional[str] = ...) -> None: ...

class ConfigDiagnostic(_message.Message):
    __slots__ = ("severity", "code", "file", "line", "column", "pointer", "message", "suggestion")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    POINTER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    severity: Severity
    code: str
    file: str
    line: int
    column: int
    pointer: str
    message: str
    suggestion: str
    def __init__(self, severity: _Optional[_Union[Severity, str]] = ..., code: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., pointer: _Optional[str] = ..., message: _Optional[str] = ..., suggestion: _Optional[str] = ...) -> None: ...

class ReloadConfigResponse(_message.Message):
    __slots__ = ("accepted", "table_version", "previous_version", "diagnostics", "changes", "rolled_back")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    TABLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    table_version: str
    previous_version: str
    diagnostics: _containers.RepeatedCompositeFieldContainer[ConfigDiagnostic]
    changes: _containers.RepeatedScalarFieldContainer[str]
    rolled_back: bool
    def __init__(self, accepted: bool = ..., table_version: _Optional[str] = ..., previous_version: _Optional[str] = ..., diagnostics: _Optional[_Iterable[_Union[ConfigDiagnostic, _Mapping]]] = ..., changes: _Optional[_Iterable[str]] = ..., rolled_back: bool = ...) -> None: ...

class SetProviderStateRequest(_message.Message):
    __slots__ = ("provider", "state", "reason", "duration_us")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    provider: str
    state: ProviderState
    reason: str
    duration_us: int
    def __init__(self, provider: _Optional[str] = ..., state: _Optional[_Union[ProviderState, str]] = ..., reason: _Optional[str] = ..., duration_us: _Optional[int] = ...) -> None: ...

class SetProviderStateResponse(_message.Message):
    __slots__ = ("provider",)
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    provider: ProviderStatus
    def __init__(self, provider: _Optional[_Union[ProviderStatus, _Mapping]] = ...) -> None: ...

class SwitchModelRequest(_message.Message):
    __slots__ = ("target", "timeout_us")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_US_FIELD_NUMBER: _ClassVar[int]
    target: str
    timeout_us: int
    def __init__(self, target: _Optional[str] = ..., timeout_us: _Optional[int] = ...) -> None: ...

class SwitchModelResponse(_message.Message):
    __slots__ = ("stage", "previous", "next", "elapsed_us", "message")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_US_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    stage: SwitchStage
    previous: str
    next: str
    elapsed_us: int
    message: str
    def __init__(self, stage: _Optional[_Union[SwitchStage, str]] = ..., previous: _Optional[str] = ..., next: _Optional[str] = ..., elapsed_us: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class GetExperimentStatsRequest(_message.Message):
    __slots__ = ("experiment",)
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    def __init__(self, experiment: _Optional[str] = ...) -> None: ...

class ArmStats(_message.Message):
    __slots__ = ("name", "model", "wanted_share", "requests", "errors", "mean_latency_us", "p95_latency_us", "feedback_count", "mean_quality", "cost_usd")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WANTED_SHARE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    MEAN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P95_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_QUALITY_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    wanted_share: float
    requests: int
    errors: int
    mean_latency_us: int
    p95_latency_us: int
    feedback_count: int
    mean_quality: float
    cost_usd: float
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., wanted_share: _Optional[float] = ..., requests: _Optional[int] = ..., errors: _Optional[int] = ..., mean_latency_us: _Optional[int] = ..., p95_latency_us: _Optional[int] = ..., feedback_count: _Optional[int] = ..., mean_quality: _Optional[float] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class ExperimentStats(_message.Message):
    __slots__ = ("name", "enabled", "unit", "arms", "verdict", "verdict_reason", "since_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    enabled: bool
    unit: str
    arms: _containers.RepeatedCompositeFieldContainer[ArmStats]
    verdict: GuardrailVerdict
    verdict_reason: str
    since_us: int
    def __init__(self, name: _Optional[str] = ..., enabled: bool = ..., unit: _Optional[str] = ..., arms: _Optional[_Iterable[_Union[ArmStats, _Mapping]]] = ..., verdict: _Optional[_Union[GuardrailVerdict, str]] = ..., verdict_reason: _Optional[str] = ..., since_us: _Optional[int] = ...) -> None: ...

class GetExperimentStatsResponse(_message.Message):
    __slots__ = ("experiments",)
    EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    experiments: _containers.RepeatedCompositeFieldContainer[ExperimentStats]
    def __init__(self, experiments: _Optional[_Iterable[_Union[ExperimentStats, _Mapping]]] = ...) -> None: ...

class ResetExperimentStatsRequest(_message.Message):
    __slots__ = ("experiment",)
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    def __init__(self, experiment: _Optional[str] = ...) -> None: ...

class ResetExperimentStatsResponse(_message.Message):
    __slots__ = ("experiments",)
    EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    experiments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, experiments: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchDecisionsRequest(_message.Message):
    __slots__ = ("model", "provider", "rule", "fallbacks_only")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_ONLY_FIELD_NUMBER: _ClassVar[int]
    model: str
    provider: str
    rule: _types_pb2.Rule
    fallbacks_only: bool
    def __init__(self, model: _Optional[str] = ..., provider: _Optional[str] = ..., rule: _Optional[_Union[_types_pb2.Rule, str]] = ..., fallbacks_only: bool = ...) -> None: ...

class WatchDecisionsResponse(_message.Message):
    __slots__ = ("time_us", "request_id", "decision", "attempts", "status", "missed")
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    time_us: int
    request_id: str
    decision: _types_pb2.Decision
    attempts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Attempt]
    status: str
    missed: int
    def __init__(self, time_us: _Optional[int] = ..., request_id: _Optional[str] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[_types_pb2.Attempt, _Mapping]]] = ..., status: _Optional[str] = ..., missed: _Optional[int] = ...) -> None: ...
