"""Every error the service raises on purpose, each saying whose fault it is and what to do.

RouterError
├── InvalidRequest        the caller's request cannot be understood
├── Unauthenticated       no key, or a wrong one
├── BodyTooLarge          the body is past the limit
├── Overloaded            no room now; try again after retry_after_s
├── Draining              this process is stopping; try another or later
├── DeadlineExceeded      the caller's deadline passed
├── DecisionError         no deployment can serve this request
├── UpstreamError         one attempt failed
├── AllAttemptsFailed     every deployment of the plan that could be tried failed
├── StreamBroken          an answer broke off after part of it had been sent
├── TooManyWatchers       as many watch decisions as may
├── UnknownProvider       an operator names a provider that the routing config does not have
├── RollbackRefused       there is no earlier routing config to go back to
├── SwitchRefused         a switch of models cannot be begun
├── SwitchFailed          a switch of models was begun and taken back
├── CallFailed            a running router, asked by the command line, refused or said nothing
├── NothingFound          no model server answers on this machine
├── ConfigRejected        the routing config has errors
└── ServiceConfigRejected the service config has errors
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router_service.types import AttemptRecord, OutcomeClass, Usage


class RouterError(Exception):
    """Base of all. `code` is a stable short name; the text is for people."""

    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(RouterError):
    """`param` names the field at fault, where there is one."""

    code = "invalid_request"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Unauthenticated(RouterError):
    code = "invalid_api_key"


class BodyTooLarge(RouterError):
    code = "body_too_large"


class Overloaded(RouterError):
    """`reason` says which bound was met, in a fixed word: queue_full, caller_limit,
    cannot_make_deadline, queue_timeout, body_bytes; or no_room, where no deployment had any."""

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: float, reason: str = "no_room") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.reason = reason


class Draining(RouterError):
    code = "draining"


class DeadlineExceeded(RouterError):
    """`usage` is our own count of what had been delivered, where anything was."""

    code = "deadline_exceeded"

    def __init__(
        self, message: str, attempts: Sequence[AttemptRecord] = (), usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)
        self.usage = usage


class DecisionError(RouterError):
    """Raised by the core. `code` is unknown_model, invalid_request, context_length_exceeded,
    no_eligible_deployment, no_room or budget_spent; `details` holds suggestions, skipped
    deployments with reasons, and retry_after_us, as the case has them."""

    def __init__(self, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class UpstreamError(RouterError):
    """One attempt failed. Connectors map every foreign error to this, in one place each.

    status, body and content_type are the upstream's own answer, where there was one, so that the
    caller's own fault can be returned unchanged.
    """

    code = "upstream_error"

    def __init__(
        self,
        outcome_class: OutcomeClass,
        message: str,
        *,
        status: int | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome_class = outcome_class
        self.status = status
        self.body = body
        self.content_type = content_type
        self.retry_after_s = retry_after_s


class AllAttemptsFailed(RouterError):
    """`cause` is the original error to surface; `attempts` every try in order."""

    code = "all_attempts_failed"

    def __init__(
        self, message: str, cause: UpstreamError, attempts: Sequence[AttemptRecord]
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.attempts = tuple(attempts)


class StreamBroken(RouterError):
    """`usage` is our own count of what was delivered, where it is known."""

    code = "stream_broken"

    def __init__(
        self, message: str, attempts: Sequence[AttemptRecord], usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)
        self.usage = usage


class TooManyWatchers(RouterError):
    code = "too_many_watchers"


class UnknownProvider(RouterError):
    """Raised by the core; `suggestions` are the ids closest to the one given."""

    code = "unknown_provider"

    def __init__(self, message: str, suggestions: Sequence[str]) -> None:
        super().__init__(message)
        self.suggestions = tuple(suggestions)


class RollbackRefused(RouterError):
    code = "rollback_refused"


class SwitchRefused(RouterError):
    """Nothing was changed."""

    code = "switch_refused"


class SwitchFailed(RouterError):
    """The old member is the active one still; the text says what could not be taken back."""

    code = "switch_failed"


class CallFailed(RouterError):
    """`code` is the router's own short name of why, or no_answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NothingFound(RouterError):
    code = "nothing_found"


class ConfigRejected(RouterError):
    """Raised by the core with its diagnostics; router_service.config adds file, line and column."""

    code = "config_rejected"

    def __init__(self, message: str, diagnostics: Sequence[Any]) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class ServiceConfigRejected(RouterError):
    code = "service_config_rejected"
