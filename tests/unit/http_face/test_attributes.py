"""The routing headers: every one, in any case, and what is refused."""

from __future__ import annotations

import pytest

from router_service.errors import InvalidRequest
from router_service.serving.attributes import MAX_COUNT, attributes_from_headers
from router_service.types import Attributes


def test_every_header_becomes_its_attribute() -> None:
    assert attributes_from_headers(
        {
            "X-Priority": "high",
            "x-quality-tier": " high ",
            "X-Batch-Size": "8",
            "x-batch-mode": "True",
            "X-Capability": "code",
            "x-session-id": "s-1",
            "x-routing-strategy": "least_loaded",
            "x-fallback-chain": "high_availability",
            "x-request-count": "0",
            "user-agent": "curl",
        }
    ) == Attributes(
        capability="code",
        priority="high",
        quality_tier="high",
        batch_size=8,
        batch_mode=True,
        request_count=0,
        session="s-1",
        strategy="least_loaded",
        chain="high_availability",
    )


def test_nothing_said_is_nothing_known() -> None:
    assert attributes_from_headers({"x-priority": "  ", "accept": "*/*"}) == Attributes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-batch-size", "0"),
        ("x-batch-size", "-1"),
        ("x-batch-size", "1.5"),
        ("x-batch-size", "٣"),
        ("x-batch-size", str(MAX_COUNT + 1)),
        ("x-request-count", "many"),
        ("x-request-count", "9" * 5000),
        ("x-batch-mode", "maybe"),
        ("x-session-id", "\udcff"),
    ],
)
def test_a_bad_value_is_refused_by_header_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f"header {name}") as refused:
        attributes_from_headers({name.upper(): value})
    assert refused.value.param == name
    assert len(refused.value.message) < 200
