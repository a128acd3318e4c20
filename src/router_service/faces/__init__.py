"""The faces turn wire messages into our frozen types and back. Nothing below them knows a wire."""
