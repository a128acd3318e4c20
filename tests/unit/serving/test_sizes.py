"""Sizes of models come from what local providers list; one that fails disturbs nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from router_service.errors import UpstreamError
from router_service.serving.sizes import learn_sizes
from router_service.types import OutcomeClass


class Listing:
    """A connector that lists, or fails."""

    def __init__(self, listed: dict[str, str | None] | None) -> None:
        self.listed = listed
        self.asked = 0

    async def probe(self, timeout_s: float) -> dict[str, str | None]:
        self.asked += 1
        if self.listed is None:
            raise UpstreamError(OutcomeClass.UNREACHABLE, "refused")
        return self.listed


class Learned:
    def __init__(self) -> None:
        self.sizes: dict[str, str] = {}
        self.disabled = ""

    def is_disabled(self, provider: str, now_us: int) -> bool:
        return provider == self.disabled

    def learn_sizes(self, sizes: dict[str, str]) -> None:
        self.sizes.update(sizes)


def upstream(connector: Listing, *, location: str = "local", active: bool = True) -> Any:
    provider = SimpleNamespace(id="p", location=location, active=active)
    return SimpleNamespace(provider=provider, connector=connector)


async def test_active_local_providers_are_asked() -> None:
    here = Listing({"a": "7.6B", "b": None})
    broken, cloud, idle = Listing(None), Listing({"c": "1B"}), Listing({"d": "1B"})
    router: Any = Learned()
    await learn_sizes(
        router,
        {
            "here": upstream(here),
            "broken": upstream(broken),
            "cloud": upstream(cloud, location="cloud"),
            "idle": upstream(idle, active=False),
        },
    )
    assert router.sizes == {"a": "7.6B"}
    assert (here.asked, broken.asked, cloud.asked, idle.asked) == (1, 1, 0, 0)


async def test_one_that_an_operator_disabled_is_not() -> None:
    listing, router = Listing({"a": "7.6B"}), Learned()
    router.disabled = "p"
    core: Any = router
    await learn_sizes(core, {"p": upstream(listing)})
    assert (listing.asked, router.sizes) == (0, {})
