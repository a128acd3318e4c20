"""Builds the UpstreamError for everything that can go wrong with one provider.
Every message names the provider, and none ever holds its key or address."""

from __future__ import annotations

import errno
import os
import ssl
import time
from collections.abc import Callable, Mapping

import aiohttp

from router_service.connectors.classify import (
    ErrorDetail,
    classify,
    implied_status,
    read_error,
)
from router_service.connectors.documents import dump, parse
from router_service.connectors.retry_after import retry_after_s
from router_service.errors import UpstreamError
from router_service.types import OutcomeClass

EXCERPT = 300
"""Characters of an upstream message that ours repeats."""

JSON_TYPE = "application/json"


class Failures:
    """The errors of one provider."""

    def __init__(
        self, provider_id: str, key: str | None = None, wall_s: Callable[[], float] = time.time
    ) -> None:
        self.provider_id = provider_id
        self._key = key
        self._wall_s = wall_s

    def of(
        self, outcome_class: OutcomeClass, words: str, *, status: int | None = None
    ) -> UpstreamError:
        """An error in our own words."""
        return UpstreamError(outcome_class, f"{self.provider_id}: {words}", status=status)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """The provider answered with a status that is no success."""
        body = self._redact(body)
        detail = _detail_of(body)
        outcome_class = classify(status, detail)
        return UpstreamError(
            outcome_class,
            f"{self.provider_id} answered {status}: {_excerpt(detail.message)}",
            status=status,
            body=body,
            content_type=headers.get("content-type"),
            retry_after_s=self._wait(outcome_class, detail, headers),
        )

    def in_band(
        self, document: object, headers: Mapping[str, str], *, content_seen: bool
    ) -> UpstreamError | None:
        """The error a 200 answer holds, or None if `document` is no error.

        After content it is a broken stream whatever its code. Raises ValueError for an error that
        cannot be told in words.
        """
        if (detail := read_error(document)) is None:
            return None
        status = implied_status(detail)
        outcome_class = OutcomeClass.STREAM_BROKEN if content_seen else classify(status, detail)
        return UpstreamError(
            outcome_class,
            f"{self.provider_id} sent an error in its answer: "
            f"{_excerpt(self._redact(detail.message.encode()).decode())}",
            status=status,
            body=self._redact(dump(document)),
            content_type=JSON_TYPE,
            retry_after_s=self._wait(outcome_class, detail, headers),
        )

    def unreadable(self, words: str) -> UpstreamError:
        """The answer came whole, but is not what the protocol promises."""
        return self.of(OutcomeClass.SERVER_ERROR, f"the answer cannot be read: {words}")

    def cut(self, words: str, *, content_seen: bool) -> UpstreamError:
        """The answer stopped before its end."""
        outcome_class = (
            OutcomeClass.STREAM_BROKEN if content_seen else OutcomeClass.CONNECTION_RESET
        )
        return self.of(outcome_class, words)

    def transport(self, error: Exception, *, content_seen: bool) -> UpstreamError:
        """The connection failed, as aiohttp or the system reports it."""
        if isinstance(error, aiohttp.InvalidURL):
            return self.of(OutcomeClass.UNREACHABLE, "base_url is not a URL; correct it in config")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return self.of(OutcomeClass.UNREACHABLE, "no connection within the connect limit")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerFingerprintMismatch):
            return self.of(OutcomeClass.UNREACHABLE, _why_unreachable(error))
        if isinstance(error, aiohttp.ClientResponseError) and not content_seen:
            return self.unreadable("it is not HTTP")
        return self.cut(f"connection lost ({_reason(error)})", content_seen=content_seen)

    def _wait(
        self, outcome_class: OutcomeClass, detail: ErrorDetail, headers: Mapping[str, str]
    ) -> float | None:
        """Seconds until another try makes sense, where the error's class has such a time."""
        if outcome_class not in (OutcomeClass.RATE_LIMITED, OutcomeClass.UNAVAILABLE):
            return None
        if detail.retry_after_s is not None:
            return detail.retry_after_s
        return retry_after_s(headers, self._wall_s())

    def _redact(self, text: bytes) -> bytes:
        return text.replace(self._key.encode(), b"[redacted]") if self._key else text


def _detail_of(body: bytes) -> ErrorDetail:
    try:
        detail = read_error(parse(body))
    except ValueError:
        detail = None
    return detail or ErrorDetail(body.decode("utf-8", "replace"))


def _excerpt(text: str) -> str:
    text = " ".join(text.split()) or "(no message)"
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name of base_url does not resolve"
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return "TLS handshake failed; check the certificate and that base_url wants https"
    return f"cannot connect ({_reason(error)})"


def _reason(error: Exception) -> str:
    # The system's own words for the number: the error's text would hold the provider's address.
    number = error.errno if isinstance(error, OSError) else None
    if number is None or number not in errno.errorcode:
        return type(error).__name__
    return os.strerror(number)
