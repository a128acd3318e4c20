from router_service.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemError(_message.Message):
    __slots__ = ("code", "reason", "message", "field", "suggestions", "retry_after_us")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    field: str
    suggestions: _containers.RepeatedScalarFieldContainer[str]
    retry_after_us: int
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., suggestions: _Optional[_Iterable[str]] = ..., retry_after_us: _Optional[int] = ...) -> None: ...

class DecisionFailure(_message.Message):
    __slots__ = ("suggestions", "skipped")
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    suggestions: _containers.RepeatedScalarFieldContainer[str]
    skipped: _containers.RepeatedCompositeFieldContainer[_types_pb2.Candidate]
    def __init__(self, suggestions: _Optional[_Iterable[str]] = ..., skipped: _Optional[_Iterable[_Union[_types_pb2.Candidate, _Mapping]]] = ...) -> None: ...

class AttemptsFailure(_message.Message):
    __slots__ = ("attempts", "delivered")
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Attempt]
    delivered: _types_pb2.Usage
    def __init__(self, attempts: _Optional[_Iterable[_Union[_types_pb2.Attempt, _Mapping]]] = ..., delivered: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ...) -> None: ...

class UpstreamAnswer(_message.Message):
    __slots__ = ("status", "content_type", "body", "truncated")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    status: int
    content_type: str
    body: bytes
    truncated: bool
    def __init__(self, status: _Optional[int] = ..., content_type: _Optional[str] = ..., body: _Optional[bytes] = ..., truncated: bool = ...) -> None: ...
