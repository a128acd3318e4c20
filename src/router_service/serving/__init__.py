"""Carrying a request out: admission, the walk through the plan, streams and deadlines."""
