"""Tests of the room that carries requests out."""
