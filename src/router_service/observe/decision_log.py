"""The decision log: JSON Lines of every decision with the figures it read, and of how each request
ended. The core collects decisions beside its own work; a thread turns them into lines and writes
them, so that neither a decision nor the event loop waits. docs/decision-log.md has the fields.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Protocol

from router_service.errors import ServiceConfigRejected
from router_service.observe.access_log import request_fields
from router_service.observe.logs import timestamp
from router_service.observe.rotating_file import InUse, RotatingFile
from router_service.types import RequestRecord

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the form of the lines."""
FLUSH_S = 0.2
"""Longest time a record waits to be written."""
MOST_WAITING = 16_384
"""Ends of requests that wait at most; the core bounds what waits of decisions."""
MOST_ROUTERS = 16
"""Of this user on this machine that find a file of their own."""
MOST_BODY_BYTES = 256 * 1024
"""A larger body is left out, and its size told."""

_OUTCOME_FIELDS = (
    "decision_id",
    "request_id",
    "face",
    "operation",
    "stream",
    "principal",
    "status",
    "attempts",
    "queued_s",
    "ttft_s",
    "total_s",
    "prompt_tokens",
    "completion_tokens",
)

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Recording(Protocol):
    """What the log needs of the core's router."""

    def record(self, open: bool) -> None: ...
    def take_records(self) -> tuple[list[str], int]: ...


class DecisionLog:
    """An Observer that writes how requests ended, after the decisions that the core recorded.

    From its making to close() the core records.
    """

    def __init__(self, router: Recording, file: RotatingFile, *, flush_s: float = FLUSH_S) -> None:
        self._router = router
        self._file = file
        self._flush_s = flush_s
        self._ended: deque[RequestRecord] = deque()
        self._unwritten = 0
        """Records lost since the last line that could be written."""
        self._lost = 0
        self._losing = threading.Lock()
        self._told = False
        self._reopen = False
        self._closing = threading.Event()
        router.record(True)
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Records lost so far, each told by a gap record."""
        return self._lost

    def request_finished(self, record: RequestRecord) -> None:
        """Never blocks. What has no decision is in the access log alone."""
        if record.decision_id is None:
            return
        if len(self._ended) >= MOST_WAITING:
            self._lose(1)
            return
        self._ended.append(record)

    def reopen(self) -> None:
        """Open the file anew before the next write, as after a rotation by somebody else."""
        self._reopen = True

    def close(self, timeout_s: float = 5.0) -> None:
        """Write out what waits, for at most timeout_s seconds."""
        self._router.record(False)
        self._closing.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.warning("%s: not all was written within %g s", self._file.path, timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(self._flush_s):
            self._write()
        self._write()
        self._file.close()

    def _write(self) -> None:
        # Ends first: what they end was decided before, and so is among the core's records below.
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        lines, lost = self._router.take_records()
        lines.extend(_encode(outcome_fields(record)) for record in ended)
        self._lose(lost)
        try:
            if self._reopen:
                self._reopen = False
                self._file.reopen()
            if lines or self._unwritten:
                self._put(lines)
        except OSError as error:
            self._lose(len(lines))
            self._tell(error)

    def _put(self, lines: list[str]) -> None:
        unwritten = self._unwritten
        if unwritten:
            lines = [*lines, _encode(gap_fields(unwritten))]
        self._file.write(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
        with self._losing:
            self._unwritten -= unwritten
        self._told = False

    def _lose(self, count: int) -> None:
        with self._losing:
            self._unwritten += count
            self._lost += count

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "%s: decisions cannot be written (%s); free the disk or mend the path. What is "
                "lost is counted, and told in the log once it can be written again",
                self._file.path,
                error.strerror or error,
            )


def open_decision_log(
    router: Recording, destination: str, *, max_bytes: int, keep: int
) -> DecisionLog | None:
    """The decision log at a file path, at `auto` (this user's folder for state) or `off` (None).

    Raises ServiceConfigRejected where a path that was named cannot be used; auto is given up with a
    warning then.
    """
    if destination == "off":
        return None
    try:
        if destination == "auto":
            file = _automatic(max_bytes, keep)
        else:
            file = RotatingFile(Path(destination), max_bytes=max_bytes, keep=keep)
    except OSError as error:
        reason = error.strerror or str(error)
        advice = "set decision_log.file to a file that can be written, or to off"
        if destination != "auto":
            raise ServiceConfigRejected(
                f"decision log {destination}: {reason}; {advice}"
            ) from error
        logger.warning("decisions are not logged: %s: %s; %s", error.filename, reason, advice)
        return None
    logger.info("decisions are logged to %s", file.path)
    return DecisionLog(router, file)


def _automatic(max_bytes: int, keep: int) -> RotatingFile:
    """The first file of its kind that no other router writes. Raises OSError."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    folder = Path(state) / "router-service"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = ("decisions.jsonl", *(f"decisions-{n}.jsonl" for n in range(2, MOST_ROUTERS + 1)))
    for name in names[:-1]:
        with contextlib.suppress(InUse):
            return RotatingFile(folder / name, max_bytes=max_bytes, keep=keep)
    return RotatingFile(folder / names[-1], max_bytes=max_bytes, keep=keep)


def outcome_fields(record: RequestRecord) -> dict[str, Any]:
    """How a request ended, as the log has it."""
    told = request_fields(record)
    fields = {"kind": "outcome", "v": VERSION, "time": told["time"]}
    fields |= {name: told[name] for name in _OUTCOME_FIELDS}
    body = record.body
    if body is not None:
        if len(body) > MOST_BODY_BYTES:
            fields["body_bytes"] = len(body)
        else:
            fields["body"] = body.decode("utf-8", "replace")
    return fields


def gap_fields(lost: int) -> dict[str, Any]:
    """So many records are missing before this one."""
    return {"kind": "gap", "v": VERSION, "time": timestamp(time.time()), "lost": lost}
