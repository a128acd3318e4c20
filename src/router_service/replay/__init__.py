"""A decision log against a routing config: whether it would decide the same again, and if not, what
moves and what that would have been worth."""
