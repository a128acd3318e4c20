"""Real servers are recognised by what they answer, and the doctor finds nothing wrong with them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from router_service.config.routing import load_table
from router_service.discover.document import document_of
from router_service.discover.servers import look
from router_service.doctor.examine import Wishes, examine
from router_service.doctor.findings import findings_of

from .backends import Backend, routing_config

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PATIENT_S = 60.0


async def test_real_servers_are_recognised(ollama: Backend, llama_cpp: Backend) -> None:
    ports = [urlsplit(backend.base_url).port or 0 for backend in (ollama, llama_cpp)]
    found = await look(ports, PATIENT_S)
    assert [(server.kind, server.base_url) for server in found] == [
        ("ollama", ollama.base_url),
        ("openai", llama_cpp.base_url),
    ]
    assert [list(server.models) for server in found] == [["tiny:latest"], ["tiny"]]
    assert list(document_of(found)["providers"]) == ["ollama", f"openai_{ports[1]}"]


@pytest.mark.parametrize(("name", "kind"), [("ollama", "ollama"), ("llama_cpp", "openai")])
async def test_a_real_server_is_well(
    name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    backend: Backend = request.getfixturevalue(name)
    table = load_table(routing_config(tmp_path / "routing.json", kind, backend.base_url), {})
    dead, well = await examine(table, Wishes(PATIENT_S, first_token=True), environ={})
    assert findings_of(well) == []
    assert well.first_token is not None
    assert well.first_token.first_token_s is not None
    assert [finding.code for finding in findings_of(dead)] == ["unreachable"]
