"""Routing of LLM requests over a mixed fleet: decide, carry out, explain."""

__version__ = "0.1.0"
