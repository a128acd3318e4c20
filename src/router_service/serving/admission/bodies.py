"""How many bytes of request bodies may be held at once, whoever they belong to."""

from __future__ import annotations

from router_service.errors import Overloaded


class Bodies:
    """A budget of bytes. What is taken must be given back."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.held = 0

    def take(self, size: int, retry_after_s: float) -> None:
        """Raises Overloaded, taking nothing, where less is left."""
        if self.held + size > self._most:
            raise Overloaded(
                f"the bodies of running requests hold {self.held} bytes, and {size} more would be "
                f"past {self._most} (limits.max_body_bytes_held); try again shortly",
                retry_after_s,
                reason="body_bytes",
            )
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size
