"""Writes docs/faults.md from what a run found: one row a scenario, its cells what callers got and
providers saw. Times are given as bounds, so that another run writes the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from .promises import Manner, Scenario
from .scenarios import AREAS
from .trial import Finding

HEAD = """\
# Faults

What a caller gets, and what providers see, when something goes wrong. `make faults` wrote this
page: it breaks fake providers in every way below, sends real requests through a real router
before them, and notes what came of it. The same scenarios, with what is promised for each, are
tests of `make test` (`tests/e2e/faults`).

## How to read it

Each scenario was met over both faces, HTTP and gRPC, and with the first provider speaking the
OpenAI API (as vLLM does) and Ollama's own. One text in a cell holds for all four; where the
protocols differ, the cell names them.

- *first*, *second*, *third* are the providers of the plan. Unless the row says otherwise the plan
  is one deployment of the first and one of lower quality at the second, which is healthy.
- `2 + 1` are the requests for an answer that the first and the second provider saw, by their own
  logs.
- *broken off, told*: the caller has part of the text and is told that it is not all: over HTTP by
  an error event, no `[DONE]` and a body without its proper end, over gRPC by `ABORTED`.
- Errors are given as HTTP status and code, then the gRPC code. Each lists its attempts, but for one
  that is passed on as the provider said it.
- Times are medians until the caller had everything, as bounds. Where silence is the fault, the
  limit for a first token and for a gap after it was {patience} ms; the deadline was 3 s where a
  row needs no other.
- *gone on with*: another provider took over in the middle of the stream, from a prefill or by
  an answer that repeated what had been sent; the caller has one text without a seam and is told.
  Those rows have the same model at three providers.
- *whole, asked whole* is for providers with `stream_whole_answers: false`, where that makes a
  difference.

After each case nothing was in flight, no provider had a request running, no task was left, and
the next request was answered whole.
"""

_BOUNDS_S = (0.3, 0.75, 1.25, 2.0, 3.0, 5.0, 10.0)
"""Far from the times that waits and limits make, so that a slower machine writes the same."""

_COLUMNS = {
    Manner.STREAMED: "streamed",
    Manner.ASSEMBLED: "whole",
    Manner.WHOLE: "whole, asked whole",
}
_MEASURED = ("what", "promised", "measured")


@dataclass(slots=True)
class Report:
    """What one run of the suite found."""

    findings: list[Finding] = field(default_factory=list)
    measured: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Besides: what was done → what is promised, what came of it."""

    def note(self, what: str, promised: str, result: str) -> None:
        self.measured[what] = (promised, result)

    def write(self, patience_ms: int) -> str:
        """The page."""
        parts = [HEAD.format(patience=patience_ms)]
        parts += [_section(heading, self._rows(area)) for heading, area in AREAS.items()]
        rows = [(what, *shown) for what, shown in sorted(self.measured.items())]
        parts.append(_section("Under load, and callers who leave", rows, _MEASURED))
        return "\n".join(part for part in parts if part)

    def _rows(self, area: Sequence[Scenario]) -> list[tuple[str, ...]]:
        rows = []
        for scenario in area:
            found = [f for f in self.findings if f.case.scenario is scenario]
            cells = [_cell([f for f in found if f.case.manner is manner]) for manner in _COLUMNS]
            if cells[1] and cells[1] == cells[0]:
                cells[1] = "as streamed"
            if any(cells):
                rows.append((scenario.name, *cells))
        return rows


def _section(
    heading: str,
    rows: Sequence[tuple[str, ...]],
    columns: Sequence[str] = ("what happens", *_COLUMNS.values()),
) -> str:
    """A heading and its table, without columns that are empty all the way."""
    if not rows:
        return ""
    kept = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    lines = [[columns[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at].replace("|", "\\|") for at in kept] for row in rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {heading}\n\n{table}\n"


def _cell(found: Sequence[Finding]) -> str:
    """What came of one manner of asking: once for both protocols, or for each; and the time."""
    if not found:
        return ""
    texts = {
        protocol: _text([f for f in found if f.case.protocol == protocol])
        for protocol in dict.fromkeys(finding.case.protocol for finding in found)
    }
    time = _bounded(median(finding.seconds for finding in found))
    if len(set(texts.values())) == 1:
        return f"{texts.popitem()[1]} · {time}"
    return "<br>".join(f"{protocol}: {text} · {time}" for protocol, text in texts.items())


def _text(found: Sequence[Finding]) -> str:
    """One protocol's findings over both faces."""
    results = ", ".join(dict.fromkeys(_result(finding) for finding in found))
    asked = " or ".join(dict.fromkeys(_asked(finding) for finding in found))
    return f"{results} · {asked}"


def _result(finding: Finding) -> str:
    reply = finding.reply
    if reply.whole:
        early = "" if reply.finish_reason == "stop" else f", `{reply.finish_reason}`"
        onward = "".join(f", gone on with by the {who} ({how})" for who, how in reply.continued)
        return f"answer of the {reply.provider}{early}{onward}"
    if reply.text or reply.code == "stream_broken":
        return "broken off, told"
    if finding.case.face == "grpc":
        return f"{reply.status}"
    if not reply.tries:
        return f"{reply.status} as the provider said it"
    return f"{reply.status} `{reply.code}`"


def _asked(finding: Finding) -> str:
    """Requests by provider, as far as the last one that saw any."""
    counts = [len(entries) for entries in finding.seen.values()]
    while len(counts) > 2 and not counts[-1]:
        counts.pop()
    return " + ".join(map(str, counts))


def _bounded(seconds: float) -> str:
    return next(f"< {bound:g} s" for bound in _BOUNDS_S if seconds < bound)
