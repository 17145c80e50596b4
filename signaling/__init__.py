"""Composition root: HTTP, WebSocket, log-in, live consultations, worker supervision, the command line."""
