"""How this process listens, limits, logs and whom it lets in.

`model` declares it, `load` reads it, `access` holds the API keys.
"""

from router_service.service_config.access import check_binding, load_api_keys
from router_service.service_config.load import load_service_config
from router_service.service_config.model import ServiceConfig

__all__ = [
    "ServiceConfig",
    "check_binding",
    "load_api_keys",
    "load_service_config",
]
