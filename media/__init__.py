"""Relays and journals media: rooms, peers, publications. Opaque ids, no people, no database."""
