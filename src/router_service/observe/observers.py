"""Tells several observers of one finished request. One that fails is reported once and never
disturbs the request or the observers after it.
"""

from __future__ import annotations

import logging

from router_service.types import Observer, RequestRecord

logger = logging.getLogger(__name__)


class Observers:
    """An Observer that passes every record on to each of the given ones, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._failed: set[int] = set()

    def request_finished(self, record: RequestRecord) -> None:
        for position, observer in enumerate(self._observers):
            try:
                observer.request_finished(record)
            except Exception:
                self._report(position, observer)

    def _report(self, position: int, observer: Observer) -> None:
        if position in self._failed:
            return
        self._failed.add(position)
        logger.exception(
            "%s failed on a finished request; further failures of it are not repeated here",
            type(observer).__name__,
        )
