"""Every way a provider can say when to come back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_service.connectors.retry_after import LONGEST_S, retry_after_s

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:25 GMT"}, 5.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:15 GMT"}, 0.0),
        ({"retry-after": "99999999999"}, LONGEST_S),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({"x-ratelimit-reset": "8"}, 8.0),
        ({"x-ratelimit-reset": "1700000004"}, 4.0),
        ({"x-ratelimit-reset": "1700000004000"}, 4.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-tokens": "20 parsecs"}, None),
        ({"x-ratelimit-reset-tokens": "1s", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-reset-tokens": "1s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-requests": "17",
            },
            1.0,
        ),
        ({"retry-after": "2", "x-ratelimit-reset": "8"}, 2.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOW) == (None if expected is None else pytest.approx(expected))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]),
        st.text(max_size=40) | st.from_regex(r"[0-9.smhd:, GMT-]{0,30}"),
    )
)
def test_whatever_comes_the_answer_is_usable(headers: dict[str, str]) -> None:
    wait = retry_after_s(headers, NOW)
    assert wait is None or 0.0 <= wait <= LONGEST_S
