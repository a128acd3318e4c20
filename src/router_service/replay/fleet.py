"""What the config says of its providers that a log is valued by: prices, and the time to a first
token that is expected where none was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fleet:
    """Providers by id, as Table.outline has them."""

    providers: dict[str, dict[str, Any]]

    @classmethod
    def of_outline(cls, outline: bytes) -> Fleet:
        return cls({each["id"]: each for each in json.loads(outline)["providers"]})

    def cost_usd(
        self, provider: str, prompt: float, completion: float, requests: int = 1
    ) -> float | None:
        """Of so many requests with these tokens in all; None for an unknown provider. Token prices
        stand in place of the price of a request, as in the core."""
        if provider not in self.providers:
            return None
        price = self.providers[provider]["price"]
        of_prompt, of_completion = (
            price[f"usd_per_1k_{kind}_tokens"] for kind in ("prompt", "completion")
        )
        if of_prompt <= 0 and of_completion <= 0:
            return float(price["usd_per_request"]) * requests
        return float(of_prompt * prompt + of_completion * completion) / 1000

    def ttft_prior_s(self, provider: str) -> float | None:
        """None for an unknown provider."""
        known = self.providers.get(provider)
        return None if known is None else known["ttft_prior_us"] / 1e6
