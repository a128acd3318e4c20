"""Fake providers that speak the real wire protocols, with pace and faults set at run time.

`make run`, the tests and the benches all stand on them.
"""

from router_service.testing.answers import expected_text
from router_service.testing.behaviour import Behaviour, Fault, FaultKind
from router_service.testing.fleet import CLOUD_KEY, FakeFleet, RunningProvider, reference_specs
from router_service.testing.journal import Entry
from router_service.testing.process import ProviderProcess
from router_service.testing.provider import FakeProvider
from router_service.testing.wire import ProviderSpec, Server

__all__ = [
    "CLOUD_KEY",
    "Behaviour",
    "Entry",
    "FakeFleet",
    "FakeProvider",
    "Fault",
    "FaultKind",
    "ProviderProcess",
    "ProviderSpec",
    "RunningProvider",
    "Server",
    "expected_text",
    "reference_specs",
]
