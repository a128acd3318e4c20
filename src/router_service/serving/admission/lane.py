"""Slots with a queue before them, for one kind of work. A request that cannot have its slot in time
is refused the moment that is known, with the time after which another try makes sense."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from router_service.errors import DeadlineExceeded, Draining, Overloaded, RouterError
from router_service.serving.admission.bodies import Bodies
from router_service.serving.admission.bounds import Bounds, Most, Tally
from router_service.serving.admission.pace import Pace
from router_service.serving.admission.place import RETRY_AFTER_S, Place
from router_service.serving.admission.queue import Queue

if TYPE_CHECKING:
    from router_service.types import Arrival

_NO_BOUND = Most()


class Lane:
    """One kind of work, such as carrying requests out."""

    def __init__(
        self, bounds: Bounds, bodies: Bodies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.bodies = bodies
        self.clock = clock
        self._bounds = bounds
        self._queue = Queue(bounds.max_queue)
        self._running = Tally()
        self._waiting = Tally()
        self._pace = Pace()

    @property
    def running(self) -> int:
        return self._running.all

    @property
    def waiting(self) -> int:
        return self._waiting.all

    @property
    def bytes_held(self) -> int:
        return self.bodies.held

    @property
    def retry_after_s(self) -> float:
        """After this time, at the present pace, those who wait now have had their turn."""
        every_s = self._pace.mean_s(self.clock()) / self._bounds.max_concurrent
        return max(RETRY_AFTER_S, (self.waiting + 1) * every_s)

    def join(self, arrival: Arrival, timeout_s: float) -> Place:
        """A slot, or a place in the queue for at most timeout_s and the queue's own limit.

        Leave it when the request ends. Raises Overloaded where there is neither.
        """
        place = Place(self, arrival)
        if self._may_run(place):
            self._start(place, place.joined)
        else:
            self._queue_up(place, timeout_s)
        return place

    def requeue(self, place: Place, level: int) -> None:
        """Let a waiting place wait on another level, behind those already there."""
        self._queue.remove(place)
        place.level = level
        self._queue.add(place)

    def left(self, place: Place, *, waited: bool) -> None:
        """A place was given up; whoever can run now starts."""
        if waited:
            self._dequeue(place)
        elif place.started is not None:
            self._running.remove(place)
            now = self.clock()
            self._pace.add(now - place.started, now)
            self._start_next()

    def refuse_waiting(self, refusal: Draining) -> None:
        """Turn away everybody in the queue."""
        while (place := self._queue.take(lambda _: True)) is not None:
            self._waiting.remove(place)
            place.refuse(refusal)

    def waited_in_vain(self, place: Place) -> RouterError:
        """The error of a place whose time is over."""
        if place.patience_s < self._bounds.queue_timeout_s:
            return DeadlineExceeded(
                f"the deadline passed while waiting for one of {self.running} running requests to "
                "end (limits.max_concurrent)"
            )
        return Overloaded(
            f"no slot came free within {self._bounds.queue_timeout_s:g} s "
            "(limits.queue_timeout_s); try again shortly",
            self.retry_after_s,
            reason="queue_timeout",
        )

    # ── Slots ───────────────────────────────────────────────────────────────────────────────────

    def _may_run(self, place: Place) -> bool:
        running, face = self._running, self._face(place)
        return (
            running.all < self._bounds.max_concurrent
            and _below(running.faces[place.face], face.concurrent)
            and _below(running.callers[place.caller], self._bounds.caller.concurrent)
        )

    def _start(self, place: Place, now: float) -> None:
        self._running.add(place)
        place.grant(now)

    def _start_next(self) -> None:
        while self._running.all < self._bounds.max_concurrent:
            place = self._queue.take(self._may_run)
            if place is None:
                return
            self._waiting.remove(place)
            self._start(place, self.clock())

    def _face(self, place: Place) -> Most:
        return self._bounds.faces.get(place.face, _NO_BOUND)

    # ── The queue ───────────────────────────────────────────────────────────────────────────────

    def _queue_up(self, place: Place, timeout_s: float) -> None:
        """Raises Overloaded where the place cannot wait or would wait in vain."""
        place.patience_s = min(timeout_s, self._bounds.queue_timeout_s)
        self._check_own_bounds(place)
        wait_s = self._estimated_wait_s(place)
        if wait_s > place.patience_s:
            raise Overloaded(
                f"a slot is about {wait_s:.3g} s away, past the {place.patience_s:.3g} s this "
                "request can wait (its deadline, or limits.queue_timeout_s); try again then",
                max(RETRY_AFTER_S, wait_s),
                reason="cannot_make_deadline",
            )
        if self.waiting >= self._bounds.max_queue:
            self._make_room_for(place)
        self._queue.add(place)
        self._waiting.add(place)

    def _check_own_bounds(self, place: Place) -> None:
        if not _below(self._waiting.callers[place.caller], self._bounds.caller.queue):
            raise self._full(
                "of this caller",
                self._running.callers[place.caller],
                self._waiting.callers[place.caller],
                "limits.max_concurrent_per_caller, limits.max_queue_per_caller",
                reason="caller_limit",
            )
        if not _below(self._waiting.faces[place.face], self._face(place).queue):
            raise self._full(
                f"over {place.face}",
                self._running.faces[place.face],
                self._waiting.faces[place.face],
                f"{place.face}.max_concurrent, {place.face}.max_queue",
            )

    def _make_room_for(self, place: Place) -> None:
        refusal = self._full(
            "of all callers",
            self.running,
            self.waiting,
            "limits.max_concurrent, limits.max_queue",
        )
        displaced = self._queue.gives_way_to(place)
        if displaced is None:
            raise refusal
        self._dequeue(displaced)
        displaced.refuse(refusal)

    def _full(
        self, whose: str, running: int, waiting: int, keys: str, reason: str = "queue_full"
    ) -> Overloaded:
        return Overloaded(
            f"{running} requests {whose} are running and {waiting} waiting, which is the limit "
            f"({keys}); try again shortly",
            self.retry_after_s,
            reason=reason,
        )

    def _dequeue(self, place: Place) -> None:
        self._queue.remove(place)
        self._waiting.remove(place)

    # ── How long it takes ───────────────────────────────────────────────────────────────────────

    def _estimated_wait_s(self, place: Place) -> float:
        """How long a newcomer waits for its slot; 0 while no request has ended lately."""
        running, waiting, bounds = self._running, self._waiting, self._bounds
        face = self._face(place).concurrent
        rounds = max(
            _rounds(running.all, bounds.max_concurrent, self._queue.ahead_of(place)),
            _rounds(running.faces[place.face], face, waiting.faces[place.face]),
            _rounds(
                running.callers[place.caller],
                bounds.caller.concurrent,
                waiting.callers[place.caller],
            ),
        )
        return rounds * self._pace.mean_s(self.clock())


def _below(count: int, most: int | None) -> bool:
    return most is None or count < most


def _rounds(running: int, slots: int | None, ahead: int) -> float:
    """Service times that pass until a newcomer has one of these slots."""
    return 0.0 if slots is None or running < slots else (ahead + 1) / slots
