"""Takes out of an answer the text it was to go on from, where a server sends that once more.
Most servers answer with what is new alone; some repeat the prefill first, or answer anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from router_service.connectors.documents import as_count, as_list, as_object, dump, parse_object
from router_service.types import Delta, Prefill, Whole

TELLING = 16
"""Characters from which a repetition is no coincidence. A model may go on from "ha" with "ha"."""


class Repetition:
    """The stream of one call with a prefill. Holds back what may yet turn out to be repeated."""

    def __init__(self, prefill: Prefill) -> None:
        self._prefill = prefill
        self._matched = 0
        """Characters of the prefill that came again so far, all of them held back."""
        self._held: list[Delta] = []
        self._decided = not prefill.text

    def take(self, delta: Delta) -> Iterable[Delta]:
        """What may be passed on now that `delta` is in."""
        if self._decided or not (delta.text or delta.content or self._held):
            return (delta,)
        if not delta.text:
            return self._release(delta)
        prefill, text = self._prefill.text, delta.text
        left = len(prefill) - self._matched
        if len(text) >= left and text.startswith(prefill[self._matched :]):
            if not _is_telling(self._prefill, at_once=not self._held):
                return self._release(delta)
            repeated = [_without(held, len(held.text)) for held in self._held]
            self._held.clear()
            self._decided = True
            return (*repeated, _without(delta, left))
        if len(prefill) >= TELLING and prefill.startswith(text, self._matched):
            self._matched += len(text)
            self._held.append(delta)
            return ()
        return self._release(delta)

    def flush(self) -> Iterable[Delta]:
        """What is still held back at the end of the stream: it was no repetition."""
        return self._release()

    def _release(self, *last: Delta) -> Iterable[Delta]:
        held, self._held = self._held, []
        self._decided = True
        return (*held, *last)


def without_repetition(whole: Whole, prefill: Prefill) -> Whole:
    """The answer without the prefill at its start, if that is there."""
    if not (whole.text.startswith(prefill.text) and _is_telling(prefill, at_once=True)):
        return whole
    count = len(prefill.text)
    return replace(whole, body=_cut(whole.body, count), text=whole.text[count:])


def _is_telling(prefill: Prefill, *, at_once: bool) -> bool:
    """Whether its text, come again, was repeated by the server rather than said by the model.

    A model brings one token at a time, a server that repeats brings them all at once.
    """
    return len(prefill.text) >= TELLING or (at_once and prefill.tokens > 1)


def _without(delta: Delta, count: int) -> Delta:
    text = delta.text[count:]
    return Delta(_cut(delta.raw, count), text, delta.content and bool(text))


def _cut(raw: bytes, count: int) -> bytes:
    """The chunk or answer without the first `count` characters of its first choice."""
    document = parse_object(raw)
    for choice in map(as_object, as_list(document.get("choices"))):
        if as_count(choice.get("index")):
            continue
        for holder, name in (
            (as_object(choice.get("delta")), "content"),
            (as_object(choice.get("message")), "content"),
            (choice, "text"),
        ):
            if isinstance(text := holder.get(name), str):
                holder[name] = text[count:]
                count = max(0, count - len(text))
    return dump(document)
