"""Writes our routing config down in another router's words, and says what got lost on the way.

What is exported comes from the compiled table, so that aliases, merged weights and defaults are
those in force; the places of what is lost come from the file.
"""
