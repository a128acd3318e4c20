"""The routing config of whatever runs on this machine, compiled as any other.
Each load looks anew, so that a reload finds what has come and forgets what has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from router_service.config.diagnostics import LocatedDiagnostic, Place, error, listing
from router_service.config.document import Document
from router_service.config.places import Places
from router_service.config.routing import compile_document
from router_service.core import Table
from router_service.discover.document import document_of, summary
from router_service.discover.servers import Server, look
from router_service.errors import ConfigRejected

_PLACE = Place("servers found on this machine")

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

    def load(self) -> tuple[Table | None, Sequence[LocatedDiagnostic]]:
        """Look again, for a reload. Where nobody is found any more, the config in use stays."""
        servers = self.find(lambda line: logger.info("found %s", line))
        if not servers:
            fix = "start one, or name a routing config and restart"
            return None, [error(_PLACE, "nothing-found", self.nothing(), fix)]
        return _compiled(servers)

    def table(self, servers: Sequence[Server]) -> Table:
        """The table to begin with. Raises ConfigRejected."""
        table, found = _compiled(servers)
        if table is None:
            raise ConfigRejected(listing(found), found)
        return table


def _compiled(servers: Sequence[Server]) -> tuple[Table | None, list[LocatedDiagnostic]]:
    return compile_document(Document(document_of(servers), Places({"": _PLACE}), []))
