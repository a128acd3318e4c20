"""Reads config files: YAML 1.2 to values whose every place in a file is known.

`config.routing` makes a table of one; `service_config` reads the other with the same parts.
"""
