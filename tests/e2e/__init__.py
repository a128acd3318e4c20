"""Whole-service tests: a router on real ports before a fake fleet, seen from both faces."""
