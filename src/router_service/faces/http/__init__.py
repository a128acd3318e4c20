"""The HTTP face: the OpenAI API as its official clients speak it, on aiohttp. Build it with
`create_http_app`, serve it with `start_http`."""

from router_service.faces.http.app import create_http_app
from router_service.faces.http.request import HttpLimits
from router_service.faces.http.server import HttpServer, start_http

__all__ = ["HttpLimits", "HttpServer", "create_http_app", "start_http"]
