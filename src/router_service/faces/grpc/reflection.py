"""Server reflection, so that grpcurl and ghz need no proto files.
The library finds services by name but not their methods, which ghz asks for; this finds both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection


class MethodFindingPool:
    """A descriptor pool that also finds the file of a method, `package.Service.Method`."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802
        """Raises KeyError for a name nobody knows."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service_name, _, method = symbol.rpartition(".")
            service = self._pool.FindServiceByName(service_name)
            if method not in service.methods_by_name:
                raise
            return service.file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def enable(server: grpc.aio.Server, files: Sequence[FileDescriptor]) -> None:
    """Describe every service of the files, and reflection itself."""
    names = [service.full_name for file in files for service in file.services_by_name.values()]
    pool = MethodFindingPool(descriptor_pool.Default())
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server, pool)
