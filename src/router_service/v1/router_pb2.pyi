from router_service.v1 import errors_pb2 as _errors_pb2
from router_service.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_STATUS_UNSPECIFIED: _ClassVar[ReportStatus]
    REPORT_STATUS_ACCEPTED: _ClassVar[ReportStatus]
    REPORT_STATUS_DUPLICATE: _ClassVar[ReportStatus]
    REPORT_STATUS_EXPIRED: _ClassVar[ReportStatus]
    REPORT_STATUS_UNKNOWN: _ClassVar[ReportStatus]
REPORT_STATUS_UNSPECIFIED: ReportStatus
REPORT_STATUS_ACCEPTED: ReportStatus
REPORT_STATUS_DUPLICATE: ReportStatus
REPORT_STATUS_EXPIRED: ReportStatus
REPORT_STATUS_UNKNOWN: ReportStatus

class RouteRequest(_message.Message):
    __slots__ = ("model", "prompt", "openai_body", "operation", "prompt_tokens", "max_tokens", "stream", "attributes", "include_candidates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    OPENAI_BODY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    openai_body: bytes
    operation: _types_pb2.Operation
    prompt_tokens: int
    max_tokens: int
    stream: bool
    attributes: _types_pb2.Attributes
    include_candidates: bool
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., openai_body: _Optional[bytes] = ..., operation: _Optional[_Union[_types_pb2.Operation, str]] = ..., prompt_tokens: _Optional[int] = ..., max_tokens: _Optional[int] = ..., stream: bool = ..., attributes: _Optional[_Union[_types_pb2.Attributes, _Mapping]] = ..., include_candidates: bool = ...) -> None: ...

class RouteResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ...) -> None: ...

class RouteBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[RouteRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[RouteRequest, _Mapping]]] = ...) -> None: ...

class RouteResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    error: _errors_pb2.ItemError
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., error: _Optional[_Union[_errors_pb2.ItemError, _Mapping]] = ...) -> None: ...

class RouteBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RouteResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RouteResult, _Mapping]]] = ...) -> None: ...

class RouteStreamRequest(_message.Message):
    __slots__ = ("correlation_id", "route")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    correlation_id: str
    route: RouteRequest
    def __init__(self, correlation_id: _Optional[str] = ..., route: _Optional[_Union[RouteRequest, _Mapping]] = ...) -> None: ...

