"""What a game day found, as one table: requests by how they ended, and how long each provider took
to be in use again. The tables are shown at the end of a test run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .load import Load, Sent
from .verdicts import End
from .watching import Watch

BACK_WITHIN_S = 30.0
"""From the end of a cooldown, or the probe that ended it, until traffic is back."""

_WINDOW_S = 5.0
_STEP_S = 0.25
_ENOUGH = 0.7
"""A window of five seconds has its usual share from here on; fewer is more than chance."""

TABLES: list[str] = []
"""Tables of this test run, oldest first."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How one provider came back. Seconds from its return; None: not yet."""

    provider: str
    usual: float
    """Its share of all answers before anything happened."""
    tried_again_s: float | None
    """Until its cooldown was over, by itself or by a probe."""
    first_s: float | None
    """Until it had given a whole answer."""
    share_s: float | None
    """Until it had its usual share of five seconds."""

    @property
    def complete(self) -> bool:
        return None not in (self.tried_again_s, self.first_s, self.share_s)

    def check(self) -> None:
        """Raises AssertionError where traffic came back too late."""
        assert self.tried_again_s is not None, f"{self.provider} is still out"
        for what, at in (("an answer", self.first_s), ("its usual share", self.share_s)):
            assert at is not None, f"{self.provider} never had {what} again: {self}"
            late = at - self.tried_again_s
            assert late <= BACK_WITHIN_S, f"{self.provider} had {what} after {late:.1f} s: {self}"


def share(sent: Sequence[Sent], provider: str, begin: float, end: float) -> float | None:
    """A provider's share of the whole answers that came within this time; None if none did."""
    whole = [s for s in sent if s.end is End.WHOLE and begin <= s.ended_at < end]
    return sum(s.provider == provider for s in whole) / len(whole) if whole else None


def recovery(
    load: Load, watch: Watch, provider: str, *, usual: float, back_at: float, now: float
) -> Recovery:
    """How far a provider that returned at back_at has come by now."""
    again = watch.in_use_since(provider, back_at)
    answered = [
        sent.ended_at
        for sent in load.of(End.WHOLE)
        if sent.provider == provider and sent.sent_at >= back_at
    ]
    begin, full = back_at, None
    while full is None and begin + _WINDOW_S <= now:
        if (share(load.sent, provider, begin, begin + _WINDOW_S) or 0.0) >= _ENOUGH * usual:
            full = begin
        begin += _STEP_S
    moments = (again, min(answered, default=None), full)
    return Recovery(provider, usual, *(None if at is None else at - back_at for at in moments))


def table(title: str, load: Load, recoveries: Sequence[Recovery] = ()) -> str:
    """The table of one game day, as text."""
    counts = load.counts()
    answered = sum(counts[end] for end in (End.WHOLE, End.REFUSED, End.BROKEN))
    figures = {"sent": load.begun, "answered": answered} | {str(end): counts[end] for end in End}
    heads = [head for head, count in figures.items() if count or head in _ALWAYS]
    lines = [title, _row(heads), _row([str(figures[head]) for head in heads])]
    errors = Counter(f"{sent.end} {sent.verdict.code}" for sent in load.sent if sent.verdict.code)
    if errors:
        lines.append("  " + ", ".join(f"{what} {count}" for what, count in errors.most_common()))
    lines += [
        f"  {found.provider}: tried again {_after(found.tried_again_s)}, first answer "
        f"{_after(found.first_s)}, its usual {found.usual:.0%} {_after(found.share_s)}"
        for found in recoveries
    ]
    return "\n".join(lines)


_ALWAYS = ("sent", "answered", "whole", "refused", "broken", "lie", "hang")


def _row(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>10}" for cell in cells)


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.1f} s"
