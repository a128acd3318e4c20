"""Where the routing config that ships with the package lies.

Apart from the loader, so that naming the default does not load the core.
"""

from __future__ import annotations

from pathlib import Path

REFERENCE_CONFIG = Path(__file__).with_name("model-mappings.yaml")
"""The reference fleet; used where no config is named."""
