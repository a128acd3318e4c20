"""How a step of the tour went, and whether that is what it expects.

The whole answer is known beforehand, so a truncated one is a failure too.
"""

from __future__ import annotations

from dataclasses import dataclass

from router_service.testing.answers import expected_text
from router_service.testing.demo.callers import Seen
from router_service.testing.demo.steps import Step


@dataclass(frozen=True, slots=True)
class Result:
    """One step, done."""

    step: Step
    seen: Seen | None
    """None where the request ended in an error."""
    seconds: float
    complaint: str | None
    """What is not as expected."""


def complaint(step: Step, seen: Seen) -> str | None:
    """What is not as the step expects; None where all is well."""
    wanted = {"rule": step.rule, "model": step.answered_by, "attempts": step.attempts}
    for name, value in wanted.items():
        if getattr(seen, name) != value:
            return f"{name} is {getattr(seen, name)}, expected {value}"
    if seen.provider not in step.providers:
        return f"provider is {seen.provider}, expected {' or '.join(sorted(step.providers))}"
    whole = expected_text(seen.upstream_model, step.prompt, step.max_tokens)
    if seen.text is not None and seen.text != whole:
        return f"the answer is not whole: {seen.text!r}, expected {whole!r}"
    return None
