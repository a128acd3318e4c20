"""One suite over every wire protocol; see scripted.py for the server it talks to."""
