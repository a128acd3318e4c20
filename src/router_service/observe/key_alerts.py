"""A provider that refuses our key stays refused until somebody acts, so the log says so as an error
(E2): at once, and again while it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from router_service.types import AttemptRecord, OutcomeClass, RequestRecord

AGAIN_S = 300.0
"""So long a provider's alert is not repeated."""

logger = logging.getLogger(__name__)


class KeyAlerts:
    """An Observer that watches for attempts ending `unauthorized`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock gives seconds."""
        self._clock = clock
        self._told: dict[str, float] = {}
        """By provider: when that was last said."""

    def request_finished(self, record: RequestRecord) -> None:
        for attempt in record.attempts:
            if attempt.outcome is OutcomeClass.UNAUTHORIZED:
                self._refused(attempt)

    def _refused(self, attempt: AttemptRecord) -> None:
        now = self._clock()
        told = self._told.get(attempt.provider)
        if told is not None and now - told < AGAIN_S:
            return
        self._told[attempt.provider] = now
        logger.error(
            "provider %s wants another key: %s; correct the one that its credential_env or "
            "credential_file names (a reload reads the file again, a restart both)",
            attempt.provider,
            attempt.message,
        )
