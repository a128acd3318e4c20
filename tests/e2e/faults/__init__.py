"""Every fault a provider can have, in every way a caller can meet it, and what the router promises
then. One list of scenarios (`scenarios`) is both the tests and the table in docs/faults.md."""
