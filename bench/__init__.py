"""Benches at three levels: the core alone, the boundary to Python, the whole service.

`make bench` runs them; every figure of the service stands beside a bare counterpart, measured
in the same run.
"""