class RouteStreamResponse(_message.Message):
    __slots__ = ("correlation_id", "result")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    correlation_id: str
    result: RouteResult
    def __init__(self, correlation_id: _Optional[str] = ..., result: _Optional[_Union[RouteResult, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("route",)
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    route: RouteRequest
    def __init__(self, route: _Optional[_Union[RouteRequest, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("decision", "explanation_json", "nearest_changes", "changes_without_effect", "reruns", "search_complete")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_JSON_FIELD_NUMBER: _ClassVar[int]
    NEAREST_CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_WITHOUT_EFFECT_FIELD_NUMBER: _ClassVar[int]
    RERUNS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    decision: _types_pb2.Decision
    explanation_json: bytes
    nearest_changes: _containers.RepeatedCompositeFieldContainer[_types_pb2.NearestChange]
    changes_without_effect: _containers.RepeatedScalarFieldContainer[str]
    reruns: int
    search_complete: bool
    def __init__(self, decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ..., explanation_json: _Optional[bytes] = ..., nearest_changes: _Optional[_Iterable[_Union[_types_pb2.NearestChange, _Mapping]]] = ..., changes_without_effect: _Optional[_Iterable[str]] = ..., reruns: _Optional[int] = ..., search_complete: bool = ...) -> None: ...

class ReportOutcomeRequest(_message.Message):
    __slots__ = ("permit", "outcome")
    PERMIT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    permit: str
    outcome: _types_pb2.Outcome
    def __init__(self, permit: _Optional[str] = ..., outcome: _Optional[_Union[_types_pb2.Outcome, _Mapping]] = ...) -> None: ...

class ReportOutcomeResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: ReportStatus
    def __init__(self, status: _Optional[_Union[ReportStatus, str]] = ...) -> None: ...

class ReportFeedbackRequest(_message.Message):
    __slots__ = ("decision_id", "score", "labels", "comment")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    score: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    comment: str
    def __init__(self, decision_id: _Optional[str] = ..., score: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ..., comment: _Optional[str] = ...) -> None: ...

class ReportFeedbackResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: ReportStatus
    def __init__(self, status: _Optional[_Union[ReportStatus, str]] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "text", "parts", "name", "tool_calls", "tool_call_id")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    role: str
    text: str
    parts: bytes
    name: str
    tool_calls: bytes
    tool_call_id: str
    def __init__(self, role: _Optional[str] = ..., text: _Optional[str] = ..., parts: _Optional[bytes] = ..., name: _Optional[str] = ..., tool_calls: _Optional[bytes] = ..., tool_call_id: _Optional[str] = ...) -> None: ...

class ChatInput(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("model", "prompt", "messages", "openai_body", "operation", "max_tokens", "temperature", "top_p", "stop", "seed", "tools", "tool_choice", "response_format", "attributes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    OPENAI_BODY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    messages: ChatInput
    openai_body: bytes
    operation: _types_pb2.Operation
    max_tokens: int
    temperature: float
    top_p: float
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    tools: bytes
    tool_choice: bytes
    response_format: bytes
    attributes: _types_pb2.Attributes
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., messages: _Optional[_Union[ChatInput, _Mapping]] = ..., openai_body: _Optional[bytes] = ..., operation: _Optional[_Union[_types_pb2.Operation, str]] = ..., max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., tools: _Optional[bytes] = ..., tool_choice: _Optional[bytes] = ..., response_format: _Optional[bytes] = ..., attributes: _Optional[_Union[_types_pb2.Attributes, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("served", "text", "finish_reason", "usage", "body")
    SERVED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    served: _types_pb2.Served
    text: str
    finish_reason: str
    usage: _types_pb2.Usage
    body: bytes
    def __init__(self, served: _Optional[_Union[_types_pb2.Served, _Mapping]] = ..., text: _Optional[str] = ..., finish_reason: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class GenerateStreamRequest(_message.Message):
    __slots__ = ("generate",)
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    generate: GenerateRequest
    def __init__(self, generate: _Optional[_Union[GenerateRequest, _Mapping]] = ...) -> None: ...

class StreamOpened(_message.Message):
    __slots__ = ("served",)
    SERVED_FIELD_NUMBER: _ClassVar[int]
    served: _types_pb2.Served
    def __init__(self, served: _Optional[_Union[_types_pb2.Served, _Mapping]] = ...) -> None: ...

class StreamDelta(_message.Message):
    __slots__ = ("text", "raw")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    text: str
    raw: bytes
    def __init__(self, text: _Optional[str] = ..., raw: _Optional[bytes] = ...) -> None: ...

class StreamContinued(_message.Message):
    __slots__ = ("served", "by")
    SERVED_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    served: _types_pb2.Served
    by: str
    def __init__(self, served: _Optional[_Union[_types_pb2.Served, _Mapping]] = ..., by: _Optional[str] = ...) -> None: ...

class StreamFinished(_message.Message):
    __slots__ = ("finish_reason", "usage", "served_model")
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SERVED_MODEL_FIELD_NUMBER: _ClassVar[int]
    finish_reason: str
    usage: _types_pb2.Usage
    served_model: str
    def __init__(self, finish_reason: _Optional[str] = ..., usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., served_model: _Optional[str] = ...) -> None: ...

class GenerateStreamResponse(_message.Message):
    __slots__ = ("opened", "delta", "finished", "continued")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    CONTINUED_FIELD_NUMBER: _ClassVar[int]
    opened: StreamOpened
    delta: StreamDelta
    finished: StreamFinished
    continued: StreamContinued
    def __init__(self, opened: _Optional[_Union[StreamOpened, _Mapping]] = ..., delta: _Optional[_Union[StreamDelta, _Mapping]] = ..., finished: _Optional[_Union[StreamFinished, _Mapping]] = ..., continued: _Optional[_Union[StreamContinued, _Mapping]] = ...) -> None: ...
