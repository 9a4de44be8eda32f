"""SMTP, submission and LMTP as values: bytes in, events out; events in, bytes out. No I/O, no clock.

`smtpd` drives `server.ServerConnection`, `outgoing` drives `client.ClientConnection`. What travels further through the
rooms is in `envelope`; open that first.
"""
