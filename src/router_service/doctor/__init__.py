"""Reaches every provider of a routing config and says what is wrong there and what to do about it.
Asks the way live traffic does, through the connectors, and decides nothing about routing."""
