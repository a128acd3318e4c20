"""The routing config of whatever runs on this machine, compiled as any other.
Each load looks anew, so that a reload finds what has come and forgets what has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from router_service.config.diagnostics import Place, error
from router_service.config.document import Document
from router_service.config.files import Files
from router_service.config.places import Places
from router_service.config.routing import Loaded, load_document, table_of
from router_service.discover.document import document_of, summary
from router_service.discover.servers import Server, look

_PLACE = Place("servers found on this machine")
NO_FILES = Files({})
"""Nothing to watch: a new look is asked for by a signal or a call."""

logger = logging.getLogger(__name__)


class DiscoveredRouting:
    """Looks at these ports of this machine."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports

    def nothing(self) -> str:
        """What to say where nobody is found."""
        asked = ", ".join(map(str, self._ports)) or "none"
        return f"no model server answers on this machine (ports asked: {asked})"

    def find(self, tell: Callable[[str], None]) -> list[Server]:
        """The servers that can be used. Everybody who answers is told of in one line."""
        servers = asyncio.run(look(self._ports))
        for server in servers:
            tell(summary(server))
        return [server for server in servers if not server.locked]

    def load(self) -> Loaded:
        """Look again, for a reload. Where nobody is found any more, the config in use stays."""
        servers = self.find(lambda line: logger.info("found %s", line))
        if not servers:
            fix = "start one, or name a routing config and restart"
            return Loaded(
                None, [error(_PLACE, "nothing-found", self.nothing(), fix)], b"", NO_FILES
            )
        return _loaded(servers)

    def first(self, servers: Sequence[Server]) -> Loaded:
        """The config to begin with. Raises ConfigRejected."""
        loaded = _loaded(servers)
        table_of(loaded)
        return loaded


def _loaded(servers: Sequence[Server]) -> Loaded:
    document = Document(document_of(servers), Places({"": _PLACE}), [])
    return load_document(document, NO_FILES)
