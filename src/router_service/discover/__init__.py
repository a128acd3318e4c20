"""Finds the model servers that run on this machine and writes a routing config for them.
Whoever starts the router without a config gets one of what is there; it goes through the loader."""
