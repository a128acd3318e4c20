"""What a YAML scalar means under the YAML 1.2 core schema, and nothing beyond it.

Dates, yes/no and sexagesimal numbers are therefore plain text, as JSON has no other word for them.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MOST_DIGITS = 300
_BASES = {"0x": 16, "0o": 8}
_PREFIX = "tag:yaml.org,2002:"
_TAGGED = {
    "null": type(None),
    "bool": bool,
    "int": int,
    "float": float,
}


class ScalarError(ValueError):
    """A scalar that has no JSON value; the text says why, `fix` what to write instead."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def resolve(text: str, *, plain: bool, tag: str | None) -> Scalar:
    """The value of a scalar. Raises ScalarError for text that JSON cannot hold, non-finite
    numbers and unknown tags.
    """
    if _SURROGATE.search(text):
        raise ScalarError("half of a surrogate pair is not text", "write the whole character")
    kind = None if tag in (None, "!") else _kind(str(tag))
    if kind == "str" or tag == "!" or (kind is None and not plain):
        return text
    value = _core_schema(text)
    if kind is None:
        return value
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not _TAGGED[kind]:
        raise ScalarError(f"{text!r} is not a {kind}", "correct the value or drop the tag")
    return value


def _kind(tag: str) -> str:
    kind = tag.removeprefix(_PREFIX)
    if kind != "str" and kind not in _TAGGED:
        shown = f"!!{kind}" if tag.startswith(_PREFIX) else tag
        raise ScalarError(f"the tag {shown} is not supported", "write the value without a tag")
    return kind


def _core_schema(text: str) -> Scalar:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(
            f"{text} is not a finite number", "write a finite number, or leave the key out"
        )
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    return text


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ScalarError(
            f"a number of {len(text)} digits is too long", "quote it if it is meant as text"
        )
    base = _BASES.get(text[:2])
    return int(text, 10) if base is None else int(text[2:], base)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ScalarError(f"{text} is too large for a number", "write a smaller number")
    return number
