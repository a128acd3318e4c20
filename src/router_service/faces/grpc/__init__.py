"""The gRPC face: wire messages in and out of our frozen types, status codes, health, reflection.
Only this room knows the generated classes; nothing here decides where a request goes."""

from router_service.faces.grpc.server import bind, create_grpc_server

__all__ = ["bind", "create_grpc_server"]
