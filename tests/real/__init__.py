"""The router between real servers and real clients. See README.md; `make test-real` runs it."""
