"""SASL (RFC 4422) as values: what a mechanism says next, without I/O, clock or randomness of its own.

`server` holds the conversations of a server: each yields what to send and what to ask the store of secrets. `scram` is
the arithmetic both sides share. Callers are the servers and, for the client's side, `outgoing`. Open `server.py` first.
"""
