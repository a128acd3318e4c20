"""The demo behind `make run`: a fake fleet, a real router, and a tour of requests.

Everything that is shown really happened: each step names what it expects and is checked.
"""

from router_service.testing.demo.tour import run

__all__ = ["run"]
