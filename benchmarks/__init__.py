"""Measurements of the running product, with real sockets and real processes."""
